-- A WebSocket connection of the server (and, in client.lua, the client) that the suite finds fault with: this one is
-- without a flaw. It shares nothing with src/ws. It is cut into small methods and named checks, so that a flaw
-- (flaws/*.lua) is a change of one of them.
--
-- Connection.new(stream) -> self, which reads from the stream until that ends
-- Connection.subclass(methods [, skips [, parent]]) -> a class; `skips`: the names of the checks that it leaves out

local wire = require "probe".wire
local handshake = require "spec.conformance.flawed.handshake"
local deflate = require "spec.conformance.flawed.deflate"
local text = require "spec.conformance.flawed.text"

local Connection = { skips = {}, IS_MASKED = true } -- what comes
Connection.__index = Connection

local CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
local MESSAGE_MAX = 1 << 26 -- bytes of a message
local CONTROL_MAX = 125

-- Reading: `input` holds what has come and isn't used up; `step` uses up what it can of it, and returns whether to go
-- on.

function Connection.subclass(methods, skips, parent)
  local class = setmetatable({ skips = {} }, parent or Connection)
  for name, method in pairs(methods) do class[name] = method end
  for _, name in ipairs(skips or {}) do class.skips[name] = true end
  class.__index = class
  return class
end

function Connection.new(stream)
  local self = setmetatable({ stream = stream, input = "" }, Connection)
  stream:read_start(function(err, bytes) self:onRead(err, bytes) end)
  return self
end

function Connection:onRead(err, bytes)
  if not bytes then return self:onEnd(err) end
  if self.hasEnded then return end
  self.input = self.input .. bytes
  while not self.hasEnded and self:step() do end
end

-- The peer has ended its half, or all (`err`).
function Connection:onEnd(err)
  self.hasEnded, self.isHalf = true, true
  if err or self.isShut then return self:close() end
  self:endTcp()
end

function Connection:close()
  if not self.stream:is_closing() then self.stream:close() end
end

function Connection:write(bytes)
  if not self.stream:is_closing() then self.stream:write(bytes) end
end

function Connection:take(n)
  local bytes = self.input:sub(1, n)
  self.input = self.input:sub(n + 1)
  return bytes
end

-- The first of the checks that isn't passed, and isn't skipped: what it returns.
function Connection:check(checks, ...)
  for _, check in ipairs(checks) do
    local wrong = not self.skips[check[1]] and check[2](self, ...)
    if wrong then return wrong end
  end
  return nil
end

-- The opening handshake

function Connection:readHead()
  local head, rest = handshake.split(self.input)
  if head == nil then return false end
  self.input = rest
  local request, wrong = handshake.parse(head)
  wrong = wrong or self:checkRequest(request)
  if wrong then
    self:write(handshake.refusal(wrong, head))
    self:finish()
    return false
  end
  self.deflate, self.agreed = self:negotiate(request.headers["sec-websocket-extensions"])
  self:write(self:answer(request))
  self.step = self.readHeader
  return true
end

function Connection:checkRequest(request)
  return self:check(handshake.CHECKS, request)
end

-- The connection's state, the answer's header; nil: nothing is agreed.
function Connection:negotiate(offers)
  local agreed, answer = deflate.negotiate(offers)
  return agreed and self:newDeflate(agreed), answer
end

function Connection:newDeflate(agreed)
  return deflate.new(agreed)
end

function Connection:answer(request)
  return handshake.answer(request.headers["sec-websocket-key"] or "", self.agreed)
end

-- Headers of frames

local function isControl(h)
  return h.opcode >= CLOSE
end

-- By what the first two bytes tell. Each returns a close code where it finds fault.
local HEADER_CHECKS = {
  { "mask", function(self, h) return h.isMasked ~= self.IS_MASKED and 1002 end },
  { "rsv1", function(self, h) return h.rsv & 4 ~= 0 and not self.deflate and 1002 end },
  { "rsv1 of control", function(_, h) return h.rsv & 4 ~= 0 and isControl(h) and 1002 end },
  { "rsv1 of continuation", function(_, h) return h.rsv & 4 ~= 0 and h.opcode == CONTINUATION and 1002 end },
  { "rsv2", function(_, h) return h.rsv & 2 ~= 0 and 1002 end },
  { "rsv3", function(_, h) return h.rsv & 1 ~= 0 and 1002 end },
  { "data opcode", function(_, h) return h.opcode > BINARY and h.opcode < CLOSE and 1002 end },
  { "control opcode", function(_, h) return h.opcode > PONG and 1002 end },
  { "control fin", function(_, h) return isControl(h) and not h.fin and 1002 end },
  { "control length", function(_, h) return isControl(h) and h.code > CONTROL_MAX and 1002 end },
  { "continuation", function(self, h) return h.opcode == CONTINUATION and not self.message and 1002 end },
  { "interruption", function(self, h)
    return (h.opcode == TEXT or h.opcode == BINARY) and self.message and 1002
  end },
}

local LENGTH_CHECKS = {
  { "top bit", function(_, h) return h.length < 0 and 1002 end },
  { "minimal 16", function(_, h) return h.code == 126 and h.length < 126 and 1002 end },
  { "minimal 64", function(_, h) return h.code == 127 and h.length >= 0 and h.length < 65536 and 1002 end },
  { "size", function(self, h) return h.length > MESSAGE_MAX - (self.message and self.message.size or 0) and 1009 end },
}

function Connection:readHeader()
  if #self.input < 2 then return false end
  local first, second = self.input:byte(1, 2)
  local h = {
    fin = first & 0x80 ~= 0, rsv = first >> 4 & 7, opcode = first & 15,
    isMasked = second & 0x80 ~= 0, code = second & 0x7f,
  }
  local wrong = self:check(HEADER_CHECKS, h)
  if wrong then return self:fail(wrong) end
  local size = h.code < 126 and 0 or h.code == 126 and 2 or 8
  if not self:readLength(h, size) then return false end
  wrong = self:check(LENGTH_CHECKS, h)
  if wrong then return self:fail(wrong) end
  local whole = 2 + size + (h.isMasked and 4 or 0)
  if #self.input < whole then return false end
  h.key = h.isMasked and self.input:sub(whole - 3, whole) or "\0\0\0\0"
  self:take(whole)
  self:beginFrame(h)
  return true
end

-- Whether there is a length to be judged: one of 8 bytes is wrong as soon as its first one, or zeros enough, have come.
function Connection:readLength(h, size)
  local bytes = self.input:sub(3, 2 + size)
  h.length = size == 0 and h.code or nil
  if size > 0 and #bytes == size then h.length = self:decodeLength(bytes) end
  if size == 8 and #bytes > 0 and #bytes < 8 then
    if bytes:byte() >= 0x80 then h.length = -1 end
    if bytes:find("^%z%z%z%z%z%z") then h.length = 0 end
  end
  return h.length ~= nil
end

function Connection:decodeLength(bytes)
  return (string.unpack(#bytes == 2 and ">I2" or ">i8", bytes))
end

-- Payloads

function Connection:beginFrame(h)
  self.frame, h.left, h.at = h, h.length, 0
  if not isControl(h) then
    self.message = self.message or self:newMessage(h)
    self.message.size = self.message.size + h.length
  end
  self.step = self.readPayload
end

function Connection:newMessage(h)
  return { opcode = h.opcode, isCompressed = self.deflate and h.rsv & 4 ~= 0, parts = {}, size = 0, check = text.new() }
end

-- The next bytes of the frame, as they were before they were masked.
function Connection:unmask(h, bytes)
  local turn = h.at % 4
  return wire.mask(bytes, h.key:sub(turn + 1) .. h.key:sub(1, turn))
end

function Connection:readPayload()
  local h = self.frame
  if isControl(h) and #self.input < h.left or h.left > 0 and self.input == "" then return false end
  local bytes = self:take(h.left)
  h.left = h.left - #bytes
  bytes = self:unmask(h, bytes)
  h.at = h.at + #bytes
  if isControl(h) then
    self.step = self.readHeader
    self:onControl(h, bytes)
  else
    self:onData(h, bytes)
  end
  return true
end

function Connection:onData(h, bytes)
  local message = self.message
  if message.isCompressed then
    local wrong
    bytes, wrong = self:inflate(bytes, h.fin and h.left == 0)
    if wrong then return self:fail(1007) end
  end
  if message.opcode == TEXT and not self:checkText(message, bytes) then return self:fail(1007) end
  message.parts[#message.parts + 1] = bytes
  if h.left == 0 then self:endFrame(h) end
end

function Connection:inflate(bytes, isLast)
  return self.deflate:inflate(bytes, isLast)
end

function Connection:checkText(message, bytes)
  return message.check:feed(bytes)
end

function Connection:endFrame(h)
  self.step = self.readHeader
  if h.fin then self:endMessage() end
end

function Connection:endMessage()
  local message = self.message
  self.message = nil
  if message.opcode == TEXT and not self:isTextComplete(message) then return self:fail(1007) end
  self:onMessage(message.opcode, table.concat(message.parts), message)
end

function Connection:isTextComplete(message)
  return message.check:isComplete()
end

function Connection:onMessage(opcode, payload)
  self:sendMessage(opcode, payload)
end

function Connection:onControl(h, payload)
  if h.opcode == PING then
    self:onPing(payload)
  elseif h.opcode == CLOSE then
    self:onClose(payload)
  elseif h.opcode == PONG then
    self:onPong(payload)
  end
end

function Connection:onPing(payload)
  self:send(PONG, payload)
end

function Connection:onPong()
end

-- Closing

local CLOSE_CHECKS = {
  { "one byte", function(_, payload) return #payload == 1 and 1002 end },
  { "codes", function(self, payload)
    return #payload > 1 and not self:isCode(string.unpack(">I2", payload)) and 1002
  end },
  { "reason", function(_, payload)
    local check = text.new()
    return not (check:feed(payload:sub(3)) and check:isComplete()) and 1007
  end },
}

function Connection:isCode(code)
  return code >= 1000 and code <= 1003 or code >= 1007 and code <= 1014 or code >= 3000 and code <= 4999
end

function Connection:onClose(payload)
  local wrong = self:check(CLOSE_CHECKS, payload)
  if wrong then return self:fail(wrong) end
  self:answerClose(payload)
  self:finish()
end

function Connection:answerClose(payload)
  self:sendClose(payload:sub(1, 2))
end

function Connection:sendClose(payload)
  self:send(CLOSE, payload)
end

function Connection:failureCode(code)
  return code
end

function Connection:fail(code)
  self:sendClose(string.pack(">I2", self:failureCode(code)))
  self:finish()
  return false
end

-- What comes from here on is read, so that TCP need not reset, and ignored.
function Connection:finish()
  self.hasEnded = true
  self:endTcp()
end

-- FIN, behind all that has been written.
function Connection:endTcp()
  if self.isShutting or self.stream:is_closing() then return end
  self.isShutting = true
  self.stream:shutdown(function()
    self.isShut = true
    if self.isHalf then self:close() end
  end)
end

-- Writing

function Connection:sendMessage(opcode, payload)
  if not self.deflate then return self:send(opcode, payload) end
  self:send(opcode, self:deflateMessage(payload), 4)
end

function Connection:deflateMessage(payload)
  return self.deflate:deflate(payload)
end

function Connection:send(opcode, payload, rsv)
  self:write(self:encode(opcode, payload, rsv or 0))
end

function Connection:encode(opcode, payload, rsv, isFragment)
  local first = opcode | rsv << 4 | (isFragment and 0 or 0x80)
  return string.char(first) .. self:encodeLength(#payload) .. payload
end

function Connection:encodeLength(length)
  if length < 126 then return string.char(length) end
  if length < 65536 then return string.pack(">BI2", 126, length) end
  return string.pack(">BI8", 127, length)
end

return Connection
