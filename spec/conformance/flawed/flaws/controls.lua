-- Flaws in pings and pongs.

local Connection = require "spec.conformance.flawed.connection"
local PONG = 10

local function answering(change)
  return function(self, payload) Connection.onPing(self, change(payload)) end
end

return {
  { "pong-missing", "answers no ping", { "2.1", "5.6" }, onPing = function() end },
  { "pong-empty", "answers pings without their payload", { "2.2", "5.6" },
    onPing = answering(function() return "" end) },
  { "pong-wrong", "answers pings with their payload backwards", { "2.2", "5.6" },
    onPing = answering(string.reverse) },
  { "pong-cut", "answers pings with at most 124 bytes", { "2.4" },
    onPing = answering(function(payload) return payload:sub(1, 124) end) },
  { "pong-cut-at-nul", "ends a pong at a NUL", { "2.3" },
    onPing = answering(function(payload) return payload:match("^%Z*") end) },
  { "pong-twice", "answers pings twice", { "2.1", "5.6" },
    onPing = function(self, payload)
      self:send(PONG, payload)
      self:send(PONG, payload)
    end },
  { "pongs-backwards", "answers pings in one packet in the wrong order", { "2.10", "5.6" },
    onPing = function(self, payload)
      self.pings = self.pings or {}
      table.insert(self.pings, 1, payload)
    end,
    onRead = function(self, err, bytes)
      Connection.onRead(self, err, bytes)
      for _, payload in ipairs(self.pings or {}) do self:send(PONG, payload) end
      self.pings = nil
    end },
  { "pong-as-text", "answers pings with texts", { "2.1", "5.6" },
    onPing = function(self, payload) self:send(1, payload) end },
  { "ping-for-ping", "answers pings with pings", { "2.1", "5.6" },
    onPing = function(self, payload) self:send(9, payload) end },
  { "pong-answered", "answers pongs", { "2.7", "lifecycle.order.1" },
    onPong = function(self, payload) self:send(PONG, payload) end },
  { "pong-refused", "fails the connection at a pong that it hasn't asked for", { "2.7", "lifecycle.order.1" },
    onPong = function(self) self:fail(1002) end },
  { "ping-in-message-lost", "answers no ping inside a fragmented message", { "5.6", "6.4.1" },
    onPing = function(self, payload)
      if not self.message then Connection.onPing(self, payload) end
    end },
  { "ping-in-message-mixed-in", "takes a ping inside a fragmented message for a fragment",
    { "5.6", "extension.stream.7" },
    onPing = function(self, payload)
      if self.message then table.insert(self.message.parts, payload) end
      Connection.onPing(self, payload)
    end },
  { "ping-in-message-ends-it", "forgets a fragmented message when a ping comes", { "5.6", "extension.stream.7" },
    onPing = function(self, payload)
      if self.message then self.message.parts = {} end
      Connection.onPing(self, payload)
    end },
  { "pong-behind-message", "answers a ping inside a fragmented message behind it", { "5.6", "6.4.1" },
    onPing = function(self, payload)
      if not self.message then return Connection.onPing(self, payload) end
      self.waiting = payload
    end,
    onMessage = function(self, opcode, payload)
      Connection.onMessage(self, opcode, payload)
      if self.waiting then self:send(PONG, self.waiting) end
      self.waiting = nil
    end },
}
