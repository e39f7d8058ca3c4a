-- src/ws/codec.c, deflate.c, inflate.c and the session with them: permessage-deflate, RFC 7692. What one side
-- makes, zlib itself must read, and the other way round.

local ws = require("probe").ws
local zlib = require("probe").zlib
local build = require "spec.support.build"

local CONTINUATION, TEXT, BINARY, PING = 0, 1, 2, 9
local KEY = "\x37\xfa\x21\x3d"
local TAIL = "\0\0\xff\xff"

local CORRUPT = { type = "fail", code = 1007, cause = "a compressed message is corrupt" }
local NO_UTF8 = { type = "fail", code = 1007, cause = "a text message is not UTF-8" }
local TOO_BIG = { type = "fail", code = 1009, cause = "a message is too big" }
local RESERVED = { type = "fail", code = 1002, cause = "reserved bits are set in a frame" }

local function text(data) return { type = "message", isBinary = false, data = data } end
local function binary(data) return { type = "message", isBinary = true, data = data } end

local function random(n)
  local bytes = {}
  for i = 1, n do bytes[i] = string.char(math.random(0, 255)) end
  return table.concat(bytes)
end

local function words(n)
  local all = { "lorem", "ipsum", "dolor", "sit", "amet", "123", "\u{1f600}", "grün" }
  local parts, size = {}, 0
  while size < n do
    parts[#parts + 1] = all[math.random(#all)]
    size = size + #parts[#parts]
  end
  return table.concat(parts)
end

-- Contents of all kinds, the same for all.
local made
local function contents()
  if made then return made end
  local list = {}
  for _, n in ipairs({ 1, 2, 3, 10, 125, 126, 500, 4096, 65535, 70000 }) do
    list[#list + 1] = ("a"):rep(n)
    list[#list + 1] = random(n)
    list[#list + 1] = words(n)
  end
  made = list
  return list
end

-- Parts a frame into header and payload, unmasked.
local function open(bytes)
  local _, header = ws.parseFrame(bytes)
  local payload = bytes:sub(header.size + 1)
  assert.equal(header.length, #payload)
  if header.masked then payload = (ws.mask(payload, header.key, 0, 0)) end
  return header, payload
end

describe("ws_deflate_frame", function()
  local codec

  before_each(function()
    math.randomseed(7692)
    codec = ws.codec()
  end)

  local function new(o, role)
    o.codec = codec
    return ws.session(role or "server", 1 << 20, 100, o)
  end

  -- What zlib makes of the message, with a window of so many bits and no more.
  local function inflate(inflater, payload)
    local data, status, left = inflater:inflate(payload .. TAIL)
    assert.equal("more", status)
    assert.equal(0, left)
    return data
  end

  for _, bits in ipairs({ 9, 10, 12, 15 }) do
    for _, takeover in ipairs({ false, true }) do
      local how = takeover and "with" or "without"
      it(("makes what a window of %d bits reads, %s takeover"):format(bits, how), function()
        local session = new({ outBits = bits, outTakeover = takeover, memLevel = bits == 9 and 1 or 8 })
        local inflater = zlib.inflater({ bits = bits })
        local count = 0
        for _, data in ipairs(contents()) do
          local frame = session:deflate(BINARY, data)
          if not takeover then inflater:reset() end
          if frame then
            local header, payload = open(frame)
            assert.same({ BINARY, true, 4, false }, { header.opcode, header.fin, header.rsv, header.masked })
            assert.equal(data, inflate(inflater, payload))
            assert.is_true(takeover or #payload < #data)
            count = count + 1
          else
            assert.is_false(takeover)
          end
          codec:release()
        end
        assert.is_true(count >= 10, count)
      end)
    end
  end

  it("has every level and memLevel", function()
    local data = words(20000)
    for level = 0, 9 do
      for memLevel = 1, 9 do
        local session = new({ outTakeover = true, level = level, memLevel = memLevel })
        local _, payload = open(session:deflate(TEXT, data))
        assert.equal(data, inflate(zlib.inflater(), payload))
        if level == 0 then assert.is_true(#payload > #data) end
        codec:release()
      end
    end
  end)

  it("masks in the client role", function()
    local session = new({}, "client")
    local header, payload = open(session:deflate(TEXT, ("hello "):rep(100), KEY))
    assert.is_true(header.masked)
    assert.equal(KEY, header.key)
    assert.equal(("hello "):rep(100), inflate(zlib.inflater(), payload))
  end)

  it("leaves alone what is below the threshold, and what is empty", function()
    local session = new({ threshold = 100, outTakeover = true })
    assert.is_nil(session:deflate(TEXT, ("a"):rep(99)))
    assert.truthy(session:deflate(TEXT, ("a"):rep(100)))
    assert.is_nil(new({ outTakeover = true }):deflate(TEXT, ""))
    assert.equal(1, (codec:state()))
  end)

  it("sends no message longer than it is, unless the context has taken it over", function()
    local data = random(10000)
    assert.is_nil(new({}):deflate(BINARY, data))
    local _, payload = open(new({ outTakeover = true }):deflate(BINARY, data))
    assert.is_true(#payload > #data)
    assert.equal(data, inflate(zlib.inflater(), payload))
  end)

  it("refers to earlier messages with takeover alone", function()
    local data = random(4096)
    local taking = new({ outTakeover = true })
    taking:deflate(BINARY, data)
    assert.is_true(#taking:deflate(BINARY, data) < 100)
    local fresh = new({})
    fresh:deflate(BINARY, data)
    assert.is_nil(fresh:deflate(BINARY, data))
  end)

  it("keeps what it has made where it is until it is released", function()
    local session = new({ outTakeover = true })
    local inflater, held = zlib.inflater(), 0
    for i = 1, 200 do
      local data = random(i * 20)
      local frame = session:deflate(BINARY, data)
      assert.equal(data, inflate(inflater, select(2, open(frame))))
      local now = select(3, codec:state())
      assert.is_true(now >= held + #frame)
      held = now
    end
    codec:release()
    assert.equal(0, (select(3, codec:state())))
  end)

  it("gives each set of parameters a deflater of its own", function()
    local data = words(5000)
    local sessions = {}
    for bits = 9, 15 do sessions[#sessions + 1] = { bits, new({ outBits = bits }) } end
    for _ = 1, 3 do
      for _, row in ipairs(sessions) do
        local _, payload = open(row[2]:deflate(TEXT, data))
        assert.equal(data, inflate(zlib.inflater({ bits = row[1] }), payload))
      end
    end
  end)
end)

for _, role in ipairs({ "server", "client" }) do
  describe("ws_session that inflates, as a " .. role, function()
    local codec

    before_each(function()
      math.randomseed(7692)
      codec = ws.codec()
    end)

    -- What the peer sends. `o`: fin (true), rsv (0).
    local function peer(opcode, payload, o)
      o = o or {}
      local key = role == "server" and KEY or nil
      local head = ws.writeFrame(opcode, o.fin ~= false, false, #payload, key)
      head = string.char(head:byte() | (o.rsv or 0) << 4) .. head:sub(2)
      return head .. (key and #payload > 0 and (ws.mask(payload, key, 0, 0)) or payload)
    end

    local function compressed(opcode, payload, o)
      o = o or {}
      return peer(opcode, payload, { fin = o.fin, rsv = 4 })
    end

    -- As a peer compresses a message: raw, without the flush's last four bytes.
    local function deflate(data, deflater)
      local out = (deflater or zlib.deflater()):deflate(data, "sync")
      assert.equal(TAIL, out:sub(-4))
      return out:sub(1, -5)
    end

    local function new(o)
      o = o or {}
      o.codec = o.codec or codec
      return ws.session(role, o.maxPayload or 1 << 20, o.maxFragments or 1000, o)
    end

    local function feed(session, wire, widest)
      local events, at = {}, 1
      while at <= #wire do
        local n = widest and math.random(1, widest) or #wire
        local some = session:feed(wire:sub(at, at + n - 1))
        table.move(some, 1, #some, #events + 1, events)
        at = at + n
      end
      return events
    end

    -- Whole, byte by byte and cut at random, `wire` gives the events `expected`.
    local function check(wire, expected, o)
      assert.same(expected, feed(new(o), wire))
      if #wire < 10000 then assert.same(expected, feed(new(o), wire, 1)) end
      for _, widest in ipairs({ 2, 5, 100, 5000, 100000 }) do
        if #wire // widest < 5000 then assert.same(expected, feed(new(o), wire, widest)) end
      end
    end

    it("reads RFC 7692's examples", function()
      check(compressed(TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00"), { text("Hello") })
      check(compressed(TEXT, "\xf2\x48\xcd", { fin = false }) .. peer(CONTINUATION, "\xc9\xc9\x07\x00"),
        { text("Hello") })
      check(compressed(TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00") .. compressed(TEXT, "\xf2\x00\x11\x00\x00"),
        { text("Hello"), text("Hello") }, { inTakeover = true })
      -- a stored block, a final block, two blocks
      check(compressed(TEXT, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), { text("Hello") })
      check(compressed(TEXT, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), { text("Hello") })
      check(compressed(TEXT, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), { text("Hello") })
    end)

    it("reads every kind of content, in frames of any size", function()
      for _, data in ipairs(contents()) do
        check(compressed(BINARY, deflate(data)), { binary(data) })
        local payload, wire, at = deflate(data), nil, 1
        while at <= #payload do
          local n = math.random(1, 1 + #payload // 3)
          local o = { fin = at + n > #payload }
          local part = payload:sub(at, at + n - 1)
          wire = wire and wire .. peer(PING, "p") .. peer(CONTINUATION, part, o) or compressed(BINARY, part, o)
          at = at + n
        end
        local events = feed(new(), wire)
        assert.same(binary(data), events[#events])
      end
    end)

    it("reads what any level, strategy and memory makes", function()
      local data = words(30000)
      for _, strategy in ipairs({ "default", "huffman", "rle", "fixed" }) do
        for _, level in ipairs({ 0, 1, 6, 9 }) do
          local deflater = zlib.deflater({ level = level, mem = 1 + level % 9, strategy = strategy })
          assert.same({ text(data) }, feed(new(), compressed(TEXT, deflate(data, deflater)), 700))
        end
      end
    end)

    it("reads an empty message, and empty fragments", function()
      check(compressed(TEXT, "\0") .. compressed(BINARY, "\0"), { text(""), binary("") })
      check(compressed(TEXT, "", { fin = false }) .. peer(CONTINUATION, "", { fin = false })
        .. peer(CONTINUATION, "\0"), { text("") })
      check(compressed(TEXT, deflate("abc"), { fin = false }) .. peer(CONTINUATION, ""), { text("abc") })
    end)

    it("reads compressed and other messages side by side", function()
      local deflater = zlib.deflater()
      local wire, expected = "", {}
      for i = 1, 20 do
        local data = words(i * 30)
        wire = wire .. (i % 3 == 0 and peer(TEXT, data) or compressed(TEXT, deflate(data, deflater)))
        expected[i] = text(data)
      end
      check(wire, expected, { inTakeover = true })
    end)

    for _, bits in ipairs({ 9, 12, 15 }) do
      it(("with takeover goes on where the last message has ended, with %d bits"):format(bits), function()
        local deflater = zlib.deflater({ bits = bits })
        local data = random(400)
        local wire, expected = "", {}
        for i = 1, 30 do
          local message = data .. i .. words(i * 100)
          if i == 20 then message = random(40000) end
          wire = wire .. compressed(BINARY, deflate(message, deflater))
          expected[i] = binary(message)
        end
        check(wire, expected, { inTakeover = true, inBits = bits })
      end)
    end

    it("without takeover begins each message afresh", function()
      local deflater, data = zlib.deflater(), random(500)
      local first, second = deflate(data, deflater), deflate(data, deflater)
      check(compressed(BINARY, first) .. compressed(BINARY, second), { binary(data), CORRUPT })
    end)

    it("holds the peer to the window that it has agreed to, from message to message", function()
      local data = random(2000)
      local deflater = zlib.deflater({ bits = 15 })
      local wire = compressed(BINARY, deflate(data, deflater)) .. compressed(BINARY, deflate(data, deflater))
      check(wire, { binary(data), CORRUPT }, { inTakeover = true, inBits = 10 })
      check(wire, { binary(data), binary(data) }, { inTakeover = true, inBits = 11 })
    end)

    describe("with final blocks", function()
      local function final(data, deflater) return (deflater or zlib.deflater()):deflate(data, "finish") end

      it("goes on behind them", function()
        check(compressed(TEXT, final("Hello") .. "\0"), { text("Hello") })
        check(compressed(TEXT, final("Hel") .. final("lo, ") .. deflate("world")), { text("Hello, world") })
        check(compressed(TEXT, final("") .. final("") .. final("x") .. final("") .. "\0"), { text("x") })
      end)

      it("takes one for the end where nothing follows it", function()
        check(compressed(TEXT, final("Hello")) .. compressed(TEXT, deflate("next")), { text("Hello"), text("next") })
      end)

      it("keeps the window", function()
        local data = random(300)
        local deflater = zlib.deflater()
        deflater:deflate(data, "sync") -- so that what follows refers to it
        local second = deflate(data, deflater)
        assert.is_true(#second < 30)
        for _, bits in ipairs({ 9, 15 }) do
          check(compressed(BINARY, final(data) .. "\0") .. compressed(BINARY, second) .. compressed(BINARY, second),
            { binary(data), binary(data), binary(data) }, { inTakeover = true, inBits = bits })
        end
        check(compressed(BINARY, final(data) .. second), { binary(data .. data) })
      end)

      it("is not held up by very many", function()
        check(compressed(BINARY, final(""):rep(20000) .. "\0"), { binary("") })
      end)
    end)

    describe("given what is corrupt", function()
      it("fails with 1007", function()
        for _, payload in ipairs({ "", "\x07", "\xff", "\xff\xff\xff\xff", "hello", "\x00\x05\x00\x00\x00",
          "\xf2\x48\xcd\xc9\xc9\x07\x00\x07", "\x03\xff" }) do
          check(compressed(TEXT, payload) .. peer(PING, "late"), { CORRUPT })
        end
      end)

      it("fails when the end is missing", function()
        local payload = deflate(words(1000))
        for _, n in ipairs({ 1, 2, 10, #payload // 2, #payload - 1 }) do
          local events = feed(new(), compressed(BINARY, payload:sub(1, n)))
          assert.same({ CORRUPT }, events)
        end
      end)

      it("never fails in another way, whatever byte is wrong", function()
        local payload = deflate(words(300))
        for i = 1, #payload do
          local bad = payload:sub(1, i - 1) .. string.char(payload:byte(i) ~ (1 << i % 8)) .. payload:sub(i + 1)
          local events = feed(new(), compressed(BINARY, bad))
          assert.equal(1, #events)
          if events[1].type == "fail" then assert.same(CORRUPT, events[1]) end
          assert.same(events, feed(new(), compressed(BINARY, bad), 1))
        end
      end)

      it("says so before the message's end", function()
        local session = new()
        assert.same({}, (session:feed(compressed(BINARY, deflate("Hello"), { fin = false }))))
        assert.same({ CORRUPT }, (session:feed(peer(CONTINUATION, ("\xff"):rep(10), { fin = false }))))
      end)
    end)

    describe("given text", function()
      it("checks what comes out of it", function()
        check(compressed(TEXT, deflate("abc\xff")), { NO_UTF8 })
        check(compressed(TEXT, deflate("abc\xc3")), { NO_UTF8 })
        check(compressed(BINARY, deflate("abc\xff")), { binary("abc\xff") })
        check(compressed(TEXT, deflate("grün")) .. compressed(TEXT, deflate("\u{1f600}")),
          { text("grün"), text("\u{1f600}") })
      end)

      it("fails at the first byte that no text can have there", function()
        local deflater = zlib.deflater()
        local first = compressed(TEXT, deflater:deflate("abc\xc3\xa4", "sync"), { fin = false })
        local second = peer(CONTINUATION, deflater:deflate("abc\xff", "sync"), { fin = false })
        local session = new()
        assert.same({}, (session:feed(first)))
        assert.same({ NO_UTF8 }, (session:feed(second)))
      end)

      it("tells the first fault of several", function()
        check(compressed(TEXT, deflate("\xff" .. ("a"):rep(1000))), { NO_UTF8 }, { maxPayload = 100 })
        check(compressed(TEXT, deflate(("a"):rep(1000) .. "\xff")), { TOO_BIG }, { maxPayload = 100 })
        check(compressed(TEXT, deflate("a\xff") .. "\xff"), { NO_UTF8 })
        check(compressed(TEXT, deflate("a") .. "\xff\xff\xff\xff"), { CORRUPT })
      end)
    end)

    describe("limits", function()
      it("maxPayload holds for what comes out", function()
        for _, n in ipairs({ 1, 99, 100, 101, 5000 }) do
          local data = ("a"):rep(n)
          check(compressed(TEXT, deflate(data)), { n <= 100 and text(data) or TOO_BIG }, { maxPayload = 100 })
        end
        check(compressed(TEXT, "\0") .. compressed(TEXT, deflate("a")), { text(""), TOO_BIG }, { maxPayload = 0 })
      end)

      it("a message may be longer compressed than it is", function()
        local data = random(1000)
        local payload = ""
        local deflater = zlib.deflater({ level = 0 })
        for i = 1, #data do payload = payload .. deflater:deflate(data:sub(i, i), "sync") end
        payload = payload:sub(1, -5)
        assert.is_true(#payload > 5 * #data)
        check(compressed(BINARY, payload), { binary(data) }, { maxPayload = 1000 })
      end)

      it("but by far: that is refused before its data", function()
        for _, length in ipairs({ 200000, 1 << 40, math.maxinteger }) do
          local head = ws.writeFrame(BINARY, true, true, length, role == "server" and KEY or nil)
          assert.same({ TOO_BIG }, feed(new({ maxPayload = 1000 }), head, 1))
        end
        local session = new({ maxPayload = 1000 })
        session:feed(compressed(BINARY, ("\0\0\0\xff\xff"):rep(10000), { fin = false }))
        assert.same({ TOO_BIG }, (session:feed(peer(CONTINUATION, ("\0\0\0\xff\xff"):rep(10000)))))
      end)

      it("maxFragments holds", function()
        local wire = compressed(TEXT, "", { fin = false }) .. peer(CONTINUATION, "", { fin = false }):rep(4)
        local events = feed(new({ maxFragments = 3 }), wire, 1)
        assert.equal(1008, events[1].code)
      end)

      it("a bomb takes no more memory than maxPayload", function()
        local deflater, zeros = zlib.deflater({ level = 9 }), ("\0"):rep(1 << 20)
        local parts = {}
        for i = 1, 16 do parts[i] = deflater:deflate(zeros, "sync") end
        local bomb = table.concat(parts):sub(1, -5)
        assert.is_true(#bomb < 20000)
        local limit = 100000
        for _, widest in ipairs({ 1, 100, 1000, false }) do
          local session = new({ maxPayload = limit })
          local most, at, events = 0, 1, {}
          local wire = compressed(BINARY, bomb)
          while #events == 0 and at <= #wire do
            local n = widest or #wire
            events = session:feed(wire:sub(at, at + n - 1))
            most = math.max(most, (select(3, session:state())))
            at = at + n
          end
          assert.same({ TOO_BIG }, events)
          assert.is_true(most <= limit + 40000, most)
          if widest then assert.is_true(at < 1000 + 2 * widest, "found late: " .. at) end
        end
      end)
    end)

    describe("RSV1", function()
      it("is refused on what is no message's first frame", function()
        for _, opcode in ipairs({ 8, 9, 10 }) do check(peer(opcode, "", { rsv = 4 }), { RESERVED }) end
        for _, rsv in ipairs({ 0, 4 }) do
          check(peer(TEXT, "\0", { fin = false, rsv = rsv }) .. peer(CONTINUATION, "", { rsv = 4 }), { RESERVED })
        end
      end)

      it("is refused together with others", function()
        for rsv = 1, 7 do
          if rsv ~= 4 then check(peer(TEXT, "\0", { rsv = rsv }), { RESERVED }) end
        end
      end)

      it("is refused without the extension", function()
        assert.same({ RESERVED }, (ws.session(role):feed(compressed(TEXT, "\0"))))
      end)
    end)

    describe("memory", function()
      local function held(session) return (select(3, session:state())) end
      local idle
      before_each(function() idle = held(new()) end)

      it("is little for a session at rest", function()
        assert.is_true(idle <= 128, idle)
      end)

      it("is not allocated for messages that lie whole in the input, after the first", function()
        if build.isTiny then pending("its blocks have 16 bytes") end
        local session = new()
        local wire = compressed(TEXT, deflate(words(5000)))
        session:feed(wire)
        for _ = 1, 10 do assert.equal(0, (select(2, session:feed(wire)))) end
        assert.equal(idle, held(session))
      end)

      it("is given back at the end of a message in parts, at a close frame and at a failure", function()
        local part = compressed(TEXT, deflate(words(5000)), { fin = false })
        local ends = { peer(CONTINUATION, ""), peer(8, ""), peer(3, "") }
        for _, last in ipairs(ends) do
          local session = new()
          session:feed(part)
          assert.is_true(held(session) > 5000)
          session:feed(last)
          assert.equal(idle, held(session))
        end
      end)

      it("with takeover is a window", function()
        for _, row in ipairs({ { 9, 512 }, { 12, 4096 }, { 15, 32768 } }) do
          local session = new({ inTakeover = true, inBits = row[1] })
          session:feed(compressed(BINARY, deflate(random(100000), zlib.deflater({ bits = row[1] }))))
          assert.is_true(held(session) >= row[2] and held(session) <= row[2] + idle + 64)
        end
      end)
    end)

    it("skips a message, and goes on behind it", function()
      local deflater = zlib.deflater()
      local session = new({ inTakeover = true })
      local skipped = { type = "message", isBinary = false }
      assert.same({ skipped, skipped },
        (session:feed(compressed(TEXT, deflate("one", deflater)) .. compressed(TEXT, deflate("two", deflater)), true)))
      assert.same({ text("one") }, feed(session, compressed(TEXT, deflate("one", deflater)), 1))
      assert.same({ 0, 3 }, { (codec:state()), (select(2, codec:state())) })
    end)
  end)
end

describe("two sessions", function()
  it("understand each other, in both directions and with any parameters", function()
    math.randomseed(7692)
    for bits = 9, 15, 2 do
      for takeover = 0, 3 do
        local server, client = takeover & 1 ~= 0, takeover & 2 ~= 0
        local codec = ws.codec()
        local a = ws.session("server", 1 << 20, 10,
          { codec = codec, outBits = bits, outTakeover = server, inBits = 24 - bits, inTakeover = client })
        local b = ws.session("client", 1 << 20, 10,
          { codec = codec, outBits = 24 - bits, outTakeover = client, inBits = bits, inTakeover = server })
        for i = 1, 40 do
          local data = i % 4 == 0 and random(i * 50) or words(i * 100)
          for _, way in ipairs({ { a, b }, { b, a, KEY } }) do
            local frame = way[1]:deflate(BINARY, data, way[3])
            if frame then assert.same({ binary(data) }, (way[2]:feed(frame))) end
          end
          codec:release()
        end
      end
    end
  end)
end)
