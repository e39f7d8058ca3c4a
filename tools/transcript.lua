-- Shows what reloading is like: starts a chat with --watch, connects two clients, edits the chat
-- while they talk, and prints all that happens. docs/reload.md has what comes of it.
--
--   luaws tools/transcript.lua

local luaws = require "luaws"
local uv = require "luv"

local LUAWS = arg[-1]
local PATIENCE = 10 -- seconds that anything may take

local CHAT = [[
local luaws = require "luaws"

local Person = luaws.class "Person"

function Person:onMessage(ws, event)
  self.said = (self.said or 0) + 1
  ws.wss:broadcast(self.name .. ": " .. event.data)
end

local Room = luaws.class "Room"

function Room:onConnection(wss, event)
  local person = Person.new()
  person.name = event.request.query.name
  return person
end

luaws.WebSocketServer.new(Room.new(), { path = "/chat" })
]]

local OLD = [[
  ws.wss:broadcast(self.name .. ": " .. event.data)
]]
local COUNTED = [[
  ws.wss:broadcast(("%s (%d): %s"):format(self.name, self.said, event.data))
]]
local BROKEN = [[
  ws.wss:broadcast(("%s (%d): %s"):format(self.name, self.said, event.data)
]]
local LOUD = [[
  ws.wss:broadcast(("%s (%d): %s"):format(self.name, self.said, event.data:upper()))
]]

-- The chat, a process that prints what people see

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local function start(folder)
  local server = { log = "" }
  local stderr = uv.new_pipe()
  server.handle = assert(uv.spawn(LUAWS, {
    args = { "--watch", "--port", "0", "chat.lua" }, cwd = folder, stdio = { nil, 1, stderr },
  }, function(code)
    server.code = code
    server.handle:close()
  end))
  stderr:read_start(function(_, text)
    if not text then return stderr:close() end
    server.log = server.log .. text
  end)
  return server
end

local function await(condition, what)
  for _ = 1, PATIENCE / 0.02 do
    local value = condition()
    if value then return value end
    luaws.sleep(0.02)
  end
  error("it has taken too long: " .. what)
end

-- Prints what the chat has said since the last time, when `pattern` is part of that.
local function show(server, pattern)
  await(function() return server.log:find(pattern) end, pattern)
  io.write(server.log)
  server.log = ""
end

-- The people

local function connect(port, name)
  local ws = luaws.WebSocket.new(("ws://127.0.0.1:%s/chat?name=%s"):format(port, name))
  assert(ws:opened(PATIENCE))
  print(("        %s connects"):format(name))
  return { name = name, ws = ws }
end

local function say(people, from, text)
  assert(from.ws:send(text))
  for _, person in ipairs(people) do
    print(("        %s sees   %s"):format(person.name, assert(person.ws:receive(PATIENCE))))
  end
end

-- The editor

local function edit(path, text, from, to)
  local first, last = text:find(from, 1, true)
  local changed = text:sub(1, first - 1) .. to .. text:sub(last + 1)
  local _, before = text:sub(1, first):gsub("\n", "")
  print(("\n$ vi chat.lua, line %d:"):format(before + 1))
  io.write("-", from, "+", to)
  write(path, changed)
  return changed
end

-- What happens

local folder = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/transcript-XXXXXX"))
local path = folder .. "/chat.lua"
write(path, CHAT)
print "$ luaws --watch chat.lua"
local server = start(folder)
local port = await(function() return server.log:match "127%.0%.0%.1:(%d+)" end, "the start")
server.log = server.log:gsub(":" .. port, ":8080")
show(server, "serving")
local ann, bob = connect(port, "ann"), connect(port, "bob")
local people = { ann, bob }
say(people, ann, "hello")
local text = edit(path, CHAT, OLD, COUNTED)
show(server, "generation 2")
say(people, ann, "the same connection, and it has counted on")
text = edit(path, text, COUNTED, BROKEN)
show(server, "save again")
say(people, bob, "still here?")
say(people, ann, "nothing has happened to us")
edit(path, text, BROKEN, LOUD)
show(server, "generation 3")
say(people, bob, "so we go on")
print "\n$ ^C"
server.handle:kill "sigint"
for _, person in ipairs(people) do
  local _, _, code = person.ws:receive(PATIENCE)
  print(("        %s is told %d"):format(person.name, code))
end
await(function() return server.code end, "the end")
uv.fs_unlink(path)
uv.fs_rmdir(folder)
