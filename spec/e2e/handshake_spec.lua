-- From the request to the 101, or to a refusal: RFC 6455 section 4 and what onConnection decides.

local async = require "spec.support.async"
local client = require "spec.support.client"
local server = require "spec.support.server"

local ECHO = [[ serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/chat" }) ]]

describe("the opening handshake", function()
  it("answers an upgrade with 101 and the accept key", function()
    local s = server.start(ECHO)
    local c = client.open(s, "/chat")
    assert.is_nil(c.answer.headers["sec-websocket-protocol"])
    assert.is_nil(c.answer.headers["sec-websocket-extensions"])
    assert.is_nil(c.answer.headers["content-length"])
    assert.equal("Switching Protocols", c.answer.reason)
    c:send("hi")
    assert.equal("hi", c:receive())
    c:close(1000)
  end)

  it("takes the request byte by byte", function()
    local s = server.start(ECHO)
    local c = client.connect(s)
    c:write(c:requestText({ path = "/chat", headers = client.upgradeHeaders() }), true)
    client.assertUpgraded(c:response())
    c:send("hi")
    assert.equal("hi", c:receive())
  end)

  it("reads header names and tokens in any case and in lists", function()
    local s = server.start(ECHO)
    client.open(s, "/chat", { Upgrade = "h2c, WebSocket", Connection = "keep-alive, UPGRADE" })
    client.open(s, "/chat", {
      Upgrade = false, upgrade = "WEBSOCKET", Connection = { "keep-alive", "upgrade" },
      ["Sec-WebSocket-Version"] = false, ["SEC-WEBSOCKET-VERSION"] = " 13 ",
    })
  end)

  it("keeps frames that come right behind the request", function()
    local s = server.start(ECHO)
    local c = client.connect(s)
    local frame = client.frame({ opcode = client.TEXT, payload = "early" })
    c:write(c:requestText({ path = "/chat", headers = client.upgradeHeaders() }) .. frame .. frame)
    client.assertUpgraded(c:response())
    assert.same({ "early", "early" }, c:receiveMany(2))
  end)

  it("offers no extension while compression is off", function()
    local s = server.start(ECHO)
    local c = client.open(s, "/chat", {
      ["Sec-WebSocket-Extensions"] = "permessage-deflate; client_max_window_bits, x-unknown",
    })
    assert.is_nil(c.answer.headers["sec-websocket-extensions"])
  end)

  it("answers an upgrade to a path without a server with 404", function()
    local s = server.start(ECHO)
    for _, path in ipairs({ "/", "/Chat", "/chat/", "/chat/x", "/%63hat%00" }) do
      local _, answer = client.handshake(s, path)
      assert.is_true(answer.status == 404 or answer.status == 400, path .. " " .. answer.status)
    end
    client.open(s, "/%63hat?x=1") -- matched on decoded segments
  end)

  local function refused(what, headers, status, check)
    it("refuses " .. what .. " with " .. status, function()
      local s = server.start(ECHO)
      local c, answer = client.handshake(s, "/chat", headers)
      assert.equal(status, answer.status, answer.body)
      assert.truthy(answer.body:match("^[^\n]+\n$"), "one line of text, got: " .. answer.body)
      assert.truthy(answer.headers["content-type"]:find("text/plain", 1, true))
      if check then check(answer, c) end
      c:expectEof()
      client.open(s, "/chat")
    end)
  end

  refused("another version", { ["Sec-WebSocket-Version"] = "8" }, 426, function(answer)
    assert.equal("13", answer.headers["sec-websocket-version"])
  end)
  refused("no version", { ["Sec-WebSocket-Version"] = false }, 400)
  refused("an Upgrade that Connection doesn't name", { Connection = "keep-alive" }, 400)
  refused("no key", { ["Sec-WebSocket-Key"] = false }, 400)
  refused("an empty key", { ["Sec-WebSocket-Key"] = "" }, 400)
  refused("a key of 15 bytes", { ["Sec-WebSocket-Key"] = "MTIzNDU2Nzg5MDEyMzQ1" }, 400)
  refused("a key that is no base64", { ["Sec-WebSocket-Key"] = "dGhl!HNhbXBsZSBub25jZQ==" }, 400)
  refused("two keys", {
    ["Sec-WebSocket-Key"] = { "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==" },
  }, 400)
  refused("a malformed subprotocol list", { ["Sec-WebSocket-Protocol"] = "chat, in valid" }, 400)
  refused("two Hosts", { Host = { "a.example", "b.example" } }, 400)
  refused("no Host", { Host = false }, 400)

  it("refuses another method than GET with 405", function()
    local s = server.start(ECHO)
    local answer = client.request(s, {
      method = "POST", path = "/chat", headers = client.upgradeHeaders(),
    })
    assert.equal(405, answer.status)
    assert.equal("GET", answer.headers.allow)
  end)

  it("refuses HTTP/1.0", function()
    local s = server.start(ECHO)
    local answer = client.request(s, {
      version = "1.0", path = "/chat", headers = client.upgradeHeaders(),
    })
    assert.equal(400, answer.status)
  end)

  it("takes what asks for no WebSocket as an ordinary request: 426", function()
    local s = server.start(ECHO)
    for _, headers in ipairs({
      {}, client.upgradeHeaders({ Upgrade = false }), client.upgradeHeaders({ Upgrade = "h2c" }),
    }) do
      local answer = client.get(s, "/chat", headers)
      assert.equal(426, answer.status)
      assert.equal("websocket", answer.headers.upgrade)
    end
  end)
end)

describe("event.request", function()
  local SHOW = [[
    serve({ onMessage = function() end }, { path = "/rooms/:room/*" }, {
      onConnection = function(_, wss, event)
        local request = event.request
        request.headers = { host = request.headers.host, ["x-one"] = request.headers["x-one"],
          ["x-two"] = request.headers["x-two"], spelling = request.headers["X-ONE"],
          keys = request.headers.Keys or luaws.null }
        say(event.type, luaws.json.encode(request))
        return { onMessage = function() end }
      end,
    })
  ]]

  local function requestOf(path, headers)
    local s = server.start(SHOW)
    local c = client.open(s, path, headers)
    local line = s:line()
    local event, json = line:match("^(%S+) (.*)$")
    assert.equal("connection", event)
    return require("dkjson").decode(json), c, s
  end

  it("has the URL, its path, query and parameters, decoded", function()
    local request = requestOf("/rooms/the%20hall/a/b%2Fc?name=ann+b&x=1&x=%32&empty=&flag&%C3%A4=%C3%B6")
    assert.equal("/rooms/the%20hall/a/b%2Fc?name=ann+b&x=1&x=%32&empty=&flag&%C3%A4=%C3%B6", request.url)
    assert.equal("/rooms/the%20hall/a/b%2Fc", request.path)
    assert.same({ name = "ann b", x = { "1", "2" }, empty = "", flag = "", ["ä"] = "ö" }, request.query)
    assert.equal("the hall", request.params.room)
    assert.equal("GET", request.method)
  end)

  it("keeps a query that is badly encoded as it was sent", function()
    local request = requestOf("/rooms/a/b?x=%zz&%=1&y=1&y=2&y=3&&=4")
    assert.equal("%zz", request.query.x)
    assert.equal("1", request.query["%"])
    assert.same({ "1", "2", "3" }, request.query.y)
  end)

  it("has query and params as tables even when there are none", function()
    local s = server.start([[
      serve({ onMessage = function() end }, nil, {
        onConnection = function(_, _, event)
          say(type(event.request.query), next(event.request.query), type(event.request.params),
            next(event.request.params), #event.request.protocols)
          return { onMessage = function() end }
        end,
      })
    ]])
    client.open(s, "/anything")
    s:expectLines("table nil table nil 0")
  end)

  it("has headers by lower-case name, an array for repeated ones, and finds other spellings", function()
    local request, c = requestOf("/rooms/a/b", { ["X-One"] = "1", ["X-Two"] = { "a", "b", "c" } })
    assert.equal("1", request.headers["x-one"])
    assert.equal("1", request.headers.spelling)
    assert.same({ "a", "b", "c" }, request.headers["x-two"])
    assert.equal(c.host, request.headers.host)
  end)

  it("is a plain table with lower-case keys", function()
    local s = server.start([[
      serve({ onMessage = function() end }, nil, {
        onConnection = function(_, _, event)
          local names = {}
          for name in pairs(event.request.headers) do names[#names + 1] = name end
          table.sort(names)
          say(table.concat(names, " "))
          return { onMessage = function() end }
        end,
      })
    ]])
    client.open(s, "/")
    s:expectLines("connection host sec-websocket-key sec-websocket-version upgrade")
  end)

  it("has the peer's address and port, the protocols offered, and secure", function()
    local request, c = requestOf("/rooms/a/b", { ["Sec-WebSocket-Protocol"] = { "b, a", "c" } })
    assert.equal("127.0.0.1", request.remoteAddress)
    assert.equal(c.stream:getsockname().port, request.remotePort)
    assert.same({ "b", "a", "c" }, request.protocols)
    assert.equal(c.stream.facts ~= nil, request.secure)
  end)

  it("belongs to the script, which may keep and change it", function()
    local s = server.start([[
      local kept = {}
      serve({ onMessage = function() end }, nil, {
        onConnection = function(_, _, event)
          kept[#kept + 1] = event.request
          event.request.mine = #kept
          if #kept == 3 then
            collectgarbage()
            for i, request in ipairs(kept) do say(i, request.mine, request.url, request.headers.host ~= nil) end
          end
          return { onMessage = function() end }
        end,
      })
    ]], { workers = 1 })
    for _, path in ipairs({ "/a", "/b", "/c" }) do client.open(s, path) end
    s:expectLines("1 1 /a true", "2 2 /b true", "3 3 /c true")
  end)

  it("is garbage, with all that is in it, as soon as the script lets go of it, and so are other events", function()
    -- Says what is left of what handlers have seen of a connection, once another task runs.
    local script = [[
      local seen = setmetatable({}, { __mode = "k" })
      local function see(event)
        seen[event] = event.type
        for key, value in pairs(event.request or {}) do
          if type(value) == "table" then seen[value] = key end
        end
        seen[event.request or event] = event.request and "request" or event.type
      end
      local function sayWhatIsLeft()
        collectgarbage()
        collectgarbage()
        local left = {}
        for _, name in pairs(seen) do left[#left + 1] = name end
        table.sort(left)
        say(#left, table.unpack(left))
      end
      serve(nil, { path = "/:room" }, {
        onConnection = function(_, _, event)
          see(event)
          return {
            %s
            onOpen = function(_, _, event) see(event) end,
            onMessage = function(_, _, event)
              see(event)
              luaws.after(0, sayWhatIsLeft)
            end,
          }
        end,
      })
    ]]
    for kept, expected in pairs({
      [""] = "0",
      ["request = event.request,"] = "5 headers params protocols query request",
      ["room = event.request.params,"] = "1 params",
      ["event = event,"] = "6 connection headers params protocols query request",
    }) do
      local s = server.start(script:format(kept), { workers = 1 })
      local c = client.open(s, "/kitchen?a=b")
      c:send("go")
      s:expectLines(expected)
      c:drop()
      s:stop()
    end
  end)
end)

describe("subprotocols", function()
  local function chosen(options, offered, returned)
    local s = server.start(([[
      serve(nil, { protocols = %s }, {
        onConnection = function() return { onMessage = function() end,
          onOpen = function(_, ws) say("protocol", ws.protocol) end }, %s end,
        onError = function(_, _, event) say("error", event.errors[1].errCode, event.errors[1].componentSignature) end,
      })
    ]]):format(options, returned or "nil"))
    local _, answer = client.handshake(s, "/", { ["Sec-WebSocket-Protocol"] = offered })
    return answer, s:line()
  end

  it("chooses the server's first one that the client offers", function()
    local answer, line = chosen("{ 'v2', 'v1' }", "v1, v2, v3")
    assert.equal(101, answer.status)
    assert.equal("v2", answer.headers["sec-websocket-protocol"])
    assert.equal("protocol v2", line)
  end)

  it("accepts without one when none is in common, or none was offered", function()
    for _, offered in ipairs({ "v3", false }) do
      local answer, line = chosen("{ 'v2', 'v1' }", offered)
      assert.equal(101, answer.status)
      assert.is_nil(answer.headers["sec-websocket-protocol"])
      assert.equal("protocol nil", line)
    end
  end)

  it("lets onConnection name another", function()
    local answer, line = chosen("{ 'v2', 'v1' }", "v1, v2, v3", "{ protocol = 'v3' }")
    assert.equal("v3", answer.headers["sec-websocket-protocol"])
    assert.equal("protocol v3", line)
  end)

  it("refuses with 500 when onConnection names one that wasn't offered, and tells onError", function()
    local answer, line = chosen("{ 'v2' }", "v2", "{ protocol = 'v9' }")
    assert.equal(500, answer.status)
    assert.truthy(line:match("^error %d+ %u+"), line)
  end)
end)

describe("onConnection", function()
  local function answering(returns)
    return server.start(([[
      serve(nil, nil, {
        onConnection = function() %s end,
        onError = function(_, _, event)
          say("error", event.type, event.errors[1].componentSignature, event.errors[1].errCode, event.connection)
        end,
      })
    ]]):format(returns))
  end

  it("is required to be the server's decision: nil refuses with 403", function()
    for _, returns in ipairs({ "", "return nil", "return" }) do
      local c, answer = client.handshake(answering(returns), "/")
      assert.equal(403, answer.status)
      assert.equal("Forbidden", answer.reason)
      assert.equal("close", answer.headers.connection:lower())
      c:expectEof()
    end
  end)

  it("refuses with a status and a body", function()
    local _, answer = client.handshake(answering("return nil, 429, 'later, please'"), "/")
    assert.equal(429, answer.status)
    assert.truthy(answer.body:find("later, please", 1, true))
    assert.equal(429, select(2, client.handshake(answering("return nil, 429"), "/")).status)
  end)

  it("refuses with a status, headers and a body", function()
    local _, answer = client.handshake(answering([[
      return nil, { status = 401, headers = { ["WWW-Authenticate"] = "Basic", ["X-More"] = { "a", "b" } },
        body = "who?" }
    ]]), "/")
    assert.equal(401, answer.status)
    assert.equal("Basic", answer.headers["www-authenticate"])
    assert.same({ "a", "b" }, answer.headers["x-more"])
    assert.equal("who?", answer.body)
  end)

  it("may add headers to the 101", function()
    local _, answer = client.handshake(answering([[
      return { onMessage = function() end }, { headers = { ["Set-Cookie"] = { "a=1", "b=2" }, ["X-Hello"] = "there" } }
    ]]), "/")
    client.assertUpgraded(answer)
    assert.same({ "a=1", "b=2" }, answer.headers["set-cookie"])
    assert.equal("there", answer.headers["x-hello"])
  end)

  for what, returns in pairs({
    ["a string"] = "return 'yes'",
    ["true"] = "return true",
    ["a number"] = "return 42",
    ["a table without onMessage"] = "return { onOpen = print }",
    ["a table whose onMessage is no function"] = "return { onMessage = 1 }",
    ["a status beyond all"] = "return nil, 1000",
    ["a status that is none"] = "return nil, 'no'",
    ["a header with a line break"] =
      "return { onMessage = print }, { headers = { ['X-A'] = 'a\\r\\nSet-Cookie: b' } }",
    ["a header that is neither string nor array"] = "return { onMessage = print }, { headers = { A = true } }",
    ["an array of headers"] = "return { onMessage = print }, { headers = { 'A: b' } }",
    ["headers that are none"] = "return { onMessage = print }, { headers = 'A: b' }",
    ["headers too long to send"] = "return { onMessage = print }, { headers = { A = ('x'):rep(65536) } }",
    ["a protocol that is no string"] = "return { onMessage = print }, { protocol = 1 }",
    ["a string behind the handler"] = "return { onMessage = print }, 'v1'",
    ["a body that is none"] = "return nil, 403, {}",
    ["a header that luaws writes"] = "return { onMessage = print }, { headers = { Connection = 'close' } }",
    ["a name that is no header's"] = "return nil, { status = 403, headers = { ['X A'] = '1' } }",
  }) do
    it("refuses with 500 and tells onError when it returns " .. what, function()
      local s = answering(returns)
      local _, answer = client.handshake(s, "/")
      assert.equal(500, answer.status)
      assert.is_nil(answer.headers["set-cookie"])
      assert.truthy(s:line():match("^error error %u%u%u[%u_] %d+"))
      assert.equal(500, select(2, client.handshake(s, "/")).status)
    end)
  end

  for what, raises in pairs({
    ["a string"] = "error('no')", ["a table"] = "error({ code = 1 })", ["nil"] = "error(nil)",
    ["an error whose __tostring raises"] = "error(setmetatable({}, { __tostring = function() error('x') end }))",
  }) do
    it("refuses with 500 and tells onError when it raises " .. what, function()
      local s = answering(raises)
      local _, answer = client.handshake(s, "/")
      assert.equal(500, answer.status)
      s:expectLines("error error LUA_ 1 nil")
      assert.falsy(answer.body:find("script.lua", 1, true), "no details for the client")
      assert.equal(500, select(2, client.handshake(s, "/")).status)
    end)
  end

  it("may wait, and calls for different clients overlap", function()
    local s = server.start([[
      local resume
      serve(nil, nil, {
        onConnection = function(_, wss, event)
          if event.request.path == "/first" then
            luaws.await(function(done) resume = done say "waiting" end)
          end
          if event.request.path == "/second" then resume() end
          return { onMessage = function() end }
        end,
      })
    ]], { workers = 1 })
    local first = client.connect(s)
    first:sendRequest({ path = "/first", headers = client.upgradeHeaders() })
    s:expectLines("waiting")
    client.open(s, "/second")
    client.assertUpgraded(first:response())
  end)

  it("is given answerTimeout: then 503, onError is told, and a later answer is dropped", function()
    local s = server.start([[
      local late = { onMessage = function() end, onOpen = function() say "onOpen of the late one" end,
        onTerminate = function() say "onTerminate of the late one" end }
      serve(nil, { answerTimeout = 0.1 }, {
        onConnection = function(_, wss, event)
          if event.request.path == "/quick" then return { onMessage = function() end } end
          luaws.await(function(done) resume = done end)
          say("answers", #wss.connections)
          return late
        end,
        onError = function(_, wss, event)
          say("error", event.errors[1].errCode, event.errors[1].componentSignature)
          luaws.after(0.05, resume)
        end,
      })
    ]])
    local _, answer = client.handshake(s, "/slow")
    assert.equal(503, answer.status)
    s:expectLines("error 503 LUAW", "answers 0")
    async.eventually(function()
      local c, quick = client.handshake(s, "/quick")
      c:drop()
      return quick.status == 101
    end)
    s:stop()
    assert.falsy(s.stdout:find("late one", 1, true))
  end)

  it("calls onOpen and onTerminate once it has accepted, though the client left meanwhile", function()
    local s = server.start([[
      serve(nil, nil, {
        onConnection = function()
          say "asked"
          luaws.await(function(done) resume = done end)
          return { onMessage = function() say "message" end, onOpen = function(_, ws) say("open", ws.status) end,
            onTerminate = function(_, ws, event) say("terminate", event.code, event.wasClean, ws.status) end }
        end,
      })
      local web = luaws.WebServer.new { port = 0, handler = { onRequest = function() resume() return "ok" end } }
      assert(web:start())
      say(web.port)
    ]], { workers = 1 })
    local control = tonumber(s:line())
    local c = client.connect(s)
    c:sendRequest({ path = "/", headers = client.upgradeHeaders() })
    s:expectLines("asked")
    c:reset()
    client.get(control, "/")
    assert.truthy(s:line():match("^open %u"))
    s:expectLines("terminate 1006 false Closed")
  end)
end)

describe("origins", function()
  local function statusOf(s, headers)
    return (select(2, client.handshake(s, "/chat", headers))).status
  end

  it("are by default the same host name, on any port", function()
    local s = server.start(ECHO)
    assert.equal(101, statusOf(s, {}))
    assert.equal(101, statusOf(s, { Origin = "http://127.0.0.1:" .. s.port }))
    assert.equal(101, statusOf(s, { Origin = "https://127.0.0.1" }))
    assert.equal(101, statusOf(s, { Origin = "http://CHAT.example:3000", Host = "chat.example:80" }))
    assert.equal(403, statusOf(s, { Origin = "http://evil.example" }))
    assert.equal(403, statusOf(s, { Origin = "null" }))
    assert.equal(403, statusOf(s, { Origin = "http://127.0.0.1.evil.example" }))
  end)

  it("refuse others with a log line that says how to allow them", function()
    local s = server.start(ECHO)
    assert.equal(403, statusOf(s, { Origin = "http://evil.example" }))
    s:awaitLog("http://evil.example")
    s:awaitLog("origins")
  end)

  it("refuse what is none without such advice, in one line of the log", function()
    for origin, logged in pairs({
      ["https://*.com"] = "'https://*.com'", ["*"] = "'*'", ["x\", \"*"] = "'x\", \"*'",
      ["\x9b2J\xff https://a"] = "'\\x9b2J\\xff https://a'",
    }) do
      local s = server.start(ECHO)
      assert.equal(403, statusOf(s, { Origin = origin }))
      s:awaitLog("origin " .. logged .. ", which is none\n")
      assert.is_nil(s.stderr:find("to allow it", 1, true))
      s:stop()
    end
  end)

  it("are those of the list, with * for a label", function()
    local s = server.start([[
      serve({ onMessage = function() end },
        { path = "/chat", origins = { "https://example.com", "https://*.example.org" } })
    ]])
    assert.equal(101, statusOf(s, { Origin = "https://example.com" }))
    assert.equal(101, statusOf(s, { Origin = "https://a.example.org" }))
    assert.equal(101, statusOf(s, {}))
    assert.equal(403, statusOf(s, { Origin = "http://example.com" }))
    assert.equal(403, statusOf(s, { Origin = "https://example.org" }))
    assert.equal(403, statusOf(s, { Origin = "https://a.b.example.org" }))
    assert.equal(403, statusOf(s, { Origin = "http://127.0.0.1:" .. s.port }))
  end)

  it("are any with *", function()
    local s = server.start([[ serve({ onMessage = function() end }, { path = "/chat", origins = "*" }) ]])
    assert.equal(101, statusOf(s, { Origin = "http://evil.example" }))
  end)
end)

describe("a client that leaves in the handshake", function()
  it("does no harm at any byte of it", function()
    local s = server.start(ECHO)
    local probe = client.connect(s)
    local text = probe:requestText({ path = "/chat", headers = client.upgradeHeaders() })
    for length = 0, #text, 7 do
      local c = client.connect(s)
      c:write(text:sub(1, length))
      if length % 2 == 0 then c:reset() else c:drop() end
    end
    local c = client.open(s, "/chat")
    c:send("still here")
    assert.equal("still here", c:receive())
  end)

  it("is still answered when it only half-closes", function()
    local s = server.start(ECHO)
    local c = client.connect(s)
    c:sendRequest({ path = "/nowhere" })
    c:halfClose()
    assert.equal(404, c:response().status)
    c:expectEof()
    async.sleep(0)
  end)
end)
