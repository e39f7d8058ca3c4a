-- Runs a scenario over the fake wire and over real sockets, and notes for each what the handlers
-- were called with, in order, and what each client received.
--
-- How long a real socket takes nobody knows. So the fake one goes first, and after each step notes
-- how much there is by then: over sockets, as much is awaited before the next step.

local luaws = require "luaws"
local testing = require "luaws.testing"
local connectPolite = require "spec.wired.polite"
local connectRaw = require "spec.wired.raw"



local PATIENCE = 10 -- s: for a real socket
local MOMENT = 0.001

local drive = {}

local NAMES = { "onConnection", "onOpen", "onMessage", "onDrain", "onError", "onTerminate" }

local function errorsOf(event)
  local list = {}
  for i, err in ipairs(event.errors) do
    list[i] = {
      -- How many bytes the kernel takes before it refuses some is its own affair.
      errCode = err.errCode, message = err.message:gsub("%d+ bytes wait", "bytes wait"),
      componentSignature = err.componentSignature,
      hasTraceback = err.traceback ~= nil,
    }
  end
  return list
end

local function requestOf(request)
  local copy = {}
  for name, value in pairs(request) do
    if name ~= "remotePort" then copy[name] = value end
  end
  return copy
end

-- What of an event is told to a handler, as plain values.
local function describe(event)
  local told = { type = event.type, data = event.data, isBinary = event.isBinary }
  for _, name in ipairs { "code", "reason", "wasClean", "attempt" } do told[name] = event[name] end
  if event.errors then told.errors = errorsOf(event) end
  if event.request then told.request = requestOf(event.request) end
  told.hasConnection = event.connection ~= nil or nil
  return told
end

-- The same handler, whose calls are noted.
local function recorded(self, who, handler)
  local proxy = setmetatable({}, { __index = handler })
  for _, name in ipairs(NAMES) do
    local method = handler[name]
    if method or name ~= "onConnection" and (name ~= "onMessage" or handler.onMessage) then
      proxy[name] = function(_, target, event)
        self.log[#self.log + 1] = {
          who = who, name = name, event = describe(event), status = target.status,
          buffered = name == "onDrain" and target.bufferedAmount or nil,
          connections = target.wss and target.wss.connectionCount or target.connectionCount,
        }
        if name == "onError" and handler.noOnError then return nil end
        if method then return method(handler, target, event) end
      end
    end
  end
  if handler.noOnError then proxy.onError = nil end
  return proxy
end

local Run = {}
Run.__index = Run

-- Noted among the handlers' calls: for what they do in between.
function Run:note(...)
  self.log[#self.log + 1] = table.pack(...)
end

-- The clients first: who looks at a fake one brings all to rest.
local function count(self)
  local n = 0
  for _, client in ipairs(self.clients) do
    local frames = #client.ws.frames
    if self.seesPeers then n = n + frames end
  end
  return n + #self.log
end

local function settleFake(self)
  table.insert(self.counts, count(self))
end

local function settleReal(self)
  self.step = self.step + 1
  local wanted = self.counts[self.step]
  local last = os.time() + PATIENCE
  while count(self) < wanted and os.time() <= last do luaws.sleep(MOMENT) end
end

-- A method of a client, and then rest.
local Client = {}

function Client:__index(name)
  return function(_, ...)
    self.ws[name](self.ws, ...)
    self.run:settle()
  end
end

-- A client.
function Run:open(request)
  request = request or {}
  local ws, status, body = self:connect(request)
  local client = setmetatable({ run = self, ws = ws or { frames = {} } }, Client)
  table.insert(self.clients, client)
  table.insert(self.answers, table.pack(ws and 101 or status, ws and ws.protocol, body))
  self:settle()
  return client
end

function Run:advance(seconds)
  if self.clock then self.clock:advance(seconds) end
  self:settle()
end

-- Something the test itself does to a server or connection.
function Run:act(f, ...)
  f(...)
  self:settle()
end

function Run:handlerOf(who, handler)
  return recorded(self, who, handler)
end

-- What has been seen.
local function result(self)
  local peers = {}
  for i, client in ipairs(self.clients) do
    peers[i] = {}
    for j, frame in ipairs(client.ws.frames) do
      local data = frame.data
      if data and #data > 1000 then data = ("%d bytes"):format(#data) end
      peers[i][j] = { frame.type, data, frame.isBinary, frame.code, frame.reason, n = 5 }
    end
  end
  return { calls = self.log, answers = self.answers, peers = self.seesPeers and peers or nil }
end

local function start(scenario, fields)
  local self = setmetatable(fields, Run)
  self.log, self.answers, self.clients, self.step = {}, {}, {}, 0
  self.seesPeers = scenario.seesPeers ~= false
  local handler = scenario.handler(self)
  self.isServer = handler.onConnection ~= nil
  self.handler = recorded(self, self.isServer and "server" or "connection", handler)
  return self
end

local function runFake(scenario)
  local self = start(scenario, { counts = {}, settle = settleFake })
  function self.connect(_, request)
    local options = { headers = request.headers, url = request.url, protocols = request.protocols }
    local handler = self.handler
    if self.wss then
      options.server = self.wss
      if self.isServer then handler = nil end
    else
      for name, value in pairs(scenario.options or {}) do options[name] = value end
      options.protocols = scenario.options and scenario.options.protocols or nil
    end
    options.headers = { ["Sec-WebSocket-Protocol"] = request.protocols
      and table.concat(request.protocols, ", ") or false }
    for name, value in pairs(request.headers or {}) do options.headers[name] = value end
    local ws, second, third = testing.connection(handler, options)
    if not ws then return nil, second, third end
    self.wss, self.clock = ws.wss, second
    return ws
  end
  scenario.run(self)
  return result(self), self.counts
end

local function runReal(scenario, counts)
  local self = start(scenario, { counts = counts, settle = settleReal })
  local handler = self.handler
  if not self.isServer then
    handler = { onConnection = function() return self.handler end }
  end
  local server = testing.server(handler, scenario.options)
  self.wss = server.wss
  function self.connect(_, request)
    if scenario.isCompressed then return connectPolite(server.port) end
    local raw = connectRaw(server.port, request)
    local last = os.time() + PATIENCE
    while not raw.answer and not raw.ended and os.time() <= last do luaws.sleep(MOMENT) end
    if raw.answer and raw.answer.status == 101 then return raw end
    return nil, raw.answer and raw.answer.status, raw.answer and raw.answer.body
  end
  scenario.run(self)
  return result(self), self
end

-- Both results; what the handlers have raised is part of them.
function drive.both(scenario)
  local fake, counts = runFake(scenario)
  local real, run = runReal(scenario, counts)
  for _, client in ipairs(run.clients) do
    if client.ws.lose then client.ws:lose() end
  end
  testing.errors()
  return fake, real
end

return drive
