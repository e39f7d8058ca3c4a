-- Flaws in messages: their bytes, their fragments, their order.

local Connection = require "spec.conformance.flawed.connection"

-- Messages that come back changed.
local function changing(change)
  return function(self, opcode, payload) Connection.onMessage(self, opcode, change(payload)) end
end

-- What comes in one packet is answered together, by `answer(self, list of messages)`.
local function answeringByPacket(answer)
  return {
    onMessage = function(self, opcode, payload)
      self.pending = self.pending or {}
      table.insert(self.pending, { opcode, payload })
    end,
    onRead = function(self, err, bytes)
      Connection.onRead(self, err, bytes)
      local pending = self.pending or {}
      self.pending = nil
      answer(self, pending)
    end,
  }
end

local backwards = answeringByPacket(function(self, messages)
  for i = #messages, 1, -1 do self:sendMessage(table.unpack(messages[i])) end
end)

return {
  { "byte-lost", "loses the last byte of a message of more than 1000", { "1.1.6", "7.1.6" },
    onMessage = changing(function(payload) return #payload > 1000 and payload:sub(1, -2) or payload end) },
  { "byte-lost-between-packets", "loses a byte where a frame comes in two packets", { "1.1.6", "3.4" },
    unmask = function(self, h, bytes)
      local isSecond = h.at > 0
      bytes = Connection.unmask(self, h, bytes)
      return isSecond and bytes:sub(2) or bytes
    end },
  { "bytes-swapped", "swaps the first two bytes of a message", { "3.2", "4.1.3" },
    onMessage = changing(function(payload) return payload:sub(2, 2) .. payload:sub(1, 1) .. payload:sub(3) end) },
  { "cut-at-nul", "ends a message at a NUL", { "6.7.1", "extension.stream.2" },
    onMessage = changing(function(payload) return payload:match("^%Z*") end) },
  { "cut-at-64-KiB", "ends a message after 65535 bytes", { "1.1.7", "7.1.6" },
    onMessage = changing(function(payload) return payload:sub(1, 65535) end) },
  { "binary-as-text", "answers binary messages with text", { "1.2.1", "extension.stream.2" },
    onMessage = function(self, _, payload) Connection.onMessage(self, 1, payload) end },
  { "text-as-binary", "answers texts with binary messages", { "1.1.1", "3.2" },
    onMessage = function(self, _, payload) Connection.onMessage(self, 2, payload) end },
  { "empty-lost", "answers no empty message", { "1.1.1", "6.1.1" },
    onMessage = function(self, opcode, payload)
      if payload ~= "" then Connection.onMessage(self, opcode, payload) end
    end },
  { "twice", "answers each message twice", { "1.1.1", "3.2" },
    onMessage = function(self, opcode, payload)
      Connection.onMessage(self, opcode, payload)
      Connection.onMessage(self, opcode, payload)
    end },
  { "backwards", "answers messages in one packet in the wrong order", { "extension.stream.8", "extension.agreement.1" },
    onMessage = backwards.onMessage, onRead = backwards.onRead },
  { "late", "answers a message when the next one comes", { "1.1.1", "5.3" },
    onMessage = function(self, opcode, payload)
      local last = self.last
      self.last = { opcode, payload }
      if last then Connection.onMessage(self, table.unpack(last)) end
    end },

  { "fragments-apart", "answers each fragment by itself", { "5.3", "6.1.2" },
    endFrame = function(self, h)
      local message = self.message
      self.step = self.readHeader
      self:sendMessage(message.opcode, table.concat(message.parts))
      message.parts = {}
      if h.fin then self.message = nil end
    end },
  { "first-fragment-alone", "answers with a message's first fragment", { "5.3", "6.1.3" },
    onData = function(self, h, bytes) Connection.onData(self, h, h.opcode == 0 and "" or bytes) end },
  { "last-fragment-alone", "answers with a message's last fragment", { "5.3", "6.1.3" },
    onData = function(self, h, bytes) Connection.onData(self, h, h.fin and bytes or "") end },
  { "empty-fragment-ends", "takes an empty fragment for the end of a message", { "6.1.2", "extension.stream.6" },
    endFrame = function(self, h)
      Connection.endFrame(self, h)
      if not h.fin and h.length == 0 then self:endMessage() end
    end },
  { "answers-in-bits", "answers in fragments of which the last is none", { "1.1.1", "5.3" },
    send = function(self, opcode, payload, rsv)
      if opcode > 2 then return Connection.send(self, opcode, payload, rsv) end
      self:write(self:encode(opcode, payload, rsv or 0, true))
    end },
}
