-- testing.server: a real server on a free port, and clients for it.

local luaws = require "luaws"
local uv = require "luv"
local bench = require "luaws.testing.bench"
local connect = require "luaws.testing.client"

local MOMENT = 0.001 -- s
local CLOSE = 1      -- s: how long the ends of connections may take

local Server = {}
Server.__index = Server

function Server:urlOf(path)
  return ("ws://127.0.0.1:%d%s"):format(self.port, path or "/")
end

-- A client that is open. Raises why when it is refused.
function Server:connect(path, options)
  local client, failure = connect(self:urlOf(path), options)
  if not client then error("connect: " .. failure.message, 2) end
  table.insert(self.clients, client)
  return client
end

-- The status with which a client is refused, and the message about that. Raises when it isn't.
function Server:refused(path, options)
  local client, failure = connect(self:urlOf(path), options)
  if not client then return failure.errCode, failure.message end
  table.insert(self.clients, client)
  error("refused: the client was accepted", 2)
end

local function isOver(self)
  for _, wss in ipairs(self.servers) do
    if not wss.terminated then return false end
  end
  return true
end

-- Waits for the ends of all its servers. False when that takes longer.
function Server:awaitEnd(seconds)
  local last = uv.hrtime() + seconds * 1e9
  while not isOver(self) do
    if uv.hrtime() > last then return false end
    luaws.sleep(MOMENT)
  end
  return true
end

-- Closes everything, and waits for that.
function Server:stop()
  if self.isStopped then return end
  self.isStopped = true
  bench.servers = bench.servers - 1
  for _, client in ipairs(self.clients) do client.ws:terminate() end
  for _, wss in ipairs(self.servers) do wss:terminate(CLOSE) end
  local ok, stuck = true, nil
  if not self:awaitEnd(2 * CLOSE) then
    ok, stuck = pcall(bench.endCallbacks)
    self:awaitEnd(CLOSE)
  end
  for _, web in ipairs(self.webs) do web:stop(0) end
  for _, client in ipairs(self.clients) do
    while not client.closed do client:awaitNews() end
  end
  if not ok then error(stuck, 0) end
end

-- A connection's handler alone serves everybody.
local function completed(handler)
  if handler.onConnection ~= nil or handler.onMessage == nil then return handler end
  return { onConnection = function() return handler end }
end

local function serve(self, handler, options)
  local settings = { web = luaws.WebServer.new { port = 0 } }
  for name, value in pairs(options or {}) do settings[name] = value end
  self.webs[1] = settings.web
  self.servers[1] = luaws.WebSocketServer.new(completed(handler), settings)
  self.port = settings.web.port
end

return function(target, options)
  local self = setmetatable({ clients = {}, servers = {}, webs = {} }, Server)
  bench.servers = bench.servers + 1
  bench.defer(self.stop, self)
  serve(self, target, options)
  self.wss = self.servers[1]
  self.url = self:urlOf ""
  return self
end
