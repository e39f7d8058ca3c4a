-- The reactor's thread runs handlers itself while the worker is idle: without wake-ups for messages, and without
-- being lost to a handler that computes.

local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local client = require "spec.support.client"
local server = require "spec.support.server"

local COUNT = 500

local function wakeUps(s)
  s:stop()
  return tonumber(s.stderr:match("worker 1: mailbox: %d+ blocks, %d+ records, (%d+) wake%-ups"))
end

-- Handlers that compute for so many milliseconds, by messages that name them, or until they are released. Without luv.
local COMPUTE = [[
  serve({ onMessage = function(_, ws, event)
    if event.data == "spin" then
      spin()
      return ws:send "released"
    end
    local stop = os.clock() + tonumber(event.data) / 1000
    while os.clock() < stop do end
    ws:send(event.data)
  end, onTerminate = function(_, _, event) say("terminate", event.code) end }, { path = "/ws" })
]]

describe("standing in", function()
  it("spares the wake-up for nearly every message of a lively conversation", function()
    attempts.below(COUNT / 2, "wake-ups", function()
      local s = server.start([[
        serve({ onMessage = function(_, ws, event) ws:send(event.data) end })
      ]], { args = { "--log-level", "debug" }, ioThreads = 1 })
      local c = client.open(s, "/")
      for i = 1, COUNT do
        c:send(tostring(i))
        assert.equal(tostring(i), c:receive())
      end
      c:close(1000)
      return wakeUps(s)
    end)
  end)

  it("doesn't cost the reactor to a handler that computes: the other thread goes on with it", function()
    local s = server.start(COMPUTE, { ioThreads = 1 })
    local stuck, other, idle = client.open(s, "/ws"), client.open(s, "/ws"), client.connect(s)
    for round = 1, 3 do
      for _ = 1, 10 do -- so that there is a stand-in
        stuck:send("0")
        assert.equal("0", stuck:receive())
      end
      stuck:send("spin")
      s:expectLines("spins")
      other:ping("p" .. round)
      idle:sendRequest({ path = "/none" })
      assert.equal(404, idle:response().status)
      assert.equal(0, stuck.size, "still computing")
      s:release()
      assert.equal("released", stuck:receive())
    end
  end)

  it("works off large messages block by block, whoever vanishes meanwhile", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send(event.data) end,
        onTerminate = function() say "terminate" end }, { path = "/ws" })
    ]], { ioThreads = 1 })
    for round = 1, 5 do
      local stay, go = {}, {}
      for i = 1, 12 do
        stay[i], go[i] = client.open(s, "/ws"), client.open(s, "/ws")
      end
      local text = ("%d "):format(round):rep(40000)
      for i = 1, 12 do
        go[i]:sendBinary(text)
        stay[i]:send(text .. i)
        stay[i]:send("and " .. i)
      end
      for i = 1, 12 do go[i]:reset() end
      for i = 1, 12 do
        assert.equal(text .. i, stay[i]:receive())
        assert.equal("and " .. i, stay[i]:receive())
        stay[i]:close(1000)
      end
    end
    for _ = 1, 5 * 24 do s:expectLines("terminate") end
  end)

  it("keeps order and loses nothing when the threads change places again and again", function()
    local s = server.start(COMPUTE, { ioThreads = 1 })
    local clients = {}
    for i = 1, 4 do clients[i] = client.open(s, "/ws") end
    local tasks = {}
    for index, c in ipairs(clients) do
      tasks[index] = async.spawn(function()
        for i = 1, 30 do
          local span = i % 6 == 0 and 12 + index or i % 5 == 0 and 3 or 0
          c:send(tostring(span))
          assert.equal(tostring(span), c:receive())
        end
        c:close(1000)
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    for _ = 1, 4 do s:expectLines("terminate 1000") end
  end)

  it("lets a handler start a server, and wait for a slow client, on the reactor's own thread", function()
    local s = server.start([[
      local count = 0
      serve({ onMessage = function(_, ws, event)
        if event.data ~= "serve" then return ws:send(event.data) end
        count = count + 1
        local wss = serve({ onMessage = function() end }, { path = "/new" .. count })
        ws:send(wss.path)
      end }, { path = "/ws" })
    ]])
    local c = client.open(s, "/ws")
    for i = 1, 5 do
      for _ = 1, 10 do
        c:send("x")
        assert.equal("x", c:receive())
      end
      c:send("serve")
      assert.equal("/new" .. i, c:receive())
      client.open(s, "/new" .. i):close(1000)
    end
  end)
end)
