-- src/ws/frame.c: the frame header, RFC 6455 section 5.2.

local ws = require("probe").ws

local KEY = "\x37\xfa\x21\x3d"
local BORDERS = { 0, 1, 124, 125, 126, 127, 128, 254, 255, 256, 65534, 65535, 65536, 65537,
  1 << 24, (1 << 32) - 1, 1 << 32, 1 << 40, math.maxinteger }

-- The header as the RFC's picture has it.
local function header(first, length, key)
  local mask = key and 0x80 or 0
  local head
  if length <= 125 then
    head = string.pack(">BB", first, mask | length)
  elseif length <= 65535 then
    head = string.pack(">BBI2", first, mask | 126, length)
  else
    head = string.pack(">BBI8", first, mask | 127, length)
  end
  return head .. (key or "")
end

describe("ws_frame_parse", function()
  it("reads every opcode with every combination of FIN and reserved bits", function()
    for first = 0, 255 do
      for _, key in ipairs({ false, KEY }) do
        local bytes = header(first, 5, key or nil)
        local result, h = ws.parseFrame(bytes)
        assert.equal(0, result)
        assert.same({
          opcode = first & 15,
          fin = first & 0x80 ~= 0,
          rsv = first >> 4 & 7,
          masked = key ~= false,
          key = key or "\0\0\0\0",
          length = 5,
          size = #bytes,
        }, h)
      end
    end
  end)

  it("reads lengths at the borders of their encodings", function()
    for _, length in ipairs(BORDERS) do
      for _, key in ipairs({ false, KEY }) do
        local bytes = header(0x82, length, key or nil)
        local result, h = ws.parseFrame(bytes .. "payload")
        assert.equal(0, result)
        assert.equal(length, h.length)
        assert.equal(#bytes, h.size)
        assert.equal(key or "\0\0\0\0", h.key)
      end
    end
  end)

  it("says how many bytes are missing at least, and tells what it knows", function()
    for _, length in ipairs(BORDERS) do
      for _, key in ipairs({ false, KEY }) do
        local bytes = header(0xC1, length, key or nil)
        local beforeKey = #bytes - (key and 4 or 0)
        for n = 0, #bytes - 1 do
          local result, h = ws.parseFrame(bytes:sub(1, n))
          assert.equal(n == 0 and 2 or n == 1 and 1 or #bytes - n, result)
          assert.same({
            opcode = n >= 1 and 1 or 0,
            fin = n >= 1,
            rsv = n >= 1 and 4 or 0,
            masked = n >= 2 and key ~= false,
            key = "\0\0\0\0",
            length = n >= beforeKey and length or 0,
            size = n >= 2 and #bytes or 0,
          }, h)
        end
      end
    end
  end)

  -- What is refused, and with how many bytes that must be seen.
  local refused = {
    { "16 bits for 0", "\x81\x7e\x00\x00", 4 },
    { "16 bits for 125", "\x81\x7e\x00\x7d", 4 },
    { "64 bits for 0", "\x81\x7f\0\0\0\0\0\0\0\0", 8 },
    { "64 bits for 125", "\x81\x7f\0\0\0\0\0\0\0\x7d", 8 },
    { "64 bits for 126", "\x81\x7f\0\0\0\0\0\0\0\x7e", 8 },
    { "64 bits for 65535", "\x81\x7f\0\0\0\0\0\0\xff\xff", 8 },
    { "64 bits with the highest bit set", "\x81\x7f\x80\0\0\0\0\1\0\0", 3 },
    { "64 bits, all set", "\x81\x7f" .. ("\xff"):rep(8), 3 },
  }
  for _, row in ipairs(refused) do
    local name, bytes, shownBy = table.unpack(row)
    it("refuses " .. name .. " as soon as that shows", function()
      for n = 0, #bytes do
        local result = ws.parseFrame(bytes:sub(1, n))
        if n >= shownBy then
          assert.equal("invalid", result)
        else
          assert.is_true(math.type(result) == "integer" and result > 0)
        end
      end
      assert.equal("invalid", (ws.parseFrame("\x81" .. string.char(bytes:byte(2) | 0x80)
        .. bytes:sub(3) .. KEY)))
    end)
  end
end)

describe("ws_frame_write", function()
  it("writes the header that the RFC draws", function()
    for _, opcode in ipairs({ 0, 1, 2, 8, 9, 10 }) do
      for _, fin in ipairs({ false, true }) do
        for _, rsv1 in ipairs({ false, true }) do
          local first = opcode | (fin and 0x80 or 0) | (rsv1 and 0x40 or 0)
          assert.equal(header(first, 7), ws.writeFrame(opcode, fin, rsv1, 7))
          assert.equal(header(first, 7, KEY), ws.writeFrame(opcode, fin, rsv1, 7, KEY))
        end
      end
    end
  end)

  it("writes each length in the fewest bytes, as many as it foretells", function()
    for _, length in ipairs(BORDERS) do
      local plain, masked = header(0x82, length), header(0x82, length, KEY)
      assert.equal(plain, ws.writeFrame(2, true, false, length))
      assert.equal(masked, ws.writeFrame(2, true, false, length, KEY))
      assert.equal(#plain, ws.frameHeaderSize(length, false))
      assert.equal(#masked, ws.frameHeaderSize(length, true))
    end
  end)
end)
