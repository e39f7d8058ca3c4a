-- The opening handshake of the server that the suite finds fault with (RFC 6455 section 4.2).
--
-- handshake.split(input) -> head, rest; nil: more must come
-- handshake.parse(head) -> request, or nil and what is wrong: { status, text, more header lines }
-- handshake.CHECKS       of a request, each by a name; they return what is wrong
-- handshake.answer(key [, extensions]), handshake.refusal(wrong, head) -> bytes

local digest = require "spec.support.digest"

local handshake = {}

local HEAD_MAX, HEADERS_MAX = 16384, 100
local BAD, TOO_LARGE = { 400, "Bad Request" }, { 431, "Request Header Fields Too Large" }

-- A line feed by itself ends no line: what has one is a head already, and a bad one.
function handshake.split(input)
  input = input:gsub("^[\r\n]+", "")
  local first, last = input:find("\r\n\r\n", 1, true)
  if first then return input:sub(1, first + 1), input:sub(last + 1) end
  if #input > HEAD_MAX or input:find("[^\r]\n") then return input, "" end
  return nil
end

local function addHeader(headers, name, value)
  name = name:lower()
  if headers[name] then
    headers.repeated[name] = true
    headers[name] = headers[name] .. ", " .. value
  else
    headers[name] = value
  end
end

function handshake.parse(head)
  local method, target, version, lines = head:match("^([%u%-]+) ([!-~]+) HTTP/(%d%.%d)\r\n(.*)$")
  if #head > HEAD_MAX then return nil, TOO_LARGE end
  if not method then return nil, BAD end
  local request = { method = method, target = target, version = version, headers = { repeated = {} } }
  local at, count = 1, 0
  while at <= #lines do
    count = count + 1
    if count > HEADERS_MAX then return nil, TOO_LARGE end
    local name, value, next = lines:match("^([!#$%%&'*+%-.^_`|~%w]+):[ \t]*([^\r\n%z\1-\8\11-\31\127]*)\r\n()", at)
    if not name then return nil, BAD end
    addHeader(request.headers, name, value:gsub("[ \t]+$", "") .. "")
    at = next
  end
  return request
end

local function hasToken(value, token)
  for item in (value or ""):gmatch("[^,]+") do
    if item:match("^%s*(.-)%s*$"):lower() == token then return true end
  end
  return false
end

local function isHost(host)
  host = host:gsub(":%d+$", "")
  return host:find("^[%w._-]+$") ~= nil or host:find("^%[[%x:.]+%]$") ~= nil
end

local function isTarget(target)
  local path = target:match("^http://[%w.:%[%]-]+(/.*)$") or target:match("^/.*$")
  if not path or path:find("#", 1, true) or path:find("%00", 1, true) then return false end
  return not path:gsub("%%%x%x", ""):find("%", 1, true)
end

local TOKEN = "^[!#$%%&'*+%-.^_`|~%w]+$"

-- Subprotocols: tokens, none twice.
local function isTokenList(value)
  local seen = {}
  for item in (value .. ","):gmatch("%s*(.-)%s*,") do
    if not item:find(TOKEN) or seen[item] then return false end
    seen[item] = true
  end
  return true
end

-- Extensions: tokens with parameters, whose values are tokens, in quotes or not.
local function isExtensionList(value)
  for item in (value .. ","):gmatch("%s*(.-)%s*,") do
    for part in (item .. ";"):gmatch("%s*(.-)%s*;") do
      local name, quoted = part:match("^(.-)%s*=%s*(.-)$")
      if not (name or part):find(TOKEN) then return false end
      if name and not quoted:gsub('^"(.*)"$', "%1"):find(TOKEN) then return false end
    end
  end
  return true
end

-- 16 bytes in base64: the last digit before == has four bits that say nothing.
local function isKey(key)
  return key ~= nil and #key == 24 and key:find("^[%w+/]+[AQgw]==$") ~= nil
end

local function unless(isGood, header)
  return function(_, r)
    local value = r.headers[header]
    return value and not isGood(value) and BAD
  end
end

handshake.CHECKS = {
  { "method", function(_, r) return r.method ~= "GET" and { 405, "Method Not Allowed", "Allow: GET\r\n" } end },
  { "http", function(_, r) return r.version ~= "1.1" and BAD end },
  { "target", function(_, r) return not isTarget(r.target) and BAD end },
  { "host", function(_, r)
    return (not r.headers.host or r.headers.repeated.host or not isHost(r.headers.host)) and BAD
  end },
  { "length", unless(function(value) return value == "0" end, "content-length") },
  { "coding", unless(function() return false end, "transfer-encoding") },
  { "expect", function(_, r) return r.headers.expect and { 417, "Expectation Failed" } end },
  { "origin", function(_, r) return r.headers.repeated.origin and BAD end },
  { "upgrade", function(_, r)
    return not hasToken(r.headers.upgrade, "websocket") and { 426, "Upgrade Required", "Upgrade: websocket\r\n" }
  end },
  { "connection", function(_, r) return not hasToken(r.headers.connection, "upgrade") and BAD end },
  { "version", function(_, r)
    return r.headers["sec-websocket-version"] ~= "13" and { 426, "Upgrade Required", "Sec-WebSocket-Version: 13\r\n" }
  end },
  { "key", function(_, r) return not isKey(r.headers["sec-websocket-key"]) and BAD end },
  { "protocols", unless(isTokenList, "sec-websocket-protocol") },
  { "extensions", unless(isExtensionList, "sec-websocket-extensions") },
}

function handshake.answer(key, extensions)
  return table.concat({
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    digest.accept(key), "\r\n", extensions and "Sec-WebSocket-Extensions: " .. extensions .. "\r\n" or "", "\r\n",
  })
end

function handshake.refusal(wrong, head)
  local body = head:find("^HEAD ") and "" or wrong[2] .. "\n"
  return ("HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s"):format(wrong[1], wrong[2], #body,
    wrong[3] or "", body)
end

return handshake
