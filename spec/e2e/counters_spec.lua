-- What crosses between the threads, counted: blocks and allocations for many messages. luaws logs its counters
-- at debug level when it ends.

local client = require "spec.support.client"
local server = require "spec.support.server"

local CONNECTIONS, EACH = 100, 100

local ECHO = [[ serve({ onMessage = function(_, ws, event) ws:send(event.data) end }) ]]

-- Opens the connections, sends `each` messages on all of them while luaws is stopped, so that it finds them all
-- at once, takes the echoes, and returns luaws's counters of events and commands.
local function countersAfter(each)
  local s = server.start(ECHO, { args = { "--log-level", "debug" } })
  local clients = {}
  for i = 1, CONNECTIONS do clients[i] = client.open(s, "/") end
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
  for _, c in ipairs(clients) do c:close(1000) end
  s:stop()
  local events = { s.stderr:match("worker 1: mailbox: (%d+) blocks, (%d+) records.-(%d+) allocations") }
  local commands = { s.stderr:match("reactor 0: .-mailbox: (%d+) blocks, (%d+) records") }
  return {
    eventBlocks = tonumber(events[1]), eventRecords = tonumber(events[2]), allocations = tonumber(events[3]),
    commandBlocks = tonumber(commands[1]),
  }
end

describe("10,000 pipelined messages of 100 connections", function()
  it("cross in at most 200 blocks either way, with no allocation for each", function()
    local without, with = countersAfter(0), countersAfter(EACH)
    assert.is_true(with.eventRecords - without.eventRecords >= CONNECTIONS * EACH, "each message is a record")
    for _, name in ipairs({ "eventBlocks", "commandBlocks" }) do
      local blocks = with[name] - without[name]
      assert.is_true(blocks <= 200, blocks .. " " .. name)
    end
    local allocations = with.allocations - without.allocations
    assert.is_true(allocations < CONNECTIONS * EACH / 10, allocations .. " allocations")
  end)
end)
