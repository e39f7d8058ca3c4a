-- The opening handshake: RFC 6455 section 4.2, and what RFC 9110 says of its headers.

local client = require "spec.support.client"
local frame = require "spec.conformance.frame"
local request = require "spec.conformance.request"
local section = require "spec.conformance.section"
local with, without, line = request.with, request.without, request.line
local text, ping, pong = frame.text, frame.ping, frame.pong

local UPGRADED = { status = 101 }
local BAD = { status = { 400, 426 } }
local DOUBTFUL = { status = { 400, 426 }, lenient = { 101 } }
-- No handshake, but nothing malformed either.
local PLAIN = { status = { 426, 400, 404 } }

local KEY = "Sec-WebSocket-Key"
local VERSION = "Sec-WebSocket-Version"
local PROTOCOL = "Sec-WebSocket-Protocol"

local cases, begin, addCase = section.new("handshake", "The opening handshake")
cases.role = "server"

local function add(about, bytes, answer, fields)
  local case = { request = bytes, answer = answer }
  if answer.status == 101 then case.closes = 1000 end
  for name, value in pairs(fields or {}) do case[name] = value end
  addCase(about, case)
end

local function of(name, value)
  return with({ [name] = value and name .. ": " .. value })
end

begin "answer"

add("the 101 has the accept of the key, and nothing of a body", with(),
  { status = 101, headers = { ["content-length"] = false, ["transfer-encoding"] = false } })
add("the 101 names no subprotocol and no extension unasked", with(),
  { status = 101, headers = { ["sec-websocket-protocol"] = false, ["sec-websocket-extensions"] = false } })
add("a query, a cookie and headers that nobody knows change nothing",
  (line("GET %PATH%?a=b&c HTTP/1.1"):gsub("\r\n\r\n$", "\r\nCookie: a=b\r\nX-Unknown: y\r\n\r\n")),
  UPGRADED)
add("the answer to another method has no body and Allow", line("POST %PATH% HTTP/1.1"),
  { status = 405, headers = { allow = "GET" }, ends = true }, { only = "luaws" })

begin "lists"

for _, upgrade in ipairs({ "WebSocket", "WEBSOCKET", "h2c, websocket", "websocket,h2c",
                           "h2c\r\nUpgrade: websocket" }) do
  -- That there are lists of protocols is RFC 9110's word, not RFC 6455's.
  add(("Upgrade: %s is a handshake"):format((upgrade:gsub("\r\n", " and "))), of("Upgrade", upgrade),
    { status = 101, lenient = upgrade:find("h2c", 1, true) and { 400, 426 } or nil })
end
for _, connection in ipairs({ "upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade,keep-alive", "x ,\tUpgrade , y",
                              "keep-alive\r\nConnection: Upgrade", ", Upgrade" }) do
  add(("Connection: %s is a handshake"):format((connection:gsub("\r\n", " and "))), of("Connection", connection),
    UPGRADED)
end
for _, upgrade in ipairs({ false, "", "h2c", "xwebsocket", "web socket", "websockets", "TLS/1.2" }) do
  add(upgrade and ("Upgrade: %s is none"):format(upgrade) or "no Upgrade is none", of("Upgrade", upgrade), PLAIN)
end
for _, connection in ipairs({ false, "", "keep-alive", "close", "upgrades", "up grade", "xupgrade" }) do
  add(connection and ("Connection: %s is none"):format(connection) or "no Connection is none",
    of("Connection", connection), { status = { 400, 426 } })
end

begin "key"

for _, row in ipairs({
  { "AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI=" },
  { "++//++//++//++//++//+w==", "7HaJ+C+u8+fkDsaB/+dCEnpOHuA=" },
}) do
  local key, accept = row[1], row[2]
  addCase("the key " .. key .. " is accepted with its own accept", {
    run = function(t)
      local c = t:connect()
      c:write(request.fill(of(KEY, key), t.target, c.host), t.target.slowly)
      local answer = c:response()
      local got = answer.headers["sec-websocket-accept"]
      if answer.status ~= 101 or got ~= accept then t:fail("status %d, accept %s", answer.status, tostring(got)) end
    end })
end
add("a key with blanks around it is taken", of(KEY, " \tdGhlIHNhbXBsZSBub25jZQ==\t "), UPGRADED)
add("no key is refused", without(KEY), BAD)
add("two keys are refused", with(KEY .. ": AAAAAAAAAAAAAAAAAAAAAA=="), BAD)
add("the same key twice is refused", with(KEY .. ": dGhlIHNhbXBsZSBub25jZQ=="), BAD)
for _, row in ipairs({
  { "an empty key", "" }, { "a key of 15 bytes", "MTIzNDU2Nzg5MDEyMzQ1" },
  { "a key of 17 bytes", "MTIzNDU2Nzg5MDEyMzQ1Njc=" },
  { "a key without padding", "dGhlIHNhbXBsZSBub25jZQ" }, { "a key with other padding", "dGhlIHNhbXBsZSBub25jZQ=A" },
  { "a key in URLs' alphabet", "__--__--__--__--__--_w==" }, { "a key with a blank in it", "dGhlIHNhbXBs ZSBub25jZQ=" },
  { "a key that is no base64", "dGhl!HNhbXBsZSBub25jZQ==" }, { "a key in 8-bit", "dGhl\xffHNhbXBsZSBub25jZQ==" },
  { "a list of keys", "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==" }, { "a word for a key", "key" },
}) do
  add(row[1] .. " is refused", of(KEY, row[2]), BAD)
end

begin "version"

add("no version is refused", without(VERSION), { status = { 400, 426 } })
for _, version in ipairs({ "0", "7", "12", "14", "255" }) do
  add("version " .. version .. " is told which one is spoken", of(VERSION, version),
    { status = { 426, 400 }, headers = { ["sec-websocket-version"] = "13" } })
end
for _, version in ipairs({ "", "013", "+13", "13.0", "-13", "13, 8", "8, 13", "1 3", "x", "256",
                           "99999999999999999999" }) do
  add(("version %q is refused"):format(version), of(VERSION, version), { status = { 400, 426 } })
end
add("two versions are refused", with(VERSION .. ": 8"), { status = { 400, 426 } })
add("version 13 twice is refused", with(VERSION .. ": 13"), { status = { 400, 426 }, lenient = { 101 } })

begin "http"

add("HTTP/1.0 is refused", line("GET %PATH% HTTP/1.0"), { status = { 400, 426, 505 } })
add("HTTP/1.0 with keep-alive is refused",
  (line("GET %PATH% HTTP/1.0"):gsub("Connection: Upgrade", "Connection: keep-alive, Upgrade")),
  { status = { 400, 426, 505 } })
-- A server may as well read the body first, and switch then (RFC 9110 section 7.8).
add("a body is refused", with("Content-Length: 5") .. "hello", DOUBTFUL)
add("a body in chunks is refused", with("Transfer-Encoding: chunked") .. "5\r\nhello\r\n0\r\n\r\n", DOUBTFUL)
add("a body that is an empty chunk is refused", with("Transfer-Encoding: chunked") .. "0\r\n\r\n", DOUBTFUL)
add("two Origins are refused", with("Origin: http://%HOST%\r\nOrigin: http://evil.example"),
  { status = { 400, 403 }, lenient = { 101 } })

begin "offers"

-- Other servers may speak any.
add("subprotocols that the server doesn't speak are passed over", with(PROTOCOL .. ": x-unknown, x-other"),
  { status = 101, headers = { ["sec-websocket-protocol"] = false } }, { only = "luaws" })
for _, offer in ipairs({ "", ",", "a,,b", "a b", "a/b", "\"a\"", "a;b", "caf\xc3\xa9" }) do
  add(("the subprotocols %q are refused"):format(offer), with(PROTOCOL .. ": " .. offer), DOUBTFUL)
end
add("a subprotocol twice is refused", with(PROTOCOL .. ": a, b, a"), DOUBTFUL)
add("a subprotocol twice, in two lines, is refused", with(PROTOCOL .. ": a\r\n" .. PROTOCOL .. ": a"), DOUBTFUL)
add("extensions that the server doesn't know are passed over",
  with("Sec-WebSocket-Extensions: x-unknown; a=1; b=\"2\", x-other\r\nSec-WebSocket-Extensions: bbf-usp-protocol"),
  { status = 101, headers = { ["sec-websocket-extensions"] = false } })
for _, offer in ipairs({ "a b", "a;", "a; b=", "a; b=\"c", "/", "a; =b" }) do
  add(("the extensions %q are refused"):format(offer), with("Sec-WebSocket-Extensions: " .. offer), DOUBTFUL)
end

begin "behind"

local EARLY = text("early")

add("a frame in the same segment as the request is answered", with() .. client.frame(EARLY), UPGRADED,
  { expect = { EARLY } })
add("so are several", with() .. client.frame(EARLY):rep(3), UPGRADED, { expect = { EARLY, EARLY, EARLY } })
add("and pings", with() .. client.frame(ping("1")) .. client.frame(ping("2")), UPGRADED,
  { expect = { pong("1"), pong("2") } })
add("and half a frame, whose rest comes later", with() .. client.frame(EARLY):sub(1, 4), UPGRADED,
  { send = { client.frame(EARLY):sub(5) }, expect = { EARLY } })
add("and one of 64 KiB", with() .. client.frame(text(("x"):rep(65536))), UPGRADED,
  { expect = { text(("x"):rep(65536)) } })
add("a frame that breaks the protocol fails the connection", with() .. client.frame({ opcode = 3, payload = "x" }),
  { status = 101 }, { fails = 1002 })
add("a close frame in the same segment is answered", with() .. client.frame(frame.close(1000)),
  { status = 101 }, { fails = 1000 })
add("a second request is no frame, and fails the connection", with() .. with(), { status = 101 }, { fails = 1002 })
add("a frame behind a refused handshake gets no answer",
  without(KEY) .. client.frame(EARLY) .. client.frame(ping()), { status = { 400, 426 }, ends = true })

return cases
