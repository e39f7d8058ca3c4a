-- `require "luaws.testing"`: what specs of handlers need, which `luaws test` runs.

local bench = require "luaws.testing.bench"
local newServer = require "luaws.testing.server"

local testing = {}

-- A real server, for a handler or a script, and real clients; closed when the test is over.
function testing.server(target, options)
  bench.check("testing.server")
  return newServer(target, options)
end

-- A connection without a network, and its clock.
function testing.connection(handler, options)
  bench.check("testing.connection")
  return require "luaws.testing.connection"(handler, options)
end


return testing
