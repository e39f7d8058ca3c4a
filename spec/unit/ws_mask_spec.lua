-- src/ws/mask.c: masking, RFC 6455 section 5.3.

local ws = require("probe").ws

local KEY = "\x37\xfa\x21\x3d"

local function naiveMask(data, key, offset)
  local out = {}
  for i = 1, #data do
    out[i] = string.char(data:byte(i) ~ key:byte((offset + i - 1) % 4 + 1))
  end
  return table.concat(out)
end

local function randomBytes(n)
  local out = {}
  for i = 1, n do out[i] = string.char(math.random(0, 255)) end
  return table.concat(out)
end

-- As this machine runs it, and as one without vectors does.
for where, mask in pairs({ ["here"] = ws.mask, ["without vectors"] = ws.portable.mask }) do
  describe("ws_mask_copy " .. where, function()
    before_each(function() math.randomseed(6455) end)

    it("masks the RFC's example", function()
      assert.equal("\x7f\x9f\x4d\x51\x58", (mask("Hello", KEY, 0, 0, 0)))
      assert.equal("Hello", (mask("\x7f\x9f\x4d\x51\x58", KEY, 0, 0, 0)))
    end)

    it("does as the naive loop for every length up to 300, at every offset into the key", function()
      for n = 0, 300 do
        local data = randomBytes(n)
        for offset = 0, 3 do
          local expected = naiveMask(data, KEY, offset)
          assert.equal(expected, (mask(data, KEY, offset, 0, 0)))
          assert.equal(expected, (mask(data, KEY, offset, 0)))
        end
      end
    end)

    it("does so at every alignment of source and destination", function()
      for _, n in ipairs({ 3, 8, 17, 33, 70, 200 }) do
        local data = randomBytes(n)
        local expected = naiveMask(data, KEY, 1)
        for from = 0, 64 do
          assert.equal(expected, (mask(data, KEY, 1, from)))
          for to = 0, 64 do
            assert.equal(expected, (mask(data, KEY, 1, from, to)))
          end
        end
      end
    end)

    it("counts the offset in 64 bits", function()
      for _, offset in ipairs({ 4, 5, 127, (1 << 32) + 1, (1 << 40) + 2, math.maxinteger }) do
        assert.equal(naiveMask("offset in 64 bits", KEY, offset % 4),
          (mask("offset in 64 bits", KEY, offset, 0, 0)))
      end
    end)

    it("gives the same in pieces as at once", function()
      for _ = 1, 100 do
        local data, key = randomBytes(math.random(0, 300)), randomBytes(4)
        local pieces, at = {}, 0
        while at < #data do
          local n = math.random(1, 150)
          pieces[#pieces + 1] = mask(data:sub(at + 1, at + n), key, at, 0, 0)
          at = at + n
        end
        assert.equal(naiveMask(data, key, 0), table.concat(pieces))
      end
    end)

    it("undoes itself on a long payload", function()
      local data = randomBytes(100003)
      local masked = mask(data, KEY, 2, 5, 3)
      assert.equal(naiveMask(data, KEY, 2), masked)
      assert.equal(data, (mask(masked, KEY, 2, 1)))
    end)

    it("tells ASCII from anything with one byte that isn't, at any place of any length", function()
      local ascii = naiveMask(("the quick brown fox\0\x7f"):rep(15), KEY, 0)
      for n = 0, 300 do
        local _, isAscii = mask(ascii:sub(1, n), KEY, 0, 0, 0)
        assert.is_true(isAscii)
        for at = 1, n do
          local byte = string.char(ascii:byte(at) ~ 0x80)
          _, isAscii = mask(ascii:sub(1, at - 1) .. byte .. ascii:sub(at + 1, n), KEY, 0, 0, 0)
          if isAscii then error(("byte %d of %d is overlooked"):format(at, n)) end
        end
      end
    end)
  end)
end
