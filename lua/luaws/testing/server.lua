-- testing.server: a real server on a free port, for a handler or a script, and clients for it.

local luaws = require "luaws"
local uv = require "luv"
local bench = require "luaws.testing.bench"
local connect = require "luaws.testing.client"
local get = require "luaws.testing.http"
local runScript = require "luaws.testing.script"

local TURNS = 100    -- of the loop without a pause: what is local takes less than a millisecond
local MOMENT = 0.001 -- s
local NOTICE = 0.5   -- s: for a server to see that its clients have gone
local CLOSE = 1      -- s: how long the ends of connections may take
local PATIENCE = 2   -- s: for a line of output

local Server = {}
Server.__index = Server

-- The web server of the server with this path, or of the first one. Raises, at that level, when it
-- serves nothing.
local function webOf(self, path, level)
  if self.isStopped then
    error(self.name .. " has been stopped, as it is at the end of its test", level + 1)
  end
  local found = self.servers[1]
  for _, server in ipairs(self.servers) do
    if server.wss.path == path and not server.wss.terminated then found = server end
  end
  local web = found and found.web or self.webs[1]
  if not web or not web.isRunning then
    error(self.name .. " serves nothing", level + 1)
  end
  return web
end

local function addressOf(web)
  local scheme = web.url:match("^https:") and "wss" or "ws"
  return ("%s://127.0.0.1:%d"):format(scheme, web.port)
end

local function checkPath(path)
  if type(path) ~= "string" or path:sub(1, 1) ~= "/" then
    error(("expected a path, which begins with '/', got %s"):format(
      type(path) == "string" and "'" .. path .. "'" or "a " .. type(path)), 4)
  end
end

local function dial(self, path, options)
  checkPath(path)
  local base = addressOf(webOf(self, path:match("^[^?]*"), 3))
  local client, failure = connect(base .. path, options)
  if client then table.insert(self.clients, client) end
  return client, failure
end

-- A client that is open. Raises why when it is refused.
function Server:connect(path, options)
  local client, failure = dial(self, path or "/", options)
  if not client then error("connect: " .. failure.message, 2) end
  return client
end

-- The status with which a client is refused, and the message about that. Raises when it isn't.
function Server:refused(path, options)
  local client, failure = dial(self, path or "/", options)
  if client then error("refused: the client was accepted", 2) end
  return failure.errCode, failure.message
end

-- The answer to a GET: { status =, headers =, body = }.
function Server:get(path, headers)
  local web = webOf(self, nil, 2)
  if web.url:match("^https:") then error("get: it speaks no TLS", 2) end
  local answer, err = get(web.port, path, headers)
  if not answer then error("get: " .. err, 2) end
  return answer
end

-- Waits until it is so, which takes some turns of the loops. False when it takes longer than that.
local function await(seconds, isSo)
  local last = uv.hrtime() + seconds * 1e9
  local turns = 0
  while not isSo() do
    if uv.hrtime() > last then return false end
    turns = turns + 1
    luaws.sleep(turns < TURNS and 0 or MOMENT)
  end
  return true
end

local function findLine(lines, pattern)
  for _, line in ipairs(lines) do
    if line:find(pattern) then return line end
  end
end

-- The first line that the script prints which matches a pattern; waits for it, up to `timeout`
-- seconds (2). nil: none does.
function Server:awaitOutput(pattern, timeout)
  local function isThere() return findLine(self.output, pattern) end
  await(timeout or PATIENCE, isThere)
  return isThere()
end

local function areClosed(clients)
  for _, client in ipairs(clients) do
    if not client.closed then return false end
  end
  return true
end

local function areEmpty(servers)
  for _, server in ipairs(servers) do
    if #server.wss.connections > 0 then return false end
  end
  return true
end

local function areTerminated(servers)
  for _, server in ipairs(servers) do
    if not server.wss.terminated then return false end
  end
  return true
end

-- Ends all of its connections and servers, and waits for that: the clients first, so that what they
-- have sent is dealt with. Comes by itself when the test is over.
function Server:stop()
  if self.isStopped then return end
  self.isStopped = true
  for _, client in ipairs(self.clients) do client.ws:terminate() end
  await(CLOSE, function() return areClosed(self.clients) end)
  await(NOTICE, function() return areEmpty(self.servers) end)
  for _, server in ipairs(self.servers) do server.wss:terminate(CLOSE) end
  local ok, stuck = true, nil
  if not await(2 * CLOSE, function() return areTerminated(self.servers) end) then
    ok, stuck = pcall(bench.endCallbacks)
    await(CLOSE, function() return areTerminated(self.servers) end)
  end
  for _, web in ipairs(self.webs) do web:stop(0) end
  for _, client in ipairs(self.clients) do client:lose() end
  if self.script then self.script:finish() end
  bench.servers = bench.servers - 1
  if not ok then error(stuck, 0) end
end

-- A connection's handler alone serves everybody.
local function completed(handler)
  if handler.onConnection ~= nil or handler.onMessage == nil then return handler end
  return { onConnection = function() return handler end }
end

local function serve(self, handler, options)
  local settings = { web = luaws.WebServer.new() }
  for name, value in pairs(options or {}) do settings[name] = value end
  local wss = luaws.WebSocketServer.new(completed(handler), settings)
  self.name = "the handler"
  self.webs[1] = settings.web
  self.servers[1] = { wss = wss, web = settings.web }
end

-- In the working directory, or in one of the project's folders.
local function findScript(path)
  for _, folder in ipairs(bench.folders) do
    local found = folder == "." and path or folder .. "/" .. path
    if uv.fs_stat(found) then return found end
  end
  error(("testing.server: there is no script %s (looked for in %s)")
    :format(path, table.concat(bench.folders, ", ")), 3)
end

local function checkOptions(options)
  for name in pairs(options) do
    if name ~= "args" and name ~= "tls" then
      error(("testing.server: unknown option '%s' (a script takes args and tls)")
        :format(tostring(name)), 3)
    end
  end
  return options
end

local function start(self, path, options)
  self.name = path
  runScript(path, options, function(script)
    self.script, self.servers, self.webs = script, script.servers, script.webs
    self.output = script.output
    function script.onExit(code) self.exitCode = code end
  end)
end

local function newServer(target, options)
  local self = setmetatable({ clients = {}, servers = {}, webs = {} }, Server)
  if type(target) == "string" then
    local path, settings = findScript(target), checkOptions(options or {})
    bench.servers = bench.servers + 1
    bench.defer(self.stop, self)
    start(self, path, settings)
  elseif type(target) == "table" then
    bench.servers = bench.servers + 1
    bench.defer(self.stop, self)
    serve(self, target, options)
  else
    error(("testing.server: expected a handler (a table) or a script's path, got %s")
      :format(type(target)), 2)
  end
  local first = self.servers[1]
  if first then
    self.wss, self.port, self.url = first.wss, first.web.port, addressOf(first.web)
  end
  return self
end

return newServer
