-- What may stand at the end of a line: names of globals, fields and methods, of keywords. Values
-- are looked at raw and through metatables whose __index is a table, so that no code of the
-- script's runs; luaws's own objects are asked, which is without effect.

local NAMES = 200    -- that are offered
local LOOKED = 20000 -- keys that are looked at: nothing interrupts a completion
local CHAIN = 32     -- metatables behind a value

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat "
  .. "return then true until while"):gmatch("%a+") do KEYWORDS[word] = true end

local complete = {}

-- A table's or another value's __index, if that is a table.
local function indexOf(value)
  local metatable = debug.getmetatable(value)
  local index = type(metatable) == "table" and rawget(metatable, "__index")
  return type(index) == "table" and index or nil
end

-- The tables in which a key of `value` is looked for, the nearest first. `members`: see newSession.
local function tablesOf(value, members)
  local found = {}
  if type(value) == "table" then found[1] = value end
  if type(value) == "userdata" then
    local own, fields = members(value)
    found[#found + 1] = own
    found[#found + 1] = fields
  end
  local next = indexOf(value)
  for _ = 1, CHAIN do
    if not next then break end
    found[#found + 1] = next
    next = indexOf(next)
  end
  return found
end

local function read(value, key, members)
  if type(value) == "userdata" and members(value) then
    local ok, result = pcall(function() return value[key] end)
    return ok and result or nil
  end
  for _, t in ipairs(tablesOf(value, members)) do
    local result = rawget(t, key)
    if result ~= nil then return result end
  end
end

-- Of 'a.b[1]' or 'a.b["c"]' what stands before the bracket, and the key.
local function splitIndex(path)
  local before, number = path:match("^(.*)%[%s*(%d+)%s*%]$")
  if before then return before, math.tointeger(tonumber(number)) end
  local rest, _, quoted = path:match("^(.*)%[%s*([\"'])([^\"'\\]*)%2%s*%]$")
  return rest, quoted
end

-- The steps of "a.b[1]:" at the end of a line, from the last to the first: keys, then the name of a
-- global. Nil: it isn't a plain path.
local function splitPath(path)
  local keys = {}
  while true do
    local rest, name = path:match("^(.*)[.:]%s*([%a_][%w_]*)$")
    if rest then
      table.insert(keys, 1, name)
      path = rest
    else
      local before, key = splitIndex(path)
      if not before then break end
      table.insert(keys, 1, key)
      path = before
    end
  end
  local global = path:match("([%a_][%w_]*)$")
  local before = global and path:sub(1, -#global - 1)
  if not global or before:find("[.:%]%)\"']%s*$") then return nil end
  return global, keys
end

local function follow(path, environment, members)
  local global, keys = splitPath(path)
  if not global then return nil end
  local value = read(environment, global, members)
  for _, key in ipairs(keys) do
    if value == nil then return nil end
    value = read(value, key, members)
  end
  return value
end

-- Whether a key is a name that begins with `beginning`; with "_" only where that does.
local function fits(key, beginning)
  return key:find("^[%a_][%w_]*$") and key:sub(1, #beginning) == beginning
    and (beginning ~= "" or key:sub(1, 1) ~= "_")
end

-- Names of `tables` that fit, and whether there may be more.
local function collect(tables, beginning, isWanted)
  local found, left = {}, LOOKED
  for _, t in ipairs(tables) do
    for key, value in next, t do
      if type(key) == "string" then
        if left == 0 then return found, true end
        left = left - 1
        if fits(key, beginning) and isWanted(value) then found[key] = true end
      end
    end
  end
  return found, false
end

local function always() return true end
local function isFunction(value) return type(value) == "function" end

-- What all have in common.
local function commonBeginning(names)
  local common = names[1] or ""
  for _, name in ipairs(names) do
    while name:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  return common
end

-- `line`: what stands before the cursor. Returns what can be added there, and an array of the
-- names that would fit. `members(userdata)`: the table of an object's members, and that of the
-- fields that a script has set, or nil.
function complete.line(line, environment, members)
  local path, operator, beginning = line:match("^(.-)%s*([.:])%s*([%a_]?[%w_]*)$")
  if path and path:sub(-1) == "." then path = nil end -- a..b
  local found, isPartial
  if path then
    local value = follow(path, environment, members)
    if value == nil then return "", {} end
    local isWanted = operator == ":" and isFunction or always
    found, isPartial = collect(tablesOf(value, members), beginning, isWanted)
  else
    beginning = line:match("[%a_][%w_]*$") or ""
    if beginning == "" then return "", {} end
    found, isPartial = collect(tablesOf(environment, members), beginning, always)
    for word in pairs(KEYWORDS) do
      if word:sub(1, #beginning) == beginning then found[word] = true end
    end
  end
  local names = {}
  for name in pairs(found) do names[#names + 1] = name end
  table.sort(names)
  local addition = isPartial and "" or commonBeginning(names):sub(#beginning + 1)
  return addition, table.move(names, 1, math.min(#names, NAMES), 1, {})
end

return complete
