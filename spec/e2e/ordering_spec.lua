-- Waiting: what waits, what goes on meanwhile, and in which order everything is told.

local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

-- A message that is a Lua chunk is run with ws; the handler tells every callback.
local RUNNING = [[
  gates = {}
  function gate(name) luaws.await(function(done) gates[name] = done end) end
  function open(name) local done = gates[name] gates[name] = nil done() end
  local Handler = {}
  Handler.__index = Handler
  function Handler:onMessage(ws, event)
    local code = load("local ws = ... " .. event.data)
    if code then code(ws) else say(event.data) end
  end
  function Handler:onTerminate(ws, event) say("terminate", event.code) end
  function Handler:onError(_, event) say("error", event.errors[1].message) end
  serve(Handler, { closeTimeout = 60 })
]]
local IMPATIENT = RUNNING:gsub("closeTimeout = 60", "closeTimeout = 0.3")

local function text(payload)
  return client.frame({ opcode = client.TEXT, payload = payload })
end

describe("a callback that waits", function()
  it("holds back the next event of its own connection, and of no other", function()
    local s = server.start(RUNNING)
    local a, b = client.open(s, "/"), client.open(s, "/")
    a:write(text("say 'in' gate 'g' say 'out'") .. text("one!") .. text("two!"))
    s:expectLines("in")
    b:send("say 'b goes on' ws:send 'b'")
    assert.equal("b", b:receive())
    s:expectLines("b goes on")
    b:send("open 'g'")
    s:expectLines("out", "one!", "two!")
  end)

  it("still lets the reactor answer its connection's pings", function()
    local s = server.start(RUNNING)
    local a, b = client.open(s, "/"), client.open(s, "/")
    a:send("say 'in' gate 'g' say 'out'")
    s:expectLines("in")
    a:ping("meanwhile")
    b:send("open 'g'")
    s:expectLines("out")
  end)

  it("keeps what arrives meanwhile in order, past a bound in the socket", function()
    if build.isTiny then pending("32 MB, 3 bytes at a time") end
    local s = server.start([[
      local first, count, done = true, 0
      serve({ onMessage = function(_, ws, event)
        if first then first = false say "in" luaws.await(function(d) done = d end) return end
        count = count + 1
        local n = tonumber(event.data:match "^%d+")
        if n ~= count then error("expected " .. count .. ", got " .. n) end
        if count == 320 then ws:send "all" end
      end, onError = function(_, ws, event) ws:send(event.errors[1].message) end }, { path = "/flood" })
      serve({ onMessage = function() done() end }, { path = "/go" })
    ]])
    local c, go = client.open(s, "/flood"), client.open(s, "/go")
    c:send("first")
    s:expectLines("in")
    local filler = ("x"):rep(100 * 1024)
    for i = 1, 320 do c:write(text(i .. " " .. filler)) end -- 32 MB
    -- It stands still when nothing more leaves for a while.
    local left, still = c.stream:get_write_queue_size(), 0
    while still < 10 do
      async.sleep(0.02)
      local now = c.stream:get_write_queue_size()
      still = now == left and still + 1 or 0
      left = now
    end
    assert.is_true(left > 8 * 1024 * 1024, "only " .. left .. " bytes wait at the sender")
    s:assertPeakBelow(20)
    go:send("go")
    assert.equal("all", c:receive(90))
  end)

  it("in onOpen holds back the messages", function()
    local s = server.start([[
      serve({
        onOpen = function() say "open" luaws.sleep(0.05) say "opened" end,
        onMessage = function(_, _, event) say(event.data) end,
      })
    ]])
    client.open(s, "/"):send("message")
    s:expectLines("open", "opened", "message")
  end)

  it("in onTerminate is waited for, and comes after what was told before", function()
    local s = server.start([[
      serve({
        onMessage = function() luaws.sleep(0.05) say "message" end,
        onTerminate = function() luaws.sleep(0.05) say "terminated" end,
      }, nil, { onTerminate = function() say "server" end })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    c:close(1000)
    s:expectLines("message", "terminated")
    s:stop()
    s:expectLines("server")
  end)

  it("gets nil, closed from sleep when its connection ends, and then onTerminate", function()
    local s = server.start(RUNNING)
    local c = client.open(s, "/")
    c:send("say 'in' say(luaws.sleep(60)) say(ws.status)")
    s:expectLines("in")
    c:reset()
    s:expectLines("nil closed")
    assert.truthy(s:line():match("^Clos"))
    s:expectLines("terminate 1006")
  end)

  it("finishes other waits when its connection ends", function()
    local s = server.start(RUNNING)
    local a, b = client.open(s, "/"), client.open(s, "/")
    a:send("say 'in' gate 'g' say 'out'")
    s:expectLines("in")
    a:close(4000)
    b:send("open 'g'")
    s:expectLines("out", "terminate 4000")
  end)

  it("is cancelled by an error closeTimeout after the end of its connection", function()
    local s = server.start(IMPATIENT)
    local c = client.open(s, "/")
    c:send("say 'in' gate 'never' say 'not reached'")
    s:expectLines("in")
    c:close(4000)
    assert.truthy(s:line():match("^error "))
    s:expectLines("terminate 4000")
    client.open(s, "/")
  end)

  it("closes its variables when it is cancelled", function()
    local s = server.start(IMPATIENT)
    local c = client.open(s, "/")
    c:send([[
      local guard <close> = setmetatable({}, { __close = function() say "closed" end })
      say "in"
      gate "never"
    ]])
    s:expectLines("in")
    c:close(4000)
    s:expectLines("closed")
    assert.truthy(s:line():match("^error "))
    s:expectLines("terminate 4000")
  end)

  it("one thousand at once, each in a sleep of its own", function()
    local s = server.start([[
      local asleep, most = 0, 0
      serve({ onMessage = function(_, ws, event)
        asleep = asleep + 1
        most = math.max(most, asleep)
        luaws.sleep(1)
        asleep = asleep - 1
        ws:send(event.data .. " " .. most)
      end })
    ]])
    local clients = {}
    for i = 1, 1000 do clients[i] = client.open(s, "/") end
    attempts.within(7.5, "1,000 sleeps of 1 s", function()
      local most = 0
      local seconds = attempts.time(function()
        for i, c in ipairs(clients) do c:send(tostring(i)) end
        for i, c in ipairs(clients) do
          local number, atOnce = c:receive(90):match("^(%d+) (%d+)$")
          assert.equal(i, tonumber(number))
          most = math.max(most, tonumber(atOnce))
        end
      end)
      return most == 1000 and seconds or math.huge -- the last came before the first was awake
    end)
  end)
end)

describe("waiting", function()
  local function printed(script, options)
    local child = server.run("local luaws = require 'luaws'\n" .. script, options)
    assert.equal(0, child.code, child.stderr)
    return child.stdout
  end

  it("works in the main chunk, tasks and timers", function()
    assert.equal("main\ntask 1 2\ntimer\nend\n", printed([[
      luaws.sleep(0.01)
      print "main"
      luaws.spawn(function(a, b) luaws.sleep(0.01) print("task " .. a .. " " .. b) end, 1, 2)
      luaws.await(function(done)
        luaws.after(0.03, function() luaws.sleep(0.02) print "timer" done() end)
      end)
      print "end"
    ]]))
  end)

  it("works through pcall, xpcall, metamethods, iterators, __close, load and dofile", function()
    local folder = server.folder({ ["part.lua"] = "require('luaws').sleep(0) return 'dofile'" })
    assert.equal("pcall\nxpcall\nindex\ncall\npairs\niterator\nclose\nload\ndofile\nerror false\n", printed(([[
      local function wait(...) luaws.sleep(0) return ... end
      print(select(2, pcall(wait, "pcall")))
      print(select(2, xpcall(wait, debug.traceback, "xpcall")))
      local t = setmetatable({}, {
        __index = function(_, name) return wait(name) end,
        __call = function() return wait "call" end,
        __pairs = function() wait() return next, { pairs = 1 } end,
        __close = function() wait() print "close" end,
      })
      print(t.index)
      print(t())
      for name in pairs(t) do print(name) end
      for name in function(_, last) wait() return not last and "iterator" or nil end do print(name) end
      do local _ <close> = t end
      print(load("require 'luaws'.sleep(0) return 'load'")())
      print(dofile(%q))
      print("error " .. tostring(pcall(function() wait() error "x" end)))
    ]]):format(folder .. "/part.lua")))
  end)

  it("raises below table.sort and string.gsub and in a coroutine of one's own, naming luaws.spawn", function()
    local out = printed([[
      local function wait() luaws.sleep(0) return true end
      print(pcall(table.sort, { 3, 1, 2 }, wait))
      print(pcall(string.gsub, "abc", "b", wait))
      print(pcall(coroutine.wrap(wait)))
      print(coroutine.resume(coroutine.create(function() luaws.await(function() end) end)))
      print(pcall(tostring, setmetatable({}, { __tostring = wait })))
      package.preload.waits = wait
      print(pcall(require, "waits"))
      print "end"
    ]])
    local count = 0
    for line in out:gmatch("[^\n]+") do
      if line:match("^false\t") then
        count = count + 1
        assert.truthy(line:match("luaws%.spawn"), line)
      end
    end
    assert.equal(6, count)
    assert.truthy(out:match("\nend\n$"))
  end)

  it("in a callback raises there too, and the connection goes on", function()
    local s = server.start(RUNNING)
    local c = client.open(s, "/")
    c:send("table.sort({ 2, 1 }, function() luaws.sleep(0) end)")
    assert.truthy(s:line():match("^error .*luaws%.spawn"))
    c:send("coroutine.wrap(function() luaws.sleep(0) end)()")
    assert.truthy(s:line():match("^error .*luaws%.spawn"))
    c:ping()
  end)

  it("by a bare coroutine.yield is an error, and the connection goes on", function()
    local s = server.start(RUNNING)
    local c = client.open(s, "/")
    c:send("coroutine.yield(1) say 'not reached'")
    assert.truthy(s:line():match("^error .*yield"))
    c:ping()
  end)

  it("leaves coroutines of one's own alone", function()
    assert.equal("1\n2\nfalse\ttrue\n3\n", printed([[
      local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
      print(co())
      luaws.sleep(0.01)
      print(co())
      print(select(2, coroutine.running()), coroutine.isyieldable())
      luaws.spawn(function() print(co()) end)
    ]]))
  end)
end)

describe("random waits", function()
  local CLIENTS, MESSAGES = 20, 30

  -- Each message waits in another way, or not at all.
  local WAITS = [[
    local uv = require "luv"
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    local function viaTimer()
      luaws.await(function(done)
        local timer = uv.new_timer()
        timer:start(random(4), 0, function() timer:close() done() end)
      end)
    end
    local waits = {
      function() end,
      function() luaws.sleep(0) end,
      function() luaws.sleep(random(5) / 1000) end,
      function() viaTimer() luaws.sleep(0) end,
      function() luaws.await(function(done) uv.fs_stat("/", done) end) end,
      function() luaws.await(function(done) luaws.spawn(function() luaws.sleep(random(3) / 1000) done() end) end) end,
      function() luaws.askWorker("w" .. random(3), "echo", random(4) / 1000) end,
      function() pcall(function() luaws.sleep(random(3) / 1000) error "oh no" end) end,
    }
    local last, inside = {}, {}
    serve({
      onOpen = function(_, ws) waits[random(#waits) + 1]() last[ws] = 0 end,
      onMessage = function(_, ws, event)
        assert(not inside[ws], "two callbacks of one connection at once")
        inside[ws] = true
        assert(tonumber(event.data) == last[ws] + 1, "out of order")
        waits[random(#waits) + 1]()
        last[ws] = last[ws] + 1
        inside[ws] = nil
        ws:send(event.data)
      end,
      onTerminate = function(_, ws) say(last[ws]) end,
      onError = function(_, ws, event) ws:send(event.errors[1].message) end,
    })
  ]]

  it("keep the order of each connection, and of no other", function()
    local s = server.start(WAITS, { files = { ["echo.lua"] = [[
      local luaws = require "luaws"
      return function(seconds) luaws.sleep(seconds) end
    ]] } })
    local clients, tasks, order = {}, {}, {}
    for i = 1, CLIENTS do clients[i] = client.open(s, "/") end
    for n = 1, MESSAGES do
      for _, c in ipairs(clients) do c:send(tostring(n)) end
    end
    for i, c in ipairs(clients) do
      tasks[i] = async.spawn(function()
        for n = 1, MESSAGES do
          assert.equal(tostring(n), c:receive(90))
          order[#order + 1] = n
        end
        c:close(1000)
      end)
    end
    for _, task in ipairs(tasks) do task:join(120) end
    local turns = 0 -- where one connection was ahead of another
    for i = 2, #order do turns = turns + (order[i] < order[i - 1] and 1 or 0) end
    assert.is_true(turns > 0)
    for _ = 1, CLIENTS do s:expectLines(tostring(MESSAGES)) end
  end)
end)

describe("a callback whose connection ends", function()
  it("has its sleeps and receives return at once, the others in their time", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event)
        if event.data ~= "wait" then return open(event.data) end
        local peer = luaws.WebSocket.new(("%s://127.0.0.1:%d/"):format(arg[1] or "ws", luaws.webServer.port),
          nil, { tls = { insecure = true } })
        peer:opened()
        say "in"
        gate "ended"
        say(luaws.sleep(600))
        say(peer:receive())
        say(luaws.await(function(done) luaws.after(0.01, function() done "awaited" end) end))
        say(luaws.askWorker("a", "string.rep", "a", 3))
        peer:destroy()
      end, onTerminate = function(_, _, event) if event.code == 4001 then say "terminated" end end })
      gates = {}
      function gate(name) luaws.await(function(done) gates[name] = done end) end
      function open(name) gates[name]() end
    ]], { tls = false })
    local a, b = client.open(s, "/"), client.open(s, "/")
    a:send("wait")
    s:expectLines("in")
    a:close(4001)
    b:send("ended")
    s:expectLines("nil closed", "nil closed", "awaited", "aaa", "terminated")
  end)
end)

describe("an error behind waits", function()
  it("keeps the traceback of who called, also from below pcall", function()
    local s = server.start([[
      local function deep(how)
        if how == "sleep" then luaws.sleep(0.001)
        elseif how == "await" then luaws.await(function(done) luaws.after(0.001, done) end)
        elseif how == "ask" then luaws.askWorker("a", "string.rep", "a", 1) end
        error("behind " .. how)
      end
      local function middle(how) deep(how) return 1 end
      serve({
        onMessage = function(_, ws, event)
          local how, caught = event.data:match "^(%a+) ?(%a*)$"
          if caught == "" then middle(how) end
          local _, text = xpcall(middle, debug.traceback, how)
          ws:send(text)
        end,
        onError = function(_, ws, event) ws:send(event.errors[1].message .. "\n" .. event.errors[1].traceback) end,
      })
    ]])
    local c = client.open(s, "/")
    for _, how in ipairs { "none", "sleep", "await", "ask" } do
      for _, caught in ipairs { "", " caught" } do
        c:send(how .. caught)
        local told = c:receive()
        assert.matches("script%.lua:5: behind " .. how, told)
        assert.matches("script%.lua:5: in [^\n]*'deep'\n[^\n]*script%.lua:7: in [^\n]*\n", told)
        assert.matches("script%.lua:1[12]: in [^\n]*'onMessage'", told)
      end
    end
  end)
end)

describe("where nobody can wait", function()
  it("each waiting function says so, and names luaws.spawn", function()
    local child = server.run([[
      local luaws = require "luaws"
      local ws = luaws.WebSocket.new "ws://127.0.0.1:1"
      local calls = {
        ["luaws.sleep"] = function() luaws.sleep(0) end,
        ["luaws.await"] = function() luaws.await(function() end) end,
        ["luaws.askWorker"] = function() luaws.askWorker("a", "string.rep", "a", 1) end,
        receive = function() ws:receive() end,
        opened = function() ws:opened() end,
      }
      local finalized
      for name, call in pairs(calls) do
        local function try(where, ...)
          local ok, message = pcall(...)
          print(where, not ok and message:find(name .. " can't wait", 1, true) and message:find("luaws.spawn", 1, true)
            and true or message)
        end
        try("coroutine", coroutine.wrap(call))
        try("sort", table.sort, { 2, 1 }, call)
        try("gsub", string.gsub, "a", "a", call)
        try("tostring", tostring, setmetatable({}, { __tostring = call }))
        setmetatable({}, { __gc = function() finalized = finalized or {} try("finalizer", call) end })
        collectgarbage()
      end
      ws:destroy()
    ]], { args = { "--log-level", "error" } }) -- the client may have been refused meanwhile
    assert.equal("", child.stderr)
    local count = 0
    for where, result in child.stdout:gmatch "(%l+)\t([^\n]*)\n" do
      assert.equal("true", result, where)
      count = count + 1
    end
    assert.equal(25, count)
  end)
end)

describe("luv in a script", function()
  it("serves handles that don't keep the program alive while the script never rests, too", function()
    local child = server.run [[
      local luaws, uv = require "luaws", require "luv"
      local isServed = false
      local timer = uv.new_timer()
      timer:start(1, 0, function() isServed = true end)
      timer:unref()
      local last = uv.hrtime() + 5e9
      while not isServed and uv.hrtime() < last do luaws.sleep(0) end
      print(isServed)
    ]]
    assert.equal("true\n", child.stdout)
  end)

  it("has callbacks that may wait, and that come in their order", function()
    local child = server.run([[
      local luaws, uv = require "luaws", require "luv"
      local timer = uv.new_timer()
      timer:start(1, 0, function()
        print "callback"
        luaws.sleep(0.01)
        print "has waited"
        timer:close()
      end)
      uv.fs_stat("/", function(err, stat) print(err, stat.type) end)
      luaws.sleep(0.1)
      local out = uv.new_pipe()
      uv.spawn("/bin/echo", { args = { "child" }, stdio = { nil, out } }, function(code) print("exit", code) end)
      out:read_start(function(_, text) if text then io.write(text) else out:close() end end)
    ]])
    local lines = {}
    for line in child.stdout:gmatch("[^\n]+") do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "callback", "child", "exit\t0", "has waited", "nil\tdirectory" }, lines, child.stderr)
    assert.equal(0, child.code)
  end)

  it("leaves the running of the loop to luaws, and walks only over the script's handles", function()
    local child = server.run([[
      local luaws, uv = require "luaws", require "luv"
      for _, name in ipairs { "run", "stop", "loop_close" } do print(pcall(uv[name])) end
      print(pcall(uv.walk))
      local a, b = uv.new_timer(), uv.new_tcp()
      local n = 0
      uv.walk(function(handle) n = n + 1 assert(handle == a or handle == b) handle:close() end)
      print(n)
    ]])
    local lines = {}
    for line in child.stdout:gmatch("[^\n]+") do lines[#lines + 1] = line end
    for i = 1, 3 do assert.truthy(lines[i]:match("^false\t.*script%.lua:2: uv%.%l.*loop"), lines[i]) end
    assert.truthy(lines[4]:match("^false\t.*function"), lines[4])
    assert.equal("2", lines[5])
    assert.equal(0, child.code, child.stderr)
  end)

  it("may leave handles open and requests in flight when luaws ends", function()
    local s = server.start([[
      local uv = require "luv"
      local tcp = uv.new_tcp()
      tcp:bind("127.0.0.1", 0)
      tcp:listen(1, function() end)
      local timer = uv.new_timer()
      timer:start(1, 1, function() end)
      uv.fs_stat("/", function() uv.fs_stat("/", function() end) end)
      uv.getaddrinfo("localhost", nil, {}, function() end)
      kept = { tcp, timer }
      serve({ onMessage = function() end })
    ]])
    client.open(s, "/"):drop()
    s:stop()
  end)

  it("serves together with luaws: a handler talks to a socket of its own", function()
    local s = server.start([[
      local uv = require "luv"
      local echo = uv.new_tcp()
      echo:bind("127.0.0.1", 0)
      echo:listen(8, function()
        local peer = uv.new_tcp()
        echo:accept(peer)
        peer:read_start(function(_, data) if data then peer:write(data:upper()) else peer:close() end end)
      end)
      local port = echo:getsockname().port
      serve({ onMessage = function(_, ws, event)
        local tcp = uv.new_tcp()
        luaws.await(function(done) tcp:connect("127.0.0.1", port, done) end)
        tcp:write(event.data)
        local _, data = luaws.await(function(done) tcp:read_start(done) end)
        tcp:close()
        ws:send(data)
      end })
    ]])
    for i = 1, 20 do
      local c = client.open(s, "/")
      c:send("hello " .. i)
      assert.equal("HELLO " .. i, c:receive())
    end
  end)
end)

describe("sleep", function()
  it("returns true after at least that time, and 0 at the next turn", function()
    local child = server.run([[
      local luaws, uv = require "luaws", require "luv"
      local start = uv.hrtime()
      print(luaws.sleep(0.1))
      print((uv.hrtime() - start) / 1e9 >= 0.0995)
      luaws.spawn(function() print "task" end)
      luaws.sleep(0)
      print "after"
    ]])
    assert.equal("true\ntrue\ntask\nafter\n", child.stdout, child.stderr)
  end)
end)

describe("await", function()
  it("returns what done was given, at once or later, and ignores further calls", function()
    local child = server.run([[
      local luaws, uv = require "luaws", require "luv"
      print(luaws.await(function(done) done(1, nil, 3) end))
      print(luaws.await(function(done) luaws.after(0.01, function() done "later" done "again" end) end))
      print(luaws.await(function(done) done() done(2) end))
      local err, stat = luaws.await(function(done) uv.fs_stat("/", done) end)
      print(err, stat.type)
      local kept
      print(luaws.await(function(done) kept = done luaws.after(0.01, function() done "kept" end) end))
      print(luaws.await(function(done) kept "stale" luaws.after(0.01, function() done "fresh" end) end))
      print(pcall(luaws.await, function() error("inside", 0) end))
    ]])
    assert.equal("1\tnil\t3\nlater\n\nnil\tdirectory\nkept\nfresh\nfalse\tinside\n", child.stdout, child.stderr)
  end)
end)

describe("timers", function()
  it("after runs once, in the order of their times; cancel prevents it", function()
    local child = server.run([[
      local luaws = require "luaws"
      luaws.after(0.06, function() print "late" end)
      luaws.after(0.03, function() print "early" end)
      luaws.after(0, function() print "now" end)
      local timer = luaws.after(0.02, function() print "cancelled" end)
      timer:cancel()
      timer:cancel()
      print "main"
    ]])
    assert.equal("main\nnow\nearly\nlate\n", child.stdout, child.stderr)
    assert.equal(0, child.code)
  end)

  it("every runs again and again until it is cancelled, also from inside, and never overlaps itself", function()
    local child = server.run([[
      local luaws = require "luaws"
      local n, inside, timer = 0, 0, nil
      timer = luaws.every(0.01, function()
        n = n + 1
        inside = inside + 1
        assert(inside == 1, "overlaps")
        luaws.sleep(0.03)
        inside = inside - 1
        if n < 3 then return end
        timer:cancel()
        luaws.after(0.1, function() print(n) end)
      end)
    ]])
    assert.equal("3\n", child.stdout, child.stderr)
  end)

  it("keep the process running, as tasks do, and end with it", function()
    local child = server.run([[
      local luaws = require "luaws"
      luaws.spawn(function() luaws.sleep(0.05) print "task" end)
      luaws.after(0.1, function() print "timer" end)
    ]])
    assert.equal("task\ntimer\n", child.stdout, child.stderr)
    assert.equal(0, child.code)
  end)

  it("live without a variable that refers to them", function()
    local child = server.run([[
      local luaws = require "luaws"
      for i = 1, 100 do luaws.after(0.02, function() if i == 100 then print "all" end end) end
      luaws.spawn(function() luaws.sleep(0.04) print "task" end)
      for _ = 1, 5 do collectgarbage() end
    ]])
    assert.equal("all\ntask\n", child.stdout, child.stderr)
  end)
end)

describe("callbacks of one worker", function()
  it("never run at the same time", function()
    local s = server.start([[
      local inside = false
      serve({ onMessage = function(_, ws, event)
        assert(not inside)
        inside = true
        local x = 0
        for i = 1, 2000 do x = x + i end
        inside = false
        ws:send(event.data)
      end })
    ]])
    local clients = {}
    for i = 1, 20 do clients[i] = client.open(s, "/") end
    for n = 1, 20 do
      for _, c in ipairs(clients) do c:send(tostring(n)) end
    end
    for _, c in ipairs(clients) do
      for n, message in ipairs(c:receiveMany(20)) do assert.equal(tostring(n), message) end
    end
  end)
end)
