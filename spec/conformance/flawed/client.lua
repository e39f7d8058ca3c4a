-- The client that the suite finds fault with: an echo in the process of its caller, without a flaw, in methods and
-- named checks as the server's connection (connection.lua), which it is one of. It offers no compression.
--
-- Client.class: a Connection; subclasses of it have a flaw each
-- Client.new(class) -> what to_client.lua expects as target.clients: connect(url, protocols) -> report, keys

local uv = require "luv"
local wire = require "probe".wire
local digest = require "spec.support.digest"
local Connection = require "spec.conformance.flawed.connection"
local reports = require "spec.conformance.clients"

local HEAD_MAX, HEADERS_MAX, INTERIM_MAX = 16384, 100, 10
local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local TOKEN = "[!#$%%&'*+%-.^_`|~%w]+"

local class = Connection.subclass({ IS_MASKED = false })
local Client = { class = class }
Client.__index = Client

-- The request

-- 16 bytes in base64: 22 digits, of which the last has two bits.
function class:newKey()
  local digits = {}
  for i = 1, 22 do
    local digit = math.random(i < 22 and 64 or 4)
    digits[i] = i < 22 and ALPHABET:sub(digit, digit) or ("AQgw"):sub(digit, digit)
  end
  return table.concat(digits) .. "=="
end

function class:requestLines()
  local lines = {
    "GET " .. self.path .. " HTTP/1.1", "Host: " .. self.authority, "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " .. self.key,
  }
  if self.protocols then lines[#lines + 1] = "Sec-WebSocket-Protocol: " .. self.protocols end
  return lines
end

function class:begin()
  self.key, self.interim = self:newKey(), 0
  self.step = self.readAnswer
  self:write(table.concat(self:requestLines(), "\r\n") .. "\r\n\r\n")
end

-- The answer

local function hasToken(value, token)
  for item in (value or ""):gmatch("[^,]+") do
    if item:match("^%s*(.-)%s*$"):lower() == token then return true end
  end
  return false
end

local function isOffered(self, protocol)
  for offered in (self.protocols or ""):gmatch("[^,%s]+") do
    if offered == protocol then return true end
  end
  return false
end

class.CHECKS = {
  { "http", function(_, a) return a.version ~= "1.1" end },
  { "status", function(_, a) return a.status ~= "101" end },
  { "upgrade", function(_, a) return (a.headers.upgrade or ""):lower() ~= "websocket" end },
  { "connection", function(_, a) return not hasToken(a.headers.connection, "upgrade") end },
  { "accept", function(self, a) return a.headers["sec-websocket-accept"] ~= digest.accept(self.key) end },
  { "protocol", function(self, a)
    local chosen = a.headers["sec-websocket-protocol"]
    return chosen and not isOffered(self, chosen)
  end },
  { "extensions", function(_, a) return a.headers["sec-websocket-extensions"] end },
}

-- By name; what comes twice is a list.
function class:parseHeaders(lines)
  local headers, at, count = {}, 1, 0
  while at <= #lines do
    local name, value, next = lines:match("^(" .. TOKEN .. "):[ \t]*([^\r\n%z\1-\8\11-\31\127]*)\r\n()", at)
    count = count + 1
    if not name or count > HEADERS_MAX then return nil end
    name, value = name:lower(), value:gsub("[ \t]+$", "")
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
    at = next
  end
  return headers
end

function class:split()
  local first, last = self.input:find("\r\n\r\n", 1, true)
  if not first then return nil end
  return self.input:sub(1, first + 1), self.input:sub(last + 1)
end

function class:isTooMuch(head)
  return #(head or self.input) > HEAD_MAX
end

function class:readAnswer()
  local head, rest = self:split()
  if self:isTooMuch(head) then return self:abandon() end
  if not head then return false end
  local version, status, lines = head:match("^HTTP/(%d%.%d) (%d%d%d) [^\r\n%z]*\r\n(.*)$")
  local headers = version and self:parseHeaders(lines)
  if headers and status:find("^1") and status ~= "101" and self.interim < INTERIM_MAX then
    self.input, self.interim = rest, self.interim + 1
    return true
  end
  local answer = headers and { version = version, status = status, headers = headers }
  if not answer or self:check(self.CHECKS, answer) then return self:abandon() end
  self.input = rest
  self.step = self.readHeader
  self:tell("open", headers["sec-websocket-protocol"] or "")
  return true
end

-- It is no handshake.
function class:abandon()
  self:close()
  self:tellEnd()
  return false
end

-- Frames

function class:newMask()
  return string.pack(">I4", math.random(0, 0xffffffff))
end

function class:encode(opcode, payload, rsv)
  local bytes = Connection.encode(self, opcode, payload, rsv)
  local head, mask = bytes:sub(1, #bytes - #payload), self:newMask()
  return head:sub(1, 1) .. string.char(head:byte(2) | 0x80) .. head:sub(3) .. mask .. wire.mask(payload, mask)
end

-- Ends: after a close the server ends TCP, after a failure both do.

function class:answerClose(payload)
  Connection.answerClose(self, payload)
  self.code = #payload > 1 and string.unpack(">I2", payload) or 1005
end

function class:onClose(payload)
  Connection.onClose(self, payload)
  self:tellEnd()
end

function class:fail(code)
  Connection.fail(self, code)
  self.code = code
  self:endTcp()
  self:tellEnd()
  return false
end

function class:finish()
  self.hasEnded = true
end

function class:onEnd(err)
  Connection.onEnd(self, err)
  self:tellEnd()
end

-- What the program hears

function class:tell(what, text)
  if self.report.code == nil then self.report:tell(what, text) end
end

function class:tellEnd()
  self:tell("end", self.code or 1006)
end

function Client.new(flawed)
  return setmetatable({ class = flawed or class, keys = {} }, Client)
end

function Client:connect(url, protocols)
  local report, stream = reports.report(), uv.new_tcp()
  local authority, path = url:match("^ws://([^/]+)(/.*)$")
  stream:connect("127.0.0.1", tonumber(authority:match("%d+$")), function(err)
    assert(not err, err)
    stream:nodelay(true)
    local connection = setmetatable(Connection.new(stream), self.class)
    connection.report, connection.authority, connection.path = report, authority, path
    connection.protocols = protocols
    connection:begin()
  end)
  return report
end

return Client
