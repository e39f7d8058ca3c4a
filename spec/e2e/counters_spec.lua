-- What crosses between the threads, counted: blocks, records and allocations for many messages. luaws logs its
-- counters at debug level when it ends.

local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

local ECHO = [[ serve({ onMessage = function(_, ws, event) ws:send(event.data) end }) ]]

-- Opens so many connections to a script, calls drive(server, clients), and returns luaws's counters of events and
-- commands.
local function countersOf(script, connections, drive)
  local s = server.start(script, { args = { "--log-level", "debug" } })
  local clients = {}
  for i = 1, connections do clients[i] = client.open(s, "/") end
  drive(s, clients)
  for _, c in ipairs(clients) do c:close(1000) end
  s:stop()
  local events = { s.stderr:match("worker 1: mailbox: (%d+) blocks, (%d+) records.-(%d+) allocations") }
  local commands = { s.stderr:match("reactor 0: .-mailbox: (%d+) blocks, (%d+) records") }
  return {
    eventBlocks = tonumber(events[1]), eventRecords = tonumber(events[2]), allocations = tonumber(events[3]),
    commandBlocks = tonumber(commands[1]), commandRecords = tonumber(commands[2]),
  }
end

-- What the second run had more than the first.
local function difference(without, with)
  local more = {}
  for name, value in pairs(with) do more[name] = value - without[name] end
  return more
end

local function assertAtMost(limits, counters)
  for name, limit in pairs(limits) do
    assert.is_true(counters[name] <= limit, ("%d %s"):format(counters[name], name))
  end
end

describe("10,000 pipelined messages of 100 connections", function()
  -- All are sent while luaws is stopped, so that it finds them all at once.
  local function echo(each)
    return countersOf(ECHO, 100, function(s, clients)
      s:signalProcess("sigstop")
      local frames = client.frame({ opcode = client.TEXT, payload = ("x"):rep(64) }):rep(each)
      for _, c in ipairs(clients) do
        c:write(frames)
        c:flush()
      end
      s:signalProcess("sigcont")
      for _, c in ipairs(clients) do
        for _ = 1, each do assert.equal(64, #c:receive()) end
      end
    end)
  end

  it("cross in at most 200 blocks either way, with no allocation for each", function()
    if build.isTiny then pending("a turn reads 3 bytes") end
    local more = difference(echo(0), echo(100))
    assert.is_true(more.eventRecords >= 10000, "each message is a record")
    assertAtMost({ eventBlocks = 200, commandBlocks = 200, allocations = 1000 }, more)
  end)
end)

describe("10,000 deliveries of 20 broadcasts and publishes", function()
  local CONNECTIONS, ROUNDS = 500, 10

  -- The script counts the calls, C functions included, that one broadcast and one publish take.
  local SCRIPT = [[
    serve({
      onOpen = function(_, ws) ws:subscribe "all" end,
      onMessage = function(_, ws, event)
        local calls = 0
        debug.sethook(function() calls = calls + 1 end, "c")
        ws.wss:broadcast(event.data)
        ws.wss:publish("all", event.data)
        debug.sethook()
        say(calls)
      end,
    })
  ]]

  local function fanOut(rounds)
    return countersOf(SCRIPT, CONNECTIONS, function(s, clients)
      for _ = 1, rounds do
        clients[1]:send("news")
        for _, c in ipairs(clients) do
          for _ = 1, 2 do assert.equal("news", c:receive()) end
        end
        assert.is_true(tonumber((s:line())) < 10, "calls for a broadcast and a publish")
      end
    end)
  end

  it("take a record for each of the 20, and neither record, allocation nor call for a delivery", function()
    local more = difference(fanOut(0), fanOut(ROUNDS))
    assertAtMost({ commandRecords = 10 * ROUNDS, eventRecords = 10 * ROUNDS, allocations = 1000 }, more)
  end)
end)
