-- A client without manners: it speaks TCP, HTTP and WebSocket byte by byte, so that a spec can send what no
-- decent client would.
--
--   local client = require "spec.support.client"
--
-- Every function takes a server (spec.support.server), a port, the path of a unix socket, or { port =, tls = } as `to`:
-- with `tls` all of it goes through TLS, see spec/support/tls.lua.
--
--   local c = client.open(s, "/chat", { Origin = "http://localhost" })   the handshake, which must succeed
--   c:send("hi"); assert.equal("hi", c:receive())                      messages
--   c:close(1000)                                                        the closing handshake, to the end
--
-- client.connect(to)                    a socket, nothing sent; client.connectFrom(address, to)
-- client.handshake(to, path, headers)   sends an upgrade request: the socket and the answer, whatever it is
-- client.get(to, path, headers)         one request on a connection of its own: the answer
-- client.request(to, request)           the same for { method, path, headers, body, version }
-- client.frame(frame)                   the bytes of a frame, see below
--
-- Bytes:      c:write(bytes [, slowly]), c:read(n), c:readUntil(text), c:expectEof(), c:expectReset(),
--             c:halfClose(), c:reset() (RST), c:drop() (FIN, no more reading), c:pause(), c:resume()
-- HTTP:       c:sendRequest(request), c:response([method]): { status, reason, headers (lower-case names; the
--             value, or an array when repeated), body }
-- WebSocket:  c:send(text), c:sendBinary(bytes), c:sendFrame(frame), c:sendClose([code [, reason]]),
--             c:receive() -> data, isBinary; c:receiveFrame() -> frame; c:readFrame() -> frame, any, with rsv,
--             isMasked and its key; c:expectClose(code [, reason]) (theirs; answers it and awaits the EOF),
--             c:expectFail(code) (theirs, and EOF without an answer), c:close([code [, reason]]) (ours, with
--             their echo and EOF), c:ping([data]) awaits the pong
--
-- A frame: { opcode =, payload = "", fin = true, rsv = 0, mask = a 4-byte string or false, length = the one to
-- announce, lengthBytes = 0, 2 or 8, lengthCode = 0-127 }.
--
-- What is opened is closed at the end of the test. All waits have time-outs (async.lua).

local uv = require "luv"
local assert = require "luassert"
local wire = require "probe".wire
local async = require "spec.support.async"
local tls = require "spec.support.tls"

local Client = {}
Client.__index = Client
local client = { Client = Client } -- for peer.lua, which speaks as a server does

client.CONTINUATION, client.TEXT, client.BINARY = 0x0, 0x1, 0x2
client.CLOSE, client.PING, client.PONG = 0x8, 0x9, 0xA

local KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" -- RFC 6455 section 1.3
client.MASK = "\x37\xfa\x21\x3d"

-- Bytes

local function wake(self)
  local waiting = self.waiting
  self.waiting = nil
  if waiting then waiting() end
end

-- libuv tells an EOF where a reset came right behind the last bytes; such a socket has no peer any more. (Nor has one
-- that was closed from both sides.)
local function isReset(self)
  return self.stream.nodelay ~= nil and not self.isHalfClosed and self.stream:getpeername() == nil
end

local function onRead(self, err, bytes)
  if bytes then
    self.chunks[#self.chunks + 1] = bytes
    self.size = self.size + #bytes
  else
    self.ended = err or isReset(self) and "ECONNRESET" or "EOF"
  end
  wake(self)
end

local function startReading(self)
  self.stream:read_start(function(err, bytes) onRead(self, err, bytes) end)
end

-- All that has been read and not yet taken. What has been taken of the first chunk is left out only now, so that
-- many small frames in one chunk don't copy it again and again.
local function buffered(self)
  if #self.chunks > 1 or self.taken > 0 then
    self.chunks[1] = self.chunks[1]:sub(self.taken + 1)
    self.taken = 0
    self.chunks = { table.concat(self.chunks) }
  end
  return self.chunks[1] or ""
end

local function take(self, n)
  local first = self.chunks[1] or ""
  if #first - self.taken < n then first = buffered(self) end
  local bytes = first:sub(self.taken + 1, self.taken + n)
  self.taken = self.taken + n
  self.size = self.size - n
  return bytes
end

-- Waits until condition() holds or no more can come; returns what condition() returned.
local function waitUntil(self, condition, timeout, what)
  local result = condition()
  while not result and not self.ended do
    async.await(function(done) self.waiting = done end, timeout, what)
    result = condition()
  end
  return result
end

local function failEnded(self, what)
  error(("the connection ended (%s) while waiting for %s; it has sent %q"):format(self.ended, what,
    buffered(self):sub(1, 200)), 0)
end

function Client:read(n, timeout)
  local what = n .. " bytes"
  local enough = waitUntil(self, function() return self.size >= n end, timeout, what)
  if not enough then failEnded(self, what) end
  return take(self, n)
end

-- Everything up to and including `text`.
function Client:readUntil(text, timeout)
  local last
  waitUntil(self, function()
    last = select(2, buffered(self):find(text, 1, true))
    return last
  end, timeout, ("%q"):format(text))
  if not last then failEnded(self, ("%q"):format(text)) end
  return take(self, last)
end

-- Everything up to the end of the connection.
function Client:readAll(timeout)
  waitUntil(self, function() return false end, timeout, "the end of the connection")
  return take(self, self.size), self.ended
end

-- What has come so far; doesn't wait.
function Client:peek()
  return buffered(self)
end

function Client:expectEof(timeout)
  local rest, ended = self:readAll(timeout)
  assert.equal("", rest)
  assert.equal("EOF", ended)
end

function Client:expectReset(timeout)
  local _, ended = self:readAll(timeout)
  assert.equal("ECONNRESET", ended)
end

-- (Over TLS it is what goes over the wire that comes byte by byte.)
local function writeSlowly(self, bytes)
  local stream = self.stream
  if stream.seal then stream, bytes = stream.under, stream:seal(bytes) end
  for i = 1, #bytes do
    async.await(function(done) stream:write(bytes:sub(i, i), done) end)
  end
end

-- `slowly`: byte by byte, each in a packet of its own. Returns self. What the peer no longer takes is lost.
function Client:write(bytes, slowly)
  if slowly then
    writeSlowly(self, bytes)
  else
    self.stream:write(bytes, function() end)
  end
  return self
end

-- luv calls nobody back where a socket that is dead takes nothing more.
local function orAtOnce(request, done)
  if not request then done() end
end

-- Waits until the kernel has everything.
function Client:flush(timeout)
  async.await(function(done) orAtOnce(self.stream:write("", done), done) end, timeout, "the kernel to take the bytes")
end

function Client:halfClose()
  self.isHalfClosed = true
  async.await(function(done) orAtOnce(self.stream:shutdown(done), done) end)
end

function Client:reset()
  async.await(function(done) self.stream:close_reset(done) end)
  self.ended = "closed here"
end

function Client:drop()
  if self.stream:is_closing() then return end
  async.await(function(done) self.stream:close(done) end)
  self.ended = self.ended or "closed here"
  wake(self)
end

function Client:pause()
  self.stream:read_stop()
end

function Client:resume()
  startReading(self)
end

local function openTcp(port, host)
  local tcp = uv.new_tcp()
  local err = async.await(function(done) tcp:connect(host or "127.0.0.1", port, done) end)
  return tcp, err
end

local function openPipe(path)
  local pipe = uv.new_pipe()
  local err = async.await(function(done) pipe:connect(path, done) end)
  return pipe, err
end

local function open(to, host)
  if type(to) == "string" then return openPipe(to) end
  return openTcp(type(to) == "table" and to.port or to, host)
end

local function hostHeader(to, host)
  if type(to) == "string" then return "localhost" end
  return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, type(to) == "table" and to.port or to)
end

-- A socket that is connected, whoever began it. `class`: of its words, in place of this file's.
function client.wrap(stream, class)
  if stream.nodelay then stream:nodelay(true) end
  local self = setmetatable({ stream = stream, chunks = {}, taken = 0, size = 0 }, class or Client)
  async.defer(self.drop, self)
  startReading(self)
  return self
end

local function adopt(stream, err, to, host)
  if err then
    stream:close()
    error("can't connect: " .. err, 3)
  end
  if type(to) == "table" and to.tls then stream = tls.client(stream, to.tls) end
  local self = client.wrap(stream)
  self.host = hostHeader(to, host or "127.0.0.1")
  return self
end

-- `host`: the server's address, 127.0.0.1.
function client.connect(to, host)
  local stream, err = open(to, host)
  return adopt(stream, err, to, host)
end

-- Comes from another address of this machine.
function client.connectFrom(address, to)
  local tcp = uv.new_tcp()
  tcp:bind(address, 0)
  local err = async.await(function(done) tcp:connect("127.0.0.1", to.port, done) end)
  return adopt(tcp, err, to)
end

-- Whether nobody listens there.
function client.isRefused(to)
  local stream, err = open(to)
  stream:close()
  return err ~= nil, err
end

-- HTTP

local function addHeader(lines, name, value)
  if type(value) ~= "table" then value = { value } end
  for _, v in ipairs(value) do lines[#lines + 1] = name .. ": " .. v end
end

-- A header whose value is false is left out, also the ones that are added here.
local function requestText(self, request)
  local lines = {}
  local headers = request.headers or {}
  lines[1] = ("%s %s HTTP/%s"):format(request.method or "GET", request.path or "/", request.version or "1.1")
  if headers.Host == nil then lines[2] = "Host: " .. self.host end
  if request.body and headers["Content-Length"] == nil and headers["Transfer-Encoding"] == nil then
    lines[#lines + 1] = "Content-Length: " .. #request.body
  end
  local names = {}
  for name, value in pairs(headers) do
    if value then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do addHeader(lines, name, headers[name]) end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (request.body or "")
end

function Client:requestText(request)
  return requestText(self, request)
end

function Client:sendRequest(request)
  return self:write(requestText(self, request))
end

-- The lines behind the first one of a head: lower-case names; the value, or an array when repeated.
function client.parseHeaders(head)
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    name = name:lower()
    local old = headers[name]
    if old == nil then
      headers[name] = value
    elseif type(old) == "table" then
      old[#old + 1] = value
    else
      headers[name] = { old, value }
    end
  end
  return headers
end

local function parseHead(head)
  local version, status, reason = head:match("^HTTP/(1%.%d) (%d%d%d) ([^\r\n]*)\r\n")
  if not version then error(("no answer in HTTP: %q"):format(head:sub(1, 200)), 0) end
  return { version = version, status = math.tointeger(tonumber(status)), reason = reason,
    headers = client.parseHeaders(head) }
end

-- The next answer. `method`: of the request ("HEAD" has no body).
function Client:response(method, timeout)
  local answer = parseHead(self:readUntil("\r\n\r\n", timeout))
  local length = math.tointeger(tonumber(answer.headers["content-length"]))
  local empty = method == "HEAD" or answer.status < 200 or answer.status == 204 or answer.status == 304
  if empty then
    answer.body = ""
  elseif length then
    answer.body = self:read(length, timeout)
  else
    answer.body = self:readAll(timeout)
  end
  return answer
end

function client.request(to, request)
  local c = client.connect(to)
  c:sendRequest(request)
  local answer = c:response(request.method)
  c:drop()
  return answer
end

function client.get(to, path, headers)
  return client.request(to, { path = path, headers = headers })
end

-- WebSocket

-- The headers of an upgrade request, changed by `headers` (false takes one away).
function client.upgradeHeaders(headers)
  local all = {
    ["Upgrade"] = "websocket", ["Connection"] = "Upgrade",
    ["Sec-WebSocket-Key"] = KEY, ["Sec-WebSocket-Version"] = "13",
  }
  for name, value in pairs(headers or {}) do all[name] = value end
  return all
end

function client.handshake(to, path, headers)
  local c = client.connect(to)
  c:sendRequest({ path = path or "/", headers = client.upgradeHeaders(headers) })
  return c, c:response()
end

-- Checks a 101 answer to this client's key.
function client.assertUpgraded(answer)
  assert.equal(101, answer.status, answer.body)
  assert.equal("websocket", answer.headers.upgrade:lower())
  assert.equal("upgrade", answer.headers.connection:lower())
  assert.equal(ACCEPT, answer.headers["sec-websocket-accept"])
end

function client.open(to, path, headers)
  local c, answer = client.handshake(to, path, headers)
  client.assertUpgraded(answer)
  c.answer = answer
  return c
end

local function lengthBytes(f, length)
  local size = f.lengthBytes or (length < 126 and 0 or length < 65536 and 2 or 8)
  if size == 0 then return f.lengthCode or length, "" end
  if size == 2 then return f.lengthCode or 126, string.pack(">I2", length) end
  return f.lengthCode or 127, string.pack(">I8", length)
end

function client.frame(f)
  local payload = f.payload or ""
  local mask = f.mask == nil and client.MASK or f.mask
  local code, extended = lengthBytes(f, f.length or #payload)
  local first = (f.fin == false and 0 or 0x80) | (f.rsv or 0) << 4 | f.opcode
  local head = string.char(first, (mask and 0x80 or 0) | code) .. extended
  if not mask then return head .. payload end
  return head .. mask .. wire.mask(payload, mask)
end

function client.closePayload(code, reason)
  return code and string.pack(">I2", code) .. (reason or "") or ""
end

function Client:sendFrame(frame)
  return self:write(client.frame(frame))
end

function Client:send(text)
  return self:sendFrame({ opcode = client.TEXT, payload = text })
end

function Client:sendBinary(bytes)
  return self:sendFrame({ opcode = client.BINARY, payload = bytes })
end

function Client:sendClose(code, reason)
  return self:sendFrame({ opcode = client.CLOSE, payload = client.closePayload(code, reason) })
end

-- The next frame as it is, whatever it may be.
function Client:readFrame(timeout)
  local first, second = self:read(2, timeout):byte(1, 2)
  local length = second & 0x7f
  if length == 126 then
    length = string.unpack(">I2", self:read(2, timeout))
  elseif length == 127 then
    length = string.unpack(">I8", self:read(8, timeout))
  end
  local isMasked = second & 0x80 ~= 0
  local key = isMasked and self:read(4, timeout) or nil
  local payload = self:read(length, timeout)
  return {
    fin = first & 0x80 ~= 0, rsv = first >> 4 & 7, opcode = first & 0x0f, isMasked = isMasked, key = key,
    payload = key and wire.mask(payload, key) or payload,
  }
end

-- The next frame, which must be one that a server may send where no extension was agreed on.
function Client:receiveFrame(timeout)
  local frame = self:readFrame(timeout)
  assert.is_false(frame.isMasked, "a server must not mask")
  assert.equal(0, frame.rsv, "no extension was agreed on: reserved bits")
  return { fin = frame.fin, opcode = frame.opcode, payload = frame.payload }
end

-- The next message; data and whether it is binary. Pings on the way are answered.
function Client:receive(timeout)
  local frame = self:receiveFrame(timeout)
  while frame.opcode == client.PING or frame.opcode == client.PONG do
    if frame.opcode == client.PING then self:sendFrame({ opcode = client.PONG, payload = frame.payload }) end
    frame = self:receiveFrame(timeout)
  end
  if frame.opcode == client.CLOSE then
    error(("expected a message, got a close frame: %s %s"):format(
      #frame.payload >= 2 and string.unpack(">I2", frame.payload) or "no code", frame.payload:sub(3)), 2)
  end
  assert.is_true(frame.fin, "luaws sends whole messages")
  return frame.payload, frame.opcode == client.BINARY
end

-- Sends a text and awaits the answer.
function Client:ask(text)
  self:send(text)
  return (self:receive())
end

-- The next `count` messages as an array.
function Client:receiveMany(count, timeout)
  local messages = {}
  for i = 1, count do messages[i] = self:receive(timeout) end
  return messages
end

local function expectCloseFrame(self, code, reason, timeout)
  local frame = self:receiveFrame(timeout)
  assert.equal(client.CLOSE, frame.opcode, ("expected a close frame, got opcode %d: %s"):format(
    frame.opcode, frame.payload:sub(1, 100)))
  local theirs = #frame.payload >= 2 and string.unpack(">I2", frame.payload) or 1005
  if code then assert.equal(code, theirs, frame.payload:sub(3)) end
  if reason then assert.equal(reason, frame.payload:sub(3)) end
  return theirs, frame.payload:sub(3)
end

-- Their close frame, not answered.
function Client:expectCloseFrame(code, reason, timeout)
  return expectCloseFrame(self, code, reason, timeout)
end

function Client:expectClose(code, reason, timeout)
  local theirs, text = expectCloseFrame(self, code, reason, timeout)
  self:sendClose(theirs ~= 1005 and theirs or nil)
  self:expectEof(timeout)
  return theirs, text
end

function Client:expectFail(code, reason, timeout)
  local theirs, text = expectCloseFrame(self, code, reason, timeout)
  self:expectEof(timeout)
  return theirs, text
end

function Client:close(code, reason)
  self:sendClose(code, reason)
  expectCloseFrame(self, code or 1005)
  self:expectEof()
end

function Client:ping(data, timeout)
  self:sendFrame({ opcode = client.PING, payload = data or "" })
  local frame = self:receiveFrame(timeout)
  assert.equal(client.PONG, frame.opcode)
  assert.equal(data or "", frame.payload)
end

return client
