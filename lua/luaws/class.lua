-- luaws.class: makes classes, with single inheritance.
--
-- A class is one table: its methods, and the metatable of its instances (C.__index is C). So a
-- method that is replaced counts at once, in live instances and subclasses too. Lua looks for
-- metamethods in the metatable alone: a subclass therefore gets, for each metamethod of its parent,
-- a function that asks the parent when it is called.

local classes = require "luaws.reload.classes"

local parents, children = classes.parents, classes.children

-- What a class has of its own, whatever its parent has.
local OWN = { __index = true, __name = true }

local function isMetamethod(key)
  return type(key) == "string" and key:sub(1, 2) == "__" and not OWN[key]
end

-- Hands a metamethod down to a class that has none of that name.
local function inherit(class, parent, key)
  if rawget(class, key) ~= nil then return end
  local value = parent[key]
  if type(value) == "function" then
    value = function(...) return parent[key](...) end
  end
  rawset(class, key, value)
  for child in pairs(children[class]) do inherit(child, class, key) end
end

-- Called for keys that the class hasn't yet.
local function define(class, key, value)
  rawset(class, key, value)
  if value == nil or not isMetamethod(key) then return end
  for child in pairs(children[class]) do inherit(child, class, key) end
end

local function adopt(class, parent)
  children[parent][class] = true
  for key in pairs(parent) do
    if isMetamethod(key) then inherit(class, parent, key) end
  end
end

local function describe(value)
  if type(value) == "string" then return ("string '%.24s'"):format(value) end
  return type(value)
end

return function(name, parent)
  if type(name) ~= "string" or name == "" then
    error("luaws.class: expected a name (a string), got " .. describe(name), 2)
  elseif parent ~= nil and (type(parent) ~= "table" or parents[parent] == nil) then
    error("luaws.class: expected a class as parent, got " .. describe(parent), 2)
  end

  local class = { __name = name, super = parent }
  class.__index = class

  function class.new(...)
    if (...) == class then
      error(("%s.new is called with a dot, not with a colon"):format(name), 2)
    end
    local object = setmetatable({}, class)
    local constructor = object.constructor
    if constructor then constructor(object, ...) end
    return object
  end

  parents[class] = parent or false
  children[class] = setmetatable({}, { __mode = "k" })
  classes.register(class, name, 3)
  if parent then adopt(class, parent) end
  return setmetatable(class, {
    __index = parent,
    __newindex = define,
    __name = "class",
    __tostring = function() return "class " .. name end,
  })
end
