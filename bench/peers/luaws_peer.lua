-- luaws with its default options. Argument: echo (the default), json (an echo that reads and writes
-- objects), broadcast (one call for all) or foreach (4D's loop over the connections).

local luaws = require "luaws"

local modes = {
  echo = function(_, ws, event)
    ws:send(event.data, event.isBinary)
  end,
  json = function(_, ws, event)
    ws:send(event.data)
  end,
  broadcast = function(_, ws, event)
    ws.wss:broadcast(event.data)
  end,
  foreach = function(_, ws, event)
    for _, client in ipairs(ws.wss.connections) do
      client:send(event.data, event.isBinary)
    end
  end,
}

local mode = arg[1] or "echo"
local connection = { onMessage = modes[mode] }

luaws.WebSocketServer.new({
  onConnection = function()
    return connection
  end,
}, { dataType = mode == "json" and "object" or "text" })
