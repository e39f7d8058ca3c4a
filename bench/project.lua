-- A script of about 1,000 lines in ten files, as people write them: classes with parents in other
-- modules, shared tables, local functions, timers. Each connection's handler is of a class three
-- modules deep; it echoes. What the line about reloading reloads.

local project = {}

local PARTS = 8

local BASE = [[
-- What all parts have in common.

local luaws = require "luaws"

local Base = luaws.class "Base"

local created = 0

function Base:constructor()
  created = created + 1
  self.number = created
  self.received = 0
  self.names = {}
end

function Base:count(data)
  self.received = self.received + 1
  self.last = #data
end

function Base:describe()
  return ("%s %d, %d messages"):format(self.__name, self.number, self.received)
end

return Base
]]

local HEAD = [[
-- Part NUMBER of the project.

local luaws = require "luaws"
local Parent = require "PARENT"

local PartNUMBER = luaws.class("PartNUMBER", Parent)

local limits = { length = NUMBER0, names = NUMBER00, depth = NUMBER }
local seen = setmetatable({}, { __mode = "k" })
local total = 0

local function clamp(value, low, high)
  if value < low then return low end
  if value > high then return high end
  return value
end

local function note(self, what)
  total = total + 1
  seen[self] = what
end

function PartNUMBER:constructor()
  PartNUMBER.super.constructor(self)
  note(self, "made")
end
]]

local METHOD = [[

-- Step STEP of part NUMBER.
function PartNUMBER:stepSTEP(ws, value)
  local length = clamp(value or STEP, 1, limits.length)
  if self.names[length] == nil then
    self.names[length] = ("%d of %s"):format(length, ws and ws.id or "nobody")
  end
  note(self, STEP)
  return length + total % STEP
end
]]

local FOOT = [[

function PartNUMBER:total()
  return total
end

return PartNUMBER
]]

local MAIN = [[
-- The server: echoes to everybody, by a handler that counts.

local luaws = require "luaws"
local Part = require "partPARTS"

local Echo = luaws.class("Echo", Part)

function Echo:onMessage(ws, event)
  self:count(event.data)
  ws:send(event.data, event.isBinary)
end

local Server = luaws.class "Server"

function Server:onConnection()
  return Echo.new()
end

luaws.every(1, function() collectgarbage "step" end)
luaws.WebSocketServer.new(Server.new(), { path = "/" })
]]

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
  return select(2, text:gsub("\n", ""))
end

local function makePart(number)
  local parts = { HEAD }
  for step = 2, 10 do
    parts[#parts + 1] = METHOD:gsub("STEP", step)
  end
  parts[#parts + 1] = FOOT
  local text = table.concat(parts):gsub("NUMBER", number)
  return (text:gsub("PARENT", number == 1 and "base" or "part" .. number - 1))
end

-- Writes it into a folder, which is there. Returns the script's path, and how many lines there are.
function project.write(folder)
  local lines = write(folder .. "/base.lua", BASE)
  for number = 1, PARTS do
    lines = lines + write(("%s/part%d.lua"):format(folder, number), makePart(number))
  end
  local script = folder .. "/main.lua"
  return script, lines + write(script, (MAIN:gsub("PARTS", PARTS)))
end

return project
