-- The Lua parts of the bench, with made-up measurements: statistics, the file of samples, goals, table, picture, and
-- the page for users that they end on.

local docs = require "bench.docs"
local figures = require "bench.figures"
local goals = require "bench.goals"
local judge = require "bench.judge"
local lines = require "bench.lines"
local machine = require "bench.machine"
local markdown = require "spec.support.markdown"
local measure = require "bench.measure"
local peers = require "bench.peers"
local plan = require "bench.plan"
local plot = require "bench.plot"
local report = require "bench.report"
local samples = require "bench.samples"
local stats = require "bench.stats"
local readFile = require("spec.support.files").read

local PAGE, PICTURE = "docs/performance.md", "docs/performance.svg"

-- Measurements, one a round; where the value is false the round has failed, and its figure is wrong.
local function rounds(values, others)
  local results = {}
  for i, value in ipairs(values) do
    results[i] = { round = i, errors = value and 0 or 1, server_us = value or 0.01 }
    for key, list in pairs(others or {}) do results[i][key] = list[i] or list[#list] end
  end
  return results
end

local function section(name, results, extra)
  local line = { name = name, costs = { { field = "server_us", title = name .. " title", unit = "us/message" } } }
  for key, value in pairs(extra or {}) do line[key] = value end
  local takingPart, names = {}, {}
  for peer in pairs(results) do names[#names + 1] = peer end
  table.sort(names, function(a, b) return a == "luaws" or b ~= "luaws" and a < b end)
  for i, peer in ipairs(names) do takingPart[i] = { name = peer } end
  return { line = line, peers = takingPart, results = results, rounds = 7 }
end

describe("stats", function()
  it("finds medians and quartiles between neighbours, of any order", function()
    assert.equal(3, stats.median({ 5, 1, 3 }))
    assert.equal(2.5, stats.median({ 4, 1, 3, 2 }))
    assert.equal(1.75, stats.quantile({ 4, 1, 3, 2 }, 0.25))
    assert.equal(4, stats.quantile({ 4, 1, 3, 2 }, 1))
    assert.equal(7, stats.quantile({ 7 }, 0.99))
    assert.is_nil(stats.median({}))
  end)

  it("leaves the list as it was", function()
    local list = { 3, 1, 2 }
    stats.median(list)
    assert.same({ 3, 1, 2 }, list)
  end)

  it("takes the distance of the quartiles, in shares of the median, as the spread", function()
    assert.equal(0.5, stats.spread({ 3, 4, 5, 6, 2 }))
    assert.is_nil(stats.spread({ 1, 2 }))
    assert.equal(0, stats.spread({ 0, 0, 0 }))
    assert.equal(0.5, stats.spread({ -3, -4, -5, -6, -2 }))
  end)
end)

describe("figures", function()
  it("compare round by round, so that what drifts cancels out", function()
    local ours, theirs = rounds({ 1, 10, 100 }), rounds({ 2, 20, 200 })
    assert.equal(0.5, figures.ratio(ours, theirs, "server_us"))
    assert.equal(-10, figures.difference(ours, theirs, "server_us"))
  end)

  it("leave out rounds that only one side has, or that failed", function()
    local ours, theirs = rounds({ 1, 9, false, 1 }), rounds({ 2, false, 3, 2, 5, 5 })
    assert.equal(0.5, figures.ratio(ours, theirs, "server_us"))
    assert.same({ 1, 9, 1 }, figures.list(ours, "server_us"))
    assert.equal(1, figures.failures(ours))
    assert.equal(0.5, figures.ratio(rounds({ 1, 1, 1 }), rounds({ 2, false, false }), "server_us"))
    assert.is_nil(figures.ratio(ours, {}, "server_us"))
    assert.is_nil(figures.ratio(ours, rounds({ 0, 0, 0, 0 }), "server_us"))
  end)

  it("know which rounds belong together", function()
    local ours, theirs = rounds({ 1, 2, 3, 4 }), rounds({ 10, 20, 30, 40 })
    table.remove(theirs, 1)
    assert.equal(0.1, figures.ratio(ours, theirs, "server_us"))
    assert.equal(10, figures.ratio(theirs, ours, "server_us"))
  end)

  it("leave out rounds that others disturbed, where five quiet ones are left", function()
    local other = { other = { 0, 0.1, 0.11, 0.5, 0, 0, 0 } }
    local ours, theirs = rounds({ 1, 1, 9, 9, 1, 1, 1 }, other), rounds({ 2, 2, 2, 2, 2, 2, 2 })
    assert.same({ 1, 1, 1, 1, 1 }, figures.list(ours, "server_us"))
    assert.same({ 1, 1, 9, 9, 1, 1 }, figures.list({ table.unpack(ours, 1, 6) }, "server_us"))
    assert.equal(0.5, figures.ratio(ours, theirs, "server_us"))
    assert.equal(4.5, figures.ratio({ table.unpack(ours, 3, 5) }, theirs, "server_us"))
    theirs[1].other, theirs[2].server_us = 0.2, 1000
    assert.equal(0.5, figures.ratio(ours, theirs, "server_us"))
  end)

  it("are steady with three rounds or more and quartiles at most 10 % apart", function()
    assert.is_true((figures.isSteady(rounds({ 100, 101, 102, 103, 200 }), "server_us")))
    assert.is_false((figures.isSteady(rounds({ 100, 101, 120, 130, 140 }), "server_us")))
    assert.is_false((figures.isSteady(rounds({ 100, 100 }), "server_us")))
  end)
end)

describe("the file of samples", function()
  it("gives back what was put in", function()
    local record = { run = 12, line = "echo", server = "a \"b\" \\u0041 c, {d}: \n", server_us = 4.25, other = 0 }
    local text = samples.encode(record)
    assert.falsy(text:find("\n", 1, true))
    assert.same(record, samples.decode(text))
    assert.same({}, samples.decode("{}"))
    assert.same({ a = -1.5e-3, b = "" }, samples.decode('{"a":-0.0015,"b":""}'))
  end)

  it("drops what was cut short or is something else", function()
    local text = samples.encode({ run = 1, line = "echo", server = "luaws", server_us = 4.25 })
    for length = 0, #text - 1 do assert.is_nil(samples.decode(text:sub(1, length)), text:sub(1, length)) end
    assert.is_nil(samples.decode("load: an error"))
    assert.is_nil(samples.decode('{"a":[1]}'))
  end)

  it("passes over what is of no run", function()
    local path = os.tmpname()
    docs.writeFile(path, '{"line":"a","server":"x","errors":0}\nx\n{"run":"1"}\n{"run":1,"line":"a"}\n{"run":2,"li')
    assert.same({ { run = 1, line = "a" } }, samples.read(path))
    os.remove(path)
  end)

  it("is empty where there is none yet", function() assert.same({}, samples.read("/nonexistent/samples")) end)

  it("numbers runs, each above those before", function()
    local later = os.time() + 1000
    assert.equal(later + 1, samples.newRun({ { run = 7 }, { run = later }, { run = 8 } }))
    assert.is_true(samples.newRun({}) >= later - 1000)
  end)

  it("counts only the newest run of each line", function()
    local newest = samples.newest({
      { run = 1, about = 1, date = "old" }, { run = 1, version = "x 1", server = "x" },
      { run = 1, line = "a", server = "x", round = 1 }, { run = 1, line = "b", server = "x", round = 1 },
      { run = 2, about = 1, date = "new" }, { run = 2, version = "x 2", server = "x" },
      { run = 2, version = "x 1", server = "x" },
      { run = 2, line = "b", server = "x", round = 1 }, { run = 2, line = "b", server = "x", round = 2 },
      { run = 3, about = 1, date = "nothing" }, { run = 3, version = "x 3", server = "x" },
    })
    assert.equal(1, #newest.results.a.x)
    assert.equal(2, #newest.results.b.x)
    assert.equal(2, newest.results.b.x[1].run)
    assert.same({ "old", "new" }, { newest.runs[1].date, newest.runs[2].date })
    assert.is_nil(newest.runs[3])
    assert.same("x 1, x 2", table.concat(newest.versions.x, ", "))
  end)
end)

describe("others on the machine", function()
  local function usage(now, first, second, server, generator)
    return { now = now, cores = { [0] = first, [1] = second }, server = server, generator = generator }
  end
  local before = usage(100, 5, 5, 1, 1)

  it("are what is used of the server's or the generator's core beyond them", function()
    local pins = { server = 1, generator = 0 }
    assert.equal(0.25, machine.others(before, usage(102, 6, 6.5, 2, 2), pins, { 0, 1 }))
    assert.equal(0.5, machine.others(before, usage(102, 7, 6, 2, 2), pins, { 0, 1 }))
    assert.equal(0, machine.others(before, usage(102, 6, 6, 2.1, 2), pins, { 0, 1 }))
  end)

  it("are what is used of all cores where nothing is pinned", function()
    assert.equal(0.25, machine.others(before, usage(102, 6, 6.5, 2, 2), nil, { 0, 1 }))
    assert.equal(0, machine.others(before, before, nil, { 0, 1 }))
  end)

  it("run beside server and generator, which get physical cores of their own", function()
    local siblings = { [0] = "0,2", "1,3", "0,2", "1,3" }
    local function siblingsOf(core) return siblings[core] end
    assert.same({ 0, 1 }, { machine.pair({ 0, 1, 2, 3 }, siblingsOf) })
    assert.same({ 0, 3 }, { machine.pair({ 0, 2, 3 }, siblingsOf) })
    assert.same({ 0, 2 }, { machine.pair({ 0, 2 }, siblingsOf) })
    assert.same({}, { machine.pair({ 1 }, siblingsOf) })
    local cores = machine.cores()
    assert.equal(math.min(2, #cores), #{ machine.pair(cores) })
  end)

  it("are counted from what the kernel says", function()
    local used = machine.usage("self")
    assert.is_true(used.now > 0)
    assert.is_true(used.server >= 0)
    for _, core in ipairs(machine.cores()) do assert.is_true(used.cores[core] >= 0) end
  end)
end)

describe("goals", function()
  local STEADY = { 10, 10, 10 }

  local function judgeOne(goal, sections)
    goal.line = goal.line or "echo"
    return judge.verdicts({ goal }, sections)[1]
  end

  it("are reached, exceeded or missed by the ratio", function()
    local sections = { section("echo", { luaws = rounds({ 9, 9, 9 }), bun = rounds(STEADY) }) }
    assert.equal("reached", judgeOne({ against = "bun", most = 0.9, stretch = 0.8 }, sections).text)
    assert.equal("reached, and more", judgeOne({ against = "bun", most = 1, stretch = 0.9 }, sections).text)
    assert.equal("missed", judgeOne({ against = "bun", most = 0.89 }, sections).text)
    assert.equal("reached", judgeOne({ against = "bun", least = 0.9, stretch = 1 }, sections).text)
    assert.equal("missed", judgeOne({ against = "bun", least = 0.91 }, sections).text)
    assert.equal(0.9, judgeOne({ against = "bun", least = 0.91 }, sections).value)
  end)

  it("may be about a difference, or luaws alone", function()
    local sections = { section("echo", { luaws = rounds({ 19, 19, 19 }), bun = rounds(STEADY) }) }
    assert.equal("reached", judgeOne({ against = "bun", by = "difference", most = 10, stretch = 0 }, sections).text)
    assert.equal("missed", judgeOne({ against = "bun", by = "difference", most = 8 }, sections).text)
    assert.equal("reached", judgeOne({ most = 19 }, sections).text)
    assert.equal("missed", judgeOne({ most = 18 }, sections).text)
  end)

  it("may be about the worst round, steady or not", function()
    local sections = { section("echo", { luaws = rounds({ 5, 50, 20 }) }) }
    assert.equal("reached", judgeOne({ by = "worst", most = 50 }, sections).text)
    assert.equal("missed", judgeOne({ by = "worst", most = 49 }, sections).text)
    local two = { section("echo", { luaws = rounds({ 5, 5 }) }) }
    assert.equal("not measured", judgeOne({ by = "worst", most = 50 }, two).text)
  end)

  it("may compare luaws on two lines", function()
    local sections = {
      section("two", { luaws = rounds(STEADY, { rate = { 190 } }) }, { unpinned = true }),
      section("one", { luaws = rounds(STEADY, { rate = { 100 } }) }, { unpinned = true }),
    }
    local verdict = judgeOne({ line = "two", field = "rate", base = "one", least = 1.8 }, sections)
    assert.same({ "reached", 1.9, "one" }, { verdict.text, verdict.value, verdict.base.line.name })
  end)

  it("are not measured by what is unsteady, has failed, or was set by the generator", function()
    local function text(ours, theirs, goal)
      return judgeOne(goal or { against = "bun", most = 1 }, { section("echo", { luaws = ours, bun = theirs }) }).text
    end
    assert.equal("not measured", text(rounds({ 5, 7, 9, 11 }), rounds(STEADY)))
    assert.equal("not measured", text(rounds(STEADY), rounds({ 5, 7, 9, 11 })))
    assert.equal("not measured", text(rounds({ 10, 10, 10, false }), rounds(STEADY)))
    assert.equal("not measured", text(rounds({ 10 }), rounds({ 10 })))
    local rate = { against = "bun", field = "rate", least = 0.8 }
    local busy = rounds(STEADY, { rate = { 100 }, server_cpu = { 0.99 } })
    local waiting = rounds(STEADY, { rate = { 100 }, server_cpu = { 0.5 } })
    assert.equal("reached", text(busy, busy, rate))
    assert.equal("not measured", text(busy, waiting, rate))
    assert.equal("reached", text(waiting, busy, rate)) -- it could do even more
    local limited = rounds(STEADY, { rate = { 100 }, server_cpu = { 0.94 }, limited = { 1 } })
    assert.equal("not measured", text(busy, limited, rate))
    local latency = { against = "bun", field = "p99_us", most = 2 }
    local punctual = rounds(STEADY, { p99_us = { 100 }, late_p99_us = { 50 } })
    local late = rounds(STEADY, { p99_us = { 100 }, late_p99_us = { 51 } })
    assert.equal("reached", text(punctual, punctual, latency))
    assert.equal("not measured", text(punctual, late, latency))
    rate.line = "echo"
    for _, extra in ipairs({ { unpinned = true }, { paced = true } }) do
      assert.equal("reached", judgeOne(rate, { section("echo", { luaws = busy, bun = waiting }, extra) }).text)
    end
  end)

  it("are not run where the line or the server is missing", function()
    assert.equal("not run", judgeOne({ against = "bun", most = 1 }, {}).text)
    assert.equal("not run", judgeOne({ against = "bun", most = 1 },
      { section("echo", { luaws = rounds(STEADY) }) }).text)
  end)

  it("are in order: what is better still is better", function()
    for _, goal in ipairs(goals) do
      local bound = goal.most or goal.least
      assert.is_number(bound, goal.line)
      assert.is_true(not goal.stretch or goal.most and goal.stretch <= bound or goal.least and goal.stretch >= bound,
        goal.line)
    end
  end)

  it("are about lines and servers that there are", function()
    local byName = {}
    for _, line in ipairs(lines) do byName[line.name] = line end
    for _, goal in ipairs(goals) do
      local line = assert(byName[goal.line], goal.line)
      assert(not goal.base or byName[goal.base], goal.base)
      local sections = plan.sections({ line }, peers)
      assert(not goal.against or sections[1].results[goal.against], goal.line)
    end
  end)

  it("tell which figures a line is judged by", function()
    local line = { name = "a", costs = { { field = "server_us" } } }
    assert.same({ "server_us", "p99_us", "rate" }, judge.fields(line, {
      { line = "a" }, { line = "a", field = "p99_us" }, { line = "b", field = "p50_us" },
      { line = "b", field = "rate", base = "a" }, { line = "a", field = "p99_us" },
    }))
  end)
end)

describe("the plan", function()
  local A, B, C = { name = "a", mode = "x" }, { name = "b", mode = "y", default = false },
    { name = "c", mode = "x", peers = { "q" } }
  local LUAWS, P = { name = "luaws", modes = { x = true, y = true } }, { name = "p", modes = { x = true } }
  local Q, BASE = { name = "q", modes = { x = true, y = true } }, { name = "base", modes = { x = true } }

  it("has the lines that are named, or the usual ones", function()
    assert.same({ A, C }, plan.choose({ A, B, C }, nil))
    assert.same({ A, C }, plan.choose({ A, B, C }, "24")) -- the height of a terminal
    assert.same({ B, A }, plan.choose({ A, B, C }, " b,a"))
    assert.has_error(function() plan.choose({ A, B }, "a d") end, "there is no 'd', but a, b")
  end)

  it("has the servers that can do it, or that the line names", function()
    local sections = plan.sections({ A, B, C }, { LUAWS, BASE, P, Q })
    assert.same({ LUAWS, BASE, P, Q }, sections[1].peers)
    assert.same({ LUAWS, Q }, sections[2].peers)
    assert.same({ LUAWS, BASE, Q }, sections[3].peers)
    assert.same({ luaws = {}, base = {}, q = {} }, sections[3].results)
  end)

  it("finds again what has been measured", function()
    local once = rounds({ 1 })
    local results = { c = { q = once, luaws = once, gone = once }, none = { q = once } }
    local sections, present = plan.measured(results, { A, B, C }, { LUAWS, P, Q })
    assert.equal(1, #sections)
    assert.equal(C, sections[1].line)
    assert.same({ LUAWS, Q }, sections[1].peers)
    assert.same({ LUAWS, Q }, present)
  end)
end)

describe("more rounds", function()
  local STEADY, UNSTEADY = { 10, 10, 10, 10 }, { 10, 12, 14, 16 }

  local function names(results, list)
    local found = {}
    for _, peer in ipairs(measure.unsteady(section("echo", results), list or {})) do found[#found + 1] = peer.name end
    return found
  end

  it("are for what is unsteady, and luaws beside it", function()
    local steady, unsteady = rounds(STEADY), rounds(UNSTEADY)
    assert.same({}, names({ luaws = steady, bun = steady, ws = steady }))
    assert.same({ "luaws", "ws" }, names({ luaws = steady, bun = steady, ws = unsteady }))
    assert.same({ "luaws", "bun", "ws" }, names({ luaws = unsteady, bun = steady, ws = steady }))
  end)

  it("are also for what only a goal looks at", function()
    local results = { luaws = rounds(STEADY, { p99_us = { 1, 2, 3, 4 } }), bun = rounds(STEADY) }
    assert.same({}, names(results))
    assert.same({ "luaws", "bun" }, names(results, { { line = "echo", field = "p99_us" } }))
  end)

  it("are first of all for what goals rest on", function()
    local one, steady = section("echo", { luaws = rounds(STEADY) }), { name = "luaws" }
    local function isForGoal(unsteady, goal) return measure.isForGoal(one, unsteady, { goal }) end
    local both = { steady, { name = "bun" } }
    assert.is_true(isForGoal(both, { line = "echo", against = "bun", most = 1 }))
    assert.is_false(isForGoal(both, { line = "echo", against = "floor", most = 1 }))
    assert.is_false(isForGoal(both, { line = "other", against = "bun", most = 1 }))
    assert.is_true(isForGoal({ steady }, { line = "echo", most = 1 }))
    assert.is_true(isForGoal({ steady }, { line = "other", base = "echo", least = 1 }))
  end)

  it("don't mend what failed", function()
    assert.same({}, names({ luaws = rounds(STEADY), bun = rounds({ 10, 20, 30, false }) }))
  end)
end)

describe("the table", function()
  local function text(sections, list)
    local run = { date = "today", commit = "abc", machine = "m", kernel = "k", pinning = "p", rounds = 7, duration = 1 }
    local newest = { runs = { run, setmetatable({ commit = "def" }, { __index = run }) },
                     versions = { luaws = { "luaws 1" }, bun = { "bun 1", "bun 2" } } }
    local parts = report.parts(newest, { { name = "luaws" }, { name = "bun" } }, sections,
      judge.verdicts(list or {}, sections))
    return report.text(parts), report.page(parts, "picture.svg")
  end

  local function cells(page, first, second)
    for line in page:gmatch("[^\n]+") do
      local found = {}
      for cell in line:gmatch("| ([^|]*)") do found[#found + 1] = cell:match("^%s*(.-)%s*$") end
      if found[1] == first and found[2] == second then return found end
    end
    error("no such row: " .. first .. ", " .. second)
  end

  it("has costs, spreads, ratios, rates and latencies", function()
    local more = { rate = { 123456.7 }, p50_us = { 1234 }, p99_us = { 5 }, p999_us = { 6 }, server_cpu = { 0.99 },
                   own_cpu = { 0.5 } }
    local page = text({ section("echo", { luaws = rounds({ 4, 4, 4 }, more), bun = rounds({ 5, 5, 5 }, more) }) })
    assert.same({ "echo title", "luaws", "4 us", "0 %", "", "123,457/s", "1,234", "5", "6", "99 %", "50 %" },
      cells(page, "echo title", "luaws"))
    assert.same({ "5 us", "0 %", "0.80" }, { table.unpack(cells(page, "echo title", "bun"), 3, 5) })
    assert.falsy(page:find("not measured", 1, true))
    assert.truthy(page:find("luaws 1; bun 1, bun 2.", 1, true))
    assert.truthy(("\n" .. page):find("\ntoday; sources at abc, def.\nm; k; p.\n", 1, true))
  end)

  it("marks what is unsteady, what failed, and where the generator was the limit", function()
    local page = text({ section("echo", {
      luaws = rounds({ 4, 5, 6, 7 }, { server_cpu = { 0.5 } }), bun = rounds({ 4, false, 4 }),
    }) })
    assert.equal("5.5 us ?", cells(page, "echo title", "luaws")[3])
    assert.equal("50 % *", cells(page, "echo title", "luaws")[10])
    assert.equal("failed", cells(page, "echo title", "bun")[3])
    assert.truthy(page:find("?: not measured", 1, true))
    assert.truthy(page:find("*: the server had time to spare", 1, true))
  end)

  it("turns rates around, so that less is better there too, and leaves out what a server doesn't tell", function()
    local one = section("echo", { luaws = rounds({ 4 }, { rate = { 2000 } }), bun = rounds({ 4 }, { rate = { 1000 } }),
                                  floor = rounds({ 4 }) })
    one.line.costs[1] = { field = "rate", title = "rate", unit = "/s" }
    local page = text({ one })
    assert.same({ "1,000/s ?", "", "0.50" }, { table.unpack(cells(page, "rate", "bun"), 3, 5) })
    assert.has_error(function() cells(page, "rate", "floor") end)
  end)

  it("says how much others had of the machine", function()
    local page = text({ section("echo", { luaws = rounds({ 4, 4, 4 }, { other = { 0.02, 0.04, 0.5 } }) }) })
    assert.truthy(page:find("4 % of a core (median), more than 10 % in 1 of 3 measurements", 1, true), page)
  end)

  it("lists the goals that were run", function()
    local list = {
      { line = "echo", against = "bun", most = 1, stretch = 0.8 },
      { line = "echo", field = "p50_us", by = "difference", against = "bun", most = 10, stretch = 0 },
      { line = "echo", most = 2048 },
      { line = "other", against = "bun", most = 7.77 },
    }
    local page = text({ section("echo", {
      luaws = rounds({ 9, 9, 9 }, { p50_us = { 40 } }), bun = rounds({ 10, 10, 10 }, { p50_us = { 35 } }),
    }) }, list)
    assert.same({ "echo title", "bun", "reached", "0.90", "1.00", "0.80" }, cells(page, "echo title", "bun"))
    assert.same({ "echo title: p50", "bun", "reached", "+5 us", "+10 us", "+0 us" },
      cells(page, "echo title: p50", "bun"))
    assert.same({ "echo title", "", "reached", "9 B", "2,048 B", "" }, cells(page, "echo title", ""))
    assert.falsy(page:find("7.77", 1, true))
  end)

  it("goes with headings and the picture into the page for users", function()
    local results = { luaws = rounds({ 9, 9, 9 }), bun = rounds({ 10, 10, 10 }) }
    local plain, page = text({ section("echo", results) }, { { line = "echo", against = "bun", most = 1 } })
    local read = markdown.parse(page)
    assert.same({ "What we aim for", "All figures" }, { read.headings[1].text, read.headings[2].text })
    assert.same({ 1, 2 }, { #read.tables[1].rows, #read.tables[2].rows })
    assert.equal("picture.svg", read.links[1].target)
    assert.equal(0, #markdown.parse(plain).headings)
    assert.equal(1, #markdown.parse(select(2, text({ section("echo", results) }))).headings)
  end)
end)

-- The elements of an XML text, nested as they should be; an error otherwise.
local function readXml(text)
  local open, elements, place = {}, {}, 1
  while true do
    local data, start = text:match("^([^<]*)()", place)
    assert(not data:gsub("&#%d+;", ""):find("[&>]"), "not escaped: " .. data)
    if start > #text then break end
    local slash, name, attributes, empty, behind = text:match("^<(/?)([%a]+)([^<>]*)(/?)>()", start)
    assert(name, "no element at " .. text:sub(start, start + 40))
    empty = attributes:match("/$") or empty
    local rest = attributes:gsub("/$", ""):gsub('%s+[%a%d-]+="[^"<>&]*"', "")
    assert(rest:match("^%s*$"), "odd attributes: " .. attributes)
    if slash == "/" then
      assert.equal(table.remove(open), name)
    else
      elements[#elements + 1] = { name = name, attributes = attributes }
      if empty ~= "/" then open[#open + 1] = name end
    end
    place = behind
  end
  assert.same({}, open)
  return elements
end

describe("the picture", function()
  local function draw(results, list, name)
    return plot.svg({ section(name or "echo", results) }, list or {})
  end

  local function countOf(svg, name)
    local count = 0
    for _, element in ipairs(readXml(svg)) do count = count + (element.name == name and 1 or 0) end
    return count
  end

  it("has a bar for each other server, as long as the ratio", function()
    local svg = draw({ luaws = rounds({ 4, 4, 4 }), bun = rounds({ 8, 8, 8 }), floor = rounds({ 4, 4, 4 }) })
    assert.equal(2, countOf(svg, "rect"))
    assert.truthy(svg:find(">bun<.->0.50<.->floor<.->1.00<"))
    local half, whole = svg:match('width="([%d.]+)" height="12".-<rect [^>]-width="([%d.]+)" height="12"')
    assert.equal(2 * tonumber(half), tonumber(whole))
  end)

  it("cuts bars that would be too long, and says their ratio", function()
    local svg = draw({ luaws = rounds({ 210, 210, 210 }), floor = rounds({ 10, 10, 10 }) })
    assert.truthy(svg:find(">floor<.->21<"))
    for width in svg:gmatch('width="([%d.]+)"') do assert.is_true(tonumber(width) <= 900) end
  end)

  it("marks what is unsteady and leaves out what failed", function()
    local svg = draw({ luaws = rounds({ 4, 4, 4 }), bun = rounds({ 4, 6, 8, 10 }), ws = rounds({ 4, false, 4 }) })
    assert.equal(1, countOf(svg, "rect"))
    assert.truthy(svg:find(">? 0.67<", 1, true))
  end)

  it("shows a goal as an upright line", function()
    local results = { luaws = rounds({ 4, 4, 4 }), bun = rounds({ 8, 8, 8 }) }
    local without = countOf(draw(results), "path")
    assert.equal(without + 1, countOf(draw(results, { { line = "echo", against = "bun", most = 0.9 } }), "path"))
    for _, goal in ipairs({
      { line = "echo", against = "bun", field = "rate", least = 1 }, { line = "echo", against = "ws", most = 0.9 },
      { line = "other", against = "bun", most = 0.9 },
      { line = "echo", against = "bun", by = "difference", most = 0.9 },
    }) do
      assert.equal(without, countOf(draw(results, { goal }), "path"))
    end
  end)

  it("breaks long titles, and has room for them", function()
    local words = ("word "):rep(30)
    local results = { luaws = rounds({ 4, 4, 4 }), bun = rounds({ 8, 8, 8 }) }
    local long, short = draw(results, nil, words), draw(results)
    assert.truthy(countOf(long, "text") > countOf(short, "text") + 1)
    assert.is_true(tonumber(long:match('height="(%d+)"')) > tonumber(short:match('height="(%d+)"')))
    for text in long:gmatch('font%-size="13">([^<]*word)<') do assert.is_true(#text <= 48) end
  end)

  it("escapes what it writes", function()
    local svg = draw({ luaws = rounds({ 4, 4, 4 }), bun = rounds({ 8, 8, 8 }) }, nil, "a < b & \"c\" > d's\n")
    readXml(svg)
    assert.falsy(svg:find("a < b", 1, true))
    assert.equal("&#38;&#60;x&#62;&#34;&#39;", plot.escape("&<x>\"'"))
  end)

  it("is read by a check that can fail", function()
    for _, bad in ipairs({ "<a>", "<a></b>", "<a>&</a>", "<a b=c/>", "<a", "<a b=\"<\"/>" }) do
      assert.has_error(function() readXml(bad) end)
    end
  end)
end)

describe("the page for users", function()
  it("has its block, with tables and picture", function()
    local read = markdown.parse(docs.block(readFile(PAGE)))
    assert.is_true(#read.tables >= 1)
    assert.equal(PICTURE:match("[^/]+$"), read.links[1].target)
    assert.is_true(#readXml(readFile(PICTURE)) > 10)
  end)

  local page = ("a\n%s\nold\n%s\nz\n"):format(docs.BEGIN, docs.END)

  it("has its block replaced, again and again", function()
    local once = assert(docs.replace(page, "new\n"))
    assert.equal(("a\n%s\nnew\n%s\nz\n"):format(docs.BEGIN, docs.END), once)
    assert.equal(once, docs.replace(once, "new\n"))
    assert.equal("old\n", docs.block(page))
  end)

  it("is left alone where the markers aren't there once each", function()
    for _, bad in ipairs({ "", docs.BEGIN .. "\n", docs.END .. "\n" .. docs.BEGIN .. "\n", page .. page,
                            docs.BEGIN .. "\n" .. page, page .. docs.END }) do
      local text, message = docs.replace(bad, "new")
      assert.is_nil(text)
      assert.truthy(message:find(docs.BEGIN, 1, true))
    end
  end)
end)
