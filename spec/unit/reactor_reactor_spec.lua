-- src/reactor: a whole reactor whose worker is an echo in C. What is counted is the data path.

local uv = require "luv"
local reactor = require("probe").reactor
local async = require "spec.support.async"
local client = require "spec.support.client"

local CONNECTIONS, EACH = 100, 100

-- An echo that serves whenever something comes. Its counters are in the table returned.
local function startEcho()
  local echo = reactor.echo()
  local counters = {}
  local function serve()
    counters.messages, counters.events, counters.commands, counters.allocations = echo:serve(0)
  end
  local poll = assert(uv.new_poll(echo:fd()))
  serve() -- leaves its mailbox asleep, so that what comes makes fd readable
  poll:start("r", serve)
  async.defer(function()
    poll:stop()
    poll:close()
    echo:close()
  end)
  return echo, counters
end

describe("the data path", function()
  it("crosses in few blocks, without an allocation a message", function()
    local echo, counters = startEcho()
    local frames, echoes = {}, {}
    for i = 1, EACH do
      local text = ("message %3d"):format(i)
      frames[i] = client.frame { opcode = client.TEXT, payload = text }
      echoes[i] = text
    end
    local bytes, clients = table.concat(frames), {}
    for i = 1, CONNECTIONS do clients[i] = client.open(echo:port(), "/") end
    local function round()
      for _, c in ipairs(clients) do c:write(bytes) end
      for _, c in ipairs(clients) do assert.same(echoes, c:receiveMany(EACH)) end
    end
    round() -- pays for what is allocated once
    local before = {}
    for name, value in pairs(counters) do before[name] = value end
    round()
    assert.equal(CONNECTIONS * EACH, counters.messages - before.messages)
    assert.is_true(counters.events - before.events <= 200, "blocks of events")
    assert.is_true(counters.commands - before.commands <= 200, "blocks of commands")
    assert.is_true(counters.allocations - before.allocations <= 200, "allocations")
  end)
end)
