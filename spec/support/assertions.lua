-- luassert's commonest assertions, quick where they hold: luassert takes 9 us to find out what "equal" is, which in
-- loops over bytes and frames is most of what they take. What doesn't hold is told by luassert as ever.

local assert = require "luassert"

local HOLDS = {
  equal = function(...)
    local a, b = ...
    return select("#", ...) >= 2 and a == b
  end,
  is_true = function(value) return value == true end,
  is_false = function(value) return value == false end,
  is_nil = function(...) return select("#", ...) > 0 and (...) == nil end,
  truthy = function(value) return value and true end,
  falsy = function(...) return select("#", ...) > 0 and not (...) end,
}

for name, holds in pairs(HOLDS) do
  rawset(assert, name, function(...)
    if holds(...) then return ... end
    return assert.state()[name](...) -- a tail call, so that the spec is who has asked
  end)
end
