-- src/ws/session.c: a connection's bytes in, events out, in the order of RFC 6455; both roles.

local ws = require("probe").ws

local CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
local KEY = "\x37\xfa\x21\x3d"

local function mask(data, key)
  local out = {}
  for i = 1, #data do
    out[i] = string.char(data:byte(i) ~ key:byte((i - 1) % 4 + 1))
  end
  return table.concat(out)
end

-- A frame. `o`: fin (true), rsv (0), key (none), lengthBytes (as few as possible), length (the
-- payload's).
local function frame(opcode, payload, o)
  o = o or {}
  local first = opcode | (o.rsv or 0) << 4 | (o.fin == false and 0 or 0x80)
  local maskBit = o.key and 0x80 or 0
  local length = o.length or #payload
  local size = o.lengthBytes or (length <= 125 and 0 or length <= 65535 and 2 or 8)
  local head
  if size == 0 then
    head = string.pack(">BB", first, maskBit | length)
  else
    head = string.pack(">BBI" .. size, first, maskBit | (size == 2 and 126 or 127), length)
  end
  return head .. (o.key and o.key .. mask(payload, o.key) or payload)
end

-- The events that are expected.
local function text(data) return { type = "message", isBinary = false, data = data } end
local function binary(data) return { type = "message", isBinary = true, data = data } end
local function ping(data) return { type = "ping", data = data } end
local function pong(data) return { type = "pong", data = data } end
local function closing(code, reason) return { type = "close", code = code, data = reason } end
local function failure(code, cause) return { type = "fail", code = code, cause = cause } end

local CAUSES = {
  reserved = failure(1002, "reserved bits are set in a frame"),
  opcode = failure(1002, "a frame has a reserved opcode"),
  controlFin = failure(1002, "a control frame is fragmented"),
  controlLength = failure(1002, "a control frame has more than 125 bytes"),
  continuation = failure(1002, "a continuation frame has nothing to continue"),
  interruption = failure(1002, "a message begins inside a fragmented message"),
  server = failure(1002, "a client's frame is not masked"),
  client = failure(1002, "a server's frame is masked"),
  length = failure(1002, "a frame's length is not minimal or over 63 bits"),
  closeBody = failure(1002, "a close frame has no valid code"),
  closeReason = failure(1007, "a close frame's reason is not UTF-8"),
  text = failure(1007, "a text message is not UTF-8"),
  fragments = failure(1008, "a message has too many fragments"),
  size = failure(1009, "a message is too big"),
}

-- The events of `pieces`, fed one after the other to a session of its own.
local function feed(session, pieces)
  local events = {}
  for _, piece in ipairs(pieces) do
    local some, _, left = session:feed(piece)
    assert.equal(0, left)
    table.move(some, 1, #some, #events + 1, events)
  end
  return events
end

local function split(wire, nextSize)
  local pieces, at = {}, 1
  while at <= #wire do
    local n = nextSize()
    pieces[#pieces + 1] = wire:sub(at, at + n - 1)
    at = at + n
  end
  return pieces
end

-- What is the same for both roles; `frame` makes what the peer of that role sends.
for _, role in ipairs({ "server", "client" }) do
  describe("ws_session as a " .. role, function()
    local key = role == "server" and KEY or nil
    local ownKey = role == "client" and KEY or nil

    local function peer(opcode, payload, o)
      o = setmetatable({ key = key }, { __index = o })
      return frame(opcode, payload or "", o)
    end

    -- Fed whole, byte by byte and cut at random places, `wire` gives the events `expected`.
    local function check(wire, expected, maxPayload, maxFragments)
      local function new() return ws.session(role, maxPayload, maxFragments) end
      assert.same(expected, feed(new(), { wire }))
      assert.same(expected, feed(new(), split(wire, function() return 1 end)))
      for _ = 1, 10 do
        local widest = math.random(2, math.max(2, #wire))
        local pieces = split(wire, function() return math.random(1, widest) end)
        assert.same(expected, feed(new(), pieces))
      end
    end

    -- After `before` (no events, or they don't matter), `wire` fails with its last byte and no
    -- sooner; and what follows doesn't change that.
    local function checkFailsAtLastByte(before, wire, expected, maxPayload, maxFragments)
      local session = ws.session(role, maxPayload, maxFragments)
      session:feed(before)
      assert.same({}, feed(session, split(wire:sub(1, -2), function() return 1 end)))
      assert.same({ expected }, feed(session, { wire:sub(-1) }))
      local trailer = ("\0"):rep(20) .. peer(PING, "late")
      local events = feed(ws.session(role, maxPayload, maxFragments), { before .. wire .. trailer })
      assert.same(expected, events[#events])
    end

    before_each(function() math.randomseed(6455) end)

    describe("5.1 masking", function()
      it("refuses the other role's frames at the second byte", function()
        local key2 = role == "client" and KEY or nil
        for _, opcode in ipairs({ TEXT, BINARY, PING, PONG, CLOSE }) do
          local bad = frame(opcode, "", { key = key2 })
          checkFailsAtLastByte("", bad:sub(1, 2), CAUSES[role])
          check(peer(PING, "a") .. bad .. peer(PING, "b"), { ping("a"), CAUSES[role] })
        end
      end)

      it("refuses them inside a fragmented message, too", function()
        local key2 = role == "client" and KEY or nil
        local bad = frame(CONTINUATION, "b", { key = key2 })
        checkFailsAtLastByte(peer(TEXT, "a", { fin = false }), bad:sub(1, 2), CAUSES[role])
      end)

      if role == "server" then
        it("unmasks each frame with its own key", function()
          local wire = peer(BINARY, "abcde", { fin = false, key = "\1\2\3\4" })
            .. peer(CONTINUATION, "fghij", { fin = false, key = "\xff\xfe\xfd\xfc" })
            .. peer(CONTINUATION, "klmno", { key = "\0\0\0\0" })
          check(wire, { binary("abcdefghijklmno") })
        end)
      end
    end)

    describe("5.2 base framing", function()
      -- What a first byte leads to, outside and inside of a fragmented message.
      local function judge(opcode, fin, rsv, isInside)
        if rsv ~= 0 then return CAUSES.reserved end
        if opcode > PONG or (opcode > BINARY and opcode < CLOSE) then return CAUSES.opcode end
        if opcode >= CLOSE then return not fin and CAUSES.controlFin or nil end
        if opcode == CONTINUATION then return not isInside and CAUSES.continuation or nil end
        return isInside and CAUSES.interruption or nil
      end

      it("judges all opcodes with FIN and all reserved bits at the first byte", function()
        for _, isInside in ipairs({ false, true }) do
          local before = isInside and peer(TEXT, "a", { fin = false }) or ""
          for first = 0, 255 do
            local opcode, fin, rsv = first & 15, first & 0x80 ~= 0, first >> 4 & 7
            local expected = judge(opcode, fin, rsv, isInside)
            local wire = peer(opcode, "", { fin = fin, rsv = rsv })
            if expected then
              checkFailsAtLastByte(before, wire:sub(1, 1), expected)
              check(before .. wire, { expected })
            else
              local events = feed(ws.session(role), { before, wire })
              for _, event in ipairs(events) do assert.not_equal("fail", event.type) end
              assert.equal(fin and 1 or 0, #events)
            end
          end
        end
      end)

      for _, length in ipairs({ 0, 1, 2, 125, 126, 127, 65535, 65536 }) do
        it("reads messages of " .. length .. " bytes", function()
          local data = ("0123456789abcdef\n"):rep(length // 17 + 1):sub(1, length)
          check(peer(TEXT, data), { text(data) })
          check(peer(BINARY, data) .. peer(PING, "next"), { binary(data), ping("next") })
        end)
      end

      it("refuses lengths that are not minimal, as soon as that shows", function()
        for _, length in ipairs({ 0, 1, 125 }) do
          checkFailsAtLastByte("", peer(TEXT, "", { length = length, lengthBytes = 2 }):sub(1, 4),
            CAUSES.length)
        end
        for _, length in ipairs({ 0, 125, 126, 65535 }) do
          checkFailsAtLastByte("", peer(TEXT, "", { length = length, lengthBytes = 8 }):sub(1, 8),
            CAUSES.length)
        end
      end)

      it("refuses lengths with the highest bit set at that byte", function()
        local wire = peer(BINARY, "", { length = math.mininteger, lengthBytes = 8 }):sub(1, 3)
        checkFailsAtLastByte("", wire, CAUSES.length)
        check(wire .. ("\0"):rep(11), { CAUSES.length })
      end)
    end)

    describe("5.4 fragmentation", function()
      it("puts fragments together", function()
        check(peer(TEXT, "one", { fin = false }) .. peer(CONTINUATION, "two", { fin = false })
          .. peer(CONTINUATION, "three"), { text("onetwothree") })
        check(peer(BINARY, "one", { fin = false }) .. peer(CONTINUATION, "two"),
          { binary("onetwo") })
      end)

      it("takes fragments without payload", function()
        check(peer(TEXT, "", { fin = false }) .. peer(CONTINUATION, "", { fin = false })
          .. peer(CONTINUATION, "") .. peer(TEXT, ""), { text(""), text("") })
        check(peer(TEXT, "", { fin = false }) .. peer(CONTINUATION, "a", { fin = false })
          .. peer(CONTINUATION, ""), { text("a") })
      end)

      it("lets control frames in between", function()
        check(peer(TEXT, "one", { fin = false }) .. peer(PING, "\xff") .. peer(PONG, "")
          .. peer(CONTINUATION, "two", { fin = false }) .. peer(PING, "\xc3")
          .. peer(CONTINUATION, "three") .. peer(PING, "z"),
          { ping("\xff"), pong(""), ping("\xc3"), text("onetwothree"), ping("z") })
      end)

      it("ends at a close frame in between", function()
        check(peer(TEXT, "one", { fin = false }) .. peer(CLOSE, "\x03\xe8")
          .. peer(CONTINUATION, "two"), { closing(1000, "") })
      end)

      it("refuses a continuation of nothing, also right after a message", function()
        check(peer(CONTINUATION, "a"), { CAUSES.continuation })
        check(peer(TEXT, "a") .. peer(CONTINUATION, "b"), { text("a"), CAUSES.continuation })
        check(peer(TEXT, "a", { fin = false }) .. peer(CONTINUATION, "b")
          .. peer(CONTINUATION, "c", { fin = false }), { text("ab"), CAUSES.continuation })
      end)

      it("refuses a new message before the end of the last", function()
        check(peer(TEXT, "a", { fin = false }) .. peer(BINARY, "b"), { CAUSES.interruption })
        check(peer(BINARY, "a", { fin = false }) .. peer(PING) .. peer(TEXT, "b", { fin = false }),
          { ping(""), CAUSES.interruption })
      end)

      it("starts each message afresh", function()
        local wire, expected = "", {}
        for i = 1, 5 do
          wire = wire .. peer(i % 2 == 0 and TEXT or BINARY, "a" .. i, { fin = false })
            .. peer(CONTINUATION, "b" .. i) .. peer(TEXT, "c" .. i)
          expected[2 * i - 1] = (i % 2 == 0 and text or binary)("a" .. i .. "b" .. i)
          expected[2 * i] = text("c" .. i)
        end
        check(wire, expected)
      end)
    end)

    describe("5.5 control frames", function()
      it("reads pings and pongs of up to 125 bytes of any kind", function()
        for _, data in ipairs({ "", "a", "\xff\0\xc0", ("p"):rep(124), ("p"):rep(125) }) do
          check(peer(PING, data), { ping(data) })
          check(peer(PONG, data) .. peer(PING, data), { pong(data), ping(data) })
        end
      end)

      it("refuses longer ones at the second byte", function()
        for _, opcode in ipairs({ CLOSE, PING, PONG }) do
          for _, length in ipairs({ 126, 127, 65535, 65536 }) do
            checkFailsAtLastByte("", peer(opcode, "", { length = length }):sub(1, 2),
              CAUSES.controlLength)
          end
          checkFailsAtLastByte("", peer(opcode, "", { length = 5, lengthBytes = 2 }):sub(1, 2),
            CAUSES.controlLength)
        end
      end)

      it("reads the code and the reason of a close frame", function()
        check(peer(CLOSE), { closing(1005, "") })
        check(peer(CLOSE, "\x03\xe8"), { closing(1000, "") })
        check(peer(CLOSE, "\x0b\xb8tschüß"), { closing(3000, "tschüß") })
        check(peer(CLOSE, "\x13\x87" .. ("r"):rep(123)), { closing(4999, ("r"):rep(123)) })
      end)

      it("refuses bad bodies of close frames", function()
        check(peer(CLOSE, "\x03"), { CAUSES.closeBody })
        for _, code in ipairs({ 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535 }) do
          check(peer(CLOSE, string.pack(">I2", code) .. "r"), { CAUSES.closeBody })
        end
        check(peer(CLOSE, "\x03\xe8\xff"), { CAUSES.closeReason })
        check(peer(CLOSE, "\x03\xe8a\xc3"), { CAUSES.closeReason })
      end)

      it("ignores all that follows a close frame", function()
        check(peer(CLOSE) .. peer(TEXT, "late"), { closing(1005, "") })
        check(peer(CLOSE, "\x03\xe8") .. peer(CLOSE) .. ("\xff"):rep(100),
          { closing(1000, "") })
      end)

      it("ignores all that follows a failure", function()
        check(peer(TEXT, "a") .. peer(3) .. peer(TEXT, "b") .. peer(CLOSE),
          { text("a"), CAUSES.opcode })
      end)
    end)

    describe("5.6 data frames, 8.1 invalid UTF-8", function()
      it("reads text and binary data", function()
        check(peer(TEXT, "Grüße, 世界 🌍"), { text("Grüße, 世界 🌍") })
        check(peer(BINARY, "\xff\xfe\0\xc0"), { binary("\xff\xfe\0\xc0") })
      end)

      it("lets a fragment end inside a character", function()
        local data = "é世🌍"
        local wire, n = "", #data
        for i = 1, n do
          wire = wire .. peer(i == 1 and TEXT or CONTINUATION, data:sub(i, i), { fin = i == n })
            .. peer(PING)
        end
        local expected = {}
        for i = 1, n - 1 do expected[i] = ping("") end
        expected[n], expected[n + 1] = text(data), ping("")
        check(wire, expected)
      end)

      it("refuses a message that is not UTF-8", function()
        for _, bad in ipairs({ "\xff", "abc\xc0\xaf", ("a"):rep(100) .. "\xed\xa0\x80" .. "b",
          "\xce\xba\xf4\x90\x80\x80edited" }) do
          check(peer(TEXT, bad) .. peer(TEXT, "late"), { CAUSES.text })
        end
      end)

      it("refuses a message that ends inside a character", function()
        check(peer(TEXT, "a\xc3"), { CAUSES.text })
        check(peer(TEXT, "a", { fin = false }) .. peer(CONTINUATION, "\xf0\x9f\x8c"),
          { CAUSES.text })
        check(peer(TEXT, "a\xe4\xb8", { fin = false }) .. peer(CONTINUATION, ""),
          { CAUSES.text })
      end)

      it("refuses ASCII inside a character, also where a frame has nothing else", function()
        check(peer(TEXT, "a\xc3", { fin = false }) .. peer(CONTINUATION, "b", { fin = false })
          .. peer(CONTINUATION, "\xa9"), { CAUSES.text })
        checkFailsAtLastByte(peer(TEXT, "a\xe4\xb8", { fin = false }),
          peer(CONTINUATION, "b", { fin = false }), CAUSES.text)
      end)

      it("does not carry a half character over to the next message", function()
        check(peer(BINARY, "a\xc3", { fin = false }) .. peer(CONTINUATION, "\xff")
          .. peer(TEXT, "\xa9"), { binary("a\xc3\xff"), CAUSES.text })
      end)

      it("refuses at the first bad byte what is not whole yet", function()
        local wire = peer(TEXT, "abc\xed\xa0", { length = 1000 })
        checkFailsAtLastByte("", wire, CAUSES.text)
        checkFailsAtLastByte(peer(TEXT, "abc\xed", { fin = false }),
          peer(CONTINUATION, "\xa0", { fin = false }), CAUSES.text)
        check(peer(TEXT, "\xff", { fin = false }) .. peer(3), { CAUSES.text })
      end)
    end)

    describe("7 closing the connection", function()
      it("is closed when close frames have gone both ways", function()
        for _, first in ipairs({ "ours", "theirs" }) do
          local session = ws.session(role)
          local function send() session:close(1000, "", ownKey) end
          local function receive() session:feed(peer(CLOSE, "\x03\xe8")) end
          local steps = first == "ours" and { send, receive } or { receive, send }
          assert.is_false((select(2, session:state())))
          steps[1]()
          assert.is_false((select(2, session:state())))
          steps[2]()
          assert.is_true((select(2, session:state())))
        end
      end)

      it("still reads all that comes before the peer's close frame", function()
        local session = ws.session(role)
        session:close(1000, "", ownKey)
        assert.same({ text("a"), ping("b"), closing(1000, "") },
          feed(session, { peer(TEXT, "a") .. peer(PING, "b") .. peer(CLOSE, "\x03\xe8") }))
      end)

      it("is not closed by a failure", function()
        local session = ws.session(role)
        session:feed(peer(CLOSE, "\x03"))
        session:close(1002, "", ownKey)
        assert.is_false((select(2, session:state())))
      end)
    end)

    describe("10.4 limits", function()
      it("takes messages of up to max_payload", function()
        check(peer(TEXT, ("a"):rep(100)), { text(("a"):rep(100)) }, 100)
        check(peer(TEXT, ("a"):rep(60), { fin = false }) .. peer(CONTINUATION, ("a"):rep(40)),
          { text(("a"):rep(100)) }, 100)
        check(peer(TEXT, "", { fin = false }) .. peer(CONTINUATION), { text("") }, 0)
      end)

      it("refuses a larger one when its length is known, before its key and data", function()
        for _, length in ipairs({ 101, 125, 126, 65535, 65536, 1 << 40, math.maxinteger }) do
          local wire = frame(BINARY, "", { length = length })
          if key then wire = wire:sub(1, 1) .. string.char(wire:byte(2) | 0x80) .. wire:sub(3) end
          checkFailsAtLastByte("", wire, CAUSES.size, 100)
        end
        check(peer(TEXT, ("a"):rep(101)), { CAUSES.size }, 100)
        check(peer(TEXT, "a"), { CAUSES.size }, 0)
      end)

      it("counts all frames of a message", function()
        check(peer(TEXT, ("a"):rep(60), { fin = false }) .. peer(PING)
          .. peer(CONTINUATION, ("a"):rep(41)), { ping(""), CAUSES.size }, 100)
        local longest = peer(CONTINUATION, "", { length = math.maxinteger })
        check(peer(TEXT, "a", { fin = false }) .. longest, { CAUSES.size }, 100)
      end)

      it("counts each message for itself, and control frames not at all", function()
        local wire = peer(TEXT, ("a"):rep(100)) .. peer(PING, ("p"):rep(125))
        check(wire .. wire, { text(("a"):rep(100)), ping(("p"):rep(125)), text(("a"):rep(100)),
          ping(("p"):rep(125)) }, 100)
      end)

      it("refuses a frame more than max_fragments at its first byte", function()
        local before = peer(TEXT, "a", { fin = false }) .. peer(PING) ..
          peer(CONTINUATION, "b", { fin = false })
        check(before .. peer(CONTINUATION, "c") .. before .. peer(CONTINUATION, "c"),
          { ping(""), text("abc"), ping(""), text("abc") }, nil, 3)
        checkFailsAtLastByte(before, peer(CONTINUATION, "c"):sub(1, 1), CAUSES.fragments, nil, 2)
        check(peer(TEXT, "a") .. peer(TEXT, "a") .. peer(TEXT, "", { fin = false })
          .. peer(CONTINUATION), { text("a"), text("a"), CAUSES.fragments }, nil, 1)
      end)
    end)

    describe("memory", function()
      local MIDWAY = 192 -- what a session holds, at most, beside the payload of a message
      local function held(session) return (select(3, session:state())) end

      it("is small", function()
        assert.is_true(ws.sessionSize <= 48)
      end)

      it("is not allocated for frames that lie whole in the input", function()
        local session = ws.session(role)
        local wire = peer(TEXT, ("a"):rep(70000)) .. peer(PING, ("p"):rep(125))
          .. peer(BINARY, "b") .. peer(CLOSE, "\x03\xe8bye")
        local events, allocations = session:feed(wire)
        assert.equal(4, #events)
        assert.equal(0, allocations)
        assert.equal(0, held(session))
      end)

      it("is little for a header in pieces, and given back at its end", function()
        local session = ws.session(role, 1 << 20)
        local head = peer(TEXT, "", { length = 70000 })
        local total = 0
        for i = 1, #head do
          local _, allocations = session:feed(head:sub(i, i))
          total = total + allocations
          assert.equal(i < #head, held(session) > 0)
          assert.is_true(held(session) <= MIDWAY)
        end
        assert.equal(1, total)
      end)

      it("follows the bytes received, not the length announced", function()
        local session = ws.session(role, 1 << 41)
        local _, allocations = session:feed(peer(BINARY, "", { length = 1 << 40 }))
        assert.equal(0, allocations)
        assert.equal(0, held(session))
        session:feed("x")
        assert.is_true(held(session) > 0 and held(session) <= 64 + MIDWAY)
        for _ = 1, 100 do session:feed(("x"):rep(1000)) end
        assert.is_true(held(session) > 100000 and held(session) <= 2 * 100001 + MIDWAY)
      end)

      it("does not pass max_payload", function()
        local session = ws.session(role, 1000)
        assert.same({}, feed(session, { peer(TEXT, ("a"):rep(1000), { fin = false }) }))
        assert.is_true(held(session) >= 1000 and held(session) <= 1000 + MIDWAY)
        assert.same({ text(("a"):rep(1000)) }, feed(session, { peer(CONTINUATION) }))
      end)

      it("keeps nothing of the frame that ends a message", function()
        local session = ws.session(role)
        session:feed(peer(TEXT, ("a"):rep(50), { fin = false }))
        local before = held(session)
        local events, allocations = session:feed(peer(CONTINUATION, ("b"):rep(50000)))
        assert.same({ text(("a"):rep(50) .. ("b"):rep(50000)) }, events)
        assert.equal(0, allocations)
        assert.is_true(before > 0)
        assert.equal(0, held(session))
      end)

      it("is given back after a message and after a control frame in pieces", function()
        local session = ws.session(role)
        local wire = peer(TEXT, "abc", { fin = false }) .. peer(PING, "abc")
          .. peer(CONTINUATION, "abc")
        local most = 0
        for i = 1, #wire do
          session:feed(wire:sub(i, i))
          most = math.max(most, held(session))
        end
        assert.is_true(most > 125)
        assert.equal(0, held(session))
      end)

      it("is given back at a close frame and at a failure", function()
        for _, last in ipairs({ peer(CLOSE), peer(CLOSE, "\x03"), peer(3) }) do
          local session = ws.session(role)
          session:feed(peer(TEXT, "abc", { fin = false }))
          assert.is_true(held(session) > 0)
          session:feed(last)
          assert.equal(0, held(session))
        end
        local session = ws.session(role)
        session:feed(peer(TEXT, "\xff", { length = 10 }))
        assert.equal(0, held(session))
      end)
    end)

    describe("ws_session_is_midway", function()
      it("is true but between messages", function()
        local wire = peer(TEXT, "ab", { fin = false }) .. peer(PING, "c") .. peer(CONTINUATION, "d")
          .. peer(PING, "e") .. peer(TEXT, "f")
        local ends = { [0] = true, [#wire] = true }
        ends[#wire - #peer(TEXT, "f")] = true
        ends[#wire - #peer(TEXT, "f") - #peer(PING, "e")] = true
        local session = ws.session(role)
        for i = 0, #wire do
          session:feed(wire:sub(i, i == 0 and -#wire - 1 or i))
          assert.equal(not ends[i], (session:state()))
        end
      end)

      it("is false after the end", function()
        for _, last in ipairs({ peer(CLOSE), peer(3) }) do
          local session = ws.session(role)
          session:feed(peer(TEXT, "ab", { fin = false }) .. last .. "\x81")
          assert.is_false((session:state()))
        end
      end)
    end)

    describe("ws_session_skip", function()
      it("drops a message, whole or in pieces, and goes on behind it", function()
        local wire = peer(TEXT, "a\xc3", { fin = false }) .. peer(CONTINUATION, "c\xff")
          .. peer(TEXT, "") .. peer(BINARY, "dropped")
        local skipped = { type = "message", isBinary = false }
        local skippedBinary = { type = "message", isBinary = true }
        local session = ws.session(role)
        assert.same({ skipped, skipped, skippedBinary }, (session:feed(wire, true)))
        assert.same({ false, false, 0 }, { session:state() })
        assert.same({ text("é") }, feed(session, { peer(TEXT, "é") }))
      end)
    end)

    describe("writing control frames", function()
      it("makes pings and pongs as its role masks them", function()
        local session = ws.session(role)
        for _, data in ipairs({ "", "a", ("p"):rep(125) }) do
          assert.equal(frame(PING, data, { key = ownKey }), session:ping(data, ownKey))
          assert.equal(frame(PONG, data, { key = ownKey }), session:pong(data, ownKey))
        end
      end)

      it("makes one close frame, and nothing after it", function()
        local bodies = { { 1000, "", "\x03\xe8" }, { 1005, "", "" },
          { 4999, ("r"):rep(123), "\x13\x87" .. ("r"):rep(123) } }
        for _, row in ipairs(bodies) do
          local code, reason, body = table.unpack(row)
          local session = ws.session(role)
          assert.equal(frame(CLOSE, body, { key = ownKey }), session:close(code, reason, ownKey))
          assert.is_nil(session:close(1000, "", ownKey))
          assert.is_nil(session:ping("a", ownKey))
          assert.is_nil(session:pong("a", ownKey))
        end
      end)

      it("answers a close frame with its code", function()
        local session = ws.session(role)
        session:feed(peer(CLOSE, "\x0b\xb8"))
        assert.equal(frame(CLOSE, "\x0b\xb8", { key = ownKey }), session:close(3000, "", ownKey))
      end)
    end)
  end)
end

describe("ws_session with the examples of section 5.7", function()
  local long256, long64k = ("\x2a"):rep(256), ("\x2a"):rep(65536)
  local examples = {
    { "an unmasked text", "client", "\x81\x05Hello", { text("Hello") } },
    { "a masked text", "server", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
      { text("Hello") } },
    { "a fragmented unmasked text", "client", "\x01\x03Hel\x80\x02lo", { text("Hello") } },
    { "an unmasked ping", "client", "\x89\x05Hello", { ping("Hello") } },
    { "its masked pong", "server", "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
      { pong("Hello") } },
    { "256 bytes of binary data", "client", "\x82\x7e\x01\x00" .. long256, { binary(long256) } },
    { "64 KiB of binary data", "client", "\x82\x7f\0\0\0\0\0\1\0\0" .. long64k,
      { binary(long64k) } },
  }
  for _, row in ipairs(examples) do
    local name, role, wire, expected = table.unpack(row)
    it("reads " .. name, function()
      assert.same(expected, feed(ws.session(role), { wire }))
      assert.same(expected, feed(ws.session(role), split(wire, function() return 1 end)))
    end)
  end
end)
