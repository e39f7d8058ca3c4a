-- The place where tests take place: which element of busted runs, for how long it may, and what is
-- to be done at its end. luaws.test makes it ready; without that, no test is running.
--
-- Each test has a scope, and so has each describe and file for its body and setup. What is opened
-- in a scope is closed at its end, and nothing that was started in it may run on then. What
-- callbacks of handlers have started belongs to no scope; it is looked for when the last server has
-- ended.

local luaws = require "luaws"
local budget = require "luaws.budget"

local OWN_SCOPE, NO_SCOPE = 1, 0 -- the runner's; what callbacks have started
local GRACE = { 0, 0, 0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2 } -- s: to end by itself

local bench = {
  timeout = 30,      -- s: how long a test or hook may take
  folders = { "." }, -- of the project
  servers = 0,       -- that run: testing.server
}

local native       -- luaws.testing.native
local core         -- busted's
local clock        -- the timer of what runs
local errors, seen = {}, 0 -- of callbacks, since the test began; how many of them it has seen
local isInterrupted
local isVerbose    -- what is printed and logged is seen at once
local printed = {} -- by scripts, since the test began
local scopes = {}  -- "test", or an element of busted -> { number =, deferred = {} }

-- For luaws.test: busted's core.
function bench.follow(bustedCore)
  core = bustedCore
  native = require "luaws.testing.native"
end

-- The command line has been read: `verbose` has the log written as it comes.
function bench.begin(verbose)
  isVerbose = verbose
  native.begin(not verbose, bench.timeout)
end

-- The last test is over.
function bench.over()
  if native then native.over() end
end

-- Raises at the line that uses the caller where no specs run.
function bench.check(what)
  if not core then
    error(("%s works in specs alone, which 'luaws test' runs"):format(what), 3)
  end
end

-- Adds the folders to those of the project, where modules are looked for first, and scripts.
function bench.addFolders(folders)
  local templates = {}
  for i, folder in ipairs(folders) do
    templates[i] = ("%s/?.lua;%s/?/init.lua;"):format(folder, folder)
    if folder ~= "." then table.insert(bench.folders, folder) end
  end
  package.path = table.concat(templates) .. package.path
end

-- Scopes

-- The describe or file whose body or hook runs; "test" in a test and its hooks.
local function currentKey()
  local element = core.context.get()
  local descriptor = element.descriptor
  while descriptor:find("setup$") or descriptor:find("teardown$") do
    element = core.context.parent(element)
    descriptor = element.descriptor
  end
  local isTest = descriptor == "it" or descriptor == "before_each" or descriptor == "after_each"
  return isTest and "test" or element
end

local function currentScope()
  local key = currentKey()
  local scope = scopes[key]
  if not scope then
    scope = { number = native.newScope(), deferred = {} }
    scopes[key] = scope
  end
  return scope
end

-- Calls f(...) when the running test, describe or file is over: what came last is done first.
function bench.defer(f, ...)
  table.insert(currentScope().deferred, table.pack(f, ...))
end

-- Runs one of busted's functions that a spec has given it.
function bench.run(f, ...)
  local descriptor = core.context.get().descriptor
  local what = descriptor == "it" and "the test" or descriptor:gsub("^strict_", "")
  native.enter(OWN_SCOPE)
  native.callOff(nil)
  clock = luaws.after(bench.timeout, function()
    native.callOff(("%s has taken %g s and still waits here (see --timeout)")
      :format(what, bench.timeout))
  end)
  native.enter(currentScope().number)
  budget(bench.timeout)
  f(...)
end

-- What bench.run has run is over, or has raised.
function bench.rest()
  if clock then clock:cancel() end
  clock = nil
  native.callOff(nil)
  budget(nil)
  native.enter(OWN_SCOPE)
  if isInterrupted then core.skipAll = true end -- busted forgets it at each error
end

-- No further test is run, and what the present one waits for raises: not what is done at its end.
function bench.interrupt()
  isInterrupted = true
  if clock then native.callOff("interrupted") end
end

-- Errors of callbacks, timers and tasks

-- All that have been raised since the test began. `isSeen`: the test knows of them now.
function bench.errors(isSeen)
  local new = native.errors()
  table.move(new, 1, #new, #errors + 1, errors)
  if isSeen then seen = #errors end
  return table.move(errors, 1, #errors, 1, {})
end

-- The next one that the test has not seen, or nil.
function bench.takeError()
  bench.errors(false)
  if seen == #errors then return nil end
  seen = seen + 1
  return errors[seen]
end

function bench.describeError(err)
  return ("%s: %s"):format(err.callback, err.message)
end

local function checkErrors()
  bench.errors(false)
  local lines = {}
  for i = seen + 1, #errors do lines[#lines + 1] = "  " .. bench.describeError(errors[i]) end
  errors, seen = {}, 0
  if #lines == 0 then return end
  local text = "errors that the test has not looked at (testing.errors):\n"
  error(text .. table.concat(lines, "\n"), 0)
end

-- What was left running

local function describe(thing)
  local started = thing.place and " started at " .. thing.place or ""
  local waits = thing.at and thing.at ~= thing.place and ", which waits at " .. thing.at or ""
  return "  " .. thing.what .. started .. waits
end

local function describeAll(things)
  local lines = {}
  for i, thing in ipairs(things) do lines[i] = describe(thing) end
  return table.concat(lines, "\n")
end

-- Ends the callbacks of handlers that still wait, and raises which these are.
function bench.endCallbacks()
  local callbacks = native.cancelCallbacks()
  if #callbacks > 0 then
    error("these callbacks have not returned:\n" .. describeAll(callbacks), 0)
  end
end

-- Another scope's things belong to the running test, describe or file, too.
function bench.watch(number)
  currentScope().watched = number
end

local function listRunning(scope)
  local all = native.running(scope.number)
  local watched = scope.watched and native.running(scope.watched) or {}
  table.move(watched, 1, #watched, #all + 1, all)
  local others = bench.servers == 0 and native.running(NO_SCOPE) or {}
  return table.move(others, 1, #others, #all + 1, all)
end

local function checkLeaks(scope)
  local running = listRunning(scope)
  for _, seconds in ipairs(GRACE) do
    if #running == 0 then return end
    luaws.sleep(seconds)
    running = listRunning(scope)
  end
  if #running == 0 then return end
  error("this is still running at the end:\n" .. describeAll(running), 0)
end

local function endAll(scope)
  native.finish(scope.number)
  if scope.watched then native.finish(scope.watched) end
  if bench.servers == 0 then native.finish(NO_SCOPE) end
end

-- The first error of several calls, in a table.
local function keepFirst(first, ok, err)
  if ok or first then return first end
  return { err = err }
end

-- Ends a scope. Returns the first error in a table, or nil.
local function close(key, isGood)
  local scope = scopes[key]
  if not scope then return nil end
  native.enter(OWN_SCOPE)
  local first
  for i = #scope.deferred, 1, -1 do
    local call = scope.deferred[i]
    first = keepFirst(first, pcall(call[1], table.unpack(call, 2, call.n)))
  end
  scopes[key] = nil
  first = keepFirst(first, pcall(checkErrors))
  if isGood then first = keepFirst(first, pcall(checkLeaks, scope)) end
  endAll(scope)
  return first
end

-- An error as the element's own: with its place.
local function raise(element, err)
  if type(err) == "string" and element.trace and not err:find("^[^\n]-:%d+: ") then
    err = ("%s:%d: %s"):format(element.trace.short_src, element.trace.currentline, err)
  end
  error(err, 0)
end

-- Ends a describe or a file; raises what goes wrong in that.
function bench.endScope(element)
  local first = close(element, true)
  if first then raise(element, first.err) end
end

-- Ends a test; raises what goes wrong in that, or what was found out about the test. `isGood`: it
-- has not failed yet.
function bench.endTest(element, isGood)
  luaws.sleep(0) -- signals are heard, and what has come to nobody's wait
  local first = close("test", isGood)
  if isGood and first then raise(element, first.err) end
  if not isGood then return end
  native.log()
  printed = {}
end

-- A print for a script: its lines go to an array and are shown when the test fails; or at once, if
-- everything shall be seen.
function bench.printer(lines)
  return function(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    local line = table.concat(words, "\t")
    table.insert(lines, line)
    table.insert(printed, line)
    if isVerbose then print(line) end
  end
end

local function indent(title, text)
  if text == "" then return "" end
  return ("\n%s:\n%s"):format(title, text:gsub("\n$", ""):gsub("[^\n]+", "  %0"))
end

-- What has been printed and logged, for the message of a failure; "" for nothing.
function bench.describeOutput()
  local text = isVerbose and "" or indent("Printed", table.concat(printed, "\n"))
  printed = {}
  return text .. indent("Logged", native.log())
end

return bench
