-- That the suite can fail: a server and a client without a flaw pass it, and each flaw is caught by the cases that its
-- row names.

local async = require "spec.support.async"
local catalogue = require "spec.conformance.catalogue"
local report = require "spec.conformance.report"
local runner = require "spec.conformance.runner"
local Connection = require "spec.conformance.flawed.connection"
local client = require "spec.conformance.flawed.client"
local server = require "spec.conformance.flawed.server"

local FILES = { "handshake", "framing", "messages", "controls", "texts", "closing", "deflate" }
local PATIENCE = 4 -- seconds: many flaws are that nothing comes

-- No code of luaws runs here: with a sanitizer there is nothing to be found, and all takes its time.
if async.seconds(1) > 1 then return end

-- A row: its name, a sentence of the server, the names of cases that catch it; `nonStrict`: they say no more than that;
-- `skips` and methods of Connection's.
local clientFlaws = require "spec.conformance.flawed.flaws.clients"
local flaws = {}
for _, file in ipairs(FILES) do
  for _, flaw in ipairs(require("spec.conformance.flawed.flaws." .. file)) do flaws[#flaws + 1] = flaw end
end

local function classOf(flaw, parent)
  local methods = {}
  for name, value in pairs(flaw) do
    if type(value) == "function" then methods[name] = value end
  end
  return Connection.subclass(methods, flaw.skips, parent)
end

local function startAll()
  local classes = {}
  for _, flaw in ipairs(flaws) do classes["/" .. flaw[1]] = classOf(flaw) end
  return server.start(classes)
end

local byName = { server = {}, client = {} }
for role, found in pairs(byName) do
  for _, case in ipairs(catalogue.load(nil, role)) do found[case.name] = case end
end

local function named(names, role)
  local found = {}
  for i, name in ipairs(names) do found[i] = assert(byName[role][name], "no case has the name " .. name) end
  return found
end

-- All but what is large and takes these, which are in Lua, their time.
local function withoutLarge(role)
  local some = {}
  for _, case in ipairs(catalogue.load(nil, role)) do
    local isLarge = case.name:find("^9%.") or case.name:find("^1[23]%.%d+%.%d%d")
      or case.name:find("^1[23]%.%d+%.[3-9]")
    if not isLarge then some[#some + 1] = case end
  end
  return some
end

describe("the conformance suite", function()
  for _, mode in ipairs({ { "plain" }, { "compressed", compressed = true } }) do
    it("passes a server without a flaw, " .. mode[1], function()
      local target = { port = startAll(), path = "/good", compressed = mode.compressed, brief = true }
      assert.same({}, report.complaints(runner.run(withoutLarge("server"), target)))
    end)
  end

  it("passes a client without a flaw", function()
    assert.same({}, report.complaints(runner.run(withoutLarge("client"), { clients = client.new(), brief = true })))
  end)
end)

-- `targetOf`: of a flaw.
local function describeFlaws(list, role, targetOf)
  local outcomes = {}

  setup(function()
    local tasks = {}
    for i, flaw in ipairs(list) do
      local target = targetOf(flaw)
      target.patience = PATIENCE
      tasks[i] = async.spawn(function() outcomes[flaw] = runner.run(named(flaw[3], role), target) end)
    end
    for _, task in ipairs(tasks) do task:join(150) end
  end)

  for _, flaw in ipairs(list) do
    it(flaw[2] .. " is caught", function()
      local expected = flaw.nonStrict and "non-strict" or "failed"
      assert.is_true(#flaw[3] > 0)
      for _, result in ipairs(outcomes[flaw]) do
        assert.equal(expected, result.outcome, result.name .. ": " .. tostring(result.note))
      end
    end)
  end
end

describe("a server that", function()
  local port
  describeFlaws(flaws, "server", function(flaw)
    port = port or startAll()
    return { port = port, path = "/" .. flaw[1] }
  end)
end)

describe("a client that", function()
  describeFlaws(clientFlaws, "client", function(flaw)
    return { clients = client.new(classOf(flaw, client.class)) }
  end)
end)
