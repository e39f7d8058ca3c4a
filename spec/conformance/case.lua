-- A case that runs: `t` in cases. Its verdicts, what goes out and what comes in on its connection. What is judged is
-- judge.lua's affair, how the connection comes about that of its role (to_server.lua, to_client.lua).
--
-- Case.new(case, target, role) -> t, with the fields case, target, role, and later c (a connection in the words of
--     spec/support/client.lua) and deflate (its state, deflate.lua)
--
-- t:fail(...), t:skip(...)    end it, by an error whose value is a verdict: { outcome =, note = }
-- t:nonStrict(...)            it goes on, but is no longer passed
-- t:connect(), t:open()       a connection; with the usual handshake. They return it, which is t.c then
-- t:write(bytes [, chop]), t:send(frames [, chop])
-- t:halfClose(), t:reset()    when the kernel has what was sent
-- t:have(n [, patience])      waits until there are n bytes; false where the connection ends, or nothing comes
-- t:nextEvent([patience])     the next message, pong or close frame, checked by itself; or { ended = why },
--                             { silent = true }. Pings are answered
-- t:readToClose([patience])   all events up to the close frame or the end; the events, and what came last
-- t:awaitEnd([patience])      behind the close frame: how TCP ends, without a byte before; nil: it doesn't

local utf8 = require "utf8"
local uv = require "luv"
local async = require "spec.support.async"
local frame = require "spec.conformance.frame"

local Case = { PATIENCE = 30 } -- seconds until what must come has come
Case.__index = Case

local SLOW_MAX = 2048 -- bytes of one write, byte by byte
local LENGTH_MAX = 1 << 28
local EVENTS_MAX = 1000

function Case.new(case, target, role)
  return setmetatable({ case = case, target = target, role = role }, Case)
end

-- Verdicts

local function stop(outcome, format, ...)
  error({ outcome = outcome, note = format:format(...) }, 0)
end

function Case:fail(...) stop("failed", ...) end
function Case:skip(...) stop("skipped", ...) end

function Case:nonStrict(format, ...)
  self.note = self.note or format:format(...)
end

-- Connections

function Case:connect()
  self.role.connect(self)
  return self.c
end

function Case:open()
  self.role.open(self)
  return self.c
end

function Case:halfClose()
  self.c:flush(Case.PATIENCE)
  self.c:halfClose()
end

function Case:reset()
  self.c:flush(Case.PATIENCE)
  self.c:reset()
end

-- Out

-- `bytes` in packets of `chop`. What they no longer take they have no need of.
local function writeChopped(self, bytes, chop)
  for at = 1, #bytes, chop do
    if self.c.ended then return end
    async.await(function(done)
      if not self.c.stream:write(bytes:sub(at, at + chop - 1), done) then done() end
    end, Case.PATIENCE, "the peer to take " .. chop .. " bytes")
  end
end

local function writeParts(self, parts, chop)
  local bytes = table.concat(parts)
  if self.target.slowly then
    if #bytes > SLOW_MAX then self:skip("too long to go byte by byte") end
    writeChopped(self, bytes, 1)
  elseif chop == "frames" then
    for _, part in ipairs(parts) do writeChopped(self, part, #part) end
  elseif chop then
    writeChopped(self, bytes, chop)
  else
    self.c:write(bytes)
  end
end

function Case:write(bytes, chop)
  writeParts(self, { bytes }, chop)
end

-- Masked as the role must, or as it mustn't.
local function dress(self, f)
  local copy = {}
  for name, value in pairs(f) do copy[name] = value end
  if f.mask == frame.WRONG then
    copy.mask = not self.role.MASKS and frame.MASK
  elseif f.mask == nil then
    copy.mask = self.role.MASKS and frame.MASK
  end
  return copy
end

-- Raw bytes, a part of a frame, a frame.
local function encode(self, f)
  if type(f) == "string" then return f end
  if f.part then return frame.bytes(dress(self, f.part)):sub(f.first, f.last) end
  return self.deflate:encode(dress(self, f))
end

function Case:send(frames, chop)
  local parts = {}
  for i, f in ipairs(frames) do parts[i] = encode(self, f) end
  writeParts(self, parts, chop)
end

-- In

function Case:shorten(patience)
  return math.min(patience, self.target.patience or patience)
end

function Case:have(n, patience)
  local c = self.c
  patience = self:shorten(patience or Case.PATIENCE)
  local ok, err = pcall(function()
    while c.size < n and not c.ended do
      async.await(function(done) c.waiting = done end, patience)
    end
  end)
  if not ok then
    c.waiting = nil
    if type(err) ~= "string" or not err:find("timed out", 1, true) then error(err, 0) end
  end
  return c.size >= n
end

local function nothingMore(self)
  local c = self.c
  if not c.ended then return { silent = true } end
  if c.size > 0 then self:fail("the connection ended (%s) in the middle of a frame", c.ended) end
  return { ended = c.ended }
end

local function payloadLength(self, code)
  if code < 126 then return code end
  local size = code == 126 and 2 or 8
  if not self:have(size) then return nil end
  local length = string.unpack(">I" .. size, self.c:read(size))
  if length < (size == 2 and 126 or 65536) then self:fail("a frame's length isn't in its shortest form") end
  if length > LENGTH_MAX then self:fail("a frame announces %d bytes", length) end
  return length
end

-- The next frame, checked by itself; or { ended = }, { silent = true }.
local function readFrame(self, patience)
  if not self:have(2, patience) then return nothingMore(self) end
  local first, second = self.c:read(2):byte(1, 2)
  local f = { fin = first & 0x80 ~= 0, rsv = first >> 4 & 7, opcode = first & 0x0f }
  self.role.checkMask(self, second & 0x80 ~= 0)
  local length = payloadLength(self, second & 0x7f)
  local keySize = second & 0x80 ~= 0 and 4 or 0
  if not length or not self:have(keySize + length) then return nothingMore(self) end
  f.payload = self.role.unmask(self, self.c:read(keySize), self.c:read(length))
  if f.opcode >= 8 and (not f.fin or length > 125 or f.rsv ~= 0) then
    self:fail("a malformed control frame: %s", frame.describe(f))
  end
  return f
end

-- Adds a data frame to the message in progress; the message when it is whole.
local function assemble(self, f)
  local message = self.partial
  if (message ~= nil) ~= (f.opcode == frame.CONTINUATION) then
    self:fail("a %s frame %s a message", frame.describe(f), message and "within" or "outside")
  end
  if not message then
    message = { opcode = f.opcode, parts = {}, isCompressed = f.rsv == 4 }
    self.partial = message
  end
  local mayHave = self.deflate.agreed and #message.parts == 0 and 4 or 0
  if f.rsv & ~mayHave ~= 0 then self:fail("reserved bits %d in a %s", f.rsv, frame.describe(f)) end
  message.parts[#message.parts + 1] = f.payload
  if not f.fin then return nil end
  self.partial = nil
  local payload = table.concat(message.parts)
  if message.isCompressed then
    local wrong
    payload, wrong = self.deflate:inflate(payload)
    if wrong then self:fail("a message that doesn't inflate: %s", wrong) end
  end
  if message.opcode == frame.TEXT and not utf8.len(payload) then self:fail("a text that is no UTF-8") end
  return { opcode = message.opcode, payload = payload }
end

-- (Who keeps pinging hasn't got longer for that.)
function Case:nextEvent(patience)
  local ends = uv.hrtime() + async.seconds(self:shorten(patience or Case.PATIENCE)) * 1e9
  while true do
    local left = math.max(0, ends - uv.hrtime()) / 1e9 / async.seconds(1)
    local f = readFrame(self, left)
    if not f.opcode or f.opcode == frame.PONG or f.opcode == frame.CLOSE then return f end
    if f.opcode == frame.PING then
      self.c:sendFrame(frame.pong(f.payload))
    elseif f.opcode > frame.BINARY then
      self:fail("a frame with a reserved opcode: %s", frame.describe(f))
    else
      local message = assemble(self, f)
      if message then return message end
    end
  end
end

function Case:readToClose(patience)
  local events = {}
  while true do
    local event = self:nextEvent(patience)
    if not event.opcode or event.opcode == frame.CLOSE then return events, event end
    events[#events + 1] = event
    if #events > EVENTS_MAX then self:fail("more than %d messages, and no close frame", EVENTS_MAX) end
  end
end

function Case:awaitEnd(patience)
  local c = self.c
  if self:have(1, patience) then self:fail("%d bytes came behind the close frame", c.size) end
  return c.ended
end

return Case
