-- An I/O thread that is held in the middle of a turn, in a system call that doesn't return: the script waits for it
-- or goes on without it, and when it comes back, so does everything.

local async = require "spec.support.async"
local client = require "spec.support.client"
local server = require "spec.support.server"

local PONG_TIMEOUT = 1 + async.seconds(0.5)
local GLANCE = 0.1 -- to see that something does not happen

-- Answers, and does what a message names a moment later: while the thread that answers is held.
local SCRIPT = ([[
  local LARGE = ("x"):rep(1 << 20)
  local wss
  local actions = {
    new = function() serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/new" }) end,
    count = function() assert(wss:subscriberCount("news") == 0) end,
    stop = function() luaws.webServer:stop() end,
    terminate = function() wss:terminate() end,
    exit = function() luaws.exit(0) end,
    flood = function(ws) for _ = 1, 70 do assert(ws:send(LARGE)) end end,
    few = function(ws) for _ = 1, 3 do assert(ws:send(LARGE)) end end,
  }
  local handler = {
    onMessage = function(_, ws, event)
      local action = actions[event.data]
      if action then
        luaws.after(0.02, function()
          say("begins", event.data)
          action(ws)
          say("done", event.data)
        end)
      end
      ws:send(event.data)
    end,
    onTerminate = function(_, ws, event) say("end", event.code) end,
  }
  wss = serve(handler, { path = "/ws" })
  serve(handler, { path = "/patient", maxBackpressure = 1 << 30 })
  serve(handler, { path = "/pinged", pingInterval = 0.05, pongTimeout = %g })
]]):format(PONG_TIMEOUT)

local hold -- the file that holds

local function start(ioThreads)
  hold = server.folder() .. "/hold"
  async.defer(os.remove, hold)
  return server.start(SCRIPT, { faults = "send:hold?" .. hold, ioThreads = ioThreads, workers = 1 })
end

local function holdOn()
  assert(io.open(hold, "w")):close()
end

local function letGo()
  assert(os.remove(hold))
end

-- A client whose action has begun on a server that is held.
local function begin(s, action, path)
  local c = client.open(s, path or "/ws")
  c:send("hello")
  assert.equal("hello", c:receive())
  holdOn()
  c:send(action)
  s:awaitLog("is held")
  s:expectLines("begins " .. action)
  return c
end

local function assertEchoes(c)
  c:send("and on")
  assert.equal("and on", c:receive())
end

local function isStopped(s)
  local stat = assert(io.open(("/proc/%d/stat"):format(s.pid)))
  local state = stat:read("a"):match("%) (%u)")
  stat:close()
  return state == "T"
end

for name, ioThreads in pairs({ ["the only I/O thread"] = 1, ["one of two I/O threads"] = 2 }) do
  describe(name .. " is held", function()
    it("and the script waits for what it starts", function()
      local s = start(ioThreads)
      local c = begin(s, "new")
      async.sleep(GLANCE)
      assert.equal(0, s.lines.count, "it has not waited")
      letGo()
      s:expectLines("done new")
      assert.equal("new", c:receive())
      assertEchoes(client.open(s, "/new"))
      assertEchoes(c)
    end)

    it("and the script waits for what it asks", function()
      local s = start(ioThreads)
      local c = begin(s, "count")
      async.sleep(GLANCE)
      assert.equal(0, s.lines.count, "it has not waited")
      letGo()
      s:expectLines("done count")
      assert.equal("count", c:receive())
      assertEchoes(c)
    end)

    it("and the script, far ahead of it, waits", function()
      local s = start(ioThreads)
      local c = begin(s, "flood", "/patient")
      async.sleep(GLANCE)
      assert.equal(0, s.lines.count, "it has not waited")
      letGo()
      s:expectLines("done flood")
      assert.equal("flood", c:receive())
      for _ = 1, 70 do assert.equal(1 << 20, #c:receive()) end
      assertEchoes(c)
    end)

    for _, action in ipairs({ "stop", "terminate" }) do
      it(("and what the script closes is closed: %s"):format(action), function()
        local s = start(ioThreads)
        local c = begin(s, action)
        async.sleep(GLANCE)
        letGo()
        s:expectLines("done " .. action)
        assert.equal(action, c:receive())
        c:expectClose(1001)
        s:expectLines("end 1001")
        if action == "stop" then assert.equal(0, (s:awaitExit())) end -- nothing is left to wait for
      end)
    end

    it("and luaws.exit ends all when it comes back", function()
      local s = start(ioThreads)
      local c = begin(s, "exit")
      async.sleep(GLANCE)
      assert.is_nil(s.code)
      letGo()
      assert.equal("exit", c:receive())
      c:expectClose(1001)
      assert.equal(0, (s:awaitExit()))
      assert.truthy(s.stdout:find("end 1001\n", 1, true))
    end)

    it("and a signal ends all when it comes back", function()
      local s = start(ioThreads)
      local c = begin(s, "count")
      s:signalProcess("sigterm")
      async.sleep(GLANCE)
      assert.is_nil(s.code)
      letGo()
      assert.equal("count", c:receive())
      c:expectClose(1001)
      assert.equal(0, (s:awaitExit()))
      assert.truthy(s.stdout:find("end 1001\n", 1, true))
    end)

    it("and never comes back: a second signal ends all", function()
      local s = start(ioThreads)
      begin(s, "count")
      s:signalProcess("sigterm")
      async.sleep(GLANCE)
      s:signalProcess("sigterm")
      assert.equal(128 + 15, (s:awaitExit()))
    end)
  end)
end

describe("the only I/O thread is held", function()
  it("and a client isn't slow for that, however long it takes", function()
    local s = start(1)
    local c = begin(s, "few")
    s:awaitLog("the script waits for an I/O thread that is held up")
    letGo()
    s:expectLines("done few")
    assert.equal("few", c:receive())
    for _ = 1, 3 do assert.equal(1 << 20, #c:receive()) end
    assertEchoes(c)
  end)
end)

describe("one of two I/O threads is held", function()
  it("and clients are not dropped for pongs that it hasn't read", function()
    local s = start(2)
    local clients = {}
    local tasks, pinged = {}, async.queue()
    for i = 1, 10 do
      clients[i] = client.open(s, "/pinged")
      tasks[i] = async.spawn(function()
        assert.equal(client.PING, clients[i]:receiveFrame().opcode)
        clients[i]:sendFrame({ opcode = client.PONG })
        pinged:push()
        assert.equal("still here", clients[i]:receive())
      end)
    end
    for _ = 1, 10 do pinged:pop() end
    local c = begin(s, "count")
    async.sleep(PONG_TIMEOUT + GLANCE)
    letGo()
    assert.equal("count", c:receive())
    async.sleep(GLANCE)
    for i = 1, 10 do clients[i]:send("still here") end
    for i = 1, 10 do tasks[i]:join() end
  end)

  it("and the clients of the other go on", function()
    local s = start(2)
    local clients = {}
    for i = 1, 16 do clients[i] = client.open(s, "/ws") end
    holdOn()
    clients[1]:send("hello")
    s:awaitLog("is held")
    for i = 2, 16 do clients[i]:send("hello") end
    local served = 0
    async.eventually(function()
      served = 0
      for i = 1, 16 do served = served + (clients[i].size > 0 and 1 or 0) end
      return served > 0
    end, nil, "a client of the other thread to be answered")
    assert.is_true(served < 16)
    letGo()
    for i = 1, 16 do assert.equal("hello", clients[i]:receive()) end
  end)
end)

describe("the whole process is stopped", function()
  it("and goes on, with its clients, their messages and its clocks", function()
    local s = start(1)
    local clients = {}
    local tasks = {} -- which answer pings
    for i = 1, 10 do
      clients[i] = client.open(s, "/pinged")
      tasks[i] = async.spawn(function() assert.equal("hello", clients[i]:receive()) end)
    end
    local talking = client.open(s, "/ws")
    assertEchoes(talking)
    local late = client.open(s, "/pinged")
    async.eventually(function() return late.size > 0 end, nil, "a ping")
    s:signalProcess("sigstop")
    async.eventually(function() return isStopped(s) end, nil, "the process to be stopped")
    tasks[11] = async.spawn(function() assert.equal("hello", late:receive()) end) -- and the pong lies in the socket
    clients[11] = late
    talking:send("while it is stopped")
    async.sleep(PONG_TIMEOUT + GLANCE)
    assert.equal(0, talking.size)
    s:signalProcess("sigcont")
    assert.equal("while it is stopped", talking:receive())
    async.sleep(GLANCE)
    for i = 1, 11 do clients[i]:send("hello") end
    for i = 1, 11 do tasks[i]:join() end
    assertEchoes(talking)
  end)
end)

