-- Measures luaws against its peers, side by side, and prints one Markdown table. bench/run starts
-- it in the root of the repository. bench/README.md says how it measures, and what the environment
-- variables do that are read here.

package.path = "./?.lua;" .. package.path

local docs = require "bench.docs"
local figures = require "bench.figures"
local goals = require "bench.goals"
local judge = require "bench.judge"
local lines = require "bench.lines"
local machine = require "bench.machine"
local measure = require "bench.measure"
local peers = require "bench.peers"
local plan = require "bench.plan"
local plot = require "bench.plot"
local report = require "bench.report"
local samples = require "bench.samples"
local system = require "bench.system"

local readOutput, say = system.readOutput, system.say

local OUT = "build/bench"
local SAMPLES = OUT .. "/samples.jsonl"
local PAGE, PICTURE = "docs/performance.md", "docs/performance.svg"
local ROUNDS, ROUNDS_MAX = 7, 15 -- at first; with those that unsteady lines get more

local function succeeds(command)
  return os.execute(command) == true
end

-- What is empty counts as not set.
local function readText(name)
  local text = os.getenv(name)
  return text ~= "" and text or nil
end

local function isSet(name)
  return (readText(name) or "0") ~= "0"
end

local function readNumber(name, default)
  local value = tonumber(readText(name) or default)
  if not value or value <= 0 then
    error(("%s must be a positive number, not '%s'"):format(name, readText(name)), 0)
  end
  return value
end

local function readOptions()
  local rounds = readNumber("ROUNDS", ROUNDS)
  local most = readText "ROUNDS" and rounds or ROUNDS_MAX
  return {
    rounds = rounds,
    mostRounds = readNumber("ROUNDS_MAX", most),
    duration = readNumber("DURATION", 0.6),
    warmup = readNumber("WARMUP", 0.2),
    minutes = readNumber("MINUTES", 15),
  }
end

-- Which core the server gets and which the generator (nil where they share what there is), and a
-- text that says so.
local function choosePins(cores)
  local generator, server = machine.pair(cores)
  if readText "PIN" == "0" then
    return nil, "not pinned"
  elseif not server then
    return nil, "server and generator share one core"
  end
  local text = "server on core %d, generator on core %d"
  return { server = server, generator = generator }, text:format(server, generator)
end

local function build(list)
  if not succeeds("bench/compile " .. OUT) then
    error("the load generator doesn't compile", 0)
  end
  local isForNpm = false
  for _, peer in ipairs(list) do
    isForNpm = isForNpm or peer.npm
  end
  if isForNpm then
    os.execute "tools/node-modules bench >&2"
  end
end

local function findPresent(list)
  local found = {}
  for _, peer in ipairs(list) do
    if succeeds("{ " .. peer.test .. "; } >/dev/null 2>&1") then
      found[#found + 1] = peer
    else
      say("bench: without %s: %s", peer.name, peer.missing)
    end
  end
  return found
end

-- What a run was, for those who read its figures later.
local function describeRun(run, list)
  local cpu, kernel = machine.describe()
  run.file:write(samples.encode {
    about = 1, run = run.id, date = os.date "!%Y-%m-%d %H:%M UTC", commit = machine.commit(),
    machine = cpu, kernel = kernel, pinning = run.pinning, load = machine.load(),
    rounds = run.rounds, duration = run.duration,
  }, "\n")
  for _, peer in ipairs(list) do
    local version = readOutput(peer.version)
    run.file:write(samples.encode { run = run.id, server = peer.name, version = version }, "\n")
  end
end

local function measureAll(run, sections)
  local left = 0
  for _, section in ipairs(sections) do
    local count = measure.count(run, section.line)
    section.estimate = measure.estimate(run, section, section.peers, count)
    left = left + section.estimate
  end
  local lasts = math.max(1, left / 60)
  say("bench: %d line%s, about %.0f min, at most %.0f with what is unsteady; load average %s",
    #sections, #sections > 1 and "s" or "", lasts, math.max(run.minutes, lasts), machine.load())
  run.deadline = machine.now() + run.minutes * 60
  for i, section in ipairs(sections) do
    say("bench: %s (%d of %d, about %.0f min left)", section.line.name, i, #sections, left / 60)
    measure.rounds(run, section, section.peers, measure.count(run, section.line))
    left = left - section.estimate
  end
  measure.steady(run, sections, goals)
end

-- Measures what the environment asks for. Without KEEP the file of samples begins anew.
local function measureChosen()
  local run = readOptions()
  local chosenLines = plan.choose(lines, readText "LINES")
  local chosenPeers = plan.choose(peers, readText "PEERS")
  build(chosenPeers)
  local list = findPresent(chosenPeers)
  run.id, run.cores = samples.newRun(samples.read(SAMPLES)), machine.cores()
  run.pins, run.pinning = choosePins(run.cores)
  if not isSet "KEEP" then
    os.rename(SAMPLES, SAMPLES .. ".before")
  end
  local file <close> = assert(io.open(SAMPLES, "a"))
  file:setvbuf "line"
  run.file = file
  describeRun(run, list)
  local ok, problem = pcall(measureAll, run, plan.sections(chosenLines, list))
  if not ok then
    say("bench: what was measured is kept; bench/run --report makes tables of it")
    error(problem, 0)
  end
end

local function countFailures(sections)
  local failures = 0
  for _, section in ipairs(sections) do
    for _, results in pairs(section.results) do
      failures = failures + figures.failures(results)
    end
  end
  return failures
end

-- Whether the page for users is to be written: as DOCS says, else when everything has been measured
-- and nothing has failed. Who has asked for everything is told why not.
local function isForDocs(verdicts, failures)
  if readText "DOCS" then
    return isSet "DOCS"
  elseif readText "BASE" then
    return false
  end
  local missing = 0
  for _, verdict in ipairs(verdicts) do
    missing = missing + (verdict.text == "not run" and 1 or 0)
  end
  if failures + missing > 0 and not readText "LINES" then
    say("bench: %s stays as it is: %d rounds have failed, %d goals were not run (but see DOCS=1)",
      PAGE, failures, missing)
  end
  return failures + missing == 0
end

local function writeDocs(text, picture)
  local file <close> = assert(io.open(PAGE))
  local page, problem = docs.replace(file:read "a", text)
  if not page then
    error(("%s %s"):format(PAGE, problem), 0)
  end
  docs.writeFile(PAGE, page)
  docs.writeFile(PICTURE, picture)
  say("bench: has written %s and %s", PAGE, PICTURE)
end

-- Prints what the samples say; false where a measurement has failed.
local function publish()
  local newest = samples.newest(samples.read(SAMPLES))
  local sections, present = plan.measured(newest.results, lines, peers)
  if #sections == 0 then
    error(SAMPLES .. " has no measurements", 0)
  end
  local verdicts = judge.verdicts(goals, sections)
  local failures = countFailures(sections)
  local parts = report.parts(newest, present, sections, verdicts)
  io.write(report.text(parts))
  if isForDocs(verdicts, failures) then
    writeDocs(report.page(parts, PICTURE:match "[^/]+$"), plot.svg(sections, goals))
  end
  return failures == 0
end

local function main()
  if arg[1] == "--report" then
    return publish()
  elseif arg[1] then
    error("usage: bench/run [--report]", 0)
  end
  measureChosen()
  return publish()
end

local ok, result = xpcall(main, function(message)
  return type(message) == "string" and message or debug.traceback(message)
end)
if not ok then
  say("bench: %s", result)
end
os.exit(ok and result, true)
