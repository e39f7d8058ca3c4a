-- src/ws/utf8.c: UTF-8 as RFC 3629 has it. The cases follow Markus Kuhn's decoder stress test.

local probe = require("probe").ws

-- As this machine runs it, and as one without vectors does.
for where, ws in pairs({ ["here"] = probe, ["without vectors"] = probe.portable }) do
  -- With ASCII behind it up to a whole number of the blocks of 16 in which ASCII is skipped.
  local function fillBlocks(text)
    return text .. ("z"):rep(32 - #text % 16)
  end

  -- The number of bytes up to and with the one that is refused (nil: none), and whether the text
  -- may end.
  local function feedBytewise(text)
    local pieces = {}
    for i = 1, #text do pieces[i] = text:sub(i, i) end
    return ws.utf8(table.unpack(pieces))
  end

  -- Of a text that no valid text begins with: fed in pieces, cut at any place, and behind ASCII of
  -- any length, it is refused at the byte `at`.
  local function assertRefused(text, at)
    assert.equal(at, (feedBytewise(text)))
    for cut = 0, #text do
      assert.equal(cut >= at and 1 or 2, (ws.utf8(text:sub(1, cut), fillBlocks(text:sub(cut + 1)))))
    end
    for n = 0, 140 do
      assert.is_false(ws.utf8Valid(("a"):rep(n) .. text .. ("z"):rep(20)))
      assert.is_false(ws.utf8Valid(("a"):rep(n) .. text .. ("ж"):rep(80)))
      assert.is_false(ws.utf8Valid(("a"):rep(n) .. text))
    end
  end

  local function assertValid(text)
    for cut = 0, #text do
      local refused, isComplete = ws.utf8(text:sub(1, cut), text:sub(cut + 1))
      assert.is_nil(refused)
      assert.is_true(isComplete)
    end
    for n = 0, 140 do
      assert.is_true(ws.utf8Valid(("a"):rep(n) .. text .. ("z"):rep(n)))
      assert.is_true(ws.utf8Valid(("世"):rep(n) .. text .. ("ж"):rep(n)))
    end
  end

  describe("ws_utf8_feed accepts, " .. where, function()
    local accepted = {
      { "nothing", "" },
      { "ASCII", "Hello, world\0\t\r\n\x7f" },
      { "Greek", "κόσμε" },
      { "the first of each length", "\0\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80" },
      { "the last of each length", "\x7f\xdf\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf" },
      { "the last before and the first after the surrogates", "\xed\x9f\xbf\xee\x80\x80" },
      { "U+FFFD and the byte order mark", "\xef\xbf\xbd\xef\xbb\xbf" },
      { "noncharacters", "\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90\xf0\x9f\xbf\xbe" },
      { "a long mixture", ("Grüße, 世界 🌍! "):rep(20) },
    }
    for _, row in ipairs(accepted) do
      it(row[1], function() assertValid(row[2]) end)
    end

    it("every character there is", function()
      for code = 0, 0x10FFFF do
        if code < 0xD800 or code > 0xDFFF then
          if not ws.utf8Valid(utf8.char(code)) then
            error(("U+%04X is refused"):format(code))
          end
        end
      end
    end)
  end)

  describe("ws_utf8_feed refuses at the first impossible byte, " .. where, function()
    -- name, text, the place of that byte
    local refused = {
      { "a continuation byte alone (80)", "\x80", 1 },
      { "a continuation byte alone (bf)", "\xbf", 1 },
      { "continuation bytes after a character", "\xc2\x80\x80", 3 },
      { "a 2-byte lead followed by a blank", "\xc3 ", 2 },
      { "a 3-byte lead followed by a blank", "\xe4 ", 2 },
      { "a 4-byte lead followed by a blank", "\xf1 ", 2 },
      { "a 3-byte sequence without its last", "\xe4\xb8 ", 3 },
      { "a 4-byte sequence without its last", "\xf1\x80\x80 ", 4 },
      { "a lead inside a sequence", "\xe4\xc3\xa9", 2 },
      { "fe", "\xfe", 1 },
      { "ff", "\xff", 1 },
      { "overlong / in 2 bytes", "\xc0\xaf", 1 },
      { "overlong 7f in 2 bytes", "\xc1\xbf", 1 },
      { "overlong / in 3 bytes", "\xe0\x80\xaf", 2 },
      { "overlong 7ff in 3 bytes", "\xe0\x9f\xbf", 2 },
      { "overlong / in 4 bytes", "\xf0\x80\x80\xaf", 2 },
      { "overlong ffff in 4 bytes", "\xf0\x8f\xbf\xbf", 2 },
      { "5 bytes", "\xf8\x88\x80\x80\x80", 1 },
      { "6 bytes", "\xfc\x84\x80\x80\x80\x80", 1 },
      { "the first high surrogate", "\xed\xa0\x80", 2 },
      { "the last low surrogate", "\xed\xbf\xbf", 2 },
      { "a pair of surrogates (CESU-8)", "\xed\xa0\xbd\xed\xb8\x80", 2 },
      { "U+110000", "\xf4\x90\x80\x80", 2 },
      { "U+140000", "\xf5\x80\x80\x80", 1 },
      { "Greek with U+110000 behind it", "\xce\xba\xe1\xbd\xb9\xcf\x83\xf4\x90\x80\x80", 9 },
    }
    for _, row in ipairs(refused) do
      it(row[1], function() assertRefused(row[2], row[3]) end)
    end

    it("and stays at that", function()
      assert.equal(2, (ws.utf8("a", "\xff", "a")))
    end)

    it("every second byte that a lead cannot have", function()
      local bounds = { [0xE0] = { 0xA0, 0xBF }, [0xED] = { 0x80, 0x9F }, [0xF0] = { 0x90, 0xBF },
        [0xF4] = { 0x80, 0x8F } }
      for lead = 0x80, 0xFF do
        local isLead = lead >= 0xC2 and lead <= 0xF4
        local low, high = table.unpack(bounds[lead] or { 0x80, 0xBF })
        for second = 0, 255 do
          local expected
          if not isLead then expected = 1
          elseif second < low or second > high then expected = 2
          end
          assert.equal(expected, (feedBytewise(string.char(lead, second))))
        end
      end
    end)
  end)

  describe("ws_utf8_is_complete " .. where, function()
    it("is false inside a character only", function()
      local text = "aé世🌍"
      local ends = { [0] = true, [1] = true, [3] = true, [6] = true, [10] = true }
      for n = 0, #text do
        local refused, isComplete = ws.utf8(text:sub(1, n))
        assert.is_nil(refused)
        assert.equal(ends[n] or false, isComplete)
        assert.equal(ends[n] or false, ws.utf8Valid(text:sub(1, n)))
      end
    end)
  end)

  describe("ws_utf8_valid " .. where, function()
    -- Bytes that make and break characters, more often than chance would.
    local function randomText()
      local out = {}
      for i = 1, math.random(0, 60) do
        local kind = math.random(1, 10)
        if kind <= 4 then
          out[i] = ("abcdefghijklmnopq"):sub(1, math.random(1, 17))
        elseif kind <= 9 then
          local code = math.random(0, ({ 0x7FF, 0xFFFF, 0x10FFFF })[math.random(1, 3)])
          out[i] = utf8.char(code)
        else
          out[i] = math.random(1, 8) == 1 and string.char(math.random(0x80, 0xFF)) or ""
        end
      end
      return table.concat(out)
    end

    it("agrees with Lua on random strings, whole and in pieces", function()
      math.randomseed(3629)
      local valid, invalid = 0, 0
      for _ = 1, 5000 do
        local text = randomText()
        local expected = utf8.len(text) ~= nil
        assert.equal(expected, ws.utf8Valid(text))
        local cut = math.random(0, #text)
        local refused, isComplete = ws.utf8(text:sub(1, cut), text:sub(cut + 1))
        assert.equal(expected, refused == nil and isComplete)
        if expected then valid = valid + 1 else invalid = invalid + 1 end
      end
      assert.is_true(valid > 500 and invalid > 500)
    end)
  end)

  describe("ws_utf8_feed " .. where, function()
    -- What one byte at a time gives, which no vector has a part in, is what all must give.
    local function assertLikeBytewise(text)
      local at, isComplete = feedBytewise(text)
      local refused, complete = ws.utf8(text)
      if (at == nil) ~= (refused == nil) or isComplete ~= complete then
        error(("byte %s is refused, whole %s: %q"):format(at, refused, text))
      end
      local first, second = math.random(0, #text), math.random(0, #text)
      if first > second then first, second = second, first end
      local piece
      piece, complete = ws.utf8(text:sub(1, first), text:sub(first + 1, second), text:sub(second + 1))
      local expected = at and (at <= first and 1 or at <= second and 2 or 3)
      if piece ~= expected or isComplete ~= complete then
        error(("byte %s is refused, cut at %d and %d piece %s: %q"):format(at, first, second, piece, text))
      end
    end

    it("finds the same in a text of any length as byte by byte, with a fault at any place", function()
      math.randomseed(2021)
      local alphabets = {
        { "a" }, { "a", "b", "c", "d", "e", "f", "g", "ü" }, { "П", "р", " " }, { "世", "界" }, { "🌍" },
        { "a", "é", "世", "🌍", ("x"):rep(70) },
      }
      local function textOf(letters, n)
        local out, length = {}, 0
        while length < n do
          out[#out + 1] = letters[math.random(#letters)]
          length = length + #out[#out]
        end
        return table.concat(out):sub(1, n)
      end
      for n = 0, 300 do
        for _, letters in ipairs(alphabets) do
          local text = textOf(letters, n)
          assertLikeBytewise(text)
          local at = math.random(0, n)
          local byte = string.char(math.random(0, 255))
          assertLikeBytewise(text:sub(1, at) .. byte .. text:sub(at + 2))
          assertLikeBytewise(text:sub(1, at) .. text:sub(at + 2))
        end
      end
    end)
  end)
end
