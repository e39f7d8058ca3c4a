-- How long `luaws test` takes for a thousand tests of a handler without a network, beyond what it
-- takes for a thousand empty ones: `luaws bench/tests.lua` runs both, and answers with one line of
-- JSON as bench/load does.

local luaws = require "luaws"
local uv = require "luv"

-- Runs a spec. Seconds, and whether all has passed.
local function run(spec)
  local start = uv.hrtime()
  local code = luaws.await(function(done)
    uv.spawn(uv.exepath(), { args = { "test", "-o", "TAP", spec }, stdio = {} }, done)
  end)
  return (uv.hrtime() - start) / 1e9, code == 0
end

local empty, isEmptyGood = run "bench/tests/empty.lua"
local wired, isWiredGood = run "bench/tests/wired.lua"
local errors = isEmptyGood and isWiredGood and 0 or 1
print(luaws.json.encode {
  mode = "tests", errors = errors, seconds = wired, empty_us = empty * 1e6,
  tests_us = math.max(wired - empty, 0) * 1e6,
})
luaws.exit(errors)
