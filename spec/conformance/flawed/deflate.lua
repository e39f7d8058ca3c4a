-- permessage-deflate of the server that the suite finds fault with (RFC 7692).
--
-- deflate.negotiate(offers) -> what is agreed, the answer's header; nil: nothing
-- deflate.new(agreed) -> a connection's state
-- state:inflate(bytes, isLast) -> bytes; or nil, what is wrong. `isLast`: the message is over
-- state:deflate(message) -> its payload

local zlib = require "probe".zlib

local deflate = {}
local State = {}
State.__index = State
deflate.State = State

local TAIL = "\0\0\255\255"

-- The parameters of an offer, or nil when one of them is wrong.
local function parse(offer)
  local name, rest = offer:match("^%s*([%w%-]+)%s*(.-)%s*$")
  if name ~= "permessage-deflate" then return nil end
  local parameters = {}
  for parameter in rest:gmatch("[^;]+") do
    local key, value = parameter:match("^%s*([%w_]+)%s*=?%s*(.-)%s*$")
    if not key or parameters[key] ~= nil then return nil end
    parameters[key] = value:gsub('^"(.*)"$', "%1")
  end
  return parameters
end

local function bitsOf(value, least)
  local bits = value:find("^[1-9]%d?$") and math.tointeger(tonumber(value))
  return bits and bits >= least and bits <= 15 and bits
end

local READERS = {
  server_no_context_takeover = function(value) return value == "" end,
  client_no_context_takeover = function(value) return value == "" end,
  server_max_window_bits = function(value) return bitsOf(value, 9) end,
  client_max_window_bits = function(value) return value == "" and 15 or bitsOf(value, 8) end,
}

local function read(offer)
  local parameters = parse(offer)
  if not parameters then return nil end
  local agreed = {}
  for key, value in pairs(parameters) do
    agreed[key] = READERS[key] and READERS[key](value)
    if not agreed[key] then return nil end
  end
  return agreed
end

-- In the order of RFC 7692 section 7.1. The client may use the largest window.
local function answerTo(agreed)
  local words = { "permessage-deflate" }
  for _, flag in ipairs({ "server_no_context_takeover", "client_no_context_takeover" }) do
    if agreed[flag] then words[#words + 1] = flag end
  end
  if agreed.server_max_window_bits then
    words[#words + 1] = "server_max_window_bits=" .. agreed.server_max_window_bits
  end
  return table.concat(words, "; ")
end

function deflate.negotiate(offers)
  for offer in (offers or ""):gmatch("[^,]+") do
    local agreed = read(offer)
    if agreed then return agreed, answerTo(agreed) end
  end
  return nil
end

function deflate.new(agreed)
  return setmetatable({
    agreed = agreed, inflater = zlib.inflater({ bits = 15 }),
    deflater = zlib.deflater({ bits = agreed.server_max_window_bits or 15 }),
  }, State)
end

-- A final block ends a stream, not the message.
local function inflateAll(self, bytes)
  local parts = {}
  while bytes ~= "" do
    local out, state, left = self.inflater:inflate(bytes)
    parts[#parts + 1] = out
    if state == "end" then
      self.inflater:reset()
    elseif state ~= "more" then
      return nil, state
    end
    bytes = left > 0 and bytes:sub(-left) or ""
  end
  return table.concat(parts)
end

function State:inflate(bytes, isLast)
  local out, wrong = inflateAll(self, isLast and bytes .. TAIL or bytes)
  if isLast and self.agreed.client_no_context_takeover then self.inflater:reset() end
  return out, wrong
end

function State:deflate(message)
  local bytes = self.deflater:deflate(message)
  if self.agreed.server_no_context_takeover then self.deflater:reset() end
  bytes = bytes:sub(1, -5)
  return bytes == "" and "\0" or bytes
end

return deflate
