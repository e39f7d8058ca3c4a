-- Drives busted inside one coroutine over luv's loop, so that specs, hooks and helpers may wait
-- (see async.lua). Started by runner.c in luaws-spec with the command line's arguments; returns
-- whether everything passed.

package.path = "./?.lua;./lua/?.lua;./lua/?/init.lua;" .. package.path

local uv = require "luv"
local runner = require "runner"
local async = require "spec.support.async"
require "spec.support.assertions"

local USAGE = [[
usage: luaws-spec [options] [file or folder...]
       luaws-spec --conformance URL [options]
       luaws-spec --soak MINUTES [options of luaws]

  --filter PATTERN   run the tests whose full names match the Lua pattern
  --repeat N         run everything N times
  --list             name the tests, run none
  --conformance URL  the conformance suite against a server; see spec/conformance/README.md
  --soak MINUTES     keeps a luaws busy with clients of all kinds, and judges it
  --lua-gc-stress    keep Lua's collector running
  --jobs N           first of all: each file in a process of its own, N at a time, the longest first
  --help             this text

Without a file or folder: all of spec. Environment: LUAWS_BIN is the luaws under test (the one of
the same build), LUAWS_TEST_TIMEOUT_FACTOR scales every time-out (1; with tiny buffers 3, under a sanitizer 6),
LUAWS_SPEC_SLOW=1 names the tests that take longer than a second.]]

local OPTIONS_WITH_VALUE = { ["--filter"] = true, ["--repeat"] = true }

-- Whatever the specs start connects to this machine: a proxy of the developer's is none for that.
for name in pairs(uv.os_environ()) do
  if name:lower():match("^%a+_proxy$") then uv.os_unsetenv(name) end
end

-- For the programs that specs start, in a build with ThreadSanitizer.
if not uv.os_getenv("TSAN_OPTIONS") then
  uv.os_setenv("TSAN_OPTIONS", ("suppressions=%s/spec/support/tsan.supp"):format(uv.cwd()))
end

local function refuse(message)
  io.stderr:write("luaws-spec: ", message, "\n", USAGE, "\n")
  os.exit(2)
end

local function parseArguments(arguments)
  local parsed = { "--output=spec.support.output" }
  local folders = 0
  local i = 1
  while i <= #arguments do
    local argument = arguments[i]
    if argument == "--lua-gc-stress" then
      collectgarbage("incremental", 0, 1000)
    elseif OPTIONS_WITH_VALUE[argument] then
      i = i + 1
      parsed[#parsed + 1] = argument .. "=" .. (arguments[i] or "")
    elseif argument == "--help" then
      print(USAGE)
      return nil
    elseif argument:match("^%-") and argument ~= "--list"
           and not OPTIONS_WITH_VALUE[argument:match("^(.-)=")] then
      refuse("unknown option " .. argument)
    elseif argument:match("^[^%-]") and not uv.fs_stat(argument) then
      refuse("no such file or folder: " .. argument)
    else
      folders = folders + (argument:match("^%-") and 0 or 1)
      parsed[#parsed + 1] = argument
    end
    i = i + 1
  end
  if folders == 0 then parsed[#parsed + 1] = "spec" end
  return parsed
end

-- busted keeps its core to itself; the helpers need it to know which element runs.
local function catchCore(onCore)
  local newCore = require "busted.core"
  package.loaded["busted.core"] = function()
    local core = newCore()
    onCore(core)
    return core
  end
end

-- busted ends the process by os.exit; here that ends its coroutine alone.
local EXIT = setmetatable({}, { __tostring = function() return "a spec has called os.exit" end })

local function runBusted()
  local ok, err = xpcall(require "busted.runner", function(e)
    return e == EXIT and e or debug.traceback(tostring(e), 2)
  end, { standalone = false })
  if not ok and err ~= EXIT then error(err, 0) end
end

local function runUntilDead(co)
  local ok, err = coroutine.resume(co)
  while ok and coroutine.status(co) ~= "dead" do
    if not uv.run("once") and coroutine.status(co) ~= "dead" then
      error("the specs wait for something that can't happen: no handle is open", 0)
    end
  end
  if not ok then error(err, 0) end
end

-- Lua must not be closed while the loop knows its handles.
local function closeHandles()
  uv.walk(function(handle)
    if not handle:is_closing() then handle:close() end
  end)
  uv.run()
end

-- Runs fn in the coroutine that may wait, with the loop, to its end.
local function runWaiting(fn)
  local failure
  local co = coroutine.create(function()
    local ok, err = xpcall(fn, function(e) return type(e) == "string" and debug.traceback(e, 2) or e end)
    if not ok then failure = err end
  end)
  async.adopt(co)
  runUntilDead(co)
  closeHandles()
  if failure then error(failure, 0) end
end

local COMMANDS = { ["--conformance"] = "spec.conformance.command", ["--soak"] = "spec.soak.command",
  ["--jobs"] = "spec.support.jobs" }

local function runCommand(module, arguments)
  local passed, failed
  runner.onCallbackError(async.fail)
  runWaiting(function()
    passed, failed = require(module).run(arguments)
  end)
  runner.progress(passed, failed, "the end")
  return failed == 0
end

if COMMANDS[...] then return runCommand(COMMANDS[...], { select(2, ...) }) end

local arguments = parseArguments({ ... })
if not arguments then return true end
arguments[0] = "luaws-spec"
_G.arg = arguments

local output = require "spec.support.output"
runner.onCallbackError(async.fail)
catchCore(async.follow)

local exitProcess = os.exit
os.exit = function() error(EXIT, 0) end -- luacheck: ignore 122

local ok, failure = pcall(runWaiting, runBusted)
os.exit = exitProcess -- luacheck: ignore 122
if not ok then error(failure, 0) end
return output.finish()
