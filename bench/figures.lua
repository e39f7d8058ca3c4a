-- What the rounds of one line say together. A server's results on a line are a list of the
-- generator's answers, each with the number of its round; what failed counts for nothing here.

local stats = require "bench.stats"

local SPREAD_MAX = 0.1 -- quartiles further apart: it counts as not measured

local figures = { SPREAD_MAX = SPREAD_MAX }

-- The values of a field, one for each round that went well.
function figures.list(results, field)
  local values = {}
  for _, result in ipairs(results) do
    values[#values + 1] = result.errors == 0 and result[field] or nil
  end
  return values
end

function figures.median(results, field)
  return stats.median(figures.list(results, field))
end

-- How many rounds failed.
function figures.failures(results)
  return #results - #figures.list(results, "errors")
end

-- Whether the figure can be trusted, and how far its quartiles lie apart (nil: too few rounds).
function figures.isSteady(results, field)
  local spread = stats.spread(figures.list(results, field))
  return spread ~= nil and spread <= SPREAD_MAX, spread
end

-- combine(ours, theirs) for each round that went well with both: what drifts over the rounds, or
-- disturbs one of them, hits both sides of a pair.
local function pair(ours, theirs, field, combine)
  local byRound, values = {}, {}
  for _, result in ipairs(theirs) do
    byRound[result.round] = result.errors == 0 and result[field] or nil
  end
  for _, result in ipairs(ours) do
    local value, other = result[field], byRound[result.round]
    if result.errors == 0 and value and other then
      values[#values + 1] = combine(value, other)
    end
  end
  return values
end

-- The median of our value divided by theirs; nil where no round has both.
function figures.ratio(ours, theirs, field)
  return stats.median(pair(ours, theirs, field, function(a, b)
    return a / b
  end))
end

-- The median of our value less theirs.
function figures.difference(ours, theirs, field)
  return stats.median(pair(ours, theirs, field, function(a, b)
    return a - b
  end))
end

return figures
