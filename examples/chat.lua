-- A chat room with a page for the browser.
--
--   luaws examples/chat.lua        then open the address that it prints in two windows
--
-- The page, chat/index.html beside this file, opens a WebSocket to /chat?name=Ann and speaks JSON:
--
--   page   -> server  { text = "Hello" }
--   server -> page    { type = "welcome", name = "Ann", people = { "Ann", "Ben" } }   to Ann
--                     { type = "join",    name = "Ann", people = { "Ann", "Ben" } }   to the rest
--                     { type = "message", name = "Ann", text = "Hello" }              to all
--                     { type = "leave",   name = "Ann", people = { "Ben" } }          to the rest

local luaws = require "luaws"

local NAME_MAX, TEXT_MAX = 24, 2000 -- characters; the page knows them too

-- Trims a text that came from outside. nil unless it is UTF-8 of 1 to `max` characters.
local function cleaned(text, max)
  if type(text) ~= "string" then return nil end
  text = text:gsub("[^%C\n]", " "):match "^%s*(.-)%s*$"
  local length = utf8.len(text)
  if length and length >= 1 and length <= max then return text end
end

-- The names of all who are in the room, in alphabetical order. wss.connections is the list of open
-- connections, and each knows its handler: a Person, see below.
local function people(wss)
  local names = luaws.array {} -- stays a JSON array when nobody is there
  for i, client in ipairs(wss.connections) do names[i] = client.handler.name end
  table.sort(names)
  return names
end

-- One of these handles one connection: a person in the room.
local Person = luaws.class "Person"

function Person:constructor(name)
  self.name = name
end

function Person:onOpen(ws)
  local names = people(ws.wss)
  ws:send { type = "welcome", name = self.name, people = names }
  ws.wss:broadcast({ type = "join", name = self.name, people = names }, ws) -- to all except ws
end

function Person:onMessage(ws, event)
  -- dataType "object": event.data is whatever JSON value the peer sent. Trust nothing.
  local text = type(event.data) == "table" and cleaned(event.data.text, TEXT_MAX)
  if text then ws.wss:broadcast { type = "message", name = self.name, text = text } end
end

-- The last call of every connection, however it ended. It has already left wss.connections.
function Person:onTerminate(ws)
  ws.wss:broadcast { type = "leave", name = self.name, people = people(ws.wss) }
end

-- This one handles the server: it decides who may enter.
local Room = luaws.class "Room"

-- The name itself, or with the first number that makes it unlike all others: "Ann", "Ann 2", ...
local function freeName(wss, name)
  local taken = {}
  for _, other in ipairs(people(wss)) do taken[other] = true end
  local free, n = name, 1
  while taken[free] do
    n = n + 1
    free = name .. " " .. n
  end
  return free
end

function Room:onConnection(wss, event)
  local name = cleaned(event.request.query.name, NAME_MAX)
  if not name then return nil, 400, "who are you? /chat?name=..., up to 24 characters" end
  return Person.new(freeName(wss, name))
end

-- The web server hands out the page; its root folder is looked for beside this script. The
-- WebSocket server answers on one path of the same port.
assert(luaws.webServer:start { root = "chat" })
luaws.WebSocketServer.new(Room.new(), {
  path = "/chat",
  dataType = "object",
  maxPayload = 16 * 1024, -- no message of this page is longer
})
