-- The chat itself: how one connection is handled.
--
-- A page and the server send each other JSON:
--
--   page   -> server   { text = "Hello" }
--   server -> page     { from = "Ann", text = "Hello" }

local luaws = require "luaws"

local NAME_MAX, TEXT_MAX = 24, 2000 -- characters, bytes; the page knows them too

-- One of these handles one connection.
---@class Chat: luaws.ConnectionHandler, luaws.Class<Chat>
---@field name string who is there
local Chat = luaws.class "Chat"

-- Whether that can be somebody's name. What comes from outside may be anything.
function Chat.isName(name)
  local length = type(name) == "string" and utf8.len(name) -- nil: not UTF-8, as JSON must be
  return length and length >= 1 and length <= NAME_MAX
end

function Chat:constructor(name)
  self.name = name
end

function Chat:onOpen(ws)
  ws.wss:broadcast({ from = self.name, text = "is here" }, ws) -- to all but this one
end

function Chat:onMessage(ws, event)
  local text = type(event.data) == "table" and event.data.text
  if type(text) ~= "string" or text == "" or #text > TEXT_MAX then return end
  ws.wss:broadcast { from = self.name, text = text }
end

function Chat:onTerminate(ws)
  ws.wss:broadcast { from = self.name, text = "has left" }
end

return Chat
