-- What there is in luaws, by name: read from the annotations for editors, meta.lua, which specs
-- hold against the program. So no name is written down twice.

local names = {}

-- Types ------------------------------------------------------------------------------------------

local OPENS = { ["("] = true, ["<"] = true, ["{"] = true, ["["] = true }
local CLOSES = { [")"] = true, [">"] = true, ["}"] = true, ["]"] = true }

-- The type at the beginning of the text, which may go on behind it with a description: "string|nil
-- what it is". A "fun(...)" is followed by what it returns.
local function takeType(text)
  local depth, isQuoted = 0, false
  for at = 1, #text do
    local c = text:sub(at, at)
    if c == '"' then isQuoted = not isQuoted end
    if not isQuoted then
      if OPENS[c] then depth = depth + 1 end
      if CLOSES[c] then depth = depth - 1 end
      local isGoingOn = text:sub(1, at - 1):match("[:,|]$")
      if c == " " and depth == 0 and not isGoingOn then return text:sub(1, at - 1) end
    end
  end
  return text
end

-- The parts of a text between separators that are in no brackets.
local function split(text, separator)
  local parts, depth, from, isQuoted = {}, 0, 1, false
  for at = 1, #text do
    local c = text:sub(at, at)
    if c == '"' then isQuoted = not isQuoted end
    if OPENS[c] then depth = depth + 1 elseif CLOSES[c] then depth = depth - 1 end
    if c == separator and depth == 0 and not isQuoted then
      parts[#parts + 1] = text:sub(from, at - 1)
      from = at + 1
    end
  end
  parts[#parts + 1] = text:sub(from)
  for i, part in ipairs(parts) do parts[i] = part:match("^%s*(.-)%s*$") end
  return parts
end

-- The parameters' types and the first result's of "fun(self: table, ws: luaws.WebSocket): string";
-- nil for any other type.
function names.readFunction(text)
  local inner, rest = text:match("^fun(%b())(.*)$")
  if not inner then return nil end
  local f = { params = {} }
  for _, part in ipairs(split(inner:sub(2, -2), ",")) do
    if part ~= "" then f.params[#f.params + 1] = part:match("^[%w_.]+%??%s*:%s*(.+)$") or "any" end
  end
  local result = rest:match("^%s*:%s*(.+)$")
  f.result = result and split(result, ",")[1]
  return f
end

-- The annotations --------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

local function newClass(name, parent)
  return { name = name, parent = parent, members = {} }
end

local TAGS = {}

function TAGS.class(self, rest)
  local declared = rest:gsub("^%(exact%)%s*", "")
  local name, parent = declared:match("^(luaws[%w_.]*)<?%w*>?%s*:?%s*(%S*)")
  self.class = newClass(name, parent ~= "" and parent or nil)
  self.names.classes[name] = self.class
end

function TAGS.alias(self, rest)
  local name, type = rest:match("^(%S+)%s*(.*)$")
  self.alias = name
  self.names.aliases[name] = type ~= "" and takeType(type) or nil
end

function TAGS.field(self, rest)
  local name, mark, type = rest:match("^([%a_][%w_]*)(%??)%s+(.+)$")
  if not name then
    self.class.isOpen = rest:match("^%[string%]") ~= nil
    return
  end
  local isReadOnly = rest:find("(read-only)", 1, true) ~= nil
  type = takeType(type)
  local call = names.readFunction(type)
  self.class.members[name] = {
    name = name, type = type, isOptional = mark == "?", isReadOnly = isReadOnly, call = call,
    isStatic = call and not type:find("^fun%(self:") or nil,
  }
end

function TAGS.param(self, rest)
  local type = rest:match("^[%w_.]+%??%s+(.+)$")
  table.insert(self.params, takeType(type))
end

TAGS["return"] = function(self, rest) self.result = self.result or takeType(rest) end

function Reader:read(line)
  local tag, rest = line:match("^%-%-%-@(%a+)%s*(.*)$")
  if tag then
    if TAGS[tag] then TAGS[tag](self, rest) end
    return
  end
  local literal = line:match('^%-%-%-|%s*("[^"]*")')
  if literal then
    local known = self.names.aliases[self.alias]
    self.names.aliases[self.alias] = known and known .. "|" .. literal or literal
    return
  end
  local variable = line:match("^local ([%a_]+) = {}$")
  if variable then self.classOf[variable] = self.class end
  local owner, mark, name = line:match("^function ([%a_]+)([.:])([%a_]+)%(")
  if owner then
    local isMethod = mark == ":"
    if isMethod then table.insert(self.params, 1, "any") end
    local call = { params = self.params, result = self.result }
    self.classOf[owner].members[name] = { name = name, type = "function", isMethod = isMethod,
                                          isStatic = not isMethod, call = call }
  end
  if not line:find("^%-%-%-") then self.params, self.result = {}, nil end
end

-- What the annotations declare:
--   classes[name]   name, parent (name), base (class), isOpen (the script may add fields),
--                   members[name]: type, isOptional, isReadOnly, isMethod (called with a colon),
--                   isStatic (with a dot), call = { params (types, that of self included), result }
--   aliases[name]   the type that it stands for
--   alternatives    what names.alternatives has found
function names.read(text)
  local all = { classes = {}, aliases = {}, alternatives = {} }
  local self = setmetatable({ names = all, classOf = {}, params = {} }, Reader)
  for line in text:gmatch("[^\n]+") do self:read(line) end
  for _, class in pairs(self.names.classes) do
    local parent = class.parent and self.names.classes[class.parent]
    if parent then
      class.base = parent
      setmetatable(class.members, { __index = parent.members })
    end
  end
  return self.names
end

local function addAlternatives(all, type, found)
  for _, part in ipairs(split(type, "|")) do
    local bare = part:match("^(.-)%?$")
    if bare then found[#found + 1] = "nil" end
    part = bare or part
    local inner = part:match("^%((.*)%)$")
    local alias = inner or all.aliases[part]
    if alias then
      addAlternatives(all, alias, found)
    else
      found[#found + 1] = part
    end
  end
  return found
end

-- The alternatives of a type, aliases replaced by what they stand for: "nil", "string", '"text"',
-- "luaws.Request", "luaws.Request[]", "table<string, luaws.X>", ... The list is kept: look at it.
function names.alternatives(all, type)
  local known = all.alternatives[type]
  if not known then
    known = addAlternatives(all, type, {})
    all.alternatives[type] = known
  end
  return known
end

-- Whether a class of the annotations is one of handlers.
function names.isHandler(class)
  return class.name:find("Handler$") ~= nil
end

-- The names of these classes.
function names.handlerKinds(all)
  local kinds = {}
  for name, class in pairs(all.classes) do
    if names.isHandler(class) then kinds[#kinds + 1] = name end
  end
  table.sort(kinds)
  return kinds
end

-- The names of all members of the classes, inherited ones as well, as a set.
function names.membersOf(classes)
  local known = {}
  for _, class in ipairs(classes) do
    while class do
      for name in pairs(class.members) do known[name] = true end
      class = class.base
    end
  end
  return known
end

-- The classes among the alternatives of a type, each once.
function names.classes(all, type)
  local found = {}
  for _, part in ipairs(names.alternatives(all, type)) do
    local class = all.classes[part]
    if class and not found[class] then
      found[#found + 1] = class
      found[class] = true
    end
  end
  return found
end

return names
