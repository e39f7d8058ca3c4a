-- Autobahn's section 2: pings and pongs.

local frame = require "spec.conformance.frame"
local ping, pong = frame.ping, frame.pong

local LONGEST = ("\254"):rep(125)

local tenPings, tenPongs = {}, {}
for i = 1, 10 do
  local payload = ("payload-%d"):format(i - 1)
  tenPings[i], tenPongs[i] = ping(payload), pong(payload)
end

return {
  title = "Pings and pongs",

  { "2.1", "a ping without a payload gets an empty pong",
    send = { ping() }, expect = { pong() }, closes = 1000 },
  { "2.2", "a ping with a text gets a pong with the same",
    send = { ping(frame.HELLO) }, expect = { pong(frame.HELLO) }, closes = 1000 },
  { "2.3", "a ping with bytes that are no UTF-8 gets a pong with the same",
    send = { ping(frame.NOT_UTF8) }, expect = { pong(frame.NOT_UTF8) }, closes = 1000 },
  { "2.4", "a ping of 125 bytes, the most there may be, gets its pong",
    send = { ping(LONGEST) }, expect = { pong(LONGEST) }, closes = 1000 },
  { "2.5", "a ping of 126 bytes fails the connection",
    send = { ping(("\254"):rep(126)) }, fails = 1002 },
  { "2.6", "a ping of 125 bytes, byte by byte, gets its pong",
    send = { ping(LONGEST) }, chop = 1, expect = { pong(LONGEST) }, closes = 1000 },
  { "2.7", "a pong that nobody asked for is ignored",
    send = { pong() }, closes = 1000 },
  { "2.8", "a pong with a payload that nobody asked for is ignored",
    send = { pong("unsolicited pong payload") }, closes = 1000 },
  { "2.9", "a pong that nobody asked for keeps no ping from its pong",
    send = { pong("unsolicited pong payload"), ping("ping payload") }, expect = { pong("ping payload") },
    closes = 1000 },
  { "2.10", "ten pings at once get ten pongs in their order",
    send = tenPings, expect = tenPongs, closes = 1000 },
  { "2.11", "ten pings, byte by byte, get ten pongs in their order",
    send = tenPings, chop = 1, expect = tenPongs, closes = 1000 },
}
