-- luaws for the conformance suite: echoes. Arguments: "on" or "off", for permessage-deflate.

local luaws = require "luaws"

local Echo = luaws.class "Echo"

function Echo:onMessage(ws, event)
  ws:send(event.data, event.isBinary)
end

-- What clients do wrong is what the suite is about: it needs no line in the log.
function Echo:onError() end

local options = { maxPayload = 64 * 1024 * 1024, maxFragments = 131072 }

luaws.WebSocketServer.new({ onConnection = function() return Echo.new() end }, options)
print("port " .. luaws.webServer.port)
