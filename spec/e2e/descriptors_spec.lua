-- No descriptor is left, or the kernel has no memory for another connection: who is connected notices nothing, who
-- isn't yet waits.

local async = require "spec.support.async"
local client = require "spec.support.client"
local server = require "spec.support.server"

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

-- Clients that connect and wait, until luaws can't accept another one.
local function exhaust(s, port)
  local waiting = {}
  while not s.stderr:find("can't accept", 1, true) do
    waiting[#waiting + 1] = client.connect(port or s)
    assert.is_true(#waiting < 500)
    if #waiting % 8 == 0 then async.sleep(0.01) end -- there is no event to be awaited
  end
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
    local s = start(ECHO, { descriptors = 40 })
    local before = client.open(s, "/ws")
    local waiting = exhaust(s)
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
    local s = start(ECHO, { descriptors = 40 })
    exhaust(s)
    for _ = 1, 10 do client.connect(s) end
    local began = processorTime(s)
    async.sleep(0.5) -- five attempts
    local took = processorTime(s) - began
    assert.is_true(took < 0.15, ("it took %g s of the processor"):format(took))
    assert.equal(1, countLines(s, "can't accept"))
  end)

  it("a file is not there now, and not 404", function()
    local s = start(ECHO, { descriptors = 40 })
    local c = client.connect(s)
    c:sendRequest({ path = "/a.txt" })
    assert.equal("a", c:response().body)
    local waiting = exhaust(s)
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
    ]], { descriptors = 80, ioThreads = 2 })
    local port = tonumber((s:line()))
    local waiting = exhaust(s)
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
    local s = start(ECHO, { descriptors = 40 })
    local c = client.open(s, "/ws")
    exhaust(s)
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
