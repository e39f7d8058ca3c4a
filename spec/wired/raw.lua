-- A client over a real socket that can be as rude as the fake one of testing.connection, with the
-- same methods. It runs in `luaws test`; a method returns at once, and what comes is on its `frames`.

local luaws = require "luaws"
local uv = require "luv"

local Raw = {}
Raw.__index = Raw

local KEY = "dGhlIHNhbXBsZSBub25jZQ=="
local MASK = { 0x37, 0xfa, 0x21, 0x3d }
local OPCODES = { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 }
local NAMES = { [8] = "close", [9] = "ping", [10] = "pong" }
local PORTION = 4096

local function mask(data)
  local parts = {}
  for at = 1, #data, PORTION do
    local bytes = { data:byte(at, at + PORTION - 1) }
    for i = 1, #bytes do bytes[i] = bytes[i] ~ MASK[(at + i - 2) % 4 + 1] end
    parts[#parts + 1] = string.char(table.unpack(bytes))
  end
  return table.concat(parts)
end

local function headOf(first, length, isMasked)
  local bit = isMasked and 0x80 or 0
  if length < 126 then return string.char(first, bit | length) end
  if length < 65536 then return string.pack(">BBI2", first, bit | 126, length) end
  return string.pack(">BBI8", first, bit | 127, length)
end

function Raw:deliverBytes(bytes)
  if not self.ended then self.stream:write(bytes) end
end

function Raw:deliverFrame(frame)
  local opcode = OPCODES[frame.opcode] or frame.opcode
  local data = frame.data or ""
  local first = (frame.fin == false and 0 or 0x80) | (frame.rsv or 0) << 4 | opcode
  if frame.masked == false then
    self:deliverBytes(headOf(first, #data, false) .. data)
  else
    self:deliverBytes(headOf(first, #data, true) .. string.char(table.unpack(MASK)) .. mask(data))
  end
end

function Raw:deliver(message, isBinary)
  if type(message) ~= "string" then message = luaws.json.encode(message) end
  self:deliverFrame { opcode = isBinary and "binary" or "text", data = message }
end

function Raw:ping(data)
  self:deliverFrame { opcode = "ping", data = data }
end

function Raw:close(code, reason)
  if self.closeSent then return end
  self.closeSent = true
  local data = code and string.pack(">I2", code) .. (reason or "") or ""
  self:deliverFrame { opcode = "close", data = data }
end

function Raw:lose()
  self.ended = true
  if not self.stream:is_closing() then self.stream:close_reset() end
end

function Raw:fill()
  self.stream:read_stop()
end

function Raw:silence()
  self.isSilent = true
end

local function keep(self, frame)
  self.frames[#self.frames + 1] = frame
end

local function takeMessage(self, opcode, fin, data)
  if opcode ~= 0 then self.kind, self.parts = opcode, {} end
  table.insert(self.parts, data)
  if fin then
    keep(self, { type = "message", isBinary = self.kind == 2, data = table.concat(self.parts) })
  end
end

local function takeFrame(self, opcode, fin, data)
  if opcode < 8 then
    takeMessage(self, opcode, fin, data)
  elseif opcode ~= 8 then
    keep(self, { type = NAMES[opcode], data = data })
    if opcode == 9 and not self.isSilent then self:deliverFrame { opcode = "pong", data = data } end
  else
    local code = #data >= 2 and string.unpack(">I2", data) or 1005
    keep(self, { type = "close", code = code, reason = #data > 2 and data:sub(3) or nil })
    if not self.isSilent then self:close(code ~= 1005 and code or nil) end
  end
end

-- The next frame's opcode, fin, payload and what follows it; nil: it isn't whole yet.
local function cut(bytes)
  if #bytes < 2 then return nil end
  local first, length, at = bytes:byte(1), bytes:byte(2), 3
  if length == 126 then
    if #bytes < 4 then return nil end
    length, at = string.unpack(">I2", bytes, 3)
  elseif length == 127 then
    if #bytes < 10 then return nil end
    length, at = string.unpack(">I8", bytes, 3)
  end
  if #bytes < at + length - 1 then return nil, at + length - 1 end
  return first & 15, first & 0x80 ~= 0, bytes:sub(at, at + length - 1), bytes:sub(at + length)
end

local function takeFrames(self)
  if self.size < (self.needed or 0) then return end
  local bytes = table.concat(self.chunks)
  while true do
    local opcode, fin, data, rest = cut(bytes)
    if not opcode then
      self.needed = fin
      break
    end
    bytes = rest
    takeFrame(self, opcode, fin, data)
  end
  self.chunks, self.size = { bytes }, #bytes
end

local function takeAnswer(self)
  local bytes = table.concat(self.chunks)
  local head, rest = bytes:match "^(.-)\r\n\r\n(.*)$"
  if not head then return end
  local status = tonumber(head:match "^HTTP/1.1 (%d+)")
  local headers = {}
  for name, value in head:gmatch "\r\n([^:]+): ([^\r\n]*)" do headers[name:lower()] = value end
  local length = status ~= 101 and tonumber(headers["content-length"]) or 0
  if #rest < length then return end
  self.answer = { status = status, headers = headers, body = rest:sub(1, length) }
  self.protocol = headers["sec-websocket-protocol"]
  self.chunks, self.size = { rest }, #rest
  if status == 101 then takeFrames(self) end
end

local function onRead(self, err, bytes)
  if not bytes then
    self.ended = true
    self.failure = err
    if not self.stream:is_closing() then self.stream:close() end
    return
  end
  table.insert(self.chunks, bytes)
  self.size = self.size + #bytes
  if self.answer then takeFrames(self) else takeAnswer(self) end
end

function Raw:drain()
  self.stream:read_start(function(err, bytes) onRead(self, err, bytes) end)
end

local function requestOf(request)
  local lines = {
    ("GET %s HTTP/1.1"):format(request.url or "/"), "Host: localhost", "Upgrade: websocket",
    "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " .. KEY,
  }
  if request.protocols then
    lines[#lines + 1] = "Sec-WebSocket-Protocol: " .. table.concat(request.protocols, ", ")
  end
  for name, value in pairs(request.headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- Connects to 127.0.0.1 and asks for an upgrade.
return function(port, request)
  local self = setmetatable({
    stream = uv.new_tcp(), frames = {}, chunks = {}, size = 0,
  }, Raw)
  local err = luaws.await(function(done) self.stream:connect("127.0.0.1", port, done) end)
  assert(not err, err)
  self:drain()
  self:deliverBytes(requestOf(request))
  return self
end
