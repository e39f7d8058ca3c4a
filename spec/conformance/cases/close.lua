-- Autobahn's section 7: the closing handshake, what a close frame may hold, and its codes.

local frame = require "spec.conformance.frame"
local text, continuation, ping, close = frame.text, frame.continuation, frame.ping, frame.close

local MORE = { fin = false }
local HELLO = text("Hello World!")
local NOT_UTF8 = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"

local VALID = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999 }
local INVALID = { 0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999 }

local section = {
  title = "Closing",

  { "7.1.1", "a message comes back, then the close",
    send = { HELLO }, expect = { HELLO }, closes = 1000 },
  { "7.1.2", "a second close frame is ignored",
    closes = { 1000, behind = { close(frame.NO_CODE) } } },
  { "7.1.3", "a ping behind the close frame gets no pong",
    closes = { 1000, behind = { ping() } } },
  { "7.1.4", "a text behind the close frame is ignored",
    closes = { 1000, behind = { HELLO } } },
  { "7.1.5", "a close between two fragments closes; the rest is ignored",
    send = { text("fragment1", MORE) }, closes = { 1000, behind = { continuation("fragment2") }, atOnce = true } },

  -- Autobahn takes note of what comes and judges nothing.
  { "7.1.6", "256 KiB, a short text and a close at once: both come back, then the close",
    function()
      local long = text(("BAsd7&jh23"):rep(26215):sub(1, 262144))
      return { send = { long, HELLO }, expect = { long, HELLO } }
    end,
    lenient = { {} }, closes = { 1000, behind = { ping() }, atOnce = true } },

  { "7.3.1", "a close without a code is answered so, or with 1000",
    closes = { frame.NO_CODE, answer = { frame.NO_CODE, 1000 } } },
  { "7.3.2", "a close with a body of one byte fails the connection",
    send = { { opcode = frame.CLOSE, payload = "a" } }, fails = 1002 },
  { "7.3.3", "a close with a code is answered with it",
    closes = 1000 },
  { "7.3.4", "a close with a code and a reason is answered",
    closes = { 1000, reason = "Hello World!" } },
  { "7.3.5", "a close with a reason of 123 bytes, the longest, is answered",
    closes = { 1000, reason = ("*"):rep(123) } },
  { "7.3.6", "a close with a reason of 124 bytes fails the connection",
    send = { close(1000, ("*"):rep(124)) }, fails = 1002 },

  { "7.5.1", "a close whose reason is no UTF-8 fails the connection",
    send = { close(1000, NOT_UTF8) }, fails = { 1007, 1002 } },
}

for i, code in ipairs(VALID) do
  table.insert(section, { "7.7." .. i, ("a close with code %d is answered with it, or with 1000"):format(code),
    closes = { code, answer = { code, 1000 } } })
end

for i, code in ipairs(INVALID) do
  -- 1005 has to be put into a frame that may not have it
  local wrong = { opcode = frame.CLOSE, payload = string.pack(">I2", code) }
  table.insert(section, { "7.9." .. i, ("a close with code %d fails the connection"):format(code),
    send = { wrong }, fails = 1002 })
end

-- No RFC says what becomes of these, and Autobahn judges nothing; no registry has them.
for i, code in ipairs({ 5000, 65535 }) do
  table.insert(section, { "7.13." .. i, ("a close with code %d fails the connection"):format(code),
    send = { close(code) }, fails = { 1002, lenient = { 1000, code } } })
end

return section
