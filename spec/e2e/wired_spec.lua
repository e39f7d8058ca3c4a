-- testing.connection: connections without a network. That they are like real ones is shown by spec/wired/equal.lua,
-- which runs the scenarios of spec/wired over both; here is what else a test can rely on.

local async = require "spec.support.async"
local server = require "spec.support.server"
local trial = require "spec.support.trial"

local function passes(files, count, options) return trial.passes(files, count, nil, options) end

local ECHO = "local Echo = { onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }\n"

describe("a connection without a network", function()
  it("is like a real one in whatever may happen", function()
    local run = server.run(nil, { program = { "test", "spec/wired/equal.lua" }, timeout = 120 })
    assert.equal(0, run.code, run.stdout .. run.stderr)
    assert.is_true(tonumber(run.stdout:match "(%d+) successes") > 60, run.stdout)
    trial.has(run, " 0 failures / 0 errors / 0 pending")
  end)

  it("shows what the handler has sent, and both ends of it", function()
    passes(ECHO .. [[
      it("text", function()
        local ws = testing.connection(Echo)
        assert.same({ true }, { ws:deliver "hi" })
        ws:deliver("\0\255", true)
        assert.same({ "hi", "\0\255" }, ws.sent)
        assert.same({ false, true }, ws.isBinary)
        assert.sent(ws, "hi")
        assert.equal("Connected", ws.connection.status)
        assert.equal(Echo, ws.connection.handler)
        assert.equal(Echo, ws.handler)
        assert.equal(ws.wss, ws.connection.wss)
        assert.equal(ws.connection, ws.wss.connections[1])
        assert.is_false(ws.closed)
        assert.is_nil(ws.code)
      end)
      it("objects", function()
        local ws = testing.connection(Echo, { dataType = "object" })
        ws:deliver { a = { 1, 2 }, b = luaws.null }
        ws:deliver "[]"
        ws:deliver(12)
        ws.connection:send "no JSON"
        assert.same({ { a = { 1, 2 }, b = luaws.null }, {}, 12, "no JSON" }, ws.sent)
      end)
      it("what is sent from elsewhere", function()
        local ws = testing.connection(Echo)
        ws.connection:send "one"
        ws.wss:broadcast "two"
        assert.same({ "one", "two" }, ws.sent)
      end)
      it("all frames", function()
        local ws = testing.connection(Echo)
        ws:ping "p"
        ws.connection:ping "q"
        ws.connection:terminate(4000, "bye")
        assert.same({ { type = "pong", data = "p" }, { type = "ping", data = "q" },
          { type = "close", code = 4000, reason = "bye" } }, ws.frames)
        assert.closed(ws, 4000, "bye")
        assert.is_true(ws.wasClean)
        assert.same({ nil, "closed" }, { ws:deliver "late" })
        assert.same({ nil, "closed" }, { ws:close() })
      end)
      it("what is lost", function()
        local ws = testing.connection(Echo)
        ws:lose()
        assert.closed(ws, 1006)
        assert.is_false(ws.wasClean)
        assert.equal("Closed", ws.connection.status)
      end)
    ]], 5)
  end)

  it("has a clock that stands still until it is advanced", function()
    passes([[
      local log = {}
      local Sleeper = {}
      function Sleeper:onMessage(ws, event)
        luaws.sleep(tonumber(event.data))
        ws:send(event.data)
      end
      it("for sleeps of any length", function()
        local ws, clock = testing.connection(Sleeper, { pingInterval = false })
        assert.equal(0, clock.now)
        ws:deliver "86400"
        assert.same({}, ws.sent)
        assert.equal(86399.5, clock:advance(86399.5))
        assert.same({}, ws.sent)
        clock:advance(0.5)
        assert.same({ "86400" }, ws.sent)
        assert.equal(86400, clock.now)
      end)
      it("for timers, each at its time", function()
        local ws, clock
        ws, clock = testing.connection { onMessage = function()
          local timer
          timer = luaws.every(2, function() table.insert(log, "every " .. clock.now) end)
          luaws.after(3, function()
            table.insert(log, "after " .. clock.now)
            luaws.spawn(function()
              luaws.sleep(2)
              table.insert(log, "slept " .. clock.now)
            end)
          end)
          luaws.after(7, function() timer:cancel() end)
        end }
        ws:deliver "x"
        clock:advance(60)
        assert.same({ "every 2.0", "after 3.0", "every 4.0", "slept 5.0", "every 6.0" }, log)
      end)
      it("but a test's own sleep is real", function()
        local uv = require "luv"
        local ws, clock = testing.connection(Sleeper)
        local start = uv.hrtime()
        luaws.sleep(0.03)
        assert.is_true(uv.hrtime() - start >= 30e6)
        assert.equal(0, clock.now)
        assert.is_false(ws.closed)
      end)
      it("for pings and time-outs", function()
        local ws, clock = testing.connection(Sleeper, { pingInterval = 20, pongTimeout = 5, closeTimeout = 3 })
        clock:advance(19.9)
        assert.same({}, ws.frames)
        clock:advance(0.1)
        assert.same({ { type = "ping", data = "" } }, ws.frames)
        ws:silence()
        clock:advance(20)
        assert.is_false(ws.closed)
        clock:advance(5)
        assert.closed(ws, 1006)
      end)
      it("for all connections of a test", function()
        local ann, clock = testing.connection(Sleeper)
        clock:advance(5)
        local bob, later = testing.connection(Sleeper, { server = ann.wss })
        bob:deliver "1"
        clock:advance(1)
        assert.equal(6, clock.now)
        assert.equal(1, later.now)
        assert.same({ "1" }, bob.sent)
      end)
    ]], 5)
  end)

  it("may be one of several of a server, which may have a handler of its own", function()
    passes([[
      local Member = luaws.class "Member"
      function Member:onOpen(ws) ws.wss:broadcast("joined", ws) end
      function Member:onMessage(ws, event) ws.wss:broadcast(event.data, ws) end
      it("of handlers", function()
        local ann = testing.connection(Member.new())
        local bob = testing.connection(Member.new(), { server = ann.wss })
        bob:deliver "hi"
        assert.same({ "joined", "hi" }, ann.sent)
        assert.same({}, bob.sent)
        assert.equal(2, #ann.wss.connections)
      end)
      local Server = {}
      function Server:onConnection(wss, event)
        local request = event.request
        luaws.sleep(3)
        if request.query.name == "eve" then return nil, 403, "not you" end
        local member = Member.new()
        member.request = request
        return member, { protocol = request.protocols[2] }
      end
      it("of the server's handler", function()
        local ann, clock = testing.connection(Server, { path = "/rooms/:room", params = { room = "blue sky" },
          query = { name = "ann", tag = { "a", "b" } }, headers = { ["X-Y"] = "z" }, remoteAddress = "2001:db8::7",
          protocols = { "v1", "v2" }, secure = true })
        local request = ann.handler.request
        assert.same({ "blue sky", "z", "2001:db8::7", true, "/rooms/blue%20sky?name=ann&tag=a&tag=b" },
          { request.params.room, request.headers["x-y"], request.remoteAddress, request.secure, request.url })
        assert.same({ "v1", "v2" }, request.protocols)
        assert.equal("v2", ann.protocol)
        assert.equal(0, clock.now)
        local bob = testing.connection(nil, { server = ann.wss, url = "/rooms/red", protocols = { "v1", "v2" } })
        bob:deliver "hi"
        assert.same({ "joined", "hi" }, ann.sent)
      end)
      it("and is refused by it", function()
        local ws, status, body = testing.connection(Server, { url = "/?name=eve" })
        assert.same({ nil, 403, "not you" }, { ws, status, body })
      end)
      it("with limits", function()
        local ann = testing.connection(Member.new(), { maxConnections = 1 })
        local ws, status = testing.connection(Member.new(), { server = ann.wss })
        assert.same({ nil, 503 }, { ws, status })
      end)
    ]], 4)
  end)

  it("sends whatever a client may send, or may not", function()
    passes(ECHO .. [[
      it("frames", function()
        local ws = testing.connection(Echo)
        ws:deliverFrame { opcode = "text", data = "he", fin = false }
        ws:deliverFrame { opcode = "continuation", data = "llo" }
        ws:deliverBytes "\x81\x82\0\0\0\0"
        ws:deliverBytes "hi"
        assert.same({ "hello", "hi" }, ws.sent)
        ws:deliverFrame { opcode = 3 }
        assert.closed(ws, 1002)
        assert.equal(1, #testing.errors() + 1)
      end)
      it("compressed messages", function()
        local ws = testing.connection(Echo, { compression = true })
        local text = ("again "):rep(1000)
        ws:deliver(text)
        assert.same({ text }, ws.sent)
      end)
    ]], 2)
  end)

  it("stops reading, and reads again", function()
    passes([[
      local drained = 0
      local Sender = { onMessage = function(_, ws) ws:send(("x"):rep(100000)) end,
        onDrain = function() drained = drained + 1 end }
      it("drains", function()
        local ws = testing.connection(Sender)
        ws:fill()
        ws:deliver "x"
        assert.equal(100010, ws.connection.bufferedAmount)
        assert.same({}, ws.sent)
        ws:drain()
        assert.equal(0, ws.connection.bufferedAmount)
        assert.equal(100000, #ws.sent[1])
        assert.equal(1, drained)
      end)
    ]], 1)
  end)

  it("ends with its test: handlers hear of it, and what they leave running fails it", function()
    local run = trial.run [[
      local ends, ticks = {}, 0
      local Handler = {}
      function Handler:onOpen() self.timer = luaws.every(1, function() ticks = ticks + 1 end) end
      function Handler:onMessage() luaws.sleep(3600) end
      function Handler:onTerminate(_, event)
        table.insert(ends, event.code)
        self.timer:cancel()
      end
      it("first", function()
        local ws = testing.connection(setmetatable({}, { __index = Handler }))
        ws:deliver "x"
        testing.connection(setmetatable({}, { __index = Handler }), { server = ws.wss })
      end)
      it("second", function()
        assert.same({ 1006, 1006 }, ends)
        local ws, clock = testing.connection { onMessage = function() end }
        clock:advance(5000)
        assert.equal(0, ticks)
        assert.equal(1, ws.wss.connectionCount)
      end)
      local Leaky = {}
      function Leaky:onOpen()
        luaws.every(1, function() ticks = ticks + 1 end)
        luaws.spawn(function() luaws.sleep(10) end)
      end
      function Leaky:onMessage() end
      it("third", function() testing.connection(Leaky) end)
      it("fourth", function()
        local _, clock = testing.connection { onMessage = function() end }
        clock:advance(100)
        assert.equal(0, ticks)
      end)
    ]]
    trial.counts(run, 3, 0, 1)
    trial.has(run, "this is still running at the end:\n  timer started at spec/a_spec.lua:24\n  task started at")
  end)

  it("lasts as long as what it was made in", function()
    passes([[
      local Ticker = { onMessage = function() end }
      function Ticker:onOpen(ws) self.timer = luaws.every(1, function() ws:send "tick" end) end
      function Ticker:onTerminate() self.timer:cancel() end
      local function new() return setmetatable({}, { __index = Ticker }) end
      local lasting, clock, own
      setup(function() lasting, clock = testing.connection(new()) end)
      it("a test", function()
        own = testing.connection(new())
        clock:advance(1)
        assert.same({ "tick" }, own.sent)
      end)
      it("or a file", function()
        assert.closed(own, 1006)
        assert.not_closed(lasting)
        clock:advance(1)
        assert.same({ "tick", "tick" }, lasting.sent)
      end)
    ]], 2)
  end)

  it("waits for what handlers wait for outside, in real time", function()
    passes([[
      local uv = require "luv"
      it("files", function()
        local ws = testing.connection { onMessage = function(_, ws)
          local err, stat = luaws.await(function(done) uv.fs_stat(".", done) end)
          ws:send(stat.type)
        end }
        ws:deliver "x"
        for _ = 1, 1000 do
          if #ws.sent > 0 then break end
          luaws.sleep(0.001)
        end
        assert.same({ "directory" }, ws.sent)
      end)
      it("answers", function()
        local ws = testing.connection { onConnection = function()
          luaws.await(function(done) uv.fs_stat(".", done) end)
          return { onMessage = function() end }
        end }
        assert.equal("Connected", ws.connection.status)
      end)
    ]], 2)
  end)

  it("raises for what is wrong, at the line of the spec", function()
    local run = trial.run(ECHO .. [[
      it("no handler", function() testing.connection {} end)
      it("an option", function() testing.connection(Echo, { dataTyp = "text" }) end)
      it("a server", function() testing.connection(Echo, { server = 7 }) end)
      it("a server's option", function()
        testing.connection(Echo, { server = testing.connection(Echo).wss, path = "/" })
      end)
      it("no param", function() testing.connection(Echo, { path = "/:room" }) end)
      it("an address", function() testing.connection(Echo, { remoteAddress = "here" }) end)
      it("a message", function() testing.connection(Echo):deliver(print) end)
      it("a place", function()
        local ws = testing.connection(Echo)
        coroutine.wrap(function() ws:deliver "x" end)()
      end)
    ]])
    assert.equal(1, run.code)
    for _, text in ipairs {
      "a_spec.lua:3: testing.connection: expected a handler (a table with onMessage or onConnection), got a table",
      "a_spec.lua:4: WebSocketServer.new: unknown option 'dataTyp' (did you mean 'dataType'?)",
      "a_spec.lua:5: testing.connection: option 'server' must be the wss of another such connection",
      "a_spec.lua:7: testing.connection: option 'path' is for a new server",
      "a_spec.lua:9: testing.connection: params.room is needed for the path /:room, or a url",
      "a_spec.lua:10: testing.connection: the server is closed, or 'here' is no address",
      "a_spec.lua:11: deliver: expected a message, got a function",
      "can't wait in a coroutine of your own",
    } do trial.has(run, text) end
    trial.counts(run, 0, 0, 8)
  end)

  it("tells of handlers that never come to rest", function()
    if async.seconds(1) > 1 then pending("more turns than ThreadSanitizer's own stack of calls has room for") end
    local run = trial.run [[
      it("polls", function()
        local ws = testing.connection { onMessage = function() while true do luaws.sleep(0) end end }
        ws:deliver "x"
      end)
      it("goes on", function() assert.is_true(true) end)
    ]]
    trial.has(run, "the handlers don't come to rest")
    trial.has(run, "1 success / ")
  end)

  it("ends with the program, whatever waits there", function()
    local run = server.run [[
      local luaws, wired = require "luaws", require "luaws.wired"
      local Handler = { onMessage = function() luaws.sleep(3600) end }
      function Handler:onTerminate(ws, event)
        print(event.code, luaws.sleep(1800))
      end
      local web = wired.webServer()
      luaws.WebSocketServer.new({ onConnection = function() return Handler end }, { web = web, closeTimeout = 3600 })
      local peer = wired.connect(web, table.concat({ "GET / HTTP/1.1", "Host: h", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "",
      }, "\r\n"), { address = "127.0.0.1", port = 1 })
      wired.rest()
      peer:send "x"
      wired.rest()
      luaws.exit(3)
    ]]
    assert.equal(3, run.code, run.stdout .. run.stderr)
    assert.equal("1006\ttrue\n", run.stdout)
  end)

  it("takes a thousand tests less than ten seconds, busted's own time apart", function()
    local EMPTY = "for i = 1, 1000 do it('test ' .. i, function() %s end) end"
    local function measure(body)
      local run = passes(ECHO .. [[
        local start = os.clock() -- of the processor: the machine may have other things to do
        teardown(function() print(("took %.3f s"):format(os.clock() - start)) end)
      ]] .. EMPTY:format(body), 1000, { timeout = 120 })
      return tonumber(run.stdout:match "took ([%d.]+) s")
    end
    local empty = measure ""
    local full = measure [[
      local ws, clock = testing.connection(Echo)
      ws:deliver "hi"
      ws:deliver("bytes", true)
      clock:advance(1)
      assert.same({ "hi", "bytes" }, ws.sent)
      ws:close(1000)
      assert.closed(ws, 1000)
    ]]
    assert.is_true(full - empty < async.seconds(10), ("%.3f s, and %.3f s without them"):format(full, empty))
  end)

  it("takes no memory when it is over", function()
    if async.seconds(1) > 1 then pending("a sanitizer keeps what has been freed") end
    local run = passes((ECHO .. [[
      local function resident()
        collectgarbage()
        collectgarbage()
        return require "luv".resident_set_memory()
      end
      local function open(count)
        for _ = 1, count do
          local ws = testing.connection(Echo)
          ws:deliver "hi"
          ws:close(1000)
          ws.wss:terminate(0)
        end
      end
      local first
      it("warms up", function() open(2 * COUNT) end)
      it("notes", function() first = resident() end)
      for i = 1, 8 do it("opens " .. i, function() open(COUNT) end) end
      it("has grown little", function()
        assert.is_true(resident() - first < MIB * 1024 * 1024, (resident() - first) .. " bytes")
      end)
    ]]):gsub("MIB", 4):gsub("COUNT", 1000), 11, { timeout = 120 })
    assert.equal("", run.stderr)
  end)
end)
