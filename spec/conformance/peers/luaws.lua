-- luaws for the conformance suite: echoes. Arguments: "on" or "off", for permessage-deflate; for TLS a certificate
-- and its key.

local luaws = require "luaws"

local compression, cert, key = ...

local Echo = luaws.class "Echo"

function Echo:onMessage(ws, event)
  ws:send(event.data, event.isBinary)
end

-- What clients do wrong is what the suite is about: it needs no line in the log.
function Echo:onError() end

-- Under a sanitizer the suite may take its time to send a request.
assert(luaws.webServer:start({ handshakeTimeout = 60, tls = cert and { cert = cert, key = key } or nil }))

luaws.WebSocketServer.new({ onConnection = function() return Echo.new() end }, {
  maxPayload = 64 * 1024 * 1024,
  maxFragments = 131072,
  compression = compression == "on",
  pingInterval = false, -- it may be late with its pongs, too
})
print("port " .. luaws.webServer.port)
