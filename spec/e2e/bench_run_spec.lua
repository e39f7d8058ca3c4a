-- The bench as a whole, on a line or two, for an instant: in a folder of its own, so that nobody's figures are touched.

local async = require "spec.support.async"
local build = require "spec.support.build"
local markdown = require "spec.support.markdown"
local process = require "spec.support.process"
local samples = require "bench.samples"

local BIN = os.getenv("LUAWS_BIN")
local PAGE, SAMPLES = "/docs/performance.md", "/build/bench/samples.jsonl"

local folder

local function shell(command) assert(os.execute(command), command) end

local function prepare()
  if folder then return end
  if os.execute("command -v ${CC:-cc} lua5.4 setpriv >/dev/null") ~= true then
    pending("there is no compiler, lua5.4 or setpriv")
  end
  folder = os.tmpname()
  shell(("rm %s && mkdir -p %s/docs %s/build"):format(folder, folder, folder))
  shell(("ln -s $PWD/bench $PWD/src %s && cp docs/performance.md %s/docs"):format(folder, folder))
end

local function bench(...)
  local arguments = { "-C", folder, "LUAWS=" .. BIN, "BASE=", "LINES=", "PEERS=luaws", "ROUNDS=1", "ROUNDS_MAX=",
                      "DURATION=" .. async.seconds(0.3), "WARMUP=0.01", "DOCS=0", "KEEP=", "PIN=", "MINUTES=" }
  table.move({ ... }, 1, select("#", ...), #arguments + 1, arguments)
  return process.run("env", arguments, 150)
end

local function assertEnds(code, run)
  assert.equal(code, run.code, run.stderr)
  return run
end

local function readFile(path)
  local file <close> = assert(io.open(folder .. path))
  return file:read("a")
end

-- The names of lines and servers that were measured, in order.
local function measured()
  local names = {}
  for _, record in ipairs(samples.read(folder .. SAMPLES)) do
    if record.line then names[#names + 1] = record.line .. " " .. record.server .. " " .. record.round end
  end
  return names
end

local function firstCells(text)
  local cells = {}
  for _, row in ipairs(markdown.parse(text).tables[1].rows) do cells[#cells + 1] = row[1] .. ", " .. row[2] end
  return cells
end

describe("the bench", function()
  before_each(prepare)
  teardown(function() os.execute("rm -rf '" .. (folder or "") .. "'") end)

  it("measures in turn, prints a table, keeps samples, and adds to them", function()
    if build.isTiny then pending("an echo of 1 KiB takes longer than is measured") end
    local run = assertEnds(0, bench("LINES=echo64x1", "PEERS=luaws base", "BASE=" .. BIN, "ROUNDS=2", "bench/run"))
    assert.same({ "echo64x1 luaws 1", "echo64x1 base 1", "echo64x1 luaws 2", "echo64x1 base 2" }, measured())
    assert.same({ "echo 64 B, 100 connections, 1 in flight, luaws", "echo 64 B, 100 connections, 1 in flight, base" },
      firstCells(run.stdout))
    assert.matches("base: luaws %d", run.stdout)

    run = assertEnds(0, bench("LINES=echo1k echo64x1", "KEEP=1", "bench/run"))
    assert.same({ "echo1k luaws 1", "echo64x1 luaws 1" }, table.move(measured(), 5, 6, 1, {}))
    assert.same({ "echo 64 B, 100 connections, 1 in flight, luaws", "echo 1 KiB, 100 connections, 1 in flight, luaws" },
      firstCells(run.stdout))
    assert.equal(run.stdout, assertEnds(0, bench("bench/run", "--report")).stdout)

    assertEnds(0, bench("LINES=echo1k", "PIN=0", "bench/run"))
    assert.same({ "echo1k luaws 1" }, measured())
    assert.matches("not pinned", readFile(SAMPLES))
  end)

  it("writes the page for users when it is told to", function()
    if build.isTiny then pending("an echo of 1 KiB takes longer than is measured") end
    local before = readFile(PAGE)
    assertEnds(0, bench("LINES=echo1k", "bench/run"))
    assert.equal(before, readFile(PAGE))
    assertEnds(0, bench("DOCS=", "bench/run", "--report"))
    assert.equal(before, readFile(PAGE)) -- not everything has been measured
    assertEnds(0, bench("DOCS=1", "bench/run", "--report"))
    assert.not_equal(before, readFile(PAGE))
    assert.matches("| echo 1 KiB, 100 connections, 1 in flight | luaws ", readFile(PAGE), 1, true)
    assert.matches("^<svg ", readFile("/docs/performance.svg"))
  end)

  it("ends with 1 when a server doesn't start, and goes on with the others", function()
    local run = assertEnds(1, bench("LINES=echo1k", "PEERS=luaws base", "BASE=/bin/true", "bench/run"))
    assert.matches("base doesn't start", run.stderr)
    assert.same({ "echo1k luaws 1", "echo1k base 1" }, measured())
    assert.matches("| base +| +failed ", run.stdout)
  end)

  it("says what it doesn't understand", function()
    assert.matches("there is no 'echo', but echo64x1,", assertEnds(1, bench("LINES=echo", "bench/run")).stderr, 1, true)
    assert.matches("ROUNDS must be a positive number, not 'x'", assertEnds(1, bench("ROUNDS=x", "bench/run")).stderr)
    assert.matches("usage: bench/run", assertEnds(1, bench("bench/run", "--help")).stderr, 1, true)
  end)
end)
