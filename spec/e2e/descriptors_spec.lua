-- No descriptor is left, or the kernel has no memory for another connection: who is connected notices nothing, who
-- isn't yet waits.

local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local client = require "spec.support.client"
local server = require "spec.support.server"

server.isPlain = true

local MANY = 40 -- descriptors

local ECHO = [[
  assert(luaws.webServer:start { root = arg[1], keepAliveTimeout = false, handshakeTimeout = false })
  serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/ws" })
]]

local function start(script, options)
  options.scriptArgs = { server.folder({ ["a.txt"] = "a", ["folder/b.txt"] = "b" }) }
  options.workers = 1
  return server.start(script, options)
end

local function assertEchoes(c)
  c:send("hello")
  assert.equal("hello", c:receive())
end

-- As many clients as luaws may have descriptors, which are too many; those that it can't accept wait.
local function exhaust(s, count)
  local waiting = {}
  for i = 1, count do waiting[i] = client.connect(s) end
  s:awaitLog("can't accept")
  return waiting
end

local function countLines(s, text)
  return select(2, s.stderr:gsub(text, ""))
end

-- Seconds of the processor that it has taken so far.
local function processorTime(s)
  local stat = assert(io.open(("/proc/%d/stat"):format(s.pid)))
  local user, system = stat:read("a"):match("^%d+ %b() " .. ("%S+ "):rep(11) .. "(%d+) (%d+)")
  stat:close()
  return (user + system) / 100
end

describe("without another descriptor", function()
  it("who is connected goes on, who isn't waits and is served later", function()
    local s = start(ECHO, { descriptors = MANY })
    local before = client.open(s, "/ws")
    local waiting = exhaust(s, MANY)
    local late = client.connect(s)
    late:sendRequest({ path = "/ws", headers = client.upgradeHeaders() })
    assertEchoes(before)
    before:ping("p")
    assert.equal(0, late.size)
    for _, c in ipairs(waiting) do c:drop() end
    client.assertUpgraded(late:response())
    assertEchoes(late)
    assertEchoes(before)
    s:awaitLog("can't accept connections at port " .. s.port .. ": Too many open files")
    s:awaitLog("ulimit -n")
  end)

  it("luaws rests: no line for each attempt, and no loop", function()
    local s = start(ECHO, { descriptors = MANY })
    exhaust(s, MANY)
    for _ = 1, 10 do client.connect(s) end
    attempts.below(0.15, "seconds of the processor", function()
      local began = processorTime(s)
      async.sleep(0.5) -- five attempts
      return processorTime(s) - began
    end)
    assert.equal(1, countLines(s, "can't accept"))
  end)

  it("a file is not there now, and not 404", function()
    local s = start(ECHO, { descriptors = MANY })
    local c = client.connect(s)
    c:sendRequest({ path = "/a.txt" })
    assert.equal("a", c:response().body)
    local waiting = exhaust(s, MANY)
    for _, path in ipairs({ "/a%0a.txt", "/folder/b.txt" }) do
      c:sendRequest({ path = path })
      local answer = c:response()
      assert.equal(503, answer.status)
      assert.equal("1", answer.headers["retry-after"])
    end
    c:sendRequest({ path = "/a.txt", method = "HEAD" })
    assert.equal(503, c:response("HEAD").status)
    s:awaitLog("can't open the file /a%0a.txt: Too many open files (raise the limit with ulimit -n)")
    assert.equal(1, countLines(s, "can't open the file"))
    for _, other in ipairs(waiting) do other:drop() end
    async.eventually(function()
      c:sendRequest({ path = "/folder/b.txt" })
      return c:response().status == 200
    end)
  end)

  it("each web server says so once, however many I/O threads accept for it", function()
    local s = start([[
      local folder = arg[1]
      local handler = { onMessage = function(_, ws, event) ws:send(event.data) end }
      local other = luaws.WebServer.new { port = 0, root = folder, handshakeTimeout = false }
      assert(luaws.webServer:start { handshakeTimeout = false })
      serve(handler, { path = "/ws" })
      serve(handler, { path = "/ws", web = other })
      say(other.port)
    ]], { descriptors = 2 * MANY, ioThreads = 2 })
    local port = tonumber((s:line()))
    local waiting = exhaust(s, 2 * MANY)
    local late = {}
    for i = 1, 12 do
      late[i] = client.connect(i % 2 == 0 and s.port or port)
      late[i]:sendRequest({ path = "/ws", headers = client.upgradeHeaders() })
    end
    s:awaitLog("can't accept connections at port " .. port)
    s:awaitLog("can't accept connections at port " .. s.port)
    async.sleep(0.25) -- for each thread to try again
    assert.equal(2, countLines(s, "can't accept"))
    for _, c in ipairs(waiting) do c:drop() end
    for _, c in ipairs(late) do
      client.assertUpgraded(c:response())
      assertEchoes(c)
    end
  end)

  it("it can be stopped", function()
    local s = start(ECHO, { descriptors = MANY })
    local c = client.open(s, "/ws")
    exhaust(s, MANY)
    s:signalProcess("sigterm")
    c:expectClose(1001)
    assert.equal(0, (s:awaitExit()))
  end)
end)

describe("while accepting fails with", function()
  for fault, hint in pairs({ ENFILE = true, EMFILE = true, ENOMEM = false, ENOBUFS = false, EINVAL = false }) do
    it(fault .. " clients wait, and are served when it works again", function()
      local faulty = server.folder() .. "/faulty"
      async.defer(os.remove, faulty)
      local s = start(ECHO, { faults = ("accept4:%s?%s"):format(fault, faulty) })
      local before = client.open(s, "/ws")
      assert(io.open(faulty, "w")):close()
      local late = client.connect(s)
      late:sendRequest({ path = "/a.txt" })
      s:awaitLog("can't accept connections at port " .. s.port)
      assert.equal(hint, s.stderr:find("ulimit", 1, true) ~= nil)
      assertEchoes(before)
      assert.equal(0, late.size)
      assert(os.remove(faulty))
      assert.equal("a", late:response().body)
      assertEchoes(client.open(s, "/ws"))
    end)
  end
end)
