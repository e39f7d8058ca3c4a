-- `luaws check`: reads scripts, runs nothing, and tells what can't be meant; main.c starts it (see
-- "luaws check" in src/README.md).

local luaws = require "luaws"
local excerpt = require "luaws.excerpt"
local uv = require "luv"
local file = require "luaws.check.file"
local names = require "luaws.check.names"
local project = require "luaws.check.project"
local text = require "luaws.connect.text"
local texts = require "luaws.texts"

local EXIT_FINDINGS, EXIT_USAGE = 1, 2

local HELP = [[
usage: luaws check FILE...

Reads Lua scripts, runs nothing, and tells what can't be meant: syntax errors, methods of handlers
that are misspelt or missing, unknown options and members of luaws's objects, undefined globals.
'-' is stdin. What is found is written as FILE:LINE:COLUMN: MESSAGE.

  --help  prints this

Exit codes: 0 when nothing is found, 1 when something is, 2 when a file can't be read or for a wrong
command line.
]]

-- What busted gives to specs.
local BUSTED = [[describe context insulate expose it spec test pending before_each after_each setup
  teardown lazy_setup lazy_teardown strict_setup strict_teardown finally randomize async spy stub
  mock match]]

local function complain(message)
  io.stderr:write("luaws check: ", text.sanitiseLine(message), "\n")
end

-- With the lines around it where people read.
local function show(path, finding, isScreen)
  local name = path == "-" and "stdin" or text.sanitiseLine(path)
  local place = ("%s:%d:%d"):format(name, finding.line, finding.column)
  io.stdout:write(place, ": ", finding.message, "\n")
  local lines = isScreen and path ~= "-" and excerpt(path, finding.line)
  if lines then io.stdout:write(lines, "\n\n") end
end

local function librariesOf(globals)
  local libraries = { luv = uv }
  for name, value in pairs(globals) do
    if type(value) == "table" and name ~= "_G" and name ~= "arg" then libraries[name] = value end
  end
  return libraries
end

local SPEC_CALLS = { describe = true, it = true, before_each = true, after_each = true }

-- By its name, or because it hands functions to busted.
local function isSpec(path, unit)
  if path:find("_spec%.lua$") then return true end
  for _, node in ipairs(unit.nodes) do
    local base = node.kind == "call" and node.base
    local isCall = base and base.kind == "name" and base.symbol.isGlobal and SPEC_CALLS[base.name]
    local last = isCall and node.args[#node.args]
    if last and last.kind == "function" then return true end
  end
  return false
end

-- The names that are there when a script starts, and those that the files define.
local function globalsFor(path, unit, shared)
  local globals = {}
  for name in pairs(_G) do globals[name] = true end
  for name in pairs(shared) do globals[name] = true end
  if isSpec(path, unit) then
    for name in BUSTED:gmatch("%S+") do globals[name] = true end
  end
  return globals
end

local Check = {}
Check.__index = Check

function Check:fail(exitCode)
  self.exitCode = math.max(self.exitCode, exitCode)
end

function Check:read(path)
  local source, err = project.read(path)
  if not source then
    complain(("can't read %s: %s"):format(path, err))
    return self:fail(EXIT_USAGE)
  end
  local unit, wrong = file.read(source)
  if not unit then
    show(path, wrong, self.isScreen)
    return self:fail(EXIT_FINDINGS)
  end
  table.insert(self.units, { path = path, unit = unit })
  self.project:add(path, unit)
end

function Check:judge(path, unit)
  local findings = file.check(unit, {
    names = self.names, libraries = self.libraries,
    globals = globalsFor(path, unit, self.project.globals),
    shapeOfModule = self.project:shapesFor(path),
  })
  for _, finding in ipairs(findings) do show(path, finding, self.isScreen) end
  if findings.isFull then complain(path .. ": there is more") end
  if #findings > 0 then self:fail(EXIT_FINDINGS) end
end

-- The exit code.
local function checkAll(paths)
  local all = names.read(texts["meta.lua"])
  local self = setmetatable({
    names = all, libraries = librariesOf(_G), project = project.new(all), units = {},
    isScreen = uv.guess_handle(1) == "tty", exitCode = 0,
  }, Check)
  for _, path in ipairs(paths) do self:read(path) end
  for _, each in ipairs(self.units) do self:judge(each.path, each.unit) end
  return self.exitCode
end

-- The files that the words of the command line name; nil and what is wrong; or nil: who wants help.
local function readArguments(args)
  local paths, isRest = {}, false
  for _, word in ipairs(args) do
    if isRest or word == "-" or not word:find("^%-") then
      paths[#paths + 1] = word
    elseif word == "--" then
      isRest = true
    elseif word == "--help" or word == "-h" then
      return nil
    else
      return nil, ("unknown option '%s'"):format(word)
    end
  end
  if #paths == 0 then return nil, "a file is missing" end
  return paths
end

local check = {}

-- Checks the files that the words of the command line name.
function check.run(_, ...)
  local paths, wrong = readArguments { ... }
  if paths then
    luaws.exit(checkAll(paths))
  elseif wrong then
    complain(wrong .. " (see luaws check --help)")
    luaws.exit(EXIT_USAGE)
  else
    io.stdout:write(HELP)
  end
end

return check
