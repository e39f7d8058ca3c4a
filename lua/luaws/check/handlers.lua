-- Finds out which tables of a script handle what: those that are given to functions of luaws, those
-- that onConnection returns, and those that have a handler's methods. So the parameters of their
-- methods get types.

local names = require "luaws.check.names"
local suggest = require "luaws.suggest"

local Handlers = {}
Handlers.__index = Handlers

local KINDS = {
  "luaws.ServerHandler", "luaws.ConnectionHandler", "luaws.ClientHandler", "luaws.RequestHandler",
}

-- What tells them from each other: each of these methods belongs to the handlers that it names.
local MARKS = {
  { "onConnection", KINDS[1] }, { "onRequest", KINDS[4] },
  { "onMessage", KINDS[2], KINDS[3] }, { "onDrain", KINDS[2], KINDS[3] },
  { "onReload", KINDS[2], KINDS[3] },
}

-- Once for each: shapes may have parents in common, and these as well.
local function add(shape, kind)
  shape.kinds = shape.kinds or {}
  if shape.kinds[kind] then return end
  shape.kinds[kind] = true
  for _, parent in ipairs(shape.parents or {}) do add(parent, kind) end
end

-- The shape is used as a handler of that kind; `at` is where.
function Handlers:use(node, kind)
  local shape = self.shapes:of(node)
  if not shape then return end
  if not (shape.kinds and shape.kinds[kind]) then
    add(shape, kind)
    self.uses[#self.uses + 1] = { shape = shape, kind = kind, at = node.at }
  end
  local onConnection = kind == KINDS[1] and shape.fields.onConnection
  local f = onConnection and onConnection.value
  if not f or f.kind ~= "function" or f.isSeen then return end
  f.isSeen = true
  for _, values in ipairs(f.returns) do
    if values[1] then self:use(values[1], KINDS[2]) end
  end
end

-- A function where one with such parameters is wanted.
function Handlers:bindCallback(f, type)
  for _, part in ipairs(names.alternatives(self.types.all, type)) do
    local wanted = names.readFunction(part)
    for i, symbol in ipairs(wanted and f.params or {}) do
      if #symbol.values == 0 then symbol.type = wanted.params[i] end
    end
  end
end

-- A node is passed where something of that type is wanted: handlers in it are found, and it is
-- taken to be left as it is.
function Handlers:pass(node, type)
  node.isSettled = true
  if node.kind == "function" then return self:bindCallback(node, type) end
  local classes = names.classes(self.types.all, type)
  for _, class in ipairs(classes) do
    if names.isHandler(class) and #classes == 1 then
      self.passed[#self.passed + 1] = { node = node, kind = class.name }
    end
    for _, item in ipairs(node.kind == "table" and node.items or {}) do
      local member = class.members[item.name]
      if member then self:pass(item.value, member.type) end
    end
  end
end

local HARMLESS = {}
for name in ("print pairs ipairs next type tostring rawget rawlen rawequal"):gmatch("%S+") do
  HARMLESS[name] = true
end

function Handlers:readCall(node)
  local members, before = self.types:callee(node)
  for _, member in ipairs(members) do
    local params = member.call and member.call.params or {}
    for i, arg in ipairs(node.args) do
      self:pass(arg, params[i + before] or "any")
    end
  end
  local base = node.base
  if #members > 0 or base.kind ~= "name" or not base.symbol.isGlobal then return end
  if HARMLESS[base.name] then
    for _, arg in ipairs(node.args) do arg.isSettled = true end
  elseif base.name == "setmetatable" and node.args[2] then
    node.args[2].isSettled = true
  end
end

-- What is assigned to a field of one of luaws's objects.
function Handlers:readAssignment(node)
  local members = node.name and node.value and self.types:members(node.base, node.name)
  for _, member in ipairs(members or {}) do self:pass(node.value, member.type) end
end

-- Which kinds of handler the methods of a shape, which is passed nowhere here, belong to. Upper and
-- lower case may be mixed up.
local function guessKinds(fields)
  local has = {}
  for name, field in pairs(fields) do
    if field.value and field.value.kind == "function" then has[name:lower()] = true end
  end
  for _, mark in ipairs(MARKS) do
    if has[mark[1]:lower()] then return { table.unpack(mark, 2) } end
  end
  if has.onopen or has.onterminate or has.onerror then return KINDS end
  return nil
end

function Handlers:kindsOf(shape)
  if not shape.kinds then return guessKinds(shape.fields) end
  local kinds = {}
  for _, kind in ipairs(KINDS) do
    if shape.kinds[kind] then kinds[#kinds + 1] = kind end
  end
  return kinds
end

-- The method that the name stands for in these kinds of handlers, even if it is misspelt.
function Handlers:meant(name, kinds)
  local known = {}
  for _, kind in ipairs(kinds) do
    local class = self.types.all.classes[kind]
    if class and class.members[name] then return name end
    for method in pairs(class and class.members or {}) do known[#known + 1] = method end
  end
  table.sort(known)
  return suggest(name, known)
end

-- The parameters of a handler's method are what the annotations say, in every kind of handler.
function Handlers:bind(f, name, kinds)
  if not f or f.kind ~= "function" then return end
  for i, symbol in ipairs(f.params) do
    local parts = {}
    for _, kind in ipairs(kinds) do
      local class = self.types.all.classes[kind]
      local member = class and class.members[name]
      local params = member and member.call and member.call.params
      parts[#parts + 1] = params and params[i + (f.isMethod and 1 or 0)]
    end
    if #parts > 0 and #symbol.values == 0 then symbol.type = table.concat(parts, "|") end
  end
end

function Handlers:bindAll(nodes)
  local seen = {}
  for _, node in ipairs(nodes) do
    local shape = (node.kind == "table" or node.kind == "name") and self.shapes:of(node)
    if shape and not seen[shape] then
      seen[shape] = true
      local kinds = self:kindsOf(shape)
      for name, field in pairs(kinds and shape.fields or {}) do
        local method = name:find("^on%a") and self:meant(name, kinds)
        if method then self:bind(field.value, method, kinds) end
      end
      if kinds then self.all[#self.all + 1] = { shape = shape, kinds = kinds } end
    end
  end
end

-- uses: { shape, kind, at } of what is surely used as that; all: { shape, kinds } of every handler.
return function(types, newShapes, nodes, shapeOfModule)
  local self = setmetatable({ types = types, passed = {}, uses = {}, all = {} }, Handlers)
  for _, node in ipairs(nodes) do
    if node.kind == "call" or node.kind == "method" then self:readCall(node) end
    if node.isTarget and node.kind == "index" then self:readAssignment(node) end
  end
  self.shapes = newShapes(types, nodes, shapeOfModule)
  for _, passed in ipairs(self.passed) do self:use(passed.node, passed.kind) end
  self:bindAll(nodes)
  types:forget()
  return self
end
