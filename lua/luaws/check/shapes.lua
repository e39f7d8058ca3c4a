-- What tables a script makes, as far as the source shows: those that it writes down, classes of
-- luaws.class and what their `new` returns, tables with one of these as __index, and what functions
-- return of these.
--
-- A shape: fields (name -> { at, value }), isOpen (it may have others), isClass, at. Fields that
-- come from another file have no `at` and no `value`.

local Shapes = {}
Shapes.__index = Shapes

local function isGlobalCall(node, name)
  return node.kind == "call" and node.base.kind == "name" and node.base.name == name
    and node.base.symbol.isGlobal
end

local function newShape(at) return { at = at, fields = {}, isOpen = false } end

local LEVELS_MAX = 50 -- of classes, one the parent of the next

-- What comes from a parent that isn't known can't be.
local function inherit(shape, parent)
  if not parent or (parent.level or 0) > LEVELS_MAX then
    shape.isOpen = true
    return
  end
  shape.level = math.max(shape.level or 0, (parent.level or 0) + 1)
  shape.isOpen = shape.isOpen or parent.isOpen
  for name, field in pairs(parent.fields) do
    if not shape.fields[name] then shape.fields[name] = field end
  end
  shape.parents = shape.parents or {}
  table.insert(shape.parents, parent)
end

local function fromItems(node)
  local shape = newShape(node.at)
  shape.isOpen = node.isOpen or false
  for _, item in ipairs(node.items) do shape.fields[item.name] = item end
  return shape
end

-- luaws.class(name, parent)
function Shapes:fromClass(node)
  local shape = newShape(node.at)
  shape.isClass = true
  local parent = node.args[2]
  if parent and parent.kind ~= "nil" then inherit(shape, self:of(parent)) end
  return shape
end

-- setmetatable(t, { __index = C }): also C with C.__index = C.
function Shapes:fromMetatable(node)
  local first, second = node.args[1], node.args[2]
  local shape = newShape(node.at)
  local own, meta = first and self:of(first), second and self:of(second)
  inherit(shape, own)
  local index = meta and meta.fields.__index
  inherit(shape, index and index.value and self:of(index.value))
  return shape
end

function Shapes:isClassCall(node)
  local base = node.base
  return base.kind == "index" and base.name == "class" and self.types:of(base.base) == "luaws"
end

-- The function that is called, when it is one of the script's that never changes.
function Shapes:calledFunction(base)
  local value
  if base.kind == "name" and not base.symbol.isParameter then
    value = #base.symbol.values == 1 and base.symbol.values[1]
  elseif base.kind == "index" and base.name then
    local owner = self:of(base.base)
    local field = owner and owner.fields[base.name]
    value = field and field.value
  end
  return value and value.kind == "function" and value or nil
end

-- The one thing that a function returns, nil aside; or nil.
local function onlyReturn(f)
  local only
  for _, values in ipairs(f.returns) do
    local value = values[1]
    if value and value.kind ~= "nil" then
      if only then return nil end
      only = value
    end
  end
  return only
end

-- What a function makes.
function Shapes:madeBy(f)
  if self.made[f] == nil then self.made[f] = onlyReturn(f) or false end
  return self.made[f] and self:of(self.made[f])
end

local FROM = {}

function FROM.table(_, node) return fromItems(node) end

function FROM.call(self, node)
  if isGlobalCall(node, "require") then
    local name = node.args[1] and node.args[1].kind == "string" and node.args[1].text
    return name and self.shapeOfModule(name)
  end
  if self:isClassCall(node) then return self:fromClass(node) end
  if isGlobalCall(node, "setmetatable") then return self:fromMetatable(node) end
  if isGlobalCall(node, "assert") then return node.args[1] and self:of(node.args[1]) end
  local f = self:calledFunction(node.base)
  if f then return self:madeBy(f) end
  if node.base.kind ~= "index" or node.base.name ~= "new" then return nil end
  local class = self:of(node.base.base)
  return class and class.isClass and class or nil
end

-- A variable that always stands for the same table: with what is added to it.
function FROM.name(self, node)
  local symbol = node.symbol
  if symbol.owner and symbol.name == "self" then return self:of(symbol.owner) end
  local value = #symbol.values == 1 and not symbol.isParameter and symbol.values[1]
  local base = value and self:of(value)
  if not base then return nil end
  if self.ofSymbol[symbol] then return self.ofSymbol[symbol] end
  local shape = newShape(base.at)
  self.ofSymbol[symbol] = shape
  shape.isClass = base.isClass
  shape.name = symbol.name
  inherit(shape, base)
  shape.isOpen = shape.isOpen or symbol.isOpen or false
  for name, field in pairs(symbol.fields) do
    if not shape.fields[name] then shape.fields[name] = field end
  end
  return shape
end

local DEPTH_MAX = 200 -- variables made of variables
local PENDING = {}

function Shapes:of(node)
  local known = self.known[node]
  if known == nil then
    if self.depth > DEPTH_MAX then return nil end
    self.known[node] = PENDING
    self.depth = self.depth + 1
    known = FROM[node.kind] and FROM[node.kind](self, node) or false
    self.depth = self.depth - 1
    self.known[node] = known
  end
  return known ~= PENDING and known or nil
end

-- Takes down what is assigned to fields of variables, and where a variable is handed to somebody
-- who may add fields that the source doesn't show.
local function gather(nodes)
  for _, node in ipairs(nodes) do
    local base = node.base
    local symbol = base and base.kind == "name" and base.symbol
    if symbol and symbol.owner and symbol.name == "self" then
      symbol = symbol.owner.kind == "name" and symbol.owner.symbol
    end
    if node.kind == "index" and node.isTarget and symbol then
      if node.name then
        local field = { name = node.name, at = node.at, value = node.value }
        symbol.fields[node.name] = symbol.fields[node.name] or field
      else
        symbol.isOpen = true
      end
    end
    if node.kind == "name" and not node.isSettled and not node.isTarget then
      node.symbol.isOpen = true
    end
  end
end

-- shapeOfModule(name): what the module of that name returns, when it is known.
return function(types, nodes, shapeOfModule)
  gather(nodes)
  local self = setmetatable({ types = types, shapeOfModule = shapeOfModule }, Shapes)
  self.known, self.ofSymbol, self.made, self.depth = {}, {}, {}, 0
  return self
end
