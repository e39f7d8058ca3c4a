-- What specs find in luaws.testing: testing.server for handlers and scripts, its clients, the assertions, and the check
-- of what a test leaves running. How `luaws test` runs specs is in test_spec.lua.

local server = require "spec.support.server"
local trial = require "spec.support.trial"

local passes = trial.passes

local ECHO = "local Echo = { onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }\n"

describe("testing.server with a handler", function()
  it("serves by the server's handler, or by a connection's, on a free port", function()
    passes(ECHO .. [[
      it("a connection's", function()
        local echo = testing.server(Echo)
        local ann = echo:connect "/any"
        ann:send "hi"
        assert.same({ "hi", false }, { ann:receive(30) })
        assert.equal(("ws://127.0.0.1:%d"):format(echo.port), echo.url)
        assert.equal(1, #echo.wss.connections)
      end)
      it("the server's, with options", function()
        local seen
        local handler = { onConnection = function(_, _, event) seen = event.request return Echo end }
        local echo = testing.server(handler, { path = "/echo/:name", dataType = "object", protocols = { "v2" } })
        local ann = echo:connect("/echo/ann?x=1", { headers = { ["X-Y"] = "z" }, protocols = { "v2" } })
        assert.same({ "ann", "1", "z", "v2" }, { seen.params.name, seen.query.x, seen.headers["x-y"], ann.protocol })
        ann:send '{"a":[1,2]}'
        assert.sent(ann, { a = { 1, 2 } })
        assert.equal(404, echo:refused "/other")
      end)
    ]], 2)
  end)

  it("takes spies and stubs for methods of handlers", function()
    passes([[
      it("calls them", function()
        local handler = { onMessage = function(_, ws, event) ws:send(event.data) end, onTerminate = function() end }
        spy.on(handler, "onMessage")
        stub(handler, "onTerminate")
        local ws = testing.connection(handler)
        ws:deliver "a"
        assert.sent(ws, "a")
        ws:lose()
        local server = { onConnection = spy.new(function() return handler end) }
        local ann = testing.server(server):connect()
        ann:send "b"
        assert.sent(ann, "b")
        ann:close()
        assert.spy(server.onConnection).was.called(1)
        assert.spy(handler.onMessage).was.called(2)
        assert.stub(handler.onTerminate).was.called(2)
      end)
      it("calls those of clients", function()
        local client = { onMessage = spy.new(function() end), onTerminate = spy.new(function() end) }
        local echo = testing.server { onMessage = function(_, ws, event) ws:send(event.data) end }
        local ws = luaws.WebSocket.new(echo.url, client)
        assert(ws:opened())
        ws:send "x"
        while not client.onMessage.calls[1] do luaws.sleep(0.001) end
        ws:terminate()
        while not client.onTerminate.calls[1] do luaws.sleep(0.001) end
      end)
    ]], 2)
  end)

  it("takes what require returns: the module's file is no options", function()
    passes({
      ["echo.lua"] = "return { onMessage = function(_, ws, event) ws:send(event.data) end }",
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        it("takes it", function()
          local ann, ws = testing.server(require "echo"):connect(), testing.connection(require "echo")
          ann:send "a"
          ws:deliver "b"
          assert.sent(ann, "a")
          assert.sent(ws, "b")
          assert.error_matches(function() testing.connection(require "echo", 5) end,
            "^testing.connection: expected a table of options, got a number$")
        end)]],
    }, 1)
  end)

  it("raises for what is wrong, at the line of the spec", function()
    local run = trial.run [[
      it("a handler", function() testing.server({}) end)
      it("an option", function() testing.server({ onMessage = function() end }, { dataTyp = "text" }) end)
      it("a kind", function() testing.server(7) end)
      it("a refused client", function()
        testing.server({ onConnection = function() return nil, 403, "not you" end }):connect("/x")
      end)
      it("a client that is accepted", function()
        testing.server({ onMessage = function() end }):refused()
      end)
    ]]
    trial.counts(run, 0, 0, 5)
    trial.has(run, "spec/a_spec.lua:2: WebSocketServer.new: the handler's onConnection must be a function")
    trial.has(run, "spec/a_spec.lua:3: WebSocketServer.new: unknown option 'dataTyp' (did you mean 'dataType'?)")
    trial.has(run, "spec/a_spec.lua:4: testing.server: expected a handler (a table) or a script's path, got number")
    trial.has(run, "answered 403 Forbidden: not you")
    trial.has(run, "spec/a_spec.lua:6: connect: 127.0.0.1:")
    trial.has(run, "spec/a_spec.lua:9: refused: the client was accepted")
  end)

  it("has clients that receive, are closed, close, and get lost", function()
    passes([[
      local ends = {}
      local Handler = {}
      function Handler:onMessage(ws, event)
        if event.data == "bye" then ws:terminate(3001, "bye") else ws:send(event.data) ws:send "again" end
      end
      function Handler:onTerminate(ws, event) table.insert(ends, event.code) end
      it("receives", function()
        local ann = testing.server(Handler):connect()
        assert.same({ nil, "timeout" }, { ann:receive(0) })
        assert.same({ nil, "timeout" }, { ann:receive(0.01) })
        ann:send "1"
        local all = {}
        for message in ann:messages() do
          table.insert(all, message)
          if #all == 2 then ann:send "bye" end
        end
        assert.same({ "1", "again" }, all)
        assert.same({ nil, "closed", 3001, "bye" }, { ann:receive() })
        assert.same({ "1", "again" }, ann.sent)
      end)
      it("closes", function()
        local s = testing.server(Handler)
        local ann, ben, eve = s:connect(), s:connect(), s:connect()
        ann:close()
        ben:close(4000, "enough")
        eve:lose()
        assert.same({ true, true, true }, { ann.closed, ben.closed, eve.closed })
        s:stop()
        assert.same({ 3001, 1000, 4000, 1006 }, ends)
        ann:close()
      end)
    ]], 2)
  end)

  it("answers GET", function()
    passes([[
      it("gets", function()
        local web = luaws.WebServer.new { handler = { onRequest = function(_, _, event)
          if event.request.url == "/a?b" then return { status = 201, headers = { X = "y" }, body = "made" } end
        end } }
        local handler = { onMessage = function() end }
        local s = testing.server(handler, { web = web })
        local answer = s:get "/a?b"
        assert.same({ 201, "y", "made" }, { answer.status, answer.headers.x, answer.body })
        assert.equal(426, s:get("/").status)
      end)
    ]], 1)
  end)

  it("lasts as long as what it was made in: a test, a hook, a describe, a file", function()
    passes(ECHO .. [[
      local all = {}
      local function make() local s = testing.server(Echo) table.insert(all, s) return s end
      local function states()
        local list = {}
        for i, s in ipairs(all) do list[i] = not s.isStopped end
        return list
      end
      make()
      describe("a", function()
        make()
        setup(make)
        before_each(make)
        after_each(function() assert.is_true(states()[4] == false) end)
        it("is", function() make() assert.same({ true, true, true, true, true }, states()) end)
        it("is, too", function() assert.same({ true, true, true, false, false, true }, states()) end)
      end)
      it("is over", function() assert.same({ true, false, false, false, false, false }, states()) end)
    ]], 3)
  end)
end)

describe("testing.server with a script", function()
  local PROJECT = {
    ["app/main.lua"] = [[
      local luaws = require "luaws"
      local names = require "names"
      count = (count or 0) + 1
      names.count = names.count + 1
      print("started", arg[0], arg[1], ...)
      luaws.onError = function() onErrorCalls = (onErrorCalls or 0) + 1 end
      luaws.every(100, function() end)
      luaws.spawn(function() while true do luaws.sleep(100) end end)
      luaws.WebSocket.new("ws://127.0.0.1:1", { onError = function() end }, { reconnect = {} })
      local Handler = luaws.class "Handler"
      function Handler:onMessage(ws, event)
        if event.data == "task error" then luaws.spawn(error, "in a task") end
        ws:send(("%d %d %s"):format(count, names.count, tostring(onErrorCalls)))
      end
      local Server = { onConnection = function() return Handler.new() end }
      assert(luaws.webServer:start { root = "pages" })
      wss = luaws.WebSocketServer.new(Server, { path = "/main" })
      local other = luaws.WebServer.new { port = 80 }
      luaws.WebSocketServer.new(Server, { path = "/other", web = other })
    ]],
    ["app/names.lua"] = "seen = true return { count = 0 }",
    ["app/pages/index.html"] = "<title>App</title>",
    ["spec/a_spec.lua"] = trial.HEAD .. [[
      local function names() return package.loaded.names end
      for i = 1, 3 do
        it("is alone " .. i, function()
          local app = testing.server("app/main.lua", { args = { "x", "y" } })
          local ann = app:connect "/main"
          ann:send "?"
          assert.equal("1 1 nil", ann:receive(30))
          assert.same({ "started\tapp/main.lua\tx\tx\ty" }, app.output)
          assert.same({}, { wss, count, seen, names() })
          assert.equal("/main", app.wss.path)
        end)
      end
      it("has its own web servers, with its folder", function()
        local app = testing.server "app/main.lua"
        assert.equal("<title>App</title>", app:get("/").body)
        local ann = app:connect "/other"
        ann:send "?"
        assert.equal("1 1 nil", ann:receive(30))
        assert.equal(404, app:refused "/none")
        assert.is_false(luaws.webServer.isRunning)
      end)
      it("is beside itself", function()
        local a, b = testing.server "app/main.lua", testing.server "app/main.lua"
        assert.not_equal(a.port, b.port)
        assert.truthy(a:connect "/main")
        assert.truthy(b:connect "/main")
      end)
      it("has its onError", function()
        local app = testing.server "app/main.lua"
        local ann = app:connect "/main"
        ann:send "task error"
        ann:receive()
        assert.matches("in a task", testing.nextError().message)
        ann:send "?"
        assert.equal("1 1 1", (ann:receive(30)))
      end)
      it("leaves no onError", function() assert.is_nil(luaws.onError) end)
      it("is found in the project's folders", function() assert.truthy(testing.server("main.lua").port) end)
    ]],
  }

  it("runs it in an environment of its own", function()
    local run = trial.run(PROJECT, { "spec/a_spec.lua", "-m", "./src/?.lua" })
    trial.counts(run, 7, 0, 1)
    trial.has(run, "spec/a_spec.lua:39: testing.server: there is no script main.lua (looked for in ., spec)")
    assert.equal("", run.stderr)
  end)

  it("finds it in the folder above the specs", function()
    passes({
      ["app/main.lua"] = [[
        local luaws = require "luaws"
        luaws.WebSocketServer.new { onConnection = function() end }
      ]],
      ["app/spec/a_spec.lua"] = trial.HEAD .. [[
        it("refuses", function() assert.equal(403, testing.server("main.lua"):refused()) end)
      ]],
    }, 1, { "app/spec" })
  end)

  it("raises what its main chunk raises, with the lines around", function()
    local run = trial.run {
      ["syntax.lua"] = "local a\nlocal = 1",
      ["raises.lua"] = "local luaws\nlocal x = luaws.x\nreturn x",
      ["module.lua"] = "require 'broken'",
      ["broken.lua"] = "x = = 1",
      ["waits.lua"] = "require 'sleeps'",
      ["sleeps.lua"] = "require('luaws').sleep(1)",
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        it("has a syntax error", function() testing.server "syntax.lua" end)
        it("raises", function() testing.server "raises.lua" end)
        it("requires", function() testing.server "module.lua" end)
        it("waits in a module", function() testing.server "waits.lua" end)
        it("has unknown options", function() testing.server("syntax.lua", { port = 1 }) end)
      ]],
    }
    trial.counts(run, 0, 0, 5)
    trial.has(run, "syntax.lua:2: <name> expected near '='")
    trial.has(run, "raises.lua:2: attempt to index a nil value (local 'luaws')\n"
      .. "    1 | local luaws\n  > 2 | local x = luaws.x\n    3 | return x")
    trial.has(run, "broken.lua:1: unexpected symbol near '='")
    trial.has(run, "sleeps.lua:1: luaws.sleep can't wait at the top of a module that is being required")
    trial.has(run, "spec/a_spec.lua:6: testing.server: unknown option 'port' (a script takes args and tls)")
  end)

  it("gives its workers its modules, and ends them", function()
    passes({
      ["app/main.lua"] = [[
        local luaws = require "luaws"
        local Handler = {}
        function Handler:onMessage(ws, event) ws:send(tostring(luaws.askWorker("counter", "count.up"))) end
        luaws.callWorker("counter", "count.up")
        luaws.WebSocketServer.new { onConnection = function() return Handler end }
      ]],
      ["app/count.lua"] = "local n = 0 return { up = function() n = n + 1 return n end }",
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        for i = 1, 2 do
          it("counts from one " .. i, function()
            local ann = testing.server("app/main.lua"):connect()
            ann:send "?"
            assert.equal("2", (ann:receive(30)))
          end)
        end
      ]],
    }, 2)
  end)

  it("runs one that ends by itself", function()
    passes({
      ["once.lua"] = [[
        local luaws = require "luaws"
        luaws.exit(3)
        print "behind"
        luaws.after(0.05, function() print "late" end)
      ]],
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        it("ends", function()
          local once = testing.server "once.lua"
          assert.same({ 3, { "behind" } }, { once.exitCode, once.output })
          assert.equal("late", once:awaitOutput "^l")
          assert.is_nil(once:awaitOutput("none", 0.01))
          assert.has_error(function() once:connect() end, "once.lua serves nothing")
        end)
      ]],
    }, 1)
  end)

  it("returns when the main chunk waits and has made a server", function()
    passes({
      ["waits.lua"] = [[
        local luaws = require "luaws"
        luaws.WebSocketServer.new { onConnection = function() end }
        while true do luaws.sleep(10) end
      ]],
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        it("is there", function() assert.equal(403, testing.server("waits.lua"):refused()) end)
      ]],
    }, 1)
  end)

  it("prints what it has printed when the test fails, or at once with -v", function()
    local files = {
      ["prints.lua"] = "print('a', 1, nil)",
      ["spec/a_spec.lua"] = trial.HEAD .. [[
        it("passes", function() testing.server "prints.lua" end)
        it("fails", function() testing.server "prints.lua" error "x" end)
      ]],
    }
    local run = trial.run(files)
    assert.equal(1, select(2, run.stdout:gsub("a\t1\tnil", "")))
    trial.has(run, "Printed:\n  a\t1\tnil")
    run = trial.run(files, { "-v" })
    assert.equal(2, select(2, run.stdout:gsub("a\t1\tnil", "")))
  end)
end)

describe("what a test leaves running", function()
  it("fails it, and is named with its place; the next test is not disturbed", function()
    local run = trial.run [[
      local uv = require "luv"
      local function with(onMessage, words)
        local ann = testing.server({ onMessage = onMessage }):connect()
        ann:send "x"
        ann:receive()
      end
      it("a timer of its own", function() luaws.every(1, print) end)
      it("a task", function()
        luaws.spawn(function()
          luaws.sleep(100)
        end)
      end)
      it("a client", function() luaws.WebSocket.new("ws://127.0.0.1:1", nil, { reconnect = {} }) end)
      it("a server", function() luaws.WebSocketServer.new({ onConnection = print }, { path = "/x" }) end)
      it("a handle of luv's", function() uv.new_timer():start(100000, 0, print) end)
      it("a handler's timer", function()
        with(function(_, ws)
          luaws.every(1, print)
          ws:send "y"
        end)
      end)
      it("a handler's task", function()
        with(function(_, ws)
          luaws.spawn(luaws.await, function() end)
          ws:send "y"
        end)
      end)
      it("a callback", function()
        with(function(_, ws)
          ws:send "y"
          luaws.await(function() end)
        end)
      end)
      it("nothing", function()
        luaws.after(100, print)
        luaws.spawn(luaws.sleep, 0.03)
        local timer = luaws.every(1, print)
        timer:cancel()
        with(function(_, ws) luaws.after(100, print) ws:send "y" end)
      end)
      it("what has failed anyway", function() luaws.every(1, print) error "x" end)
      it("nothing again", function() end)
    ]]
    trial.counts(run, 2, 0, 9)
    for line, what in pairs {
      [8] = "timer started at spec/a_spec.lua:8",
      [9] = "task started at spec/a_spec.lua:10, which waits at spec/a_spec.lua:11",
      [14] = "client started at spec/a_spec.lua:14",
      [15] = "WebSocketServer started at spec/a_spec.lua:15\n  WebServer started at spec/a_spec.lua:15",
      [16] = "uv_timer",
      [17] = "timer started at spec/a_spec.lua:19",
      [23] = "task started at spec/a_spec.lua:25",
    } do
      trial.has(run, ("spec/a_spec.lua:%d: this is still running at the end:\n  %s"):format(line, what))
    end
    trial.has(run, "spec/a_spec.lua:29: these callbacks have not returned:\n"
      .. "  onMessage, which waits at spec/a_spec.lua:32")
    trial.has(run, "spec/a_spec.lua:42: x")
  end)

  it("is looked for at the end of a describe, for what its setup has started", function()
    local run = trial.run [[
      describe("a", function()
        setup(function() luaws.every(1, print) end)
        it("is", function() end)
      end)
      it("is", function() end)
    ]]
    trial.counts(run, 2, 0, 1)
    trial.has(run, "this is still running at the end:\n  timer started at spec/a_spec.lua:3")
  end)
end)

describe("errors of handlers", function()
  local HANDLER = [[
    local Handler = {}
    function Handler:onMessage(ws, event)
      if event.data == "raise" then
        local none
        none.x = 1
      elseif event.data == "timer" then
        luaws.after(0, function() error "in a timer" end)
      elseif event.data == "handled" then
        error { why = "table" }
      end
    end
    local function raise(word)
      local ann = testing.server(Handler):connect()
      ann:send(word)
      return ann
    end
  ]]

  it("fail the test that has not looked at them", function()
    local run = trial.run(HANDLER .. [[
      it("raises", function() raise "raise" end)
      it("raises in a timer", function() raise "timer" luaws.sleep(0.02) end)
      it("raises again", function() raise "raise" end)
      it("is fine", function() raise "nothing" end)
    ]])
    trial.counts(run, 1, 0, 3)
    assert.equal(2, select(2, run.stdout:gsub("> 6 |", "")), "an error is told whole in each test")
    trial.has(run, "errors that the test has not looked at (testing.errors):\n"
      .. "  onMessage: spec/a_spec.lua:6: attempt to index a nil value (local 'none')")
    trial.has(run, "  timer: spec/a_spec.lua:8: in a timer")
    trial.has(run, "handler:onMessage, connection")
    trial.has(run, "> 6 |         none.x = 1")
    assert.equal("", run.stderr)
  end)

  it("are what a test may ask for", function()
    passes(HANDLER .. [[
      it("waits for one", function()
        raise "raise"
        local err = testing.nextError()
        assert.matches("attempt to index", err.message)
        assert.matches("stack traceback", err.traceback)
        assert.same({ 1, "LUA_", "onMessage" }, { err.errCode, err.componentSignature, err.callback })
        assert.is_nil(testing.nextError(0))
        assert.equal(1, #testing.errors())
      end)
      it("has them all", function()
        local ann = raise "raise"
        ann:send "handled"
        ann:close()
        local errors = testing.errors()
        assert.equal(2, #errors)
        assert.matches("table", errors[2].message)
      end)
      it("has none of an earlier test", function() assert.same({}, testing.errors()) end)
      it("is no matter of a peer's mistakes", function()
        local s = testing.server({ onMessage = function() end }, { dataType = "object" })
        local ann = s:connect()
        ann:send "no json"
        ann:close()
        assert.no_errors()
      end)
    ]], 4)
  end)

  it("are what assert.no_errors tells", function()
    local run = trial.run(HANDLER .. [[
      it("none", function() raise "nothing" assert.no_errors() assert.no_error() end)
      it("one", function()
        raise("raise"):close()
        assert.no_errors()
      end)
      it("is luassert's with a function", function()
        assert.no_errors(function() end)
        assert.no_error(function() error "of the function" end)
      end)
    ]])
    trial.counts(run, 1, 2, 0)
    trial.has(run, "Expected no errors, but there are:\nonMessage: spec/a_spec.lua:6: attempt to index")
    trial.has(run, "of the function")
  end)
end)

describe("the assertions", function()
  it("wait for what is on its way, and say what was sent instead", function()
    local run = trial.run [[
      local ann
      before_each(function()
        ann = testing.server({ onMessage = function(_, ws, event)
          luaws.sleep(0.05)
          if event.data == "close" then return ws:terminate(4001, "why") end
          ws:send "one"
          ws:send { two = { 2 } }
          ws:send("\0\1", true)
        end }):connect()
      end)
      it("sent", function()
        ann:send "x"
        assert.sent(ann, "one")
        assert.sent(ann, { two = { 2 } })
        assert.sent(ann, "\0\1")
        assert.not_sent(ann, "three")
      end)
      it("closed", function()
        assert.not_closed(ann)
        ann:send "close"
        assert.closed(ann, 4001, "why")
        assert.closed(ann)
      end)
      it("not sent", function() ann:send "x" assert.sent(ann, { two = 2 }) end)
      it("sent, alas", function() ann:send "x" assert.sent(ann, "one") assert.not_sent(ann, "one") end)
      it("nothing sent", function() assert.sent(ann, "one") end)
      it("not closed", function() assert.closed(ann, 1000) end)
      it("closed otherwise", function() ann:send "close" assert.closed(ann, 1000, "x") end)
      it("closed, alas", function() ann:send "close" ann:receive() assert.not_closed(ann) end)
      it("no connection", function() assert.sent({}, "x") end)
    ]]
    trial.counts(run, 2, 6, 1)
    trial.has(run, "Sent was:\n1: (string) 'one'\n2: (string) '{\"two\":[2]}'")
    trial.has(run, "spec/a_spec.lua:26: Expected not to be sent:\n(string) 'one'")
    trial.has(run, "Expected to be sent:\n(string) 'one'\nSent was:\nnothing")
    trial.has(run, "Expected to be closed with 1000\nIt is open")
    trial.has(run, "Expected to be closed with 1000 (string) 'x'\nIt is closed with 4001 (string) 'why'")
    trial.has(run, "Expected not to be closed\nIt is closed with 4001")
    trial.has(run, "assert.sent: expected a connection of luaws.testing, got a table")
  end)

  it("show what fits on a terminal: the last messages, the beginnings of long ones, nothing unprintable", function()
    local run = trial.run [[
      local ws
      before_each(function()
        ws = testing.connection {
          onMessage = function(_, ws)
            for i = 1, 100 do ws:send(tostring(i)) end
            ws:send("!" .. ("ä"):rep(10000))
            ws:send("\27[2J\n\0")
            ws:send("\xff\7", true)
          end,
        }
        ws:deliver "x"
      end)
      it("many", function() assert.sent(ws, "\xfe") end)
    ]]
    trial.has(run, "Expected to be sent:\n(string) '\\xfe'\nSent was:\n... (83 before these)\n84: (string) '84'\n")
    trial.has(run, "101: (string) '!" .. ("ä"):rep(499) .. "' ... (19002 bytes more)\n"
      .. "102: (string) '\\x1b[2J\n\\x00'\n103: (string) '\\xff\\x07'\n")
  end)
end)

describe("luaws.testing", function()
  it("works in specs alone", function()
    for _, call in ipairs { "server({})", "connection({})", "errors()", "nextError()" } do
      local run = server.run("require('luaws.testing')." .. call)
      assert.equal(1, run.code)
      assert.truthy(run.stderr:find("script.lua:1: testing.%l+%u?%l* works in specs alone, which 'luaws test' runs"),
        run.stderr)
    end
  end)
end)
