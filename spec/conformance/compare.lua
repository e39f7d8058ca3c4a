-- luaws-spec --conformance --compare [name...]: runs the suite against the servers of peers.lua, writes
-- spec/conformance/results/<name>.txt for each and the table in docs/conformance.md of all.
--
-- compare.run(names) -> passed, failed of luaws
-- compare.read(name) -> { heading =, counts = { { title = of the run, group = of cases, passed =, ["non-strict"] =,
--     failed =, skipped = } } } of the committed file, or nil
-- compare.table() -> the table that docs/conformance.md has

local docs = require "bench.docs"
local catalogue = require "spec.conformance.catalogue"
local peers = require "spec.conformance.peers"
local report = require "spec.conformance.report"
local runner = require "spec.conformance.runner"

local compare = {
  PAGE = "docs/conformance.md",
  BEGIN = "<!-- conformance: begin; luaws-spec --conformance --compare writes what stands up to the end -->",
  END = "<!-- conformance: end -->",
}

local function pathOf(name)
  return "spec/conformance/results/" .. name .. ".txt"
end

local function readFile(path)
  local file <close> = io.open(path)
  return file and file:read("a")
end

-- What one run says of a peer. `brief`: where everything takes long.
function compare.runPeer(peer, run, port, cases, brief)
  return runner.run(cases, {
    port = port, slowly = run.slowly, compressed = run.compressed, isLuaws = peer.isLuaws, brief = brief,
  })
end

local function runAll(peer, cases)
  local runs = {}
  for i, run in ipairs(peer.runs) do
    local s = peers.start(peer, run.compression)
    runs[i] = { title = run.title, results = compare.runPeer(peer, run, s.port, cases) }
    s.stop()
    for _, line in ipairs(report.countLines(runs[i])) do print(peer.name .. ", " .. line) end
  end
  return runs
end

function compare.read(name)
  local text = readFile(pathOf(name))
  if not text then return nil end
  local found = { heading = text:match("^[^\n]*"), counts = {} }
  for line in text:match("^[^\n]*\n(.-)\n\n"):gmatch("[^\n]+") do
    found.counts[#found.counts + 1] = report.parseCountLine(line)
  end
  return found
end

local RUNS = { plain = 1, compressed = 2 } -- the others are luaws' alone

-- By cases, run and server.
local function isBefore(a, b)
  if a.counts.group ~= b.counts.group then return a.counts.group < b.counts.group end
  local first, second = RUNS[a.counts.title] or 3, RUNS[b.counts.title] or 3
  if first ~= second then return first < second end
  if a.order ~= b.order then return a.order < b.order end
  return a.place < b.place
end

function compare.table()
  local lines = {
    "| cases | run | server | passed | non-strict | failed | skipped |",
    "| --- | --- | --- | ---: | ---: | ---: | ---: |",
  }
  local rows = {}
  for order, peer in ipairs(peers) do
    local found = compare.read(peer.name)
    for place, counts in ipairs(found and found.counts or {}) do
      rows[#rows + 1] = { counts = counts, heading = found.heading, order = order, place = place }
    end
  end
  table.sort(rows, isBefore)
  for _, row in ipairs(rows) do
    local counts = row.counts
    lines[#lines + 1] = ("| %s | %s | %s | %d | %d | %d | %d |"):format(counts.group, counts.title, row.heading,
      counts.passed, counts["non-strict"], counts.failed, counts.skipped)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function isAsked(peer, names)
  if #names == 0 then return true end
  for _, name in ipairs(names) do
    if name == peer.name then return true end
  end
  return false
end

function compare.run(names)
  local cases, passed, failed = catalogue.load(), 0, 0
  for _, peer in ipairs(peers) do
    if isAsked(peer, names) and not peers.isThere(peer) then
      print(peer.name .. " isn't there: its results stay as they are")
    elseif isAsked(peer, names) then
      local runs = runAll(peer, cases)
      docs.writeFile(pathOf(peer.name), report.text(runs, peers.version(peer)))
      for _, run in ipairs(peer.isLuaws and runs or {}) do
        local counts = runner.count(run.results)
        passed, failed = passed + counts.passed, failed + counts.failed
      end
    end
  end
  docs.writeFile(compare.PAGE, assert(docs.replace(assert(readFile(compare.PAGE)), compare.table(), compare.BEGIN,
    compare.END)))
  return passed, failed
end

return compare
