-- A thousand tests of a handler without a network (../tests.lua).

local testing = require "luaws.testing"

local Echo = {}

function Echo:onMessage(ws, event)
  ws:send(event.data, event.isBinary)
end

describe("an echo", function()
  for i = 1, 1000 do
    it("sends back what it gets, " .. i, function()
      local ws, clock = testing.connection(Echo)
      ws:deliver "text"
      ws:deliver("bytes", true)
      clock:advance(1)
      assert.same({ "text", "bytes" }, ws.sent)
      ws:close(1000)
      assert.closed(ws, 1000)
    end)
  end
end)
