-- src/http/opening.c: the client's side of the opening handshake, RFC 6455 section 4.1.

local probe = require "probe"
local opening, http = probe.opening, probe.http

local RANDOM = "the sample nonce" -- RFC 6455 section 1.3
local KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

local function with(changes)
  local o = { host = "server.example.com", port = 80, target = "/chat", random = RANDOM }
  for name, value in pairs(changes or {}) do o[name] = value end
  return o
end

local function linesOf(changes)
  local text = assert(opening.write(with(changes)))
  local lines = {}
  for line in text:gmatch "(.-)\r\n" do lines[#lines + 1] = line end
  assert.equal("", table.remove(lines))
  return lines
end

local function contains(lines, wanted)
  for _, line in ipairs(lines) do
    if line == wanted then return true end
  end
  return false
end

describe("http_opening_write", function()
  it("writes the request", function()
    assert.same({
      "GET /chat HTTP/1.1", "Host: server.example.com", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " .. KEY,
    }, linesOf())
  end)

  it("offers subprotocols and extensions, and adds headers", function()
    local lines = linesOf {
      protocols = { "chat.v2", "chat.v1" }, extensions = "permessage-deflate; client_max_window_bits",
      headers = { { "Cookie", "a=1; b=2" }, { "X", "" }, { "X", "caf\xc3\xa9" } },
    }
    assert.same({
      "Sec-WebSocket-Protocol: chat.v2, chat.v1",
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "Cookie: a=1; b=2", "X: ",
      "X: caf\xc3\xa9",
    }, { table.unpack(lines, 7) })
  end)

  it("names the port in Host unless it is the scheme's own", function()
    for _, case in ipairs {
      { "a", 80, false, "a" }, { "a", 443, true, "a" }, { "a", 443, false, "a:443" }, { "a", 80, true, "a:80" },
      { "[::1]", 8080, false, "[::1]:8080" }, { "[::1]", 443, true, "[::1]" },
      { "1.2.3.4", 65535, true, "1.2.3.4:65535" },
    } do
      local host, port, secure, expected = table.unpack(case)
      assert.is_true(contains(linesOf { host = host, port = port, secure = secure }, "Host: " .. expected))
    end
  end)

  it("writes what a server takes", function()
    local request = http.newRequest()
    assert.equal("complete", (request:feed((opening.write(with {
      protocols = { "a", "b" }, target = "/x%20y?z=%zz&\"<>", host = "[::1]", port = 1,
      headers = { { "Origin", "https://a" } },
    })))))
    assert.equal("websocket", (http.handshakeCheck(request)))
    assert.same({ "a", "b" }, http.handshakeProtocols(request))
    assert.equal(KEY, request:header("sec-websocket-key"))
  end)

  it("makes a key of any 16 bytes", function()
    for random, key in pairs {
      [("\0"):rep(16)] = "AAAAAAAAAAAAAAAAAAAAAA==", [("\xff"):rep(16)] = "/////////////////////w==",
    } do
      assert.is_true(contains(linesOf { random = random }, "Sec-WebSocket-Key: " .. key))
    end
  end)

  it("refuses what would make another request of it", function()
    for why, list in pairs {
      ["malformed host"] = {
        { host = "" }, { host = "a b" }, { host = "a\r\nX: y" }, { host = "a/b" }, { host = "u@a" },
        { host = "a:80" }, { host = "::1" }, { host = "[::1" }, { host = "a\0" }, { host = "\xff" },
      },
      ["no port"] = { { port = 0 } },
      ["a path must begin with \"/\""] = { { target = "" }, { target = "chat" }, { target = "*" }, { target = "?x" },
                                           { target = "http://a/" } },
      ["unencoded character in the request target"] = {
        { target = "/a b" }, { target = "/a\r\nX: y" }, { target = "/\0" }, { target = "/caf\xc3\xa9" },
        { target = "/\t" }, { target = "/?\n" },
      },
      ["fragment in the request target"] = { { target = "/a#b" } },
      ["bad percent-encoding in the path"] = { { target = "/%zz" }, { target = "/%00" }, { target = "/%" } },
      ["malformed subprotocol"] = {
        { protocols = { "" } }, { protocols = { "a", "b c" } }, { protocols = { "a,b" } },
        { protocols = { "a\r\n" } }, { protocols = { "a\0" } },
      },
      ["the same subprotocol twice"] = { { protocols = { "a", "b", "a" } } },
      ["malformed extensions"] = { { extensions = "a\r\nX: y" }, { extensions = "\0" } },
      ["malformed header name"] = { { headers = { { "", "x" } } }, { headers = { { "A B", "x" } } },
                                    { headers = { { "A:", "x" } } }, { headers = { { "A\r\nB", "x" } } } },
      ["a header that luaws writes itself"] = {
        { headers = { { "hOsT", "x" } } }, { headers = { { "Sec-WebSocket-Key", KEY } } },
        { headers = { { "Content-Length", "5" } } },
      },
      ["a header with a line break or another control character in it"] = {
        { headers = { { "A", "b\r\nC: d" } } }, { headers = { { "A", "b\n" } } }, { headers = { { "A", "\0" } } },
        { headers = { { "A", "x" }, { "B", "\x7f" } } },
      },
    } do
      for _, changes in ipairs(list) do assert.same({ nil, why }, { opening.write(with(changes)) }) end
    end
  end)

  it("reserves the headers of the handshake and of framing", function()
    for name in ("Host Connection Upgrade Content-Length Transfer-Encoding TE Trailer Expect sec-websocket-key "
      .. "Sec-WebSocket-Version Sec-WebSocket-Protocol Sec-WebSocket-Extensions Sec-WebSocket-Accept"):gmatch "%S+" do
      assert.is_true(opening.isReserved(name), name)
    end
    for name in ("Origin Cookie Authorization User-Agent X-Host Hos Sec-WebSocket"):gmatch "%S+" do
      assert.is_false(opening.isReserved(name), name)
    end
  end)

  it("doesn't pass the buffer's ceiling", function()
    local o = with { protocols = { "a", "b" }, extensions = "x", headers = { { "A", "b" } }, port = 81 }
    local whole = assert(opening.write(o))
    for max = 0, #whole - 1 do assert.same({ nil, "too big" }, { opening.write(o, max) }) end
    assert.equal(whole, (opening.write(o, #whole)))
  end)
end)

describe("http_opening_check", function()
  -- The answer of RFC 6455 section 1.3 with changes: a name given a value, an array of values, or false for none.
  local function check(changes, o, line)
    local headers = { Upgrade = "websocket", Connection = "Upgrade", ["Sec-WebSocket-Accept"] = ACCEPT }
    for name, value in pairs(changes or {}) do headers[name] = value end
    local lines = { line or "HTTP/1.1 101 Switching Protocols" }
    for name, value in pairs(headers) do
      for _, one in ipairs(type(value) == "table" and value or value and { value } or {}) do
        lines[#lines + 1] = name .. ": " .. one
      end
    end
    local reply = opening.newReply()
    local progress = reply:feed(table.concat(lines, "\r\n") .. "\r\n\r\n")
    if progress == "more" then progress = reply:finish() end
    assert.equal("complete", progress, reply:failure())
    return { opening.check(with(o), reply) }
  end

  it("takes a 101", function()
    for _, changes in ipairs {
      {}, { Upgrade = "WebSocket" }, { Connection = "upgrade" }, { Connection = "keep-alive, Upgrade" },
      { Connection = { "x", "UPGRADE" } }, { ["Sec-WebSocket-Extensions"] = "x" }, { Server = "y", Date = "z" },
      { ["Sec-WebSocket-Accept"] = " " .. ACCEPT .. " " }, { ["Content-Length"] = "0" },
    } do
      assert.same({ "websocket", "" }, check(changes))
    end
    assert.same({ "websocket", "" }, check({}, {}, "HTTP/1.1 101 "))
  end)

  it("takes it as what our own server writes", function()
    local reply = opening.newReply()
    assert.equal("complete", (reply:feed(http.handshakeWrite(KEY, "b", nil))))
    assert.same({ "websocket", "b" }, { opening.check(with { protocols = { "a", "b" } }, reply) })
  end)

  it("leaves any other status to the caller", function()
    for _, status in ipairs { "200 OK", "301 x", "401 x", "403 Forbidden", "426 x", "500 x" } do
      assert.same({ "refused" }, check({}, {}, "HTTP/1.1 " .. status))
      assert.same({ "refused" }, check({}, {}, "HTTP/1.0 " .. status))
    end
  end)

  it("wants HTTP/1.1", function()
    assert.same({ "bad", "the server switched protocols in HTTP/1.0" }, check({}, {}, "HTTP/1.0 101 x"))
  end)

  it("wants Upgrade: websocket and nothing else, and Connection: Upgrade", function()
    for _, upgrade in ipairs { false, "", "h2c", "websocket, h2c", "h2c, websocket", "websockets", "websocket/13",
                               { "websocket", "websocket" } } do
      assert.same({ "bad", "no \"Upgrade: websocket\" in the answer" }, check({ Upgrade = upgrade }))
    end
    for _, connection in ipairs { false, "", "close", "keep-alive", "upgrades", "up grade" } do
      assert.same({ "bad", "no \"Connection: Upgrade\" in the answer" }, check({ Connection = connection }))
    end
  end)

  it("wants the accept of its own key, once", function()
    for _, accept in ipairs { false, { ACCEPT, ACCEPT } } do
      assert.same({ "bad", "not one Sec-WebSocket-Accept in the answer" }, check({ ["Sec-WebSocket-Accept"] = accept }))
    end
    for _, accept in ipairs { "", "x", KEY, ACCEPT:lower(), ACCEPT:sub(1, -2), ACCEPT .. "=", ACCEPT .. ", " .. ACCEPT,
                              "HSmrc0sMlYUkAGmm5OPpG2HaGWk=", "\xff" } do
      assert.same({ "bad", "the answer's Sec-WebSocket-Accept is not for this request" },
                  check({ ["Sec-WebSocket-Accept"] = accept }))
    end
    assert.equal("bad", check({}, { random = "another 16 bytes" })[1])
  end)

  it("wants one of the subprotocols that it has offered, or none", function()
    local offer = { protocols = { "a", "b" } }
    local function choose(value, o) return check({ ["Sec-WebSocket-Protocol"] = value }, o or offer) end
    assert.same({ "websocket", "a" }, choose("a"))
    assert.same({ "websocket", "b" }, choose("b"))
    assert.same({ "websocket", "" }, choose(false))
    for _, value in ipairs { "c", "A", "", "a, b", "a,", "a b" } do
      assert.same({ "bad", "the server chose a subprotocol that was not offered" }, choose(value))
    end
    assert.same({ "bad", "the server chose a subprotocol that was not offered" }, choose("a", {}))
    assert.same({ "bad", "the server chose two subprotocols" }, choose({ "a", "a" }))
  end)
end)
