-- luaws under the whole suite (README.md here).

local server = require "spec.support.server"
local catalogue = require "spec.conformance.catalogue"
local runner = require "spec.conformance.runner"

local function assertConforms(cases, target)
  local complaints = {}
  for _, result in ipairs(runner.run(cases, target)) do
    if result.outcome ~= "passed" and result.outcome ~= "skipped" then
      table.insert(complaints, ("%s %s: %s (%s)"):format(result.name, result.outcome, result.note, result.about))
    end
  end
  assert.same({}, complaints)
end

describe("luaws", function()
  for _, mode in ipairs({ { "at once", false }, { "byte by byte", true } }) do
    it("conforms, " .. mode[1], function()
      local s = server.startFile("spec/conformance/peers/luaws.lua")
      assertConforms(catalogue.load(), { port = s.port, slowly = mode[2] })
    end)
  end
end)
