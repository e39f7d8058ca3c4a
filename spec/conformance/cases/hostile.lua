-- What a frame may not be, told from its first bytes alone: who waits for the rest is non-strict. And the
-- keys and lengths that it may have.

local frame = require "spec.conformance.frame"
local section = require "spec.conformance.section"
local text, binary, continuation = frame.text, frame.binary, frame.continuation
local ping, pong, close = frame.ping, frame.pong, frame.close

local MORE = { fin = false }
local HELLO = text(frame.HELLO)

local cases, begin, add = section.new("hostile", "Hostile frames")

-- `bytes` fail the connection, at the latest with `rest`.
local function fails(about, code, bytes, rest, more)
  local case = { send = { bytes }, late = { rest }, fails = code }
  for name, value in pairs(more or {}) do case[name] = value end
  add(about, case)
end

-- The first n bytes of a frame, and its others.
local function cut(f, n)
  return frame.part(f, 1, n), frame.part(f, n + 1)
end

local function failsAt(about, code, f, n, more)
  local bytes, rest = cut(f, n)
  fails(about, code, bytes, rest, more)
end

begin "mask" -- for a client a mask is wrong, for a server that there is none

local UNMASKED = { mask = frame.WRONG }
local BARE = " without a mask (for a client: with one) "

for _, row in ipairs({
  { "text", text("Hello", UNMASKED) }, { "binary message", binary("\0\255", UNMASKED) },
  { "ping", ping("Hello", UNMASKED) }, { "pong", pong("Hello", UNMASKED) },
  { "close", close(1000, nil, UNMASKED) }, { "text without a payload", text("", UNMASKED) },
}) do
  add("a " .. row[1] .. BARE .. "fails the connection", { send = { row[2] }, fails = 1002 })
end
add("a fragment" .. BARE .. "behind a right one fails the connection",
  { send = { text("Hel", MORE), continuation("lo", UNMASKED) }, fails = 1002 })
add("a text" .. BARE .. "behind a right one fails the connection, and the first comes back",
  { send = { HELLO, text("Hello", UNMASKED) }, expect = { HELLO }, lenient = { {} }, fails = 1002 })
failsAt("a text" .. BARE .. "fails the connection before its payload", 1002, text("Hello", UNMASKED), 2)

local KEYS = { "\0\0\0\0", "\255\255\255\255", "\1\0\0\0", "\0\0\0\1", "\x80\x40\x20\x10", "Hell" }
local keyed, plain = {}, {}
for i, key in ipairs(KEYS) do
  keyed[i], plain[i] = text("Hello " .. i, { mask = key }), text("Hello " .. i)
end
add("each message is unmasked with a key of its own",
  { send = keyed, expect = plain, closes = 1000, role = "server" })
add("each fragment is unmasked with a key of its own", {
  send = {
    text("Hel", { fin = false, mask = "\1\2\3\4" }), ping("ping", { mask = "\255\0\255\0" }),
    continuation("lo, wor", { fin = false, mask = "\0\0\0\0" }), continuation("ld!", { mask = "abcd" }),
  },
  expect = { pong("ping"), HELLO }, closes = 1000, role = "server",
})

begin "length"

local function lengthCase(about, length, size, n)
  local codes = { 1002, lenient = { 1009 } } -- so large a message would be too big, too
  failsAt(about, codes, binary("", { length = length, lengthBytes = size }), n)
end

for _, length in ipairs({ 0, 1, 125 }) do
  lengthCase(("a length of %d in two bytes fails the connection"):format(length), length, 2, 4)
end
for _, length in ipairs({ 0, 125, 126, 65535 }) do
  lengthCase(("a length of %d in eight bytes fails the connection"):format(length), length, 8, 10)
end
lengthCase("six zeros at the front of eight bytes of length are enough for that", 65535, 8, 8)
lengthCase("a length whose top bit is set fails the connection", math.mininteger, 8, 10)
lengthCase("a length of nothing but set bits fails the connection", -1, 8, 10)
lengthCase("the top bit is enough for that", math.mininteger, 8, 3)
for _, row in ipairs({ { "ping", ping }, { "pong", pong } }) do
  add(("a %s of 5 bytes with two bytes of length fails the connection"):format(row[1]),
    { send = { row[2]("Hello", { lengthBytes = 2 }) }, fails = 1002 })
  failsAt(("a %s of 126 bytes fails the connection before they come"):format(row[1]), 1002, row[2](("x"):rep(126)), 2)
  failsAt(("a %s of 65536 bytes fails the connection before they come"):format(row[1]), 1002,
    row[2](("x"):rep(65536)), 2)
end
failsAt("a close of 126 bytes fails the connection before they come", 1002, close(1000, ("x"):rep(124)), 2)
add("a message of 2^62 bytes fails the connection before they come", -- 1002 would not be true, but is no harm
  { send = { binary("", { length = 1 << 62, lengthBytes = 8 }) }, fails = { 1009, lenient = { 1002 } } })
add("a message of 2^63 - 1 bytes fails the connection before they come",
  { send = { text("", { length = math.maxinteger, lengthBytes = 8 }) },
    fails = { 1009, lenient = { 1002 } } })
add("a fragment that adds 2^63 - 1 bytes to others fails the connection",
  { send = { text("Hello", MORE), continuation("", { length = math.maxinteger, lengthBytes = 8 }) },
    fails = { 1009, lenient = { 1002 } } })
for _, length in ipairs({ 32767, 32768, 65535, 65537 }) do
  local message = binary(("\0\255"):rep(length // 2 + 1):sub(1, length))
  add(("a message of %d bytes comes back"):format(length), { send = { message }, expect = { message }, closes = 1000 })
end

lengthCase("the top bit fails the connection where the others are a fair length", math.mininteger + 65536, 8, 10)

begin "header" -- what the first byte says, without the payload that the second announces

for opcode = 3, 15 do
  if opcode < 8 or opcode > 10 then
    failsAt(("opcode %d fails the connection before its payload"):format(opcode), 1002,
      { opcode = opcode, payload = "Hello" }, 2)
  end
end
for rsv = 1, 7 do
  failsAt(("a text with the reserved bits %d fails the connection before its payload"):format(rsv), 1002,
    text("Hello", { rsv = rsv }), 2, { offer = false })
end
for _, row in ipairs({ { "ping", ping }, { "pong", pong }, { "close", function(_, more)
  return close(1000, nil, more)
end } }) do
  failsAt(("a fragment of a %s fails the connection before its payload"):format(row[1]), 1002, row[2]("Hello", MORE), 2)
end
failsAt("a continuation of nothing fails the connection before its payload", 1002, continuation("Hello"), 2)
for _, row in ipairs({ { "text", text }, { "binary message", binary } }) do
  local first, rest = cut(row[2]("Hello"), 2)
  add(("a %s within a message fails the connection before its payload"):format(row[1]),
    { send = { text("Hel", MORE), first }, late = { rest }, fails = 1002, offer = false })
end

begin "text" -- the first byte that no text can have there

local BAD = {
  "\x80", "a\xbf", "\xc0", "\xc1", "\xf5", "\xfe", "\xff", "\xc3(", "\xc3\xc3", "\xe0\x80", "\xe0\x9f", "\xed\xa0",
  "\xed\xbf", "\xe2\x82(", "\xe2(", "\xf0\x80", "\xf0\x8f", "\xf4\x90", "\xf0\x9f\x8c(", "\xf0\x9f(", "\xf0(",
  "\xce\xba\xff", ("x"):rep(200) .. "\xff",
}
local REST = ("x"):rep(40)

local function shown(bytes)
  return (#bytes > 10 and "..." .. bytes:sub(-1) or bytes):gsub("[\128-\255]", function(byte)
    return ("<%02x>"):format(byte:byte())
  end)
end

for _, bad in ipairs(BAD) do
  local whole = text(bad .. REST)
  fails(("%s fails the connection in the middle of a frame"):format(shown(bad)), 1007,
    frame.part(whole, 1, -#REST - 1), frame.part(whole, -#REST))
end
for _, bad in ipairs(BAD) do
  if #bad > 1 and #bad < 10 then
    local second = continuation(bad:sub(-1) .. REST)
    add(("%s, cut by fragments, fails the connection in the middle of the second"):format(shown(bad)), {
      send = { text(bad:sub(1, -2), MORE), frame.part(second, 1, -#REST - 1) },
      late = { frame.part(second, -#REST) }, fails = 1007,
      offer = false, -- a fragment in bits is none of a compressed message
    })
  end
end
for _, payload in ipairs({ "\xef\xbb\xbfHello", "a\0b\r\nc\n", "\xef\xbf\xbe\xef\xbf\xbf", " \t " }) do
  local message = text(payload)
  add(("%s comes back as it was"):format(shown((payload:gsub("%c", "?")))),
    { send = { message }, expect = { message }, closes = 1000 })
end

begin "close"

for _, code in ipairs({ 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 1999, 2000, 2500, 2999 }) do
  local wrong = { opcode = frame.CLOSE, payload = string.pack(">I2", code) .. "reason" }
  add(("a close with code %d and a reason fails the connection"):format(code), { send = { wrong }, fails = 1002 })
end
for _, byte in ipairs({ "\3", "\0", "\255" }) do
  add(("a close with the byte %d alone fails the connection"):format(byte:byte()),
    { send = { { opcode = frame.CLOSE, payload = byte } }, fails = 1002 })
end
for _, bad in ipairs({ "\255", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", ("x"):rep(122) .. "\xc3" }) do
  add(("a close with the reason %s fails the connection"):format(shown(bad)),
    { send = { close(1000, bad) }, fails = { 1007, lenient = { 1002 } } })
end

return cases
