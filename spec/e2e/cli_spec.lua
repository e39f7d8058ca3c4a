-- The command line: options, exit codes, signals, and what goes to which stream.

local async = require "spec.support.async"
local client = require "spec.support.client"
local server = require "spec.support.server"

local SERVER = [[ serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/chat" }) ]]

local function run(...)
  return server.run(nil, { program = { ... } })
end

local function script(text)
  return server.folder({ ["script.lua"] = text }) .. "/script.lua"
end

describe("luaws --version and --help", function()
  it("print the versions on stdout", function()
    local child = run("--version")
    assert.equal(0, child.code)
    assert.equal("", child.stderr)
    assert.truthy(child.stdout:match("^luaws %d+%.%d+%.%d+"))
    for _, name in ipairs({ "Lua 5%.4%.%d", "libuv %d", "OpenSSL %d", "zlib %d", "llhttp %d" }) do
      assert.truthy(child.stdout:match(name), name .. " in " .. child.stdout)
    end
  end)

  it("print the usage on stdout, with each option", function()
    local child = run("--help")
    assert.equal(0, child.code)
    assert.equal("", child.stderr)
    for _, option in ipairs({
      "--host", "--port", "--root", "--io-threads", "--workers", "--log-level",
      "--log-format", "--watch[=FOLDER]", "--version", "--help", "-e",
    }) do
      assert.truthy(child.stdout:find(option, 1, true), option)
    end
  end)
end)

describe("a wrong command line", function()
  local path

  setup(function() path = script("print 'ran'") end)

  for what, arguments in pairs({
    ["nothing at all"] = {},
    ["an unknown option"] = { "--prot", "80", "SCRIPT" },
    ["an unknown letter"] = { "-x", "SCRIPT" },
    ["a missing value"] = { "--port" },
    ["a port that is no number"] = { "--port", "http", "SCRIPT" },
    ["a port beyond 65535"] = { "--port", "65536", "SCRIPT" },
    ["a negative port"] = { "--port", "-1", "SCRIPT" },
    ["no thread for the sockets"] = { "--io-threads", "0", "SCRIPT" },
    ["too many threads for the sockets"] = { "--io-threads", "65", "SCRIPT" },
    ["no worker"] = { "--workers", "0", "SCRIPT" },
    ["a number of workers that is none"] = { "--workers=many", "SCRIPT" },
    ["several workers that would share stdin"] = { "--workers", "2", "-" },
    ["--watch of what is typed"] = { "--watch", "-" },
    ["--watch without a script"] = { "--watch", "-e", "print()" },
    ["--watch= without a folder"] = { "--watch=", "SCRIPT" },
    ["--watch of what ends by itself"] = { "--watch", "--estimate", "SCRIPT" },
    ["an unknown log level"] = { "--log-level", "loud", "SCRIPT" },
    ["an unknown log format"] = { "--log-format", "xml", "SCRIPT" },
    ["a value for an option that takes none"] = { "--version=1" },
  }) do
    it("of " .. what .. " ends with 2 and a hint on stderr", function()
      local all = {}
      for i, argument in ipairs(arguments) do all[i] = argument == "SCRIPT" and path or argument end
      local child = run(table.unpack(all))
      assert.equal(2, child.code)
      assert.equal("", child.stdout)
      assert.truthy(child.stderr:find("luaws", 1, true))
      assert.truthy(child.stderr:find("--help", 1, true) or child.stderr:find("usage", 1, true), child.stderr)
    end)
  end
end)

describe("a script", function()
  it("that ends leaves exit code 0 and only its own output", function()
    local child = server.run([[ print "hello" ]])
    assert.same({ 0, "hello\n", "" }, { child.code, child.stdout, child.stderr })
  end)

  it("gets its arguments in ... and arg, as in lua", function()
    local path = script([[ print(..., #arg, arg[0], arg[1], arg[2], arg[3], arg[-1] ~= nil) ]])
    local child = run(path, "--port", "x y", "")
    assert.equal("--port\t3\t" .. path .. "\t--port\tx y\t\ttrue\n", child.stdout, child.stderr)
  end)

  it("that is missing ends with 1", function()
    local child = run("/no/such/script.lua")
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("/no/such/script.lua", 1, true))
    assert.equal("", child.stdout)
  end)

  it("that is a folder, or can't be read, ends with 1", function()
    local child = run(server.folder())
    assert.equal(1, child.code)
    assert.is_true(#child.stderr > 0)
  end)

  it("with a syntax error ends with 1, file and line", function()
    local child = run(script("print 'a'\nlocal = 1\n"))
    assert.equal(1, child.code)
    assert.truthy(child.stderr:match("script%.lua:2: "), child.stderr)
    assert.equal("", child.stdout)
  end)

  for what, raise in pairs({
    ["a string"] = { "error 'oh no'", "script%.lua:3: oh no" },
    ["a table with __tostring"] = {
      "error(setmetatable({}, { __tostring = function() return 'oh table' end }))", "oh table" },
    ["a plain table"] = { "error {}", "table" },
    ["nil"] = { "error(nil)", "nil" },
    ["an error whose __tostring raises"] = {
      "error(setmetatable({}, { __tostring = function() error 'x' end }))", "" },
  }) do
    it("that raises " .. what .. " at start ends with 1 and a traceback", function()
      local child = run(script("print 'started'\nlocal function f()\n" .. raise[1] .. "\nend\nf()\n"))
      assert.equal(1, child.code)
      assert.equal("started\n", child.stdout)
      assert.truthy(child.stderr:match(raise[2]), child.stderr)
      assert.truthy(child.stderr:match("script%.lua:5"), "a traceback: " .. child.stderr)
    end)
  end

  it("that raises after it has started a server ends with 1 too", function()
    local child = server.run([[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = print })
      luaws.sleep(0.02)
      error "too late"
    ]])
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("too late", 1, true))
  end)

  it("that misuses WebSocketServer.new is told its own line", function()
    for call, text in pairs({
      ["luaws.WebSocketServer.new({})"] = "onConnection",
      ["luaws.WebSocketServer.new({ onConnection = print }, { dataTyp = 'text' })"] = "dataType",
    }) do
      local child = server.run("local luaws = require 'luaws'\n\n" .. call)
      assert.equal(1, child.code)
      assert.truthy(child.stderr:match("script%.lua:3: "), child.stderr)
      assert.truthy(child.stderr:find(text, 1, true), child.stderr)
    end
  end)

  it("whose port is in use ends with 1 and names it", function()
    local s = server.start(SERVER)
    local child = run("--port", tostring(s.port), script([[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = print })
    ]]))
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find(tostring(s.port), 1, true), child.stderr)
    assert.truthy(child.stderr:find("in use", 1, true), child.stderr)
  end)

  it("whose host is none ends with 1 and names it", function()
    local child = run("--host", "no-such-host.invalid", "--port", "0", script([[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = print })
    ]]))
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("no-such-host.invalid", 1, true), child.stderr)
  end)

  it("whose root is none ends with 1 and names it", function()
    local child = run("--root", "no-such-folder", "--port", "0", script([[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = print })
    ]]))
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("no-such-folder", 1, true), child.stderr)
  end)

  it("comes from stdin with -", function()
    local child = server.run(nil, {
      program = { "-", "a", "b" }, input = "print('stdin', #arg, ...)\nprint(arg[0])\n",
    })
    assert.same({ 0, "stdin\t2\ta\tb\n-\n" }, { child.code, child.stdout }, child.stderr)
  end)

  it("of one line comes by -e, alone or before the script", function()
    local child = run("-e", "print 'one'")
    assert.same({ 0, "one\n" }, { child.code, child.stdout }, child.stderr)
    child = run("-e", "x = 42", script("print(x)"))
    assert.equal("42\n", child.stdout, child.stderr)
    assert.equal(1, run("-e", "error 'no'").code)
    assert.equal(1, run("-e", "syntax error").code)
  end)

  it("finds modules beside it first, and luv, and C modules that need Lua's functions (lfs)", function()
    local folder = server.folder({
      ["script.lua"] = [[
        print(require 'beside', require 'sub.deep', type(require('luv').version()), require('lfs').currentdir())
      ]],
      ["beside.lua"] = "return 'beside'",
      ["sub/deep.lua"] = "return 'deep'",
    })
    local child = server.run(nil, { program = { folder .. "/script.lua" }, cwd = "/" })
    assert.equal("beside\tdeep\tnumber\t/\n", child.stdout, child.stderr)
  end)

  it("has a shebang line and luaws itself as a module", function()
    local child = run(script("#!/usr/bin/env luaws\nprint(type(require 'luaws'), require 'luaws' == require 'luaws')"))
    assert.equal("table\ttrue\n", child.stdout, child.stderr)
  end)

  it("ends with luaws.exit, cleanly", function()
    local child = server.run([[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = print, onTerminate = function() print "terminated" end })
      luaws.after(0.01, function() luaws.exit(7) end)
    ]])
    assert.same({ 7, "terminated\n" }, { child.code, child.stdout }, child.stderr)
    child = server.run([[ local luaws = require "luaws" luaws.after(60, print) luaws.exit() ]])
    assert.equal(0, child.code)
  end)

  it("ends with its last server, timer and task", function()
    local child = server.run([[
      local luaws = require "luaws"
      local wss = luaws.WebSocketServer.new({ onConnection = print, onTerminate = function() print "terminated" end })
      luaws.after(0.05, function() luaws.webServer:stop() print "timer" end)
      luaws.spawn(function() luaws.sleep(0.02) print "task" end)
    ]])
    assert.equal(0, child.code)
    local lines = {}
    for line in child.stdout:gmatch("[^\n]+") do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "task", "terminated", "timer" }, lines)
  end)

  it("ends with the last luv handle", function()
    local child = server.run([[
      local uv = require "luv"
      local timer = uv.new_timer()
      timer:start(20, 0, function() print "luv" timer:close() end)
    ]])
    assert.same({ 0, "luv\n" }, { child.code, child.stdout }, child.stderr)
  end)
end)

describe("start lines", function()
  it("name each server's URL on stderr; quiet otherwise", function()
    local s = server.start([[
      serve({ onMessage = function() end }, { path = "/chat" })
      serve({ onMessage = function() end }, { path = "/rooms/:room" })
      serve({ onMessage = function() end })
    ]], { tls = false })
    local base = ("luaws: serving ws://127.0.0.1:%d"):format(s.port)
    assert.truthy(s.stderr:find(base .. "/chat\n", 1, true), s.stderr)
    assert.truthy(s.stderr:find(base .. "/rooms/:room\n", 1, true), s.stderr)
    assert.truthy(s.stderr:find(base .. "/\n", 1, true), s.stderr)
    local c = client.open(s, "/chat")
    c:send("x")
    c:close(1000)
    s:stop()
    assert.equal("", s.stdout)
    assert.equal(4, select(2, s.stderr:gsub("\n", "\n")), s.stderr) -- with the prelude's own
    assert.falsy(s.stderr:find("\27", 1, true), "colours only on a terminal")
  end)

  it("name the page to open when there is a root", function()
    local folder = server.folder({ ["index.html"] = "i" })
    local text = ([[ assert(luaws.webServer:start { root = %q }) ]] .. SERVER):format(folder)
    local s = server.start(text, { tls = false })
    assert.truthy(s.stderr:find(("luaws: open http://127.0.0.1:%d/\n"):format(s.port), 1, true), s.stderr)
  end)
end)

describe("--host, --port and --root", function()
  it("have the last word over the script's settings of luaws.webServer", function()
    local folder = server.folder({ ["page/a.txt"] = "from the command line", ["own/a.txt"] = "own" })
    local s = server.start(([[
      assert(luaws.webServer:start { host = "127.0.0.1", port = 1, root = %q })
      say(luaws.webServer.host, luaws.webServer.port > 1)
    ]] .. SERVER):format(folder .. "/own"), { args = { "--host", "127.0.0.2", "--root", "page" }, cwd = folder })
    s:expectLines("127.0.0.2 true")
    local c = client.connect(s, "127.0.0.2")
    c:sendRequest({ path = "/a.txt" })
    assert.equal("from the command line", c:response().body) -- relative to the working directory
  end)

  it("leave another WebServer alone", function()
    local s = server.start([[
      local web = luaws.WebServer.new { host = "127.0.0.3", port = 0 }
      assert(web:start())
      say(web.host)
    ]] .. SERVER, { args = { "--host", "127.0.0.2" } })
    s:expectLines("127.0.0.3")
  end)

  it("take unix sockets", function()
    local path = server.folder() .. "/x.sock"
    server.start(SERVER, { args = { "--host", "unix:" .. path }, noPort = true })
    local c = client.open(path, "/chat")
    c:send("hi")
    assert.equal("hi", c:receive())
  end)

  it("may be written with =", function()
    local s = server.start(SERVER, { args = { "--port=0", "--log-level=debug" }, noPort = true })
    client.open(s, "/chat")
  end)
end)

describe("the log", function()
  it("is on stderr, by level", function()
    local text = [[
      local luaws = require "luaws"
      for _, level in ipairs { "debug", "info", "warn", "error" } do luaws.log[level]("at " .. level) end
    ]]
    for shown, level in ipairs({ "error", "warn", "info", "debug" }) do
      local child = server.run(text, { args = { "--log-level", level } })
      assert.equal(shown, select(2, child.stderr:gsub("at %l+", "")), child.stderr)
      assert.equal("", child.stdout)
    end
    assert.equal(3, select(2, server.run(text).stderr:gsub("at %l+", "")), "info by default")
  end)

  it("is JSON, a line an entry, with --log-format json", function()
    local child = server.run([[
      local luaws = require "luaws"
      luaws.log.warn("two\nlines \"quoted\" \255", { user = "ann", n = 1, ok = false })
    ]], { args = { "--log-format", "json" } })
    local line = child.stderr:match("^([^\n]*)\n$")
    local entry = require("dkjson").decode(line)
    assert.equal("warn", entry.level)
    assert.equal('two\nlines "quoted" \u{fffd}', entry.message)
    assert.same({ "ann", 1, false }, { entry.user, entry.n, entry.ok })
    assert.truthy(entry.time:match("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z$"))
  end)

  it("has every line as JSON, also errors with a traceback", function()
    local s = server.start([[
      serve({ onMessage = function() error "oh no" end }, { path = "/chat" })
    ]], { args = { "--log-format", "json" } })
    local c = client.open(s, "/chat")
    c:send("go")
    s:awaitLog("oh no")
    c:drop()
    s:stop()
    for line in s.stderr:gmatch("[^\n]+") do
      if line:find("oh no", 1, true) then
        assert.equal("error", require("dkjson").decode(line).level)
      end
    end
  end)

  it("tells at debug level how each connection ended", function()
    local s = server.start(SERVER, { args = { "--log-level", "debug" } })
    client.open(s, "/chat"):close(4000, "bye")
    s:awaitLog("4000")
    client.open(s, "/chat"):reset()
    s:awaitLog("1006")
  end)
end)

describe("stdout", function()
  it("is line-buffered into a pipe: lines come while the script runs", function()
    local s = server.start([[
      print "first"
      io.write "half"
      luaws.after(0.05, function() io.write " a line\n" end)
    ]] .. SERVER)
    s:expectLines("first", "half a line")
  end)

  it("that is closed doesn't end the server", function()
    local folder = server.folder({ ["script.lua"] = [[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = function()
        print "into nowhere"
        return { onMessage = function(_, ws, event) print "again" ws:send(event.data) end }
      end }, { path = "/chat" })
    ]] })
    local s = server.startFile(folder .. "/script.lua", { closeStdout = true })
    local c = client.open(s, "/chat")
    c:send("hi")
    assert.equal("hi", c:receive())
  end)
end)

describe("signals", function()
  for _, name in ipairs({ "sigterm", "sigint" }) do
    it(name .. " stops accepting, closes with 1001, tells onTerminate everywhere and exits 0", function()
      local s = server.start([[
        serve({ onMessage = function() end, onTerminate = function(_, _, event) say("connection", event.code) end },
          { path = "/chat" }, { onTerminate = function() say "server" end })
      ]])
      local c = client.open(s, "/chat")
      s:signalProcess(name)
      c:expectCloseFrame(1001)
      assert.is_true(client.isRefused(s))
      c:sendClose(1001)
      s:expectLines("connection 1001", "server")
      assert.same({ 0, 0 }, { s:awaitExit() })
    end)
  end

  it("let onTerminate handlers wait and finish", function()
    local s = server.start([[
      serve({ onMessage = function() end, onTerminate = function() luaws.sleep(0.1) say "waited" end },
        { path = "/chat" })
    ]])
    local c = client.open(s, "/chat")
    s:signalProcess("sigterm")
    c:expectClose(1001)
    s:expectLines("waited")
    assert.equal(0, (s:awaitExit()))
  end)

  it("a second one exits at once, also while a client keeps silent or the script spins", function()
    local s = server.start([[
      serve({ onMessage = function() say "spins" while true do end end }, { path = "/chat", closeTimeout = 60 })
    ]])
    local c = client.open(s, "/chat")
    c:send("spin")
    s:expectLines("spins")
    s:signalProcess("sigterm")
    c:expectCloseFrame(1001)
    s:signalProcess("sigterm")
    local code, signal = s:awaitExit()
    assert.is_true(code ~= 0 or signal ~= 0)
  end)

  it("SIGHUP finds nothing to read again where the script is no file, and says so", function()
    local s = server.launch({ "--port", "0", "-e", [[
      luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = print })
      print "ready"
    ]] })
    s:expectLines("ready")
    s:signalProcess("sighup")
    s:awaitLog("SIGHUP: there are no certificates and no script's file to read again")
  end)

  it("SIGPIPE does no harm: writing to clients that are gone", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws) for _ = 1, 100 do ws:send(("x"):rep(10000)) end end }, { path = "/chat" })
    ]])
    for _ = 1, 5 do
      local c = client.open(s, "/chat")
      c:send("go")
      c:reset()
    end
    client.open(s, "/chat")
  end)

  it("end a script that has no server, with 0", function()
    local s = server.start([[ luaws.after(60, print) ]])
    async.sleep(0)
    s:stop()
  end)

  it("arrive while the main chunk waits", function()
    local folder = server.folder({ ["script.lua"] = [[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = print })
      luaws.sleep(60)
      print "not reached"
    ]] })
    local s = server.startFile(folder .. "/script.lua")
    s:stop()
    assert.equal("", s.stdout)
  end)
end)
