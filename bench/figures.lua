-- What the rounds of one line say together. A server's results on a line are a list of the
-- generator's answers, each with the number of its round, and with the share of a core that others
-- used meanwhile. What failed counts for nothing here, and what others disturbed only where there
-- is too little else.

local stats = require "bench.stats"

local SPREAD_MAX = 0.1 -- quartiles further apart: it counts as not measured

local DISTURBED = 0.1 -- of a core, used by others
local QUIET_MIN = 5 -- with so many quiet rounds the others don't count

local figures = { SPREAD_MAX = SPREAD_MAX, DISTURBED = DISTURBED }

function figures.isDisturbed(result)
  return (result.other or 0) > DISTURBED
end

-- What counts of `all`, values, and `quiet`, those of them that were not disturbed.
local function prefer(quiet, all)
  return #quiet >= QUIET_MIN and quiet or all
end

-- The values of a field, one for each round that counts.
function figures.list(results, field)
  local quiet, all = {}, {}
  for _, result in ipairs(results) do
    local value = result.errors == 0 and result[field] or nil
    all[#all + 1] = value
    quiet[#quiet + 1] = not figures.isDisturbed(result) and value or nil
  end
  return prefer(quiet, all)
end

function figures.median(results, field)
  return stats.median(figures.list(results, field))
end

-- The greatest value of all rounds; nil where there are fewer than three.
function figures.worst(results, field)
  local values = figures.list(results, field)
  return #values >= 3 and math.max(table.unpack(values)) or nil
end

-- How many rounds failed.
function figures.failures(results)
  local failures = 0
  for _, result in ipairs(results) do
    failures = failures + (result.errors == 0 and 0 or 1)
  end
  return failures
end

-- Whether the figure can be trusted, and how far its quartiles lie apart (nil: too few rounds).
function figures.isSteady(results, field)
  local spread = stats.spread(figures.list(results, field))
  return spread ~= nil and spread <= SPREAD_MAX, spread
end

-- combine(ours, theirs) for each round that counts with both: what drifts over the rounds hits both
-- sides of a pair.
local function pair(ours, theirs, field, combine)
  local byRound, quiet, all = {}, {}, {}
  for _, result in ipairs(theirs) do
    byRound[result.round] = result.errors == 0 and result or nil
  end
  for _, result in ipairs(ours) do
    local other = byRound[result.round]
    if result.errors == 0 and other and result[field] and other[field] then
      local value = combine(result[field], other[field])
      local isQuiet = not figures.isDisturbed(result) and not figures.isDisturbed(other)
      all[#all + 1] = value
      quiet[#quiet + 1] = isQuiet and value or nil
    end
  end
  return prefer(quiet, all)
end

-- The median of our value divided by theirs; nil where no round has both.
function figures.ratio(ours, theirs, field)
  return stats.median(pair(ours, theirs, field, function(a, b)
    return b ~= 0 and a / b or nil
  end))
end

-- Our cost divided by theirs. What a rate costs is its inverse.
function figures.costRatio(ours, theirs, cost)
  if cost.unit == "/s" then
    return figures.ratio(theirs, ours, cost.field)
  end
  return figures.ratio(ours, theirs, cost.field)
end

-- The median of our value less theirs.
function figures.difference(ours, theirs, field)
  return stats.median(pair(ours, theirs, field, function(a, b)
    return a - b
  end))
end

return figures
