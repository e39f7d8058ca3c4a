-- A client for tests: a real WebSocket whose messages are kept, so that a test can look at all of
-- them or receive one after the other.

local luaws = require "luaws"
local uv = require "luv"

local Client = {}
Client.__index = Client

local function now()
  return uv.hrtime() / 1e9
end

local function wake(self)
  local waiters = self.waiters
  self.waiters = {}
  for _, done in ipairs(waiters) do done() end
end

local function makeHandler(self)
  return {
    onMessage = function(_, _, event)
      table.insert(self.sent, event.data)
      self.isBinary[#self.sent] = event.isBinary
      wake(self)
    end,
    onError = function(_, _, event) self.failure = event.errors[1] end,
    onTerminate = function(_, _, event)
      self.closed, self.code, self.reason = true, event.code, event.reason
      self.wasClean = event.wasClean
      wake(self)
    end,
  }
end

-- Waits until something has come, or the connection has ended; at most so many seconds.
function Client:awaitNews(seconds)
  local timer
  luaws.await(function(done)
    table.insert(self.waiters, done)
    if seconds then timer = luaws.after(seconds, done) end
  end)
  if timer then timer:cancel() end
end

-- The next message that has not been received yet, and whether it is binary. nil, "timeout"; or
-- nil, "closed", code, reason.
function Client:receive(timeout)
  local last = timeout and now() + timeout
  while #self.sent == self.received do
    if self.closed then return nil, "closed", self.code, self.reason end
    local left = last and last - now()
    if left and left <= 0 then return nil, "timeout" end
    self:awaitNews(left)
  end
  self.received = self.received + 1
  return self.sent[self.received], self.isBinary[self.received]
end

function Client:messages()
  return function() return (self:receive()) end
end

function Client:send(message, isBinary)
  return self.ws:send(message, isBinary)
end

function Client:ping(data)
  return self.ws:ping(data)
end

-- Waits until the connection has ended.
function Client:awaitEnd()
  while not self.closed do self:awaitNews() end
end

-- Closes with 1000, or with this code, and waits for the end.
function Client:close(code, reason)
  self.ws:terminate(code, reason)
  self:awaitEnd()
end

-- Is gone without a word.
function Client:lose()
  self.ws:destroy()
  self:awaitEnd()
end

-- No test knows who has signed a certificate that was made for it.
local function completed(options)
  if options and options.tls ~= nil then return options end
  local settings = { tls = { insecure = true } }
  for name, value in pairs(options or {}) do settings[name] = value end
  return settings
end

-- Dials. The client, or nil and luaws's error.
return function(url, options)
  local self = setmetatable({
    sent = {}, isBinary = {}, received = 0, waiters = {}, closed = false,
  }, Client)
  local ws, err = luaws.WebSocket.new(url, makeHandler(self), completed(options))
  if not ws then return nil, { message = err } end
  self.ws = ws
  local isOpen, why = ws:opened()
  if not isOpen then return nil, self.failure or { message = why } end
  self.protocol = ws.protocol
  return self
end
