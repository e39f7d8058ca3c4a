-- What luaws' client does with servers, names and networks that mean no good, or are none: each gives one onError that
-- says what was wrong, and one onTerminate; then the program, which has nothing else to do, ends. What goes over the
-- wire in answers and frames is for the conformance suite.

local uv = require "luv"
local async = require "spec.support.async"
local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local dialer = require "spec.support.dialer"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

local QUICKLY = "connectTimeout = 0.5"
local TRUST = ("tls = { ca = %q }"):format(certificates.ca)

-- Where nobody listens.
local function closedPort(host)
  local p = peer.listen({ host = host })
  p:close()
  return p.port
end

-- A server whose handshake of TLS nobody will finish, as a task: what it fails by doesn't matter.
local function acceptAnyhow(p)
  return async.spawn(function()
    local ok, c = pcall(p.accept, p)
    return ok and c
  end)
end

describe("a malformed URL gives nil and an error, and no callback:", function()
  for url, text in pairs({
    [""] = "it must begin with ws:// or wss://",
    ["localhost:8080"] = "it must begin with ws:// or wss://",
    ["//localhost"] = "it must begin with ws:// or wss://",
    ["http://localhost/"] = "http:// is for pages: use ws://",
    ["https://localhost/"] = "https:// is for pages: use wss://",
    ["ftp://localhost/"] = "it must begin with ws:// or wss://",
    ["ws:"] = "it must begin with ws:// or wss://",
    ["ws://"] = "no host",
    ["ws:///path"] = "no host",
    ["ws://:80/"] = "no host",
    ["ws://local host/"] = "a blank in it",
    ["ws://localhost/a b"] = "a blank in it",
    ["ws://localhost/a\tb"] = "control character",
    ["ws://localhost/a\r\nX-Header: x"] = "control character",
    ["ws://localhost:0/"] = "the port must be a number from 1 to 65535",
    ["ws://localhost:65536/"] = "the port must be a number from 1 to 65535",
    ["ws://localhost:80x/"] = "the port must be a number from 1 to 65535",
    ["ws://localhost:-1/"] = "the port must be a number from 1 to 65535",
    ["ws://localhost:99999999999999999999/"] = "the port must be a number from 1 to 65535",
    ["ws://[::1/"] = "IPv6",
    ["ws://[::1]x/"] = "malformed",
    ["ws://[::g]/"] = "malformed",
    ["ws://localhost/#part"] = "a fragment",
  }) do
    it(("%q"):format(url), function()
      local s = dialer.start(url)
      dialer.expectEnd(s, { "^none malformed URL: ", (text:gsub("%p", "%%%0")) })
    end)
  end

  it("one that is longer than any request", function()
    dialer.expectEnd(dialer.start("ws://localhost/" .. ("x"):rep(100000)), { "^none malformed URL: " })
  end)
end)

describe("a certificate that can't be believed ends the handshake:", function()
  local function assertNotBelieved(options, how, ...)
    local p = peer.listen({ tls = options })
    local task = acceptAnyhow(p)
    local s = dialer.start(how.url and how.url:format(p.port) or p.url, how.tls or TRUST)
    dialer.fails(s, "^error OSSL ", ...)
    task:join()
  end

  it("one that has expired", function()
    assertNotBelieved(certificates.expired, {}, "expired")
  end)

  it("one that isn't valid yet", function()
    assertNotBelieved(certificates.future, {}, "not yet valid")
  end)

  it("one for another name", function()
    assertNotBelieved(certificates.other, { url = "wss://localhost:%d/" }, "other%.example", "localhost")
  end)

  it("one for another name, where an address is dialed", function()
    assertNotBelieved(certificates.wildcard, {}, "example%.com", "127%.0%.0%.1")
  end)

  it("one that is signed by itself", function()
    assertNotBelieved(certificates.selfSigned, {}, "self%-signed")
  end)

  it("one of an authority that nobody knows", function()
    assertNotBelieved(certificates.stranger, {}, "issuer")
  end)

  it("one that the system's store doesn't know", function()
    assertNotBelieved(certificates.server, { tls = "" }, "issuer")
  end)

  it("a server that speaks nothing newer than TLS 1.1", function()
    local p = peer.listen({ tls = { maxVersion = "1.1" } })
    local task = acceptAnyhow(p)
    dialer.fails(dialer.start(p.url, TRUST), "^error OSSL ", "version")
    task:join()
  end)

  it("(and insecure believes each of them)", function()
    for _, name in ipairs({ "expired", "future", "other", "selfSigned", "stranger" }) do
      local p = peer.listen({ tls = certificates[name] })
      local s = dialer.start(p.url, "tls = { insecure = true }")
      local c = p:open()
      c:sendClose(1000)
      c:expectCloseFrame(1000)
      dialer.expectEnd(s, "open nil", "end 1000 nil true")
    end
  end)
end)

describe("a server that can't be reached is told of:", function()
  for _, host in ipairs({ "127.0.0.1", "::1", "localhost" }) do
    it("a closed port of " .. host, function()
      local port = closedPort(host ~= "::1" and "127.0.0.1" or host)
      local authority = host == "::1" and "%[::1%]" or host
      local url = ("ws://%s:%d/"):format(authority:gsub("%%", ""), port)
      dialer.fails(dialer.start(url), "^error UV__ ", authority .. ":" .. port .. ": connection refused")
    end)
  end

  it("an address that nobody has a way to", function()
    dialer.fails(dialer.start("ws://255.255.255.255/"), "^error UV__ ", "can't connect to 255%.255%.255%.255:80: ")
  end)

  -- Its queue is full: a SYN is answered by nothing.
  it("a listener that never accepts", function()
    local listener = uv.new_tcp()
    listener:bind("127.0.0.1", 0)
    listener:listen(1, function() end) -- libuv takes one, and no more before that is accepted
    async.defer(function() listener:close() end)
    local port, waiting = listener:getsockname().port, {}
    for i = 1, 8 do
      waiting[i] = uv.new_tcp()
      waiting[i]:connect("127.0.0.1", port, function() end)
    end
    async.defer(function()
      for _, tcp in ipairs(waiting) do tcp:close() end
    end)
    dialer.fails(dialer.start(("ws://127.0.0.1:%d/"):format(port), QUICKLY),
      "^error UV__ ", "no answer", "127%.0%.0%.1:" .. port .. " within 0%.5 s") -- the kernel may have taken it
  end)
end)

describe("a server that keeps silent is given up after connectTimeout:", function()
  it("instead of answering the handshake", function()
    local p = peer.listen()
    local s = dialer.start(p.url, QUICKLY)
    local c = p:accept()
    peer.checkRequest(c:readRequest())
    dialer.fails(s, "0%.5 s")
    c:readAll()
  end)

  it("in the midst of its answer", function()
    local p = peer.listen()
    local s = dialer.start(p.url, QUICKLY)
    local c = p:accept()
    c:write(c:upgradeText(c:readRequest()):sub(1, -3))
    dialer.fails(s, "0%.5 s")
    c:readAll()
  end)

  it("though a byte of the answer comes now and then", function()
    local p = peer.listen()
    local s = dialer.start(p.url, QUICKLY)
    local c = p:accept()
    c:readRequest()
    local isOver = false
    local task = async.spawn(function()
      for byte in ("HTTP/1.1 101 " .. ("x"):rep(1000)):gmatch(".") do
        if isOver or c.ended then return end
        c:write(byte)
        async.sleep(0.05)
      end
    end)
    dialer.fails(s, "0%.5 s")
    isOver = true
    task:join()
  end)

  it("instead of shaking hands in TLS", function()
    local p = peer.listen()
    local s = dialer.start((p.url:gsub("^ws", "wss")), QUICKLY)
    local c = p:accept()
    assert.equal("\22\3\1", c:read(3)) -- a ClientHello
    dialer.fails(s, "TLS", "0%.5 s")
    c:readAll()
  end)

  it("with TLS, instead of answering the handshake", function()
    local p = peer.listen({ tls = true })
    local s = dialer.start(p.url, QUICKLY .. ", " .. TRUST)
    local c = p:accept()
    peer.checkRequest(c:readRequest())
    dialer.fails(s, "0%.5 s")
    c:readAll()
  end)
end)

describe("a name", function()
  -- luaws-faults, whose getaddrinfo knows these names (spec/faults/hosts.c).
  local function dialNamed(hosts, url, options, settings)
    local all = { faults = "", env = { LUAWS_HOSTS = hosts } }
    for name, value in pairs(settings or {}) do all[name] = value end
    return dialer.start(url, options, all)
  end

  local function talks(p, s)
    local c = p:open()
    c:send("hello")
    assert.equal("hello", c:receive())
    c:close(1000)
    dialer.expectEnd(s, "open nil", "message hello", "end 1000 nil true")
    return c
  end

  it("that has an IPv6 address alone is connected to", function()
    local p = peer.listen({ host = "::1" })
    local s = dialNamed("six.example=::1", ("ws://six.example:%d/"):format(p.port))
    assert.equal("six.example:" .. p.port, talks(p, s).request.headers.host)
  end)

  it("(and an IPv6 address by itself)", function()
    local p = peer.listen({ host = "::1" })
    local s = dialer.start(p.url .. "/")
    assert.equal("[::1]:" .. p.port, talks(p, s).request.headers.host)
  end)

  it("whose first addresses refuse is connected to by the last", function()
    local p = peer.listen()
    local s = dialNamed("many.example=::1,127.0.0.2,127.0.0.3,127.0.0.1", ("ws://many.example:%d/"):format(p.port))
    talks(p, s)
  end)

  it("whose addresses all refuse is told with each of them", function()
    local s = dialNamed("none.example=::1,127.0.0.2", ("ws://none.example:%d/"):format(closedPort()))
    dialer.fails(s, "^error UV__ ", "none%.example", "refused %(::1, 127%.0%.0%.2%)")
  end)

  it("is what the certificate must be for, and is asked for in TLS", function()
    local p = peer.listen({ tls = certificates.other })
    local s = dialNamed("other.example=127.0.0.1", ("wss://other.example:%d/"):format(p.port), TRUST)
    local c = talks(p, s)
    assert.equal("other.example", c.stream:facts().name)
    p = peer.listen({ tls = certificates.server })
    local task = acceptAnyhow(p)
    s = dialNamed("other.example=127.0.0.1", ("wss://other.example:%d/"):format(p.port), TRUST)
    dialer.fails(s, "^error OSSL ", "other%.example")
    task:join()
  end)

  for fault, text in pairs({
    EAI_NONAME = "can't find host 'x%.example'$", EAI_AGAIN = "no answer from a name server",
    EAI_FAIL = "can't find host 'x%.example': ", EAI_MEMORY = "can't find host 'x%.example': ",
  }) do
    it(("that can't be found (%s) is told"):format(fault), function()
      dialer.fails(dialNamed("x.example=" .. fault, "ws://x.example/"), "^error UV__ ", text)
    end)
  end

  it("that is long in being looked up is given up after connectTimeout", function()
    local folder = server.folder({ held = "" })
    local s = dialNamed(("x.example?%s/held=127.0.0.1"):format(folder), "ws://x.example/", QUICKLY)
    assert.truthy(s:line():find("^error UV__ .*x%.example.*0%.5 s"))
    assert.equal("end 1006 nil false", s:line())
    os.remove(folder .. "/held")
    dialer.expectEnd(s)
  end)

  it("that is long in being looked up and then found is connected to", function()
    local p = peer.listen()
    local folder = server.folder({ held = "" })
    local s = dialNamed(("x.example?%s/held=127.0.0.1"):format(folder), ("ws://x.example:%d/"):format(p.port))
    assert.equal(0, p.waiting)
    os.remove(folder .. "/held")
    talks(p, s)
  end)
end)

describe("rubbish is told as such", function()
  -- Each answer comes to a handshake that was right, and is followed by the end of TCP.
  for about, row in pairs({
    ["in place of an answer"] = { "SSH-2.0-OpenSSH_9.2p1\r\n", "bad answer", "status line" },
    ["in bits"] = { ("\0\255"):rep(100), "bad answer", "control character" },
    ["of a page"] = { "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n", "200", "hello" },
    ["of a refusal, with its text"] = {
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\n\r\nnot for you", "403", "not for you" },
    ["of a redirect, with where it points"] = {
      "HTTP/1.1 302 Found\r\nLocation: wss://other.example/chat\r\nContent-Length: 0\r\n\r\n", "302",
      "wss://other%.example/chat" },
    ["of an answer to somebody else"] = {
      "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        .. "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", "Sec%-WebSocket%-Accept" },
    ["of an answer without Upgrade"] = { "HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n", "Upgrade: websocket" },
    ["of an answer without Connection"] = { "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n", "Connection: Upgrade" },
    ["of HTTP/1.0"] = { "HTTP/1.0 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "HTTP/1.0" },
    ["of too many headers"] = { "HTTP/1.1 101 S\r\n" .. ("X: y\r\n"):rep(5000), "header" },
    ["of a header that is too long"] = { "HTTP/1.1 101 S\r\nX: " .. ("y"):rep(100000), "header" },
    ["of nothing"] = { "", "closed the connection without an answer" },
    ["of half an answer"] = { "HTTP/1.1 101 Switching Pro",
      "closed the connection in the middle of its answer" },
  }) do
    it(about, function()
      local p = peer.listen()
      local s = dialer.start(p.url)
      local c = p:accept()
      c:readRequest()
      c:write(row[1])
      c:halfClose()
      dialer.fails(s, table.unpack(row, 2))
    end)
  end

  for _, row in ipairs({
    { "a subprotocol that wasn't asked for", "Sec-WebSocket-Protocol", "v9", "subprotocol" },
    { "an extension that wasn't asked for", "Sec-WebSocket-Extensions", "x-unknown", "extension" },
    { "a compression that wasn't asked for", "Sec-WebSocket-Extensions", "permessage-deflate", "extension" },
  }) do
    it("of " .. row[1], function()
      local p = peer.listen()
      local s = dialer.start(p.url)
      p:open({ [row[2]] = row[3] })
      dialer.fails(s, row[4])
    end)
  end

  it("within TLS, in place of an answer", function()
    local p = peer.listen({ tls = true })
    local s = dialer.start(p.url, TRUST)
    local c = p:accept()
    c:readRequest()
    c:write("220 mail.example ESMTP\r\n")
    c:halfClose()
    dialer.fails(s, "bad answer", "status line")
  end)

  for about, bytes in pairs({
    ["in place of TLS"] = "HTTP/1.1 400 Bad Request\r\n\r\n", ["in bits, in place of TLS"] = ("\0\255"):rep(500),
    ["that begins as TLS does"] = "\22\3\3\255\255" .. ("x"):rep(70000),
  }) do
    it(about, function()
      local p = peer.listen()
      local s = dialer.start((p.url:gsub("^ws", "wss")))
      local c = p:accept()
      c:read(5)
      c:write(bytes)
      dialer.fails(s, "^error OSSL ")
    end)
  end

  it("in place of TLS, where nobody speaks it", function()
    local p = peer.listen()
    local s = dialer.start((p.url:gsub("^ws", "wss")))
    local c = p:accept()
    c:read(5)
    c:halfClose()
    dialer.fails(s, "TLS")
  end)

  it("where TLS is spoken to one that speaks none", function()
    local p = peer.listen({ tls = true })
    local task = acceptAnyhow(p)
    dialer.fails(dialer.start((p.url:gsub("^wss", "ws"))), "answer")
    task:join()
  end)

  it("of frames: the connection fails with its code", function()
    for _, row in ipairs({
      { { opcode = 3 }, 1002, "opcode" }, { { opcode = client.TEXT, payload = "\255" }, 1007, "UTF%-8" },
      { { opcode = client.TEXT, payload = "x", mask = client.MASK }, 1002, "mask" },
      { { opcode = client.BINARY, payload = "", length = 1 << 40, lengthBytes = 8 }, 1009, "too big" },
    }) do
      local p = peer.listen()
      local s = dialer.start(p.url)
      local c = p:open()
      c:sendFrame(row[1])
      c:expectFail(row[2])
      c:drop()
      dialer.expectEnd(s, "open nil", { "^error LUAW " .. row[2] .. " ", row[3] },
        { "^end " .. row[2] .. " .* false$" })
    end
  end)
end)

describe("a server that drops an open connection", function()
  local function open(isSecure)
    local p = peer.listen({ tls = isSecure })
    local s = dialer.start(p.url, isSecure and TRUST)
    local c = p:open()
    s:expectLines("open nil")
    return c, s
  end

  -- What it is dropped by, and what an error says of that.
  local WAYS = {
    ["by FIN"] = { function(c) c:halfClose() end, "the server closed the connection in the middle of a message" },
    ["by RST"] = { function(c) c:reset() end, "in the middle of a message" },
    ["by FIN, without close_notify,"] = { function(c)
      c.stream.under:shutdown()
      c:readAll()
    end, "in the middle of a message", isSecure = true },
  }
  local PARTS = {
    ["in the midst of a header"] = "\x81", ["in the midst of a length"] = "\x82\x7f\0\0",
    ["in the midst of a text"] = "\x81\x05Hel", ["between two fragments"] = "\x01\x03Hel",
    ["in the midst of a ping"] = "\x89\x05He",
  }

  for how, way in pairs(WAYS) do
    for _, isSecure in ipairs(way.isSecure and { true } or { true, false }) do
      local where = how .. (isSecure and " over TLS " or " ")
      for about, bytes in pairs(PARTS) do
        it(where .. about .. " is an error, and 1006", function()
          local c, s = open(isSecure)
          c:write(bytes)
          c:flush()
          way[1](c)
          dialer.expectEnd(s, { "^error UV__ ", way[2] }, "end 1006 nil false")
        end)
      end

      it(where .. "between two messages is 1006 and no error", function()
        local c, s = open(isSecure)
        c:send("silence")
        s:expectLines("message silence")
        way[1](c)
        dialer.expectEnd(s, "end 1006 nil false")
      end)
    end
  end
end)

describe("a server that never answers the close", function()
  it("is dropped after closeTimeout", function()
    local p = peer.listen()
    local s = dialer.start(p.url, "closeTimeout = 0.3")
    local c = p:open()
    c:send("close")
    c:expectCloseFrame(4000, "done")
    dialer.expectEnd(s, "open nil", "message close",
      { "^error UV__ ", "did not answer the close" }, "end 1006 nil false")
    c:readAll()
  end)

  it("though it goes on sending, is dropped all the same, and isn't heard", function()
    local p = peer.listen()
    local s = dialer.start(p.url, "closeTimeout = 0.3")
    local c = p:open()
    c:send("close")
    c:expectCloseFrame(4000, "done")
    for i = 1, 100 do c:send("late " .. i) end
    dialer.expectEnd(s, "open nil", "message close",
      { "^error UV__ ", "did not answer the close" }, "end 1006 nil false")
    c:readAll()
  end)
end)
