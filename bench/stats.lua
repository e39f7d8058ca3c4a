-- The little statistics that the bench needs. Lists of numbers in, a number out, nil for none.

local stats = {}

-- The value below which `share` (0 to 1) of the list lies, interpolated between neighbours.
function stats.quantile(list, share)
  if #list == 0 then
    return nil
  end
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local place = 1 + share * (#sorted - 1)
  local low = math.floor(place)
  local high = math.min(low + 1, #sorted)
  return sorted[low] + (place - low) * (sorted[high] - sorted[low])
end

function stats.median(list)
  return stats.quantile(list, 0.5)
end

-- How far the quartiles lie apart, as a share of the median; nil for fewer than three values.
function stats.spread(list)
  if #list < 3 then
    return nil
  end
  local distance = stats.quantile(list, 0.75) - stats.quantile(list, 0.25)
  return distance == 0 and 0 or distance / math.abs(stats.median(list))
end

return stats
