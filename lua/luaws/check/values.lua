-- Rules on what is passed where the annotations say what is wanted: names in tables of options and
-- answers, and strings of which only a few are possible.

local names = require "luaws.check.names"
local suggest = require "luaws.suggest"
local words = require "luaws.check.words"

local Values = {}

-- The strings that the type has by name, each once; nil when it has that of the node, or any.
function Values:literalsWithout(node, type)
  local literals, known = {}, {}
  for _, part in ipairs(names.alternatives(self.all, type)) do
    if part == "string" or part == "any" then return nil end
    local text = part:match('^"(.*)"$')
    if text and text == node.text then return nil end
    if not known[part] then literals[#literals + 1] = text end
    known[part] = true
  end
  return literals
end

-- '"a", "b" or "c" (did you mean 'b'?)'
local function tell(literals, node)
  local like = words.hint(node.text and suggest(node.text, literals))
  return words.either(literals) .. like
end

function Values:checkString(node, type, label)
  local literals = self:literalsWithout(node, type)
  if not literals then return end
  if #literals > 0 then
    self.report(node.at, ("%s must be %s"):format(label, tell(literals, node)))
  else
    local wanted = type:gsub("|", " or ")
    self.report(node.at, ("%s must be %s, not a string"):format(label, wanted))
  end
end

-- A member of which few strings are possible, and one that it can't be equal to.
function Values:checkComparison(member, node)
  if member.kind ~= "index" or node.kind ~= "string" or not node.text then return end
  local type = self.types:of(member)
  local literals = type and self:literalsWithout(node, type)
  if not literals or #literals == 0 then return end
  self.report(node.at, ("'%s' is %s"):format(member.name, tell(literals, node)))
end

function Values:checkMissing(node, class, given)
  if node.isOpen then return end
  for _, name in ipairs(words.keysOf(class.members)) do
    if not class.members[name].isOptional and not given[name] then
      local message = "'%s' is missing: it is a required %s"
      self.report(node.at, message:format(name, words.whose(class)))
    end
  end
end

-- The type of a field in those of the classes that have it, nil: none has. And all of their fields.
local function typeOf(classes, name)
  local types = {}
  for _, class in ipairs(classes) do
    local member = class.members[name]
    types[#types + 1] = member and member.type
  end
  return #types > 0 and table.concat(types, "|") or nil, names.membersOf(classes)
end

-- A table that is written down where one of these classes is wanted.
function Values:checkItems(node, classes)
  local given = {}
  for _, item in ipairs(node.items) do
    given[item.name] = true
    local type, known = typeOf(classes, item.name)
    if type then
      self:checkValue(item.value, type, ("'%s'"):format(item.name))
    else
      local like = words.hint(words.meant(item.name, known))
      self.report(item.at, ("unknown %s: '%s'%s"):format(words.whose(classes[1]), item.name, like))
    end
  end
  if #classes == 1 then self:checkMissing(node, classes[1], given) end
end

-- Of a table of tables, by names that are the script's own, the class of these: "table<string,
-- luaws.TLSSettings>".
local function classOfEntries(alternatives)
  for _, part in ipairs(alternatives) do
    local inner = part:match("^table<string, (luaws%.[%w_]+)>$")
    if inner then return inner end
  end
end

local function hasTablesAlone(node)
  for _, item in ipairs(node.items) do
    if item.value.kind ~= "table" then return false end
  end
  return #node.items > 0
end

function Values:checkTable(node, type)
  local alternatives = names.alternatives(self.all, type)
  local inner = classOfEntries(alternatives)
  if inner and hasTablesAlone(node) then
    for _, item in ipairs(node.items) do self:checkValue(item.value, inner, "") end
    return
  end
  for _, part in ipairs(alternatives) do
    if part == "any" or part == "table" then return end
  end
  local classes = names.classes(self.all, type)
  for _, class in ipairs(classes) do
    if class.isOpen or names.isHandler(class) then return end
  end
  if #classes > 0 then self:checkItems(node, classes) end
end

-- The table that a variable always stands for, with what is set in it, as a node of a table; nil
-- when it isn't known whole.
local function tableOf(symbol)
  local value = #symbol.values == 1 and symbol.values[1]
  if not value or value.kind ~= "table" or symbol.isParameter or symbol.isOpen then return nil end
  local items = table.move(value.items, 1, #value.items, 1, {})
  for _, field in pairs(symbol.fields) do
    if not field.value then return nil end
    items[#items + 1] = field
  end
  return { kind = "table", at = value.at, items = items, isOpen = value.isOpen }
end

-- The same, once for each type that is wanted: wherever it is passed, it is the same table.
function Values:takeTable(symbol, type)
  self.passed[symbol] = self.passed[symbol] or {}
  if self.passed[symbol][type] then return nil end
  self.passed[symbol][type] = true
  return tableOf(symbol)
end

-- A node that stands where something of the type is wanted. `label` is what messages call it.
function Values:checkValue(node, type, label)
  if node.kind == "string" then return self:checkString(node, type, label) end
  if node.kind == "name" then node = self:takeTable(node.symbol, type) or node end
  if node.kind == "table" then return self:checkTable(node, type) end
end

-- The arguments of a call.
function Values:checkArguments(node)
  local members, before = self.types:callee(node)
  if not members[1] or not members[1].call then return end
  for i, arg in ipairs(node.args) do
    local parts = {}
    for _, member in ipairs(members) do
      parts[#parts + 1] = member.call and member.call.params[i + before] or "any"
    end
    local label = ("argument %d of %s"):format(i, members[1].name)
    self:checkValue(arg, table.concat(parts, "|"), label)
  end
end

return Values
