-- permessage-deflate (RFC 7692) beyond Autobahn's sections: streams of every form, what the agreement forbids, misuse,
-- and offers.

local zlib = require "probe".zlib
local client = require "spec.support.client"
local frame = require "spec.conformance.frame"
local section = require "spec.conformance.section"
local text, binary, continuation = frame.text, frame.binary, frame.continuation
local ping, pong = frame.ping, frame.pong

local OFFER = "permessage-deflate"
local COMPRESSED, MORE = { compressed = true }, { fin = false }
local PROSE = ("The quick brown fox jumps over the lazy dog. "):rep(20)

local cases, beginGroup, addCase = section.new("extension", "permessage-deflate")
local offer, role

local function begin(name, value, only)
  beginGroup(name)
  offer, role = value, only
end

local function add(about, case)
  if case.offer == nil then case.offer = offer end
  case.role = role
  addCase(about, case)
end

-- A stream's bytes without its tail; `flush`: how each but the last part ends.
local function deflate(parts, options, flush)
  local deflater, out = zlib.deflater(options), {}
  for i, part in ipairs(parts) do out[i] = deflater:deflate(part, i < #parts and flush or "sync") end
  return (table.concat(out):sub(1, -5))
end

local function compressed(payload, more)
  local f = text(payload, more)
  f.rsv = 4
  return f
end

local function comesBack(about, frames, expect, more)
  local case = { send = frames, expect = expect or frames, closes = 1000 }
  for name, value in pairs(more or {}) do case[name] = value end
  add(about, case)
end

begin("stream", OFFER)

local HELLO = text(frame.HELLO, COMPRESSED)
local BYTES = deflate({ PROSE })

comesBack("a compressed text comes back", { HELLO })
comesBack("so does a compressed binary message", { binary("\0\255\0\255", COMPRESSED) })
comesBack("the same three times, with the context taken over", { HELLO, HELLO, HELLO })
comesBack("a message that isn't compressed between two that are", { HELLO, text("as it is"), HELLO })
comesBack("a compressed message in fragments of one byte", { text(PROSE, { compressed = true, fragment = 1 }) },
  { text(PROSE) })
comesBack("empty fragments of a compressed message",
  { compressed("", MORE), continuation(BYTES:sub(1, 9), MORE), continuation("", MORE),
    continuation(BYTES:sub(10), MORE), continuation("") }, { text(PROSE) })
comesBack("a ping between compressed fragments, which isn't compressed",
  { compressed(BYTES:sub(1, 9), MORE), ping("plain"), continuation(BYTES:sub(10)) }, { pong("plain"), text(PROSE) },
  { also = { { text(PROSE), pong("plain") } } })
comesBack("an empty message, and others behind it", { text("", COMPRESSED), HELLO, text("", COMPRESSED), HELLO })
comesBack("an empty message that isn't compressed, and others behind it", { text(""), HELLO, text(""), HELLO })
comesBack("stored blocks", { compressed(deflate({ PROSE }, { level = 0 })), HELLO }, { text(PROSE), HELLO },
  { offer = OFFER .. "; client_no_context_takeover" })
comesBack("several blocks", { compressed(deflate({ "one, ", "two, ", "three" }, nil, "full")) },
  { text("one, two, three") })
comesBack("empty blocks between them", { compressed(deflate({ "one", "", "", "two" }, nil, "full")) },
  { text("onetwo") })
comesBack("fixed codes", { compressed(deflate({ PROSE }, { strategy = "fixed" })) }, { text(PROSE) })
-- RFC 7692 section 7.2.3.4
local final = zlib.deflater():deflate(PROSE, "finish") .. "\0"
comesBack("a final block", { compressed(final) }, { text(PROSE) })
comesBack("a final block, and another stream in the next message", { compressed(final), compressed(BYTES) },
  { text(PROSE), text(PROSE) })

begin("agreement", nil)

-- Bytes that don't repeat themselves: what comes of them twice is only found in a window that holds them all.
local function noise(size)
  local state, out = 1, {}
  for i = 1, size do
    state = (state * 1103515245 + 12345) & 0x7fffffff
    out[i] = string.char(state >> 16 & 255)
  end
  return table.concat(out)
end

comesBack("server_no_context_takeover: each message inflates by itself",
  { HELLO, HELLO, text(PROSE, COMPRESSED), HELLO }, nil, { offer = OFFER .. "; server_no_context_takeover" })
comesBack("client_no_context_takeover: each message is inflated by itself",
  { HELLO, HELLO, text(PROSE, COMPRESSED) }, nil, { offer = OFFER .. "; client_no_context_takeover" })
for bits = 9, 14 do
  local block = noise((1 << bits) + 300)
  local message = binary(block .. block, COMPRESSED)
  comesBack(("server_max_window_bits=%d: nothing refers to more than %d bytes back"):format(bits, 1 << bits),
    { message, message }, nil, { offer = ("%s; server_max_window_bits=%d"):format(OFFER, bits), slowly = false })
end
comesBack("client_max_window_bits: the client keeps to what it is told",
  { binary(noise(4096):rep(2), COMPRESSED) }, nil, { offer = OFFER .. "; client_max_window_bits", slowly = false })

begin("misuse", OFFER)

local CORRUPT = { 1007, lenient = { 1002, 1003, 1009, 1011 } } -- RFC 7692 names no code

local function fails(about, frames, codes, more)
  local case = { send = frames, fails = codes }
  for name, value in pairs(more or {}) do case[name] = value end
  add(about, case)
end

fails("RSV1 in a continuation fails the connection",
  { compressed(BYTES:sub(1, 9), MORE), continuation(BYTES:sub(10), { rsv = 4 }) }, 1002)
fails("RSV1 in a continuation of a message that isn't compressed fails the connection",
  { text("Hel", MORE), continuation("lo", { rsv = 4 }) }, 1002)
for _, row in ipairs({ { "ping", ping("x", { rsv = 4 }) }, { "pong", pong("x", { rsv = 4 }) },
  { "close", frame.close(1000, nil, { rsv = 4 }) } }) do
  fails(("RSV1 in a %s fails the connection"):format(row[1]), { row[2] }, 1002)
end
for _, rsv in ipairs({ 1, 2, 5, 6 }) do
  fails(("the reserved bits %d fail the connection"):format(rsv), { text("Hello", { rsv = rsv }) }, 1002)
end
fails("a block of no known type fails the connection", { compressed("\7\0\0\0") }, CORRUPT)
fails("bytes that are no stream fail the connection", { compressed("\255\254\253\252\251") }, CORRUPT)
fails("they do behind a good message", { HELLO, compressed("\255\254\253\252\251") }, CORRUPT,
  { expect = { HELLO }, lenient = { {} } })
fails("they do in the second fragment, whatever may follow",
  { compressed(BYTES:sub(1, 9), MORE), continuation(("\255"):rep(100), MORE) }, CORRUPT,
  { late = { continuation("") } })
local deflater = zlib.deflater()
deflater:deflate(PROSE)
fails("a message that refers to one that never came fails the connection",
  { compressed(deflater:deflate(PROSE):sub(1, -5)) }, CORRUPT)
fails("a compressed text that is no UTF-8 fails the connection", { text(PROSE .. "\255", COMPRESSED) }, 1007)
fails("a compressed text that ends within a character fails the connection",
  { text(PROSE .. "\xc3", COMPRESSED) }, 1007)
fails("a compressed text fails the connection at the first wrong byte",
  { compressed(deflate({ ("\255"):rep(100), PROSE }, nil, "full"):sub(1, 20), MORE) }, 1007,
  { late = { continuation("") } })

fails("a stored block whose lengths disagree fails the connection",
  { compressed("\x00\x05\x00\x00\x00Hello\x00") }, CORRUPT)

-- The servers of the suite take 64 MiB.
add("a text of 65 MiB in 64 KiB fails the connection", {
  function()
    return { send = { text(("\0"):rep(65 << 20), COMPRESSED) } }
  end,
  fails = 1009, slowly = false, only = "luaws",
})

begin("offer", false, "server")

-- What must be declined; the connection goes on without compression.
local function declined(parameters, what)
  local message = text(frame.HELLO)
  add(("an offer with %s is declined"):format(what), {
    request = { headers = client.upgradeHeaders({ ["Sec-WebSocket-Extensions"] = OFFER .. parameters }) },
    answer = { status = 101, lenient = { 400 }, headers = { ["sec-websocket-extensions"] = false } },
    send = { message }, expect = { message }, closes = 1000,
  })
end

declined("; server_max_windowbits=15", "a parameter that nobody knows")
declined("; server_no_context_takeover; server_no_context_takeover", "a parameter twice")
declined("; server_no_context_takeover=1", "a value for server_no_context_takeover")
declined("; client_no_context_takeover=true", "a value for client_no_context_takeover")
for _, value in ipairs({ "", "=7", "=16", "=abc", "=09", "=-9", "=1000000000000" }) do
  declined("; server_max_window_bits" .. value, "server_max_window_bits" .. value)
end
for _, value in ipairs({ "=7", "=16", "=x", "=08" }) do
  declined("; client_max_window_bits" .. value, "client_max_window_bits" .. value)
end
comesBack("the second of two offers is taken where the first can't be", { HELLO }, nil,
  { offer = OFFER .. "; nonsense, " .. OFFER })
comesBack("an extension that nobody knows stands in nobody's way", { HELLO }, nil,
  { offer = "x-unknown; a=1, " .. OFFER })
comesBack("a value may stand in quotes", { HELLO }, nil, { offer = OFFER .. '; server_max_window_bits="10"' })

return cases
