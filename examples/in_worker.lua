-- A WebSocket server that lives in a worker of its own: made there by a call, ended by another one.
--
--   luaws examples/in_worker.lua
--   luaws connect ws://127.0.0.1:8080/chat       a client of that server
--   luaws connect ws://127.0.0.1:8080/control    type: start, stop, count, kill
--
-- The server is a global of the worker, in examples/in_worker/server.lua. Both answer on one port,
-- since the web server is one for the process.

local luaws = require "luaws"

local WORKER = "WebSocketServer"

local COMMANDS = {}

function COMMANDS.start() return luaws.askWorker(WORKER, "in_worker.server.start", "/chat") end
function COMMANDS.stop() return luaws.askWorker(WORKER, "in_worker.server.stop") end
function COMMANDS.count() return luaws.askWorker(WORKER, "in_worker.server.count") end

-- The worker's globals go with it; the next call makes a new one.
function COMMANDS.kill()
  luaws.killWorker(WORKER)
  return "killed"
end

local Control = luaws.class "Control"

function Control:onMessage(ws, event)
  local command = COMMANDS[event.data]
  ws:send(command and tostring(command()) or "start, stop, count or kill?")
end

luaws.WebSocketServer.new({
  onConnection = function() return Control.new() end,
}, { path = "/control" })

luaws.callWorker(WORKER, "in_worker.server.start", "/chat")
