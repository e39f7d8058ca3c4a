-- What the opening handshake computes (RFC 6455 section 4.2.2), in Lua alone.
--
-- digest.accept(key) -> the value of Sec-WebSocket-Accept

local digest = {}

local GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local WORD = 0xffffffff

local function rotate(x, n)
  return (x << n | x >> (32 - n)) & WORD
end

local function mix(i, b, c, d)
  if i < 20 then return b & c | ~b & d, 0x5a827999 end
  if i < 40 then return b ~ c ~ d, 0x6ed9eba1 end
  if i < 60 then return b & c | b & d | c & d, 0x8f1bbcdc end
  return b ~ c ~ d, 0xca62c1d6
end

local function schedule(block)
  local w = { string.unpack(">I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4", block) }
  for i = 17, 80 do w[i] = rotate(w[i - 3] ~ w[i - 8] ~ w[i - 14] ~ w[i - 16], 1) end
  return w
end

local function addBlock(h, block)
  local w = schedule(block)
  local a, b, c, d, e = table.unpack(h)
  for i = 0, 79 do
    local f, k = mix(i, b, c, d)
    a, b, c, d, e = (rotate(a, 5) + (f & WORD) + e + k + w[i + 1]) & WORD, a, rotate(b, 30), c, d
  end
  for i, x in ipairs({ a, b, c, d, e }) do h[i] = (h[i] + x) & WORD end
end

local function sha1(text)
  local padded = text .. "\128" .. ("\0"):rep((55 - #text) % 64) .. string.pack(">I8", #text * 8)
  local h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  for at = 1, #padded, 64 do addBlock(h, padded:sub(at, at + 63)) end
  return string.pack(">I4I4I4I4I4", table.unpack(h))
end

local function base64(bytes)
  local out = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for i = 0, 3 do
      local index = (bits >> (18 - 6 * i) & 63) + 1
      out[#out + 1] = (i == 2 and not b or i == 3 and not c) and "=" or ALPHABET:sub(index, index)
    end
  end
  return table.concat(out)
end

function digest.accept(key)
  return base64(sha1(key .. GUID))
end

return digest
