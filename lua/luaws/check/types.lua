-- What kind of luaws's objects a node stands for, as far as the source shows: a type as the
-- annotations write it, or nil.

local names = require "luaws.check.names"

local Types = {}
Types.__index = Types

-- Of a call of a function of Lua's that returns an argument of its own.
local PASSES = { assert = true }

local function globalName(node)
  if node.kind ~= "name" or not node.symbol.isGlobal or node.symbol.isDefined then return nil end
  return node.name
end

-- The type of what is in the list that the node stands for.
function Types:ofElement(node)
  local list = self:of(node)
  return list and list:match("^(luaws[%w_.]*)%[%]$")
end

function Types:ofSymbol(symbol)
  if symbol.type then return symbol.type end
  if symbol.element then return self:ofElement(symbol.element) end
  if symbol.isParameter or #symbol.values ~= 1 then return nil end
  return symbol.values[1] and self:of(symbol.values[1]) or nil
end

-- The members of that name in the classes that a node may be of: a list, empty where it has none;
-- nil when the classes aren't known. And the classes.
function Types:members(node, name)
  local type = self:of(node)
  local classes = type and names.classes(self.all, type)
  if not classes or #classes == 0 then return nil end
  local found = {}
  for _, class in ipairs(classes) do found[#found + 1] = class.members[name] end
  return found, classes
end

-- The type of what stands behind the members, all in one.
local function typeOfMembers(members, what)
  local parts = {}
  for _, member in ipairs(members) do
    local type
    if what == "result" then type = member.call and member.call.result else type = member.type end
    if type then parts[#parts + 1] = type end
  end
  return #parts > 0 and table.concat(parts, "|") or nil
end

local OF = {}

function OF.name(self, node) return self:ofSymbol(node.symbol) end

function OF.index(self, node)
  if not node.name then return self:ofElement(node.base) end
  local members = self:members(node.base, node.name)
  return members and typeOfMembers(members, "type")
end

function OF.method(self, node)
  local members = self:members(node.base, node.name)
  return members and typeOfMembers(members, "result")
end

-- require "luaws" and, where the annotations have it, require "luaws.testing".
local function requiredType(self, node)
  local first = node.args[1]
  local name = first and first.kind == "string" and first.text
  return name and self.all.classes[name] and name:find("^luaws") and name or nil
end

function OF.call(self, node)
  local called = globalName(node.base)
  if called == "require" then return requiredType(self, node) end
  if called and PASSES[called] then return node.args[1] and self:of(node.args[1]) end
  if node.base.kind ~= "index" or not node.base.name then return nil end
  local members = self:members(node.base.base, node.base.name)
  return members and typeOfMembers(members, "result")
end

local DEPTH_MAX = 200 -- variables made of variables
local PENDING = {} -- being asked for: a variable that is made of itself

function Types:of(node)
  local known = self.known[node]
  if known == nil then
    if self.depth > DEPTH_MAX then return nil end
    self.known[node] = PENDING
    self.depth = self.depth + 1
    known = OF[node.kind] and OF[node.kind](self, node) or false
    self.depth = self.depth - 1
    self.known[node] = known
  end
  return known ~= PENDING and known or nil
end

-- More has become known.
function Types:forget() self.known = {} end

-- What is called with these arguments: members of the classes, and how many of the parameters come
-- before the arguments.
function Types:callee(node)
  if node.kind == "method" then
    return self:members(node.base, node.name) or {}, 1
  elseif node.base.kind == "index" and node.base.name then
    return self:members(node.base.base, node.base.name) or {}, 0
  end
  return {}, 0
end

return function(all)
  return setmetatable({ all = all, known = {}, depth = 0 }, Types)
end
