-- luaws for the conformance suite: echoes. Argument: "on" or "off", for permessage-deflate.

local luaws = require "luaws"

local Echo = luaws.class "Echo"

function Echo:onMessage(ws, event)
  ws:send(event.data, event.isBinary)
end

-- What clients do wrong is what the suite is about: it needs no line in the log.
function Echo:onError() end

-- Under a sanitizer the suite may take its time to send a request.
assert(luaws.webServer:start({ handshakeTimeout = 60 }))

luaws.WebSocketServer.new({ onConnection = function() return Echo.new() end }, {
  maxPayload = 64 * 1024 * 1024,
  maxFragments = 131072,
  compression = ... == "on",
})
print("port " .. luaws.webServer.port)
