-- src/reactor: clients, as the worker sees them: from COMMAND_DIAL to EVENT_CLOSED.

local uv = require "luv"
local newDialer = require("probe").dialer
local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local blackhole = require "spec.support.blackhole"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

-- A dialer whose events come into a queue for each client.
local function start()
  local dialer = { core = newDialer(), clients = {}, byHandle = {} }
  local function take()
    for _, event in ipairs(dialer.core:take()) do
      if event.type == "dialed" then dialer.byHandle[event.handle] = dialer.clients[event.client] end
      dialer.byHandle[event.handle]:push(event)
    end
  end
  local poll = assert(uv.new_poll(dialer.core:fd()))
  take() -- leaves its mailbox asleep, so that what comes makes fd readable
  poll:start("r", take)
  async.defer(function()
    poll:stop()
    poll:close()
    dialer.core:finishAll()
  end)
  return dialer
end

local Client = {}
Client.__index = Client

-- `to`: a peer or a port.
local function dial(dialer, to, options)
  local config = { port = type(to) == "table" and to.port or to }
  for name, value in pairs(options or {}) do config[name] = value end
  local queue = async.queue()
  dialer.clients[dialer.core:dial(config)] = queue
  local dialed = queue:pop(nil, "DIALED")
  assert.equal("dialed", dialed.type)
  return setmetatable({ core = dialer.core, handle = dialed.handle, queue = queue, taken = dialed.taken,
    before = dialed.before, sent = 0 }, Client)
end

function Client:expect(type)
  local event = self.queue:pop(nil, type)
  assert.equal(type, event.type, event.message)
  return event
end

function Client:send(text, isBinary)
  self.sent = self.sent + self.core:send(self.handle, text, isBinary)
end

function Client:buffered()
  return self.sent - (self.core:taken(self.taken) - self.before)
end

-- The error, then CLOSED 1006, and nothing else.
function Client:expectFailure()
  local event = self:expect("error")
  local closed = self:expect("closed")
  assert.equal(1006, closed.code)
  assert.is_false(closed.wasClean)
  return event.message, event.component, event.code
end

-- A dialer with one client, and the other side of that.
local function open(options, headers, dialer)
  local p = peer.listen()
  local c = dial(dialer or start(), p, options)
  local other = p:open(headers)
  c.protocol = c:expect("opened").protocol
  return c, other
end

describe("a client", function()
  it("is open with the server's 101, and talks both ways", function()
    local c, other = open()
    c:send("hello")
    assert.equal("hello", other:receive())
    other:send("hi there")
    assert.equal("hi there", c:expect("message").data)
    c:send("\0\255", true)
    assert.same({ "\0\255", true }, { other:receive() })
  end)

  it("sends its request with what it was given", function()
    local p = peer.listen()
    local dialer = start()
    local c = dial(dialer, p, { target = "/chat?x=1", protocols = { "chat.v2", "chat.v1" },
      headers = { "Cookie", "a=1; b=2", "X-Token", "one", "X-Token", "two" } })
    local other = p:accept()
    local request = other:readRequest()
    peer.checkRequest(request)
    assert.equal("/chat?x=1", request.path)
    assert.equal("127.0.0.1:" .. p.port, request.headers.host)
    assert.equal("chat.v2, chat.v1", request.headers["sec-websocket-protocol"])
    assert.equal("a=1; b=2", request.headers.cookie)
    assert.same({ "one", "two" }, request.headers["x-token"])
    assert.is_nil(request.headers["sec-websocket-extensions"])
    other:upgrade(request, { ["Sec-WebSocket-Protocol"] = "chat.v1" })
    assert.equal("chat.v1", c:expect("opened").protocol)
  end)

  it("takes the frames that come right behind the 101", function()
    local p = peer.listen()
    local c = dial(start(), p)
    local other = p:accept()
    local request = other:readRequest()
    other:write(other:upgradeText(request) .. peer.frame({ opcode = 1, payload = "at once" }))
    c:expect("opened")
    assert.equal("at once", c:expect("message").data)
  end)

  it("is told an answer that comes byte by byte", function()
    local p = peer.listen()
    local c = dial(start(), p)
    local other = p:accept()
    local request = other:readRequest()
    other:write(other:upgradeText(request) .. peer.frame({ opcode = 1, payload = "slowly" }), true)
    c:expect("opened")
    assert.equal("slowly", c:expect("message").data)
  end)

  it("finds a host by its name", function()
    local p = peer.listen()
    local c = dial(start(), p, { host = "localhost" })
    local other = p:open()
    assert.equal("localhost:" .. p.port, other.request.headers.host)
    c:expect("opened")
  end)

  it("masks each frame anew", function()
    local c, other = open()
    local seen = {}
    for _ = 1, 20 do
      c:send("x")
      local frame = other:readFrame()
      assert.is_truthy(frame.key)
      seen[frame.key] = true
    end
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.is_true(count > 15)
  end)

  it("sends messages of every size, and in order", function()
    local c, other = open()
    local sizes = { 0, 1, 2, 3, 4, 5, 125, 126, 127, 65535, 65536, 65537, build.pick(300000, 3000) }
    for i, size in ipairs(sizes) do c:send(string.char(96 + i):rep(size)) end
    for i, size in ipairs(sizes) do
      assert.equal(string.char(96 + i):rep(size), (other:receive()))
    end
  end)

  it("gets what one frame for many brings", function()
    local dialer = start()
    local a, otherA = open(nil, nil, dialer)
    local b, otherB = open({ compression = true }, { ["Sec-WebSocket-Extensions"] =
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover" }, dialer)
    local text = ("for many "):rep(10)
    dialer.core:sendMany({ a.handle, b.handle }, text)
    assert.equal(text, (otherA:receive()))
    local frame = otherB:readFrame()
    assert.is_truthy(frame.key)
    assert.equal(4, frame.rsv)
  end)

  it("counts what waits with the bytes of the masks", function()
    local c, other = open()
    c:send("12345")
    other:receive()
    async.eventually(function() return c:buffered() == 0 end, nil, "nothing waiting")
  end)
end)

describe("a client's keepalive", function()
  it("answers pings", function()
    local _, other = open()
    other:ping("are you there")
  end)

  it("pings on its own, and drops who doesn't answer", function()
    local c, other = open({ pingInterval = 100, pongTimeout = 100 })
    assert.equal(9, other:readFrame().opcode)
    local closed = c:expect("closed")
    assert.equal(1006, closed.code)
  end)

  it("pings when it is told to", function()
    local c, other = open()
    c.core:ping(c.handle, "data")
    local frame = other:readFrame()
    assert.same({ 9, "data", true }, { frame.opcode, frame.payload, frame.key ~= nil })
  end)
end)

describe("a client that compresses", function()
  local function exchange(options, agreed)
    options.compression = true
    local c, other = open(options, { ["Sec-WebSocket-Extensions"] = agreed })
    local text = ("compressible "):rep(50)
    c:send(text)
    local frame = other:readFrame()
    assert.is_truthy(frame.key)
    assert.equal(4, frame.rsv)
    assert.is_true(#frame.payload < 100)
    other:sendFrame({ opcode = 1, rsv = 4, payload = frame.payload })
    assert.equal(text, c:expect("message").data)
    c:send("short")
    assert.equal(0, other:readFrame().rsv)
    async.eventually(function() return c:buffered() == 0 end, nil, "nothing waiting")
  end

  it("does so without takeover", function()
    exchange({}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
  end)

  it("does so with takeover", function()
    exchange({ contextTakeover = true }, "permessage-deflate")
  end)

  it("offers what its options say, and goes on without where the server says nothing", function()
    local c, other = open({ compression = true, windowBits = 10 })
    assert.equal("permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
      .. "server_max_window_bits=10; client_max_window_bits=10", other.request.headers["sec-websocket-extensions"])
    c:send(("compressible "):rep(50))
    assert.equal(0, other:readFrame().rsv)
  end)
end)

describe("what a client and its server agree on for either direction", function()
  local OPTIONS = { compression = true, contextTakeover = true }

  local function agree(answer)
    return open(OPTIONS, { ["Sec-WebSocket-Extensions"] = "permessage-deflate; " .. answer })
  end

  local TEXT = ("a text that is compressed "):rep(3)

  local function compressTwice(answer)
    local c, other = agree(answer)
    c:send(TEXT)
    c:send(TEXT)
    return other:readFrame().payload, other:readFrame().payload
  end

  it("is the context", function()
    local first, second = compressTwice "client_no_context_takeover"
    assert.equal(first, second)
    first, second = compressTwice "server_no_context_takeover"
    assert.is_true(#second < #first)
    local c, other = agree "client_no_context_takeover"
    for _, payload in ipairs({ first, second }) do
      other:sendFrame({ opcode = 1, rsv = 4, payload = payload })
      assert.equal(TEXT, c:expect("message").data)
    end
  end)

  it("is the window", function()
    local bytes = {}
    for i = 1, 2000 do bytes[i] = string.char(math.random(0, 255)) end
    local block = table.concat(bytes)
    local function sizeOf(answer)
      local c, other = agree(answer)
      c:send(block .. block, true)
      return #other:readFrame().payload
    end
    assert.is_true(sizeOf "client_max_window_bits=9" > 3500)
    assert.is_true(sizeOf "server_max_window_bits=9" < 2500)
  end)
end)

describe("a client's end", function()
  it("is clean when it closes, and the server's FIN comes first", function()
    local c, other = open()
    c.core:close(c.handle, 3001, "enough")
    local frame = other:readFrame()
    assert.same({ 8, "\x0b\xb9enough", true }, { frame.opcode, frame.payload, frame.key ~= nil })
    other:sendClose(3001)
    local closed = c:expect("closed")
    assert.same({ 3001, "enough", true }, { closed.code, closed.reason, closed.wasClean })
    async.sleep(0.05)
    assert.is_nil(other.ended)
    other:halfClose()
    other:expectEof()
  end)

  it("is clean when the server closes, which sees its FIN after its own", function()
    local c, other = open()
    other:sendClose(4000, "bye")
    other:expectCloseFrame(4000)
    local closed = c:expect("closed")
    assert.same({ 4000, "bye", true }, { closed.code, closed.reason, closed.wasClean })
    async.sleep(0.05)
    assert.is_nil(other.ended)
    other:halfClose()
    other:expectEof()
  end)

  it("answers the server's close without waiting for more to send", function()
    attempts.within(0.1, "the answer", function() -- what waits for more goes out after 200 ms
      local _, other = open()
      other:sendClose(4000)
      return attempts.time(function() other:readFrame() end)
    end)
  end)

  it("doesn't wait for the server's FIN for longer than closeTimeout", function()
    local c, other = open({ closeTimeout = 1000 })
    c.core:close(c.handle, 1000)
    other:readFrame()
    other:sendClose(1000)
    c:expect("closed")
    other:expectEof()
  end)

  it("is 1006 where the server never answers its close", function()
    local c, other = open({ closeTimeout = 200 })
    c.core:close(c.handle, 3000, "unanswered")
    other:readFrame()
    assert.same({ "the server did not answer the close in time", "UV__", -110 }, { c:expectFailure() })
    other:expectEof()
  end)

  it("is 1006 when the server goes away", function()
    local c, other = open()
    other:drop()
    local closed = c:expect("closed")
    assert.same({ 1006, false }, { closed.code, closed.wasClean })
  end)

  it("is 1006 in the middle of a frame", function()
    local c, other = open()
    other:write("\x81\x7e\x01\x00half of it")
    other:drop()
    assert.same({ "the server closed the connection in the middle of a message", "UV__", -4095 }, { c:expectFailure() })
  end)

  it("is 1002 for a frame that is masked", function()
    local c, other = open()
    other:sendFrame({ opcode = 1, payload = "x", mask = "abcd" })
    local event = c:expect("error")
    assert.same({ "LUAW", 1002 }, { event.component, event.code })
    assert.matches("mask", event.message)
    assert.equal(1002, c:expect("closed").code)
    other:expectCloseFrame(1002)
    other:expectEof()
  end)

  it("is 1009 for a message beyond maxPayload", function()
    local c, other = open({ maxPayload = 100 })
    other:send(("x"):rep(101))
    assert.equal(1009, c:expect("error").code)
    assert.equal(1009, c:expect("closed").code)
  end)

  it("comes at once when it is destroyed", function()
    local c, other = open()
    c.core:destroy(c.handle)
    assert.equal(1006, c:expect("closed").code)
    other:expectReset()
  end)

  it("is 1001 when the program stops", function()
    local c, other = open()
    c.core:stop()
    other:expectCloseFrame(1001)
    other:sendClose(1001)
    local closed = c:expect("closed")
    assert.same({ 1001, true }, { closed.code, closed.wasClean })
  end)

  it("comes without an error where it is dialing yet", function()
    for _, way in ipairs({ "close", "destroy", "stop" }) do
      local c = dial(start(), blackhole.open())
      c.core[way](c.core, c.handle, 1000)
      assert.equal(1006, c:expect("closed").code, way)
    end
  end)

  it("leaves those alone whose handles are dead", function()
    local c, other = open()
    c.core:destroy(c.handle)
    c:expect("closed")
    c.core:send(c.handle, "x")
    c.core:ping(c.handle, "x")
    c.core:close(c.handle, 1000)
    other:expectReset()
    assert.same({ 0, 1, 0 }, { select(1, c.core:stats()), select(2, c.core:stats()), (select(3, c.core:stats())) })
  end)

  it("also comes when the reactor ends first", function()
    local dialer = start()
    open(nil, nil, dialer)
    dial(dialer, blackhole.open())
    local p = peer.listen()
    dial(dialer, p)
    p:accept():readRequest()
    dial(dialer, 1, { host = "no-such-host.invalid" })
    dialer.core:stop() -- and what async.defer does
  end)
end)

describe("flow control of a client", function()
  it("stops reading where nobody works off what has come", function()
    local c, other = open()
    local message, count = ("x"):rep(build.pick(65536, 4096)), 0
    local all = 0
    local task = async.spawn(function()
      for _ = 1, 400 do
        other:sendBinary(message)
        other:flush(30)
      end
    end)
    local function drainUntilQuiet()
      repeat
        async.sleep(0.1)
        local had = c.queue.count
        while c.queue.count > 0 do
          assert.equal(#message, #c:expect("message").data)
          count = count + 1
        end
      until had == 0
    end
    drainUntilQuiet()
    assert.is_true(count * #message <= 512 * 1024, count .. " messages came without credit")
    while all < 400 do
      while count > 0 do
        c.core:credit(c.handle, #message)
        all, count = all + 1, count - 1
      end
      if all < 400 then
        assert.equal(#message, #c:expect("message").data)
        count = count + 1
      end
    end
    task:join(30)
  end)

  it("keeps what the kernel doesn't take, and tells when it is gone", function()
    local c, other = open()
    other:pause()
    local message, total = ("y"):rep(100000), 0
    local frame = c.sent
    c:send(message)
    frame = c.sent - frame
    repeat -- until the kernel has taken a part of a frame, and no more
      for _ = 1, 20 do c:send(message) end
      total = total + 20
      local waiting
      repeat
        waiting = c:buffered()
        async.sleep(0.05)
      until c:buffered() == waiting
    until waiting % frame ~= 0
    other:resume()
    for _ = 0, total do assert.equal(message, (other:receive())) end
    c:expect("drain")
    async.eventually(function() return c:buffered() == 0 end, nil, "nothing waiting")
  end)
end)

describe("a dialing that comes to nothing", function()
  local function fail(to, options)
    local c = dial(start(), to, options)
    return c:expectFailure()
  end

  -- Answers the next request with such bytes, then FIN.
  local function answer(text, options)
    local p = peer.listen()
    local c = dial(start(), p, options)
    local other = p:accept()
    local request = other:readRequest()
    other:write(type(text) == "function" and text(other, request) or text)
    other:halfClose()
    local message, component, code = c:expectFailure()
    return message:gsub("127%.0%.0%.1:%d+", "HOST"), component, code
  end

  it("says that there is no such host", function()
    local message, component, code = fail(80, { host = "no-such-host.invalid" })
    assert.matches("^can't find host 'no%-such%-host%.invalid'", message)
    assert.equal("UV__", component)
    assert.is_true(code < -3000)
  end)

  it("says that the connection is refused", function()
    local p = peer.listen()
    local port = p.port
    p:close()
    local message, component, code = fail(port)
    assert.equal("can't connect to 127.0.0.1:" .. port .. ": connection refused", message)
    assert.same({ "UV__", -111 }, { component, code })
  end)

  it("says where no answer came in time", function()
    local port = blackhole.open()
    local message, component, code = fail(port, { connectTimeout = 100 })
    assert.equal(("can't connect to 127.0.0.1:%d within 0.1 s: no answer"):format(port), message)
    assert.same({ "UV__", -110 }, { component, code })
    local silent = peer.listen()
    assert.equal(("no answer from 127.0.0.1:%d within 0.5 s"):format(silent.port),
      (fail(silent, { connectTimeout = 500 })))
    local c = dial(start(), silent, { connectTimeout = 1000 })
    silent:accept()
    local other = silent:accept()
    other:readRequest()
    other:write("HTTP/1.1 101 Switching")
    assert.equal(("no whole answer from 127.0.0.1:%d within 1 s"):format(silent.port), (c:expectFailure()))
  end)

  it("bounds all stages together by connectTimeout", function()
    attempts.within(0.5, "to give up", function()
      local p = peer.listen()
      local c = dial(start(), p, { connectTimeout = 200 })
      local other = p:accept()
      local seconds = attempts.time(function()
        local task = async.spawn(function()
          while not other.ended do
            other:write("H")
            async.sleep(0.02)
          end
        end)
        c:expectFailure()
        task:join()
      end)
      return seconds
    end)
  end)

  it("tells another status than 101, with the beginning of what was said to it", function()
    local message, component, code = answer("HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nnobody here\n")
    assert.same({ "HOST answered 404 Not Found: nobody here", "LUAW", 404 }, { message, component, code })
    assert.equal("HOST answered 200", (answer("HTTP/1.1 200 \r\n\r\n<html>hello</html>")))
    message = answer("HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\ncut sho")
    assert.equal("HOST answered 503 Busy: cut sho", message)
  end)

  it("makes one sound line of what the server has said", function()
    local message = answer("HTTP/1.1 500 Oh\r\n\r\na\27[31m\255\254 b\r\nsecond line")
    assert.equal("HOST answered 500 Oh: a?[31m?? b", message)
    message = answer("HTTP/1.1 500 Oh\r\n\r\n" .. ("\u{e9}"):rep(200))
    assert.equal("HOST answered 500 Oh: " .. ("\u{e9}"):rep(50) .. "...", message)
  end)

  it("tells where a redirect points", function()
    local message, component, code =
      answer("HTTP/1.1 302 Found\r\nLocation: wss://example.com/new\r\nContent-Length: 0\r\n\r\n")
    assert.equal("HOST answered 302 and points to wss://example.com/new; redirects are not followed", message)
    assert.same({ "LUAW", 302 }, { component, code })
  end)

  it("tells what is wrong with a 101", function()
    local function wrong(headers)
      local message, component, code = answer(function(other, request) return other:upgradeText(request, headers) end)
      assert.same({ "LUAW", 1002 }, { component, code })
      return (message:gsub("^bad answer from HOST: ", ""))
    end
    assert.equal("the answer's Sec-WebSocket-Accept is not for this request",
      wrong({ ["Sec-WebSocket-Accept"] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }))
    assert.equal("not one Sec-WebSocket-Accept in the answer", wrong({ ["Sec-WebSocket-Accept"] = false }))
    assert.matches("Upgrade: websocket", wrong({ Upgrade = "h2c" }))
    assert.equal("the server chose a subprotocol that was not offered", wrong({ ["Sec-WebSocket-Protocol"] = "x" }))
    assert.matches("extension", wrong({ ["Sec-WebSocket-Extensions"] = "permessage-deflate" }))
  end)

  it("tells of rubbish, of floods, and of nothing", function()
    local message, component, code = answer("SSH-2.0-OpenSSH_9.2p1\r\n")
    assert.matches("^bad answer from HOST: ", message)
    assert.same({ "LUAW", 1002 }, { component, code })
    local flood = {}
    for i = 1, 200 do flood[i] = ("X-%d: y\r\n"):format(i) end
    assert.matches("^bad answer from HOST: ", (answer("HTTP/1.1 101 Switching Protocols\r\n" .. table.concat(flood))))
    message, component, code = answer("")
    assert.same({ "HOST closed the connection without an answer", "UV__", -4095 }, { message, component, code })
    assert.equal("HOST closed the connection in the middle of its answer", (answer("HTTP/1.1 101 Swi")))
  end)

  it("tells that the connection was lost", function()
    local p = peer.listen()
    local c = dial(start(), p)
    local other = p:accept()
    other:readRequest()
    other:reset()
    local message, component, code = c:expectFailure()
    assert.equal(("lost the connection to 127.0.0.1:%d before its answer: connection reset by peer"):format(p.port),
      message)
    assert.same({ "UV__", -104 }, { component, code })
    assert.same({ 0, 0, 1 }, { select(1, c.core:stats()), select(2, c.core:stats()), (select(3, c.core:stats())) })
  end)

  it("refuses to send what is no request", function()
    local p = peer.listen()
    local message, component, code = fail(p, { headers = { "X-Bad", "a\r\nb" } })
    assert.matches("^can't ask 127%.0%.0%.1:%d+: a header with a line break", message)
    assert.same({ "LUAW", 1002 }, { component, code })
  end)
end)

describe("a client over TLS", function()
  local function listen(certificate)
    return peer.listen({ tls = { cert = certificate.cert, key = certificate.key } })
  end

  it("talks, and ends in order", function()
    local p = listen(certificates.server)
    local c = dial(start(), p, { isSecure = true, host = "localhost", ca = certificates.ca })
    local other = p:open()
    c:expect("opened")
    local text = ("over TLS "):rep(build.pick(20000, 100))
    c:send(text)
    assert.equal(text, (other:receive()))
    other:send(text)
    assert.equal(text, c:expect("message").data)
    c.core:close(c.handle, 1000)
    other:expectClose(1000)
    assert.is_true(c:expect("closed").wasClean)
  end)

  it("believes anybody where it shall", function()
    local p = listen(certificates.selfSigned)
    local c = dial(start(), p, { isSecure = true, insecure = true })
    p:open()
    c:expect("opened")
  end)

  local function failWith(certificate, options)
    local p = listen(certificate)
    options.isSecure = true
    local c = dial(start(), p, options)
    pcall(p.accept, p)
    local message, component = c:expectFailure()
    return message, component
  end

  it("tells whose certificate it doesn't believe, and why", function()
    for _, name in ipairs({ "selfSigned", "other", "expired", "future", "stranger" }) do
      local message, component = failWith(certificates[name], { host = "localhost", ca = certificates.ca })
      assert.equal("OSSL", component, name)
      assert.matches("^no TLS with localhost:%d+: ", message)
    end
  end)

  it("tells of a peer that doesn't speak it, and of one that says nothing", function()
    local p = peer.listen()
    local c = dial(start(), p, { isSecure = true, insecure = true })
    local other = p:accept()
    other:write("HTTP/1.1 400 Bad Request\r\n\r\n")
    local message, component = c:expectFailure()
    assert.matches("^no TLS with 127%.0%.0%.1:%d+: ", message)
    assert.equal("OSSL", component)
    c = dial(start(), p, { isSecure = true, insecure = true, connectTimeout = 200 })
    message = c:expectFailure()
    assert.equal(("no TLS with 127.0.0.1:%d: the handshake was not done within 0.2 s"):format(p.port), message)
  end)

  local function openSecure()
    local p = listen(certificates.server)
    local c = dial(start(), p, { isSecure = true, host = "localhost", ca = certificates.ca })
    local other = p:open()
    c:expect("opened")
    return c, other
  end

  it("tells of a record that was damaged on its way", function()
    local c, other = openSecure()
    other.stream.under:write("\x17\x03\x03\x00\x20" .. ("x"):rep(32))
    local message, component = c:expectFailure()
    assert.matches("damaged", message)
    assert.equal("OSSL", component)
  end)

  it("takes an end without close_notify for a peer that goes away", function()
    local c, other = openSecure()
    other.stream.under:shutdown()
    assert.equal(1006, c:expect("closed").code)
  end)

  it("reads a file of authorities again when it has changed", function()
    local p, dialer = listen(certificates.server), start()
    local ca = server.folder({}) .. "/ca.pem"
    local function dialWith(authority)
      local file = assert(io.open(ca, "w"))
      file:write(certificates.text(authority))
      file:close()
      return dial(dialer, p, { isSecure = true, host = "localhost", ca = ca })
    end
    for _ = 1, 2 do
      local c = dialWith(certificates.ca)
      p:open()
      c:expect("opened")
      c = dialWith(certificates.strangerCa)
      pcall(p.accept, p)
      assert.matches("nobody who is trusted", (c:expectFailure()))
    end
  end)

  it("tells settings apart, and keeps but a few of them", function()
    local p, dialer = listen(certificates.server), start()
    local function isTrusted(options)
      options.isSecure, options.host = true, "localhost"
      local c = dial(dialer, p, options)
      if pcall(p.open, p) then return c:expect("opened").type == "opened" end
      return c:expectFailure() == nil
    end
    for i = 1, 3 do
      assert.is_true(isTrusted { ca = certificates.ca })
      assert.is_false(isTrusted {})
      assert.is_true(isTrusted { insecure = true })
      assert.is_false(isTrusted { ca = certificates.strangerCa })
      for j = 1, 4 do assert.is_true(isTrusted { ca = certificates.text(certificates.ca) .. ("\n"):rep(4 * i + j) }) end
    end
  end)

  it("names the file of certificates that it can't read", function()
    local message = failWith(certificates.server, { ca = "/no/such/file.pem" })
    assert.matches("/no/such/file%.pem", message)
  end)
end)
