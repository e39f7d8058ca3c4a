-- Connections from their first message to the end of TCP: in which order things come, and how they end when the peer
-- ends them without manners.

local frame = require "spec.conformance.frame"
local section = require "spec.conformance.section"
local text, binary, continuation = frame.text, frame.binary, frame.continuation
local ping, pong, close = frame.ping, frame.pong, frame.close

local MORE = { fin = false }
local HELLO = text(frame.HELLO)

local cases, begin, add = section.new("lifecycle", "Lifecycle")

begin "order"

-- How pongs and messages mix is open: a pong may overtake what takes longer.
local CONVERSATION = {
  text("one"), binary("\0\255"), text("t", MORE), continuation("w", MORE), continuation("", MORE), continuation("o"),
  pong("nobody asked"), text(""), binary(("x"):rep(126)), text("three"),
}
local REPLIES = { text("one"), binary("\0\255"), text("two"), text(""), binary(("x"):rep(126)), text("three") }

add("messages that come together are answered in their order",
  { send = CONVERSATION, expect = REPLIES, closes = 1000 })
add("so they are with a packet for each frame",
  { send = CONVERSATION, chop = "frames", expect = REPLIES, closes = 1000 })
for _, size in ipairs({ 1, 2, 3, 5, 6, 7, 8, 11, 13, 64 }) do
  add(("so they are in packets of %d bytes"):format(size),
    { send = CONVERSATION, chop = size, expect = REPLIES, closes = 1000 })
end

local hundred = {}
for i = 1, 100 do hundred[i] = (i % 2 == 0 and text or binary)(("%d,"):format(i):rep(i)) end
add("a hundred messages at once come back in their order", { send = hundred, expect = hundred, closes = 1000 })

begin "close"

for _, code in ipairs({ 1000, 1001, 1003, 1011, 1012, 1014, 3000, 3999, 4000, 4999 }) do
  add(("a close with %d is answered with that very code"):format(code),
    { closes = { code, reason = "reason", lenient = { 1000, frame.NO_CODE } } })
end
add("a close without a code is answered without one", { closes = { frame.NO_CODE, lenient = { 1000 } } })
add("a message right before the close comes back before its answer",
  { send = { HELLO }, expect = { HELLO }, lenient = { {} }, closes = { 1000, atOnce = true } })
add("a conversation right before the close is answered before it",
  { send = CONVERSATION, expect = REPLIES, lenient = { {} }, closes = { 4000, atOnce = true } })
add("a message right before a mistake comes back before the close frame",
  { send = { HELLO, { opcode = 3 } }, expect = { HELLO }, lenient = { {} }, fails = 1002 })
add("a close whose reason comes in another packet than its code is answered",
  { chop = 8, closes = { 1000, reason = "reason" } })
add("a close within a message closes; what has come of the message is dropped",
  { send = { text("Hel", MORE) }, closes = { 1000, atOnce = true } })
add("what comes behind a close frame isn't answered, wrong or right",
  { closes = { 1000, behind = { HELLO, ping("late"), { opcode = 3 }, text("\255"), close(1001) } } })
add("what comes behind a mistake isn't answered",
  { send = { { opcode = 3 }, HELLO, ping("late"), close(1000) }, fails = 1002 })
add("who has failed the connection ends TCP though its close frame isn't answered",
  { send = { { opcode = 3 } }, fails = 1002, unanswered = true })
add("so it does when more keeps coming",
  { send = { { opcode = 3 }, binary(("x"):rep(1024 * 1024)) }, fails = 1002, unanswered = true, slowly = false })

begin "half" -- the peer ends its half of TCP, and still reads

local WHOLE = text(("x"):rep(300))

local function endsHalf(about, sent, expected, lenient)
  add("a peer that ends its half of TCP " .. about, { run = function(t)
    t:open()
    t:send(sent)
    t:halfClose()
    t:expectEnd(expected, lenient)
  end })
end

endsHalf("without a close frame sees TCP end", {})
endsHalf("within a header sees TCP end", { frame.part(WHOLE, 1, 3) })
endsHalf("within a payload sees TCP end", { frame.part(WHOLE, 1, 100) })
endsHalf("within a message sees TCP end", { text("Hel", MORE) })
endsHalf("behind its close frame gets the answer to that", { close(4000) }, { close(4000) })
endsHalf("behind a message and its close frame gets the answers to both", { HELLO, close(1000) },
  { HELLO, close(1000) }, { close(1000) })
add("so it does with a megabyte, and takes its time to read", { slowly = false, run = function(t)
  local message = binary(("\0\255"):rep(512 * 1024))
  t:open()
  t.c:pause()
  t:send({ message, close(1000) })
  t:halfClose()
  t.c:resume()
  t:expectEnd({ message, close(1000) }, { close(1000) })
end })

begin "reset" -- and the next one is served

for _, row in ipairs({
  { "right after the handshake", {} }, { "within a header", { frame.part(WHOLE, 1, 3) } },
  { "within a mask", { frame.part(WHOLE, 1, 6) } }, { "within a payload", { frame.part(WHOLE, 1, 100) } },
  { "within a message", { text("Hel", MORE), continuation("lo", MORE) } },
  { "with an answer on its way", { HELLO, binary(("x"):rep(65536)), ping("ping") }, false },
  { "behind its close frame", { HELLO, close(1000) } }, { "behind a mistake", { { opcode = 3 } } },
}) do
  add(("a peer that resets TCP %s doesn't matter to others"):format(row[1]), { slowly = row[3], run = function(t)
    t:open()
    t:send(row[2])
    t:reset()
    t:open()
    t:send({ close(1000) })
    t:expectEnd({ close(1000) })
  end })
end

return cases
