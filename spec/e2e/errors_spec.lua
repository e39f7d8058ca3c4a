-- Misuse and raising callbacks: a clear error, nothing lost, and the server goes on.

local client = require "spec.support.client"
local server = require "spec.support.server"

-- How a callback may raise, and what its message must hold.
local RAISES = {
  ["a string"] = { "error 'oh no'", "oh no" },
  ["a string without a position"] = { "error('oh no', 0)", "oh no" },
  ["a table"] = { "error { code = 42 }", "" },
  ["a table with a __tostring"] = {
    "error(setmetatable({}, { __tostring = function() return 'oh table' end }))", "oh table" },
  ["nil"] = { "error(nil)", "nil" },
  ["an error whose __tostring raises"] = {
    "error(setmetatable({}, { __tostring = function() error 'inner' end }))", "" },
  ["an error whose __tostring returns no string"] = {
    "error(setmetatable({}, { __tostring = function() return {} end }))", "" },
  ["an error of Lua's own"] = { "local t = nil; t.x = 1", "nil value" },
  ["a stack overflow"] = { "local function f() return 1 + f() end f()", "stack overflow" },
  ["an error of many lines"] = { "error('a\\nb')", "a" },
}

describe("a callback that raises", function()
  for what, raise in pairs(RAISES) do
    it(what .. " goes to the connection's onError and the log, and the connection goes on", function()
      local s = server.start(([[
        serve({
          onMessage = function(_, ws, event)
            if event.data == "raise" then %s end
            ws:send(event.data)
          end,
          onError = function(_, ws, event)
            local e = event.errors[1]
            say(event.type, e.componentSignature, e.errCode, type(e.message), type(e.traceback))
            ws:send(e.message)
          end,
        })
      ]]):format(raise[1]))
      local c = client.open(s, "/")
      c:send("raise")
      s:expectLines("error LUA_ 1 string string")
      local message = c:receive()
      assert.truthy(message:find(raise[2], 1, true), message)
      c:send("after")
      assert.equal("after", c:receive())
      s:awaitLog("script.lua")
    end)
  end

  it("is told with its line and a traceback", function()
    local s = server.start([[
      local function inner()
        error "deep"
      end
      serve({
        onMessage = function() inner() end,
        onError = function(_, ws, event)
          ws:send(event.errors[1].message)
          ws:send(event.errors[1].traceback)
        end,
      })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    assert.truthy(c:receive():match("script%.lua:2: deep$"))
    local traceback = c:receive()
    assert.truthy(traceback:match("script%.lua:2:"), traceback)
    assert.truthy(traceback:match("script%.lua:5:"), traceback)
    s:awaitLog("script.lua:2: deep")
  end)

  it("without an onError of the connection goes to the server's, with the connection", function()
    local s = server.start([[
      serve({ onMessage = function() error "oh no" end }, nil, {
        onError = function(_, wss, event)
          say(event.type, event.errors[1].componentSignature, event.connection.id > 0, event.connection.wss == wss)
          event.connection:send "told"
        end,
      })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    assert.equal("told", c:receive())
    s:expectLines("error LUA_ true true")
  end)

  it("without any onError goes to the log", function()
    local s = server.start([[ serve({ onMessage = function() error "only logged" end }) ]])
    local c = client.open(s, "/")
    c:send("go")
    s:awaitLog("only logged")
    c:ping()
  end)

  it("in onError goes to the log alone", function()
    local s = server.start([[
      serve({
        onMessage = function() error "first" end,
        onError = function(_, _, event) say(event.errors[1].message) error "second" end,
      }, nil, { onError = function(_, _, event) say("server", event.errors[1].message) end })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    s:awaitLog("second")
    c:ping()
    c:drop()
    s:stop()
    assert.equal(1, select(2, s.stdout:gsub("\n", "\n")))
  end)

  it("changes nothing about the order: each callback of a connection", function()
    local s = server.start([[
      local function raising(name)
        return function() say(name) error(name) end
      end
      serve({ onOpen = raising "onOpen", onMessage = raising "onMessage", onTerminate = raising "onTerminate",
        onError = function(_, _, event) say("error", event.errors[1].message:match "(%w+)$") end })
    ]])
    local c = client.open(s, "/")
    s:expectLines("onOpen", "error onOpen")
    c:send("go")
    s:expectLines("onMessage", "error onMessage")
    c:close(1000)
    s:expectLines("onTerminate", "error onTerminate")
    client.open(s, "/")
    s:expectLines("onOpen", "error onOpen")
  end)

  it("changes nothing about the order: each callback of a server", function()
    local s = server.start([[
      local function raising(name)
        return function() say(name) error(name) end
      end
      local wss
      wss = serve({ onMessage = function() wss:terminate() end }, { path = "/a" }, {
        onOpen = raising "onOpen", onTerminate = raising "onTerminate",
        onError = function(_, w, event) say("error", event.errors[1].message:match "(%w+)$", w == wss) end })
      serve({ onMessage = function() end }, { path = "/b" })
    ]])
    s:expectLines("onOpen", "error onOpen true")
    local c = client.open(s, "/a")
    c:send("go")
    c:expectClose(1001)
    s:expectLines("onTerminate", "error onTerminate true")
    client.open(s, "/b")
  end)

  it("because it is no function any more is told too", function()
    local s = server.start([[
      local handler = {}
      function handler:onMessage(ws) self.onMessage = 42 ws:send "replaced" end
      function handler:onError(ws, event) ws:send(event.errors[1].message) end
      serve(handler)
    ]])
    local c = client.open(s, "/")
    c:send("1")
    assert.equal("replaced", c:receive())
    c:send("2")
    assert.truthy(c:receive():find("onMessage", 1, true))
    c:ping()
  end)

  it("in a timer or a task goes to luaws.onError and the log", function()
    local s = server.start([[
      function luaws.onError(event)
        local e = event.errors[1]
        say(event.type, e.componentSignature, e.errCode, e.message:match "(%w+)$")
      end
      luaws.after(0, function() error "after" end)
      serve({ onMessage = function() end })
    ]])
    s:expectLines("error LUA_ 1 after")
    s:awaitLog("after")
    local s2 = server.start([[
      luaws.spawn(function() luaws.sleep(0) error "task" end)
      local timer
      local n = 0
      timer = luaws.every(0.01, function() n = n + 1 if n == 3 then timer:cancel() say "three" end error "every" end)
      serve({ onMessage = function() end })
    ]])
    s2:awaitLog("task")
    s2:awaitLog("every")
    s2:expectLines("three") -- a raise doesn't stop the timer
  end)

  it("in luaws.onError goes to the log alone", function()
    local s = server.start([[
      function luaws.onError() say "once" error "in onError" end
      luaws.after(0, function() error "after" end)
      serve({ onMessage = function() end })
    ]])
    s:expectLines("once")
    s:awaitLog("in onError")
    client.open(s, "/")
  end)

  it("in a luv callback goes there too, and doesn't end the process", function()
    local s = server.start([[
      local uv = require "luv"
      function luaws.onError(event) say(event.errors[1].message:match "(%w+)$") end
      local timer = uv.new_timer()
      timer:start(1, 0, function() timer:close() error "callback" end)
      serve({ onMessage = function() end })
    ]])
    s:expectLines("callback")
    client.open(s, "/")
  end)
end)

describe("WebSocketServer.new", function()
  -- Runs code that must raise in line 3 with a message that holds `text`.
  local function raises(arguments, ...)
    local child = server.run(([[
      local luaws = require "luaws"
      local ok, err = pcall(function()
        luaws.WebSocketServer.new(%s)
      end)
      print(ok, err)
      luaws.exit(0)
    ]]):format(arguments))
    local first = child.stdout:match("^[^\n]*")
    assert.truthy(first:match("^false\t.*script%.lua:3: "), first .. child.stderr)
    for _, text in ipairs({ ... }) do assert.truthy(first:lower():find(text:lower(), 1, true), first) end
  end

  local OK = "{ onConnection = print }"

  it("raises at the caller's line when the handler is none", function()
    raises("", "table", "no value")
    raises("nil", "table", "nil")
    raises("42", "table", "42")
    raises("'chat'", "table", "string")
    raises("{}", "onConnection")
    raises("{ onConnection = true }", "onConnection", "boolean")
    raises("{ onMessage = print }", "onConnection")
  end)

  it("takes a handler whose methods come by a metatable", function()
    local s = server.start([[
      local Base = { onConnection = function() return setmetatable({}, { __index = function(_, name)
        return name == "onMessage" and function(_, ws, event) ws:send(event.data) end or nil
      end }) end }
      luaws.WebSocketServer.new(setmetatable({}, { __index = Base }))
    ]])
    local c = client.open(s, "/")
    c:send("hi")
    assert.equal("hi", c:receive())
  end)

  it("raises for an unknown option and suggests the one that was meant", function()
    raises(OK .. ", { dataTyp = 'text' }", "dataTyp", "dataType")
    raises(OK .. ", { maxPayLoad = 1 }", "maxPayLoad", "maxPayload")
    raises(OK .. ", { xyzzy = 1 }", "xyzzy")
    raises(OK .. ", { [1] = 1 }", "option")
    raises(OK .. ", 42", "table", "42")
    raises(OK .. ", '/chat'", "table")
  end)

  local BAD_VALUES = {
    path = { "42", "'chat'", "''", "'/a/:'", "'/:x/:x'", "{}", "true", "'/a\\0b'" },
    dataType = { "'json'", "42", "true", "'Text'" },
    protocols = { "42", "{ 1 }", "{ 'a b' }", "{ '' }", "{ 'a', 'a,b' }" },
    origins = { "42", "{ 1 }", "{ 'example.com' }", "'http://'" },
    maxPayload = { "'1'", "0", "-1", "1.5", "true", "{}" },
    maxFragments = { "'1'", "0", "-1", "1.5" },
    maxConnections = { "'1'", "0", "-1", "1.5" },
    maxConnectionsPerAddress = { "'1'", "0", "-1" },
    maxMessageRate = { "'1'", "0", "-1" },
    compression = { "1", "'on'", "{ level = 10 }", "{ windowBits = 8 }", "{ levle = 1 }" },
    pingInterval = { "'1'", "0", "-1", "0/0", "true" },
    pongTimeout = { "'1'", "0", "-1" },
    answerTimeout = { "'1'", "0", "-1" },
    closeTimeout = { "'1'", "0", "-1", "1/0" },
    maxBackpressure = { "'1'", "0", "-1", "1.5" },
    slowConsumer = { "'wait'", "1", "true" },
    web = { "42", "{}", "'http'" },
  }

  for option, values in pairs(BAD_VALUES) do
    it("raises for a bad " .. option .. ", naming it", function()
      for _, value in ipairs(values) do raises(("%s, { %s = %s }"):format(OK, option, value), option) end
    end)
  end

  it("says which part of compression is bad, and why", function()
    local function bad(fields, message)
      raises(("%s, { compression = { %s } }"):format(OK, fields), "option 'compression': " .. message)
    end
    bad("level = 10", "option 'level' must be an integer from 0 to 9, got number 10")
    bad("level = -1", "option 'level' must be an integer from 0 to 9, got number -1")
    bad("level = '6'", "option 'level' must be an integer from 0 to 9, got string '6'")
    bad("memLevel = 0", "option 'memLevel' must be an integer from 1 to 9, got number 0")
    bad("windowBits = 8", "option 'windowBits' can't be 8: zlib compresses with windows of 9 to 15 bits")
    bad("windowBits = 16", "option 'windowBits' must be an integer from 9 to 15, got number 16")
    bad("threshold = -1", "option 'threshold' must be an integer from 0 to 1073741824, got number -1")
    bad("threshold = false", "option 'threshold' must be an integer from 0 to 1073741824, got false")
    bad("contextTakeover = 1", "option 'contextTakeover' must be true or false, got number 1")
    bad("treshold = 1", "unknown option 'treshold' (did you mean 'threshold'?)")
    raises(OK .. ", { compression = 'on' }", "option 'compression' must be true, false or a table, got string 'on'")
  end)

  it("takes every kind of compression", function()
    server.start([[
      local handler = { onConnection = print }
      for i, value in ipairs { true, false, {}, { level = 0, windowBits = 9, memLevel = 1, threshold = 0 },
                               { level = 9, windowBits = 15.0, memLevel = 9, contextTakeover = true } } do
        luaws.WebSocketServer.new(handler, { path = "/" .. i, compression = value })
      end
    ]])
  end)

  it("takes false for an optional limit or clock", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, {
        maxConnections = false, maxConnectionsPerAddress = false, maxMessageRate = false, pingInterval = false,
        pongTimeout = false, answerTimeout = false, maxPayload = 10, closeTimeout = 0.5,
      })
    ]])
    local c = client.open(s, "/")
    c:send("hi")
    assert.equal("hi", c:receive())
  end)

  it("raises when the path is taken, also under other names", function()
    for _, paths in ipairs({
      { "'/chat'", "'/chat'" }, { "nil", "nil" }, { "'/a/:x'", "'/a/:y'" }, { "'/a/*'", "'/a/*'" },
      { "'/caf%C3%A9'", "'/caf\\xC3\\xA9'" },
    }) do
      local child = server.run(([[
        local luaws = require "luaws"
        local handler = { onConnection = print }
        luaws.WebSocketServer.new(handler, { path = %s })
        print(pcall(luaws.WebSocketServer.new, handler, { path = %s }))
        luaws.exit(0)
      ]]):format(paths[1], paths[2]))
      local message = child.stdout:match("^false\t([^\n]*)") or ""
      assert.truthy(message:find("taken", 1, true) or message:find("already", 1, true), message .. child.stderr)
    end
  end)

  it("raises when the web server can't start", function()
    local s = server.start([[ serve({ onMessage = function() end }) ]])
    local child = server.run(([[
      local luaws = require "luaws"
      local web = luaws.WebServer.new { port = %d }
      print(pcall(luaws.WebSocketServer.new, { onConnection = print }, { web = web }))
      print(web:start())
    ]]):format(s.port))
    local first, second = child.stdout:match("^([^\n]*)\n([^\n]*)")
    assert.truthy(first:match("^false\t.*in use"), first)
    assert.truthy(first:find(tostring(s.port), 1, true), first)
    assert.truthy(second:match("^nil\t.*in use"), second)
    assert.equal(0, child.code)
  end)
end)

describe("functions called wrongly", function()
  local CALLS = {
    ["luaws.sleep()"] = "number", ["luaws.sleep(-1)"] = "", ["luaws.sleep('1')"] = "", ["luaws.sleep(0/0)"] = "",
    ["luaws.after(1)"] = "function", ["luaws.after('x', print)"] = "number", ["luaws.every(0, print)"] = "",
    ["luaws.every(1)"] = "function", ["luaws.spawn()"] = "function", ["luaws.spawn(42)"] = "function",
    ["luaws.await()"] = "function", ["luaws.await(42)"] = "function", ["luaws.class()"] = "",
    ["luaws.class(42)"] = "", ["luaws.class('A', 42)"] = "", ["luaws.log.info()"] = "",
    ["luaws.exit('x')"] = "", ["luaws.exit(256)"] = "", ["luaws.WebServer.new(42)"] = "table",
    ["luaws.WebServer.new { prot = 1 }"] = "port", ["luaws.WebServer.new { port = 65536 }"] = "port",
    ["luaws.WebServer.new { port = '80' }"] = "port", ["luaws.WebServer.new { host = 42 }"] = "host",
    ["luaws.WebServer.new { root = 42 }"] = "root", ["luaws.WebServer.new { maxBody = 0 }"] = "maxBody",
    ["luaws.WebServer.new { handler = 42 }"] = "handler", ["luaws.webServer:start(42)"] = "",
    ["luaws.WebServer.new { keepAliveTimeout = -1 }"] = "keepAliveTimeout",
    ["luaws.webServer:start { xyz = 1 }"] = "xyz", ["luaws.webServer.start()"] = "WebServer",
  }

  it("raise at the caller's line and say what was expected", function()
    local lines, expected = {}, {}
    for call, text in pairs(CALLS) do
      lines[#lines + 1] = ("print(pcall(function() %s end))"):format(call)
      expected[#expected + 1] = { call, text }
    end
    local child = server.run("local luaws = require 'luaws'\n" .. table.concat(lines, "\n") .. "\nluaws.exit(0)")
    local i = 0
    for line in child.stdout:gmatch("[^\n]+") do
      i = i + 1
      local call, text = expected[i][1], expected[i][2]
      local position = ("script.lua:%d: "):format(i + 1)
      assert.truthy(line:match("^false\t") and line:find(position, 1, true), call .. " gave " .. line)
      assert.truthy(line:find(text, 1, true), call .. " gave " .. line)
    end
    assert.equal(#expected, i, child.stderr)
    assert.equal(0, child.code)
  end)
end)

describe("errors that end the process of handling, not the server", function()
  it("many raising callbacks in a row leave no trace but the log", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) if event.data == "x" then error "x" end ws:send(event.data) end })
    ]])
    local c = client.open(s, "/")
    local frame = client.frame({ opcode = client.TEXT, payload = "x" })
    c:write(frame:rep(300))
    c:send("after")
    assert.equal("after", c:receive())
  end)
end)
