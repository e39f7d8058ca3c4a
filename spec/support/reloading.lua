-- Programs of several files that are edited while they run.
--
--   local reloading = require "spec.support.reloading"
--
--   local p = reloading.start({ ["main.lua"] = "...", ["chat.lua"] = "..." } [, options])
--   p.server, p.root         of spec.support.server; the folder of the files
--   p:open(path)             a client (spec.support.client)
--   p:edit({ ["chat.lua"] = "..." })   writes files; false removes one
--   p:eval(code)             runs Lua in the program, between two events: tostring of what it returns
--   p:reload()               asks for a reload: true when it has been done, else what the log says of it
--   p:tryEdit(files)         both: edits, then reloads
--   p:mustEdit(files)        the same, and it must be done
--   p:dump()                 what there is: globals, loaded modules, fields, servers, timers; for comparing
--
-- Each file may be a list { text, from, to, from, to ... }: the text with `from` replaced by `to`.
-- options: as for server.startFile; `lines`: how many servers the script starts (1).
--
-- The program also serves /control, from a module beyond its folder, which is no part of what is reloaded.

local uv = require "luv"
local assert = require "luassert"
local child = require "spec.support.child"
local client = require "spec.support.client"
local server = require "spec.support.server"

local CONTROL = [==[
local luaws = require "luaws"
local uv = require "luv"

local LIBRARIES = { luaws = true, luv = true, control = true, _G = true, package = true }
for name in pairs(package.loaded) do LIBRARIES[name] = true end

function DUMP()
  collectgarbage()
  collectgarbage()
  local lines = {}
  local function add(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    lines[#lines + 1] = table.concat(words, " ")
  end
  local seen = {}
  local function fields(name, t, depth)
    if type(t) ~= "table" or seen[t] then return end
    seen[t] = true
    add(name, "metatable", debug.getmetatable(t))
    for key, value in next, t do
      add(name, key, value)
      if depth > 0 then fields(name .. "." .. tostring(key), value, depth - 1) end
    end
    fields(name .. " metatable", debug.getmetatable(t), depth)
  end
  for key, value in next, _G do
    add("global", key, value)
    if not LIBRARIES[key] then fields(key, value, 2) end
  end
  for name, value in next, package.loaded do
    add("loaded", name, value)
    if not LIBRARIES[name] then fields(name, value, 2) end
  end
  for _, name in ipairs { "string", "table", "math" } do fields(name, _G[name], 0) end
  fields("string's metatable", debug.getmetatable(""), 0)
  add("path", package.path, package.cpath)
  for i, f in ipairs(package.searchers) do add("searcher", i, f) end
  add("luaws", luaws.generation, luaws.onError, luaws.webServer)
  for key, value in next, debug.getregistry() do
    if type(key) == "number" and type(value) == "userdata" then
      local text = tostring(value)
      if text:find "^WebSocketServer" then
        add(text, value.handler, value.dataType)
        fields(text, value.handler, 1)
        for _, ws in ipairs(value.connections) do fields("handler " .. ws.id, ws.handler, 1) end
      elseif text:find "^Timer" or text:find "^WebSocket:" or text:find "^uv_" then
        add(text)
      end
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local handler = {}
function handler.onConnection() return handler end
function handler:onMessage(ws, event)
  local f = assert(load(event.data, "=control"))
  ws:send(tostring((f())))
end
function handler:onError(ws, event)
  if ws.send then ws:send("error: " .. event.errors[1].message) end
end

-- A callback: what it starts is none of the script's top level.
local timer = uv.new_timer()
timer:start(0, 0, function()
  timer:close()
  luaws.WebSocketServer.new(handler, { path = "/control" })
end)
return true
]==]

local reloading = {}
local Program = {}
Program.__index = Program

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function render(text)
  if type(text) ~= "table" then return text end
  local result = text[1]
  for i = 2, #text, 2 do
    local from, to = result:find(text[i], 1, true)
    assert(from, text[i])
    result = result:sub(1, from - 1) .. text[i + 1] .. result:sub(to + 1)
  end
  return result
end

function reloading.start(files, options)
  local self = setmetatable({ files = {} }, Program)
  options = options or {}
  options.lines = (options.lines or 1) + 1
  options.env = { LUA_PATH = server.folder({ ["control.lua"] = CONTROL }) .. "/?.lua;;" }
  self.root = server.folder({})
  self:edit(files)
  self.server = server.startFile(self.root .. "/main.lua", options)
  self.server.port = tonumber(self.server.stderr:match "ws://[^\n]-:(%d+)/control\n")
  self.control = self:open("/control")
  return self
end

function Program:open(path, headers)
  return client.open(self.server, path, headers)
end

function Program:edit(files)
  for name, text in pairs(files) do
    local path = self.root .. "/" .. name
    if text then
      if name:find "/" then uv.fs_mkdir(self.root .. "/" .. name:match "^(.*)/", 493) end
      write(path, (name == "main.lua" and 'require "control" ' or "") .. render(text))
    else
      assert(os.remove(path))
    end
  end
end

function Program:eval(code)
  self.control:send(code)
  return (self.control:receive())
end

function Program:reload()
  local before, logged = self:eval "return require('luaws').generation", #self.server.stderr
  local answer = self:eval "local ok, why = require('luaws').reload() return ok or why"
  if answer ~= "true" then return answer end
  if self:eval "return require('luaws').generation" ~= before then return true end
  local s = self.server
  child.waitFor(s, function() return s.stderr:find("not reloaded", logged + 1, true) end, nil,
    "the log to say why")
  return s.stderr:sub(logged + 1)
end

function Program:tryEdit(files)
  self:edit(files)
  return self:reload()
end

function Program:mustEdit(files)
  assert.is_true(self:tryEdit(files))
end

function Program:dump()
  return self:eval "return DUMP()"
end

return reloading
