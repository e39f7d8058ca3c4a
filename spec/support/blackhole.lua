-- A port that never answers: a listener on 127.0.0.1 whose backlog is full, and which accepts nobody.
--
--   local port = require("spec.support.blackhole").open()     until the test is over

local async = require "spec.support.async"
local connector = require("probe").connector

local blackhole = {}

function blackhole.open()
  local opened = { connector.blackHole() }
  for i = 2, #opened do async.defer(connector.closeDescriptor, opened[i]) end
  return opened[1]
end

return blackhole
