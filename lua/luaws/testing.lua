-- `require "luaws.testing"`: what specs of handlers need, which `luaws test` runs.

local luaws = require "luaws"
local uv = require "luv"
local bench = require "luaws.testing.bench"
local newServer = require "luaws.testing.server"

local MOMENT, PATIENCE = 0.001, 2 -- s

local testing = {}

-- `require` returns the module's file as well: testing.connection(require "chat").
local function checkOptions(what, options)
  if type(options) == "string" then return nil end
  if options ~= nil and type(options) ~= "table" then
    error(("%s: expected a table of options, got a %s"):format(what, type(options)), 3)
  end
  return options
end

-- A real server, for a handler or a script, and real clients; closed when the test is over.
function testing.server(target, options)
  bench.check("testing.server")
  return newServer(target, checkOptions("testing.server", options))
end

-- A connection without a network, and its clock.
function testing.connection(handler, options)
  bench.check("testing.connection")
  return require "luaws.testing.connection"(handler, checkOptions("testing.connection", options))
end

-- What callbacks, timers and tasks have raised since the test began: an array, oldest first, of
-- luaws's errors with a field `callback` more. A test that ends with errors it has not asked for
-- fails.
function testing.errors()
  bench.check("testing.errors")
  return bench.errors(true)
end

-- The next of these errors that the test has not been given yet; waits for it, up to `timeout`
-- seconds (2). nil: there is none.
function testing.nextError(timeout)
  bench.check("testing.nextError")
  local last = uv.hrtime() + (timeout or PATIENCE) * 1e9
  while true do
    local err = bench.takeError()
    if err or uv.hrtime() >= last then return err end
    luaws.sleep(MOMENT)
  end
end

return testing
