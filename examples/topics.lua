-- Topics: clients choose what they hear of.
--
--   luaws examples/topics.lua
--
-- A client sends lines:
--
--   + weather.berlin               subscribe to a topic,
--   + weather.*                    or to many: * is one segment,
--   + news.>                       and > all the rest
--   - weather.berlin               unsubscribe
--   weather.berlin It is raining   publish: to all others who have subscribed to that
--
-- The fan-out is luaws's: no handler is called for it, and no loop runs in Lua.

local luaws = require "luaws"

local MAX_TOPICS = 100 -- of one client

local Client = luaws.class "Client"

function Client:onMessage(ws, event)
  local sign, pattern = event.data:match "^([+-]) (%S+)$"
  local topic, message = event.data:match "^(%S+) (.+)$"
  if sign == "+" then
    self:subscribe(ws, pattern)
  elseif sign == "-" then
    self:try(ws, ws.unsubscribe, pattern)
  elseif topic then
    self:try(ws, ws.publish, topic, ("%s: %s"):format(topic, message))
  else
    ws:send "! + topic, - topic, or: topic message"
  end
end

function Client:subscribe(ws, pattern)
  if #ws.topics >= MAX_TOPICS then
    ws:send "! too many topics"
  elseif self:try(ws, ws.subscribe, pattern) then
    ws:send("ok " .. table.concat(ws.topics, " "))
  end
end

-- What comes from a client may be no topic at all; then the methods raise.
function Client:try(ws, method, topic, ...)
  local ok = pcall(method, ws, topic, ...)
  if not ok then ws:send("! no topic: " .. topic) end
  return ok
end

luaws.WebSocketServer.new {
  onConnection = function()
    return Client.new()
  end,
}
