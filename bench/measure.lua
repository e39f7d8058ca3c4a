-- Measures sections (see report.lua): rounds in turn over the servers, written down one by one;
-- then more of them for what is too unsteady, as long as there is time.

local Server = require "bench.server"
local figures = require "bench.figures"
local judge = require "bench.judge"
local machine = require "bench.machine"
local report = require "bench.report"
local samples = require "bench.samples"
local system = require "bench.system"

local say = system.say

local WARM_UP = 0.5 -- seconds at most, for each server before its first round
local MORE = 4 -- rounds at once, of those that are added

-- Seconds that it takes besides the measured interval and its warm-up, by experience.
local STARTING, AROUND, PER_CONNECTION, MEMORY = 0.6, 0.1, 1 / 10000, 1.5

local measure = {}

local function pin(run, line, core)
  return run.pins and not line.unpinned and ("taskset -c %d"):format(run.pins[core]) or ""
end

local function start(run, line, peer)
  return Server.start(peer, line, pin(run, line, "server"))
end

local function interval(run, line)
  return (" --seconds %g --warmup %g"):format(line.duration or run.duration, run.warmup)
end

-- One measurement. Others than server and generator use the machine, too: `other` is their share.
local function measureOnce(run, section, peer, server, round)
  local line = section.line
  local before = machine.usage(server.pid)
  local result = server:load(line.load .. interval(run, line), pin(run, line, "generator"))
  local pins = not line.unpinned and run.pins or nil
  local other = machine.others(before, machine.usage(server.pid), pins, run.cores)
  result.run, result.line, result.server, result.round = run.id, line.name, peer.name, round
  result.other = math.floor(other * 1000 + 0.5) / 1000
  -- Who lacks the processor can't keep up with a rate, and that says nothing.
  if result.errors == 0 or not (line.paced and figures.isDisturbed(result)) then
    run.file:write(samples.encode(result), "\n")
    table.insert(section.results[peer.name], result)
  end
  local cost = line.costs[1]
  local value = result.errors == 0 and result[cost.field]
  local remark = "   disturbed: others used %.0f %% of a core"
  say("%-14s %2d  %-6s %s%s", line.name, round, peer.name,
    value and report.formatCost(value, cost.unit) or "FAILED",
    figures.isDisturbed(result) and remark:format(100 * other) or "")
end

local function stopAll(servers)
  for _, server in pairs(servers) do
    server:stop()
  end
end

-- So many rounds with these of the section's peers.
function measure.rounds(run, section, peers, count)
  local line = section.line
  local servers <close> = setmetatable({}, { __close = stopAll })
  for _, peer in ipairs(line.fresh and {} or peers) do
    servers[peer] = start(run, line, peer)
    local seconds = math.min(WARM_UP, line.duration or run.duration)
    servers[peer]:load(("%s --seconds %g --warmup 0"):format(line.load, seconds),
      pin(run, line, "generator"))
  end
  for round = section.rounds + 1, section.rounds + count do
    for _, peer in ipairs(peers) do
      local fresh <close> = line.fresh and start(run, line, peer) or nil
      measureOnce(run, section, peer, fresh or servers[peer], round)
    end
    section.rounds = round
  end
end

-- How many rounds a line gets at first.
function measure.count(run, line)
  return math.min(line.rounds or run.rounds, run.rounds)
end

-- Seconds that `count` rounds of a section take, about.
function measure.estimate(run, section, peers, count)
  local line = section.line
  local connections = tonumber(line.load:match "--connections (%d+)") or 0
  local opening = AROUND + connections * PER_CONNECTION
  local each = opening + (line.duration or run.duration) + run.warmup
  if line.fresh then
    return #peers * count * (STARTING + opening + MEMORY)
  end
  return #peers * (STARTING + WARM_UP + opening + count * each)
end

local function isUnsteady(section, peer, fields)
  local results = section.results[peer.name]
  for _, field in ipairs(fields) do
    if figures.median(results, field) and not figures.isSteady(results, field) then
      return figures.failures(results) == 0
    end
  end
  return false
end

-- Those of a section's peers that need more rounds: the unsteady ones, and luaws, to be compared
-- with them; all of them where luaws is unsteady.
function measure.unsteady(section, goals)
  local fields, unsteady = judge.fields(section.line, goals), {}
  for i, peer in ipairs(section.peers) do
    local is = isUnsteady(section, peer, fields)
    if i == 1 and is then
      return section.peers
    end
    unsteady[#unsteady + 1] = is and peer or nil
  end
  if #unsteady > 0 then
    table.insert(unsteady, 1, section.peers[1])
  end
  return unsteady
end

-- Whether a goal rests on these peers of a section.
function measure.isForGoal(section, peers, goals)
  local isAmong = {}
  for _, peer in ipairs(peers) do
    isAmong[peer.name] = true
  end
  for _, goal in ipairs(goals) do
    local isIts = goal.line == section.line.name or goal.base == section.line.name
    if isIts and (not goal.against or isAmong[goal.against]) then
      return true
    end
  end
  return false
end

-- Some more rounds for each section that is unsteady; false where there were none.
local function addRounds(run, sections, goals, areOnlyForGoals)
  local some = false
  for _, section in ipairs(sections) do
    local most = section.line.rounds or run.mostRounds
    local count = math.min(MORE, most - section.rounds)
    local peers = count > 0 and measure.unsteady(section, goals) or {}
    local isIn = #peers > 0
      and (not areOnlyForGoals or measure.isForGoal(section, peers, goals))
      and machine.now() + measure.estimate(run, section, peers, count) < run.deadline
    if isIn then
      say("bench: %s is unsteady: %d more rounds", section.line.name, count)
      measure.rounds(run, section, peers, count)
      some = true
    end
  end
  return some
end

-- More rounds for what is unsteady, first for what goals rest on, until nothing is, or a line has
-- had its most, or time is up.
function measure.steady(run, sections, goals)
  for _, areOnlyForGoals in ipairs { true, false } do
    repeat
      local some = addRounds(run, sections, goals, areOnlyForGoals)
    until not some
  end
end

return measure
