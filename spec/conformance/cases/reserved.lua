-- Autobahn's section 3: reserved bits. permessage-deflate would give one of them a meaning, so it isn't offered.

local frame = require "spec.conformance.frame"
local text, ping = frame.text, frame.ping

local HELLO = text(frame.HELLO)

local function helloWith(rsv) return text(frame.HELLO, { rsv = rsv }) end

return {
  title = "Reserved bits",

  { "3.1", "a text with RSV3 fails the connection",
    offer = false, send = { helloWith(1) }, fails = 1002 },
  { "3.2", "a text with RSV2 fails the connection; the text before comes back, the ping behind gets no pong",
    offer = false, send = { HELLO, helloWith(2), ping() }, expect = { HELLO }, lenient = { {} }, fails = 1002 },
  { "3.3", "the same with RSV2 and RSV3, a packet for each frame",
    offer = false, send = { HELLO, helloWith(3), ping() }, chop = "frames", expect = { HELLO }, lenient = { {} },
    fails = 1002 },
  { "3.4", "the same with RSV1, byte by byte",
    offer = false, send = { HELLO, helloWith(4), ping() }, chop = 1, expect = { HELLO }, lenient = { {} },
    fails = 1002 },
  { "3.5", "a binary message with RSV1 and RSV3 fails the connection",
    offer = false, send = { frame.binary(frame.NOT_UTF8, { rsv = 5 }) }, fails = 1002 },
  { "3.6", "a binary message with RSV1 and RSV2 fails the connection",
    offer = false, send = { frame.binary(frame.HELLO, { rsv = 6 }) }, fails = 1002 },
  { "3.7", "a close with all three fails the connection",
    offer = false, send = { frame.close(frame.NO_CODE, nil, { rsv = 7 }) }, fails = 1002 },
}
