-- The chat's own specs:  luaws test examples/spec

local luaws = require "luaws"
local testing = require "luaws.testing"

describe("examples/chat.lua", function()
  local chat

  before_each(function() chat = testing.server "examples/chat.lua" end)

  -- Somebody in the room: talks JSON, and has read the welcome.
  local function enter(name)
    local person = chat:connect("/chat?name=" .. name, { dataType = "object" })
    assert.equal("welcome", person:receive().type)
    return person
  end

  it("welcomes who comes, and tells the others", function()
    local ann = enter "Ann"
    local ben = chat:connect("/chat?name=Ben", { dataType = "object" })
    local everybody = luaws.array { "Ann", "Ben" }
    assert.sent(ben, { type = "welcome", name = "Ben", people = everybody })
    assert.sent(ann, { type = "join", name = "Ben", people = everybody })
  end)

  it("passes on what is said", function()
    local ann, ben = enter "Ann", enter "Ben"
    ann:send { text = "  Hello " }
    assert.sent(ben, { type = "message", name = "Ann", text = "Hello" })
    assert.sent(ann, { type = "message", name = "Ann", text = "Hello" })
  end)

  it("says who has left", function()
    local ann, ben = enter "Ann", enter "Ben"
    ben:lose()
    assert.sent(ann, { type = "leave", name = "Ben", people = luaws.array { "Ann" } })
  end)

  it("gives the second Ann another name", function()
    enter "Ann"
    local other = chat:connect("/chat?name=Ann", { dataType = "object" })
    assert.equal("Ann 2", other:receive().name)
  end)

  it("refuses who says no name", function()
    assert.equal(400, chat:refused "/chat")
    assert.equal(400, chat:refused "/chat?name=%20")
  end)

  it("takes no notice of nonsense", function()
    local ann = enter "Ann"
    for _, nonsense in ipairs { {}, { text = 1 }, { text = "" }, { text = ("x"):rep(2001) } } do
      ann:send(nonsense)
    end
    ann:send { text = "still here" }
    assert.equal("still here", ann:receive().text)
    assert.no_errors()
  end)

  it("closes connections that send too much", function()
    local ann = enter "Ann"
    ann:send { text = ("x"):rep(20000) }
    assert.closed(ann, 1009)
  end)

  it("serves its page", function()
    local page = chat:get "/"
    assert.equal(200, page.status)
    assert.matches("<title>", page.body, 1, true)
  end)
end)
