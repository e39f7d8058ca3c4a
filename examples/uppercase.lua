-- The smallest server: what comes in goes back in upper case.
--
--   luaws examples/uppercase.lua
--
-- Any WebSocket client will do, for example the console of a browser:
--
--   ws = new WebSocket("ws://127.0.0.1:8080/")
--   ws.onmessage = event => console.log(event.data)
--   ws.send("hello")                                  // HELLO

local luaws = require "luaws"

-- One of these handles one connection. A method named on... is called when that happens; here the
-- only one that every connection needs.
local Upper = luaws.class "Upper"

function Upper:onMessage(ws, event)
  ws:send(event.data:upper()) -- ASCII letters; Lua's upper leaves the others as they are
end

-- This one handles the server. Its onConnection is asked for each client and returns the handler
-- of the new connection; returning nil would refuse it.
local Server = luaws.class "Server"

function Server:onConnection()
  return Upper.new()
end

-- No path: it answers on every one. The program runs until the server ends (Ctrl-C).
luaws.WebSocketServer.new(Server.new())
