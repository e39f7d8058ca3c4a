-- src/mailbox/addresses.c: connections counted by address.

local addresses = require("probe").addresses

describe("the addresses", function()
  it("let each address in up to the limit", function()
    local a = addresses.new()
    local first = a:enter("127.0.0.1", 2)
    assert.is_truthy(first)
    assert.equal(first, a:enter("127.0.0.1", 2))
    assert.is_nil(a:enter("127.0.0.1", 2))
    local other = a:enter("::1", 2)
    assert.is_truthy(other)
    a:leave(first)
    assert.equal(first, a:enter("127.0.0.1", 2))
    for _, entry in ipairs { first, first, other } do a:leave(entry) end
  end)

  it("forget an address with its last connection", function()
    local a, entries = addresses.new(), {}
    for i = 1, 1000 do entries[i] = a:enter("10.0." .. i // 256 .. "." .. i % 256, 1) end
    assert.equal(1000, a:used())
    for i = 1, 1000 do assert.is_nil(a:enter("10.0." .. i // 256 .. "." .. i % 256, 1)) end
    for i = 1, 1000 do a:leave(entries[i]) end
    assert.equal(0, a:used())
  end)

  it("may be asked by several threads at once", function()
    local a = addresses.new()
    local most = a:storm(4, 20000, 2)
    assert.is_true(most == 1 or most == 2, most)
    assert.equal(0, a:used())
  end)
end)
