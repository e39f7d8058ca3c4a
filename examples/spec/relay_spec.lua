local testing = require "luaws.testing"

describe("examples/relay.lua", function()
  -- The server behind: says hello, and echoes; "bye" ends the connection.
  local Echo = {}

  function Echo:onOpen(ws) ws:send("hello " .. ws.path) end

  function Echo:onMessage(ws, event)
    if event.data == "bye" then return ws:terminate(4001, "as you like") end
    ws:send(event.data, event.isBinary)
  end

  local function relayTo(url)
    return testing.server("examples/relay.lua", { args = { url } })
  end

  it("passes on what either side says", function()
    local ann = relayTo(testing.server(Echo).url):connect "/any/path"
    assert.equal("hello /any/path", ann:receive())
    ann:send "hi"
    assert.equal("hi", ann:receive())
    ann:send("\0\255", true)
    assert.same({ "\0\255", true }, { ann:receive() })
  end)

  it("closes as the server behind does", function()
    local ann = relayTo(testing.server(Echo).url):connect()
    ann:send "bye"
    assert.closed(ann, 4001, "as you like")
  end)

  it("refuses with 502 when the server behind is gone", function()
    local behind = testing.server(Echo)
    behind:stop()
    assert.equal(502, relayTo(behind.url):refused())
  end)

  it("wants to know the server behind", function()
    assert.has_error(function() testing.server "examples/relay.lua" end)
  end)
end)
