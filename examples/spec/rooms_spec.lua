local testing = require "luaws.testing"

describe("examples/rooms.lua", function()
  local rooms

  before_each(function() rooms = testing.server "examples/rooms.lua" end)

  it("keeps rooms apart", function()
    local ann = rooms:connect "/rooms/kitchen?user=ann"
    local eve = rooms:connect "/rooms/hall?user=eve"
    local ben = rooms:connect("/rooms/kitchen", { headers = { Cookie = "theme=dark; user=ben" } })
    ben:send "soup?"
    assert.sent(ann, "ben: soup?")
    assert.not_sent(eve, "ben: soup?")
  end)

  it("tells who comes and goes", function()
    local ann = rooms:connect "/rooms/kitchen?user=ann"
    local ben = rooms:connect "/rooms/kitchen?user=ben"
    ben:close()
    assert.equal("ann comes in", ann:receive())
    assert.equal("ben comes in", ann:receive())
    assert.equal("ben leaves", ann:receive())
  end)

  it("refuses who says no name", function()
    assert.equal(401, rooms:refused "/rooms/kitchen")
    assert.equal(401, rooms:refused "/rooms/kitchen?user=a%20b")
    assert.equal(404, rooms:refused "/kitchen?user=ann")
  end)
end)
