-- The module `luaws`: what C provides, and what is written in Lua, behind a table that refuses
-- misspelt assignments.

local core = ...

core.class = require "luaws.class"

local function assign(_, key, value)
  if key ~= "onError" then
    error(("luaws has no field '%s' to set (only onError)"):format(tostring(key)), 2)
  end
  if value ~= nil and type(value) ~= "function" then
    error(("luaws.onError: expected a function, got a %s"):format(type(value)), 2)
  end
  core.onError = value
end

local function iterate()
  return next, core, nil
end

setmetatable(core, { __name = "luaws" }) -- for the headlines of errors in luaws.onError

return setmetatable({}, {
  __name = "luaws",
  __metatable = false,
  __index = core,
  __newindex = assign,
  __pairs = iterate,
})
