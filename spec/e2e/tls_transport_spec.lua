-- TLS of the server on the wire: what is carried when the network or the client makes it hard, what a stalled or broken
-- handshake comes to, how connections end.

local uv = require "luv"
local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local deflate = require "spec.conformance.deflate"
local engines = require("probe").tls
local sample = require "spec.support.sample"
local server = require "spec.support.server"

local MEBIBYTE = 1024 * 1024
local LARGE = build.pick(MEBIBYTE, 8192) -- bytes of a message
local THREADS = { {}, { ioThreads = 2 } }

local ECHO = [[
  serve({
    onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end,
    onTerminate = function(_, _, event) say(event.code, event.wasClean) end,
  }, { maxPayload = 32 * 1024 * 1024, maxBackpressure = 64 * 1024 * 1024, %s })
]]

local function echo(options, settings)
  options = setmetatable({ tls = true }, { __index = options or {} })
  return server.start(ECHO:format(settings or ""), options)
end

-- A connection to the port, without TLS; with the bytes of a ClientHello for it.
local function bare(s)
  return client.connect({ port = s.port })
end

local function clientHello()
  local engine = engines.context({ ca = certificates.ca }):engine "localhost"
  engine:handshake()
  return engine:take()
end

local function writeAll(stream, bytes)
  async.await(function(done) stream:write(bytes, done) end, 60)
end

-- Each byte in a segment of its own.
local function trickle(stream, bytes)
  stream:nodelay(true)
  for i = 1, #bytes do
    local byte = bytes:sub(i, i)
    if i % 256 == 0 or not stream:try_write(byte) then writeAll(stream, byte) end
  end
end

for _, threads in ipairs(THREADS) do
  describe(("TLS with %d I/O threads"):format(threads.ioThreads or 1), function()
    it("echoes a large message that comes in segments of one byte", function()
      local s = echo(threads)
      local size = threads.ioThreads and MEBIBYTE // 8 or MEBIBYTE
      local c, message = client.open(s, "/"), sample.bytes(build.pick(size, 2048))
      local received = async.spawn(function() return c:receive(120) end)
      trickle(c.stream.under, c.stream:seal(client.frame { opcode = client.TEXT, payload = message }))
      assert.is_true(received:join(120) == message)
    end)

    it("echoes a large message across key updates in mid-message", function()
      local s = echo(threads)
      local c, message = client.open(s, "/"), sample.bytes(LARGE)
      assert.equal("TLSv1.3", c.stream:facts().version)
      local frame = client.frame { opcode = client.TEXT, payload = message }
      local step = #frame // 10
      for i = 0, 10 do
        c.stream:updateKey(i % 2 == 0)
        c:write(frame:sub(i * step + 1, (i + 1) * step))
      end
      assert.is_true(c:receive(60) == message)
      c:send "after"
      assert.equal("after", c:receive())
    end)

    it("serves others while a slow reader takes its echo, which comes whole", function()
      local s = echo(threads)
      local slow, quick = client.open(s, "/"), client.open(s, "/")
      local message, count = sample.bytes(LARGE), build.pick(12, 2) -- more than the kernel keeps
      slow.stream:recv_buffer_size(65536)
      slow:pause()
      for _ = 1, count do slow:send(message) end
      for _ = 1, 100 do
        quick:send "still there?"
        assert.equal("still there?", quick:receive())
        slow:resume()
        quick:ping()
        slow:pause()
      end
      slow:resume()
      for _ = 1, count do assert.is_true(slow:receive(60) == message) end
    end)

    it("fails a slow consumer as others are", function()
      local s = server.start([[
        serve({
          onMessage = function() end,
          onOpen = function(_, ws)
            local text = ("x"):rep(1000000)
            for _ = 1, 20 do if not ws:send(text) then break end end
          end,
          onTerminate = function(_, _, event) say(event.code) end,
        }, { maxBackpressure = 500000 })
      ]], setmetatable({ tls = true }, { __index = threads }))
      local c = client.connect(s)
      c.stream:recv_buffer_size(65536)
      c:sendRequest { path = "/", headers = client.upgradeHeaders() }
      c:pause()
      s:expectLines "1008"
    end)

    it("resumes sessions, on whichever thread they began", function()
      local s = echo(threads)
      local first = client.open(s, "/")
      first:send "tickets come with data"
      first:receive()
      local ticket = first.stream:ticket()
      for _ = 1, 8 do
        local again = client.open({ port = s.port, tls = { ticket = ticket } }, "/")
        assert.is_true(again.stream:facts().isResumed)
        again:send "again"
        assert.equal("again", again:receive())
      end
    end)

    it("carries compressed messages", function()
      local s = echo(threads, "compression = { contextTakeover = true }")
      local c = client.open(s, "/", { ["Sec-WebSocket-Extensions"] = deflate.OFFER })
      local agreed = assert(deflate.agree(deflate.OFFER, c.answer.headers["sec-websocket-extensions"]))
      local state, text = deflate.new(agreed, "client", true), ("to be said again, "):rep(1000)
      for _ = 1, 3 do
        c:write(state:encode { opcode = client.TEXT, payload = text })
        local frame = c:readFrame()
        assert.equal(4, frame.rsv)
        assert.equal(text, (state:inflate(frame.payload)))
      end
    end)
  end)
end

-- So many that have sent a ClientHello and nothing more.
local function stall(s, count, hello)
  local stalled = {}
  for i = 1, count do stalled[i] = bare(s) end
  for _, c in ipairs(stalled) do c:write(hello) end
  return stalled
end

describe("A TLS handshake", function()
  it("that stalls is closed by handshakeTimeout, wherever it stalls", function()
    local s = server.start("luaws.webServer:start { handshakeTimeout = 0.3 }" .. ECHO:format "", { tls = true })
    local hello, stalled = clientHello(), {}
    for _, cut in ipairs({ 0, 1, 5, 6, #hello - 1, #hello }) do
      local c = bare(s)
      if cut > 0 then c:write(hello:sub(1, cut)) end
      stalled[#stalled + 1] = c
    end
    for _, c in ipairs(stalled) do assert.equal("EOF", (select(2, c:readAll()))) end
    -- A busy machine may be too late for that clock once.
    local open = async.eventually(function()
      local ok, c = pcall(client.open, s, "/")
      return ok and c
    end)
    open:close(1000)
  end)

  it("doesn't keep others waiting for hundreds of others", function()
    if build.isTiny then pending("a message takes as many turns, 3 bytes at a time") end
    local s, count = echo(), 500
    local c = client.open(s, "/")
    local stalled = {}
    for i = 1, count do stalled[i] = bare(s) end
    uv.kill(s.pid, "sigstop")
    local hello = clientHello()
    for _, other in ipairs(stalled) do other:write(hello) end
    c:send "me, too"
    uv.kill(s.pid, "sigcont")
    assert.equal("me, too", c:receive())
    local answered = 0
    for _, other in ipairs(stalled) do
      if other:peek() ~= "" then answered = answered + 1 end
    end
    assert.is_true(answered < count // 2, answered .. " handshakes went before it")
    for _, other in ipairs(stalled) do other:readUntil "\22\3\3" end
  end)

  it("that stalls 500 times leaves others quick", function()
    local s, hello = echo(), clientHello()
    attempts.within(5 * 0.05, "the 99th percentile of echoes", function()
      local c, times = client.open(s, "/"), {}
      stall(s, build.pick(500, 50), hello)
      for i = 1, 300 do
        times[i] = attempts.time(function()
          c:send "hello"
          c:receive()
        end)
      end
      table.sort(times)
      return times[297]
    end)
  end)

  it("that fails is counted, and told by the log once a minute", function()
    local s = server.start([[
      luaws.webServer:start { handshakeTimeout = 2 }
      serve({ onMessage = function(_, ws) ws:send(tostring(luaws.stats().tlsFailed)) end }, {})
    ]], { tls = true, ioThreads = 1 }) -- each of them tells it once
    local c = client.open(s, "/")
    for _ = 1, 5 do
      local rude = bare(s)
      rude:write "\0\1\2\3\4\5\6\7\8"
      rude:readAll()
    end
    bare(s):write(clientHello()):reset()
    bare(s):readAll() -- until handshakeTimeout
    c:send "how many?"
    assert.equal("7", c:receive())
    s:awaitLog "no TLS with 127.0.0.1: "
    assert.equal(1, select(2, s.stderr:gsub("no TLS with", "")))
  end)

  it("ends with an alert that says what is wrong", function()
    local s = echo()
    for error, options in pairs({
      ["no application protocol"] = { alpn = { "h2" } },
      ["protocol version"] = { maxVersion = "1.1" },
    }) do
      local ok, err = pcall(client.connect, { port = s.port, tls = options })
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find(error, 1, true), tostring(err))
    end
  end)

  it("that is none but a plain request is answered in plain text", function()
    local s = echo()
    for _, request in ipairs({ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n", "GET" }) do
      local c = bare(s)
      c:write(request)
      local answer = c:response()
      assert.equal(400, answer.status)
      assert.equal("this port speaks TLS: use https:// or wss://\n", answer.body)
      c:expectEof()
    end
    assert.equal(400, client.get({ port = s.port }, "/").status)
  end)
end)

describe("A TLS connection", function()
  it("ends with a close_notify from luaws, and then FIN", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws) ws:terminate() end }, {})
    ]], { tls = true })
    local c = client.open(s, "/")
    c:send "bye"
    c:expectClose(1000)
    c = client.connect(s)
    c:sendRequest { path = "/nothing", headers = { Connection = "close" } }
    assert.equal(426, c:response().status)
    c:expectEof()
  end)

  it("may end with the peer's close_notify, or without, and the log at debug level tells which", function()
    local s = echo { args = { "--log-level", "debug" } }
    local c = client.open(s, "/")
    c.stream:shutdown()
    s:expectLines "1006 false"
    s:awaitLog "ended: the peer has left"
    c = client.open(s, "/")
    c.stream.under:shutdown()
    s:expectLines "1006 false"
    s:awaitLog "ended: the connection was cut off: its end came without TLS's close_notify"
    client.open(s, "/"):reset()
    s:expectLines "1006 false"
  end)

  it("that was changed on its way is ended with an alert", function()
    local s = echo()
    local c = client.open(s, "/")
    local bytes = c.stream:seal(client.frame { opcode = client.TEXT, payload = "pay 10 to ann" })
    writeAll(c.stream.under, bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1))
    s:expectLines "1006 false"
  end)

  it("leaves nothing behind", function()
    local s = echo()
    local function cycle(i)
      local c = client.open(s, "/")
      if i % 3 == 0 then c:close(1000) end
      if i % 3 == 1 then c:reset() else c:drop() end
      s:line()
    end
    local function countDescriptors()
      local n = 0
      local scan = uv.fs_scandir("/proc/" .. s.pid .. "/fd")
      while uv.fs_scandir_next(scan) do n = n + 1 end
      return n
    end
    local count = tonumber(os.getenv "LUAWS_SPEC_CYCLES") or build.pick(600, 60)
    for i = 1, 300 do cycle(i) end
    local before, descriptors = s:memory(), countDescriptors()
    for i = 1, count do cycle(i) end
    local now = s:memory()
    async.eventually(function() return countDescriptors() <= descriptors end)
    if async.seconds(1) == 1 then
      assert.is_true(now - before < 3, ("%.1f MiB more"):format(now - before)) -- 600 of them would take 9
    end
  end)
end)
