-- Runs one case (README.md) on a connection of its own, and judges it. What ends a case early is an error whose
-- value is a verdict: { outcome =, note = }.
--
-- judge.run(case, target) -> { outcome = "passed" | "non-strict" | "failed" | "skipped", note = a sentence or nil }
--
-- target: { port =, host = "127.0.0.1", path = "/", patience = seconds after which nothing more is awaited, where that
--     is less than usual }, and what may be true: slowly, compressed, full, brief, isLuaws

local utf8 = require "utf8"
local async = require "spec.support.async"
local client = require "spec.support.client"
local frame = require "spec.conformance.frame"
local wire = require "spec.conformance.request"
local deflate = require "spec.conformance.deflate"

local judge = {}

local PATIENCE = 30  -- seconds until what must come has come
local SOON = 5       -- until what should come at once has come: then the case goes on, and is non-strict at best
local GRACE = 0.25   -- for TCP to end without an answer to their close frame
local SLOW_MAX = 2048 -- bytes of one write, byte by byte
local LENGTH_MAX = 1 << 28

-- Verdicts

local Case = {} -- a case that runs: `t` in cases
Case.__index = Case

local function stop(outcome, format, ...)
  error({ outcome = outcome, note = format:format(...) }, 0)
end

function Case:fail(...) stop("failed", ...) end
function Case:skip(...) stop("skipped", ...) end

-- Not the end: what follows may still fail.
function Case:nonStrict(format, ...)
  self.note = self.note or format:format(...)
end

-- Out

-- `bytes` in packets of `chop`. What they no longer take they have no need of.
local function writeChopped(self, bytes, chop)
  for at = 1, #bytes, chop do
    if self.c.ended then return end
    async.await(function(done)
      self.c.stream:write(bytes:sub(at, at + chop - 1), done)
    end, PATIENCE, "the server to take " .. chop .. " bytes")
  end
end

local function encode(self, f)
  if type(f) == "string" then return f end
  return self.deflate:encode(f)
end

local function write(self, parts, chop)
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

local function send(self, frames, chop)
  local parts = {}
  for i, f in ipairs(frames) do parts[i] = encode(self, f) end
  write(self, parts, chop)
end

-- In

local function shorten(self, patience)
  return math.min(patience, self.target.patience or patience)
end

-- Waits until there are n bytes; false where the connection ends, or nothing comes.
local function have(self, n, patience)
  local c = self.c
  patience = shorten(self, patience or PATIENCE)
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
  if not have(self, size) then return nil end
  local length = string.unpack(">I" .. size, self.c:read(size))
  if length < (size == 2 and 126 or 65536) then self:fail("a frame's length isn't in its shortest form") end
  if length > LENGTH_MAX then self:fail("a frame announces %d bytes", length) end
  return length
end

-- The next frame, checked by itself; or { ended = }, { silent = true }.
local function readFrame(self, patience)
  if not have(self, 2, patience) then return nothingMore(self) end
  local first, second = self.c:read(2):byte(1, 2)
  local f = { fin = first & 0x80 ~= 0, rsv = first >> 4 & 7, opcode = first & 0x0f }
  if second & 0x80 ~= 0 then self:fail("a server must not mask") end
  local length = payloadLength(self, second & 0x7f)
  if not length or not have(self, length) then return nothingMore(self) end
  f.payload = self.c:read(length)
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

-- The next message, pong or close frame; or { ended = }, { silent = true }.
local function nextEvent(self, patience)
  while true do
    local f = readFrame(self, patience)
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

-- What came, for people.
local function describe(event)
  if event.silent then return "nothing" end
  if event.ended then return "the end of the connection (" .. event.ended .. ")" end
  return frame.describe(event)
end

local function isSame(event, expected)
  return event.opcode == expected.opcode and event.payload == expected.payload
end

local function isSameList(events, expected)
  if #events ~= #expected then return false end
  for i, event in ipairs(events) do
    if not isSame(event, expected[i]) then return false end
  end
  return true
end

local function expectEvent(self, expected, patience)
  local event = nextEvent(self, patience)
  if not isSame(event, expected) then
    self:fail("expected %s, got %s", frame.describe(expected), describe(event))
  end
end

-- Compares all that came before the end with the case's lists.
local function judgeEvents(self, events, stage)
  local case = self.case
  local expected = stage.expect or {}
  if isSameList(events, expected) then return end
  for _, list in ipairs(case.also or {}) do
    if isSameList(events, list) then return end
  end
  for _, list in ipairs(case.lenient or {}) do
    if isSameList(events, list) then
      return self:nonStrict("expected %s, got %s", frame.describeAll(expected), frame.describeAll(events))
    end
  end
  self:fail("expected %s, got %s", frame.describeAll(expected), frame.describeAll(events))
end

-- Ends

-- After close frames have gone as they should: their FIN, without a byte before it.
local function awaitEnd(self, patience)
  local c = self.c
  if have(self, 1, patience) then self:fail("%d bytes came behind the close frame", c.size) end
  return c.ended
end

local function judgeEnd(self, ended)
  if not ended then return self:nonStrict("TCP was left to the client to end") end
  if ended ~= "EOF" then self:nonStrict("TCP ended by a reset (%s), not by a FIN", ended) end
end

local function contains(list, value)
  for _, item in ipairs(list or {}) do
    if item == value then return true end
  end
  return false
end

local function describeCodes(codes)
  local words = {}
  for i, code in ipairs(codes) do words[i] = code == frame.NO_CODE and "without a code" or tostring(code) end
  return "close " .. table.concat(words, " or ")
end

local function judgeCode(self, payload, codes, lenient)
  local code, reason = frame.closeCode(payload)
  if #payload == 1 then self:fail("a close frame with a body of one byte") end
  if not utf8.len(reason) then self:fail("a close frame whose reason is no UTF-8") end
  if #payload > 1 and not frame.isSendable(code) then self:fail("a close frame with the code %d", code) end
  if contains(codes, code) then return code end
  local format = "expected %s, got %s"
  local got = frame.describe({ opcode = frame.CLOSE, payload = payload })
  if not contains(lenient, code) then self:fail(format, describeCodes(codes), got) end
  self:nonStrict(format, describeCodes(codes), got)
  return code
end

-- All events up to their close frame or the end; the events and what came last.
local function readToClose(self, patience)
  local events = {}
  while true do
    local event = nextEvent(self, patience)
    if not event.opcode or event.opcode == frame.CLOSE then return events, event end
    events[#events + 1] = event
    if #events > 1000 then self:fail("more than 1000 messages, and no close frame") end
  end
end

local function judgeFailure(self, stage)
  local case = self.case
  local codes = type(case.fails) == "table" and case.fails or { case.fails }
  local events, last = readToClose(self, case.late and SOON)
  if last.silent and case.late then
    self:nonStrict("it fails only when the message is over")
    send(self, case.late)
    events, last = readToClose(self)
  end
  if last.silent then
    self:fail("expected %s, got %s and then nothing", describeCodes(codes), frame.describeAll(events))
  end
  judgeEvents(self, events, stage)
  if last.ended then return self:nonStrict("TCP ended (%s) without a close frame", last.ended) end
  local code = judgeCode(self, last.payload, codes, codes.lenient)
  local ended = awaitEnd(self, case.unanswered and PATIENCE or GRACE)
  if not ended and not case.unanswered then
    self.c:sendFrame(frame.close(code))
    ended = awaitEnd(self)
  end
  judgeEnd(self, ended)
end

local function judgeClosing(self, stage)
  local closes = type(self.case.closes) == "table" and self.case.closes or { self.case.closes }
  local frames = { frame.close(closes[1], closes.reason), table.unpack(closes.behind or {}) }
  local expected = closes.atOnce and stage.expect or {}
  if closes.atOnce then
    frames = table.move(frames, 1, #frames, #stage.send + 1, table.move(stage.send, 1, #stage.send, 1, {}))
  end
  send(self, frames, stage.chop)
  local events, last = readToClose(self)
  judgeEvents(self, events, { expect = expected })
  if last.opcode ~= frame.CLOSE then
    self:fail("expected %s, got %s", describeCodes(closes.answer or { closes[1] }), describe(last))
  end
  judgeCode(self, last.payload, closes.answer or { closes[1] }, closes.lenient or { frame.NO_CODE })
  judgeEnd(self, awaitEnd(self))
end

-- The opening handshake

local function matches(pattern, value)
  if type(value) == "table" then value = table.concat(value, ", ") end
  if pattern == false then return value == nil end
  return value ~= nil and value:find(pattern) ~= nil
end

local function judgeAnswer(self, answer, expected)
  local statuses = type(expected.status) == "table" and expected.status or { expected.status }
  if not contains(statuses, answer.status) then
    local judgeIt = contains(expected.lenient, answer.status) and self.nonStrict or self.fail
    judgeIt(self, "expected status %s, got %d %s", table.concat(statuses, " or "), answer.status, answer.reason)
  end
  for name, pattern in pairs(expected.headers or {}) do
    if not matches(pattern, answer.headers[name]) then
      self:fail("expected the header %s to match %q, got %s", name, tostring(pattern), tostring(answer.headers[name]))
    end
  end
  if expected.body and not answer.body:find(expected.body) then
    self:fail("expected a body that matches %q, got %q", expected.body, answer.body:sub(1, 100))
  end
end

local function isUpgraded(answer)
  return answer.status == 101
end

local function checkUpgrade(self, answer)
  local ok, err = pcall(client.assertUpgraded, answer)
  if not ok then
    self:fail("the handshake failed: %s", tostring(type(err) == "table" and err.message or err):gsub("%s+", " "))
  end
end

local function readAnswer(self, method)
  local ok, answer = pcall(self.c.response, self.c, method, shorten(self, PATIENCE))
  if ok then return answer end
  if self.c.ended and self.c.size == 0 and (self.case.answer or {}).ends then
    return self:nonStrict("TCP ended without an answer")
  end
  self:fail("expected an answer in HTTP: %s", tostring(answer):sub(1, 200))
end

-- What to offer: the case's own, else permessage-deflate where the whole run does.
local function offerOf(self)
  if self.case.offer ~= nil then return self.case.offer end
  return self.target.compressed and deflate.OFFER
end

local function upgradeRequest(self, offer)
  local headers = client.upgradeHeaders({ ["Sec-WebSocket-Extensions"] = offer })
  return self.c:requestText({ path = self.target.path or "/", headers = headers })
end

function Case:connect()
  self.c = client.connect(self.target.port, self.target.host)
  return self.c
end

-- The usual handshake.
function Case:open()
  self:connect()
  local offer = offerOf(self)
  self.c:write(upgradeRequest(self, offer))
  local answer = readAnswer(self)
  checkUpgrade(self, answer)
  local agreed, wrong = deflate.agree(offer, answer.headers["sec-websocket-extensions"])
  if wrong then self:fail("%s", wrong) end
  if self.case.offer and not agreed then self:skip("the server doesn't agree to %s", offer) end
  self.deflate = deflate.new(agreed, self.target.compressed and self.case.offer == nil)
  return self.c
end

-- A handshake of the case's own; whether the case goes on.
local function exchange(self)
  local case = self.case
  self:connect()
  local request = case.request
  if type(request) == "table" then
    request = setmetatable({ path = request.path or self.target.path or "/" }, { __index = request })
    request = self.c:requestText(request)
  end
  write(self, { wire.fill(request or upgradeRequest(self), self.target, self.c.host) }, case.chop)
  local answer = readAnswer(self, request and request:match("^%u+") or nil)
  if not answer then return false end
  judgeAnswer(self, answer, case.answer or { status = 101 })
  if isUpgraded(answer) then
    checkUpgrade(self, answer)
    self.deflate = deflate.new(nil)
    return true
  end
  if (case.answer or {}).ends then judgeEnd(self, awaitEnd(self)) end
  return false
end

-- What cases that are functions do

function Case:send(frames)
  send(self, frames)
end

function Case:halfClose()
  self.c:flush(PATIENCE)
  self.c:halfClose()
end

function Case:reset()
  self.c:flush(PATIENCE)
  self.c:reset()
end

-- What comes up to the end of TCP: exactly these messages, pongs and close frame, or the `lenient` ones; nil: anything
-- that isn't malformed.
function Case:expectEnd(expected, lenient)
  local events, last = readToClose(self)
  if last.opcode then
    events[#events + 1] = last
    last = { ended = awaitEnd(self) }
  end
  if not last.ended then self:fail("TCP doesn't end; what came is %s", frame.describeAll(events)) end
  if expected and not isSameList(events, expected) then
    local verdict = lenient and isSameList(events, lenient) and self.nonStrict or self.fail
    verdict(self, "expected %s, got %s", frame.describeAll(expected), frame.describeAll(events))
  end
  judgeEnd(self, last.ended)
end

-- Stages

local function checkAlive(self)
  send(self, { frame.ping("alive?") })
  expectEvent(self, frame.pong("alive?"))
end

local function checkQuiet(self, seconds)
  local event = nextEvent(self, seconds)
  if not event.silent then self:fail("expected nothing yet, got %s", describe(event)) end
end

local function goRounds(self, stage)
  local rounds = stage.rounds
  if type(rounds) == "function" then rounds = rounds(self.target) end
  for i = 1, rounds do
    local message = stage.message(i)
    send(self, { message }, stage.chop)
    expectEvent(self, { opcode = message.opcode, payload = message.payload })
  end
end

-- `isLast`: what it expects is judged with the end.
local function runStage(self, stage, isLast)
  local closes = self.case.closes
  local atOnce = type(closes) == "table" and closes.atOnce
  if stage.rounds then goRounds(self, stage) end
  if stage.send and not (isLast and atOnce) then send(self, stage.send, stage.chop or self.case.chop) end
  if stage.alive then checkAlive(self) end
  if stage.quiet then checkQuiet(self, stage.quiet) end
  if isLast and (atOnce or self.case.fails) then return end
  for _, expected in ipairs(stage.expect or {}) do expectEvent(self, expected, stage.patience) end
end

local function runCase(self)
  local case = self.case
  if case.only and not self.target.isLuaws then self:skip("for luaws alone") end
  if case.slowly == false and self.target.slowly then self:skip("not byte by byte") end
  if case.run then return case.run(self) end
  if case.request or case.answer then
    if not exchange(self) then return end
  else
    self:open()
  end
  local stages = case.stages
  local last
  for i, stage in ipairs(stages) do
    last = type(stage) == "function" and stage() or stage
    runStage(self, last, i == #stages)
  end
  if case.fails then
    judgeFailure(self, last)
  elseif case.closes then
    judgeClosing(self, last)
  end
end

function judge.run(case, target)
  local self = setmetatable({ case = case, target = target }, Case)
  local ok, verdict = pcall(async.isolated, runCase, self)
  if ok then return { outcome = self.note and "non-strict" or "passed", note = self.note } end
  if type(verdict) == "table" and verdict.outcome then return verdict end
  return { outcome = "failed", note = tostring(verdict) }
end

return judge
