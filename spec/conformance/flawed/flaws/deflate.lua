-- Flaws in permessage-deflate.

local zlib = require "probe".zlib
local Connection = require "spec.conformance.flawed.connection"
local deflate = require "spec.conformance.flawed.deflate"

-- As agreed, but for what `changes` say.
local function with(changes)
  return function(_, agreed)
    local copy = {}
    for name, value in pairs(agreed) do copy[name] = value end
    for name, value in pairs(changes) do copy[name] = value end
    return deflate.new(copy)
  end
end

local function withInflater(inflate)
  return function(_, agreed)
    local state = deflate.new(agreed)
    state.inflate = inflate
    return state
  end
end

local function inflateOneStream(self, bytes, isLast)
  local out, state = self.inflater:inflate(isLast and bytes .. "\0\0\255\255" or bytes)
  if state ~= "more" and state ~= "end" then return nil, state end
  return out
end

local function withSmallInflater(_, agreed)
  local state = deflate.new(agreed)
  state.inflater = zlib.inflater({ bits = 9 })
  return state
end

-- Agrees to an offer as `change` makes it.
local function negotiating(change)
  return function(self, offers)
    return Connection.negotiate(self, offers and change(offers))
  end
end

return {
  { "tail-left-on", "leaves the last four bytes on its messages", { "extension.stream.1" },
    deflateMessage = function(self, payload) return Connection.deflateMessage(self, payload) .. "\0\0\255\255" end },
  { "rsv1-missing", "sends compressed messages without RSV1", { "extension.stream.1" },
    sendMessage = function(self, opcode, payload)
      self:send(opcode, self.deflate and self:deflateMessage(payload) or payload)
    end },
  { "rsv1-for-nothing", "sets RSV1 in messages that aren't compressed", { "extension.stream.1" },
    deflateMessage = function(_, payload) return payload end },
  { "pongs-compressed", "compresses pongs", { "extension.stream.7" },
    onPing = function(self, payload)
      if not self.deflate then return Connection.onPing(self, payload) end
      self:send(10, self:deflateMessage(payload), 4)
    end },
  { "context-kept", "keeps the context though server_no_context_takeover is agreed", { "extension.agreement.1" },
    newDeflate = with({ server_no_context_takeover = false }) },
  { "context-dropped", "drops the client's context though it may be taken over",
    { "extension.stream.3", "extension.agreement.1" },
    newDeflate = with({ client_no_context_takeover = true }) },
  { "window-too-large", "uses the largest window whatever is agreed", { "extension.agreement.3" },
    newDeflate = with({ server_max_window_bits = 15 }) },
  { "empty-without-block", "compresses an empty message to nothing", { "extension.stream.8" },
    deflateMessage = function(self, payload)
      return payload == "" and "" or Connection.deflateMessage(self, payload)
    end },
  { "empty-compressed-lost", "drops what is compressed and empty", { "extension.stream.8" },
    sendMessage = function(self, opcode, payload)
      if payload ~= "" or not self.deflate then Connection.sendMessage(self, opcode, payload) end
    end },
  { "corrupt-swallowed", "takes what it could inflate of a corrupt message", { "extension.misuse.10" },
    inflate = function(self, bytes, isLast) return Connection.inflate(self, bytes, isLast) or "" end },
  { "inflated-text-unchecked", "takes any bytes for text when they were compressed", { "extension.misuse.13" },
    checkText = function(self, message, bytes)
      return message.isCompressed or Connection.checkText(self, message, bytes)
    end,
    isTextComplete = function(self, message)
      return message.isCompressed or Connection.isTextComplete(self, message)
    end },
  { "final-block-ends-all", "inflates nothing behind a final block", { "extension.stream.15" },
    newDeflate = withInflater(inflateOneStream) },
  { "inflater-small", "inflates with a window of 512 bytes", { "extension.agreement.1" },
    newDeflate = withSmallInflater },
  { "fragments-inflated-apart", "inflates each fragment as a message of its own", { "extension.stream.5" },
    inflate = function(self, bytes) return Connection.inflate(self, bytes, self.frame.left == 0) end },
  { "plain-inflated", "inflates messages without RSV1", { "extension.stream.4" },
    newMessage = function(self, h)
      local message = Connection.newMessage(self, h)
      message.isCompressed = self.deflate ~= nil
      return message
    end },
  { "rsv1-of-control-taken", "ignores RSV1 in control frames", { "extension.misuse.3" },
    skips = { "rsv1 of control" } },
  { "rsv1-of-continuation-taken", "ignores RSV1 in continuations", { "extension.misuse.1" },
    skips = { "rsv1 of continuation" } },
  { "parameter-ignored", "agrees to offers with parameters that it doesn't know", { "extension.offer.1" },
    negotiate = negotiating(function(offers) return (offers:gsub("; server_max_windowbits=15", "")) end) },
  { "parameter-twice-taken", "agrees to offers with a parameter twice", { "extension.offer.2" },
    negotiate = negotiating(function(offers) return (offers:gsub("(; [%w_]+)%1", "%1")) end) },
  { "values-unchecked", "agrees to offers with values that make no sense", { "extension.offer.3" },
    negotiate = negotiating(function(offers) return (offers:gsub("=[^,;]*", "")) end) },
  { "window-unanswered", "doesn't answer server_max_window_bits", { "extension.agreement.3", "extension.offer.18" },
    negotiate = function(self, offers)
      local state, answer = Connection.negotiate(self, offers)
      return state, answer and answer:gsub("; server_max_window_bits=%d+", "") .. ""
    end },
  { "takeover-unanswered", "doesn't answer server_no_context_takeover", { "extension.agreement.1" },
    negotiate = function(self, offers)
      local state, answer = Connection.negotiate(self, offers)
      return state, answer and answer:gsub("; server_no_context_takeover", "") .. ""
    end },
  { "client-window-unasked", "answers with client_max_window_bits, which nobody has offered",
    { "extension.stream.1" },
    negotiate = function(self, offers)
      local state, answer = Connection.negotiate(self, offers)
      return state, answer and answer .. "; client_max_window_bits=10"
    end },
}
