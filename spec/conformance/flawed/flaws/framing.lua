-- Flaws in what a frame's header may be, in lengths and in masks.

local wire = require "probe".wire
local Connection = require "spec.conformance.flawed.connection"

-- Lengths below `short` in one byte, below `medium` in two.
local function encodeBelow(short, medium)
  return function(_, length)
    if length < short then return string.char(length) end
    if length < medium then return string.pack(">BI2", 126, length & 0xffff) end
    return string.pack(">BI8", 127, length)
  end
end

local function dropping(isDropped)
  return function(self, opcode, payload)
    if not isDropped(opcode) then Connection.onMessage(self, opcode, payload) end
  end
end

return {
  { "unmasked-taken", "takes frames without a mask", { "hostile.mask.1" }, skips = { "mask" } },
  { "rsv1-ignored", "ignores RSV1 where nothing is compressed", { "3.4", "extension.misuse.1" },
    skips = { "rsv1", "rsv1 of control", "rsv1 of continuation" } },
  { "rsv2-ignored", "ignores RSV2", { "3.2", "extension.misuse.7" }, skips = { "rsv2" } },
  { "rsv3-ignored", "ignores RSV3", { "3.1", "extension.misuse.6" }, skips = { "rsv3" } },
  { "data-opcodes-ignored", "ignores opcodes 3 to 7", { "4.1.1", "lifecycle.close.14" },
    skips = { "data opcode" },
    onMessage = dropping(function(opcode) return opcode > 2 end) },
  { "data-opcodes-taken", "takes opcodes 3 to 7 for messages", { "4.1.1", "lifecycle.close.14" },
    skips = { "data opcode" } },
  { "control-opcodes-ignored", "ignores opcodes 11 to 15", { "4.2.1", "hostile.header.6" },
    skips = { "control opcode" } },
  { "control-length-unchecked", "takes control frames of more than 125 bytes", { "2.5", "7.3.6" },
    skips = { "control length" } },
  { "control-fin-unchecked", "takes fragmented control frames", { "5.1", "hostile.header.18" },
    skips = { "control fin" } },
  { "continuation-ignored", "ignores a continuation that continues nothing", { "5.9", "hostile.header.21" },
    skips = { "continuation" },
    onMessage = dropping(function(opcode) return opcode == 0 end) },
  { "continuation-taken", "takes a continuation that continues nothing for a text", { "5.9", "hostile.header.21" },
    skips = { "continuation" },
    onMessage = function(self, opcode, payload) Connection.onMessage(self, opcode == 0 and 1 or opcode, payload) end },
  { "interruption-joined", "takes a message inside another one for a fragment", { "5.18", "hostile.header.22" },
    skips = { "interruption" } },
  { "interruption-restarts", "drops a message when another one begins", { "5.18", "hostile.header.22" },
    skips = { "interruption" },
    beginFrame = function(self, h)
      if h.opcode == 1 or h.opcode == 2 then self.message = nil end
      Connection.beginFrame(self, h)
    end },

  { "length-16-not-minimal", "takes two bytes of length for what fits seven bits", { "hostile.length.1" },
    skips = { "minimal 16" } },
  { "length-64-not-minimal", "takes eight bytes of length for what fits two", { "hostile.length.4" },
    skips = { "minimal 64" } },
  { "length-top-bit", "ignores the top bit of a length", { "hostile.length.26" }, skips = { "top bit" },
    decodeLength = function(self, bytes) return Connection.decodeLength(self, bytes) & math.maxinteger end },
  { "length-signed", "reads lengths of two bytes as signed numbers", { "1.1.6", "hostile.length.23" },
    decodeLength = function(_, bytes) return (string.unpack(">i" .. #bytes, bytes)) end },
  { "length-little-endian", "reads lengths of two bytes from the wrong end", { "1.1.3", "10.1.1" },
    decodeLength = function(_, bytes) return (string.unpack(#bytes == 2 and "<I2" or ">i8", bytes)) end },
  { "length-125-long", "sends 125 bytes with two bytes of length", { "1.1.2", "2.4" },
    encodeLength = encodeBelow(125, 65536) },
  { "length-126-short", "sends 126 bytes with one byte of length", { "1.1.3", "lifecycle.order.1" },
    encodeLength = encodeBelow(127, 65536) },
  { "length-65535-long", "sends 65535 bytes with eight bytes of length", { "1.1.6", "hostile.length.24" },
    encodeLength = encodeBelow(126, 65535) },
  { "length-65536-short", "sends 65536 bytes with two bytes of length", { "1.1.7", "9.1.1" },
    encodeLength = encodeBelow(126, 65537) },

  { "mask-by-packet", "begins the key anew with each packet", { "1.1.7", "5.5" },
    unmask = function(_, h, bytes) return wire.mask(bytes, h.key) end },
  { "mask-up-to-4-KiB", "begins the key anew, a byte late, after 4 KiB", { "1.1.6", "7.1.6" },
    unmask = function(self, h, bytes)
      local plain = Connection.unmask(self, h, bytes)
      local first = math.max(4096 - h.at, 0)
      return plain:sub(1, first) .. wire.mask(bytes:sub(first + 1), h.key:sub(2) .. h.key:sub(1, 1))
    end },
  { "mask-of-first-frame", "unmasks all frames with the key of the first", { "hostile.mask.10" },
    beginFrame = function(self, h)
      self.key = self.key or h.key
      h.key = self.key
      Connection.beginFrame(self, h)
    end },
  { "mask-of-zeros-refused", "refuses a key of zeros", { "hostile.mask.10" },
    beginFrame = function(self, h)
      if h.key == "\0\0\0\0" then return self:fail(1002) end
      Connection.beginFrame(self, h)
    end },
  { "masks", "masks its own frames", { "1.1.1", "2.1" },
    encode = function(self, opcode, payload, rsv)
      local bytes = Connection.encode(self, opcode, payload, rsv)
      local head = bytes:sub(1, #bytes - #payload)
      return head:sub(1, 1) .. string.char(head:byte(2) | 0x80) .. head:sub(3) .. "\1\2\3\4"
        .. wire.mask(payload, "\1\2\3\4")
    end },
  { "rsv-sent", "sets RSV3 in its frames", { "1.1.1", "2.1" },
    encode = function(self, opcode, payload, rsv) return Connection.encode(self, opcode, payload, rsv | 1) end },
}
