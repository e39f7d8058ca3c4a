-- Clients in their I/O threads: what goes on whatever the script does, on several threads, and under system calls that
-- fail (spec/faults/faults.c).

local build = require "spec.support.build"
local client = require "spec.support.client"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

-- connect(): a client of `url` that echoes, and tells how it has ended.
local ECHOING = [[
  url = %q
  function connect(options)
    return luaws.WebSocket.new(url, {
      onOpen = function(_, ws) say("open", ws.id) end,
      onMessage = function(_, ws, event)
        if event.data == "spin" then spin() end
        ws:send(event.data, event.isBinary)
      end,
      onError = function(_, _, event) say("error", event.errors[1].errCode, event.errors[1].message) end,
      onTerminate = function(_, _, event) say("end", event.code, event.wasClean) end,
    }, options)
  end
]]

local function start(script, options)
  local p = peer.listen()
  options = options or {}
  local url = (options.url or "ws://127.0.0.1:PORT/"):gsub("PORT", p.port)
  return server.start(ECHOING:format(url) .. (script or "connect()"), options), p
end

local LARGE = ("0123456789abcdef"):rep(build.pick(4096, 64)) -- 64 KiB

local function talk(c)
  c:send("hello")
  assert.equal("hello", c:receive())
  c:write(peer.frame { opcode = client.TEXT, fin = false, payload = "in " }
    .. peer.frame { opcode = client.CONTINUATION, fin = false, payload = "three " }
    .. peer.frame { opcode = client.PING, payload = "between" }
    .. peer.frame { opcode = client.CONTINUATION, payload = "parts" })
  assert.same({ fin = true, opcode = client.PONG, payload = "between" }, c:receiveFrame())
  assert.equal("in three parts", c:receive())
  for i = 1, 3 do c:sendBinary(LARGE .. i) end
  for i = 1, 3 do assert.equal(LARGE .. i, c:receive()) end
end

describe("a client whose script computes", function()
  it("answers pings, and the server's close", function()
    local s, p = start("connect() connect()")
    local stuck, other = p:open(), p:open()
    s:line()
    s:line()
    stuck:send("spin")
    s:expectLines("spins")
    stuck:ping("are you there")
    other:ping("and you")
    other:close(4000)
    s:release()
    assert.equal("spin", stuck:receive())
    s:expectLines("end 4000 true")
    stuck:close()
    s:expectLines("end 1005 true")
    s:awaitExit()
  end)

  it("is closed with 1001 when the program is told to end", function()
    local s, p = start()
    local c = p:open()
    s:line()
    c:send("spin")
    s:expectLines("spins")
    s:signalProcess("sigterm")
    c:expectClose(1001)
    s:release()
    s:expectLines("end 1001 true")
    assert.equal(0, (s:awaitExit()))
  end)
end)

describe("clients on several I/O threads", function()
  it("talk, and come to their end", function()
    local s, p = start("for _ = 1, 6 do connect() end", { ioThreads = 3, args = { "--log-level", "debug" } })
    local all = {}
    for i = 1, 6 do all[i] = p:open() end
    for _ = 1, 6 do assert.matches("^open", s:line()) end
    for _, c in ipairs(all) do talk(c) end
    for _, c in ipairs(all) do c:close(1000) end
    for _ = 1, 6 do s:expectLines("end 1000 true") end
    assert.equal(0, (s:awaitExit()))
  end)

  it("are closed by a signal", function()
    local s, p = start("for _ = 1, 4 do connect() end", { ioThreads = 2 })
    local all = {}
    for i = 1, 4 do all[i] = p:open() end
    for _ = 1, 4 do s:line() end
    s:signalProcess("sigterm")
    for _, c in ipairs(all) do c:expectClose(1001) end
    for _ = 1, 4 do s:expectLines("end 1001 true") end
    assert.equal(0, (s:awaitExit()))
  end)
end)

describe("a client's conversation is whole", function()
  local RULES = {
    "recv:short=1", "recv:short=7", "send:short=1,sendmsg:short=1", "send:short=1000,sendmsg:short=1000",
    "recv:EAGAIN/2", "send:EAGAIN/2,sendmsg:EAGAIN/2", "recv:EINTR/2", "send:EINTR/2,sendmsg:EINTR/2",
    "epoll_wait:EINTR/2", "setsockopt:ENOBUFS", "getpeername:ENOTCONN",
  }
  for _, rules in ipairs(RULES) do
    it("with " .. rules, function()
      local s, p = start(nil, { faults = rules })
      local c = p:open()
      s:line()
      talk(c)
      c:close(1000)
      s:expectLines("end 1000 true")
      assert.equal(0, (s:awaitExit()))
    end)
  end
end)

-- The first of everything that is needed to connect, and what is said then.
describe("a client that can't be connected", function()
  local FAULTS = {
    { "socket:EMFILE", "error -24 can't connect to HOST: too many open files" },
    { "connect:ENETUNREACH", "error -101 can't connect to HOST: network is unreachable" },
    { "connect:EACCES", "error -13 can't connect to HOST: permission denied" },
    { "getsockopt:ENOBUFS", "error -105 can't connect to HOST: no buffer space available" },
    { "epoll_ctl:ENOSPC", "error -28 can't watch the connection to HOST: No space left on device" },
    { "recv:ENOMEM", "error -12 lost the connection to HOST before its answer: not enough memory", answers = true },
    { "send:ENOBUFS", "error -105 lost the connection to HOST before its answer: no buffer space available" },
  }
  for _, row in ipairs(FAULTS) do
    local rule, message = table.unpack(row)
    it(("says so: %s"):format(rule), function()
      local s, p = start(nil, { faults = rule })
      if row.answers then p:open() end
      s:expectLines((message:gsub("HOST", "127.0.0.1:" .. p.port)), "end 1006 false")
      assert.equal(0, (s:awaitExit()))
    end)
  end

  it("says so: uv_getaddrinfo:ENOMEM", function()
    local s = start(nil, { faults = "uv_getaddrinfo:ENOMEM", url = "ws://localhost:PORT/" })
    s:expectLines("error -12 can't find host 'localhost': not enough memory", "end 1006 false")
    assert.equal(0, (s:awaitExit()))
  end)
end)

-- The look-up goes on until the file is gone, which it is when the test is over.
describe("a name that is being looked up for ever", function()
  local function lookUp(script, options)
    local folder = server.folder({ held = "" })
    local all = { faults = "", env = { LUAWS_HOSTS = ("x.example?%s/held=127.0.0.1"):format(folder) },
      url = "ws://x.example/" }
    for name, value in pairs(options or {}) do all[name] = value end
    return start(script, all)
  end

  it("doesn't hold up the end of a program that has nothing else to do", function()
    local s = lookUp("connect { connectTimeout = 0.2 }")
    assert.matches("^error %-110 can't find host 'x%.example': no answer from a name server", s:line())
    s:expectLines("end 1006 false")
    assert.equal(0, (s:awaitExit()))
  end)

  it("doesn't hold up that of one that is told to end, nor change its code", function()
    local s = lookUp("connect() luaws.after(0.1, function() luaws.exit(3) end)", { ioThreads = 2 })
    s:expectLines("end 1006 false")
    assert.equal(3, (s:awaitExit()))
  end)

  it("leaves numeric addresses alone", function()
    local p = peer.listen()
    local s = lookUp(("connect() url = 'ws://127.0.0.1:%d/' connect()"):format(p.port))
    local c = p:open()
    assert.matches("^open", s:line())
    c:close(4000)
    s:expectLines("end 4000 true")
    s:signalProcess("sigterm")
    s:expectLines("end 1006 false")
    assert.equal(0, (s:awaitExit()))
  end)
end)
