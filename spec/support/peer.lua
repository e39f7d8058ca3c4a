-- A WebSocket server without manners, in the spec's own process, for clients: it speaks byte by byte, so that a spec
-- can answer what no decent server would.
--
--   local peer = require "spec.support.peer"
--
--   local p = peer.listen()              p.port, p.url ("ws://127.0.0.1:port")
--   local c = p:open()                   the next client, whose handshake must be right, and is answered so
--   c:send("hi"); assert.equal("hi", c:receive())
--   c:close(1000)                        our close frame, theirs, our FIN, theirs
--
-- peer.listen(options)    `host` (127.0.0.1), `backlog` (128), `port` (0), `read = false`: of those who come nothing is
--                         read until c:resume(). `tls`: wss, see spec/support/tls.lua; p:accept raises what a
--                         handshake failed by
-- p:accept([timeout])     the next one that has connected, nothing read or written
-- p:open([headers [, timeout]])   accept, readRequest and upgrade
-- p.waiting               how many have connected and weren't accepted here
-- p:close()               nobody can connect any more. Comes by itself at the end of the test
--
-- What it gives has all the words of spec.support.client; the frames that it sends aren't masked, and what it receives
-- must be. Besides:
--
-- c:readRequest([timeout])     the head: { method =, path =, version =, headers = { lower-case name = value, or an
--                              array }, key =, text = the bytes }
-- c:upgrade(request [, headers])     the 101, with further headers; `false` takes one of the usual ones away
-- c:upgradeText(request [, headers]) its bytes
-- c.request                    the last one that was read
-- peer.checkRequest(request)   asserts that it is a client's handshake (RFC 6455 section 4.1); p:open does so

local uv = require "luv"
local assert = require "luassert"
local async = require "spec.support.async"
local client = require "spec.support.client"
local digest = require "spec.support.digest"
local tls = require "spec.support.tls"

local peer = {}
local Listener = {}
Listener.__index = Listener

local Peer = setmetatable({}, { __index = client.Client })
Peer.__index = Peer

-- Requests

function Peer:readRequest(timeout)
  local text = self:readUntil("\r\n\r\n", timeout)
  local method, path, version = text:match("^(%S+) (%S+) HTTP/(%d%.%d)\r\n")
  if not method then error(("no request in HTTP: %q"):format(text:sub(1, 200)), 2) end
  local headers = client.parseHeaders(text)
  self.request = { method = method, path = path, version = version, headers = headers, text = text,
    key = headers["sec-websocket-key"] }
  return self.request
end

local BASE64 = "^[%w+/]+[AQgw]==$" -- of 16 bytes: the last digit has four bits that say nothing

function peer.checkRequest(request)
  local headers = request.headers
  assert.equal("GET", request.method)
  assert.equal("1.1", request.version)
  assert.equal("string", type(headers.host), "there must be one Host")
  assert.equal("websocket", headers.upgrade and headers.upgrade:lower())
  assert.equal("upgrade", headers.connection and headers.connection:lower())
  assert.equal("13", headers["sec-websocket-version"])
  assert.truthy(type(request.key) == "string" and #request.key == 24 and request.key:find(BASE64),
    "the key is " .. tostring(request.key))
  assert.is_nil(headers["content-length"])
  assert.is_nil(headers["transfer-encoding"])
end

-- Answers

function Peer:upgradeText(request, headers)
  local all = { Upgrade = "websocket", Connection = "Upgrade",
    ["Sec-WebSocket-Accept"] = digest.accept(request.key or "") }
  for name, value in pairs(headers or {}) do all[name] = value end
  local lines = {}
  for name, value in pairs(all) do
    if value then lines[#lines + 1] = name .. ": " .. value end
  end
  table.sort(lines)
  return "HTTP/1.1 101 Switching Protocols\r\n" .. table.concat(lines, "\r\n") .. "\r\n\r\n"
end

function Peer:upgrade(request, headers)
  return self:write(self:upgradeText(request, headers))
end

-- Frames

local function unmasked(frame)
  local copy = { mask = false }
  for name, value in pairs(frame) do copy[name] = value end
  return client.frame(copy)
end

-- The bytes of a frame as a server sends it; `mask` makes it wrong.
peer.frame = unmasked

function Peer:sendFrame(frame)
  return self:write(unmasked(frame))
end

-- The next frame, which must be one that a client may send where no extension was agreed on. (Two keys that are the
-- same come once in 2^32.)
function Peer:receiveFrame(timeout)
  local frame = self:readFrame(timeout)
  assert.truthy(frame.key, "a client must mask")
  assert.not_equal(self.lastKey, frame.key, "the same key twice")
  assert.equal(0, frame.rsv, "no extension was agreed on: reserved bits")
  self.lastKey = frame.key
  return { fin = frame.fin, opcode = frame.opcode, payload = frame.payload }
end

-- Ends: the server is the first to end TCP.

function Peer:expectClose(code, reason, timeout)
  local theirs, text = self:expectCloseFrame(code, reason, timeout)
  self:sendClose(theirs ~= 1005 and theirs or nil)
  self:halfClose()
  self:expectEof(timeout)
  return theirs, text
end

function Peer:close(code, reason)
  self:sendClose(code, reason)
  self:expectCloseFrame(code or 1005)
  self:halfClose()
  self:expectEof()
end

-- Listening

local function take(self)
  local stream = uv.new_tcp()
  assert(self.listener:accept(stream))
  self.waiting = self.waiting + 1
  self.queue:push(stream)
end

function peer.listen(options)
  options = options or {}
  local host = options.host or "127.0.0.1"
  local self = setmetatable({ listener = uv.new_tcp(), queue = async.queue(), waiting = 0 }, Listener)
  self.reads, self.tls = options.read ~= false, options.tls
  assert(self.listener:bind(host, options.port or 0))
  assert(self.listener:listen(options.backlog or 128, function(err)
    if not err then take(self) end
  end))
  self.port = self.listener:getsockname().port
  self.url = (host:find(":", 1, true) and "%s://[%s]:%d" or "%s://%s:%d"):format(
    self.tls and "wss" or "ws", host, self.port)
  async.defer(self.close, self)
  return self
end

function Listener:accept(timeout)
  local stream = self.queue:pop(timeout, "somebody to connect")
  self.waiting = self.waiting - 1
  if self.tls then stream = tls.server(stream, self.tls, timeout) end
  local c = client.wrap(stream, Peer)
  if not self.reads then c:pause() end
  return c
end

function Listener:open(headers, timeout)
  local c = self:accept(timeout)
  local request = c:readRequest(timeout)
  peer.checkRequest(request)
  c:upgrade(request, headers)
  return c
end

-- Who has connected and was never accepted is dropped as well.
function Listener:close()
  if self.listener:is_closing() then return end
  self.listener:close()
  while self.waiting > 0 do
    self.waiting = self.waiting - 1
    self.queue:pop():close()
  end
end

return peer
