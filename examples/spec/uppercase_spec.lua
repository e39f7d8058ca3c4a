local testing = require "luaws.testing"

describe("examples/uppercase.lua", function()
  it("answers in capitals", function()
    local ann = testing.server("examples/uppercase.lua"):connect()
    ann:send "hello"
    assert.equal("HELLO", ann:receive())
  end)
end)
