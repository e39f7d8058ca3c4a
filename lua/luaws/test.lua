-- `luaws test`: busted in a worker. The main chunk's task runs all of it, so that tests, hooks and
-- helpers may wait; main.c starts it (see "luaws test" in src/README.md).

local luaws = require "luaws"
local assertions = require "luaws.testing.assertions"
local bench = require "luaws.testing.bench"
local find = require "luaws.test.find"
local follow = require "luaws.test.follow"

-- What specs share for the whole run is loaded before them: busted forgets at the end of each file
-- which modules that has loaded.
local uv = require "luv"
require "luaws.testing"

local EXIT_FAILURE, SIGNALED = 1, 128
local SIGNALS = { sigint = 2, sigterm = 15, sighup = 1 }

local signalled -- the number of a signal that has come

-- What os.exit and luaws.exit raise. busted ends the process by the one; a test that called one of
-- them would end it for all others.
local Exit = {}
Exit.__index = Exit

function Exit:__tostring()
  return ("%s(%s) was called"):format(self.name, tostring(self.code))
end

function Exit.__concat(a, b)
  return tostring(a) .. tostring(b)
end

local function exitRaising(name)
  return function(code)
    error(setmetatable({ name = name, code = code }, Exit), 0)
  end
end

local function codeOf(exit)
  if type(exit.code) == "number" then return math.tointeger(exit.code) or EXIT_FAILURE end
  return exit.code == false and EXIT_FAILURE or 0
end

-- A test that yields outside a coroutine of its own would end all of them.
local function keepYielding()
  local runner, yield = coroutine.running(), coroutine.yield
  coroutine.yield = function(...) -- luacheck: ignore 122
    if coroutine.running() == runner then
      error("coroutine.yield outside a coroutine of the test's own: to wait use luaws.sleep or "
        .. "luaws.await", 2)
    end
    return yield(...)
  end
end

local function runBusted()
  local ok, raised = xpcall(require "busted.runner", function(err)
    return getmetatable(err) == Exit and err or debug.traceback(tostring(err), 2)
  end, { standalone = false })
  if ok then return 0 end
  if getmetatable(raised) == Exit then return codeOf(raised) end
  io.stderr:write("luaws test: ", raised, "\n")
  return EXIT_FAILURE
end

-- main.c leaves the first one to us: the test that runs fails, the others are left out, and busted
-- sums up.
local function watchSignals()
  for name, number in pairs(SIGNALS) do
    local handle = uv.new_signal()
    handle:unref()
    handle:start(name, function()
      signalled = signalled or number
      bench.interrupt()
    end)
  end
end

local test = {}

-- Runs the specs with the words of the command line, which are in `arg` as well.
function test.run(_)
  local ok, missing = find()
  if not ok then
    io.stderr:write("luaws test: ", missing, "\n")
    return luaws.exit(EXIT_FAILURE)
  end
  table.insert(arg, 1, "--ignore-lua") -- this one it is
  follow(bench)
  assertions.register()
  local exit = luaws.exit
  os.exit = exitRaising "os.exit" -- luacheck: ignore 122
  debug.getmetatable(luaws).__index.exit = exitRaising "luaws.exit"
  keepYielding()
  watchSignals()
  local code = runBusted()
  bench.over()
  exit(signalled and SIGNALED + signalled or code)
end

return test
