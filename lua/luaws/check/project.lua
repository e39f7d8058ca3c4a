-- Files that belong together: what is read of scripts, and of the modules beside them that they
-- require.

local uv = require "luv"
local file = require "luaws.check.file"

local SIZE_MAX = 1024 * 1024 -- Lua itself takes long for some longer ones
local MODULES_MAX = 1000

local project = {}

-- The whole of it, or nil and what is wrong.
local function readAll(handle)
  local source, err = handle:read(SIZE_MAX + 1)
  if not source and err then return nil, err end
  if source and #source > SIZE_MAX then return nil, ("more than %d MiB"):format(SIZE_MAX >> 20) end
  return source or ""
end

-- The source text of a file, of stdin for "-", or nil and what is wrong.
function project.read(path)
  if path == "-" then return readAll(io.stdin) end
  local handle, err = io.open(path, "rb")
  if not handle then return nil, (err:gsub("^.*: ", "")) end
  local source
  source, err = readAll(handle)
  handle:close()
  return source, err
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

-- Adds the globals of a unit, and of all modules that it requires from its folder, and these in
-- turn. `seen`: the modules that have been read, and their count.
function project.gatherGlobals(path, unit, globals, seen)
  local folder = path:match("^(.*)/[^/]*$") or "."
  local todo = { unit }
  while #todo > 0 do
    local current = table.remove(todo)
    file.globalsOf(current, globals)
    for _, node in ipairs(current.nodes) do
      local found = findModule(folder, requiredName(node))
      if found and not seen[found] and seen.count < MODULES_MAX then
        seen[found], seen.count = true, seen.count + 1
        local source = project.read(found)
        todo[#todo + 1] = source and file.read(source)
      end
    end
  end
end

return project
