-- The console's sessions: what is typed, or comes from a pipe or a socket, is run here, in the
-- script's own state. src/script/console.c calls these methods, each line in a task of its own.

local luaws = require "luaws"
local complete = require "luaws.console.complete"
local excerpt = require "luaws.excerpt"
local show = require "luaws.console.show"
local text = require "luaws.connect.text"

local CHUNK = 1024 * 1024 -- bytes of a chunk of several lines
local RESULTS = 50        -- that are shown
local NAME = "=console"

local Session = {}
Session.__index = Session

-- Whether more lines could make a chunk of it.
local function isIncomplete(message)
  return message:find("<eof>'?$") ~= nil
end

-- The function, or nil, what is wrong, and whether more lines could mend that.
local function compile(source, environment)
  local code = source:gsub("^%s*=", "return ", 1)
  local chunk, asExpression = load("return " .. code, NAME, "t", environment)
  if chunk then return chunk end
  local message
  chunk, message = load(code, NAME, "t", environment)
  if chunk then return chunk end
  return nil, message, isIncomplete(message) or isIncomplete(asExpression)
end

-- The traceback of the script's and the line's own functions, if there are any but the line itself.
local function cutTraceback(traceback)
  local lines, hasFunctions = {}, false
  for line in traceback:gmatch("\n(\t[^\n]+)") do
    if line:find("^\tluaws/console%.lua:") then break end
    local isNative = line:find("^\t%[C%]: ")
    if not isNative or lines[1] then lines[#lines + 1] = line end
    hasFunctions = hasFunctions or not (isNative or line:find("^\tconsole:%d+: in main chunk"))
  end
  while lines[1] and lines[#lines]:find("^\t[%[(][C.]") do lines[#lines] = nil end
  return hasFunctions and "\nstack traceback:\n" .. table.concat(lines, "\n") or ""
end

-- With the lines of the file around its place.
local function addExcerpt(message)
  local file, line = message:match("^([^\n]-):(%d+): ")
  local lines = file and file ~= NAME:sub(2) and excerpt(file, math.tointeger(tonumber(line)))
  return lines and message .. "\n" .. lines or message
end

-- A message handler.
local function explain(err)
  local message = type(err) == "string" and addExcerpt(err)
  local metatable = debug.getmetatable(err)
  if not message and type(metatable) == "table" and rawget(metatable, "__tostring") then
    local ok, described = pcall(tostring, err)
    message = ok and described
  end
  return (message or show(err)) .. cutTraceback(debug.traceback("", 2))
end

function Session:complain(message)
  self.write("E", "luaws: " .. text.sanitise(message) .. "\n")
end

function Session:showAll(results)
  for i = 1, math.min(results.n, RESULTS) do self.write("T", show(results[i]) .. "\n") end
  if results.n > RESULTS then self.write("T", ("... %d more\n"):format(results.n - RESULTS)) end
end

-- What a terminal is greeted with.
function Session:greet()
  local generation = luaws.generation and luaws.generation > 1
    and (", generation %d"):format(luaws.generation) or ""
  local script = arg and arg[-1] and arg[0]:match("[^/]*$") or "no script"
  self.write("G", text.sanitiseLine(script) .. generation)
end

local function keep(self, ok, ...)
  if not ok then
    self:complain((...))
    return false, true
  end
  local results = table.pack(...)
  if results.n == 0 then return false, false end
  if results[1] ~= nil then rawset(self.environment, "_", results[1]) end
  self:showAll(results)
  return false, false
end

-- Runs a line, which may wait. Returns whether more lines must follow before anything is run, and
-- whether it has failed.
function Session:line(line)
  if rawget(_G, "servers") == nil then rawset(self.environment, "servers", self.servers()) end
  local source = self.pending and self.pending .. "\n" .. line or line
  self.pending = nil
  if not source:find("%S") then return false, false end
  local chunk, message, isMendable = compile(source, self.environment)
  if not chunk and isMendable and #source <= CHUNK then
    self.pending = source
    return true, false
  end
  if not chunk then
    if isMendable then message = ("a chunk of more than %d MiB"):format(CHUNK >> 20) end
    self:complain(message)
    return false, true
  end
  return keep(self, xpcall(chunk, explain))
end

-- At the end of all lines: whether a chunk has been left unfinished.
function Session:finish()
  local isUnfinished = self.pending ~= nil
  if isUnfinished then self:complain("the last chunk is not finished") end
  self.pending = nil
  return false, isUnfinished
end

-- Forgets what has been typed of a chunk. True: there was something.
function Session:drop()
  local hadSome = self.pending ~= nil
  self.pending = nil
  return hadSome
end

-- What can be added to a line that ends at the cursor, and the names that would fit:
-- "ADDITION\tNAME NAME...".
function Session:complete(line)
  local addition, names = complete.line(line, self.environment, self.members)
  self.write("N", addition .. "\t" .. table.concat(names, " "))
end

-- A session of its own: globals are the script's. Beside them there are `luaws`, `_`, the last
-- result that wasn't nil, and, unless the script has a global of that name, `servers`: an array of
-- the WebSocketServers that `servers()` returns.
-- `write(kind, text)` is its way out (enum event_console in src/mailbox/event.h); `members`: see
-- luaws.console.complete.
return function(write, members, servers)
  local environment = setmetatable({ luaws = luaws }, { __index = _G, __newindex = _G })
  return setmetatable({
    write = write, members = members, servers = servers, environment = environment,
  }, Session)
end
