local testing = require "luaws.testing"

describe("examples/json.lua", function()
  local ann

  before_each(function()
    ann = testing.server("examples/json.lua"):connect("/rpc", { dataType = "object" })
  end)

  local function call(method, ...)
    ann:send { id = 7, method = method, params = { ... } }
    local reply = ann:receive()
    assert.equal(7, reply.id)
    return reply.result, reply.error
  end

  it("adds", function()
    assert.equal(5, (call("add", 2, 3)))
    assert.equal("integer", math.type(call("add", 2, 3)))
  end)

  it("echoes", function()
    assert.same({ "a", { b = 1.5 } }, (call("echo", "a", { b = 1.5 })))
  end)

  it("answers what can't be done with an error", function()
    assert.same({ nil, "no such method" }, { call "divide" })
    assert.same({ nil, "params[2] is not a number" }, { call("add", 1, "two") })
    assert.same({ nil, "0 to 60 seconds" }, { call("wait", -1) })
  end)

  it("answers a quick request before a slow one", function()
    ann:send { id = "slow", method = "wait", params = { 0.05 } }
    ann:send { id = "quick", method = "add", params = { 1 } }
    assert.equal("quick", ann:receive().id)
    assert.equal("slow", ann:receive().id)
  end)

  it("says what is wrong with a text that is no JSON", function()
    local ben = testing.server("examples/json.lua"):connect "/rpc"
    ben:send "{"
    assert.matches("error", (ben:receive()))
  end)
end)
