-- Flaws in the opening handshake.

local Connection = require "spec.conformance.flawed.connection"
local handshake = require "spec.conformance.flawed.handshake"

local BAD = { 400, "Bad Request" }

-- A good answer, changed.
local function changing(pattern, replacement)
  return function(self, request) return (Connection.answer(self, request):gsub(pattern, replacement, 1)) end
end

-- Refuses a request unless its header is exactly that.
local function insisting(header, value)
  return function(self, request)
    if request.headers[header] ~= value then return BAD end
    return Connection.checkRequest(self, request)
  end
end

local flaws = {
  { "accept-wrong", "answers with an accept that isn't the key's", { "1.1.1", "2.1" },
    answer = function(self, request)
      return handshake.answer(request.headers["sec-websocket-key"]:reverse(), self.agreed)
    end },
  { "accept-constant", "answers each key with the accept of RFC 6455's example", { "handshake.key.1" },
    answer = function(self) return handshake.answer("dGhlIHNhbXBsZSBub25jZQ==", self.agreed) end },
  { "accept-missing", "answers without an accept", { "1.1.1", "2.1" },
    answer = changing("Sec%-WebSocket%-Accept: [^\r]*\r\n", "") },
  { "status-200", "answers with 200", { "1.1.1", "2.1" },
    answer = changing("101 Switching Protocols", "200 OK") },
  { "upgrade-missing", "answers without Upgrade", { "1.1.1", "2.1" },
    answer = changing("Upgrade: websocket\r\n", "") },
  { "connection-missing", "answers without Connection", { "1.1.1", "2.1" },
    answer = changing("Connection: Upgrade\r\n", "") },
  { "extension-unasked", "answers with an extension that nobody has offered", { "1.1.1", "2.1" },
    answer = changing("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n") },
  { "protocol-unasked", "answers with a subprotocol that nobody has offered", { "handshake.answer.2" },
    answer = changing("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n") },
  { "connection-whole", "reads Connection as one token, not as a list", { "handshake.lists.6" },
    checkRequest = insisting("connection", "Upgrade") },
  { "upgrade-in-small", "takes `websocket` in small letters alone", { "handshake.lists.1" },
    checkRequest = insisting("upgrade", "websocket") },
  { "early-frame-lost", "drops what comes with the request", { "handshake.behind.1" },
    readHead = function(self)
      local goesOn = Connection.readHead(self)
      if goesOn then self.input = "" end
      return goesOn
    end },
}

-- The cases that catch who leaves out a check; nonStrict: so they say no more. Where the target isn't checked there is
-- no path, and a flaw has one here.
local UNCHECKED = {
  method = { "http.line.36" }, http = { "http.line.32", "handshake.http.1" }, host = { "http.host.1" },
  length = { "http.length.2" }, coding = { "http.smuggling.11" }, upgrade = { "handshake.lists.13" },
  connection = { "handshake.lists.20" }, version = { "handshake.version.1" }, key = { "handshake.key.4" },
  expect = { "http.connection.10", nonStrict = true }, origin = { "handshake.http.6", nonStrict = true },
  protocols = { "handshake.offers.2", nonStrict = true }, extensions = { "handshake.offers.13", nonStrict = true },
}

for _, check in ipairs(handshake.CHECKS) do
  local name = check[1]
  local caught = UNCHECKED[name]
  if name ~= "target" then
    local about = "doesn't check the request's " .. name
    table.insert(flaws, { name .. "-unchecked", about, caught, nonStrict = caught.nonStrict, skips = { name } })
  end
end

return flaws
