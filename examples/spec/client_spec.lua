local testing = require "luaws.testing"

describe("examples/client.lua", function()
  -- A server that looks at the token, answers one line and closes.
  local Server = {}

  function Server:onConnection(_, event)
    if event.request.headers["x-token"] == "secret" then return self end
  end

  function Server:onMessage(ws, event)
    ws:send("you said " .. event.data)
    ws:terminate(4000, "enough")
  end

  -- Runs the script, and waits for the last line that it prints.
  local function run(...)
    local client = testing.server("examples/client.lua", { args = { ... } })
    assert.truthy(client:awaitOutput "^closed")
    return client.output
  end

  it("introduces itself, sends lines, and prints what comes back", function()
    local server = testing.server(Server)
    assert.same({
      "connected to " .. server.url .. "/",
      "received: you said hello",
      "closed: 4000 enough",
    }, run(server.url .. "/", "secret", "hello"))
  end)

  it("tells why it is refused", function()
    local output = run(testing.server(Server).url .. "/", "wrong")
    assert.matches("^error: .* answered 403", output[1])
    assert.equal("closed: 1006 ", output[2])
  end)

  it("says how it is used", function()
    local client = testing.server "examples/client.lua"
    assert.equal(2, client.exitCode)
  end)
end)
