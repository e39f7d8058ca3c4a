-- `luaws test`: busted in a worker, its options, its end, and what it makes of specs that misbehave. What specs find
-- in luaws.testing is in testing_spec.lua.

local uv = require "luv"
local build = require "spec.support.build"
local server = require "spec.support.server"
local trial = require "spec.support.trial"
local readFile = require("spec.support.files").read

describe("luaws test", function()
  it("runs what is in spec, with exit code 0 when all is well", function()
    local run = trial.run [[ it("is", function() assert.equal(1, 1) end) ]]
    trial.counts(run, 1, 0, 0)
    assert.equal(0, run.code)
    assert.equal("", run.stderr)
  end)

  it("has exit code 1 when a test fails", function()
    local run = trial.run [[
      it("is", function() end)
      it("is not", function() assert.equal("this", "that") end)
    ]]
    trial.counts(run, 1, 1, 0)
    trial.has(run, "spec/a_spec.lua:3: Expected objects to be equal")
    assert.equal(1, run.code)
  end)

  it("lets tests, hooks and all that they call wait", function()
    local run = trial.run [[
      local waited = {}
      local function wait(name) luaws.sleep(0.001) table.insert(waited, name) end
      wait "file"
      describe("a", function()
        wait "describe"
        setup(function() wait "setup" end)
        teardown(function() wait "teardown" end)
        lazy_setup(function() wait "lazy setup" end)
        before_each(function() wait "before" end)
        after_each(function() wait "after" end)
        it("waits", function()
          finally(function() wait "finally" end)
          assert.has_error(function() wait "has_error" error "x" end)
          local s = spy.new(function() wait "spy" end)
          s()
          pcall(wait, "pcall")
          wait "test"
          assert.spy(s).was.called()
        end)
      end)
      it("comes last", function()
        assert.same({ "file", "describe", "setup", "lazy setup", "before", "has_error", "spy", "pcall", "test",
          "finally", "after", "teardown" }, waited)
      end)
    ]]
    trial.counts(run, 2, 0, 0)
  end)

  it("finds modules of the project: in the working directory and above the specs", function()
    local folder = server.folder {
      ["here.lua"] = "return 'here'",
      ["deep/own.lua"] = "return 'own'",
      ["deep/spec/beside.lua"] = "return 'beside'",
      ["deep/spec/a_spec.lua"] = [[
        it("finds", function() assert.equal("here own", require "here" .. " " .. require "own") end)
        it("finds none beside itself", function() assert.has_error(function() require "beside" end) end)
      ]],
    }
    local function test(...) return server.run(nil, { program = { "test", ... }, cwd = folder }) end
    assert.equal(1, test().code) -- there is no folder spec
    trial.counts(test "deep/spec", 2, 0, 0)
    trial.counts(test "deep/spec/a_spec.lua", 1, 1, 0) -- a file that is named finds what is beside it
  end)

  it("goes on behind a spec file with a syntax error, and tells where that is", function()
    local run = trial.run {
      ["spec/a_spec.lua"] = "it('is', function() end)",
      ["spec/b_spec.lua"] = "it('is', function()\nlocal = 1\nend)",
      ["spec/c_spec.lua"] = "it('is', function() end)",
    }
    trial.counts(run, 2, 0, 1)
    trial.has(run, "spec/b_spec.lua:2: <name> expected near '='")
    assert.equal(1, run.code)
  end)

  it("goes on behind a spec file that raises", function()
    local run = trial.run {
      ["spec/a_spec.lua"] = "error 'at once'",
      ["spec/b_spec.lua"] = "it('is', function() end)",
    }
    trial.counts(run, 1, 0, 1)
    trial.has(run, "spec/a_spec.lua:1: at once")
  end)

  it("ends a test that waits for ever, tells where it waits, and goes on", function()
    local run = trial.run([[
      it("waits", function()
        luaws.await(function() end)
      end)
      it("receives", function()
        testing.server({ onMessage = function() end }):connect():receive()
      end)
      describe("hooks", function()
        before_each(function() luaws.sleep(100) end)
        it("isn't run", function() print "RUN" end)
      end)
      it("goes on", function() luaws.sleep(0.01) end)
    ]], { "--timeout", "0.5" })
    trial.counts(run, 1, 0, 3)
    trial.has(run, "spec/a_spec.lua:3: the test has taken 0.5 s and still waits here (see --timeout)")
    trial.has(run, "spec/a_spec.lua:6: the test has taken 0.5 s")
    trial.has(run, "spec/a_spec.lua:9: before_each has taken 0.5 s")
    assert.falsy(run.stdout:find("RUN", 1, true))
    assert.equal(1, run.code)
  end)

  it("ends what computes for ever: a test, a hook, a handler, a task", function()
    -- (It allocates, so that ThreadSanitizer lets signals through.)
    local run = trial.run([[
      local function compute() while true do ("x"):rep(1000) end end
      it("computes", compute)
      it("computes on", function()
        while true do pcall(compute) end
      end)
      describe("hooks", function()
        before_each(compute)
        it("isn't run", function() print "RUN" end)
      end)
      it("has a handler that computes", function()
        local ann = testing.server({ onMessage = compute }):connect()
        ann:send "x"
        ann:close()
      end)
      it("has a task that computes", function()
        luaws.spawn(compute)
        luaws.sleep(0)
      end)
      it("goes on", function() end)
    ]], { "--timeout", "0.4" })
    trial.counts(run, 1, 0, 5)
    trial.has(run, "spec/a_spec.lua:2: interrupted: it may compute for 0.4 s")
    assert.equal(3, select(2, run.stdout:gsub("spec/a_spec.lua:[25]: interrupted: it may compute for 0.4 s\n", "")))
    trial.has(run, "handler:onMessage, connection")
    trial.has(run, "task: spec/a_spec.lua:2: interrupted: it may compute for 0.4 s (luaws test --timeout)")
    assert.falsy(run.stdout:find("RUN", 1, true))
  end)

  it("gives hooks and tests their time each, and leaves none for the next one", function()
    local run = trial.run([[
      before_each(function() luaws.sleep(0.6) end)
      after_each(function() luaws.sleep(0.6) end)
      it("waits", function() luaws.sleep(0.6) end)
    ]], { "--timeout", "1.5" })
    trial.counts(run, 1, 0, 0)
  end)

  it("takes os.exit and luaws.exit for an error of the test", function()
    local run = trial.run [[
      it("exits", function() os.exit(0) end)
      it("exits", function() luaws.exit(0) end)
      it("exits in a task", function() luaws.spawn(luaws.exit, 0) end)
      it("is", function() end)
    ]]
    trial.counts(run, 1, 0, 3)
    trial.has(run, "os.exit(0) was called")
    trial.has(run, "luaws.exit(0) was called")
    trial.has(run, "task: luaws.exit(0) was called")
    assert.equal(1, run.code)
  end)

  it("says how busted is installed where it isn't", function()
    local run = trial.run("", {}, { env = { LUA_PATH = "./?.lua", LUA_PATH_5_4 = false, HOME = "/nonexistent" } })
    assert.equal(1, run.code)
    assert.truthy(run.stderr:find("luaws test: busted is not installed", 1, true), run.stderr)
    assert.truthy(run.stderr:find("apt-get install lua-busted", 1, true), run.stderr)
    assert.truthy(run.stderr:find("luarocks --lua-version 5.4 install --local busted", 1, true), run.stderr)
    assert.equal("", run.stdout)
  end)

  it("finds busted in ~/.luarocks", function()
    local modules = package.searchpath("busted.runner", package.path):match("^(.*)/busted/runner.lua$")
    local library = package.searchpath("lfs", package.cpath):match("^(.*)/lfs.so$")
    local home = server.folder { [".luarocks/share/lua/x"] = "", [".luarocks/lib/lua/x"] = "" }
    assert(uv.fs_symlink(modules, home .. "/.luarocks/share/lua/5.4"))
    assert(uv.fs_symlink(library, home .. "/.luarocks/lib/lua/5.4"))
    local run = trial.run([[ it("is", function() end) ]], {}, {
      env = { LUA_PATH = "./?.lua", LUA_CPATH = "./?.so", LUA_PATH_5_4 = false, LUA_CPATH_5_4 = false, HOME = home },
    })
    trial.counts(run, 1, 0, 0)
  end)

  it("has the options of busted", function()
    local specs = {
      ["spec/a_spec.lua"] = "it('one #quick', function() end) it('two', function() error 'x' end)",
      ["other/b_test.lua"] = "it('three', function() end)",
      ["helper.lua"] = "print 'helped'",
      ["spec/c_spec.lua"] = "it('waits', function() require('luaws').sleep(0.001) end)",
    }
    local function expect(words, successes, failures, errors, ...)
      local run = trial.run(specs, words)
      if successes then trial.counts(run, successes, failures, errors) end
      for _, text in ipairs { ... } do trial.has(run, text) end
    end
    expect({ "--filter", "one" }, 1, 0, 0)
    expect({ "--filter-out=two" }, 2, 0, 0)
    expect({ "-t", "quick" }, 1, 0, 0)
    expect({ "--repeat", "3", "--filter=one" }, 1, 0, 0, "run 3 of 3")
    expect({ "--shuffle", "--seed", "7" }, 2, 0, 1)
    expect({ "-p", "_test", "other" }, 1, 0, 0)
    expect({ "--helper", "helper.lua", "--filter", "one" }, 1, 0, 0, "helped")
    expect({ "-C", "other", "-p", "_test", "." }, 1, 0, 0)
    expect({ "--list" }, nil, nil, nil, "one #quick", "two")
    expect({ "-o", "TAP" }, nil, nil, nil, "ok 1 - one #quick", "not ok 2 - two", "ok 3 - waits")
    expect({ "-o", "json" }, nil, nil, nil, '"successes":[{')
    expect({ "--no-keep-going", "--sort" }, 1, 0, 1)
  end)

  it("reads .busted", function()
    local run = trial.run {
      [".busted"] = "return { _all = { timeout = 0.2, lua = 'none' }, "
        .. "default = { ROOT = { 'checks' }, pattern = '%.lua' } }",
      ["checks/a.lua"] = "it('waits', function() require('luaws').sleep(10) end)",
    }
    trial.counts(run, 0, 0, 1)
    trial.has(run, "the test has taken 0.2 s")
  end)

  it("refuses options that there are none of, and tells which there are", function()
    local run = trial.run("", { "--nonsense" })
    assert.equal(1, run.code)
    assert.truthy(run.stderr:find("nonsense", 1, true), run.stderr)
    run = trial.run("", { "--timeout", "soon" })
    assert.equal(1, run.code)
    assert.truthy(run.stderr:find("luaws test: --timeout wants seconds, got 'soon'", 1, true), run.stderr)
    run = trial.run("", { "--help" })
    for _, text in ipairs { "luaws test [", "--timeout=SECONDS", "--filter=PATTERN" } do
      assert.truthy((run.stdout .. run.stderr):find(text, 1, true), run.stdout .. run.stderr)
    end
  end)

  it("ends by SIGINT with busted's summary: the test that runs fails, hooks are run, the others aren't", function()
    local files = { ["spec/a_spec.lua"] = trial.HEAD .. [[
      after_each(function() luaws.sleep(0.001) print "after" end)
      it("is", function() end)
      it("waits", function() print "waiting" io.stdout:flush() luaws.sleep(100) end)
      it("isn't run", function() print "RUN" end)
    ]] }
    for signal, code in pairs { sigint = 130, sigterm = 143, sighup = 129 } do
      local run = server.launch({ "test", "-o", "plainTerminal" }, { cwd = server.folder(files) })
      repeat until run:line():find("waiting", 1, true)
      run:signalProcess(signal)
      assert.equal(code, (run:awaitExit()))
      trial.counts(run, 1, 0, 1)
      trial.has(run, "spec/a_spec.lua:4: interrupted")
      assert.equal(2, select(2, run.stdout:gsub("after", "")))
      assert.falsy(run.stdout:find("RUN", 1, true))
    end
  end)

  it("ends by SIGINT what computes, too", function()
    local run = server.launch({ "test", "-o", "plainTerminal" }, { cwd = server.folder { ["spec/a_spec.lua"] = [[
      after_each(function() print "after" end)
      it("computes", function() print "computing" io.stdout:flush() while true do local _ = {} end end)
      it("isn't run", function() print "RUN" end)
    ]] } })
    repeat until run:line():find("computing", 1, true)
    run:signalProcess("sigint")
    assert.equal(130, (run:awaitExit()))
    trial.counts(run, 0, 0, 1)
    trial.has(run, "spec/a_spec.lua:2: interrupted")
    trial.has(run, "after")
    assert.falsy(run.stdout:find("RUN", 1, true))
  end)

  it("isn't held up by a worker by name that computes for ever, whose end is told", function()
    local run = trial.run {
      ["spin.lua"] = "return function() print 'spinning' io.stdout:flush() while true do local _ = {} end end",
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        it("calls", function() luaws.callWorker("spinner", "spin") luaws.callWorker("spinner", "spin") end)
      ]],
    }
    assert.equal(0, run.code)
    trial.counts(run, 1, 0, 0)
    assert.matches("error callWorker, worker spinner\n  %S*spin.lua:1: interrupted\n", run.stderr)
  end)

  it("keeps what luaws logs for the tests that fail, and shows it as it comes with -v", function()
    local spec = [[
      it("warns and passes", function() luaws.log.warn "unseen" end)
      it("warns and fails", function() luaws.log.warn "seen" error "x" end)
    ]]
    local run = trial.run(spec)
    assert.equal("", run.stderr)
    assert.falsy(run.stdout:find("unseen", 1, true))
    assert.truthy(run.stdout:find("Logged:\n  [%d:.]+ warn  seen"), run.stdout)
    run = trial.run(spec, { "-v" })
    assert.truthy(run.stderr:find("unseen", 1, true), run.stderr)
  end)

  it("runs luacov where it is installed, which sees handlers, timers, tasks and their coroutines", function()
    local run = trial.run("it('is', function() end)", { "--coverage" })
    local isThere = run.code == 0
    assert.truthy(isThere or (run.stdout .. run.stderr):find("LuaCov not found", 1, true), run.stdout .. run.stderr)
    -- Does what luacov does: has a hook in the coroutine in which it is called.
    local runner = [[
      local seen = {}
      return setmetatable({ configuration = { exclude = {} } }, { __call = function()
        debug.sethook(function(_, line)
          if seen[line] or not debug.getinfo(2, "S").source:find "covered" then return end
          seen[line] = true
          io.write("seen ", line, "\n")
        end, "l")
      end })]]
    run = trial.run({
      ["luacov/runner.lua"] = runner,
      ["covered.lua"] = [[
        local luaws = require "luaws"
        local Handler = {}
        function Handler:onMessage(ws)
          luaws.after(0,
            function() luaws.spawn(function()
              ws:send "sent"
            end)
          end)
          if not ws then
            error "not seen"
          end
        end
        return Handler]],
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        it("is covered", function()
          for _ = 1, 3 do
            local ws = testing.connection(require "covered")
            ws:deliver "x"
            assert.sent(ws, "sent")
          end
        end)]],
    }, { "--coverage" })
    assert.equal(0, run.code, run.stdout .. run.stderr)
    trial.has(run, "seen 6\n")
    assert.falsy(run.stdout:find("seen 10\n", 1, true))
  end)

  it("takes a yield outside all coroutines for an error of the test", function()
    local run = trial.run [[
      it("yields", function() coroutine.yield() end)
      it("yields within", function()
        local co = coroutine.wrap(function() return coroutine.yield(5) end)
        assert.equal(5, co())
      end)
    ]]
    assert.equal(1, run.code)
    trial.counts(run, 1, 0, 1)
    trial.has(run, "spec/a_spec.lua:2: coroutine.yield outside a coroutine of the test's own")
  end)

  it("names the file that leaves something running at its end", function()
    local run = trial.run [[ luaws.every(1, print) it("is", function() end) ]]
    trial.has(run, "Error -> spec/a_spec.lua @ 1\nsuite spec/a_spec.lua\n"
      .. "spec/a_spec.lua:1: this is still running at the end:\n  timer started at spec/a_spec.lua:2")
  end)

  it("leaves its own functions out of the tracebacks of -v", function()
    local run = trial.run([[
      it("fails", function()
        local function helper(x) assert.equal(1, x) end
        helper(2)
      end)
      it("spawns", function() luaws.spawn(error, "in a task") end)
    ]], { "-v" })
    trial.has(run, "stack traceback:\n\tspec/a_spec.lua:3: in local 'helper'\n\tspec/a_spec.lua:4: in ")
    assert.falsy(run.stdout:find("\tluaws/", 1, true), run.stdout)
    assert.equal(1, select(2, run.stdout:gsub("stack traceback", "")))
  end)

  it("says the spec's line, not one of luaws's own, of what is used wrongly", function()
    local run = trial.run [[
      it("asks nothing", function() assert.sent(nil, "x") end)
      it("asks what has ended", function()
        local server = testing.server({ onMessage = print })
        server:stop()
        local ok, message = pcall(server.connect, server)
        assert.falsy(ok)
        server:get("/")
      end)
      it("exits", function() os.exit(1) end)
      it("forgets the path", function() testing.server({ onMessage = print }):connect { headers = {} } end)
      it("forgets the slash", function() testing.server({ onMessage = print }):refused "chat" end)
    ]]
    trial.has(run, "spec/a_spec.lua:11: expected a path, which begins with '/', got a table")
    trial.has(run, "spec/a_spec.lua:12: expected a path, which begins with '/', got 'chat'")
    trial.has(run, "spec/a_spec.lua:2: assert.sent: expected a connection of luaws.testing, got a nil")
    trial.has(run, "spec/a_spec.lua:8: the handler has been stopped, as it is at the end of its test")
    trial.has(run, "spec/a_spec.lua:10: os.exit(1) was called")
  end)
end)

describe("the specs of the examples", function()
  it("pass", function()
    if build.isTiny then pending("megabytes, 3 bytes at a time") end
    local run = server.run(nil, { program = { "test", "examples/spec" } })
    assert.equal(0, run.code, run.stdout .. run.stderr)
  end)

  it("are there for each of them", function()
    local scan = uv.fs_scandir("examples")
    for name, kind in function() return uv.fs_scandir_next(scan) end do
      local base = name:match("^(.*)%.lua$")
      if base and kind == "file" then
        local spec = readFile(("examples/spec/%s_spec.lua"):format(base))
        assert.truthy(spec:find("examples/" .. name, 1, true), name)
      end
    end
  end)
end)
