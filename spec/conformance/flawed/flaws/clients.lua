-- Flaws of clients: in what they ask, which answers they take, how they mask and how they end.

local client = require "spec.conformance.flawed.client".class
local Connection = require "spec.conformance.flawed.connection"

-- Its request with other lines.
local function asking(change)
  return function(self)
    local lines = client.requestLines(self)
    change(self, lines)
    return lines
  end
end

local function replacing(pattern, replacement)
  return asking(function(_, lines)
    for i, line in ipairs(lines) do lines[i] = line:gsub(pattern, replacement) end
  end)
end

local function adding(line)
  return asking(function(_, lines) lines[#lines + 1] = line end)
end

local counter = 0

return {
  { "key-constant", "has the same key in each handshake", { "request.head.9" },
    newKey = function() return "dGhlIHNhbXBsZSBub25jZQ==" end },
  { "key-short", "has a key of 15 bytes", { "request.head.1" }, newKey = function() return "MTIzNDU2Nzg5MDEyMzQ1" end },
  { "no-version", "names no version", { "request.head.1" },
    requestLines = replacing("^Sec%-WebSocket%-Version.*", "X: y") },
  { "version-8", "speaks version 8", { "request.head.1" }, requestLines = replacing("13$", "8") },
  { "no-upgrade", "asks for no upgrade", { "request.head.1" }, requestLines = replacing("^Upgrade.*", "X: y") },
  { "connection-close", "closes the connection", { "request.head.1" }, requestLines = replacing("Upgrade$", "close") },
  { "post", "posts", { "request.head.1" }, requestLines = replacing("^GET", "POST") },
  { "http-1.0", "speaks HTTP/1.0", { "request.head.1" }, requestLines = replacing("HTTP/1.1$", "HTTP/1.0") },
  { "host-without-port", "leaves the port out", { "request.head.5" },
    requestLines = replacing("^(Host: .*):%d+$", "%1") },
  { "two-hosts", "has two Hosts", { "request.head.1" }, requestLines = adding("Host: other.example") },
  { "header-twice", "sends a header twice", { "request.head.6" }, requestLines = adding("X-A: 1\r\nX-A: 2") },
  { "body", "announces a body", { "request.head.1" }, requestLines = adding("Content-Length: 0") },
  { "no-query", "leaves the query out", { "request.head.2" }, requestLines = replacing("%?%S+ HTTP", " HTTP") },
  { "protocol-unasked", "offers a subprotocol unasked", { "request.head.7" },
    requestLines = adding("Sec-WebSocket-Protocol: chat") },
  { "protocols-sorted", "offers subprotocols in another order", { "request.head.8" },
    requestLines = replacing("v2,v1", "v1,v2") },
  { "extension-unasked", "offers compression that it was told to do without", { "1.1.1" },
    requestLines = adding("Sec-WebSocket-Extensions: permessage-deflate") },
  { "early", "sends a frame before the answer", { "request.head.10" },
    begin = function(self)
      client.begin(self)
      self:send(1, "early")
    end },

  { "mask-none", "doesn't mask", { "1.1.1", "2.1", "request.mask.2" }, encode = Connection.encode },
  { "mask-constant", "masks each frame alike", { "request.mask.1", "2.10", "request.mask.2" },
    newMask = function() return "\1\2\3\4" end },
  { "mask-small", "has keys of 16 bits", { "request.mask.1" },
    newMask = function()
      counter = counter + 1
      return string.pack(">I4", counter & 0xffff)
    end },
  { "masked-taken", "takes masked frames", { "hostile.mask.1", "hostile.mask.9", "reply.behind.9" },
    skips = { "mask" } },

  { "any-status", "takes any status for a handshake", { "reply.status.37", "reply.status.40" }, skips = { "status" } },
  { "any-http", "takes any version of HTTP", { "reply.line.1" }, skips = { "http" } },
  { "any-upgrade", "asks for no Upgrade", { "reply.headers.1", "reply.headers.6" }, skips = { "upgrade" } },
  { "any-connection", "asks for no Connection", { "reply.headers.2", "reply.headers.15" }, skips = { "connection" } },
  { "any-accept", "asks for no accept", { "reply.headers.3", "reply.accept.2", "reply.accept.10" },
    skips = { "accept" } },
  { "any-protocol", "takes any subprotocol", { "reply.choices.1", "reply.choices.2" }, skips = { "protocol" } },
  { "any-extension", "takes any extension", { "reply.choices.9", "reply.choices.12" }, skips = { "extensions" } },
  { "upgrade-case", "reads values with their case", { "reply.good.5" },
    parseHeaders = function(self, lines)
      local headers = client.parseHeaders(self, lines)
      if headers and headers.upgrade == "WEBSOCKET" then headers.upgrade = nil end
      return headers
    end },
  { "connection-alone", "reads Connection as one word", { "reply.good.8", "reply.good.9" },
    parseHeaders = function(self, lines)
      local headers = client.parseHeaders(self, lines)
      if headers and (headers.connection or ""):find(",") then headers.connection = nil end
      return headers
    end },
  { "endless-head", "reads a head without an end", { "reply.flood.6" }, isTooMuch = function() return false end },
  { "rest-dropped", "drops what comes with the answer", { "reply.behind.1", "reply.behind.6" },
    split = function(self)
      local head = client.split(self)
      return head, head and ""
    end },
  { "told-too-early", "tells of an opening before the answer is read", { "reply.status.1", "reply.drop.1" },
    begin = function(self)
      client.begin(self)
      self:tell("open", "")
    end },
  { "stays", "keeps a connection that is no handshake", { "reply.headers.1" }, nonStrict = true,
    abandon = function(self)
      self.hasEnded = true
      self:tellEnd()
      return false
    end },
  { "answers-on", "answers what is no handshake", { "reply.headers.1" },
    abandon = function(self)
      self:send(8, "")
      return client.abandon(self)
    end },

  { "ends-first", "ends TCP before the server does", { "request.close.1" }, nonStrict = true,
    finish = Connection.finish },
  { "end-untold", "doesn't tell its program of the end", { "7.1.1", "reply.status.1" }, tellEnd = function() end },
  { "code-lost", "tells its program 1006 of any close", { "7.7.1", "lifecycle.close.5" },
    tellEnd = function(self) self:tell("end", 1006) end },
}
