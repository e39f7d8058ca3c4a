-- luaws with its default options. Argument: echo (the default), broadcast (one call for all) or
-- foreach (4D's loop over the connections).

local luaws = require "luaws"

local modes = {
  echo = function(_, ws, event)
    ws:send(event.data, event.isBinary)
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

local connection = { onMessage = modes[arg[1] or "echo"] }

luaws.WebSocketServer.new({
  onConnection = function()
    return connection
  end,
})
