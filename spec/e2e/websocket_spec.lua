-- luaws.WebSocket with callbacks: what they are told, in which order, and what a script can do with a client. The
-- servers are luaws itself, and the spec, which speaks byte by byte (spec/support/peer.lua).

local assert = require "luassert"
local async = require "spec.support.async"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

-- connect(options, more): a client of the peer at `url`, whose handler tells all that it is called with; `more`
-- replaces methods. A message that begins with ! is a chunk, run with ws.
local TELLING = [[
  url = %q
  function luaws.onError(event) say("luaws.onError", event.errors[1].errCode, event.errors[1].message) end
  Teller = luaws.class "Teller"
  function Teller:onOpen(ws, event) say("open", event.type, event.attempt, ws.protocol) end
  function Teller:onMessage(ws, event)
    local code = type(event.data) == "string" and event.data:match "^!(.*)"
    if code then return load("local ws = ... " .. code)(ws) end
    say("message", event.data, event.isBinary)
  end
  function Teller:onDrain(ws, event) say("drain", ws.bufferedAmount) end
  function Teller:onError(ws, event)
    local e = event.errors[1]
    say("error", e.componentSignature, e.errCode, e.message)
  end
  function Teller:onTerminate(ws, event)
    say("terminate", ws.status, event.code, event.reason, event.wasClean, event.willRetry)
  end
  function connect(options, more)
    local handler = Teller.new()
    for name, value in pairs(more or {}) do handler[name] = value end
    return luaws.WebSocket.new(url, handler, options)
  end
]]

-- A script with a client of a new peer: the child, the listener.
local function start(script, options)
  local p = peer.listen(options and options.listen)
  options = setmetatable({ workers = 1, tls = false }, { __index = options }) -- each would make the client
  return server.start(TELLING:format(p.url .. "/chat?token=secret") .. (script or "connect()"), options), p
end

local function run(script, options)
  options = setmetatable({ workers = 1, tls = false }, { __index = options })
  return server.run('luaws = require "luaws" ' .. script, options).stdout
end

describe("a client", function()
  it("is told its opening, its messages and its end, in this order", function()
    local s, p = start()
    local c = p:open({ ["Sec-WebSocket-Protocol"] = false })
    c:send("one")
    c:sendBinary("two")
    c:close(4001, "enough")
    s:expectLines("open open 1 nil", "message one false", "message two true", "terminate Closed 4001 enough true false")
    assert.equal(0, (s:awaitExit()))
  end)

  it("sends text, blobs and JSON, as a connection does", function()
    local s, p = start([[
      connect(nil, { onOpen = function(_, ws)
        say(ws:send "text")
        ws:send("bytes", true) ws:send(luaws.blob "blob") ws:send { 1, { a = luaws.null } }
        say(pcall(ws.send, ws, 1)) say(pcall(ws.send, ws, "\xff"))
      end })
    ]])
    local c = p:open()
    assert.same({ "text", false }, { c:receive() })
    assert.same({ "bytes", true }, { c:receive() })
    assert.same({ "blob", true }, { c:receive() })
    assert.same({ '[1,{"a":null}]', false }, { c:receive() })
    s:expectLines("true 6")
    assert.matches("^false .*: send: expected a string, blob or table, got number 1$", s:line())
    assert.matches("^false .*: send: the string is no valid UTF%-8", s:line())
    c:close()
    s:awaitExit()
  end)

  it("has the data type of its options, else its handler's", function()
    local s, p = start([[
      connect({ dataType = "object" }, { dataType = "blob", onOpen = function(_, ws)
        say(ws.dataType, connect(nil, { dataType = "blob" }).dataType)
      end, onMessage = function(_, ws, event)
        say(type(event.data), #event.data.x, event.isBinary)
        ws:send(12)
      end })
    ]])
    local c = p:open()
    s:expectLines("object blob")
    local other = p:open()
    s:expectLines("open open 1 nil")
    c:send('{"x":[]}')
    assert.equal("12", (c:receive()))
    s:expectLines("table 0 false")
    c:close()
    other:close()
    s:awaitExit()
  end)

  it("answers the server's close, and tells its code and reason", function()
    local s, p = start()
    p:open():close()
    s:expectLines("open open 1 nil", "terminate Closed 1005 nil true false")
    s:awaitExit()
  end)

  it("that loses its server is told 1006, and no error", function()
    for _, how in ipairs { "drop", "reset" } do
      local s, p = start()
      local c = p:open()
      s:expectLines("open open 1 nil")
      c[how](c)
      s:expectLines("terminate Closed 1006 nil false false")
      s:awaitExit()
    end
  end)

  it("keeps the program alive until it has ended", function()
    local s, p = start("connect()")
    local c = p:open()
    s:expectLines("open open 1 nil")
    async.sleep(0.1)
    assert.is_nil(s.code)
    c:close(1000)
    assert.equal(0, (s:awaitExit()))
  end)

  it("gives an id that counts with those of connections, from 1 on", function()
    local s = server.start([[
      local open = {}
      serve({ onMessage = print, onOpen = function(_, ws) open[#open + 1] = ws end })
      local url = luaws.webServer.url:gsub("^http", "ws")
      local a, b = luaws.WebSocket.new(url), luaws.WebSocket.new(url)
      say(a.id, b.id)
      luaws.spawn(function()
        a:opened() b:opened()
        local ids = {}
        for _, ws in ipairs { a, b, table.unpack(open) } do ids[ws.id] = true end
        say(#open, #ids)
        a:destroy() b:destroy()
      end)
    ]], { workers = 1, tls = false })
    s:expectLines("1 2", "2 4")
  end)
end)

describe("what a client is made of", function()
  it("is a URL that can be one, or nil and why", function()
    local out = run([[
      for _, url in ipairs { "http://localhost/", "ws://", "ws://a b/", "ws://localhost:0/", "ws://localhost:65536/",
        "localhost", "", "ws://localhost/\r\nX: 1", "ws://localhost/#x" } do
        local ws, why = luaws.WebSocket.new(url, { onTerminate = print, onError = print })
        print(ws, type(why), why:find "malformed URL: " == 1)
      end
    ]])
    assert.equal(("nil\tstring\ttrue\n"):rep(9), out)
  end)

  it("is checked, and a misuse raised at the caller's line", function()
    local out = run([[
      local new = luaws.WebSocket.new
      local function try(...)
        local ok, why = pcall(new, ...)
        print(ok, (why:gsub("^[^:]*:%d+: WebSocket%.new: ", "@ ")))
      end
      try() try({}) try("ws://x", 1) try("ws://x", nil, 1)
      try("ws://x", { onMessage = "f" })
      try("ws://x", { dataType = "xml" }) try("ws://x", nil, { dataType = false })
      try("ws://x", { headers = "X: 1" })
      try("ws://x", nil, { headers = 1 })
      try("ws://x", nil, { headers = { Host = "a" } }) try("ws://x", nil, { headers = { ["sec-websocket-key"] = "a" } })
      try("ws://x", nil, { headers = { X = "a\r\nY: b" } }) try("ws://x", nil, { headers = { X = { "a", "b\n" } } })
      try("ws://x", nil, { headers = { ["X Y"] = "a" } }) try("ws://x", nil, { headers = { "a" } })
      try("ws://x", nil, { headers = { X = true } })
      try("ws://x", nil, { protocols = { "a b" } }) try("ws://x", nil, { protocols = { "a", "a" } })
      try("ws://x", nil, { maxPayload = 0 }) try("ws://x", nil, { pingInterval = "1" })
      try("ws://x", nil, { conectTimeout = 1 }) try("ws://x", nil, { slowConsumer = "drop" })
      try("ws://x", nil, { tls = true }) try("ws://x", nil, { tls = { cert = "c.pem" } })
      try("ws://x", nil, { tls = { insecure = "yes" } }) try("ws://x", nil, { tls = { Ca = "x" } })
      try("ws://x", nil, { reconnect = 1 }) try("ws://x", nil, { reconnect = { min = 0 } })
      try("ws://x", nil, { reconnect = { min = 40, max = 30 } }) try("ws://x", nil, { reconnect = { attempts = 0 } })
      try("ws://x", nil, { reconnect = { queue = 2000 }, maxBackpressure = 1000 })
    ]])
    assert.same({
      "@ expected a URL, got nil", "@ expected a URL, got table",
      "@ expected a handler (a table) or nil, got number 1", "@ options must be a table, got number 1",
      "@ the handler's onMessage must be a function, got string 'f'",
      "@ the handler's dataType must be 'text', 'blob' or 'object', got string 'xml'",
      "@ option 'dataType' must be 'text', 'blob' or 'object', got false",
      "@ headers must be a table, got string 'X: 1'", "@ option 'headers' must be a table, got number 1",
      "@ header 'Host' is luaws's own business", "@ header 'sec-websocket-key' is luaws's own business",
      "@ header 'X' has a line break or another control character in it",
      "@ header 'X' has a line break or another control character in it",
      "@ 'X Y' is no header name", "@ headers have names, got the key number 1",
      "@ header 'X' must be a string or an array of strings, got true",
      "@ option 'protocols': 'a b' can't be the name of a subprotocol", "@ option 'protocols': 'a' is there twice",
      "@ option 'maxPayload' must be an integer above 0 (bytes), or false, got number 0",
      "@ option 'pingInterval' must be a number of seconds above 0, or false, got string '1'",
      "@ unknown option 'conectTimeout' (did you mean 'connectTimeout'?)", "@ unknown option 'slowConsumer'",
      "@ option 'tls' must be a table, got true", "@ option 'tls': cert needs key beside it",
      "@ option 'tls': option 'insecure' must be true or false, got string 'yes'",
      "@ option 'tls': unknown option 'Ca' (did you mean 'ca'?)",
      "@ option 'reconnect' must be true, false or a table, got number 1",
      "@ option 'reconnect': option 'min' must be a number of seconds above 0, got number 0",
      "@ option 'reconnect': max must be at least min",
      "@ option 'reconnect': option 'attempts' must be an integer above 0, or false, got number 0",
      "@ option 'reconnect': queue must be at most maxBackpressure (1000 bytes)",
    }, (function()
      local lines = {}
      for line in out:gmatch("false\t([^\n]*)\n") do lines[#lines + 1] = line end
      return lines
    end)())
  end)

  it("includes headers of handler and options, through metatables, and the user info of the URL", function()
    local s, p = start([[
      local Client = luaws.class "Client"
      function Client:constructor(token)
        self.headers = { Authorization = "Bearer " .. token, Cookie = "a=1; b=2", ["X-Many"] = { "1", 2 } }
        self.headers["x-own"] = "h"
      end
      luaws.WebSocket.new(url, setmetatable({}, { __index = Client.new "T" }),
        { headers = { ["X-Own"] = "o" }, protocols = { "v2", "v1" } })
    ]])
    local request = p:accept():readRequest()
    peer.checkRequest(request)
    assert.equal("/chat?token=secret", request.path)
    assert.equal("Bearer T", request.headers.authorization)
    assert.equal("a=1; b=2", request.headers.cookie)
    assert.same({ "1", "2" }, request.headers["x-many"])
    assert.equal("o", request.headers["x-own"])
    assert.equal("v2, v1", request.headers["sec-websocket-protocol"])
    s:kill()
    local url = p.url:gsub("//", "//ann:se%%20cret@")
    s = server.start(("luaws.WebSocket.new %q"):format(url), { workers = 1, tls = false })
    request = p:accept():readRequest()
    assert.equal("Basic YW5uOnNlIGNyZXQ=", request.headers.authorization)
    s:kill()
  end)

  it("has read-only properties, and fields of the script's own", function()
    local out = run([[
      local handler = { onTerminate = function(_, ws) print(ws.status, ws.user, ws.bufferedAmount) end }
      local ws = luaws.WebSocket.new("ws://ann:secret@127.0.0.1:1/x?token=1", handler)
      print(ws.status, ws.url, ws.handler == handler, ws.dataType, ws.protocol, ws.bufferedAmount, math.type(ws.id))
      print(ws, type(luaws.WebSocket.new("ws://127.0.0.1:1").handler))
      ws.user = "ann"
      for _, name in ipairs { "status", "url", "handler", "dataType", "protocol", "bufferedAmount", "id", "send" } do
        print((select(2, pcall(function() ws[name] = 1 end)):gsub("^.-:%d+: ", "")))
      end
      print(ws:send "x") print(ws:ping()) print(ws.nothing)
      print((select(2, pcall(ws.send, 1)):gsub("^.-:%d+: ", "")))
    ]], { env = { HTTP_PROXY = false, http_proxy = false } })
    local read = "'%s' of a WebSocket is read-only\n"
    local expected = "Connecting\tws://ann:secret@127.0.0.1:1/x?token=1\ttrue\ttext\tnil\t0\tinteger\n"
      .. "WebSocket: ws://127.0.0.1:1/x (Connecting)\ttable\n"
    for _, name in ipairs { "status", "url", "handler", "dataType", "protocol", "bufferedAmount", "id" } do
      expected = expected .. read:format(name)
    end
    assert.equal(expected .. "'send' is a method of WebSocket and can't be replaced\n"
      .. "nil\tconnecting\nnil\tconnecting\nnil\n"
      .. "send: expected a WebSocketConnection or WebSocket to call it on, got number 1 (is it called with ':'?)\n"
      .. "Closed\tann\t0\n", out)
  end)

  it("takes the subprotocol that the server chooses", function()
    local s, p = start([[connect { protocols = { "a", "b" } }]])
    p:open({ ["Sec-WebSocket-Protocol"] = "b" }):close()
    s:expectLines("open open 1 b", "terminate Closed 1005 nil true false")
    s:awaitExit()
  end)
end)

describe("what goes wrong", function()
  it("before it is open gives one onError and one onTerminate (1006)", function()
    local s, p = start()
    local c = p:accept()
    c:readRequest()
    c:write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assert.matches("^error LUAW 404 ", s:line())
    s:expectLines("terminate Closed 1006 nil false false")
    assert.equal(0, (s:awaitExit()))
  end)

  it("in the protocol ends the processing: onError, then onTerminate", function()
    local s, p = start()
    local c = p:open()
    c:write(peer.frame({ opcode = 1, payload = "ok" }) .. peer.frame({ opcode = 3 }) .. peer.frame({ opcode = 1 }))
    s:expectLines("open open 1 nil", "message ok false")
    assert.matches("^error LUAW 1002 ", s:line())
    s:expectLines("terminate Closed 1002 nil false false")
    s:awaitExit()
  end)

  it("reaches luaws.onError when the handler has no onError, and the log", function()
    local s, p = start("Teller.onError, Teller.onTerminate = nil connect()")
    p:accept():drop()
    assert.matches("^luaws.onError ", s:line())
    s:awaitExit()
    assert.matches("info .*url=ws://127.0.0.1:%d+/chat +client=1\n", s.stderr)
    assert.is_nil(s.stderr:find("secret", 1, true))
  end)

  it("in a callback goes to luaws.onError and the log, and the client goes on", function()
    local s, p = start([[
      connect({ dataType = "object" }, {
        onOpen = function() error("in onOpen", 0) end,
        onMessage = function(_, _, event) if event.data == "bad" then error("in onMessage", 0) end say(event.data) end,
        onTerminate = function() error("in onTerminate", 0) end,
      })
    ]])
    local c = p:open()
    s:expectLines("luaws.onError 1 in onOpen")
    c:send('"bad"')
    s:expectLines("luaws.onError 1 in onMessage")
    c:send("{")
    assert.matches("^luaws.onError 1 a message is no JSON: line 1", s:line())
    c:send('"good"')
    s:expectLines("good")
    c:close()
    s:expectLines("luaws.onError 1 in onTerminate")
    s:awaitExit()
    for _, where in ipairs { "onOpen", "onMessage", "onTerminate" } do
      assert.matches("error Teller:" .. where .. ", client 1 of ws://[%w.:]+/chat\n  in " .. where, s.stderr)
    end
  end)

  it("in onError goes to the log alone", function()
    local s, p = start([[connect(nil, { onError = function() error("in onError", 0) end })]])
    p:accept():drop()
    s:expectLines("terminate Closed 1006 nil false false")
    s:awaitExit()
    assert.matches("error Teller:onError, client 1 of [^\n]+\n  in onError", s.stderr)
  end)

  it("with a server that reads too slowly is a failure: onError, then onTerminate", function()
    local s, p = start([[
      local ws = connect({ maxBackpressure = 65536 }, { onOpen = function(_, ws)
        local long, n = ("x"):rep(65536), 0
        repeat n = n + 1 until not ws:send(long)
        say(n > 1, ws:send(long))
      end })
    ]], { listen = { read = false } })
    local c = p:accept()
    c:resume()
    c:upgrade(c:readRequest())
    c:pause()
    s:expectLines("true nil closed")
    assert.matches("^error LUAW 1008 slow consumer: ", s:line())
    s:expectLines("terminate Closed 1008 slow consumer false false")
    s:awaitExit()
  end)
end)

describe("a client that the script ends", function()
  it("closes with 1000, or what it says, behind what was sent before", function()
    for call, expected in pairs { ["ws:terminate()"] = { 1000 }, ["ws:terminate(4002, 'bye')"] = { 4002, "bye" } } do
      local s, p = start(([[
        connect(nil, { onOpen = function(_, ws) ws:send 'last' %s say(ws.status, ws:send 'x') end })
      ]]):format(call))
      local c = p:open()
      assert.equal("last", (c:receive()))
      c:write(peer.frame({ opcode = 1, payload = "not told any more" }))
      c:expectClose(expected[1], expected[2])
      s:expectLines("Closing nil closed")
      s:expectLines(("terminate Closed %d %s true false"):format(expected[1], tostring(expected[2])))
      s:awaitExit()
    end
  end)

  it("before it is open is told onTerminate alone", function()
    for _, how in ipairs { "terminate", "destroy" } do
      local s, p = start(([[
        local ws = connect()
        luaws.spawn(function()
          repeat luaws.sleep(0.005) until os.remove(arg[0] .. ".go")
          ws:%s()
          say(ws.status)
        end)
      ]]):format(how))
      local c = p:accept()
      c:readRequest()
      s:release()
      s:expectLines("Closing", "terminate Closed 1006 nil false false")
      s:awaitExit()
    end
  end)

  it("at once, before anything could be done, is told the same", function()
    local s = start("local ws = connect() ws:terminate() ws:terminate() ws:destroy() say(ws.status)")
    s:expectLines("Closing", "terminate Closed 1006 nil false false")
    s:awaitExit()
  end)

  it("by destroy drops the socket", function()
    local s, p = start("connect()")
    local c = p:open()
    c:send("!ws:destroy() say(ws.status)")
    c:expectReset()
    s:expectLines("open open 1 nil", "Closing", "terminate Closed 1006 nil false false")
    s:awaitExit()
  end)

  it("and whose server doesn't answer the close is told so after closeTimeout", function()
    local s, p = start("connect({ closeTimeout = 0.1 }, { onOpen = function(_, ws) ws:terminate(4000) end })")
    local c = p:open()
    assert.equal(8, c:readFrame().opcode)
    assert.matches("^error UV__ %-110 .*did not answer the close", s:line())
    s:expectLines("terminate Closed 1006 nil false false")
    s:awaitExit()
  end)
end)

describe("the end of the program", function()
  it("closes clients with 1001, by a signal and by luaws.exit", function()
    for _, code in ipairs { "say 'ready'", "say 'ready' luaws.after(0.01, function() luaws.exit(3) end)" } do
      local s, p = start(("connect(nil, { onOpen = function() %s end })"):format(code),
        { exitCode = code:find "exit" and 3 })
      local c = p:open()
      s:expectLines("ready")
      if not code:find "exit" then s:signalProcess("sigterm") end
      c:expectClose(1001)
      s:expectLines("terminate Closed 1001 nil true false")
      assert.equal(code:find "exit" and 3 or 0, (s:awaitExit()))
    end
  end)

  it("gives up those that are connecting", function()
    local s, p = start("connect()")
    p:accept():readRequest()
    s:signalProcess("sigterm")
    s:expectLines("terminate Closed 1006 nil false false")
    assert.equal(0, (s:awaitExit()))
  end)

  it("lets no new one be made", function()
    local s, p = start([[connect(nil, { onTerminate = function() say(pcall(luaws.WebSocket.new, url)) end })]])
    local c = p:open()
    s:expectLines("open open 1 nil")
    s:signalProcess("sigterm")
    c:expectClose(1001)
    assert.matches("^false .*WebSocket.new: luaws is shutting down$", s:line())
    s:awaitExit()
  end)
end)

describe("callbacks of a client", function()
  it("come one after the other, also when one waits", function()
    local s, p = start([[
      connect(nil, { onOpen = function() say "in" luaws.sleep(0.05) say "out" end,
        onMessage = function(_, _, event) luaws.sleep(0.01) say(event.data) end })
    ]])
    local c = p:open()
    c:send("1")
    c:send("2")
    c:close(1000)
    s:expectLines("in", "out", "1", "2", "terminate Closed 1000 nil true false")
    s:awaitExit()
  end)

  it("that wait are interrupted by its end", function()
    local s, p = start([[connect(nil, { onOpen = function() say "in" say(luaws.sleep(60)) end })]])
    local c = p:open()
    s:expectLines("in")
    c:drop()
    s:expectLines("nil closed", "terminate Closed 1006 nil false false")
    s:awaitExit()
  end)

  it("include onDrain, when what was refused has gone out", function()
    if build.isTiny then pending("8 MB, 3 bytes at a time") end
    local s, p = start([[
      connect({ maxBackpressure = 16 << 20, pingInterval = false }, { onOpen = function(_, ws)
        ws:send(("x"):rep(8 << 20))
        say(ws.bufferedAmount > 0)
      end })
    ]], { listen = { read = false } })
    local c = p:accept()
    c:resume()
    c:upgrade(c:readRequest())
    c:pause()
    s:expectLines("true")
    local left
    async.eventually(function()
      local before = left
      c:send("!say(ws.bufferedAmount)")
      left = tonumber((s:line()))
      return left == before and left < 8 << 20
    end, nil, "the kernel to take no more")
    c:resume()
    assert.equal(8 << 20, #c:receive())
    s:expectLines("drain 0")
    c:close()
    s:awaitExit()
  end)
end)

describe("a client and a server", function()
  it("in one script talk with each other, with compression, and may share a message", function()
    local s = server.start([[
      local Echo = { onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }
      serve(Echo, { compression = { threshold = 1 }, path = "/a" })
      local url = luaws.webServer.url:gsub("^http", "ws") .. "a"
      local compression = { threshold = 1, contextTakeover = true }
      local ws = luaws.WebSocket.new(url, { onMessage = function(_, ws, event)
        say(#event.data, event.isBinary)
        if #event.data > 3 then ws:terminate() end
      end, onTerminate = function(_, _, event) say(event.code, event.wasClean) end }, { compression = compression })
      luaws.spawn(function()
        ws:opened()
        ws:send "abc" ws:send("abc", true) ws:send(("long "):rep(1000))
      end)
    ]], { workers = 1, tls = false })
    s:expectLines("3 false", "3 true", "5000 false", "1000 true")
  end)

  it("are sent the same string in a loop, each as it must be", function()
    local p = peer.listen()
    local s = server.start(([[
      local all = {}
      serve({ onMessage = function(_, ws, event)
        all[#all + 1] = ws
        for _, target in ipairs(all) do target:send(event.data) end
      end })
      luaws.WebSocket.new(%q, { onOpen = function(_, ws) all[#all + 1] = ws say "open" end, onMessage = print })
    ]]):format(p.url), { workers = 1, tls = false })
    local theirs = p:open()
    s:expectLines("open")
    local ours = client.open(s, "/")
    ours:send("to both")
    assert.equal("to both", (theirs:receive()))
    assert.equal("to both", (ours:receive()))
    theirs:close()
  end)
end)

describe("the option tls", function()
  local function attempt(options)
    local p = peer.listen({ tls = true })
    local folder = server.folder({ ["ca.pem"] = certificates.text(certificates.ca), ["main.lua"] = ([[
      local ws = require "luaws".WebSocket.new("wss://localhost:%d/", nil, %s)
      print(ws:opened())
      ws:terminate()
      ws:receive()
    ]]):format(p.port, options) })
    local task = async.spawn(function()
      local ok, c = pcall(p.accept, p)
      if not ok then return end
      local request
      ok, request = pcall(c.readRequest, c)
      if not ok then return end
      c:upgrade(request)
      c:expectClose(1000)
    end)
    local out = server.run(nil, { program = { folder .. "/main.lua" }, cwd = "/" }).stdout
    task:join()
    return out
  end

  it("names a file, from the script's folder on, or holds the text itself", function()
    assert.equal("true\n", attempt([[{ tls = { ca = "ca.pem" } }]]))
    assert.equal("true\n", attempt(("{ tls = { ca = %q } }"):format(certificates.text(certificates.ca))))
  end)

  it("lets anybody be believed, but not unless it says so", function()
    assert.equal("true\n", attempt("{ tls = { insecure = true } }"))
    assert.matches("^nil\tno TLS with localhost:%d+: ", attempt("nil"))
    assert.matches("^nil\t.*nowhere%.pem", attempt([[{ tls = { ca = "nowhere.pem" } }]]))
  end)

  it("shows the client's own certificate", function()
    local s = server.start([[
      assert(luaws.webServer:start { tls = { cert = arg[4], key = arg[5], ca = arg[1], verify = "required" } })
      serve({ onMessage = print }, nil, { onConnection = function(_, _, event)
        say(event.request.peerCertificate.subject)
        return { onMessage = print }
      end })
      luaws.spawn(function()
        local ws = luaws.WebSocket.new((luaws.webServer.url:gsub("^http", "ws")), nil,
          { tls = { ca = arg[1], cert = arg[2], key = arg[3] } })
        say(ws:opened())
        ws:destroy()
      end)
    ]], { workers = 1, tls = false, scriptArgs = { certificates.ca, certificates.client.cert,
      certificates.client.key, certificates.server.cert, certificates.server.key } })
    assert.matches("client", s:line())
    s:expectLines("true")
  end)
end)

describe("clients of several workers", function()
  it("are each its worker's own, with ids of the process", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send(luaws.workerIndex .. " " .. event.data) end })
      local url = luaws.webServer.url:gsub("^http", "ws")
      local n = 0
      for i = 1, 10 do
        local mine = luaws.workerIndex
        luaws.WebSocket.new(url, {
          onOpen = function(_, ws) ws:send(tostring(ws.id)) end,
          onMessage = function(_, ws, event) say(mine == luaws.workerIndex, ws.id, event.data:match "%d+$") end,
          onTerminate = function(_, ws, event) say("end", event.code) end,
        })
      end
    ]], { workers = 2, ioThreads = 2, tls = false })
    local ids = {}
    for _ = 1, 20 do
      local own, id, echoed = s:line():match("^(%S+) (%d+) (%d+)$")
      assert.same({ "true", id }, { own, echoed })
      assert.is_nil(ids[id], id)
      ids[id] = true
    end
    s:signalProcess("sigterm")
    for _ = 1, 20 do s:expectLines("end 1001") end
    assert.equal(0, (s:awaitExit()))
  end)
end)

describe("many clients", function()
  local CYCLES = async.seconds(1) > 1 and 1000 or 10000 -- fewer where each takes long

  it("that come and go leave memory and descriptors as they were", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send(event.data) end })
      local url = luaws.webServer.url:gsub("^http", "ws")
      local left
      local function cycle()
        local ws = luaws.WebSocket.new(url)
        assert(ws:opened())
        ws:send "x"
        assert(ws:receive() == "x")
        if left % 2 == 0 then ws:terminate() else ws:destroy() end
        ws:receive()
      end
      function luaws.onError(event) say(event.errors[1].message) end
      luaws.WebSocketServer.new({ onConnection = function() return { onMessage = function(_, ws, event)
        left = tonumber(event.data)
        local tasks = 8
        for _ = 1, tasks do
          luaws.spawn(function()
            while left > 0 do left = left - 1 cycle() end
            tasks = tasks - 1
            if tasks == 0 then collectgarbage() collectgarbage() ws:send "done" end
          end)
        end
      end } end }, { path = "/run" })
    ]], { workers = 1, tls = false })
    local c = client.open(s, "/run")
    local function countDescriptors()
      local names = assert(io.popen(("ls /proc/%d/fd"):format(s.pid))):read("a")
      return select(2, names:gsub("\n", ""))
    end
    local function cycles(count)
      c:send(tostring(count))
      assert.equal("done", (c:receive(120)))
    end
    cycles(500)
    local memory, descriptors = s:memory(), countDescriptors()
    cycles(CYCLES)
    async.eventually(function() return countDescriptors() <= descriptors end, nil, "sockets to be closed")
    local grown = s:memory() - memory
    if async.seconds(1) == 1 then assert.is_true(grown < 2, ("grown by %.2f MiB"):format(grown)) end
  end)
end)
