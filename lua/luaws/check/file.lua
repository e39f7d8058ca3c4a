-- One source text, checked: what is found in it, in order.

local newHandlers = require "luaws.check.handlers"
local newShapes = require "luaws.check.shapes"
local newTypes = require "luaws.check.types"
local parse = require "luaws.check.parser"
local rules = require "luaws.check.rules"
local text = require "luaws.connect.text"

local FINDINGS_MAX = 100 -- of one file
local PLACES_MAX = 20    -- where a token is looked for

local file = {}

-- Offsets at which lines begin, the first one behind a byte order mark.
local function findLines(source, first)
  local lines, at = { first }, 1
  while true do
    at = source:find("[\r\n]", at)
    if not at then return lines end
    local pair = source:sub(at, at + 1)
    at = at + ((pair == "\r\n" or pair == "\n\r") and 2 or 1)
    lines[#lines + 1] = at
  end
end

-- Of the last line that begins at the offset or before.
local function lineAt(lines, at)
  local low, high = 1, #lines
  while low < high do
    local middle = (low + high + 1) // 2
    if lines[middle] <= at then low = middle else high = middle - 1 end
  end
  return low
end

-- In characters, from 1; in bytes where the line is no UTF-8.
local function columnAt(source, from, at)
  return (utf8.len(source:sub(from, at - 1)) or at - from) + 1
end

-- Where the code begins: behind a byte order mark and, as `lua` has it, a first line that begins
-- with "#".
local function startOf(source)
  local bom = source:sub(1, 3) == "\xEF\xBB\xBF" and 4 or 1
  local isComment = source:sub(bom, bom) == "#"
  return isComment and (source:find("[\r\n]", bom) or #source + 1) or bom, bom
end

local function compile(source, start, last)
  return load(source:sub(start, last), "=source", "t")
end

-- Of several places on a line where the token stands, the first one up to which the source makes
-- the compiler complain in the same way.
local function findToken(source, start, from, behind, token, raised)
  local at = from
  for _ = 1, PLACES_MAX do
    local first, last = source:find(token, at, true)
    if not first or last >= behind then return nil end
    local _, again = compile(source, start, last)
    if again == raised then return first end
    at = first + 1
  end
end

-- What the compiler complains about: it names the line and the token.
local function syntaxError(source, start, lines, raised)
  local number, message = raised:match("^source:(%d+): (.*)$")
  number = math.tointeger(tonumber(number)) or 1
  message = message or raised
  local from, behind = lines[number] or #source + 1, lines[number + 1] or #source + 1
  local token = message:match("near '(.+)'$")
  local at = token and findToken(source, start, from, behind, token, raised)
  if message:find("near <eof>$") then at = behind end
  at = at or source:find("%S", from) or from
  local column = columnAt(source, from, math.min(at, behind))
  return { line = number, column = column, message = text.sanitiseLine(message) }
end

-- Compiles it, as the program would, and reads it. The unit, or nil and a finding.
function file.read(source)
  local start, first = startOf(source)
  local lines = findLines(source, first)
  local chunk, raised = compile(source, start)
  if not chunk then return nil, syntaxError(source, start, lines, raised) end
  local unit = parse(source, start)
  unit.source, unit.lines = source, lines
  return unit
end

-- Whether more may become global than the source shows.
local function hasHiddenGlobals(unit)
  local globals = unit.globals
  return (globals._G and globals._G.isOpen) or globals._ENV ~= nil or globals.dofile ~= nil
end

-- Names that the unit makes global.
function file.globalsOf(unit, found)
  for name, symbol in pairs(unit.globals) do
    if symbol.isDefined then found[name] = true end
  end
  local environment = unit.globals._G
  for name in pairs(environment and environment.fields or {}) do found[name] = true end
  return found
end

local function report(unit, findings, at, message)
  if findings.isFull then return end
  local number = lineAt(unit.lines, at)
  local column = columnAt(unit.source, unit.lines[number], at)
  local key = number .. ":" .. column
  if findings[key] then return end
  findings[key] = true
  findings[#findings + 1] = { line = number, column = column, message = text.sanitiseLine(message) }
  findings.isFull = #findings >= FINDINGS_MAX
end

local function nothing() end

-- What a module returns, as other files see it: a shape whose fields are names alone. nil when that
-- isn't known. shapeOfModule(name): the same of those that it requires itself.
function file.export(unit, all, shapeOfModule)
  local last = unit.returns[#unit.returns]
  local value = last and last[1]
  if not value then return nil end
  local handlers = newHandlers(newTypes(all), newShapes, unit.nodes, shapeOfModule)
  local shape = handlers.shapes:of(value)
  if not shape then return nil end
  local export = { fields = {}, isOpen = shape.isOpen, isClass = shape.isClass }
  for name in pairs(shape.fields) do export.fields[name] = { name = name } end
  return export
end

-- context: names (of check/names), globals (a set of those that are there), libraries (name ->
-- table), shapeOfModule (as above; nil: none is known). Returns findings { line, column, message }
-- in their order; isFull: there are more.
function file.check(unit, context)
  local types = newTypes(context.names)
  local modules = context.shapeOfModule or nothing
  local handlers = newHandlers(types, newShapes, unit.nodes, modules)
  local globals = file.globalsOf(unit, {})
  local isAnyKnown = hasHiddenGlobals(unit)
  local findings = {}
  rules({
    all = context.names, types = types, handlers = handlers, unit = unit, globals = context.globals,
    libraries = context.libraries,
    isKnownGlobal = function(name) return isAnyKnown or globals[name] or context.globals[name] end,
    isFull = function() return findings.isFull end,
  }, function(at, message) report(unit, findings, at, message) end)
  table.sort(findings, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.column < b.column
  end)
  return findings
end

return file
