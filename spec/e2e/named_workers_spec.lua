-- Workers by name: calls between threads, what is copied, what is raised, who may wait for whom, and their end.

local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

local MODULE = [[
  local luaws = require "luaws"
  local m = {}
  function m.add(a, b) return a + b end
  function m.echo(...) return ... end
  function m.count(...) return select("#", ...) end
  function m.who() return luaws.workerName, luaws.workerIndex, tostring(_G):match "0x.*" end
  function m.set(value) global = (global or 0) + value return global end
  function m.say(...) print(...) end
  function m.fail(value) error(value) end
  function m.failDeep() local function inner() error "deep" end inner() return 1 end
  function m.odd() return 1, print end
  function m.sleep(seconds) return luaws.sleep(seconds) end
  function m.slowly(text)
    luaws.callWorker("main", "begun")
    print("begin " .. text)
    luaws.sleep(0.02)
    print("end " .. text)
  end
  function m.types(t) return math.type(t.i), math.type(t.f), t.nan ~= t.nan, 1 / t.zero end
  function m.ask(chain, ...)
    if #chain == 0 then return ... end
    return luaws.askWorker(table.remove(chain, 1), "m.ask", chain, ...)
  end
  function m.late(seconds, name)
    luaws.callWorker("main", "own.begun")
    luaws.sleep(seconds)
    print(pcall(luaws.askWorker, name, "m.add", 1, 2))
  end
  function m.kill(name) luaws.killWorker(name) print "goes on" return "answered" end
  function m.exit(code) luaws.exit(code) end
  function m.onError() luaws.onError = function(event) print("onError", event.errors[1].message) end end
  function m.compute(seconds) local start = os.clock() repeat until os.clock() - start > seconds end
  function m.hoard() local t = {} repeat t[#t + 1] = #t .. ("x"):rep(10000) until nil end
  function m.forever() luaws.every(60, print) end
  function m.spin(path) print "spins" repeat until os.remove(path) end
  return m
]]

local FILES = {
  ["m.lua"] = MODULE,
  ["whole.lua"] = "return function(...) return 'whole', ... end",
  ["deep/tool.lua"] = "return { twice = function(n) return 2 * n end }",
  ["deep/whole.lua"] = "return function() return 'deep whole' end",
  ["bad.lua"] = "local x = = 1",
  ["raises.lua"] = "error 'not today'",
  ["number.lua"] = "return 7",
}

local function run(script, options)
  options = options or {}
  options.files = FILES
  local child = server.run("local luaws = require 'luaws' " .. script, options)
  assert.equal(options.code or 0, child.code, child.stderr)
  return child
end

-- Where a sanitizer may make things slow, which the log warns of.
local SLOW = { timeout = 120, args = { "--log-level", "error" } }

-- For ThreadSanitizer: a process that ends at once joins no threads.
local LEAVES_THREADS = (os.getenv("TSAN_OPTIONS") or "") .. ":report_thread_leaks=0"

-- What a script prints whose log is empty.
local function printed(script, options)
  local child = run(script, options)
  assert.equal("", child.stderr)
  return child.stdout
end

local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

describe("a worker by name", function()
  it("has a Lua state and a name of its own, and no index", function()
    local list = lines(printed [[
      local _, _, own = luaws.askWorker("a", "m.who")
      for _, name in ipairs { "a", "b" } do print(luaws.askWorker(name, "m.who")) end
      print(luaws.askWorker("a", "m.who"))
      print(luaws.workerName, luaws.workerIndex)
    ]])
    assert.matches("^a\tnil\t0x", list[1])
    assert.matches("^b\tnil\t0x", list[2])
    assert.equal(list[1], list[3])
    assert.are_not.equal(list[1]:match "0x.*", list[2]:match "0x.*")
    assert.equal("main\t1", list[4])
  end)

  it("keeps its globals from call to call", function()
    assert.equal("1\n3\n10\nnil\n", printed [[
      print(luaws.askWorker("a", "m.set", 1))
      print(luaws.askWorker("a", "m.set", 2))
      print(luaws.askWorker("b", "m.set", 10))
      print(global)
    ]])
  end)

  it("carries calls out one at a time, in their order, also when they wait", function()
    local expected = {}
    for i = 1, 5 do expected[i] = ("begin %d\nend %d\n"):format(i, i) end
    assert.equal(table.concat(expected), printed [[
      package.loaded.begun = function() end
      for i = 1, 5 do assert(luaws.callWorker("a", "m.slowly", tostring(i)) == true) end
    ]])
  end)

  it("runs beside the script, which serves its other tasks while one asks", function()
    assert.equal("task\nspins\n3\n", printed [[
      local file = arg[0] .. ".go"
      luaws.spawn(function()
        print "task"
        luaws.sleep(0.05)
        io.open(file, "w"):close()
      end)
      luaws.askWorker("a", "m.spin", file)
      print(luaws.askWorker("a", "m.add", 1, 2))
    ]])
  end)

  it("may compute, or block, for as long as it takes: the log doesn't mind", function()
    if async.seconds(1) > 1 then pending("ThreadSanitizer holds signals back") end
    assert.equal("done\n", printed [[
      local left = 2
      luaws.spawn(function() assert(luaws.askWorker("a", "os.execute", "sleep 2.3")) left = left - 1 end)
      luaws.spawn(function() luaws.askWorker("b", "m.compute", 1.3) left = left - 1 end)
      repeat luaws.sleep(0.05) until left == 0
      print "done"
    ]])
  end)

  it("finds modules beside the script, loaded when they are called", function()
    assert.equal("3\nwhole\t1\tnil\n8\ndeep whole\naaa\n", printed [[
      print(luaws.askWorker("a", "m.add", 1, 2))
      print(luaws.askWorker("a", "whole", 1, nil))
      print(luaws.askWorker("a", "deep.tool.twice", 4))
      print(luaws.askWorker("a", "deep.whole"))
      print(luaws.askWorker("a", "string.rep", "a", 3))
    ]])
  end)

  it("says what is wrong with a target", function()
    local text = printed [[
      for _, name in ipairs { "none", "none.f", "m.none", "bad.f", "bad", "raises.f", "number", "m.add.x", "." } do
        print((select(2, pcall(luaws.askWorker, "a", name))))
      end
    ]]
    local list = lines(text:gsub("\n%s+[^\n]*", ""):gsub("\nstack traceback[^\n]*", ""))
    assert.matches("there is no module 'none'", list[1])
    assert.matches("there is no module 'none', nor 'none%.f'", list[2])
    assert.matches("module 'm' has no function 'none'", list[3])
    assert.matches("bad%.lua:1: unexpected symbol near '='", text)
    assert.matches("raises%.lua:1: not today", text)
    assert.matches("module 'number' is no function, but a number", text)
    assert.matches("there is no module 'm%.add', nor 'm%.add%.x'", text)
    assert.matches("there is no module '%.'", text)
  end)

  it("is found under any name that is text", function()
    assert.equal("3\n3\n", printed [[
      print(luaws.askWorker("ein Wörker, with blanks", "m.add", 1, 2))
      print(luaws.askWorker(("x"):rep(100), "m.add", 1, 2))
    ]])
    local list = lines(printed [[
      for _, name in ipairs { "", ("x"):rep(101), "a\0b", "\xff", 7, {} } do
        print((select(2, pcall(luaws.callWorker, name, "m.add"))))
      end
      print((select(2, pcall(luaws.callWorker))))
      print((select(2, pcall(luaws.callWorker, "a"))))
      print((select(2, pcall(luaws.killWorker, 7))))
    ]])
    assert.equal(9, #list)
    for _, line in ipairs(list) do assert.matches("script%.lua:%d+: luaws%.%a+Worker: ", line) end
  end)

  it("can be the script's own", function()
    assert.equal("called\nfrom a\tmain\n1\n", printed [[
      function called() end
      package.loaded.own = { say = function(...) print(...) end, index = function() return luaws.workerIndex end }
      luaws.callWorker("main", "own.say", "called")
      luaws.sleep(0.01)
      luaws.callWorker("a", "m.say", "from a", "main")
      print((luaws.askWorker("a", "m.count", 1)))
    ]])
  end)

  it("called main is the first of several", function()
    local child = run([[
      package.loaded.own = { say = function(from) print(from .. " calls " .. luaws.workerIndex) end }
      luaws.callWorker("main", "own.say", luaws.workerIndex)
      if luaws.workerIndex == 1 then luaws.sleep(0.1) end
    ]], { workers = 3 })
    local list = lines(child.stdout)
    table.sort(list)
    assert.same({ "1 calls 1", "2 calls 1", "3 calls 1" }, list)
  end)
end)

describe("what is copied", function()
  it("arrives as it was", function()
    assert.equal("same\n", printed [[
      local text = ("a\0\xff"):rep(1000)
      local values = { true, false, 0, -1, math.maxinteger, math.mininteger, 0.1, 1e300, -0.0, math.huge, "", text }
      local copies = { luaws.askWorker("a", "m.echo", table.unpack(values)) }
      for i, value in ipairs(values) do
        assert(copies[i] == value and math.type(copies[i]) == math.type(value), i)
      end
      assert(1 / copies[9] == -math.huge)
      local t = luaws.askWorker("a", "m.echo", { 1, 2, nil, 4, x = { y = { [true] = "z", [1.5] = 0 } }, [-1] = {} })
      assert(t[1] == 1 and t[3] == nil and t[4] == 4 and t.x.y[true] == "z" and t.x.y[1.5] == 0 and next(t[-1]) == nil)
      print "same"
    ]])
    assert.equal("integer\tfloat\ttrue\t-inf\n", printed [[
      print(luaws.askWorker("a", "m.types", { i = 3, f = 3.0, nan = 0 / 0, zero = -0.0 }))
    ]])
  end)

  it("keeps trailing nils, and nothing is nothing", function()
    assert.equal("3\t4\t0\t0\n", printed [[
      print(luaws.askWorker("a", "m.count", nil, 1, nil), select("#", luaws.askWorker("a", "m.echo", 1, nil, nil, nil)),
        luaws.askWorker("a", "m.count"), (select("#", luaws.askWorker("a", "m.echo"))))
    ]])
  end)

  it("holds null, arrays and blobs", function()
    assert.equal('[]\t{}\tnull\tblob\ta\0b\n', printed [[
      local e = luaws.json.encode
      local array, object, null, blob = luaws.askWorker("a", "m.echo", luaws.array(), {}, luaws.null, luaws.blob "a\0b")
      print(e(array), e(object), e(null), getmetatable(blob).__name, tostring(blob))
      assert(null == luaws.null)
    ]])
  end)

  it("holds a table twice that occurs twice, and in itself", function()
    assert.equal("true\ttrue\ttrue\n", printed [[
      local shared = { 1 }
      local t = { shared, shared }
      t.self = t
      local copy, other = luaws.askWorker("a", "m.echo", t, shared)
      print(copy[1] == copy[2], copy.self == copy, other == copy[1])
    ]])
  end)

  it("leaves metatables behind", function()
    assert.equal("ann\tnil\n", printed [[
      local Person = luaws.class "Person"
      function Person:constructor(name) self.name = name end
      function Person:hello() end
      local copy = luaws.askWorker("a", "m.echo", Person.new "ann")
      print(copy.name, copy.hello)
    ]])
  end)

  it("is refused, at the caller's line, when it is nothing to copy", function()
    local list = lines(printed([[
      local co = coroutine.create(print)
      local deep = {}
      for _ = 1, 200 do deep = { deep } end
      for _, value in ipairs {
        { print }, { 1, { callbacks = { 1, 2, print } } }, { io.stdout }, { luaws.webServer }, { co },
        { { [print] = 1 } },
        { { ["a key"] = { [2^53] = { [true] = co } } } }, { deep }, { ("x"):rep(64 << 20) },
      } do
        local ok, message = pcall(luaws.callWorker, "a", "m.echo", table.unpack(value))
        print(ok, message)
      end
    ]], SLOW))
    for i, expected in ipairs {
      "argument 1 is a function, which can't be copied",
      "argument 2.callbacks[3] is a function, which can't be copied",
      "argument 1 is a FILE*, which can't be copied",
      "argument 1 is a WebServer, which can't be copied",
      "argument 1 is a thread, which can't be copied",
      "argument 1 has a key that is no string, number or boolean, which can't be copied",
      "argument 1[string 'a key'][9007199254740992][true] is a thread",
      "argument 1[1][1][1][1][1][1][1][1]... lies too deep",
      "argument 1 makes it larger than 64 MiB",
    } do
      assert.matches("^false\t[^\n]*script%.lua:%d+: luaws%.callWorker: ", list[i])
      assert.truthy(list[i]:find(expected, 1, true), list[i])
    end
  end)

  it("may be much", function()
    if build.isTiny then pending("a million entries with the collector always on") end
    assert.equal("1000000\t1000000\n", printed([[
      local t = {}
      for i = 1, 1000000 do t[i] = i end
      local copy = luaws.askWorker("a", "m.echo", t)
      print(#copy, copy[1000000])
    ]], SLOW))
  end)

  it("is refused on the way back, too", function()
    local list = lines(printed [[ print(pcall(luaws.askWorker, "a", "m.odd")) ]])
    assert.matches("^false\t.*script%.lua:1: luaws%.askWorker: m%.odd in worker 'a': result 2 is a function", list[1])
  end)
end)

describe("an error in a call", function()
  it("is raised in who asks, with the traceback from there", function()
    local text = printed [[
      local ok, message = pcall(luaws.askWorker, "a", "m.failDeep")
      print(ok, message)
    ]]
    assert.matches("^false\t[^\n]*m%.lua:10: deep\nstack traceback %(worker 'a'%):\n\t[^\n]*m%.lua:10: in ", text)
    assert.matches("m%.lua:10: in function 'm%.failDeep'\n", text)
    assert.falsy(text:find("luaws/", 1, true))
  end)

  it("keeps the tracebacks of both when nobody catches it", function()
    local child = run([[
      local function asks() luaws.askWorker("a", "m.failDeep") end
      asks()
    ]], { code = 1 })
    local both = "deep\nstack traceback %(worker 'a'%):\n.*\nstack traceback:\n.*script%.lua:1: in .*'asks'"
    assert.matches(both, child.stderr)
  end)

  it("may be a table, or any other value", function()
    assert.equal("5\tstring\tmine\nnil\n42\ntrue\n", printed [[
      local _, e = pcall(luaws.askWorker, "a", "m.fail", { code = 5 })
      local _, other = pcall(luaws.askWorker, "a", "m.fail", { traceback = "mine" })
      print(e.code, type(e.traceback), other.traceback)
      print((select(2, pcall(luaws.askWorker, "a", "m.fail", nil))))
      print((select(2, pcall(luaws.askWorker, "a", "m.fail", 42))))
      print((select(2, pcall(luaws.askWorker, "a", "m.fail", true))))
    ]])
  end)

  it("that can't be copied is described, whatever its __tostring does", function()
    local child = server.run([[
      local luaws = require "luaws"
      print(pcall(luaws.askWorker, "a", "odd.fail"))
      print(pcall(luaws.askWorker, "a", "odd.failBadly"))
    ]], { files = { ["odd.lua"] = [[
      local odd = {}
      function odd.fail() error(setmetatable({ print }, { __tostring = function() return "odd one" end })) end
      function odd.failBadly()
        error(setmetatable({ code = 7, print }, { __tostring = function() error "worse" end }))
      end
      return odd
    ]] } })
    assert.matches("^false\todd one\nstack traceback %(worker 'a'%)", child.stdout)
    assert.matches("\nfalse\t%(error object is a table value whose __tostring is broken { code = 7 }%)\n"
      .. "stack traceback %(worker 'a'%):\n[^\n]*odd%.lua:4: in", child.stdout)
    assert.equal("", child.stderr)
  end)

  it("for want of memory says whose", function()
    local child = run([[
      print(pcall(luaws.askWorker, "a", "m.hoard"))
      print(luaws.askWorker("a", "m.add", 1, 2))
    ]], { args = { "--memory-limit", "16M" }, timeout = 60 })
    assert.matches("^false\t[^\n]*script%.lua:1: luaws%.askWorker: m%.hoard in worker 'a': not enough memory\n3\n$",
      child.stdout)
  end)

  it("that nobody asked for goes to the log, and to luaws.onError of that worker", function()
    local child = run [[
      luaws.askWorker("a", "m.onError")
      luaws.onError = function() print "wrong" end
      luaws.callWorker("a", "m.fail", "oh no")
      luaws.callWorker("a", "none.there")
    ]]
    local list = lines(child.stdout)
    assert.matches("^onError\t.*m%.lua:9: oh no$", list[1])
    assert.matches("^onError\t.*there is no module 'none'", list[2])
    assert.matches("error callWorker, worker a\n[^\n]*m%.lua:9: oh no\n", child.stderr)
    assert.matches("error callWorker, worker a\n[^\n]*there is no module 'none'", child.stderr)
    assert.equal(2, #list)
  end)
end)

describe("recursion between workers", function()
  it("is an error that names who waits for whom", function()
    local list = lines(printed([[
      local function try(...) print((select(2, pcall(luaws.askWorker, ...)):match "^[^\n]*")) end
      try("main", "m.add", 1, 2)
      try("a", "m.ask", { "a" })
      try("a", "m.ask", { "b", "a" })
      try("a", "m.ask", { "b", "main" })
      print(luaws.askWorker("a", "m.ask", { "b", "c", "d" }, "through"))
    ]]))
    assert.matches("script%.lua:1: luaws%.askWorker: worker 'main' would wait for itself: main %-> main$", list[1])
    assert.matches("worker 'a' would wait for itself: main %-> a %-> a$", list[2])
    assert.matches("worker 'a' would wait for itself: main %-> a %-> b %-> a$", list[3])
    assert.matches("worker 'main' would wait for itself: main %-> a %-> b %-> main$", list[4])
    assert.equal("through", list[5])
  end)

  it("is one also where two ask each other at the same time", function()
    for _ = 1, 5 do
      local list = lines(printed([[
        local left = 2
        for _, pair in ipairs { { "a", "b" }, { "b", "a" } } do
          luaws.spawn(function()
            local ok, why = pcall(luaws.askWorker, pair[1], "m.ask", { pair[2] }, "fine")
            print(ok and why or why:match "[^\n]*")
          end)
        end
      ]]))
      assert.equal(2, #list)
      table.sort(list)
      assert.equal("fine", list[2])
      local isCircle = list[1]:match "each would wait for the other: [ab] %-> [ab] %-> [ab]$"
      assert.truthy(list[1] == "fine" or isCircle, list[1])
    end
  end)

  -- The new a begins when the old one's call is over, which waits for b, whose call waits for the new a. Who comes
  -- last is told.
  it("is found as well through a worker that takes a killed one's place", function()
    local list = lines(printed [[
      luaws.await(function(done)
        package.loaded.own = { begun = done }
        luaws.callWorker("a", "m.late", 0.1, "b")
      end)
      luaws.killWorker("a")
      luaws.callWorker("b", "m.late", 0, "a")
      luaws.sleep(0.01)
    ]])
    table.sort(list)
    assert.equal(2, #list)
    assert.matches("^false\t[^\n]*each would wait for the other: [ab] %-> [ab] %-> [ab]", list[1])
    assert.equal("true\t3", list[2])
  end)

  it("by a call that waits for nothing is none", function()
    assert.equal("main\n", printed [[
      package.loaded.own = { back = function() print "main" end }
      package.loaded.m = nil
      luaws.callWorker("main", "own.back")
      luaws.sleep(0.01)
    ]])
  end)
end)

describe("killWorker", function()
  it("lets the present call finish, drops the others, and tells who asks", function()
    local child = run [[
      luaws.await(function(done)
        package.loaded.begun = done
        luaws.callWorker("a", "m.slowly", "first")
        luaws.callWorker("a", "m.say", "dropped")
        luaws.spawn(function()
          print((select(2, pcall(luaws.askWorker, "a", "m.add", 1, 2))))
        end)
      end)
      luaws.killWorker("a")
    ]]
    local list = lines(child.stdout)
    table.sort(list)
    assert.same({ "begin first", "end first" }, { list[2], list[3] })
    assert.matches("script%.lua:%d+: luaws%.askWorker: worker 'a' has not answered: it was killed$", list[1])
    assert.equal(3, #list)
    assert.matches("warn  worker 'a': 1 call that waited for it is dropped: it was killed", child.stderr)
  end)

  it("ends timers and tasks; a call right after it finds a new worker", function()
    assert.equal("1\nbegin x\nend x\n1\n", printed [[
      print(luaws.askWorker("a", "m.set", 1))
      luaws.askWorker("a", "m.forever")
      luaws.await(function(done)
        package.loaded.begun = done
        luaws.callWorker("a", "m.slowly", "x")
      end)
      luaws.killWorker("a")
      print(luaws.askWorker("a", "m.set", 1))
      luaws.killWorker("a")
    ]])
  end)

  it("does nothing for an unknown name, nor twice", function()
    assert.equal("3\n", printed [[
      luaws.killWorker("nobody")
      luaws.askWorker("a", "m.add", 1, 2)
      luaws.killWorker("a")
      luaws.killWorker("a")
      print(luaws.askWorker("a", "m.add", 1, 2))
    ]])
  end)

  it("of itself, or by its own name, lets a call finish and be answered", function()
    assert.equal("goes on\nanswered\n1\ngoes on\nanswered\n", printed [[
      luaws.askWorker("a", "m.set", 1)
      print(luaws.askWorker("a", "m.kill"))
      print(luaws.askWorker("a", "m.set", 1))
      print(luaws.askWorker("a", "m.kill", "a"))
    ]])
  end)

  it("of the script ends the program", function()
    for _, call in ipairs {
      [[luaws.killWorker()]], [[luaws.killWorker "main"]], [[luaws.askWorker("a", "m.kill", "main")]],
    } do
      local child = run("luaws.every(60, print) " .. call)
      assert.equal("", child.stderr)
    end
  end)

  it("while others call loses no answer", function()
    local text = printed([[
      local answered, killed, left = 0, 0, 8
      for i = 1, 8 do
        luaws.spawn(function()
          for _ = 1, 100 do
            local ok, why = pcall(luaws.askWorker, "a", "m.add", 1, i)
            if ok then answered = answered + 1
            else killed = killed + 1 assert(why:find("it was killed", 1, true), why) end
          end
          left = left - 1
        end)
      end
      while left > 0 do luaws.sleep(0.001) luaws.killWorker("a") end
      print(answered + killed)
    ]], { timeout = 90 })
    assert.equal("800\n", text)
  end)
end)

describe("the end of the program", function()
  it("comes when no worker has anything left, not before", function()
    local child = server.run([[ require("luaws").callWorker("a", "later.start") ]], { files = { ["later.lua"] = [[
      local luaws = require "luaws"
      return { start = function() luaws.after(0.05, function() luaws.callWorker("b", "later.say") end) end,
               say = function() print "later" end }
    ]] } })
    assert.same({ 0, "later\n", "" }, { child.code, child.stdout, child.stderr })
  end)

  it("is that of all workers by luaws.exit in any of them, with its code", function()
    run([[
      luaws.callWorker("b", "m.forever")
      luaws.callWorker("a", "m.exit", 9)
      luaws.every(60, print)
    ]], { code = 9 })
  end)

  it("comes when the script fails", function()
    local child = run([[ luaws.askWorker("a", "m.forever") error "oh no" ]], { code = 1 })
    assert.matches("oh no", child.stderr)
  end)

  it("doesn't wait for calls that wait", function()
    local s = server.start([[
      luaws.spawn(function() say(pcall(luaws.askWorker, "a", "m.sleep", 600)) end)
      luaws.await(function(done)
        package.loaded.own = { begun = done }
        luaws.callWorker("b", "m.late", 600, "a")
        luaws.callWorker("b", "m.add", 1)
      end)
      serve({ onMessage = function() end })
    ]], { files = FILES })
    s:stop()
    assert.matches("worker 'b': 1 call that waited for it is dropped: luaws is shutting down", s.stderr)
  end)

  it("comes when a call that computes has returned", function()
    local s = server.start([[
      luaws.callWorker("a", "m.spin", arg[0] .. ".go")
      serve({ onMessage = function() end })
    ]], { files = FILES })
    s:expectLines("spins")
    s:signalProcess("sigterm")
    s:release()
    assert.equal(0, (s:awaitExit()))
  end)

  it("names who holds it up, and lets a signal have its way", function()
    local s = server.start([[
      luaws.callWorker("b", "m.add", 1, 2)
      luaws.callWorker("stuck", "m.spin", arg[0] .. ".go")
      serve({ onMessage = function() luaws.exit(3) end })
    ]], { files = FILES, env = { TSAN_OPTIONS = LEAVES_THREADS } })
    s:expectLines("spins")
    local c = client.open(s, "/")
    c:send("exit")
    c:expectClose(1001)
    s:awaitLog("luaws has not ended yet: worker 'stuck' (SIGTERM exits at once)", 30)
    s:signalProcess("sigterm")
    assert.equal(143, (s:awaitExit()))
  end)

  it("may find a worker that is being killed", function()
    for _ = 1, 10 do
      run [[
        luaws.callWorker("a", "m.forever")
        luaws.callWorker("a", "m.sleep", 600)
        luaws.killWorker "a"
        luaws.callWorker("a", "m.forever")
        luaws.exit()
      ]]
    end
  end)
end)

describe("what waits for a worker", function()
  it("is bounded: then it takes no further call", function()
    local child = run([[
      local file = arg[0] .. ".go"
      luaws.callWorker("a", "m.spin", file)
      local text, taken = ("x"):rep(1 << 20), 0
      while luaws.callWorker("a", "m.count", text) do taken = taken + 1 end
      print(taken, select(2, luaws.callWorker("a", "m.count", text)))
      print(pcall(luaws.askWorker, "a", "m.count", 1))
      io.open(file, "w"):close()
      repeat luaws.sleep(0.01) until luaws.callWorker("a", "m.count")
      print "taken again"
    ]], { timeout = 90 })
    local list = lines(child.stdout)
    table.sort(list)
    assert.matches("^6[345]\tbusy: calls of 64 MiB wait for worker 'a'$", list[1])
    assert.matches("^false\t.*script%.lua:6: luaws%.askWorker: busy: calls of 64 MiB wait for worker 'a'$", list[2])
    assert.same({ "spins", "taken again" }, { list[3], list[4] })
  end)
end)
