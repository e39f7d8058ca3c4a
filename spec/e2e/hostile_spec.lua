-- Input that breaks the rules: each is answered as the RFCs say, or cut off, and afterwards a new client is served.

local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

local ECHO = [[
  serve({
    onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end,
    onError = function(_, _, event)
      say("error", event.errors[1].componentSignature, event.errors[1].errCode, #event.errors[1].message > 0)
    end,
    onTerminate = function(_, _, event) say("terminate", event.code, event.wasClean) end,
  }, { path = "/ws" })
]]

local TEXT, BINARY, CONTINUATION = client.TEXT, client.BINARY, client.CONTINUATION
local CLOSE, PING, PONG = client.CLOSE, client.PING, client.PONG

local shared -- one server for all: what one connection does must not matter to the next

local function assertServes()
  local c = client.open(shared, "/ws")
  c:send("still here")
  assert.equal("still here", c:receive())
  c:close(1000)
end

describe("a malformed frame", function()
  setup(function() shared = server.start(ECHO) end)

  -- name, close code, frames (or bytes) to send; by `first`, messages that come back before
  local ROWS = {
    { "an unmasked frame", 1002, { { opcode = TEXT, payload = "x", mask = false } } },
    { "an unmasked empty frame", 1002, { { opcode = TEXT, mask = false } } },
    { "an unmasked ping", 1002, { { opcode = PING, mask = false } } },
    { "RSV1", 1002, { { opcode = TEXT, payload = "x", rsv = 4 } } },
    { "RSV2", 1002, { { opcode = TEXT, payload = "x", rsv = 2 } } },
    { "RSV3", 1002, { { opcode = BINARY, payload = "x", rsv = 1 } } },
    { "RSV1 on a control frame", 1002, { { opcode = PING, payload = "x", rsv = 4 } } },
    { "RSV1 on a continuation", 1002, {
      { opcode = TEXT, fin = false, payload = "x" }, { opcode = CONTINUATION, payload = "x", rsv = 4 } } },
    { "a continuation of nothing", 1002, { { opcode = CONTINUATION, payload = "x" } } },
    { "a continuation of nothing, not the last", 1002, { { opcode = CONTINUATION, fin = false, payload = "x" } } },
    { "a continuation after a whole message", 1002, {
      { opcode = TEXT, payload = "whole" }, { opcode = CONTINUATION, payload = "x" } }, first = { "whole" } },
    { "a message within a message", 1002, {
      { opcode = TEXT, fin = false, payload = "x" }, { opcode = TEXT, payload = "y" } } },
    { "a fragmented ping", 1002, { { opcode = PING, fin = false, payload = "x" } } },
    { "a fragmented close", 1002, { { opcode = CLOSE, fin = false, payload = "\3\232" } } },
    { "a ping of 126 bytes", 1002, { { opcode = PING, payload = ("x"):rep(126) } } },
    { "a pong of 65536 bytes", 1002, { { opcode = PONG, payload = ("x"):rep(65536) } } },
    { "a close of 126 bytes", 1002, { { opcode = CLOSE, payload = "\3\232" .. ("x"):rep(124) } } },
    { "a length in two bytes that fits seven bits", 1002, { { opcode = TEXT, payload = "x", lengthBytes = 2 } } },
    { "a length in eight bytes that fits seven bits", 1002, { { opcode = TEXT, payload = "x", lengthBytes = 8 } } },
    { "a length in eight bytes that fits two", 1002, {
      { opcode = TEXT, payload = ("x"):rep(200), lengthBytes = 8 } } },
    { "a length with its top bit set", 1002, {
      { opcode = BINARY, length = math.mininteger, lengthBytes = 8 } } },
    { "a close with one byte", 1002, { { opcode = CLOSE, payload = "\3" } } },
    { "a close whose reason is no UTF-8", 1007, { { opcode = CLOSE, payload = "\3\232\255" } } },
    { "a text that is no UTF-8", 1007, { { opcode = TEXT, payload = "a\255b" } } },
    { "a text that ends within a character", 1007, { { opcode = TEXT, payload = "a\xc3" } } },
    { "an overlong form", 1007, { { opcode = TEXT, payload = "\xc0\x80" } } },
    { "a surrogate", 1007, { { opcode = TEXT, payload = "\xed\xa0\x80" } } },
    { "a character beyond U+10FFFF", 1007, { { opcode = TEXT, payload = "\xf4\x90\x80\x80" } } },
    { "no UTF-8 in the second fragment", 1007, {
      { opcode = TEXT, fin = false, payload = "\xc3" }, { opcode = CONTINUATION, payload = "\x28" } } },
    { "a text in fragments that ends within a character", 1007, {
      { opcode = TEXT, fin = false, payload = "a" }, { opcode = CONTINUATION, payload = "\xe2\x82" } } },
    { "no UTF-8 in a message that has not ended", 1007, { { opcode = TEXT, fin = false, payload = "a\255" } } },
  }
  for opcode = 3, 7 do
    table.insert(ROWS, { "opcode " .. opcode, 1002, { { opcode = opcode, payload = "x" } } })
  end
  for opcode = 11, 15 do
    table.insert(ROWS, { "opcode " .. opcode, 1002, { { opcode = opcode, payload = "x" } } })
  end
  for _, code in ipairs({ 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 }) do
    local close = { opcode = CLOSE, payload = client.closePayload(code) }
    table.insert(ROWS, { "a close with code " .. code, 1002, { close } })
  end

  local function send(c, frames, slowly)
    local bytes = {}
    for i, frame in ipairs(frames) do bytes[i] = client.frame(frame) end
    bytes = table.concat(bytes)
    c:write(bytes, slowly and #bytes < 400)
  end

  for _, row in ipairs(ROWS) do
    for _, slowly in ipairs({ false, true }) do
      it(("(%s)%s fails the connection with %d"):format(row[1], slowly and " byte by byte" or "", row[2]), function()
        local c = client.open(shared, "/ws")
        send(c, row[3], slowly)
        for _, message in ipairs(row.first or {}) do assert.equal(message, c:receive()) end
        c:expectFail(row[2])
        shared:expectLines(("error LUAW %d true"):format(row[2]), ("terminate %d false"):format(row[2]))
      end)
    end
  end

  it("leaves the server serving", function()
    assertServes()
    shared:expectLines("terminate 1000 true")
  end)

  for _, code in ipairs({ 1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999 }) do
    it("is not a close with code " .. code, function()
      local c = client.open(shared, "/ws")
      c:close(code)
      shared:expectLines(("terminate %d true"):format(code))
    end)
  end

  it("ignores whatever comes behind it", function()
    local c = client.open(shared, "/ws")
    c:write(client.frame({ opcode = TEXT, payload = "before" }) .. client.frame({ opcode = 3 })
      .. client.frame({ opcode = TEXT, payload = "behind" }) .. ("\0"):rep(1000))
    assert.equal("before", c:receive())
    c:expectCloseFrame(1002)
    shared:expectLines("error LUAW 1002 true", "terminate 1002 false")
  end)
end)

describe("garbage instead of a request", function()
  setup(function() shared = server.start(ECHO) end)

  -- name, bytes, the statuses allowed; none: the connection ends without an answer or with 400
  local ROWS = {
    { "random bytes", ("\0\255\1\254garbage"):rep(20), { 400 } },
    { "a TLS hello", "\22\3\1\2\0\1\0\1\252\3\3" .. ("\1"):rep(200), { 400 } },
    { "HTTP/0.9", "GET /\r\n\r\n", { 400, 505 } },
    { "HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", { 400, 405, 505, 501 } },
    { "an unknown version", "GET / HTTP/3.7\r\nHost: a\r\n\r\n", { 400, 505 } },
    { "a strange method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", { 400, 405, 501 } },
    { "a method of RTSP", "PLAY / RTSP/1.0\r\nHost: a\r\n\r\n", { 400, 405, 501, 505 } },
    { "a lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", { 400, 405, 501 } },
    { "no Host", "GET / HTTP/1.1\r\n\r\n", { 400 } },
    { "two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", { 400 } },
    { "a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", { 400 } },
    { "a header without a colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", { 400 } },
    { "an empty header name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", { 400 } },
    { "a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", { 400 } },
    { "a NUL in a header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", { 400 } },
    { "a bare CR in a header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", { 400 } },
    { "a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", { 400 } },
    { "a NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", { 400 } },
    { "a target without a slash", "GET chat HTTP/1.1\r\nHost: a\r\n\r\n", { 400 } },
    { "two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", { 400 } },
    { "a length and chunks",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", { 400 } },
    { "a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", { 400 } },
    { "a length of letters", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n", { 400 } },
    { "a length beyond 64 bits",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", { 400, 413 } },
    { "an unknown transfer encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", { 400, 501 } },
    { "a chunk size of letters",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", { 400 } },
    { "a chunk size beyond 64 bits",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", { 400, 413 } },
    { "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", { 400, 405, 501, 404 } },
    { "a request line beyond 8 KiB", "GET /" .. ("x"):rep(9000) .. " HTTP/1.1\r\nHost: a\r\n\r\n", { 414 } },
    { "101 headers", "GET / HTTP/1.1\r\nHost: a\r\n" .. ("X: 1\r\n"):rep(100) .. "\r\n", { 431 } },
    { "a header beyond 16 KiB", "GET / HTTP/1.1\r\nHost: a\r\nX: " .. ("x"):rep(17000) .. "\r\n\r\n", { 431 } },
    { "headers of more than 16 KiB in all",
      "GET / HTTP/1.1\r\nHost: a\r\n" .. ("X: " .. ("x"):rep(1000) .. "\r\n"):rep(20) .. "\r\n", { 431 } },
    { "a request line that never ends", "GET /" .. ("x"):rep(100000), { 414 } },
    { "a header that never ends", "GET / HTTP/1.1\r\nX: " .. ("x"):rep(100000), { 431 } },
    { "a header name that never ends", "GET / HTTP/1.1\r\n" .. ("x"):rep(100000), { 431, 400 } },
  }

  local function contains(list, value)
    for _, v in ipairs(list) do
      if v == value then return true end
    end
  end

  for _, row in ipairs(ROWS) do
    for _, slowly in ipairs({ false, true }) do
      if not slowly or #row[2] < 400 then
        it(("(%s)%s is refused and cut off"):format(row[1], slowly and " byte by byte" or ""), function()
          local c = client.connect(shared)
          c:write(row[2], slowly)
          local answer = c:response()
          assert.is_true(contains(row[3], answer.status), "got " .. answer.status .. " " .. answer.body)
          assert.truthy(answer.body:match("^[^\n]+\n$"), answer.body)
          assert.equal("close", answer.headers.connection:lower())
          local rest = c:readAll()
          assert.equal("", rest)
        end)
      end
    end
  end

  it("within the limits is taken: 100 headers, 8 KiB", function()
    local c = client.connect(shared)
    c:write("GET /" .. ("x"):rep(8000) .. " HTTP/1.1\r\nHost: a\r\n" .. ("X: 1\r\n"):rep(99) .. "\r\n")
    assert.equal(404, c:response().status)
  end)

  it("behind a good request ends the connection after its answer", function()
    local c = client.connect(shared)
    c:write(c:requestText({ path = "/none" }) .. "\0\0garbage\r\n\r\n")
    assert.equal(404, c:response().status)
    assert.equal(400, c:response().status)
    c:readAll()
  end)

  it("a body with the GET is no frame, nor a request", function()
    local c = client.connect(shared)
    c:sendRequest({ path = "/none", body = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" })
    assert.equal(404, c:response().status)
    c:sendRequest({ path = "/none2" })
    assert.equal(404, c:response().status)
    assert.equal("", c:peek())
    c = client.connect(shared)
    c:sendRequest({ path = "/ws", headers = client.upgradeHeaders(), body = "xx" })
    local answer = c:response()
    assert.equal(400, answer.status)
  end)

  it("leaves the server serving", function()
    assertServes()
  end)
end)

describe("a client that vanishes", function()
  local FRAME = client.frame({ opcode = TEXT, payload = ("x"):rep(300) })

  local STAGES = {
    ["right after connecting"] = function() end,
    ["in the request line"] = function(c) c:write("GET /w") end,
    ["in the headers"] = function(c) c:write("GET /ws HTTP/1.1\r\nHost: a\r\nUpgr") end,
    ["with its request unanswered"] = function(c)
      c:sendRequest({ path = "/ws", headers = client.upgradeHeaders() })
    end,
    ["in a body"] = function(c)
      c:sendRequest({ method = "POST", path = "/", headers = { ["Content-Length"] = "1000" } })
      c:write("part")
    end,
    ["after the handshake"] = function(c, upgrade) upgrade(c) end,
    ["in a frame's header"] = function(c, upgrade) upgrade(c) c:write(FRAME:sub(1, 3)) end,
    ["in a frame's mask"] = function(c, upgrade) upgrade(c) c:write(FRAME:sub(1, 6)) end,
    ["in a frame's payload"] = function(c, upgrade) upgrade(c) c:write(FRAME:sub(1, 100)) end,
    ["between fragments"] = function(c, upgrade)
      upgrade(c)
      c:sendFrame({ opcode = TEXT, fin = false, payload = "x" })
    end,
    ["with answers on the way"] = function(c, upgrade)
      upgrade(c)
      c:pause()
      for _ = 1, 50 do c:write(client.frame({ opcode = BINARY, payload = ("x"):rep(100000) })) end
    end,
    ["after its close frame"] = function(c, upgrade) upgrade(c) c:sendClose(1000) end,
    ["before its pong is read"] = function(c, upgrade) upgrade(c) c:sendFrame({ opcode = PING, payload = "x" }) end,
  }

  local function upgrade(c)
    c:sendRequest({ path = "/ws", headers = client.upgradeHeaders() })
    client.assertUpgraded(c:response())
  end

  for how, leave in pairs({
    ["by reset"] = function(c) c:reset() end, ["by FIN"] = function(c) c:drop() end,
  }) do
    it("at each stage, " .. how .. ", leaves the server serving and nothing behind", function()
      local s = server.start([[
        wss = serve({ onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }, { path = "/ws" })
        serve({ onMessage = function(_, ws) ws:send(tostring(wss.connectionCount)) end }, { path = "/count" })
      ]])
      for _, stage in pairs(STAGES) do
        for _ = 1, 5 do
          local c = client.connect(s)
          stage(c, upgrade)
          leave(c)
        end
      end
      local c = client.open(s, "/count")
      async.eventually(function()
        c:send("?")
        return c:receive() == "0"
      end, nil, "all connections to be gone")
      upgrade(client.connect(s))
    end)
  end
end)

describe("a flood", function()
  it("of connections that open and leave at once is survived", function()
    local s = server.start(ECHO)
    for _ = 1, 300 do client.connect(s):reset() end
    client.open(s, "/ws")
  end)

  it("of pings is answered in order", function()
    local s = server.start(ECHO)
    local c = client.open(s, "/ws")
    local pings = {}
    for i = 1, 2000 do pings[i] = client.frame({ opcode = PING, payload = tostring(i) }) end
    c:write(table.concat(pings))
    for i = 1, 2000 do assert.equal(tostring(i), c:receiveFrame().payload) end
  end)

  it("of pings by a client that doesn't read is bounded", function()
    local s = server.start(ECHO)
    local c = client.open(s, "/ws")
    c:pause()
    local ping = client.frame({ opcode = PING, payload = ("p"):rep(125) }):rep(1000)
    for _ = 1, build.pick(500, 5) do c:write(ping) end -- 65 MB
    c:sendFrame({ opcode = PING, payload = "the last" })
    c:flush()
    local other = client.open(s, "/ws")
    other:send("others go on")
    assert.equal("others go on", other:receive())
    s:assertPeakBelow(30)
    c:resume()
    repeat local pong = c:receiveFrame() until pong.payload == "the last"
  end)
end)
