-- Many rooms on one server, and a door that asks for a name.
--
--   luaws examples/rooms.lua
--
-- The room is a part of the path, the name comes in the query or in a cookie:
--
--   ws://127.0.0.1:8080/rooms/kitchen?user=ann
--   ws://127.0.0.1:8080/rooms/kitchen             with the header  Cookie: user=ann
--
-- Who says no name is refused with 401, before there is a connection at all.

local luaws = require "luaws"

-- The value of a cookie, or nil. A header that is sent twice comes as an array of its values.
local function cookie(headers, name)
  local header = headers.cookie or ""
  if type(header) == "table" then header = table.concat(header, "; ") end
  for key, value in header:gmatch "([^;=%s]+)=([^;%s]*)" do
    if key == name then return value end
  end
end

local function user(request)
  local name = request.query.user or cookie(request.headers, "user")
  if type(name) == "string" and name:find "^%w+$" then return name end
end

local Visitor = luaws.class "Visitor"

function Visitor:constructor(name)
  self.name = name
end

function Visitor:onOpen(ws)
  self:tell(ws, self.name .. " comes in")
end

function Visitor:onMessage(ws, event)
  self:tell(ws, self.name .. ": " .. event.data)
end

function Visitor:onTerminate(ws)
  self:tell(ws, self.name .. " leaves")
end

-- To everybody in the same room, the sender too. ws.params holds what the pattern found.
function Visitor:tell(ws, message)
  for _, client in ipairs(ws.wss.connections) do
    if client.params.room == ws.params.room then client:send(message) end
  end
end

local Door = luaws.class "Door"

function Door:onConnection(_, event)
  local name = user(event.request)
  if name then return Visitor.new(name) end
  return nil, {
    status = 401,
    headers = { ["WWW-Authenticate"] = 'Cookie realm="rooms", cookie-name="user"' },
    body = "say who you are: ?user=... or a cookie of that name\n",
  }
end

luaws.WebSocketServer.new(Door.new(), { path = "/rooms/:room" })
