-- What busted and `luaws test` take by themselves: a thousand tests of nothing (../tests.lua).

describe("nothing", function()
  for i = 1, 1000 do it("happens, " .. i, function() end) end
end)
