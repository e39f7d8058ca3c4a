local testing = require "luaws.testing"

describe("examples/topics.lua", function()
  local server, ann, ben

  before_each(function()
    server = testing.server "examples/topics.lua"
    ann, ben = server:connect(), server:connect()
  end)

  local function subscribe(client, pattern)
    client:send("+ " .. pattern)
    assert.matches("^ok ", (client:receive()))
  end

  it("passes a message to those who have subscribed", function()
    subscribe(ann, "weather.*")
    ben:send "weather.berlin It is raining"
    ben:send "sports Nobody hears this"
    assert.sent(ann, "weather.berlin: It is raining")
    assert.not_sent(ann, "sports: Nobody hears this")
    assert.equal(1, server.wss:subscriberCount "weather.rome")
  end)

  it("passes nothing any more when the subscription has ended", function()
    subscribe(ann, "weather.>")
    ann:send "- weather.>"
    subscribe(ann, "x") -- answered, so that what was sent before has been read
    ben:send "weather.berlin It is raining"
    assert.not_sent(ann, "weather.berlin: It is raining")
  end)

  it("survives what is no topic", function()
    ann:send "+ a..b"
    assert.equal("! no topic: a..b", ann:receive())
    ann:send "nonsense"
    assert.matches("^! %+ topic", (ann:receive()))
  end)
end)
