-- permessage-deflate for cases (RFC 7692), with zlib itself and none of luaws' own code: agrees on it from either side,
-- compresses frames, inflates messages.
--
-- deflate.agree(offer, answer) -> what is in force, or nil; or nil, what is wrong with the answer
-- deflate.choose(offer, wanted) -> what a server answers to a client's offer: what a case wants, which is written as an
--     offer to a server, with the roles turned round; nil: that can't be had; or nil, what is wrong with the offer
-- deflate.text(agreed) -> the header
-- deflate.new([agreed, role [, always]]) -> a connection's state. role: "client" or "server", who we are. always: each
--     data message is compressed that has no reserved bits of its own
-- state:encode(frame) -> its bytes;  state:inflate(payload) -> payload, or nil, what is wrong

local zlib = require "probe".zlib
local frame = require "spec.conformance.frame"

local deflate = { OFFER = "permessage-deflate; client_max_window_bits" }
local State = {}
State.__index = State

local TAIL = "\0\0\255\255"

-- Negotiation

-- "permessage-deflate; a; b=9" -> { a = true, b = "9" }; nil, why
local function parse(text)
  local name, rest = text:match("^%s*([%w-]+)%s*(.-)%s*$")
  if name ~= "permessage-deflate" then return nil, "an extension that isn't known: " .. text end
  local parameters = {}
  for parameter in rest:gmatch(";%s*([^;]*)") do
    local key, value = parameter:match("^([%w_]+)%s*=%s*\"?(%d+)\"?%s*$")
    key = key or parameter:match("^([%w_]+)%s*$")
    if not key then return nil, "a parameter that can't be read: " .. parameter end
    if parameters[key] then return nil, "a parameter twice: " .. key end
    parameters[key] = value or true
  end
  return parameters
end

local function bitsOf(value)
  local bits = math.tointeger(tonumber(value))
  return bits and bits >= 8 and bits <= 15 and bits or nil
end

local KNOWN = {
  server_no_context_takeover = true, client_no_context_takeover = true,
  server_max_window_bits = true, client_max_window_bits = true,
}

-- Whether the answer keeps to one offer: nil, or what is wrong.
local function compare(offer, answer)
  for name, value in pairs(answer) do
    if not KNOWN[name] then return "a parameter that isn't known: " .. name end
    local wantsValue = name:find("bits", 1, true) ~= nil
    if wantsValue ~= (value ~= true) then return "a parameter with a wrong value: " .. name end
    if wantsValue and not bitsOf(value) then return name .. " is " .. value end
  end
  if answer.client_max_window_bits and not offer.client_max_window_bits then
    return "client_max_window_bits, which wasn't offered"
  end
  if offer.server_no_context_takeover and not answer.server_no_context_takeover then
    return "no server_no_context_takeover, which was asked for"
  end
  local asked = offer.server_max_window_bits
  if asked and (not answer.server_max_window_bits or bitsOf(answer.server_max_window_bits) > bitsOf(asked)) then
    return "no server_max_window_bits of " .. asked .. ", which was asked for"
  end
  return nil
end

function deflate.agree(offer, header)
  if header == nil then return nil end
  if type(header) == "table" then header = table.concat(header, ", ") end
  if not offer then return nil, "an extension that wasn't offered: " .. header end
  local answer, wrong = parse(header)
  if not answer then return nil, wrong end
  for one in offer:gmatch("[^,]+") do
    local parsed = parse(one)
    wrong = parsed and compare(parsed, answer)
    if parsed and not wrong then return answer end
  end
  return nil, ("the server answers with %s: %s"):format(wrong or "what wasn't offered", header)
end

-- The first offer of a list that can be read.
local function parseFirst(list)
  local wrong = "no extension is offered"
  for one in list:gmatch("[^,]+") do
    local parsed
    parsed, wrong = parse(one)
    if parsed then return parsed end
  end
  return nil, wrong
end

local TURNED = {
  server_no_context_takeover = "client_no_context_takeover", client_no_context_takeover = "server_no_context_takeover",
  server_max_window_bits = "client_max_window_bits", client_max_window_bits = "server_max_window_bits",
}
local SOME_BITS = "10" -- where a case leaves it to the other side

-- Windows of the offer bound those of the answer.
local function narrow(answer, offer, name)
  local asked, wanted = bitsOf(offer[name]), bitsOf(answer[name])
  if asked and (not wanted or wanted > asked) then answer[name] = offer[name] end
end

function deflate.choose(header, wanted)
  if header == nil then return nil end
  if type(header) == "table" then header = table.concat(header, ", ") end
  local offer, wrong = parseFirst(header)
  if not offer then return nil, wrong end
  for name, value in pairs(offer) do
    local wantsValue = name:find("bits", 1, true) and name ~= "client_max_window_bits"
    if not KNOWN[name] or wantsValue and not bitsOf(value) then return nil, "a bad offer: " .. header end
  end
  local answer = {}
  for name, value in pairs(parseFirst(wanted)) do
    answer[TURNED[name]] = name == "client_max_window_bits" and value == true and SOME_BITS or value
  end
  answer.server_no_context_takeover = answer.server_no_context_takeover or offer.server_no_context_takeover
  if answer.client_max_window_bits and not offer.client_max_window_bits then return nil end
  narrow(answer, offer, "client_max_window_bits")
  narrow(answer, offer, "server_max_window_bits")
  return answer
end

function deflate.text(agreed)
  local words = { "permessage-deflate" }
  for name, value in pairs(agreed) do words[#words + 1] = value == true and name or name .. "=" .. value end
  return table.concat(words, "; ")
end

-- Messages

function deflate.new(agreed, role, always)
  local self = setmetatable({ agreed = agreed, always = agreed ~= nil and always }, State)
  if agreed then
    self.ours, self.theirs = role, role == "client" and "server" or "client"
    self.deflater = zlib.deflater({ bits = math.max(bitsOf(agreed[self.ours .. "_max_window_bits"]) or 15, 9) })
    self.inflater = zlib.inflater({ bits = bitsOf(agreed[self.theirs .. "_max_window_bits"]) or 15 })
  end
  return self
end

-- A piece of a message; `isLast` of it.
function State:compress(payload, isLast)
  local bytes = self.deflater:deflate(payload)
  if not isLast then return bytes end
  if self.agreed[self.ours .. "_no_context_takeover"] then self.deflater:reset() end
  bytes = bytes:sub(1, -5)
  return bytes == "" and "\0" or bytes
end

local function copyOf(f, changes)
  local copy = {}
  for name, value in pairs(f) do copy[name] = value end
  for name, value in pairs(changes) do copy[name] = value end
  return copy
end

-- A whole message that the case wants compressed, in fragments if it says so.
local function encodeMessage(self, f)
  local payload = self:compress(f.payload, true)
  if not f.fragment then return frame.bytes(copyOf(f, { payload = payload, rsv = 4 })) end
  local frames = frame.fragments(f.opcode, payload, f.fragment, { mask = f.mask })
  frames[1].rsv = 4
  for i, fragment in ipairs(frames) do frames[i] = frame.bytes(fragment) end
  return table.concat(frames)
end

-- Where everything is compressed: a frame as it comes, whole or a fragment.
local function encodeAlways(self, f)
  local begins = f.opcode == frame.TEXT or f.opcode == frame.BINARY
  local goesOn = f.opcode == frame.CONTINUATION and self.isMidway
  if f.rsv or f.length or not begins and not goesOn then return frame.bytes(f) end
  if begins and self.isMidway then return frame.bytes(f) end -- it is the flaw
  local isLast = f.fin ~= false
  self.isMidway = not isLast
  return frame.bytes(copyOf(f, { payload = self:compress(f.payload, isLast), rsv = begins and 4 or 0 }))
end

function State:encode(f)
  if self.agreed and f.compressed then return encodeMessage(self, f) end
  if self.always then return encodeAlways(self, f) end
  if not f.fragment then return frame.bytes(f) end
  local frames = frame.fragments(f.opcode, f.payload, f.fragment, { mask = f.mask })
  for i, fragment in ipairs(frames) do frames[i] = frame.bytes(fragment) end
  return table.concat(frames)
end

-- No payload ends like that by itself: its last byte holds the head of an empty block.
function State:inflate(payload)
  if payload:sub(-4) == TAIL then return nil, "its last four bytes should have been taken off" end
  local out, state, left = self.inflater:inflate(payload .. TAIL)
  if state == "end" then -- a final block: allowed, and what follows starts a new stream
    self.inflater:reset()
  elseif state ~= "more" or left > 0 then
    return nil, state
  end
  if self.agreed[self.theirs .. "_no_context_takeover"] then self.inflater:reset() end
  return out
end

return deflate
