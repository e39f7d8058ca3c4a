-- What lives in workers by name: WebSocket servers on the process's one web server, web servers of their own, clients;
-- and what is left of a worker when it has ended.

local uv = require "luv"
local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

local MODULE = [[
  local luaws = require "luaws"
  local m = {}

  -- A server in this worker, a global of it.
  function m.serve(path, options)
    options = options or {}
    options.path, options.closeTimeout = path, options.closeTimeout or 60
    wss = luaws.WebSocketServer.new({
      onConnection = function()
        return {
          onMessage = function(_, ws, event) ws:send(luaws.workerName .. ": " .. event.data) end,
          onTerminate = function(_, _, event) print(luaws.workerName .. " connection " .. event.code) end,
        }
      end,
      onTerminate = function() print(luaws.workerName .. " server") end,
    }, options)
    return luaws.webServer.port
  end

  function m.terminate() wss:terminate() end
  function m.web() local w = luaws.webServer return w.isRunning, w.host, w.port, w.url end
  function m.start(settings) return luaws.webServer:start(settings) end
  function m.stop() luaws.webServer:stop() end
  function m.reloadTLS() return luaws.webServer:reloadTLS() end
  function m.count() return wss.connectionCount end
  function m.add(a, b) return a + b end
  function m.sleep(seconds) return luaws.sleep(seconds) end
  function m.wait(file) repeat luaws.sleep(0.01) until os.remove(file) return true end
  function m.setOnce(value) once = once or value return tostring(once) end
  function m.fail(message) error(message, 0) end

  -- A web server of its own, whose onRequest never answers.
  function m.pages()
    local web = luaws.WebServer.new { port = 0, handler = { onRequest = function()
      print "request"
      luaws.sleep(600)
    end } }
    assert(web:start())
    return web.port
  end

  -- On the web server that is another worker's.
  function m.answer()
    return luaws.webServer:start { handler = { onRequest = function() return "from a worker" end } }
  end

  function m.dial(url)
    local ws = luaws.WebSocket.new(url, {
      onOpen = function(_, ws) ws:send "from a client" end,
      onMessage = function(_, _, event) print("client got " .. event.data) end,
      onTerminate = function(_, _, event) print("client " .. event.code) end,
    })
    return ws.status
  end

  return m
]]

local FILES = { ["m.lua"] = MODULE }

local function start(script, options)
  options = options or {}
  options.files = FILES
  return server.start(script, options)
end

local function echo(s, path, expected)
  local c = client.open(s, path)
  c:send("hi")
  assert.equal(expected .. ": hi", c:receive())
  return c
end

-- A server whose clients send calls: "name of a worker, target, ..." as Lua.
local CONTROL = [[
  serve({ onMessage = function(_, ws, event)
    local results = table.pack(pcall(load("return " .. event.data)))
    for i = 1, results.n do results[i] = tostring(results[i]) end
    ws:send(table.concat(results, " "))
  end }, { path = "/control" })
]]

local function control(s)
  local c = client.open(s, "/control")
  return function(code)
    c:send(code)
    return (c:receive())
  end, c
end

describe("a WebSocket server in a worker", function()
  for _, how in ipairs { {}, { ioThreads = 2 }, { workers = 2, ioThreads = 2 } } do
    local name = ("with %d I/O threads and %d workers"):format(how.ioThreads or 1, how.workers or 1)

    it("answers on the script's port, each at a path of its own, " .. name, function()
      local s = start(CONTROL .. [[
        for _, name in ipairs { "a", "b" } do
          local port = luaws.workerIndex == 1 and luaws.askWorker(name, "m.serve", "/" .. name)
          assert(not port or port == luaws.webServer.port)
        end
      ]], { workers = how.workers, ioThreads = how.ioThreads })
      s:awaitLog("/b\n")
      echo(s, "/a", "a")
      echo(s, "/b", "b")
      client.open(s, "/control")
      assert.equal(404, select(2, client.handshake(s, "/c")).status)
    end)

    it("is terminated with its worker alone, " .. name, function()
      local s = start(CONTROL, { workers = how.workers, ioThreads = how.ioThreads })
      local run = control(s)
      for _, worker in ipairs { "a", "b" } do
        assert.matches("^true %d+$", run(("luaws.askWorker(%q, 'm.serve', '/%s')"):format(worker, worker)))
      end
      local a, b = echo(s, "/a", "a"), echo(s, "/b", "b")
      run("luaws.killWorker 'a'")
      a:expectClose(1001)
      s:expectLines("a connection 1001", "a server")
      assert.equal(404, select(2, client.handshake(s, "/a")).status)
      b:send("still")
      assert.equal("b: still", b:receive())
      assert.matches("^true %d+$", run("luaws.askWorker('a', 'm.serve', '/a')"))
      echo(s, "/a", "a")
    end)
  end

  it("is ended by a later call, as its variable is a global there", function()
    local s = start(CONTROL)
    local run = control(s)
    run("luaws.askWorker('a', 'm.serve', '/a')")
    local a = echo(s, "/a", "a")
    assert.equal("true 1", run("luaws.askWorker('a', 'm.count')"))
    run("luaws.askWorker('a', 'm.terminate')")
    a:expectClose(1001)
    s:expectLines("a connection 1001", "a server")
    assert.matches("^true %d+$", run("luaws.askWorker('b', 'm.serve', '/a')"))
    echo(s, "/a", "b")
  end)

  it("can't have a path that another worker's has", function()
    local s = start(CONTROL)
    local run = control(s)
    run("luaws.askWorker('a', 'm.serve', '/a')")
    assert.matches("^false .*path '/a' is taken", run("luaws.askWorker('b', 'm.serve', '/a')"))
    assert.matches("^false .*path '/control' is taken", run("luaws.askWorker('b', 'm.serve', '/control')"))
    assert.matches("^true %d+$", run("luaws.askWorker('b', 'm.serve', '/b')"))
  end)

  it("speaks TLS where the web server does", function()
    local s = start(CONTROL, { tls = true })
    local run = control(s)
    run("luaws.askWorker('a', 'm.serve', '/a')")
    echo(s, "/a", "a")
    local url = ("https://127.0.0.1:%d/"):format(s.port)
    assert.equal(("true true 127.0.0.1 %d %s"):format(s.port, url), run("luaws.askWorker('a', 'm.web')"))
    assert.equal(("true nil %s has the settings of another worker"):format(url),
      run("luaws.askWorker('a', 'm.reloadTLS')"))
    s:signalProcess("sighup")
    s:awaitLog("the certificates have been read again")
    echo(s, "/a", "a")
  end)

  it("finds a web server with the script's settings, which it can't change", function()
    local s = start([[
      assert(luaws.webServer:start { host = "localhost", root = "." })
      luaws.askWorker("a", "m.serve", "/a")
      say(luaws.askWorker("a", "m.web"))
      say(luaws.askWorker("a", "m.start"))
      say(luaws.askWorker("a", "m.start", { root = ".." }))
      say(luaws.askWorker("b", "m.start", { root = ".." }))
      say(luaws.askWorker("b", "m.answer"))
      say((luaws.askWorker("c", "m.start", { host = "127.0.0.9" })))
      say(luaws.askWorker("d", "m.start", {}))
    ]], { tls = false })
    local url = ("http://localhost:%d/"):format(s.port)
    local already = ("nil already running on %s, with the settings of another worker"):format(url)
    s:expectLines(("true localhost %d %s"):format(s.port, url), "true", already, already, already, "nil", "true")
    assert.equal(200, client.get(s, "/m.lua").status)
    for _ = 1, 3 do assert.equal(404, client.get(s, "/none").status) end
  end)

  it("may be the first: then the script joins it", function()
    local s = start([[
      local port = luaws.askWorker("a", "m.serve", "/a")
      serve({ onMessage = function(_, ws) ws:send "script" end }, { path = "/" })
      assert(luaws.webServer.port == port)
      luaws.killWorker "a"
    ]])
    s:expectLines("a server")
    assert.equal(404, select(2, client.handshake(s, "/a")).status)
    local c = client.open(s, "/")
    c:send("who?")
    assert.equal("script", c:receive())
  end)

  it("goes with the web server, whoever stops that", function()
    for _, stop in ipairs { "luaws.webServer:stop()", "luaws.callWorker('b', 'm.stop')" } do
      local s = start(CONTROL)
      local run, c = control(s)
      run("luaws.askWorker('a', 'm.serve', '/a')")
      run("luaws.askWorker('b', 'm.serve', '/b')")
      local a, b = echo(s, "/a", "a"), echo(s, "/b", "b")
      local d = client.open(s, "/control")
      d:send(stop)
      for _, other in ipairs { a, b, c } do other:expectClose(1001) end
      while d:receiveFrame().opcode ~= client.CLOSE do end -- behind the answer, or before it
      d:sendClose(1001)
      assert.equal(0, (s:awaitExit())) -- nothing is left
    end
  end)

  it("keeps the program running, and its port, when nothing else does", function()
    local s = start([[ luaws.askWorker("a", "m.serve", "/a") ]])
    s:awaitLog("/a\n")
    local port = math.tointeger(tonumber(s.stderr:match("://[%d.]+:(%d+)")))
    s.port = port
    local c = echo(s, "/a", "a")
    s:signalProcess("sigterm")
    c:expectClose(1001)
    s:expectLines("a connection 1001", "a server")
    assert.equal(0, (s:awaitExit()))
  end)
end)

describe("a worker that is killed", function()
  it("takes its own web server along; who waits for its onRequest gets 503", function()
    local s = start(CONTROL)
    local run = control(s)
    local port = math.tointeger(tonumber(run("luaws.askWorker('a', 'm.pages')"):match("^true (%d+)$")))
    local c = client.connect({ port = port })
    c:sendRequest({ path = "/" })
    s:expectLines("request")
    run("luaws.killWorker 'a'")
    assert.equal(503, c:response().status)
    async.eventually(function() return client.isRefused({ port = port }) end)
  end)

  it("closes its clients with 1001", function()
    local s = start(CONTROL .. [[
      serve({ onMessage = function(_, ws, event) ws:send(event.data) end,
              onTerminate = function(_, _, event) say("server's " .. event.code) end }, { path = "/echo" })
    ]], { tls = false })
    local run = control(s)
    assert.equal("true Connecting", run(("luaws.askWorker('a', 'm.dial', 'ws://127.0.0.1:%d/echo')"):format(s.port)))
    s:expectLines("client got from a client")
    run("luaws.killWorker 'a'")
    local lines = { s:line(), s:line() }
    table.sort(lines)
    assert.same({ "client 1001", "server's 1001" }, lines)
  end)

  it("has counted what the program still counts", function()
    local s = start(CONTROL)
    local run = control(s)
    run("luaws.askWorker('a', 'm.serve', '/a')")
    echo(s, "/a", "a"):close(1000)
    run("luaws.callWorker('a', 'm.fail', 'on purpose')")
    run("luaws.askWorker('a', 'm.add', 1, 2)") -- the call before has failed
    s:expectLines("a connection 1000")
    local COUNTERS = "luaws.stats().sent.messages .. ' ' .. luaws.stats().errors.LUA_"
    local sent = math.tointeger(tonumber(run(COUNTERS):match("^true (%d+) 1$")))
    run("luaws.killWorker 'a'")
    run("luaws.askWorker('a', 'm.add', 1, 2)") -- the old one has ended
    assert.equal(("true %d 1"):format(sent + 3), run(COUNTERS)) -- three answers of the script's
  end)
end)

describe("workers that come and go", function()
  local ROUNDS = (build.isTiny or async.seconds(1) > 1) and 100 or 1000

  it(("%d times leave nothing behind"):format(ROUNDS), function()
    local child = server.run(([[
      local luaws, uv = require "luaws", require "luv"
      local ROUNDS = %d
      local function count(folder)
        local n, scan = 0, uv.fs_scandir(folder)
        while uv.fs_scandir_next(scan) do n = n + 1 end
        return n
      end
      local function resident()
        local file = io.open "/proc/self/status"
        local text = file:read "a"
        file:close()
        return tonumber(text:match "VmRSS:%%s+(%%d+)") / 1024
      end
      luaws.webServer:start()
      local tasks = count "/proc/self/task"
      local fds = math.huge
      local function settle() -- until the last one has ended, and other threads have let go of its mailbox
        for _ = 1, 1000 do
          if count "/proc/self/task" == tasks and count "/proc/self/fd" <= fds then return end
          luaws.sleep(0.02)
        end
      end
      local function rounds(n)
        for i = 1, n do
          local name = "w" .. i %% 3
          luaws.askWorker(name, "m.serve", "/" .. name)
          assert(luaws.askWorker(name, "m.add", 1, i) == i + 1)
          luaws.killWorker(name)
        end
        settle()
      end
      rounds(50)
      collectgarbage()
      fds = count "/proc/self/fd"
      local memory = resident()
      rounds(ROUNDS)
      collectgarbage()
      print(count "/proc/self/task" - tasks, count "/proc/self/fd" <= fds, resident() - memory < 3)
      luaws.webServer:stop()
    ]]):format(ROUNDS), { files = FILES, timeout = 120, args = { "--log-level", "error" } })
    assert.equal(0, child.code, child.stderr)
    local isSanitized = async.seconds(1) > 1 -- whose memory says nothing
    assert.matches(isSanitized and "0\ttrue\t%a+\n$" or "0\ttrue\ttrue\n$", child.stdout)
  end)

  it("are at most 256 at once", function()
    local child = server.run([[
      local luaws = require "luaws"
      local count = 0
      while luaws.callWorker("w" .. count, "m.add", 1, 2) do count = count + 1 end
      print(count, select(2, luaws.callWorker("one more", "m.add", 1, 2)))
      print(pcall(luaws.askWorker, "one more", "m.add", 1, 2))
      luaws.killWorker "w7"
      repeat luaws.sleep(0.001) until luaws.callWorker("one more", "m.add", 1, 2)
      print(luaws.askWorker("one more", "m.add", 1, 2))
    ]], { files = FILES, timeout = 120, args = { "--log-level", "error" } })
    assert.equal("", child.stderr)
    assert.matches("^256\tthere are 256 workers by name already\n"
      .. "false\t.*script%.lua:5: luaws%.askWorker: there are 256 workers by name already\n3\n$", child.stdout)
  end)

  for call, what in pairs {
    ["uv_thread_create:EAGAIN@3"] = "can't start a thread for worker 'a': Resource temporarily unavailable",
    ["eventfd:EMFILE@3"] = "a worker's mailbox: Too many open files",
  } do
    it("find nothing to be made of, by " .. call, function()
      local child = server.run([[
        local luaws = require "luaws"
        print(luaws.callWorker("a", "m.add", 1, 2))
        print(luaws.askWorker("a", "m.add", 1, 2))
      ]], { files = FILES, faults = call, ioThreads = 1 })
      assert.same({ 0, ("nil\t%s\n3\n"):format(what) }, { child.code, child.stdout })
    end)
  end
end)

describe("a reload of the script", function()
  it("ends who asks at its top level, and leaves workers by name alone", function()
    local s = start([[
      serve({ onMessage = function(_, ws, event)
        ws:send(luaws.askWorker(event.data, "m.setOnce", luaws.generation))
      end }, { path = "/" })
      luaws.spawn(function() print(luaws.askWorker("a", "m.wait", arg[0] .. ".go"), "too late") end)
    ]])
    local c = client.open(s, "/")
    c:send("b")
    assert.equal("1", c:receive())
    s:signalProcess("sighup")
    s:awaitLog("reloaded")
    c:send("b")
    assert.equal("1", c:receive()) -- its globals are those of the first generation
    c:send("a")
    for _ = 1, 2 do -- the first one's answer nobody waits for
      s:release()
      async.eventually(function() return not uv.fs_stat(s.folder .. "/script.lua.go") end)
    end
    assert.equal("2", c:receive()) -- behind both
    s:expectLines("true\ttoo late")
    c:close(1000)
    s:stop()
    assert.equal(1, select(2, s.stdout:gsub("too late", "")))
  end)
end)

describe("a callback that asks a worker", function()
  it("holds back its own connection's next event, and no other's", function()
    local s = start([[
      serve({ onMessage = function(_, ws, event)
        if event.data == "wait" then luaws.askWorker(ws.params.name, "m.wait", arg[0] .. ".go") end
        ws:send(event.data)
      end }, { path = "/:name" })
    ]])
    local a, b = client.open(s, "/a"), client.open(s, "/b")
    a:send("wait")
    a:send("behind it")
    b:send("at once")
    assert.equal("at once", b:receive())
    assert.equal(0, a.size)
    s:release()
    assert.equal("wait", a:receive())
    assert.equal("behind it", a:receive())
  end)

  it("finishes when its connection ends, or is cancelled after closeTimeout", function()
    local s = start([[
      local handler = {
        onMessage = function(_, _, event) say(pcall(luaws.askWorker, event.data, "m.sleep", tonumber(event.data))) end,
        onTerminate = function(_, ws) say("terminated", ws.id) end,
      }
      serve(handler, { path = "/patient" })
      serve(handler, { path = "/hasty", closeTimeout = 0.2 })
    ]])
    local quick, slow = client.open(s, "/patient"), client.open(s, "/hasty")
    quick:send("0.1")
    quick:close(4000)
    s:expectLines("true true", "terminated 1")
    slow:send("600")
    slow:close(4000)
    assert.matches("^false .*cancelled: the connection has ended", s:line())
    s:expectLines("terminated 2")
    client.open(s, "/hasty"):ping()
  end)
end)
