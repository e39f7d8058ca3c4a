-- Runs one case (README.md) on a connection of its own, and judges it. What ends a case early is an error whose
-- value is a verdict: { outcome =, note = }.
--
-- judge.run(case, target) -> { outcome = "passed" | "non-strict" | "failed" | "skipped", note = a sentence or nil }
--
-- target: where a server is judged, { port =, host = "127.0.0.1", path = "/", tls = as in spec/support/client.lua };
--     where a client is, { clients = who can be told to connect (clients.lua), listen = options of peer.listen }.
--     Besides, patience = seconds after which nothing more is awaited, where that is less than usual, and what may be
--     true: slowly, compressed, full, brief, isLuaws

local utf8 = require "utf8"
local async = require "spec.support.async"
local frame = require "spec.conformance.frame"
local Case = require "spec.conformance.case"
local toClient = require "spec.conformance.to_client"
local toServer = require "spec.conformance.to_server"

local judge = {}

local PATIENCE = Case.PATIENCE
local SOON = 5     -- seconds until what should come at once has come: then the case goes on, and is non-strict at best
local GRACE = 0.25 -- for TCP to end without an answer to their close frame

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
  local event = self:nextEvent(patience)
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

local function judgeEnd(self, ended)
  if not ended then return self:nonStrict("%s", self.role.LEFT) end
  if ended ~= "EOF" then self:nonStrict("TCP ended by a reset (%s), not by a FIN", ended) end
end

Case.judgeEnd = judgeEnd -- for roles

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

local function judgeFailure(self, stage)
  local case = self.case
  local codes = type(case.fails) == "table" and case.fails or { case.fails }
  local events, last = self:readToClose(case.late and SOON)
  if last.silent and case.late then
    self:nonStrict("it fails only when the message is over")
    self:send(case.late)
    events, last = self:readToClose()
  end
  if last.silent then
    self:fail("expected %s, got %s and then nothing", describeCodes(codes), frame.describeAll(events))
  end
  judgeEvents(self, events, stage)
  if last.ended then return self:nonStrict("TCP ended (%s) without a close frame", last.ended) end
  local code = judgeCode(self, last.payload, codes, codes.lenient)
  local ended = self:awaitEnd(case.unanswered and PATIENCE or GRACE)
  if not ended and not case.unanswered then
    self.c:sendFrame(frame.close(code))
    self.role.endTcp(self)
    ended = self:awaitEnd()
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
  self:send(frames, stage.chop)
  local events, last = self:readToClose()
  judgeEvents(self, events, { expect = expected })
  if last.opcode ~= frame.CLOSE then
    self:fail("expected %s, got %s", describeCodes(closes.answer or { closes[1] }), describe(last))
  end
  judgeCode(self, last.payload, closes.answer or { closes[1] }, closes.lenient or { frame.NO_CODE })
  self.role.endTcp(self)
  judgeEnd(self, self:awaitEnd())
  return closes[1]
end

-- For cases that are functions. What comes up to the end of TCP: exactly these messages, pongs and close frame, or the
-- `lenient` ones; nil: anything that isn't malformed.
function Case:expectEnd(expected, lenient)
  local events, last = self:readToClose()
  if last.opcode then
    events[#events + 1] = last
    self.role.endTcp(self)
    last = { ended = self:awaitEnd() }
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
  self:send({ frame.ping("alive?") })
  expectEvent(self, frame.pong("alive?"))
end

local function checkQuiet(self, seconds)
  local event = self:nextEvent(seconds)
  if not event.silent then self:fail("expected nothing yet, got %s", describe(event)) end
end

local function goRounds(self, stage)
  local rounds = stage.rounds
  if type(rounds) == "function" then rounds = rounds(self.target) end
  for i = 1, rounds do
    local message = stage.message(i)
    self:send({ message }, stage.chop)
    expectEvent(self, { opcode = message.opcode, payload = message.payload })
  end
end

-- `isLast`: what it expects is judged with the end.
local function runStage(self, stage, isLast)
  local closes = self.case.closes
  local atOnce = type(closes) == "table" and closes.atOnce
  if stage.rounds then goRounds(self, stage) end
  if stage.send and not (isLast and atOnce) then self:send(stage.send, stage.chop or self.case.chop) end
  if stage.alive then checkAlive(self) end
  if stage.quiet then checkQuiet(self, stage.quiet) end
  if isLast and (atOnce or self.case.fails) then return end
  for _, expected in ipairs(stage.expect or {}) do expectEvent(self, expected, stage.patience) end
end

local function runStages(self)
  local stages = self.case.stages
  local last
  for i, stage in ipairs(stages) do
    last = type(stage) == "function" and stage() or stage
    runStage(self, last, i == #stages)
  end
  if self.case.fails then return judgeFailure(self, last) end
  if self.case.closes then return judgeClosing(self, last) end
end

-- Returns the code of the close that was begun here.
local function runCase(self)
  local case = self.case
  if case.only and not self.target.isLuaws then self:skip("for luaws alone") end
  if case.slowly == false and self.target.slowly then self:skip("not byte by byte") end
  if case.run then return case.run(self) end
  if not (case.request or case.answer or case.reply) then
    self:open()
  elseif not self.role.exchange(self) then
    return
  end
  return runStages(self)
end

local function runAndFinish(self)
  self.role.finish(self, (runCase(self)))
end

function judge.run(case, target)
  local self = Case.new(case, target, target.clients and toClient or toServer)
  local ok, verdict = pcall(async.isolated, runAndFinish, self)
  if ok then return { outcome = self.note and "non-strict" or "passed", note = self.note } end
  if type(verdict) == "table" and verdict.outcome then return verdict end
  return { outcome = "failed", note = tostring(verdict) }
end

return judge
