-- How the console shows values: tables to a bounded depth and length, by their raw contents, so
-- that looking at a value runs no code of the script's but the __tostring of userdata.

local text = require "luaws.connect.text"

local DEPTH = 3         -- tables in tables
local ENTRIES = 50      -- of one table
local ENTRIES_ALL = 200 -- of all tables of a value
local STRING = 2000     -- bytes of one string
local WIDTH = 78        -- columns of a table in one line
local INDENT = "  "

local NAMED = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }
local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat "
  .. "return then true until while"):gmatch("%a+") do KEYWORDS[word] = true end

-- As it could stand in a script, and fit for a terminal.
local function quote(s)
  local shown = #s > STRING and s:sub(1, (utf8.offset(s, 0, STRING + 1) or STRING + 1) - 1) or s
  local quoted = '"' .. text.sanitise((shown:gsub('[\n\t\r"\\]', NAMED))) .. '"'
  return #shown < #s and ("%s... (%d bytes)"):format(quoted, #s) or quoted
end

local function describeFunction(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return "function (C)" end
  return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

local function describeOther(value)
  local ok, described = pcall(tostring, value)
  return ok and described or ("%s whose __tostring raises"):format(type(value))
end

local SCALARS = {
  string = quote,
  ["function"] = function(f) return text.sanitiseLine(describeFunction(f)) end,
  number = tostring, boolean = tostring, ["nil"] = tostring,
}

local function describe(value)
  local scalar = SCALARS[type(value)]
  if scalar then return scalar(value) end
  return text.sanitiseLine(describeOther(value))
end

local function nameOf(t)
  local metatable = debug.getmetatable(t)
  local name = type(metatable) == "table" and rawget(metatable, "__name")
  return type(name) == "string" and text.sanitiseLine(name) .. " " or ""
end

local function showKey(key)
  local isName = type(key) == "string" and key:find("^[%a_][%w_]*$") and not KEYWORDS[key]
  return isName and key or "[" .. (type(key) == "table" and "table" or describe(key)) .. "]"
end

local ORDER = { number = 1, string = 2 }

local function comesBefore(a, b)
  local first, second = ORDER[type(a)] or 3, ORDER[type(b)] or 3
  if first ~= second then return first < second end
  if first < 3 then return a < b end
  return false
end

-- The keys behind 1..length; only so many as may be shown are put in order.
local function otherKeys(t, length)
  local keys, count = {}, 0
  for key in next, t do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then
      count = count + 1
      if count <= ENTRIES_ALL then keys[count] = key end
    end
  end
  table.sort(keys, comesBefore)
  return keys, count
end

local Writer = {}
Writer.__index = Writer

-- The entries of `t` as text, and whether one of them has several lines.
function Writer:entries(t, depth)
  local entries, isTall = {}, false
  local function add(label, value)
    self.count = self.count + 1
    local shown = label .. self:value(value, depth + 1)
    isTall = isTall or shown:find("\n", 1, true) ~= nil
    entries[#entries + 1] = shown
  end
  local length = rawlen(t)
  local keys, count = otherKeys(t, length)
  local function isFull() return #entries >= ENTRIES or self.count >= ENTRIES_ALL end
  for i = 1, length do
    if isFull() then break end
    add("", rawget(t, i))
  end
  for _, key in ipairs(keys) do
    if isFull() then break end
    add(showKey(key) .. " = ", rawget(t, key))
  end
  local left = length + count - #entries
  if left > 0 then entries[#entries + 1] = ("... %d more"):format(left) end
  return entries, isTall
end

function Writer:table(t, depth)
  local name = nameOf(t)
  if self.open[t] then return name .. "{ the one around it }" end
  if next(t) == nil then return name .. "{}" end
  if depth > DEPTH then return name .. "{ ... }" end
  self.open[t] = true
  local entries, isTall = self:entries(t, depth)
  self.open[t] = nil
  local line = table.concat(entries, ", ")
  local indent = INDENT:rep(depth)
  if not isTall and #indent + #name + #line + 4 <= WIDTH then
    return ("%s{ %s }"):format(name, line)
  end
  local inner = ",\n" .. indent
  local rows = table.concat(entries, inner)
  return ("%s{\n%s%s\n%s}"):format(name, indent, rows, INDENT:rep(depth - 1))
end

function Writer:value(value, depth)
  if type(value) == "table" then return self:table(value, depth) end
  return describe(value)
end

-- A value as text of one or more lines.
return function(value)
  return setmetatable({ open = {}, count = 0 }, Writer):value(value, 1)
end
