-- Files that belong together: what is read of scripts, and of the modules beside them that they
-- require.

local uv = require "luv"
local file = require "luaws.check.file"

local SIZE_MAX = 1024 * 1024 -- Lua itself takes long for some longer ones
local MODULES_MAX = 1000

local project = {}
local Project = {}
Project.__index = Project

-- The whole of it, or nil and what is wrong.
local function readAll(handle)
  local source, err = handle:read(SIZE_MAX + 1)
  if not source and err then return nil, err end
  if source and #source > SIZE_MAX then return nil, ("more than %d MiB"):format(SIZE_MAX >> 20) end
  return source or ""
end

local function isFolder(path)
  local stat = uv.fs_stat(path)
  return stat and stat.type == "directory"
end

-- The source text of a file, of stdin for "-", or nil and what is wrong.
function project.read(path)
  if path == "-" then return readAll(io.stdin) end
  local handle, err = io.open(path, "rb")
  if not handle then return nil, (err:gsub("^.*: ", "")) end
  if isFolder(path) then
    handle:close()
    return nil, ("it is a folder, name the files in it: %s/*.lua"):format(path:match("^(.-)/*$"))
  end
  local source
  source, err = readAll(handle)
  handle:close()
  return source, err
end

local function folderOf(path)
  return path:match("^(.*)/[^/]*$") or "."
end

-- The file of a module that lies below the folder, or nil.
local function findModule(folder, name)
  if not name or not name:find("^[%w_%-.]+$") then return nil end
  local path = folder .. "/" .. name:gsub("%.", "/")
  for _, candidate in ipairs { path .. ".lua", path .. "/init.lua" } do
    local stat = uv.fs_stat(candidate)
    if stat and stat.type == "file" then return candidate end
  end
end

local function requiredName(node)
  local base = node.kind == "call" and node.base
  if not base or base.kind ~= "name" or base.name ~= "require" then return nil end
  local argument = node.args[1]
  return argument and argument.kind == "string" and argument.text or nil
end

-- Counts who requires a module.
local function addRequirer(module, unit)
  if module.requirers[unit] then return end
  module.requirers[unit] = true
  module.count = module.count + 1
end

-- The module in a file, which is read once; nil when it can't be.
local function takeModule(self, path)
  local module = self.modules[path]
  if module == nil and self.count < MODULES_MAX then
    self.count = self.count + 1
    local source = project.read(path)
    local unit = source and file.read(source)
    module = unit and { unit = unit, requirers = {}, count = 0 } or false
    self.modules[path] = module
  end
  return module or nil
end

-- Takes in a file: its globals, and all modules that it requires from its folder, and these in
-- turn.
function Project:add(path, unit)
  local folder = folderOf(path)
  local todo, seen = { unit }, {}
  while #todo > 0 do
    local current = table.remove(todo)
    file.globalsOf(current, self.globals)
    for _, node in ipairs(current.nodes) do
      local found = findModule(folder, requiredName(node))
      local module = found and takeModule(self, found)
      if module then
        addRequirer(module, current)
        if not seen[module] then todo[#todo + 1] = module.unit end
        seen[module] = true
      end
    end
  end
end

-- What modules return to a file in that folder. Where several files require one, any of them may
-- add to it.
function Project:shapesFor(path)
  local folder = folderOf(path)
  local function shapeOf(name)
    local found = findModule(folder, name)
    local module = found and self.modules[found]
    if not module or module.count > 1 then return nil end
    if module.export == nil then
      module.export = false -- while it is being looked for: modules may require each other
      module.export = file.export(module.unit, self.names, shapeOf) or false
    end
    return module.export or nil
  end
  return shapeOf
end

-- all: of check/names. globals: a set of the names that the files make global.
function project.new(all)
  return setmetatable({ names = all, globals = {}, modules = {}, count = 0 }, Project)
end

return project
