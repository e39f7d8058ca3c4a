-- TLS over a stream of luv's, in either role, by OpenSSL itself (probe_tls.c): spec.support.client and peer speak it
-- where they are asked to, with all their words.
--
--   local c = client.open({ port = s.port, tls = true })     as a client; a server started with `tls` has it already:
--   local c = client.open(s)                                 server.start(script, { tls = true })
--   local p = peer.listen({ tls = true })                    as a server
--   local facts = c.stream:facts()                           what was agreed on: see probe_tls.c, get_facts
--
-- `tls` is true, or a table; one table stands for one context of OpenSSL's, made when it is first used:
--   a client's: `name` that it asks for and checks ("localhost"), `ca` (certificates.ca; false: it believes anybody),
--     `cert` and `key` (none), `ticket` (from c.stream:ticket(), to resume that session)
--   a server's: `cert` and `key` (certificates.server), `ca`, `verify` ("optional", "required"; nobody is asked)
--   either's: `minVersion`, `maxVersion` ("1.0" to "1.3"), `ciphers` (up to TLS 1.2), `suites` (1.3), `alpn` (array)
--
-- tls.client(stream, options), tls.server(stream, options)   a stream with the same methods, after the handshake; raise
--     what the handshake failed by. `stream` may be such a one itself: TLS in TLS.
-- Besides, it has :facts(), :ticket(), :updateKey([both]) (TLS 1.3), :seal(bytes) -> what goes over the wire for them,
--     .under, the stream below: c.stream.under:shutdown() ends it without a close_notify.
--
-- An end without close_notify is told as the error "EOF without close_notify".

local engines = require "probe".tls
local async = require "spec.support.async"
local certificates = require "spec.support.certificates"

local tls = {}
local Stream = {}
Stream.__index = Stream

local USUAL = {} -- the options where there are none

local contexts = { [true] = setmetatable({}, { __mode = "k" }), [false] = setmetatable({}, { __mode = "k" }) }

local function makeContext(options, isServer)
  local all = { server = isServer }
  for name, value in pairs(options) do all[name] = value end
  if isServer and not all.cert then all.cert, all.key = certificates.server.cert, certificates.server.key end
  if not isServer and all.ca == nil then all.ca = certificates.ca end
  return engines.context(all)
end

local function contextOf(options, isServer)
  local made = contexts[isServer]
  made[options] = made[options] or makeContext(options, isServer)
  return made[options]
end

-- What the engine has for the peer goes out.
local function flush(self, done)
  local bytes = self.engine:take()
  if (bytes ~= "" or done) and not self.under:is_closing() then
    return self.under:write(bytes, done or function() end)
  end
end

local function tellEnd(self, err)
  if self.hasEnded then return end
  self.hasEnded = true
  self.onRead(err, nil)
end

-- Everything that can be read in clear goes to the reader, if there is one.
local function deliver(self)
  if not self.onRead then return end
  local clear, isFinished = self.engine:read()
  flush(self)
  if not clear then return tellEnd(self, isFinished) end
  self.isFinished = isFinished
  if clear ~= "" then self.onRead(nil, clear) end
  if self.ended and self.onRead then
    tellEnd(self, self.ended ~= "EOF" and self.ended or not isFinished and "EOF without close_notify" or nil)
  end
end

local function shakeHands(self)
  local isDone, err = self.engine:handshake()
  flush(self)
  if isDone == nil then
    self.onHandshake(err)
  elseif isDone then
    self.isOpen = true
    self.onHandshake()
  elseif self.ended then
    self.onHandshake(self.ended .. " in the handshake")
  end
end

local function onBytes(self, err, bytes)
  if bytes then self.engine:feed(bytes) else self.ended = err or "EOF" end
  if not self.isOpen then shakeHands(self) end
  if self.isOpen then deliver(self) end
end

local function startReading(self)
  self.under:read_start(function(err, bytes) onBytes(self, err, bytes) end)
end

local function open(under, options, isServer, timeout)
  options = options == true and USUAL or options
  local context = contextOf(options, isServer)
  local self = setmetatable({ under = under, nodelay = under.nodelay and Stream.setNodelay }, Stream)
  self.engine = isServer and context:engine() or context:engine(options.name or "localhost", options.ticket)
  local ok, err = pcall(async.await, function(done)
    self.onHandshake = done
    startReading(self)
    shakeHands(self)
  end, timeout, "the TLS handshake")
  if ok and not err then return self end
  async.await(function(done) under:close(done) end)
  error("TLS: " .. err, 0)
end

function tls.client(under, options, timeout)
  return open(under, options, false, timeout)
end

function tls.server(under, options, timeout)
  return open(under, options, true, timeout)
end

-- What luv's streams have

function Stream:read_start(onRead)
  self.onRead = onRead
  startReading(self)
  deliver(self)
end

function Stream:read_stop()
  self.onRead = nil
  self.under:read_stop()
end

function Stream:write(bytes, done)
  self.engine:write(bytes)
  return flush(self, done or function() end)
end

function Stream:shutdown(done)
  self.engine:finish()
  flush(self)
  return self.under:shutdown(done)
end

function Stream:close(done)
  if not self.ended then
    self.engine:finish()
    flush(self)
  end
  self.under:close(done)
end

function Stream:setNodelay(isOn)
  return self.under:nodelay(isOn)
end

for _, name in ipairs({ "close_reset", "is_closing", "getpeername", "getsockname", "fileno", "recv_buffer_size",
  "send_buffer_size", "get_write_queue_size" }) do
  Stream[name] = function(self, ...) return self.under[name](self.under, ...) end
end

-- What they don't have

function Stream:facts()
  return self.engine:facts()
end

function Stream:ticket()
  return self.engine:ticket()
end

function Stream:updateKey(both)
  self.engine:updateKey(both)
  flush(self)
end

function Stream:seal(bytes)
  self.engine:write(bytes)
  return self.engine:take()
end

return tls
