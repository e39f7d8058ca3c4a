-- Tests of the chat; `luaws test` runs them.

local testing = require "luaws.testing"
local Chat = require "chat"

-- Each gets a server of its own, on a free port, and real clients.
describe("the chat", function()
  local chat

  before_each(function() chat = testing.server "server.lua" end)

  it("passes on to everybody what somebody says", function()
    local ann, ben = chat:connect "/chat?name=Ann", chat:connect "/chat?name=Ben"
    ann:send '{"text": "Hello"}'
    for _, client in ipairs { ann, ben } do
      assert.sent(client, { from = "Ann", text = "Hello" })
    end
  end)

  it("tells who comes and goes", function()
    local ann, ben = chat:connect "/chat?name=Ann", chat:connect "/chat?name=Ben"
    assert.sent(ann, { from = "Ben", text = "is here" })
    ben:close()
    assert.sent(ann, { from = "Ben", text = "has left" })
  end)

  it("lets nobody in who has no name", function()
    assert.equal(400, (chat:refused "/chat"))
    assert.equal(400, (chat:refused "/chat?name="))
  end)
end)

-- One handler alone needs no server: no network, no thread, and a clock that the test moves on.
describe("a connection of the chat", function()
  it("takes no notice of what is no message", function()
    local ann = testing.connection(Chat.new "Ann", { dataType = "object" })
    ann:deliver { text = 1 }
    ann:deliver "[]"
    ann:deliver { text = "still here" }
    assert.sent(ann, { from = "Ann", text = "still here" })
    assert.equal(1, #ann.sent)
  end)
end)
