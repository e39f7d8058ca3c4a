-- Holds what was measured against the goals.

local figures = require "bench.figures"

local BUSY = 0.9 -- of a core: a server below it had time to spare

local judge = {}

-- Whether a server that was pinned to a core had time to spare: then the generator, or something
-- else, has set the rate.
function judge.hadTime(line, results)
  if line.paced or line.unpinned then
    return false
  end
  local share = figures.median(results, "server_cpu") or 1
  return share < BUSY or (figures.median(results, "limited") or 0) > 0.5
end

-- Whether a figure says more about the generator than about the server: a rate that it has set, a
-- latency that is mostly its own lateness.
local function isGenerators(line, results, field)
  if field == "rate" then
    return judge.hadTime(line, results)
  end
  local late = figures.median(results, "late_" .. field)
  return late ~= nil and late > figures.median(results, field) / 2
end

-- The fields that a line is judged by: its costs, and what goals name besides.
function judge.fields(line, goals)
  local fields, known = {}, {}
  local function add(field)
    if not known[field] then
      known[field] = true
      fields[#fields + 1] = field
    end
  end
  for _, cost in ipairs(line.costs) do
    add(cost.field)
  end
  for _, goal in ipairs(goals) do
    if goal.line == line.name and goal.field or goal.base == line.name then
      add(goal.field)
    end
  end
  return fields
end

-- Of a section, what a goal is measured with: luaws's results and the other side's (nil: none).
local function findSides(goal, byName)
  local section = byName[goal.line]
  local ours = section and section.results.luaws
  if goal.base then
    local base = byName[goal.base]
    return ours, base and base.results.luaws
  end
  return ours, goal.against and section and section.results[goal.against]
end

local function isUsable(goal, results, field)
  local isSteady = goal.by == "worst" or figures.isSteady(results, field)
  return figures.failures(results) == 0 and isSteady
end

local function compare(goal, value)
  local function holds(bound)
    if goal.least then
      return value >= bound
    end
    return value <= bound
  end
  if goal.stretch and holds(goal.stretch) then
    return "reached, and more"
  end
  return holds(goal.most or goal.least) and "reached" or "missed"
end

local function evaluate(goal, byName)
  local section = byName[goal.line]
  local verdict = { goal = goal, section = section, base = byName[goal.base], text = "not run" }
  local ours, theirs = findSides(goal, byName)
  local isCompared = goal.against or goal.base
  if not ours or isCompared and not theirs then
    return verdict
  end
  local field = goal.field or section.line.costs[1].field
  verdict.field = field
  if goal.by == "worst" then
    verdict.value = figures.worst(ours, field)
  elseif not isCompared then
    verdict.value = figures.median(ours, field)
  elseif goal.by == "difference" then
    verdict.value = figures.difference(ours, theirs, field)
  else
    verdict.value = figures.ratio(ours, theirs, field)
  end
  local isUsed = isUsable(goal, ours, field) and (not isCompared or isUsable(goal, theirs, field))
  local isServers = not isCompared or not isGenerators(section.line, theirs, field)
  if not verdict.value or not isUsed or not isServers then
    verdict.text = "not measured"
  else
    verdict.text = compare(goal, verdict.value)
  end
  return verdict
end

-- For each goal, in order: { goal =, section =, base = (a section), field =, value =, text = } with
-- the text "reached", "reached, and more", "missed", "not measured" (too unsteady, failed, or more
-- the generator's figure than the other server's), "not run"; what there isn't is nil. `sections`
-- as in report.lua.
function judge.verdicts(goals, sections)
  local byName, verdicts = {}, {}
  for _, section in ipairs(sections) do
    byName[section.line.name] = section
  end
  for i, goal in ipairs(goals) do
    verdicts[i] = evaluate(goal, byName)
  end
  return verdicts
end

return judge
