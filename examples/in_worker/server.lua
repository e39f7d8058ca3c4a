-- What the worker of examples/in_worker.lua is called for.

local luaws = require "luaws"

local server = {}

local Chat = luaws.class "Chat"

function Chat:onOpen(ws) ws:send("Welcome on the chat! It runs in " .. luaws.workerName) end
function Chat:onMessage(ws, event) ws.wss:broadcast(event.data, ws) end

-- `wss` is a global: it persists from call to call, as all of the worker's state does.
function server.start(path)
  if wss and not wss.terminated then return "it runs already" end
  wss = luaws.WebSocketServer.new({
    onConnection = function() return Chat.new() end,
  }, { path = path })
  return "started"
end

function server.stop()
  if not wss or wss.terminated then return "it doesn't run" end
  wss:terminate()
  return "stopped"
end

-- Where it answers.
function server.url()
  return (luaws.webServer.url:gsub("^http", "ws"):gsub("/$", wss.path))
end

function server.count()
  return wss and #wss.connections or 0
end

return server
