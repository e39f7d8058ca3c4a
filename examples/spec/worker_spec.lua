local testing = require "luaws.testing"

describe("examples/worker.lua", function()
  local server

  before_each(function() server = testing.server "examples/worker.lua" end)

  it("hashes", function()
    local ann = server:connect()
    ann:send "hash 1 a"
    assert.equal("af63dc4c8601ec8c", ann:receive())
    ann:send "hash 100000001 a"
    assert.equal("at most 100000000 rounds", ann:receive())
  end)

  it("answers others meanwhile", function()
    local ann, ben = server:connect(), server:connect()
    ann:send "hash 3000000 secret"
    ben:send "hello"
    assert.equal("hello", ben:receive())
    assert.matches("^%x+$", (ann:receive(10)))
  end)
end)
