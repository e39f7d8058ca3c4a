-- The place where tests take place: which element of busted runs, and what is to be done at its
-- end. luaws.test makes it ready; without that, no test is running.
--
-- What is opened in a test, or in a before_each, is closed when the test is over; what is opened in
-- a setup, or in the body of a describe or file, when that is.

local bench = {
  timeout = 30,      -- s: how long a test or hook may take
  folders = { "." }, -- of the project
}

local core           -- busted's
local deferred = {}  -- "test", or an element of busted -> functions, in their order
local onEnd = {}     -- what is done at the end of each test, after all that was deferred

-- For luaws.test: busted's core.
function bench.follow(bustedCore)
  core = bustedCore
end

-- Calls a function of a spec.
function bench.limit(f, ...)
  return f(...)
end

-- Adds the folders to those of the project, where modules are looked for first, and scripts.
function bench.addFolders(folders)
  local templates = {}
  for i, folder in ipairs(folders) do
    templates[i] = ("%s/?.lua;%s/?/init.lua;"):format(folder, folder)
    table.insert(bench.folders, folder)
  end
  package.path = table.concat(templates) .. package.path
end

-- Raises at the line that uses the caller where no specs run.
function bench.check(what)
  if not core then
    error(("%s works in specs alone, which 'luaws test' runs"):format(what), 3)
  end
end

-- The describe or file whose body or hook runs; "test" in a test and its hooks.
local function currentScope()
  local element = core.context.get()
  local descriptor = element.descriptor
  while descriptor:find("setup$") or descriptor:find("teardown$") do
    element = core.context.parent(element)
    descriptor = element.descriptor
  end
  local isTest = descriptor == "it" or descriptor == "before_each" or descriptor == "after_each"
  return isTest and "test" or element
end

-- Calls f(...) when the running test, describe or file is over: what came last is done first.
function bench.defer(f, ...)
  local scope = currentScope()
  deferred[scope] = deferred[scope] or {}
  table.insert(deferred[scope], table.pack(f, ...))
end

-- Calls f() at the end of each test: it raises what the test has done wrong.
function bench.atEnd(f)
  table.insert(onEnd, f)
end

local function keepFirst(first, ok, err)
  if ok or first then return first end
  return { err = err }
end

-- Does all that was deferred in a scope. Returns the first error in a table, or nil.
local function close(scope)
  local calls = deferred[scope] or {}
  deferred[scope] = nil
  local first
  for i = #calls, 1, -1 do
    local call = calls[i]
    first = keepFirst(first, pcall(call[1], table.unpack(call, 2, call.n)))
  end
  return first
end

-- Ends a describe or a file; raises what goes wrong in that.
function bench.endScope(element)
  local first = close(element)
  if first then error(first.err, 0) end
end

-- Ends a test; raises what goes wrong in that, or what was found out about the test.
function bench.endTest()
  local first = close("test")
  for _, f in ipairs(onEnd) do first = keepFirst(first, pcall(f)) end
  if first then error(first.err, 0) end
end

return bench
