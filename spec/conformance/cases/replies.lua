-- What a server may answer to a client's handshake, and what makes it fail: RFC 6455 section 4.1.

local peer = require "spec.support.peer"
local frame = require "spec.conformance.frame"
local section = require "spec.conformance.section"
local text, ping, pong, close = frame.text, frame.ping, frame.pong, frame.close

local cases, begin, addCase = section.new("reply", "What a server answers")
cases.role = "client"

local HELLO = text(frame.HELLO)
local LINE = "HTTP/1.1 101 Switching Protocols\r\n"
local ACCEPT = "Sec-WebSocket-Accept: %ACCEPT%\r\n"
local UPGRADE, CONNECTION = "Upgrade: websocket\r\n", "Connection: Upgrade\r\n"
local RIGHT = LINE .. UPGRADE .. CONNECTION .. ACCEPT

-- It is a handshake: an echo, and a close.
local function accepts(about, reply, more)
  local case = { reply = reply, send = { HELLO }, expect = { HELLO }, closes = 1000 }
  for name, value in pairs(more or {}) do case[name] = value end
  addCase(about, case)
end

local function refuses(about, reply, more)
  local case = { reply = reply, refuses = true }
  for name, value in pairs(more or {}) do case[name] = value end
  addCase(about, case)
end

-- A right answer with these lines, in place of none or of one of the usual.
local function with(lines) return RIGHT .. lines .. "\r\n" end

local function instead(usual, line)
  local at, last = RIGHT:find(usual, 1, true)
  return RIGHT:sub(1, at - 1) .. line .. RIGHT:sub(last + 1) .. "\r\n"
end

begin "good"

accepts("the usual answer is a handshake", with(""))
accepts("in the smallest packets, too", with(""), { chop = 1 })
accepts("so it is in another order", LINE .. ACCEPT .. CONNECTION .. UPGRADE .. "\r\n")
accepts("and with names in small letters", (with(""):gsub("\r\n[%w-]+:", string.lower)))
accepts("and with names and values in capitals",
  LINE .. "UPGRADE: WEBSOCKET\r\nCONNECTION: UPGRADE\r\nSEC-WEBSOCKET-ACCEPT: %ACCEPT%\r\n\r\n")
accepts("and without blanks behind the colons", (with(""):gsub(": ", ":")))
accepts("and with many", LINE .. "Upgrade: \t websocket \t\r\nConnection:  Upgrade  \r\n"
  .. "Sec-WebSocket-Accept:\t %ACCEPT% \t\r\n\r\n")
accepts("Connection may be a list", instead(CONNECTION, "Connection: keep-alive, Upgrade\r\n"))
accepts("or two lines", instead(CONNECTION, "Connection: keep-alive\r\nConnection: upgrade\r\n"))
accepts("the reason may be another one", instead(LINE, "HTTP/1.1 101 Web Socket Protocol Handshake\r\n"))
accepts("or none", instead(LINE, "HTTP/1.1 101 \r\n"))
accepts("headers that nobody knows change nothing", with("X-Unknown: y\r\nDate: today\r\nServer: a b (c)\r\n"))
accepts("nor do cookies", with("Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n"))
accepts("nor do 60 headers", with(("X-Header: value\r\n"):rep(60)))
accepts("nor does one of 7 KiB", with("X-Long: " .. ("x"):rep(7000) .. "\r\n"))
accepts("no subprotocol may be chosen though some were offered", with(""), { protocols = "v1,v2", mayRefuse = true })
accepts("the second subprotocol of those offered may be", with("Sec-WebSocket-Protocol: v2\r\n"),
  { protocols = "v1,v2", told = "v2" })

begin "behind"

local function behind(about, frames, expect, more)
  local bytes = {}
  for i, f in ipairs(frames) do bytes[i] = peer.frame(f) end
  local case = { reply = with("") .. table.concat(bytes), expect = expect, closes = 1000 }
  for name, value in pairs(more or {}) do case[name] = value end
  addCase(about, case)
end

behind("a text in the same segment as the answer is heard", { HELLO }, { HELLO })
behind("so are several", { text("one"), text("two"), text("three") }, { text("one"), text("two"), text("three") })
behind("and pings", { ping("1"), ping("2") }, { pong("1"), pong("2") })
behind("and 64 KiB", { text(("x"):rep(65536)) }, { text(("x"):rep(65536)) })
behind("and fragments", { text("Hel", { fin = false }), frame.continuation("lo") }, { text("Hello") })
addCase("and half a frame, whose rest comes later", {
  reply = with("") .. peer.frame(HELLO):sub(1, 6), send = { frame.part(HELLO, 7) },
  expect = { HELLO }, closes = 1000,
})
addCase("a close in the same segment is answered",
  { reply = with("") .. peer.frame(close(4000, "bye")), fails = 4000 })
behind("a mistake in the same segment fails the connection", { { opcode = 3 } }, nil, { closes = false, fails = 1002 })
addCase("a masked frame in the same segment fails the connection",
  { reply = with("") .. frame.bytes(HELLO), fails = 1002 })
addCase("another answer in the same segment is no frame, and fails the connection",
  { reply = with("") .. with(""), fails = 1002 })

begin "status"

local BODY = "Content-Length: 3\r\nConnection: close\r\n\r\nno\n"

for _, status in ipairs({ 200, 202, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 405,
                          407, 408, 410, 418, 421, 426, 429, 431, 451, 500, 501, 502, 503, 504, 505, 511, 599 }) do
  local body = (status == 204 or status == 304) and "Connection: close\r\n\r\n" or BODY
  refuses(("status %d is no handshake"):format(status), ("HTTP/1.1 %d Whatever\r\n"):format(status) .. body,
    { drops = "eof" })
end
for _, status in ipairs({ 200, 201, 302, 426 }) do
  refuses(("status %d with all that makes a handshake is none"):format(status),
    instead("101 Switching Protocols", status .. " Switching Protocols"), { drops = "eof" })
end
refuses("a redirect isn't followed", "HTTP/1.1 302 Found\r\nLocation: /\r\n" .. BODY, { drops = "eof" })
refuses("nor one to another host", "HTTP/1.1 301 Moved\r\nLocation: ws://127.0.0.1:1/\r\n" .. BODY, { drops = "eof" })
refuses("401 without credentials ends it",
  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n" .. BODY, { drops = "eof" })
refuses("200 with a body without an end fails", "HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(65536), { slowly = false })
accepts("103 before the 101 is passed over", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" .. with(""),
  { mayRefuse = true })

begin "line"

for _, row in ipairs({
  { "HTTP/1.0", "HTTP/1.0 101 Switching Protocols" }, { "HTTP/2", "HTTP/2 101 Switching Protocols" },
  { "HTTP/2.0", "HTTP/2.0 101 Switching Protocols" }, { "HTTP/0.9", "HTTP/0.9 101 Switching Protocols" },
  { "http/1.1", "http/1.1 101 Switching Protocols" }, { "HTTP/1.1.1", "HTTP/1.1.1 101 Switching Protocols" },
  { "no version", "101 Switching Protocols" }, { "a status of two digits", "HTTP/1.1 10 Switching Protocols" },
  { "a status of four digits", "HTTP/1.1 1010 Switching Protocols" },
  { "a status with a letter", "HTTP/1.1 1O1 Switching Protocols" },
  { "a negative status", "HTTP/1.1 -101 Switching Protocols" },
  { "a status in hexadecimal", "HTTP/1.1 0x65 Switching Protocols" },
  { "another protocol", "ICY 101 OK" }, { "RTSP", "RTSP/1.1 101 Switching Protocols" },
  { "a NUL in it", "HTTP/1.1 101 Switching\0Protocols" }, { "a request", "GET / HTTP/1.1" },
}) do
  refuses("a status line with " .. row[1] .. " is refused", instead(LINE, row[2] .. "\r\n"), { drops = "eof" })
end

begin "rubbish"

for _, row in ipairs({
  { "an SSH banner", "SSH-2.0-OpenSSH_9.2p1\r\n" }, { "SMTP's greeting", "220 mail.example ESMTP\r\n\r\n" },
  { "a TLS alert", "\x15\x03\x01\x00\x02\x02\x28" }, { "HTML", "<!DOCTYPE html><html></html>\r\n\r\n" },
  { "a frame", "\x81\x05Hello" }, { "a close frame", "\x88\x02\x03\xe8" }, { "zeros", ("\0"):rep(100) },
  { "set bits", ("\255"):rep(100) }, { "HTTP/2's settings", "\0\0\0\4\0\0\0\0\0" },
  { "an empty line and more", "\r\n\r\n\r\nwhat?\r\n\r\n" }, { "JSON", '{"error":"no"}\n\n' },
}) do
  refuses(row[1] .. " is no handshake", row[2], { drops = "eof" })
end
refuses("64 KiB of one letter are none, and aren't awaited", ("x"):rep(65536), { slowly = false })

begin "headers"

refuses("no Upgrade", instead(UPGRADE, ""))
refuses("no Connection", instead(CONNECTION, ""))
refuses("no Sec-WebSocket-Accept", instead(ACCEPT, ""))
refuses("no header at all", LINE .. "\r\n")
for _, value in ipairs({ "", "h2c", "websockets", "xwebsocket", "web socket", "websocket/13" }) do
  refuses(("Upgrade: %s"):format(value), instead(UPGRADE, "Upgrade: " .. value .. "\r\n"))
end
for _, value in ipairs({ "h2c, websocket", "websocket, h2c", "websocket\r\nUpgrade: h2c" }) do
  refuses(("Upgrade: %s"):format((value:gsub("\r\n", " and "))), instead(UPGRADE, "Upgrade: " .. value .. "\r\n"),
    { mayAccept = true })
end
for _, value in ipairs({ "", "close", "keep-alive", "upgrades", "xupgrade", "up grade" }) do
  refuses(("Connection: %s"):format(value), instead(CONNECTION, "Connection: " .. value .. "\r\n"))
end

begin "accept"

local function accept(about, line)
  refuses(about .. " isn't believed", instead(ACCEPT, line .. "\r\n"))
end

accept("an empty Sec-WebSocket-Accept", "Sec-WebSocket-Accept: ")
accept("that of another key", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
accept("that without padding", "Sec-WebSocket-Accept: %UNPADDED%")
accept("that in small letters", "Sec-WebSocket-Accept: %LOWER%")
accept("that with something behind it", "Sec-WebSocket-Accept: %ACCEPT%A")
accept("that with something in front of it", "Sec-WebSocket-Accept: A%ACCEPT%")
accept("that in quotes", "Sec-WebSocket-Accept: \"%ACCEPT%\"")
accept("the key itself", "Sec-WebSocket-Accept: %KEY%")
accept("the key by its own name", "Sec-WebSocket-Key: %KEY%")
accept("the right one and a wrong one", "Sec-WebSocket-Accept: %ACCEPT%\r\nSec-WebSocket-Accept: x")
accept("a wrong one and the right one", "Sec-WebSocket-Accept: x\r\nSec-WebSocket-Accept: %ACCEPT%")
accept("a list with the right one", "Sec-WebSocket-Accept: x, %ACCEPT%")

begin "choices"

local PROTOCOL, EXTENSIONS = "Sec-WebSocket-Protocol: ", "Sec-WebSocket-Extensions: "

refuses("a subprotocol though none was offered", with(PROTOCOL .. "v1\r\n"))
for _, row in ipairs({
  { "one that wasn't offered", "v3" }, { "one in other letters", "V1" }, { "two of those offered", "v1, v2" },
  { "one twice", "v1\r\n" .. PROTOCOL .. "v1" }, { "two, a line each", "v1\r\n" .. PROTOCOL .. "v2" },
  { "part of one", "v" }, { "one with more", "v1.1" },
}) do
  refuses("a choice of subprotocols: " .. row[1], with(PROTOCOL .. row[2] .. "\r\n"), { protocols = "v1,v2" })
end
-- Wrong where permessage-deflate was offered, and where it wasn't.
for _, value in ipairs({
  "x-unknown", "x-webkit-deflate-frame", "permessage-deflate, x-unknown", "permessage-deflate, permessage-deflate",
  "permessage-deflate\r\n" .. EXTENSIONS .. "permessage-deflate", "permessage-deflate; x-unknown",
  "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits",
  "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
  "permessage-deflate; server_max_window_bits=010", "permessage-deflate; client_max_window_bits=16",
  "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=true",
  "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "permessage-deflate;",
  "permessage-bzip2", "PERMESSAGE-DEFLATE;;", ";",
}) do
  refuses(("extensions that can't be agreed on: %s"):format((value:gsub("\r\n.*", " (twice)"))),
    with(EXTENSIONS .. value .. "\r\n"))
end

begin "malformed"

for _, row in ipairs({
  { "a line without a colon", "X-No-Colon\r\n" }, { "a blank before the colon", "X-Blank : x\r\n" },
  { "a name with a blank", "X Blank: x\r\n" }, { "no name", ": x\r\n" }, { "a NUL in a value", "X-Nul: a\0b\r\n" },
  { "a NUL in a name", "X-\0: x\r\n" }, { "a carriage return in a value", "X-Return: a\rb\r\n" },
}) do
  refuses("a header with " .. row[1], with(row[2]), { drops = "eof", mayAccept = true })
end
refuses("a folded header", with("X-Folded: a\r\n b\r\n"), { mayAccept = true })
refuses("line feeds alone", (with(""):gsub("\r\n", "\n")), { drops = "eof", mayAccept = true })
refuses("the first line blank", " \r\n" .. with(""), { drops = "eof", mayAccept = true })

begin "flood"

local function flood(about, reply, more)
  more = more or {}
  more.slowly = false
  refuses(about .. " is too much", reply, more)
end

flood("a head of 2000 headers", with(("X-Header: value\r\n"):rep(2000)))
flood("a header of 256 KiB", with("X-Long: " .. ("x"):rep(256 * 1024) .. "\r\n"))
flood("a name of 256 KiB", with(("x"):rep(256 * 1024) .. ": x\r\n"))
flood("a reason of 256 KiB", instead(LINE, "HTTP/1.1 101 " .. ("x"):rep(256 * 1024) .. "\r\n"))
flood("a head that never ends", RIGHT .. ("X-Header: value\r\n"):rep(20000))
flood("a line that never ends", LINE .. "X-Long: " .. ("x"):rep(1024 * 1024))
flood("100 answers on the way", ("HTTP/1.1 100 Continue\r\n\r\n"):rep(100) .. with(""), { mayAccept = true })

begin "drop"

local WHOLE = with("")

for _, how in ipairs({ "eof", "reset" }) do
  local word = how == "eof" and "ends" or "resets"
  for _, row in ipairs({
    { "without an answer", 0 }, { "within the status line", 12 }, { "behind the status line", #LINE },
    { "within a header", #LINE + 10 }, { "behind a header", #LINE + #UPGRADE },
    { "before the last line feed", #WHOLE - 1 }, { "before the empty line", #WHOLE - 2 },
  }) do
    -- Placeholders are longer or shorter than what stands for them: what is cut is in front of or behind them.
    refuses(("a server that %s TCP %s"):format(word, row[1]), WHOLE:sub(1, row[2]), { drops = how })
  end
end

return cases
