-- luaws-spec --conformance --compare [name...]: runs the suite against the servers and the clients of peers.lua, writes
-- spec/conformance/results/<name>.txt and <name>-client.txt and the tables in docs/conformance.md of all.
--
-- compare.ROLES -> "server", "client": each what a peer is judged as
-- compare.runs(peer, role) -> its runs in that role, none: {}
-- compare.runServer(peer, run, server, cases, brief) -> results
-- compare.runClient(peer, run, cases, brief) -> results, its exit code, its stderr
-- compare.run(names) -> passed, failed of luaws
-- compare.pathOf(name, role) -> of the committed file
-- compare.read(name, role) -> { heading =, counts = { { title = of the run, group = of cases, passed =,
--     ["non-strict"] =, failed =, skipped = } } } of it, or nil
-- compare.table() -> the tables that docs/conformance.md has

local docs = require "bench.docs"
local certificates = require "spec.support.certificates"
local catalogue = require "spec.conformance.catalogue"
local clients = require "spec.conformance.clients"
local peers = require "spec.conformance.peers"
local report = require "spec.conformance.report"
local runner = require "spec.conformance.runner"

local compare = {
  PAGE = "docs/conformance.md",
  BEGIN = "<!-- conformance: begin; luaws-spec --conformance --compare writes what stands up to the end -->",
  END = "<!-- conformance: end -->",
  ROLES = { "server", "client" },
}

local SUFFIX = { server = "", client = "-client" }

function compare.pathOf(name, role)
  return ("spec/conformance/results/%s%s.txt"):format(name, SUFFIX[role])
end

function compare.runs(peer, role)
  return (role == "client" and peer.clientRuns or role == "server" and peer.runs) or {}
end

local function readFile(path)
  local file <close> = io.open(path)
  return file and file:read("a")
end

-- `s`: the server as peers.start gives it. `brief`: where everything takes long.
function compare.runServer(peer, run, s, cases, brief)
  return runner.run(cases, {
    port = s.port, tls = run.tls, slowly = run.slowly, compressed = run.compressed, isLuaws = peer.isLuaws,
    brief = brief,
  })
end

function compare.runClient(peer, run, cases, brief)
  local target = {
    clients = clients.start(peer, run.compression, run.tls and certificates.ca), listen = { tls = run.tls },
    slowly = run.slowly, compressed = run.compressed, isLuaws = peer.isLuaws, brief = brief,
  }
  local results = runner.run(cases, target)
  return results, target.clients:stop()
end

local function runOne(peer, role, run, cases)
  if role == "client" then return (compare.runClient(peer, run, cases)) end
  local s = peers.start(peer, run)
  local results = compare.runServer(peer, run, s, cases)
  s.stop()
  return results
end

local function runAll(peer, role)
  local cases, runs = catalogue.load(nil, role), {}
  for i, run in ipairs(compare.runs(peer, role)) do
    runs[i] = { title = run.title, results = runOne(peer, role, run, cases) }
    for _, line in ipairs(report.countLines(runs[i])) do print(("%s as a %s, %s"):format(peer.name, role, line)) end
  end
  return runs
end

function compare.read(name, role)
  local text = readFile(compare.pathOf(name, role))
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

local function rowsOf(role)
  local rows = {}
  for order, peer in ipairs(peers) do
    local found = compare.read(peer.name, role)
    for place, counts in ipairs(found and found.counts or {}) do
      rows[#rows + 1] = { counts = counts, heading = found.heading, order = order, place = place }
    end
  end
  table.sort(rows, isBefore)
  return rows
end

local function tableOf(role)
  local lines = {
    ("| cases | run | %s | passed | non-strict | failed | skipped |"):format(role),
    "| --- | --- | --- | ---: | ---: | ---: | ---: |",
  }
  for _, row in ipairs(rowsOf(role)) do
    local counts = row.counts
    lines[#lines + 1] = ("| %s | %s | %s | %d | %d | %d | %d |"):format(counts.group, counts.title, row.heading,
      counts.passed, counts["non-strict"], counts.failed, counts.skipped)
  end
  return table.concat(lines, "\n") .. "\n"
end

function compare.table()
  return tableOf("server") .. "\n" .. tableOf("client")
end

local function isAsked(peer, names)
  if #names == 0 then return true end
  for _, name in ipairs(names) do
    if name == peer.name then return true end
  end
  return false
end

-- Writes what comes of a peer in a role; passed, failed.
local function comparePeer(peer, role)
  local runs, passed, failed = runAll(peer, role), 0, 0
  if #runs > 0 then docs.writeFile(compare.pathOf(peer.name, role), report.text(runs, peers.version(peer))) end
  for _, run in ipairs(runs) do
    local counts = runner.count(run.results)
    passed, failed = passed + counts.passed, failed + counts.failed
  end
  return passed, failed
end

function compare.run(names)
  local passed, failed = 0, 0
  for _, peer in ipairs(peers) do
    if isAsked(peer, names) and not peers.isThere(peer) then
      print(peer.name .. " isn't there: its results stay as they are")
    elseif isAsked(peer, names) then
      for _, role in ipairs(compare.ROLES) do
        local good, bad = comparePeer(peer, role)
        if peer.isLuaws then passed, failed = passed + good, failed + bad end
      end
    end
  end
  docs.writeFile(compare.PAGE, assert(docs.replace(assert(readFile(compare.PAGE)), compare.table(), compare.BEGIN,
    compare.END)))
  return passed, failed
end

return compare
