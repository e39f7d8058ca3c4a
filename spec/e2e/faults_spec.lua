-- System calls that fail, one after the other and everywhere: luaws-faults is luaws, but its calls can be made to
-- (spec/faults/faults.c).
--
-- LUAWS_FAULTS_ALL=1 lets each call of a conversation fail in turn, by default a sample of them does.

local uv = require "luv"
local async = require "spec.support.async"
local client = require "spec.support.client"
local server = require "spec.support.server"

local ALL = os.getenv("LUAWS_FAULTS_ALL")
local IS_SLOW = async.seconds(1) > 1 -- a sanitizer's build
local SAMPLES = ALL and math.huge or IS_SLOW and 1 or 2 -- of the calls of a kind, for each fault

local TEXT, CONTINUATION = client.TEXT, client.CONTINUATION

local SCRIPT = [[
  assert(luaws.webServer:start { root = arg[1], keepAliveTimeout = 60 })
  serve({
    onOpen = function(_, ws) say("open", ws.id) end,
    onMessage = function(_, ws, event)
      if event.data == "all" then return ws.wss:broadcast("for all") end
      if event.data == "twice" then
        ws:subscribe("of." .. ws.id)
        for i = 1, 2 do ws.wss:publish("of." .. ws.id, ("published "):rep(2000) .. i) end
        return
      end
      ws:send(event.data, event.isBinary)
    end,
    onTerminate = function(_, ws, event) say("end", ws.id, event.code) end,
  }, { path = "/ws" })
]]

local PAGE = ("a page of many lines\n"):rep(5000)
local LARGE = ("0123456789abcdef"):rep(4096) -- 64 KiB

local function start(faults, options)
  options = options or {}
  local root = server.folder({ ["page.html"] = PAGE })
  return server.start(SCRIPT, {
    faults = faults, scriptArgs = { root }, args = { "--log-level", "debug" }, descriptors = options.descriptors,
    ioThreads = options.ioThreads,
  })
end

local function talk(s)
  local c = client.open(s, "/ws")
  c:send("hello")
  assert.equal("hello", c:receive())
  c:write(client.frame({ opcode = TEXT, fin = false, payload = "in " })
    .. client.frame({ opcode = CONTINUATION, fin = false, payload = "three " })
    .. client.frame({ opcode = client.PING, payload = "between" })
    .. client.frame({ opcode = CONTINUATION, payload = "parts" }))
  assert.same({ fin = true, opcode = client.PONG, payload = "between" }, c:receiveFrame())
  assert.equal("in three parts", c:receive())
  for i = 1, 3 do c:sendBinary(LARGE .. i) end
  for i = 1, 3 do assert.equal(LARGE .. i, c:receive()) end
  c:send("twice")
  for i = 1, 2 do assert.equal(("published "):rep(2000) .. i, c:receive()) end
  c:close(1000)
end

local function browse(s)
  local c = client.connect(s)
  c:sendRequest({ path = "/page.html" })
  local answer = c:response()
  assert.equal(200, answer.status)
  assert.equal(PAGE, answer.body)
  c:write(c:requestText({ path = "/none" }) .. c:requestText({ path = "/page.html" }) .. c:requestText({ path = "/" }))
  assert.equal(404, c:response().status)
  assert.equal(PAGE, c:response().body)
  assert.equal(404, c:response().status)
  c:drop()
end

local function broadcast(s)
  local clients = {}
  for i = 1, 3 do clients[i] = client.open(s, "/ws") end
  clients[1]:send("all")
  for _, c in ipairs(clients) do assert.equal("for all", c:receive()) end
  for _, c in ipairs(clients) do c:close(1000) end
end

-- Each connection that has been opened has ended, and none twice.
local function assertPaired(s)
  local opened, ended = {}, {}
  for verb, id in s.stdout:gmatch("(%l+) (%d+)") do
    local set = verb == "open" and opened or ended
    assert.is_nil(set[id], verb .. " came twice for " .. id)
    assert.is_true(verb == "open" or opened[id], id .. " ended and was never opened")
    set[id] = true
  end
  for id in pairs(opened) do assert.is_true(ended[id], id .. " never ended") end
end

local function stopQuickly(s)
  local began = uv.hrtime()
  s:stop()
  assert.is_true((uv.hrtime() - began) / 1e9 < async.seconds(5), "it took long to stop")
  assertPaired(s)
end

describe("a conversation is whole", function()
  local RULES = {
    "recv:short=1", "recv:short=2", "recv:short=7", "send:short=1,sendmsg:short=1", "send:short=3,sendmsg:short=5",
    "send:short=1000,sendmsg:short=1000", "recv:EAGAIN/2", "recv:EAGAIN/3", "send:EAGAIN/2,sendmsg:EAGAIN/2",
    "send:EAGAIN/3", "recv:EINTR/2", "send:EINTR/2,sendmsg:EINTR/2", "epoll_wait:EINTR/2", "accept4:ECONNABORTED/2",
    "accept4:EINTR/2", "accept4:EAGAIN/2", "read:EINTR/2,write:EINTR/2", "pread:short=1000",
    "recv:short=2,recv:EAGAIN/2,send:short=3,send:EAGAIN/2,sendmsg:short=3,sendmsg:EAGAIN/2,accept4:EINTR/2",
  }
  for _, rules in ipairs(RULES) do
    it("with " .. rules, function()
      local s = start(rules)
      talk(s)
      browse(s)
      broadcast(s)
      stopQuickly(s)
    end)
  end

  it("with options that can't be set", function()
    local s = start("setsockopt:ENOBUFS", { ioThreads = 1 }) -- a port is shared by means of one
    talk(s)
    stopQuickly(s)
  end)

  it("on two I/O threads, with nearly everything", function()
    local s = start(RULES[#RULES], { ioThreads = 2 })
    local tasks = {}
    for i = 1, 4 do tasks[i] = async.spawn(i % 2 == 0 and talk or browse, s) end
    for _, task in ipairs(tasks) do task:join(90) end
    stopQuickly(s)
  end)
end)

-- Torture -------------------------------------------------------------------------------------------

-- The conversation that is tortured: each client for itself, one after the other, whatever becomes of the others.
-- Returns how many have failed.
local function talkAll(s)
  local failed = 0
  for _, conversation in ipairs({ talk, browse, talk }) do
    local ok, err = pcall(conversation, s)
    if not ok then
      failed = failed + 1
      assert.is_nil(tostring(err):find("timed out", 1, true), tostring(err))
    end
  end
  return failed
end

local counts

local function countCalls()
  local s = start("count")
  assert.equal(0, talkAll(s))
  s:stop()
  counts = {}
  for name, n in s.stderr:gmatch("faults: ([%w_]+) was called (%d+) times") do counts[name] = tonumber(n) end
end

-- The numbers of the calls that fail: all of them, or some that are spread over them.
local function numbers(count)
  local list = {}
  local step = math.max(1, count / SAMPLES)
  for at = 1, count, step do list[#list + 1] = math.floor(at) end
  return list
end

-- call, error, a pattern of its line in the log; none: nobody must notice
local TORTURE = {
  { "recv", "ECONNRESET", "Connection reset by peer" },
  { "recv", "ETIMEDOUT", "Connection timed out" },
  { "recv", "ENOMEM", "a connection is lost: Cannot allocate memory" },
  { "recv", "EINTR" },
  { "recv", "EAGAIN" },
  { "recv", "short=1" },
  { "send", "EPIPE", "Broken pipe" },
  { "send", "ECONNRESET", "Connection reset by peer" },
  { "send", "ENOBUFS", "a connection is lost: No buffer space available" },
  { "send", "EAGAIN" },
  { "send", "short=1" },
  { "sendmsg", "EPIPE", "Broken pipe" },
  { "sendmsg", "ENOBUFS", "a connection is lost: No buffer space available" },
  { "sendmsg", "short=1" },
  { "accept4", "EMFILE" },
  { "accept4", "ENFILE" },
  { "accept4", "ENOMEM" },
  { "accept4", "ECONNABORTED" },
  { "accept4", "EINTR" },
  { "epoll_ctl", "ENOMEM", "can't watch a new connection, it is closed: Cannot allocate memory" },
  { "epoll_ctl", "ENOSPC", "can't watch a new connection, it is closed: No space left on device" },
  { "epoll_wait", "EINTR" },
  { "read", "EINTR" },
  { "write", "EINTR" },
  { "openat", "EMFILE", "can't open the file /[%l.]*: Too many open files" },
  { "openat", "EIO", "can't open the file /[%l.]*: Input/output error" },
  { "dup", "ENFILE", "can't open the file /[%l.]*: Too many open files in system" },
  { "fstat", "EIO", "can't open the file /[%l.]*: Input/output error" },
  { "pread", "EIO", "can't read the file that is being sent: Input/output error" },
}

describe("a call that fails", function()
  setup(countCalls)

  for _, row in ipairs(TORTURE) do
    local call, fault, text = table.unpack(row)
    local what = text and "concerns one client, and is told" or "is noticed by nobody"
    it(("(%s: %s) %s"):format(call, fault, what), function()
      local isTls = os.getenv "LUAWS_SPEC_TLS" == "1"
      if isTls and call == "sendmsg" then pending "TLS sends its records in one piece" end
      assert.is_true((counts[call] or 0) > 0, "the conversation has no call of " .. call)
      local hits = 0
      for _, n in ipairs(numbers(counts[call])) do
        local s = start(("%s:%s@%d"):format(call, fault, n))
        local failed = talkAll(s)
        stopQuickly(s)
        local hit = s.stderr:find(("faults: %s %d\n"):format(call, n), 1, true)
        if hit then hits = hits + 1 end
        if text and hit then
          assert.is_true(failed <= 1, ("%d clients failed by call %d"):format(failed, n))
          assert.truthy(s.stderr:find(text), s.stderr)
        else
          assert.equal(0, failed, "by call " .. n)
        end
      end
      assert.is_true(hits > 0, "no call has failed")
    end)
  end
end)

-- Start ---------------------------------------------------------------------------------------------

local STARTING = [[
  local luaws = require "luaws"
  assert(luaws.webServer:start { root = "." })
  luaws.WebSocketServer.new({ onConnection = function() end })
  luaws.after(0, function() luaws.exit(0) end)
]]
-- A loop of luv's, too. Not with two workers: ThreadSanitizer doesn't see libuv close descriptors, so that who gets
-- the number next seems to race.
local STARTING_LUV = 'require "luv"' .. STARTING

-- It ended for a reason that it has told, and not by a signal.
local function assertExplained(run, what)
  assert.equal(0, run.signal, what .. "\n" .. run.stderr)
  assert.is_true(run.code == 1, ("%s: code %d\n%s"):format(what, run.code, run.stderr))
  assert.truthy(run.stderr:match("luaws: [^\n]+\n"), what .. "\n" .. run.stderr)
end

local function failEach(call, fault, options)
  local script = options.workers == 1 and STARTING_LUV or STARTING
  options.faults = "count"
  local run = server.run(script, options)
  assert.equal(0, run.code, run.stderr)
  local count = tonumber(run.stderr:match(("faults: %s was called (%%d+)"):format(call)))
  for n = 1, count, IS_SLOW and math.max(1, count - 1) or 1 do
    options.faults = ("%s:%s@%d"):format(call, fault, n)
    run = server.run(script, options)
    -- Of two workers one may have ended the program before the other has come to it.
    local isOver = options.workers == 2 and run.code == 0 and run.signal == 0
    if not isOver then assertExplained(run, options.faults) end
  end
end

describe("a start that fails says why", function()
  local CALLS = {
    open = "EMFILE", socket = "ENOBUFS", bind = "EADDRINUSE", listen = "EADDRINUSE", getsockname = "ENOBUFS",
    eventfd = "EMFILE", epoll_create1 = "EMFILE", uv_loop_init = "EMFILE", uv_poll_init = "ENOMEM",
    uv_async_init = "EMFILE", uv_signal_init = "EMFILE", uv_thread_create = "EAGAIN",
  }
  for name, options in pairs({
    ["with a thread each"] = { ioThreads = 1, workers = 1 },
    ["with two I/O threads and two workers"] = { ioThreads = 2, workers = 2 },
  }) do
    for call, fault in pairs(CALLS) do
      it(("(%s: %s) %s"):format(call, fault, name), function() failEach(call, fault, options) end)
    end
  end

  it("with any number of descriptors that is too small", function()
    for descriptors = 5, 30 do
      local run = server.run(STARTING_LUV, { descriptors = descriptors, ioThreads = 1, workers = 1 })
      if run.code == 0 then
        assert.is_true(descriptors >= 16, "it has started with " .. descriptors)
        assert.equal("", (run.stderr:gsub("luaws: %l+ %l+://[^\n]+\n", "")))
      else
        assertExplained(run, descriptors .. " descriptors")
      end
    end
  end)
end)
