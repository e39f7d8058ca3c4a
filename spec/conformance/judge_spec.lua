-- The suite's own judgement, with a peer that answers just what each test says: what passes, what is non-strict, and
-- what fails.

local uv = require "luv"
local async = require "spec.support.async"
local client = require "spec.support.client"
local frame = require "spec.conformance.frame"
local judge = require "spec.conformance.judge"

local text, ping, pong, close = frame.text, frame.ping, frame.pong, frame.close

local ANSWER = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
  .. "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

local END, RESET = {}, {} -- in place of bytes

-- As a server frames it.
local function bare(f)
  local copy = { mask = false }
  for name, value in pairs(f) do copy[name] = value end
  return client.frame(copy)
end

-- A port where a peer answers the handshake with `answer`, and what comes then, whatever it is, with `replies`: an
-- array of bytes, END or RESET.
local function serve(replies, answer)
  local listener = uv.new_tcp()
  listener:bind("127.0.0.1", 0)
  async.defer(function() listener:close() end)
  listener:listen(8, function()
    local peer = uv.new_tcp()
    listener:accept(peer)
    local function doNext(reply)
      if reply == END then
        peer:shutdown()
      elseif reply == RESET then
        peer:close_reset()
      else
        peer:write(reply)
      end
    end
    local isOpen = false
    peer:read_start(function(_, bytes)
      if not bytes then
        if not peer:is_closing() then peer:close() end
      elseif not isOpen then
        isOpen = true
        peer:write(answer or ANSWER)
      else
        local all = replies
        replies = {}
        for _, reply in ipairs(all) do doNext(reply) end
      end
    end)
  end)
  return listener:getsockname().port
end

-- The verdict on a case whose peer says this.
local function verdict(case, replies, answer)
  case.stages = #case > 0 and case or { case }
  local found = judge.run(case, { port = serve(replies, answer) })
  return found.outcome, found.note
end

local HELLO = text("Hello")
local ECHO = { send = { HELLO }, expect = { HELLO } }

local function echo(changes)
  local case = { send = ECHO.send, expect = ECHO.expect }
  for name, value in pairs(changes or {}) do case[name] = value end
  return case
end

-- name; case; what the peer says; outcome; what the note holds
local ROWS = {
  { "the right answer", echo { fails = 1002 }, { bare(HELLO), bare(close(1002)), END }, "passed" },
  { "an answer in fragments", echo { fails = 1002 },
    { bare(text("Hel", { fin = false })), bare(ping("between")), bare(frame.continuation("lo")), bare(close(1002)),
      END }, "passed" },
  { "another text", echo { fails = 1002 }, { bare(text("Hallo")), bare(close(1002)), END }, "failed",
    'got text "Hallo"' },
  { "the text as binary", echo { fails = 1002 }, { bare(frame.binary("Hello")), bare(close(1002)), END }, "failed",
    'got binary "Hello"' },
  { "the text twice", echo { fails = 1002 }, { bare(HELLO), bare(HELLO), bare(close(1002)), END }, "failed",
    'got text "Hello", text "Hello"' },
  { "no text", echo { fails = 1002 }, { bare(close(1002)), END }, "failed", "got nothing" },
  { "no text where that is only not strict", echo { fails = 1002, lenient = { {} } }, { bare(close(1002)), END },
    "non-strict", "got nothing" },
  { "another text where none would do", echo { fails = 1002, also = { {} }, lenient = { { pong() } } },
    { bare(text("Hallo")), bare(close(1002)), END }, "failed" },
  { "what is as good", echo { fails = 1002, also = { {} } }, { bare(close(1002)), END }, "passed" },

  { "another code", { send = { HELLO }, fails = 1002 }, { bare(close(1007)), END }, "failed",
    "expected close 1002, got close 1007" },
  { "one of two codes", { send = { HELLO }, fails = { 1002, 1007 } }, { bare(close(1007)), END }, "passed" },
  { "a lenient code", { send = { HELLO }, fails = { 1002, lenient = { 1000 } } }, { bare(close(1000)), END },
    "non-strict", "got close 1000" },
  { "no close frame", { send = { HELLO }, fails = 1002 }, { END }, "non-strict", "without a close frame" },
  { "a reset behind the close frame", { send = { HELLO }, fails = 1002 }, { bare(close(1002)), RESET }, "non-strict" },
  { "a frame behind the close frame", { send = { HELLO }, fails = 1002 }, { bare(close(1002)), bare(HELLO), END },
    "failed", "7 bytes came behind the close frame" },
  { "a close frame with a body of one byte", { send = { HELLO }, fails = 1002 },
    { bare({ opcode = frame.CLOSE, payload = "x" }), END }, "failed", "one byte" },
  { "a close frame whose reason is no UTF-8", { send = { HELLO }, fails = 1002 }, { bare(close(1002, "\255")), END },
    "failed", "no UTF-8" },

  { "a masked frame", echo { fails = 1002 }, { client.frame(HELLO) }, "failed", "must not mask" },
  { "a reserved bit", echo { fails = 1002 }, { bare(text("Hello", { rsv = 4 })) }, "failed", "reserved bits 4" },
  { "a reserved opcode", echo { fails = 1002 }, { bare({ opcode = 3 }) }, "failed", "reserved opcode" },
  { "a fragmented pong", echo { fails = 1002 }, { bare(pong("x", { fin = false })) }, "failed", "malformed control" },
  { "a pong of 126 bytes", echo { fails = 1002 }, { bare(pong(("x"):rep(126))) }, "failed", "malformed control" },
  { "a continuation of nothing", echo { fails = 1002 }, { bare(frame.continuation("Hello")) }, "failed",
    "outside a message" },
  { "a text within a text", echo { fails = 1002 }, { bare(text("Hel", { fin = false })), bare(text("lo")) }, "failed",
    "within a message" },
  { "a long length of a short frame", echo { fails = 1002 }, { bare(text("Hello", { lengthBytes = 2 })) }, "failed",
    "shortest form" },
  { "a length of 2^62", echo { fails = 1002 }, { bare(text("", { length = 1 << 62, lengthBytes = 8 })) }, "failed",
    "announces" },
  { "a text that is no UTF-8", echo { fails = 1002 }, { bare(text("\255")) }, "failed", "no UTF-8" },
  { "half a frame", echo { fails = 1002 }, { bare(HELLO):sub(1, 4), END }, "failed", "in the middle of a frame" },

  { "an early end", echo { closes = 1000 }, { END }, "failed", "the end of the connection" },
  { "something where nothing may come yet", { { send = { HELLO }, quiet = 0.1 }, fails = 1002 },
    { bare(close(1002)), END }, "failed", "nothing yet" },
  { "a dead connection", { { send = { HELLO }, alive = true }, fails = 1002 }, { bare(close(1002)), END }, "failed",
    'expected pong "alive?"' },
}

describe("the judge", function()
  for _, row in ipairs(ROWS) do
    it(("says of %s: %s"):format(row[1], row[4]), function()
      local outcome, note = verdict(row[2], row[3])
      assert.equal(row[4], outcome, note)
      if row[5] then assert.truthy(note:find(row[5], 1, true), note) end
    end)
  end

  it("answers a close frame whose sender waits for that", function()
    local c = { send = { HELLO }, fails = 1002 }
    local listener = uv.new_tcp()
    listener:bind("127.0.0.1", 0)
    async.defer(function() listener:close() end)
    local said = {}
    listener:listen(8, function()
      local peer = uv.new_tcp()
      listener:accept(peer)
      peer:read_start(function(_, bytes)
        said[#said + 1] = bytes
        if not bytes then return peer:close() end
        if #said == 1 then peer:write(ANSWER) end
        if #said == 2 then peer:write(bare(close(1002))) end
        if #said == 3 then peer:shutdown() end
      end)
    end)
    c.stages = { c }
    assert.same({ outcome = "passed" }, judge.run(c, { port = listener:getsockname().port }))
    assert.equal(client.frame(close(1002)), said[3])
  end)

  it("fails a handshake that is none, or that agrees to what wasn't offered", function()
    local outcome, note = verdict(echo { closes = 1000 }, {}, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assert.same("failed", outcome)
    assert.truthy(note:find("the handshake failed", 1, true), note)
    outcome, note = verdict(echo { closes = 1000 }, {},
      (ANSWER:gsub("Upgrade: websocket", "%0\r\nSec-WebSocket-Extensions: permessage-deflate")))
    assert.same("failed", outcome)
    assert.truthy(note:find("wasn't offered", 1, true), note)
  end)

  it("compares an answer in HTTP", function()
    local answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 5\r\n\r\nnone\n"
    local function judged(expected)
      return verdict({ request = "nonsense\r\n\r\n", answer = expected }, {}, answer)
    end
    local headers = { connection = "^close$", upgrade = false }
    assert.equal("passed", (judged { status = 400, headers = headers, body = "^none" }))
    assert.equal("passed", (judged { status = { 405, 400 } }))
    assert.equal("failed", (judged { status = 404 }))
    assert.equal("failed", (judged { status = 400, headers = { connection = false } }))
    assert.equal("failed", (judged { status = 400, headers = { upgrade = "." } }))
    assert.equal("failed", (judged { status = 400, body = "other" }))
  end)
end)
