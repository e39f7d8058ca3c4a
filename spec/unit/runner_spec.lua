-- luaws-spec itself: it must never call a failure a success.

local uv = require "luv"
local async = require "spec.support.async"
local process = require "spec.support.process"

local function writeSpec(text)
  local folder = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/luaws-spec-XXXXXX"))
  local path = folder .. "/some_spec.lua"
  local file = assert(io.open(path, "w"))
  file:write('local async = require "spec.support.async"\nlocal uv = require "luv"\n', text)
  file:close()
  async.defer(function()
    uv.fs_unlink(path)
    uv.fs_rmdir(folder)
  end)
  return path
end

-- Runs luaws-spec: what it printed, the last line, the exit code.
local function runSpec(...)
  local run = process.run(uv.exepath(), { ... }, 90)
  return {
    code = run.code,
    text = run.stdout .. run.stderr,
    last = run.stdout:match("([^\n]*)\n$"),
  }
end

local function runText(text, ...)
  return runSpec(writeSpec(text), ...)
end

describe("luaws-spec", function()
  it("counts what passed and failed in the last line and the exit code", function()
    local green = runText [[it("a", function() end) it("b", function() async.sleep(0.001) end)]]
    assert.equal("2 passed, 0 failed", green.last)
    assert.equal(0, green.code)
    local red = runText [[it("a", function() end) it("b", function() assert.equal(1, 2) end)]]
    assert.equal("1 passed, 1 failed", red.last)
    assert.equal(1, red.code)
    assert.is_truthy(red.text:find("some_spec.lua:3: b", 1, true))
  end)

  it("names what was skipped", function()
    local run = runText [[it("a", function() pending("no chromium here") end)]]
    assert.equal("0 passed, 0 failed", run.last)
    assert.is_truthy(run.text:find("a (no chromium here)", 1, true))
  end)

  it("runs what --filter names, as often as --repeat says", function()
    local run = runText([[it("a", function() end) it("b", function() error("no") end)]],
      "--filter", "^a$", "--repeat", "3")
    assert.equal("3 passed, 0 failed", run.last)
  end)

  it("runs each file in a process of its own with --jobs, and adds up", function()
    local run = runSpec("--jobs", "2", writeSpec [[it("a", function() end)]], writeSpec [[it("b", function() end)]],
      writeSpec [[it("c", function() uv.kill(uv.os_getpid(), "sigkill") end)]], "--filter", ".")
    assert.equal("2 passed, 1 failed", run.last)
    assert.equal(1, run.code)
    assert.is_truthy(run.text:find("signal 9", 1, true))
    local green = runSpec("--jobs", "3", writeSpec [[it("a", function() end)]], "--repeat", "2")
    assert.equal("2 passed, 0 failed", green.last)
    assert.equal(0, green.code)
  end)

  local endings = {
    ["a crash"] = { [[it("x", function() uv.kill(uv.os_getpid(), "sigkill") end)]], "signal 9" },
    ["a hang"] = { [[it("x", function() uv.kill(uv.os_getpid(), "sigalrm") end)]], "hung" },
    ["os.exit"] = { [[it("x", function() os.exit(0) end)]], "called os.exit" },
    ["a syntax error"] = { [[it("x", function( end)]], "some_spec.lua" },
    ["an error in the file"] = { [[error("outside")]], "outside" },
    ["a failing setup"] = { [[describe("d", function()
      setup(function() error("cold") end)
      it("x", function() end)
    end)]], "cold" },
    ["a failing finally"] = { [[it("x", function()
      finally(function() error("late") end)
    end)]], "late" },
    ["a wait without end"] = { [[it("x", function()
      async.await(function() end, 0.01, "a bus")
    end)]], "some_spec.lua:4: timed out after [%d.]+ s waiting for a bus" },
    ["a yield without end"] = { [[it("x", function() coroutine.yield() end)]],
      "no handle is open" },
    ["an error in a callback"] = { [[it("x", function()
      local timer = uv.new_timer()
      timer:start(0, 0, function() timer:close() error("from below") end)
      async.sleep(5)
    end)]], "some_spec.lua:5: from below" },
    ["an error in a callback after the last wait"] = { [[it("x", function()
      local timer = uv.new_timer()
      timer:start(0, 0, function() timer:close() error("from below") end)
      uv.run("once")
    end)]], "some_spec.lua:5: from below" },
    ["an error in what was deferred"] = { [[it("x", function()
      async.defer(error, "unclean", 0)
    end)]], "unclean" },
    ["a task that nobody joined"] = { [[it("x", function()
      async.spawn(error, "alone", 0)
    end)]], "alone" },
    ["a task that goes on"] = { [[it("x", function()
      async.spawn(async.sleep, 1000)
    end)]], "some_spec.lua:4: the task was still waiting" },
    ["waiting in another coroutine"] = { [[it("x", function()
      coroutine.wrap(async.sleep)(0)
    end)]], "waiting works in" },
  }
  for name, ending in pairs(endings) do
    it("fails by " .. name, function()
      local run = runText(ending[1])
      assert.equal("0 passed, 1 failed", run.last)
      assert.equal(1, run.code)
      assert.is_truthy(run.text:match(ending[2]), run.text)
    end)
  end

  it("ends a test that never ends, though each of its waits does, and goes on", function()
    local factor = os.getenv("LUAWS_TEST_TIMEOUT_FACTOR")
    finally(function() uv.os_setenv("LUAWS_TEST_TIMEOUT_FACTOR", factor) end)
    uv.os_setenv("LUAWS_TEST_TIMEOUT_FACTOR", "0.01")
    local run = runText [[
      it("x", function() while true do async.sleep(0.01) end end)
      it("y", function() end)
    ]]
    assert.equal("1 passed, 1 failed", run.last)
    assert.is_truthy(run.text:find("the test has taken 1.8 s and is not over", 1, true))
  end)

  it("runs all of spec where nothing is named", function()
    local text = runSpec("--list").text
    for _, path in ipairs { "unit/runner_spec", "unit/ws_frame_spec", "e2e/messages_spec", "conformance/judge_spec" } do
      assert.truthy(text:find("spec/" .. path .. ".lua:", 1, true), path)
    end
  end)

  it("refuses files that don't exist and options that it doesn't know", function()
    assert.equal(1, runSpec("spec/nowhere").code)
    assert.equal(1, runSpec("--fliter", "x").code)
  end)
end)

describe("async", function()
  it("gives what done was given, at once or later, and only the first", function()
    assert.same({ 1, nil, 3 }, { async.await(function(done) done(1, nil, 3) done(4) end) })
    assert.equal("later", async.await(function(done)
      local timer = uv.new_timer()
      timer:start(1, 0, function()
        timer:close()
        done("later")
        done("again")
      end)
    end))
  end)

  it("waits in tasks side by side", function()
    local order = {}
    local slow = async.spawn(function() async.sleep(0.02) order[#order + 1] = "slow" return 1 end)
    local fast = async.spawn(function() async.sleep(0.001) order[#order + 1] = "fast" return 2 end)
    assert.equal(1, slow:join())
    assert.equal(2, fast:join())
    assert.same({ "fast", "slow" }, order)
  end)

  it("raises in join what the task raised", function()
    local task = async.spawn(function() error({ code = 7 }) end)
    local ok, err = pcall(task.join, task)
    assert.is_false(ok)
    assert.equal(7, err.code)
  end)

  it("hands the rows of a queue over in order, then its end", function()
    local queue = async.queue()
    queue:push(1, nil)
    queue:push(2)
    assert.equal(2, queue.count)
    assert.equal(2, select("#", queue:pop()))
    assert.equal(2, queue:pop())
    local task = async.spawn(function() return queue:pop() end)
    queue:push("to the waiting one")
    assert.equal("to the waiting one", task:join())
    task = async.spawn(function() return queue:pop() end)
    queue:close(nil, "closed")
    assert.same({ nil, "closed" }, { task:join() })
    assert.same({ nil, "closed" }, { queue:pop() })
  end)

  it("loses no row to a pop that timed out", function()
    local queue = async.queue()
    assert.has_error(function() queue:pop(0.001) end)
    queue:push("kept")
    assert.equal("kept", queue:pop())
  end)

  describe("defer", function()
    local order = {}
    local function note(what) order[#order + 1] = what end

    before_each(function() async.defer(note, "before_each") end)

    it("waits for the end of the test", function()
      async.defer(note, "first")
      async.defer(note, "second")
      assert.same({}, order)
    end)

    it("has run the last one first", function()
      assert.same({ "second", "first", "before_each" }, order)
    end)
  end)

  describe("defer in setup", function()
    local open = false

    setup(function()
      open = true
      async.defer(function() open = false end)
    end)

    it("leaves a thing open for the first test", function() assert.is_true(open) end)
    it("and for the second", function() assert.is_true(open) end)

    teardown(function() assert.is_true(open) end)
  end)
end)
