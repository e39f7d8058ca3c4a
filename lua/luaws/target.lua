-- What a call from another worker names: "module.function", or a module that is a function. Modules
-- are looked for as `require` does, which then loads them.

local target = {}

-- Whether there is a module of that name. A file that doesn't compile raises: it is one.
local function isModule(name)
  if package.loaded[name] ~= nil then return true end
  for _, search in ipairs(package.searchers) do
    local load = search(name)
    if type(load) == "function" then return true end
  end
  return false
end

-- The function of that name in the module, or nil.
local function findIn(module, name)
  local found = type(module) == "table" and module[name] or nil
  return type(found) == "function" and found or nil
end

function target.find(name)
  local module, method = name:match("^(.+)%.([^.]+)$")
  local isThere = module ~= nil and isModule(module)
  local found = isThere and findIn(require(module), method)
  if found then return found end
  if not isModule(name) then
    if isThere then error(("module '%s' has no function '%s'"):format(module, method), 0) end
    error(("there is no module '%s'%s"):format(module or name,
      module and (", nor '%s'"):format(name) or " (package.path begins at the script's folder)"), 0)
  end
  local whole = require(name)
  if type(whole) ~= "function" then
    error(("module '%s' is no function, but a %s"):format(name, type(whole)), 0)
  end
  return whole
end

return target
