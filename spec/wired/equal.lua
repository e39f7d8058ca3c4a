-- Each scenario over the fake wire and over real sockets: handlers are called with the same events,
-- clients receive the same. Run by `luaws test`, see spec/e2e/wired_spec.lua.

local drive = require "spec.wired.drive"
local scenarios = require "spec.wired.scenarios"

describe("a fake connection, like a real one,", function()
  for _, scenario in ipairs(scenarios) do
    it(scenario.name, function()
      local fake, real = drive.both(scenario)
      assert.same(real.calls, fake.calls)
      assert.same(real.answers, fake.answers)
      assert.same(real.peers, fake.peers)
      assert.is_true(#fake.calls > 0)
    end)
  end

  it("has been tried in at least 60 ways", function()
    assert.is_true(#scenarios >= 60, "#scenarios")
  end)
end)
