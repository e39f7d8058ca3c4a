local luaws = require "luaws"
local testing = require "luaws.testing"

-- The clients of the server in the worker find it at the address of that worker's web server.
local function connect()
  local url = luaws.askWorker("WebSocketServer", "in_worker.server.url")
  local ws = assert(luaws.WebSocket.new(url))
  assert(ws:opened())
  return ws
end

describe("examples/in_worker.lua", function()
  local control

  before_each(function() control = testing.server("examples/in_worker.lua"):connect "/control" end)

  local function ask(command)
    control:send(command)
    return (control:receive())
  end

  it("has its server in a worker, and stops and starts it by calls", function()
    assert.equal("it runs already", ask "start")
    local ws = connect()
    assert.equal("Welcome on the chat! It runs in WebSocketServer", (ws:receive()))
    assert.equal("1", ask "count")
    assert.equal("stopped", ask "stop")
    assert.same({ nil, "closed", 1001 }, { ws:receive() })
    repeat until ask "start" == "started"
  end)

  it("kills the worker, which the next call makes anew", function()
    assert.equal("it runs already", ask "start")
    assert.equal("killed", ask "kill")
    assert.equal("started", ask "start")
  end)
end)
