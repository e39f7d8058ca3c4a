-- luaws under the whole suite (README.md here), and what is committed of its results.

local docs = require "bench.docs"
local async = require "spec.support.async"
local server = require "spec.support.server"
local catalogue = require "spec.conformance.catalogue"
local compare = require "spec.conformance.compare"
local peers = require "spec.conformance.peers"
local report = require "spec.conformance.report"
local readFile = require("spec.support.files").read

local IS_SLOW = async.seconds(1) > 1 -- under a sanitizer
local AGAIN = "the results have changed; where that is right: luaws-spec --conformance --compare luaws"

-- Those of the lines that results/deviations.md doesn't explain ("- 6.4.1: why").
local function unexplained(complaints)
  local explained, left = {}, {}
  for name in readFile("spec/conformance/results/deviations.md"):gmatch("\n%- (%S+):") do explained[name] = true end
  for _, line in ipairs(complaints) do
    if not explained[line:match("^%S+")] then left[#left + 1] = line end
  end
  return left
end

local function contains(text, line)
  return ("\n" .. text):find("\n" .. line .. "\n", 1, true) ~= nil
end

-- The runs of a role, and their results beside the committed ones.
local function describeRole(role, runIt)
  local luaws = peers[1]
  local runs = {}

  for i, run in ipairs(compare.runs(luaws, role)) do
    it(run.title .. ", passes every case", function()
      local results = runIt(luaws, run, catalogue.load(nil, role))
      runs[i] = { title = run.title, results = results }
      assert.same({}, unexplained(report.complaints(results)))
    end)
  end

  if #compare.runs(luaws, role) == 0 then return end
  it("in all runs, comes to the committed results", function()
    for i in ipairs(compare.runs(luaws, role)) do
      if not runs[i] then pending("not all of it has run") end
    end
    local expected = readFile(compare.pathOf(luaws.name, role))
    local got = report.text(runs, luaws.name)
    local lines = {}
    for line in got:gmatch("[^\n]+") do
      if not contains(expected, line) then lines[#lines + 1] = line end
    end
    assert.same({}, lines, AGAIN)
    assert.equal(expected, got, AGAIN)
  end)
end

describe("luaws in the conformance suite, as a server,", function()
  describeRole("server", function(luaws, run, cases)
    local s = server.startFile("spec/conformance/peers/luaws.lua", { scriptArgs = peers.arguments(run) })
    return compare.runServer(luaws, run, s, cases, IS_SLOW)
  end)
end)

describe("luaws in the conformance suite, as a client,", function()
  describeRole("client", function(luaws, run, cases)
    local results, code, log = compare.runClient(luaws, run, cases, IS_SLOW)
    assert.equal(0, code, log)
    assert.is_nil(log:find("Sanitizer: ", 1, true) or log:find("runtime error: ", 1, true), log)
    return results
  end)
end)

describe("the committed results", function()
  it("are those that the documentation shows", function()
    assert.equal(compare.table(), docs.block(readFile(compare.PAGE), compare.BEGIN, compare.END))
  end)

  it("are there for each server and client, with its version", function()
    for _, peer in ipairs(peers) do
      for _, role in ipairs(compare.ROLES) do
        local found, runs = compare.read(peer.name, role), compare.runs(peer, role)
        assert.equal(2 * #runs, found and #found.counts or 0, peer.name)
        if found and not peer.isLuaws then assert.truthy(found.heading:find("%d+%.%d"), found.heading) end
      end
    end
  end)
end)

describe("the catalogue", function()
  it("has Autobahn's 517 cases, each once", function()
    local count = 0
    for _, case in ipairs(catalogue.load()) do
      if case.name:find("^%d") then count = count + 1 end
    end
    assert.equal(517, count)
  end)

  it("finds a case or a section, and no others", function()
    assert.same({ "2.1" }, { catalogue.load({ "2.1" })[1].name, catalogue.load({ "2.1" })[2] })
    assert.equal(8 + 10, #catalogue.load({ "1.2", "4" }))
    assert.same({}, catalogue.load({ "99" }))
  end)
end)
