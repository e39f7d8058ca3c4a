-- src/base/err: what people read.

local base = require("probe").base

describe("err", function()
  it("holds code, component and text", function()
    assert.same({ 1009, "LUAW", "message too big" }, { base.err("LUAW", 1009, "message too big") })
    assert.same({ -1, "UV__", "" }, { base.err("UV__", -1, "") })
  end)

  it("cuts a text that is too long", function()
    local _, _, text = base.err("LUAW", 1, ("x"):rep(1000))
    assert.equal(("x"):rep(255), text)
    local _, component = base.err("TOOLONG", 1, "x")
    assert.equal("TOOL", component)
  end)

  it("words an error of the operating system", function()
    local code, component, text = base.errno(2, "can't open 'x'")
    assert.equal(-2, code)
    assert.equal("UV__", component)
    assert.equal("can't open 'x': No such file or directory", text)
  end)

  it("cuts that one too", function()
    local code, _, text = base.errno(2, ("x"):rep(1000))
    assert.equal(-2, code)
    assert.equal(255, #text)
    _, _, text = base.errno(2, ("x"):rep(250))
    assert.equal(("x"):rep(250) .. ": No ", text)
  end)

  it("has words for a number that nobody knows", function()
    local _, _, text = base.errno(4000, "x")
    assert.equal("x: Unknown error 4000", text)
  end)
end)
