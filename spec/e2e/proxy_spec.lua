-- A client that goes through an HTTP proxy: CONNECT, and then all the rest within the tunnel. The proxies here are
-- peers that the test plays itself, down to the byte; two of the tests have one that forwards in earnest.

local uv = require "luv"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local peer = require "spec.support.peer"
local server = require "spec.support.server"
local tls = require "spec.support.tls"

-- A script that makes a client and says what becomes of it.
local SCRIPT = [[
  local ws, why = luaws.WebSocket.new(%s, {
    onOpen = function(_, ws) say("open", ws.protocol) end,
    onMessage = function(_, ws, event) say("message", #event.data) ws:send(event.data:upper()) end,
    onError = function(_, _, event)
      local err = event.errors[1]
      say("error", err.componentSignature, err.errCode, err.message)
    end,
    onTerminate = function(_, _, event) say("closed", event.code, event.wasClean) end,
  }, { %s })
  if not ws then say("no client:", why) end
]]

-- `options`: of WebSocket.new, as text; `environment`: variables of luaws; `faults`: see spec/faults/faults.c.
local function dial(url, options, environment, faults)
  return server.start(SCRIPT:format(("%q"):format(url), options or ""),
    { env = environment, faults = faults, workers = 1 })
end

local function proxyOption(proxy) return ("proxy = %q"):format(proxy) end

local TRUST = (", tls = { ca = %q }"):format(certificates.ca)

-- The next client of a proxy, and its request, which isn't answered.
local function accept(proxy)
  local c = proxy:accept()
  return c, c:readRequest()
end

local ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n"

-- The same with the tunnel open; `inside`: TLS in it (spec.support.tls). What the test says to it, it says as the
-- server at the other end.
local function tunnel(proxy, inside)
  local c, request = accept(proxy)
  assert.equal("CONNECT", request.method)
  assert.equal(request.path, request.headers.host)
  c:write(ESTABLISHED)
  if inside then c = client.wrap(tls.server(c.stream, inside), getmetatable(c)) end
  return c, request
end

-- That was the only client: the program ends by itself.
local function assertEnds(s, how)
  assert.equal("closed " .. how, s:line())
  assert.equal(0, (s:awaitExit()))
end

-- The server's part of a good connection.
local function serve(c, s)
  local request = c:readRequest()
  peer.checkRequest(request)
  c:upgrade(request)
  assert.equal("open nil", s:line())
  c:send("hello")
  assert.equal("message 5", s:line())
  assert.equal("HELLO", c:receive())
  c:sendClose(1000)
  c:expectCloseFrame(1000)
  assertEnds(s, "1000 true") -- so that nobody may be there any more for what TLS says at its end
  c:halfClose()
  c:readAll()
  return request
end

local function assertFails(s, text)
  assert.equal("error " .. text, s:line())
  assertEnds(s, "1006 false")
end

describe("a client with a proxy", function()
  it("asks it for a tunnel, and is a WebSocket in that", function()
    local proxy = peer.listen()
    local s = dial("ws://upstream.example/chat?x=1", proxyOption("http://127.0.0.1:" .. proxy.port))
    local c, request = tunnel(proxy)
    assert.equal("CONNECT upstream.example:80 HTTP/1.1\r\nHost: upstream.example:80\r\n\r\n", request.text)
    request = serve(c, s)
    assert.equal("/chat?x=1", request.path)
    assert.equal("upstream.example", request.headers.host)
    assert.is_nil(request.headers["proxy-authorization"])
  end)

  it("tells it user and password, and the server its own", function()
    local proxy = peer.listen()
    local s = dial("ws://ann:secret@[2001:db8::1]:8080/", proxyOption("http://us%65r:p%40ss@127.0.0.1:" .. proxy.port))
    local c, request = tunnel(proxy)
    assert.equal("[2001:db8::1]:8080", request.path)
    assert.equal("Basic dXNlcjpwQHNz", request.headers["proxy-authorization"])
    assert.is_nil(request.headers.authorization)
    request = serve(c, s)
    assert.equal("Basic YW5uOnNlY3JldA==", request.headers.authorization)
    assert.is_nil(request.headers["proxy-authorization"])
  end)

  it("reaches it at an IPv6 address", function()
    local proxy = peer.listen({ host = "::1" })
    local s = dial("ws://upstream.example/", proxyOption(("http://[::1]:%d"):format(proxy.port)))
    serve(tunnel(proxy), s)
  end)

  it("speaks TLS with the server through it", function()
    local proxy = peer.listen()
    local s = dial("wss://other.example/", proxyOption("http://127.0.0.1:" .. proxy.port) .. TRUST)
    local c, request = tunnel(proxy, { cert = certificates.other.cert, key = certificates.other.key })
    assert.equal("other.example:443", request.path)
    assert.equal("other.example", serve(c, s).headers.host)
  end)

  it("speaks TLS with the proxy itself", function()
    local proxy = peer.listen({ tls = true })
    local s = dial("ws://upstream.example:9000/", proxyOption("https://localhost:" .. proxy.port) .. TRUST)
    local c, request = tunnel(proxy)
    assert.equal("upstream.example:9000", request.path)
    serve(c, s)
  end)

  it("speaks TLS with the server in TLS with the proxy", function()
    local proxy = peer.listen({ tls = true })
    local s = dial("wss://other.example/", proxyOption("https://127.0.0.1:" .. proxy.port) .. TRUST)
    local c = tunnel(proxy, { cert = certificates.other.cert, key = certificates.other.key })
    serve(c, s)
  end)

  it("shows its certificate to the server alone", function()
    local asking = { ca = certificates.ca, verify = "optional" }
    local proxy = peer.listen({ tls = asking })
    local s = dial("wss://other.example/", proxyOption("https://localhost:" .. proxy.port)
      .. (", tls = { ca = %q, cert = %q, key = %q }"):format(certificates.ca, certificates.client.cert,
        certificates.client.key))
    local c, request = accept(proxy)
    assert.same({ "localhost", nil }, { c.stream:facts().name, c.stream:facts().fingerprint })
    assert.equal("other.example:443", request.path)
    c:write(ESTABLISHED)
    local inside = client.wrap(tls.server(c.stream, { cert = certificates.other.cert, key = certificates.other.key,
      ca = certificates.ca, verify = "required" }), getmetatable(c))
    local facts = inside.stream:facts()
    assert.same({ "other.example", certificates.fingerprint(certificates.client.cert) },
      { facts.name, facts.fingerprint })
    serve(inside, s)
  end)

  it("reads an answer that comes byte by byte, or with others before it", function()
    local proxy = peer.listen()
    local s = dial("ws://upstream.example/", proxyOption("http://127.0.0.1:" .. proxy.port))
    local c = accept(proxy)
    c:write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", true)
    serve(c, s)
  end)
end)

describe("a proxy that gives no tunnel", function()
  local proxy, name

  before_each(function()
    proxy = peer.listen()
    name = "the proxy 127.0.0.1:" .. proxy.port
  end)

  local function begin(options)
    return dial("ws://upstream.example/", proxyOption("http://127.0.0.1:" .. proxy.port) .. (options or ""))
  end

  it("is told with its status and reason", function()
    for answer, text in pairs {
      ["407 Proxy Authentication Required"] = "it answered 407 Proxy Authentication Required "
        .. "(give user and password in its URL: http://user:password@host:port)",
      ["403 Forbidden"] = "it answered 403 Forbidden (it doesn't allow that host or port)",
      ["502 Bad Gateway"] = "it answered 502 Bad Gateway",
      ["302 Found"] = "it answered 302 Found",
      ["101 Switching Protocols"] = "it answered 101 Switching Protocols",
    } do
      local s = begin()
      local c = accept(proxy)
      c:write("HTTP/1.1 " .. answer .. "\r\nContent-Length: 4\r\n\r\nSome")
      assertFails(s, ("LUAW %s %s gives no tunnel to upstream.example:80: %s"):format(answer:match("^%d+"), name, text))
      c:readAll() -- to its end
    end
  end)

  it("is told when it answers with garbage", function()
    for answer, why in pairs {
      ["SSH-2.0-OpenSSH_9.2\r\n"] = "malformed status line",
      ["HTTP/2.0 200 OK\r\n\r\n"] = "malformed status line",
      ["\0\1\2\3"] = "control character",
      ["HTTP/1.1 200 OK\r\nBad header\r\n\r\n"] = "malformed header",
      ["HTTP/1.1 200 OK\r\n" .. ("X: y\r\n"):rep(101)] = "too many header lines",
      ["HTTP/1.1 200 OK\r\nX: " .. ("y"):rep(100000)] = "header lines too long",
      ["HTTP/1.1 103 x\r\n\r\n" .. ("HTTP/1.1 103 x\r\n\r\n"):rep(16)] = "too many interim answers",
    } do
      local s = begin()
      accept(proxy):write(answer)
      assertFails(s, ("LUAW 1002 bad answer from %s: %s"):format(name, why))
    end
  end)

  it("is told when it says more than it may", function()
    if build.isTiny then return pending "read byte by byte, it is the server that seems to have said it" end
    local s = begin()
    accept(proxy):write(ESTABLISHED .. "HTTP/1.1 101 Switching")
    assertFails(s, ("LUAW 1002 bad answer from %s: bytes behind it that the server can't have sent"):format(name))
  end)

  it("is told when it closes", function()
    local s = begin()
    local c = accept(proxy)
    c:halfClose()
    assertFails(s, ("UV__ %d %s closed the connection without an answer"):format(uv.constants.EOF or -4095, name))
    s = begin()
    c = accept(proxy)
    c:write("HTTP/1.1 200 O")
    c:halfClose()
    assertFails(s, ("UV__ -4095 %s closed the connection in the middle of its answer"):format(name))
    s = begin()
    accept(proxy):reset()
    assertFails(s, ("UV__ -104 lost the connection to %s before its answer: connection reset by peer"):format(name))
  end)

  it("is told when it answers before it is asked", function()
    local s = dial("ws://upstream.example/", proxyOption("http://127.0.0.1:" .. proxy.port), nil,
      "send:EAGAIN,sendmsg:EAGAIN")
    proxy:accept():write(ESTABLISHED)
    assertFails(s, ("LUAW 1002 bad answer from %s: it has come before the request was sent"):format(name))
  end)

  it("falls under connectTimeout", function()
    local late = build.pick(0.2, 1)
    local s = begin((", connectTimeout = %g"):format(late))
    local c = accept(proxy)
    assertFails(s, ("UV__ -110 no answer from %s within %g s"):format(name, late))
    c:expectEof()
    s = begin((", connectTimeout = %g"):format(late))
    accept(proxy):write("HTTP/1.1 200 OK\r\n")
    assertFails(s, ("UV__ -110 no whole answer from %s within %g s"):format(name, late))
    s = begin((", connectTimeout = %g"):format(late)) -- the tunnel is there, and the server in it is silent
    tunnel(proxy)
    assertFails(s, ("UV__ -110 no answer from upstream.example:80 by way of %s within %g s"):format(name, late))
  end)

  it("may not be there at all", function()
    proxy:close()
    assertFails(begin(), ("UV__ -111 can't connect to %s: connection refused"):format(name))
  end)

  it("may have a certificate that can't be believed", function()
    local secure = peer.listen({ tls = { cert = certificates.other.cert, key = certificates.other.key } })
    local s = dial("wss://upstream.example/", proxyOption("https://localhost:" .. secure.port) .. TRUST)
    assert.has_error(function() secure:accept() end)
    local line = s:line()
    assert.truthy(line:find(("no TLS with the proxy localhost:%d: "):format(secure.port), 1, true), line)
    assert.truthy(line:find("'other.example'", 1, true), line)
    assertEnds(s, "1006 false")
  end)
end)

describe("a client that is in a proxy's hands", function()
  local CLIENT = "ws = luaws.WebSocket.new(%q, { onError = function() say('error') end, "
    .. "onTerminate = function(_, _, event) say('closed', event.code) end }, { %s }) %s"

  local function begin(proxy, ending)
    return server.start(CLIENT:format("wss://upstream.example/",
      proxyOption("https://localhost:" .. proxy.port) .. TRUST, ending or ""), { workers = 1 })
  end

  it("can be given up by the script", function()
    for _, ending in ipairs { "terminate", "destroy" } do
      local proxy, control = peer.listen({ tls = true }), peer.listen()
      local s = begin(proxy, ([[
        luaws.spawn(function()
          local control = luaws.WebSocket.new(%q)
          control:receive()
          control:destroy()
          ws:%s()
        end)
      ]]):format(control.url .. "/", ending))
      local c = accept(proxy)
      control:open():send("now")
      assertEnds(s, "1006")
      c:readAll()
    end
  end)

  it("goes with the program", function()
    local proxy = peer.listen({ tls = true })
    local s = begin(proxy)
    accept(proxy)
    s:stop()
    assert.equal("closed 1006", s:line())
    s = begin(proxy)
    local c = accept(proxy)
    c:write(ESTABLISHED)
    c:readUntil("\x16") -- the ClientHello within
    s:stop()
    assert.equal("closed 1006", s:line())
  end)

  it("tries again through it", function()
    local proxy = peer.listen()
    local s = dial("ws://upstream.example/", proxyOption("http://127.0.0.1:" .. proxy.port)
      .. ", reconnect = { min = 0.01, max = 0.01 }")
    local c = accept(proxy)
    c:write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    assert.truthy(s:line():find("503 Service Unavailable", 1, true))
    assert.equal("closed 1006 false", s:line())
    c = tunnel(proxy)
    c:upgrade(c:readRequest())
    assert.equal("open nil", s:line())
    c:drop()
    assert.equal("closed 1006 false", s:line())
    c = tunnel(proxy)
    c:upgrade(c:readRequest())
    assert.equal("open nil", s:line())
    s:signalProcess("sigterm")
    c:expectClose(1001)
    assertEnds(s, "1001 true")
  end)
end)

describe("a server behind a proxy", function()
  it("is named, with the proxy, when it refuses", function()
    local proxy = peer.listen()
    local s = dial("ws://upstream.example/", proxyOption("http://127.0.0.1:" .. proxy.port))
    local c = tunnel(proxy)
    c:readRequest()
    c:write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assertFails(s, ("LUAW 404 upstream.example:80 by way of the proxy 127.0.0.1:%d answered 404 Not Found")
      :format(proxy.port))
  end)

  it("has to have the certificate, not the proxy", function()
    for _, isSecure in ipairs { false, true } do
      local proxy = peer.listen({ tls = isSecure })
      local s = dial("wss://upstream.example/",
        proxyOption((isSecure and "https" or "http") .. "://localhost:" .. proxy.port) .. TRUST)
      assert.has_error(function() tunnel(proxy, true) end) -- the proxy's own
      local line = s:line()
      local expected = "no TLS with upstream.example:443 by way of the proxy localhost:%d: "
      assert.truthy(line:find(expected:format(proxy.port), 1, true), line)
      assertEnds(s, "1006 false")
    end
  end)

  it("may be cut off by the proxy", function()
    local proxy = peer.listen({ tls = true })
    local s = dial("wss://upstream.example/", proxyOption("https://localhost:" .. proxy.port) .. TRUST)
    local c = tunnel(proxy)
    c:readUntil("\x16") -- the ClientHello within
    c.stream.under:shutdown() -- without a close_notify of its TLS
    local line = s:line()
    assert.truthy(line:find("no TLS with upstream.example:443 by way of the proxy", 1, true), line)
    assert.truthy(line:find("cut off", 1, true), line)
    assertEnds(s, "1006 false")
  end)

  it("may break off in the midst of a message", function()
    local proxy = peer.listen({ tls = true })
    local s = dial("wss://other.example/", proxyOption("https://localhost:" .. proxy.port) .. TRUST)
    local c = tunnel(proxy, { cert = certificates.other.cert, key = certificates.other.key })
    c:upgrade(c:readRequest())
    assert.equal("open nil", s:line())
    c:write("\x81\x7d12345")
    c:reset()
    local line = s:line()
    assert.truthy(line:find("lost the connection in the middle of a message", 1, true), line)
    assertEnds(s, "1006 false")
  end)
end)

-- Forwards a tunnel to a port of this machine.
local function forward(c, port)
  local to = client.connect(port)
  to:write(c:read(#c:peek())) -- what has come meanwhile
  for from, other in pairs { [c.stream] = to.stream, [to.stream] = c.stream } do
    from:read_start(function(_, bytes)
      if other:is_closing() then return end
      if bytes then other:write(bytes) else other:shutdown() end
    end)
  end
end

local ECHO = "serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { maxPayload = 4 * 1024 * 1024 })"

local EXCHANGE = [[
  luaws.spawn(function()
    local ws = luaws.WebSocket.new(%q, nil, { maxPayload = 4 * 1024 * 1024, %s })
    say(ws:opened())
    local text = ("0123456789abcdef"):rep(%d)
    for _ = 1, 3 do
      ws:send(text)
      say(ws:receive() == text)
    end
    ws:terminate()
    say(ws:receive())
  end)
]]

describe("a proxy that forwards", function()
  for _, case in ipairs { { "ws", "http" }, { "ws", "https" }, { "wss", "http" }, { "wss", "https" } } do
    local scheme, proxyScheme = table.unpack(case)
    it(("carries large messages both ways: %s over %s"):format(scheme, proxyScheme), function()
      local upstream = server.start(ECHO, { tls = scheme == "wss" })
      local proxy = peer.listen({ tls = proxyScheme == "https" })
      local s = server.start(EXCHANGE:format(scheme .. "://localhost/",
        proxyOption(proxyScheme .. "://localhost:" .. proxy.port) .. TRUST, build.pick(65536, 1024)), { workers = 1 })
      forward(tunnel(proxy), upstream.port)
      for _, line in ipairs { "true", "true", "true", "true", "nil closed 1000" } do assert.equal(line, s:line()) end
      assert.equal(0, (s:awaitExit()))
    end)
  end
end)

describe("the proxy of the environment", function()
  it("is taken, for its scheme", function()
    local proxy = peer.listen()
    local url = "http://127.0.0.1:" .. proxy.port
    for _, environment in ipairs { { HTTP_PROXY = url }, { http_proxy = "127.0.0.1:" .. proxy.port } } do
      local s = dial("ws://upstream.example/", nil, environment)
      serve(tunnel(proxy), s)
    end
    local s = dial("wss://other.example/", TRUST:sub(3), { HTTPS_PROXY = url, HTTP_PROXY = "127.0.0.1:1" })
    serve(tunnel(proxy, { cert = certificates.other.cert, key = certificates.other.key }), s)
  end)

  it("isn't for hosts in NO_PROXY, nor where the script says otherwise", function()
    local direct, proxy = peer.listen(), peer.listen()
    local function assertDirect(options, environment)
      local s = dial(direct.url .. "/", options, environment)
      serve(direct:accept(), s)
    end
    assertDirect(nil, { HTTP_PROXY = "127.0.0.1:1", NO_PROXY = "example.com, 127.0.0.0/8" })
    assertDirect(nil, { HTTP_PROXY = "127.0.0.1:1", no_proxy = "*" })
    assertDirect(nil, { HTTPS_PROXY = "127.0.0.1:1" })
    assertDirect("proxy = false", { HTTP_PROXY = "127.0.0.1:1" })
    local s = dial(direct.url .. "/", proxyOption("http://127.0.0.1:" .. proxy.port),
      { HTTP_PROXY = "127.0.0.1:1", NO_PROXY = "*" })
    serve(tunnel(proxy), s)
  end)

  it("is an error when it is none", function()
    local s = dial("ws://upstream.example/", nil, { HTTP_PROXY = "socks5://ann:secret@127.0.0.1:1" })
    assert.equal("no client: malformed URL in the environment's HTTP_PROXY: "
      .. "a proxy's must begin with http:// or https://", s:line())
    assert.equal(0, (s:awaitExit()))
  end)
end)
