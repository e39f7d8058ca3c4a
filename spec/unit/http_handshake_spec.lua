-- src/http/handshake.c: the opening handshake, RFC 6455 section 4.

local http = require("probe").http

local KEY = "dGhlIHNhbXBsZSBub25jZQ=="

-- The example of RFC 6455 section 1.2 with changes: a name given a value, an array of values, or
-- false for none. Fed in pieces of `step` bytes, or whole.
local function handshake(changes, line, body, step)
  local headers = {
    Host = "server.example.com", Upgrade = "websocket", Connection = "Upgrade",
    ["Sec-WebSocket-Key"] = KEY, ["Sec-WebSocket-Version"] = "13",
  }
  for name, value in pairs(changes or {}) do headers[name] = value end
  local lines = { line or "GET /chat HTTP/1.1" }
  for name, value in pairs(headers) do
    for _, one in ipairs(type(value) == "table" and value or value and { value } or {}) do
      lines[#lines + 1] = name .. ": " .. one
    end
  end
  local bytes = table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
  local request, progress = http.newRequest(), nil
  for at = 1, #bytes, step or #bytes do
    progress = request:feed(bytes:sub(at, at + (step or #bytes) - 1))
  end
  assert(progress == "complete", select(2, request:failure()))
  return request
end

local function check(changes, line, body)
  local result = { http.handshakeCheck(handshake(changes, line, body)) }
  assert.same(result, { http.handshakeCheck(handshake(changes, line, body, 1)) })
  return result
end

describe("http_handshake_check", function()
  it("takes a handshake", function()
    assert.same({ "websocket" }, check())
  end)

  it("takes lists, other cases and repeated headers", function()
    for _, changes in ipairs {
      { Upgrade = "WebSocket" }, { Upgrade = "h2c, websocket" }, { Upgrade = { "h2c", "WEBSOCKET" } },
      { Connection = "keep-alive, Upgrade" }, { Connection = "upgrade" },
      { Connection = { "keep-alive", "UPGRADE" } }, { Connection = ",upgrade ,x" },
      { ["Content-Length"] = "0" }, { Origin = "https://a" }, { ["Sec-WebSocket-Protocol"] = "chat" },
      { ["Sec-WebSocket-Extensions"] = "permessage-deflate; client_max_window_bits" },
    } do
      assert.same({ "websocket" }, check(changes))
    end
  end)

  it("leaves everything else to HTTP", function()
    for _, changes in ipairs {
      { Upgrade = false }, { Upgrade = "h2c" }, { Upgrade = "TLS/1.0" }, { Upgrade = "websocket/13" },
      { Upgrade = "" }, { Upgrade = "web socket" }, { Upgrade = "xwebsocket" },
    } do
      assert.same({ "none" }, check(changes))
      assert.same({ "none" }, check(changes, "POST / HTTP/1.1"))
    end
  end)

  it("wants GET", function()
    for _, method in ipairs { "POST", "HEAD", "OPTIONS", "PUT" } do
      assert.same({ "bad", 405, "a WebSocket handshake is a GET" }, check({}, method .. " / HTTP/1.1"))
    end
  end)

  it("wants HTTP/1.1", function()
    assert.same({ "bad", 400, "a WebSocket handshake needs HTTP/1.1" }, check({}, "GET / HTTP/1.0"))
  end)

  it("wants Connection: Upgrade", function()
    for _, connection in ipairs { false, "", "keep-alive", "Upgrade2", "close" } do
      assert.same({ "bad", 400, "no \"Connection: Upgrade\"" }, check({ Connection = connection }))
    end
  end)

  it("takes no body", function()
    local expected = { "bad", 400, "a WebSocket handshake with a body" }
    assert.same(expected, check({ ["Content-Length"] = "1" }, nil, "x"))
    assert.same(expected, check({ ["Transfer-Encoding"] = "chunked" }, nil, "1\r\nx\r\n0\r\n\r\n"))
    assert.same(expected, check({ ["Transfer-Encoding"] = "chunked" }, nil, "0\r\n\r\n"))
  end)

  it("wants version 13, and says so to other versions", function()
    for _, version in ipairs { "0", "1", "7", "8", "12", "14", "99", "100", "255" } do
      assert.same({ "bad", 426, "only WebSocket version 13 is supported" },
                  check({ ["Sec-WebSocket-Version"] = version }))
    end
  end)

  it("refuses what is no version", function()
    for _, version in ipairs { "", "256", "1000", "013", "00", "-1", "13.0", "x", "13, 8", "1 3", "+13",
                               "99999999999999999999" } do
      assert.same({ "bad", 400, "malformed Sec-WebSocket-Version" },
                  check({ ["Sec-WebSocket-Version"] = version }), version)
    end
    assert.same({ "bad", 400, "no Sec-WebSocket-Version header" },
                check({ ["Sec-WebSocket-Version"] = false }))
    for _, versions in ipairs { { "13", "13" }, { "13", "8" }, { "8", "7" } } do
      assert.same({ "bad", 400, "two Sec-WebSocket-Version headers" },
                  check({ ["Sec-WebSocket-Version"] = versions }))
    end
  end)

  it("wants one key of 16 bytes in base64", function()
    for _, key in ipairs { "AAAAAAAAAAAAAAAAAAAAAA==", "++//++//++//++//++//+w==", "azAZ09azAZ09azAZ09azAQ==" } do
      assert.same({ "websocket" }, check({ ["Sec-WebSocket-Key"] = key }))
    end
    for _, key in ipairs {
      "", "x", KEY:sub(1, 23), KEY .. "=", KEY:sub(2), "=" .. KEY:sub(2), KEY:sub(1, 22) .. "A=",
      KEY:sub(1, 22) .. "=A", KEY:sub(1, 22) .. "AA", KEY:sub(1, 21) .. "===", KEY:gsub("N", "-"),
      KEY:gsub("N", "_"), KEY:gsub("N", " "), KEY:gsub("N", "\xff"), KEY:gsub("N", "="),
      "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", KEY .. ", " .. KEY,
    } do
      assert.same({ "bad", 400, "malformed Sec-WebSocket-Key" }, check({ ["Sec-WebSocket-Key"] = key }), key)
    end
    assert.same({ "bad", 400, "no Sec-WebSocket-Key header" }, check({ ["Sec-WebSocket-Key"] = false }))
    assert.same({ "bad", 400, "two Sec-WebSocket-Key headers" },
                check({ ["Sec-WebSocket-Key"] = { KEY, KEY } }))
  end)

  it("wants subprotocols that are tokens, each once", function()
    local function with(offer) return check({ ["Sec-WebSocket-Protocol"] = offer }) end
    for _, offer in ipairs { "chat", "chat, superchat", { "a", "b" }, { "a,b", "c" }, "a, A", "v1.2+x" } do
      assert.same({ "websocket" }, with(offer))
    end
    for _, offer in ipairs { "", ",", "a,", ",a", "a,,b", "a b", "a;b", "\"a\"", "caf\xc3\xa9", { "a", "" },
                             "a/b", "a, b c" } do
      assert.same({ "bad", 400, "malformed Sec-WebSocket-Protocol" }, with(offer))
    end
    for _, offer in ipairs { "a,a", "a, b, a", { "a", "a" }, { "b, a", "c, a" } } do
      assert.same({ "bad", 400, "the same subprotocol twice" }, with(offer))
    end
    local many = {}
    for i = 1, 64 do many[i] = "p" .. i end
    assert.same({ "websocket" }, with(table.concat(many, ", ")))
    many[65] = "p65"
    assert.same({ "bad", 400, "too many subprotocols" }, with(table.concat(many, ", ")))
  end)

  it("wants extensions that can be read, whatever they are", function()
    local function with(offer) return check({ ["Sec-WebSocket-Extensions"] = offer }) end
    for _, offer in ipairs { "x", "permessage-deflate; x=1; y=\"2\"", { "a", "b; c" }, "a,, b", { "", "a" } } do
      assert.same({ "websocket" }, with(offer))
    end
    for _, offer in ipairs { "", ",", "a b", "a;", "a; b=", "a; b=\"\"", "a; b=\"c", "a/b", { "a", "b;" } } do
      assert.same({ "bad", 400, "malformed Sec-WebSocket-Extensions" }, with(offer))
    end
    assert.same({ "websocket" }, with(("a,"):rep(64)))
    assert.same({ "bad", 400, "too many extensions" }, with(("a,"):rep(65)))
  end)

  it("wants one Origin, if any", function()
    assert.same({ "websocket" }, check({ Origin = "https://a" }))
    for _, origins in ipairs { { "https://a", "https://b" }, { "https://a", "https://a" }, { "", "https://a" } } do
      assert.same({ "bad", 400, "two Origin headers" }, check({ Origin = origins }))
    end
  end)

  it("says the version first, for that is what a newer client can act upon", function()
    assert.equal(426, check({ ["Sec-WebSocket-Version"] = "14", ["Sec-WebSocket-Key"] = "x" })[2])
  end)
end)

describe("http_handshake_next_protocol", function()
  it("goes through the offers in order", function()
    for _, case in ipairs {
      { nil, {} }, { "a", { "a" } }, { "a, b ,c", { "a", "b", "c" } },
      { { "a", "b,c" }, { "a", "b", "c" } }, { { "a,b", "c", "d" }, { "a", "b", "c", "d" } },
    } do
      for _, step in ipairs { 1, 1000 } do
        local request = handshake({ ["Sec-WebSocket-Protocol"] = case[1] }, nil, nil, step)
        assert.same(case[2], http.handshakeProtocols(request))
      end
    end
  end)
end)

describe("http_handshake_accept", function()
  it("answers keys", function()
    assert.equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", http.handshakeAccept(KEY)) -- RFC 6455 section 1.3
    assert.equal("HSmrc0sMlYUkAGmm5OPpG2HaGWk=", http.handshakeAccept("x3JJHMbDL1EzLkh9GBhXDw=="))
  end)
end)

describe("http_handshake_write", function()
  local HEAD = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    .. "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

  it("writes the head of the 101", function()
    assert.equal(HEAD .. "\r\n", http.handshakeWrite(KEY, nil, nil, nil))
    assert.equal(HEAD .. "\r\n", http.handshakeWrite(KEY, "", "", ""))
    assert.equal(HEAD .. "Sec-WebSocket-Protocol: chat\r\n\r\n", http.handshakeWrite(KEY, "chat"))
    assert.equal(HEAD .. "Sec-WebSocket-Extensions: a; b\r\n\r\n", http.handshakeWrite(KEY, nil, "a; b"))
    assert.equal(HEAD .. "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: a\r\n"
                 .. "Set-Cookie: a=b\r\nX: y\r\n\r\n",
                 http.handshakeWrite(KEY, "chat", "a", "Set-Cookie: a=b\r\nX: y\r\n"))
  end)

  it("doesn't pass the buffer's ceiling", function()
    local whole = http.handshakeWrite(KEY, "chat", "a", "X: y\r\n")
    for max = 0, #whole - 1 do
      assert.same({ nil, "too big" }, { http.handshakeWrite(KEY, "chat", "a", "X: y\r\n", max) })
    end
    assert.equal(whole, http.handshakeWrite(KEY, "chat", "a", "X: y\r\n", #whole))
  end)
end)
