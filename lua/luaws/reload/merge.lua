-- Two generations of a script's tables made one: the old tables stay, because live objects hold on
-- to them, and take the functions of the new ones; the new code uses them in place of its own.
--
-- It begins with pairs that somebody names: modules by name, classes by file and name, handlers by
-- their server, globals by name. What a pair of tables has in the same field, or as metatable, and
-- what a pair of functions has as a local variable of the same name, is a pair in its turn.
--
-- Whether a field is state of the running program or what the file says is told by what it was when
-- its generation had been loaded (`bases`): unchanged since, it gets the new value.

local classes = require "luaws.reload.classes"

local merge = {}
local Merge = {}
Merge.__index = Merge

-- Fields and variables that are looked at in all; and of one table. One that has more when it is
-- loaded is a file's data, which nobody goes through: it is replaced as a whole.
local FIELDS_MAX = 100000
local TABLE_MAX = 1000

-- For each table that a generation of the script has made: what it held when that was loaded.
local bases = setmetatable({}, { __mode = "k" })

-- `isKept`: a set of tables that belong to no generation. `isOurs(source)`: whether functions of
-- that source, as debug.getinfo has it, are the script's.
function merge.new(isKept, isOurs)
  return setmetatable({
    isKept = isKept,
    isOurs = isOurs,
    former = {},    -- new -> old
    successor = {}, -- old -> new
    olds = {}, news = {}, -- the pairs, in the order in which they were found
    seen = {},      -- of the new generation: tables and functions
    queue = {},
    carries = {},   -- table -> whether it carries methods
    sizes = {},     -- table -> whether it is large
    fields = 0,
    changed = {},   -- what undoes it, first to last
  }, Merge)
end

-- What stands for a value of the new generation.
function Merge:current(value)
  return value ~= nil and self.former[value] or value
end

-- Counts what is looked at. False: it is too much.
function Merge:count()
  self.fields = self.fields + 1
  return self.fields <= FIELDS_MAX
end

function Merge:isCut()
  return self.fields > FIELDS_MAX
end

local function isLarge(self, t)
  local is = self.sizes[t]
  if is ~= nil then return is end
  local count = 0
  for _ in next, t do
    count = count + 1
    if count > TABLE_MAX then break end
  end
  self.sizes[t] = count > TABLE_MAX
  return self.sizes[t]
end

-- Pairs -------------------------------------------------------------------------------------------

-- Whether `new` can be a new form of `old`: of the same class, if any. (Here as everywhere the
-- script's own __eq must have no say.)
local function matches(old, new)
  if classes.isClass(old) or classes.isClass(new) then return rawequal(classes.former(new), old) end
  local oldMeta, newMeta = debug.getmetatable(old), debug.getmetatable(new)
  if rawequal(oldMeta, newMeta) then return true end
  if classes.isClass(oldMeta) then return rawequal(classes.former(newMeta), oldMeta) end
  return not classes.isClass(newMeta)
end

local function join(self, old, new)
  self.former[new], self.successor[old] = old, new
  self.olds[#self.olds + 1], self.news[#self.news + 1] = old, new
end

-- Both are tables or both are functions; else nothing happens.
function Merge:pair(old, new)
  if rawequal(old, new) or self.former[new] or self.successor[old] then return end
  local kind = type(new)
  if kind ~= type(old) then return end
  if kind == "function" then
    if self.isOurs(debug.getinfo(new, "S").source) then join(self, old, new) end
  elseif kind == "table" and not (self.isKept[old] or self.isKept[new]) and matches(old, new) and
         not isLarge(self, new) then
    join(self, old, new)
  end
end

-- Whether live objects may get their methods from a table: what is only data belongs to the file
-- whose variable it is.
local function hasMethods(self, value)
  if isLarge(self, value) then return false end
  if debug.getmetatable(value) ~= nil or rawget(value, "__index") ~= nil then return true end
  for _, field in next, value do
    if type(field) == "function" then return true end
    if not self:count() then return false end
  end
  return false
end

local function carriesMethods(self, value)
  if self.carries[value] == nil then self.carries[value] = hasMethods(self, value) end
  return self.carries[value]
end

local function pairLocals(self, old, new)
  local values = {}
  for i = 1, math.huge do
    local name, value = debug.getupvalue(old, i)
    if not name then break end
    if value ~= nil then values[name] = value end
  end
  for i = 1, math.huge do
    local name, value = debug.getupvalue(new, i)
    if not name or not self:count() then break end
    local other = values[name]
    if other ~= nil and name ~= "_ENV" then self:pairVariables(other, value) end
  end
end

local function pairFields(self, old, new)
  local oldMeta, newMeta = debug.getmetatable(old), debug.getmetatable(new)
  if oldMeta and newMeta then self:pair(oldMeta, newMeta) end
  for key, value in next, new do
    if not self:count() then return end
    local other = rawget(old, key)
    if other ~= nil then self:pair(other, value) end
  end
end

-- The values of two variables of the same name.
function Merge:pairVariables(old, new)
  if type(old) == "table" and type(new) == "table" and
     not (carriesMethods(self, old) and carriesMethods(self, new)) then
    return
  end
  self:pair(old, new)
end

-- Finds all that follows from the pairs so far.
function Merge:pairAll()
  local i = 1
  while i <= #self.news do
    local old, new = self.olds[i], self.news[i]
    if type(new) == "function" then pairLocals(self, old, new) else pairFields(self, old, new) end
    i = i + 1
  end
  -- Functions are no one's identity: the new one replaces the old one.
  for _, new in ipairs(self.news) do
    if type(new) == "function" then self.former[new] = nil end
  end
  for _, new in ipairs(self.news) do
    if classes.isClass(new) then
      self.former[classes.maker(new)] = classes.maker(self.former[new])
    end
  end
end

-- Changes that can be undone ----------------------------------------------------------------------

-- The note comes first: memory may be full for it, or the time over.
function Merge:set(t, key, value)
  local old = rawget(t, key)
  if rawequal(old, value) then return end
  self.changed[#self.changed + 1] = function() rawset(t, key, old) end
  rawset(t, key, value)
end

function Merge:setMetatable(t, metatable)
  local old = debug.getmetatable(t)
  if rawequal(old, metatable) then return end
  self.changed[#self.changed + 1] = function() debug.setmetatable(t, old) end
  debug.setmetatable(t, metatable)
end

function Merge:undo()
  for i = #self.changed, 1, -1 do self.changed[i]() end
  self.changed = {}
end

-- Old tables take what is new ---------------------------------------------------------------------

local function isMeta(key)
  return type(key) == "string" and key:sub(1, 2) == "__"
end

local function isDefinition(key, value, isClass)
  return type(value) == "function" or isMeta(key) or isClass and key == "super"
end

-- Whether a field that the running program sees as `mine` gets its new value.
local function isTaken(base, key, mine)
  local was = base and base[key]
  if mine == nil then return was == nil end
  return base ~= nil and rawequal(was, mine)
end

local function mergeFields(self, old, new)
  local base, isClass = bases[old], classes.isClass(old)
  for key, value in next, new do
    value = self:current(value)
    local mine = rawget(old, key)
    if isDefinition(key, value, isClass) or isTaken(base, key, mine) then
      self:set(old, key, value)
    end
  end
  for key, value in next, base or isClass and old or {} do
    if rawget(new, key) == nil and rawequal(rawget(old, key), value) then
      self:set(old, key, nil)
    end
  end
  self:setMetatable(old, self:current(debug.getmetatable(new)))
  if isClass then
    local parent = classes.parents[new]
    parent = parent and self:current(parent)
    self.changed[#self.changed + 1] = classes.undoing(old, parent)
    classes.succeed(old, new, parent)
  end
end

function Merge:mergeAll()
  for i, new in ipairs(self.news) do
    if type(new) == "table" then mergeFields(self, self.olds[i], new) end
  end
end

-- Functions in the fields of a live object go on as their new forms, if they have such.
function Merge:renew(object)
  local successor, count = self.successor, 0
  for key, value in next, object do
    local new = successor[value]
    if new and type(new) == "function" then self:set(object, key, new) end
    count = count + 1
    if count > TABLE_MAX then return end
  end
end

-- The new code finds the old tables ---------------------------------------------------------------

function Merge:visit(value)
  local kind = type(value)
  if kind ~= "table" and kind ~= "function" then return end
  if self.seen[value] or self.isKept[value] then return end
  if kind == "function" and not self.isOurs(debug.getinfo(value, "S").source) then return end
  if kind == "table" and isLarge(self, value) then return end
  self.seen[value] = true
  self.queue[#self.queue + 1] = value
end

local function sweepFunction(self, f)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
    if not name or not self:count() then return end
    local old = value ~= nil and self.former[value]
    if old then debug.setupvalue(f, i, old) end
    self:visit(value)
  end
end

-- A table of the old generation that the new one knows as well: only its new functions are of
-- interest.
local function sweepOld(self, t, base)
  for key, value in next, t do
    if not self:count() then return end
    if type(value) == "function" and base[key] ~= value then self:visit(value) end
  end
end

local function sweepTable(self, t)
  if bases[t] then return sweepOld(self, t, bases[t]) end
  local isReplaced = self.former[t] ~= nil
  for key, value in next, t do
    if not self:count() then return end
    local old = self.former[value]
    if old and not isReplaced then self:set(t, key, old) end
    self:visit(value)
  end
  local metatable = debug.getmetatable(t)
  if not metatable then return end
  if not isReplaced then self:setMetatable(t, self:current(metatable)) end
  self:visit(metatable)
end

-- Goes through all that can be reached from what has been visited.
function Merge:sweep()
  local i = 1
  while i <= #self.queue and not self:isCut() do
    local value = self.queue[i]
    if type(value) == "function" then sweepFunction(self, value) else sweepTable(self, value) end
    i = i + 1
  end
end

-- What nobody finds: new tables that luaws.persist keeps, or a callback of luv's; the metatables of
-- objects there. Each of them hands on to the old table that stands for it.
local stands = setmetatable({}, { __mode = "k" }) -- new -> old
local HandsOn = {
  __index = function(t, key) return stands[t][key] end,
  __newindex = function(t, key, value) stands[t][key] = value end,
  __call = function(t, ...) return stands[t](...) end,
  __len = function(t) return #stands[t] end,
  __pairs = function(t) return pairs(stands[t]) end,
}

function merge.handOn(new, old)
  stands[new] = old
  for key, value in next, new do
    if not isMeta(key) then
      rawset(new, key, nil)
    elseif type(value) == "function" then
      rawset(new, key, function(...) return old[key](...) end)
    end
  end
  if type(rawget(old, "__index")) == "table" then rawset(new, "__index", rawget(old, "__index")) end
  debug.setmetatable(new, HandsOn)
end

-- The generation stands: the tables that it has made in vain hand on.
function Merge:handOn()
  for i, new in ipairs(self.news) do
    if type(new) == "table" then merge.handOn(new, self.olds[i]) end
  end
end

-- The generation stands: notes what its tables hold.
function Merge:remember()
  for _, t in ipairs(self.queue) do
    local live = self:current(t)
    if type(t) == "table" and (not (rawequal(live, t) and bases[t])) then
      local base = {}
      for key, value in next, t do base[key] = self:current(value) end
      bases[live] = base
    end
  end
end

return merge
