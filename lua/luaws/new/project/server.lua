-- PROJECT: a chat. Run it with `luaws --watch server.lua`: what you change then counts at once.

local luaws = require "luaws"
local Chat = require "chat"

-- Handles the server: decides who may come in.
---@class Server: luaws.ServerHandler, luaws.Class<Server>
local Server = luaws.class "Server"

-- A client says who it is: /chat?name=Ann
function Server:onConnection(_, event)
  local name = event.request.query.name
  if not Chat.isName(name) then return nil, 400, "who are you? /chat?name=..." end
  return Chat.new(name)
end

-- The page in public/, and the chat on the same port.
assert(luaws.webServer:start { root = "public" })
luaws.WebSocketServer.new(Server.new(), { path = "/chat", dataType = "object" })
