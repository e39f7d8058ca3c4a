-- src/cli/row: in which row libedit has put the cursor.

local row = require "probe".row

describe("the cursor's row", function()
  it("is the first one while the text fits", function()
    assert.equal(0, row.ofCursor("", 2, 10))
    assert.equal(0, row.ofCursor("1234567", 2, 10))
  end)

  it("is the next one as soon as a row is full", function()
    assert.equal(1, row.ofCursor("12345678", 2, 10))
    assert.equal(1, row.ofCursor("12345678" .. "123456789", 2, 10))
    assert.equal(2, row.ofCursor("12345678" .. "1234567890", 2, 10))
    assert.equal(1, row.ofCursor("", 10, 10))
  end)

  it("counts characters, not bytes", function()
    assert.equal(0, row.ofCursor(("ä"):rep(7), 2, 10))
    assert.equal(1, row.ofCursor(("ä"):rep(8), 2, 10))
  end)

  it("counts wide characters twice and doesn't cut them", function()
    assert.equal(0, row.ofCursor(("漢"):rep(3), 2, 10))
    assert.equal(1, row.ofCursor(("漢"):rep(4), 2, 10))
    assert.equal(1, row.ofCursor("1" .. ("漢"):rep(4), 2, 10))
    assert.equal(1, row.ofCursor("1" .. ("漢"):rep(7), 2, 10))
    assert.equal(2, row.ofCursor("1" .. ("漢"):rep(8), 2, 10))
  end)

  it("counts no room for what is put onto another character", function()
    assert.equal(0, row.ofCursor("e" .. ("\u{301}"):rep(20), 2, 10))
  end)

  it("knows how control characters are shown", function()
    assert.equal(0, row.ofCursor("123\1\127", 2, 10))
    assert.equal(1, row.ofCursor("1234\1\127", 2, 10))
    assert.equal(0, row.ofCursor("12345\t1", 2, 10))
    assert.equal(1, row.ofCursor("123456\t", 2, 10))
    assert.equal(1, row.ofCursor("\n", 2, 10))
    assert.equal(2, row.ofCursor("\n1234567890", 2, 10))
  end)
end)
