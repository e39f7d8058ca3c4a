-- Flaws in the closing handshake and in what fails a connection.

local Connection = require "spec.conformance.flawed.connection"

-- A range of codes that may be sent though it may not, or the other way round.
local function judging(least, most, verdict)
  return function(self, code)
    if code >= least and code <= most then return verdict end
    return Connection.isCode(self, code)
  end
end

-- Goes on with what has come in the same packet as the close frame.
local function endLater(self)
  self.finish = nil
  self.isOver = true
end

return {
  { "close-unanswered", "answers no close frame", { "1.1.1", "2.1" }, answerClose = function() end },
  { "close-with-1000", "answers each close with 1000", { "lifecycle.close.13", "lifecycle.half.5" },
    answerClose = function(self) self:sendClose("\3\xe8") end },
  { "close-without-code", "answers each close without a code", { "1.1.1", "2.1" }, nonStrict = true,
    answerClose = function(self) self:sendClose("") end },
  { "close-1005-sent", "answers a close without a code with 1005", { "7.3.1", "lifecycle.close.11" },
    answerClose = function(self, payload) self:sendClose(payload == "" and "\3\xed" or payload:sub(1, 2)) end },
  { "close-twice", "sends two close frames", { "1.1.1", "2.1" },
    answerClose = function(self, payload)
      self:sendClose(payload:sub(1, 2))
      self:sendClose(payload:sub(1, 2))
    end },
  { "close-reason-cut", "answers a close with its reason, a byte short", { "1.1.1", "2.1" },
    answerClose = function(self, payload) self:sendClose(payload:sub(1, -2)) end },
  { "close-in-message-ignored", "ignores a close frame inside a fragmented message", { "7.1.5", "lifecycle.close.16" },
    onClose = function(self, payload)
      if not self.message then Connection.onClose(self, payload) end
    end },
  { "close-overtakes", "answers a close before the messages in front of it", { "handshake.behind.1" },
    onMessage = function(self, opcode, payload)
      self.pending = self.pending or {}
      table.insert(self.pending, { opcode, payload })
    end,
    onRead = function(self, err, bytes)
      Connection.onRead(self, err, bytes)
      for _, message in ipairs(not self.hasEnded and self.pending or {}) do
        self:sendMessage(table.unpack(message))
      end
      self.pending = nil
    end },
  { "data-behind-close-answered", "answers what comes behind a close frame", { "7.1.2", "lifecycle.close.17" },
    onClose = function(self, payload)
      self.finish = endLater
      Connection.onClose(self, payload)
    end,
    onRead = function(self, err, bytes)
      Connection.onRead(self, err, bytes)
      if self.isOver and not self.hasEnded then self:finish() end
    end },
  { "tcp-left-open", "leaves TCP open after the close frames", { "1.1.1", "2.1" },
    nonStrict = true, endTcp = function() end },
  { "tcp-reset", "resets TCP after the close frames", { "1.1.1", "2.1" }, nonStrict = true,
    endTcp = function(self)
      if not self.stream:is_closing() then self.stream:close_reset() end
    end },
  { "failure-without-close", "ends TCP without a close frame when it fails", { "2.5", "3.1" },
    nonStrict = true,
    fail = function(self)
      self:finish()
      return false
    end },
  { "failure-with-1000", "fails with 1000", { "2.5", "3.1" }, failureCode = function() return 1000 end },
  { "failure-with-1006", "fails with 1006", { "2.5", "3.1" }, failureCode = function() return 1006 end },
  { "half-closed-left-open", "keeps its half of TCP open when the client has ended its own", { "lifecycle.half.1" },
    onEnd = function(self, err)
      if err then self:close() end
    end },
  { "half-closed-cut-off", "drops what it has to send when the client ends its half", { "lifecycle.half.7" },
    onEnd = function(self)
      self.hasEnded = true
      if not self.stream:is_closing() then self.stream:close_reset() end
    end },

  { "code-0-taken", "takes codes below 1000", { "7.9.1", "hostile.close.1" }, isCode = judging(0, 999, true) },
  { "code-1004-taken", "takes 1004", { "7.9.3", "hostile.close.4" }, isCode = judging(1004, 1004, true) },
  { "code-1005-taken", "takes 1005", { "7.9.4", "hostile.close.5" }, isCode = judging(1005, 1005, true) },
  { "code-1006-taken", "takes 1006", { "7.9.5", "hostile.close.6" }, isCode = judging(1006, 1006, true) },
  { "code-1015-taken", "takes 1015", { "hostile.close.7" }, isCode = judging(1015, 1015, true) },
  { "codes-1016-taken", "takes 1016 to 2999", { "7.9.6", "hostile.close.8" }, isCode = judging(1016, 2999, true) },
  { "codes-5000-taken", "takes codes from 5000 on", { "7.13.1" }, isCode = judging(5000, 65535, true) },
  { "code-1003-refused", "refuses 1003", { "7.7.4", "lifecycle.close.3" }, isCode = judging(1003, 1003, false) },
  { "codes-1012-refused", "refuses 1012 to 1014", { "lifecycle.close.5", "lifecycle.close.6" },
    isCode = judging(1012, 1014, false) },
  { "codes-3000-refused", "refuses 3000 to 3999", { "7.7.10", "lifecycle.close.7" },
    isCode = judging(3000, 3999, false) },
  { "codes-4000-refused", "refuses 4000 to 4999", { "7.7.12", "lifecycle.close.9" },
    isCode = judging(4000, 4999, false) },
  { "close-body-of-one-byte", "takes a close frame with one byte", { "7.3.2", "hostile.close.15" },
    skips = { "one byte" } },
  { "close-reason-unchecked", "takes reasons that are no UTF-8", { "7.5.1", "hostile.close.18" },
    skips = { "reason" } },
}
