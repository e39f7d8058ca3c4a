-- permessage-deflate (RFC 7692) to the letter: what a compressed message may look like, and what none may.

local zlib = require "probe".zlib
local frame = require "spec.conformance.frame"
local text, continuation, ping, pong = frame.text, frame.continuation, frame.ping, frame.pong

local OFFER = "permessage-deflate"
local MORE = { fin = false }
local COMPRESSED = { rsv = 4 }
local COMPRESSED_MORE = { rsv = 4, fin = false }

-- RFC 7692 7.2.3: "Hello" in one block, with no compression, in a final block, in two blocks
local HELLO = "\xf2\x48\xcd\xc9\xc9\x07\x00"
local STORED = "\x00\x05\x00\xfa\xffHello\x00"
local FINAL = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"
local TWO_BLOCKS = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"

-- RFC 7692 names no code for what doesn't inflate.
local CORRUPT = { 1007, 1002 }

local section = { title = "permessage-deflate to the letter" }

local function add(name, about, case)
  table.move(case, 1, #case, 3)
  case[1], case[2] = "deflate." .. name, about
  case.offer = OFFER
  table.insert(section, case)
end

local function comesBack(name, about, frames, payload)
  add(name, about .. " comes back", { send = frames, expect = { text(payload) }, closes = 1000 })
end

comesBack("one-block", "a text in one block", { text(HELLO, COMPRESSED) }, "Hello")
comesBack("stored", "a text in a block without compression", { text(STORED, COMPRESSED) }, "Hello")
comesBack("final", "a text in a final block", { text(FINAL, COMPRESSED) }, "Hello")
comesBack("two-blocks", "a text in two blocks", { text(TWO_BLOCKS, COMPRESSED) }, "Hello")
comesBack("empty", "an empty text, compressed,", { text("\x02\x00", COMPRESSED) }, "")
comesBack("empty.shortest", "an empty text, compressed to a byte,", { text("\x00", COMPRESSED) }, "")
comesBack("fragments", "a compressed text in three fragments",
  { text(HELLO:sub(1, 3), COMPRESSED_MORE), continuation(HELLO:sub(4, 4), MORE), continuation(HELLO:sub(5)) }, "Hello")
comesBack("fragments.empty", "a compressed text between empty fragments",
  { text("", COMPRESSED_MORE), continuation(HELLO, MORE), continuation("") }, "Hello")

add("mixed", "compressed and other texts come back, one after the other", {
  send = { text("first"), text(HELLO, COMPRESSED), text("third"), text(FINAL, COMPRESSED), text(HELLO, COMPRESSED) },
  expect = { text("first"), text("Hello"), text("third"), text("Hello"), text("Hello") }, closes = 1000,
})
add("ping", "a ping between the fragments of a compressed text gets its pong", {
  send = { text(HELLO:sub(1, 4), COMPRESSED_MORE), ping("between"), continuation(HELLO:sub(5)) },
  expect = { pong("between"), text("Hello") }, closes = 1000,
})
add("many", "a text of 64 KiB in compressed fragments of one byte comes back", {
  function()
    local payload = ("a text that compresses well, %d times"):rep(1800):sub(1, 65536)
    return { send = { text(payload, { compressed = true, fragment = 1 }) }, expect = { text(payload) } }
  end,
  closes = 1000,
})

add("rsv1.continuation", "RSV1 on a continuation fails the connection",
  { send = { text(HELLO:sub(1, 3), COMPRESSED_MORE), continuation(HELLO:sub(4), COMPRESSED) }, fails = 1002 })
add("rsv1.plain-continuation", "RSV1 on the continuation of a text that isn't compressed fails the connection",
  { send = { text("Hel", MORE), continuation("lo", COMPRESSED) }, fails = 1002 })
add("rsv1.ping", "RSV1 on a ping fails the connection", { send = { ping(HELLO, COMPRESSED) }, fails = 1002 })
add("rsv1.pong", "RSV1 on a pong fails the connection", { send = { pong(HELLO, COMPRESSED) }, fails = 1002 })
add("rsv1.close", "RSV1 on a close fails the connection",
  { send = { frame.close(1000, nil, COMPRESSED) }, fails = 1002 })
add("rsv2", "RSV2 beside RSV1 fails the connection", { send = { text(HELLO, { rsv = 6 }) }, fails = 1002 })
add("rsv3", "RSV3 beside RSV1 fails the connection", { send = { text(HELLO, { rsv = 5 }) }, fails = 1002 })

add("corrupt", "a block of an unknown type fails the connection",
  { send = { text("\255\255\255\255", COMPRESSED) }, fails = CORRUPT })
add("corrupt.stored", "a stored block whose lengths disagree fails the connection",
  { send = { text("\x00\x05\x00\x00\x00Hello\x00", COMPRESSED) }, fails = CORRUPT })
add("corrupt.distance", "a reference to before the first byte fails the connection",
  { send = { text("\xf2\x00\x11\x00\x00", COMPRESSED) }, fails = CORRUPT }) -- the second message of 7.2.3.2
add("corrupt.later", "the second fragment of a text that doesn't inflate fails the connection",
  { send = { text(HELLO, COMPRESSED_MORE), continuation("\255\255\255\255") }, fails = CORRUPT })
add("utf8", "a compressed text that is no UTF-8 fails the connection",
  { send = { text(zlib.deflater():deflate("a\255b"):sub(1, -5), COMPRESSED) }, fails = 1007 })
add("utf8.split", "a compressed text that ends within a character fails the connection",
  { send = { text(zlib.deflater():deflate("a\xc3"):sub(1, -5), COMPRESSED) }, fails = 1007 })

-- 64 MiB is what the servers of the suite take.
add("bomb", "a text of 65 MiB in 64 KiB fails the connection", {
  function()
    return { send = { text(("\0"):rep(65 << 20), { compressed = true }) } }
  end,
  fails = { 1009, lenient = { 1007, 1002, 1011 } }, slowly = false, only = "luaws",
})

return section
