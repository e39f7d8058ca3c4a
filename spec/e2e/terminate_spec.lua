-- How connections and servers end, who is told what, and in which order.

local uv = require "luv"
local async = require "spec.support.async"
local client = require "spec.support.client"
local server = require "spec.support.server"

-- A handler that tells how its connection ends and does what the message says.
local TELLING = [[
  local Handler = {}
  Handler.__index = Handler
  function Handler:onOpen(ws) say("open", ws.status) end
  function Handler:onMessage(ws, event)
    local code = assert(load("local ws = ... " .. event.data))
    code(ws)
  end
  function Handler:onTerminate(ws, event)
    say(event.type, event.code, event.reason, event.wasClean, ws.status)
  end
  local wss = serve(Handler, { closeTimeout = 60 }, {
    onTerminate = function(_, wss, event)
      say("server", event.type, wss.terminated, #wss.connections)
    end,
  })
]]

local IMPATIENT = TELLING:gsub("closeTimeout = 60", "closeTimeout = 0.3")

local function openTelling(script)
  local s = server.start(script or TELLING)
  local c = client.open(s, "/")
  s:expectLines("open Connected")
  return s, c
end

describe("terminate of a connection", function()
  it("closes with 1000 and no reason", function()
    local s, c = openTelling()
    c:send("ws:terminate()")
    c:expectClose(1000, "")
    s:expectLines("terminate 1000 nil true Closed")
  end)

  for _, code in ipairs({ 1000, 3000, 3999, 4000, 4999 }) do
    it("closes with " .. code .. " and a reason", function()
      local s, c = openTelling()
      c:send(("ws:terminate(%d, 'grüße')"):format(code))
      c:expectClose(code, "grüße")
      s:expectLines(("terminate %d grüße true Closed"):format(code))
    end)
  end

  it("takes an integral float, a reason of 123 bytes and an empty one", function()
    local s, c = openTelling()
    c:send("ws:terminate(3000.0, ('r'):rep(123))")
    c:expectClose(3000, ("r"):rep(123))
    s:expectLines("terminate 3000 " .. ("r"):rep(123) .. " true Closed")
    local s2, c2 = openTelling()
    c2:send("ws:terminate(1000, '')")
    c2:expectClose(1000, "")
    s2:expectLines("terminate 1000 nil true Closed")
  end)

  for _, arguments in ipairs({
    "0", "-1", "999", "1001", "1002", "1005", "1006", "1015", "2999", "3000.5", "'3000'", "5000", "true", "{}",
    "0/0", "1000, ('r'):rep(124)", "1000, '\\xff'", "1000, {}",
  }) do
    it("raises for (" .. arguments .. ") and leaves the connection open", function()
      local s, c = openTelling()
      c:send(("local ok, err = pcall(function()\n ws:terminate(%s)\n end) say(ok, err, ws.status)"):format(arguments))
      local line = s:line()
      assert.truthy(line:match("^false .*:2: .* Connected$"), line)
      c:ping()
      c:close(1000)
    end)
  end

  it("twice is once, and send returns nil, closed from then on", function()
    local s, c = openTelling()
    c:send([[
      ws:terminate(3001, "first")
      say(ws.status, ws:send "late")
      ws:terminate(3002, "second")
      ws.wss:broadcast "late"
      say(ws.status, #ws.wss.connections)
    ]])
    s:expectLines("Closing nil closed", "Closing 1")
    c:expectClose(3001, "first")
    s:expectLines("terminate 3001 first true Closed")
  end)

  it("sends what was sent before it", function()
    local s, c = openTelling()
    c:send("for i = 1, 50 do ws:send(('x'):rep(1000)) end ws:terminate()")
    for _ = 1, 50 do assert.equal(1000, #c:receive()) end
    c:expectClose(1000)
    s:expectLines("terminate 1000 nil true Closed")
  end)

  it("stops onMessage at once, also for what has arrived already", function()
    local s, c = openTelling()
    local say = client.frame({ opcode = client.TEXT, payload = "say 'too late'" })
    c:write(client.frame({ opcode = client.TEXT, payload = "ws:terminate(3000)" }) .. say .. say)
    c:expectCloseFrame(3000)
    c:write(say)
    c:sendClose(3000)
    c:expectEof()
    s:expectLines("terminate 3000 nil true Closed")
  end)

  it("waits closeTimeout for the peer's close frame, no longer", function()
    local s, c = openTelling(IMPATIENT)
    c:send("ws:terminate(3000, 'bye')")
    c:expectFail(3000)
    s:expectLines("terminate 3000 bye false Closed")
  end)

  it("ends cleanly when the peer closes at the same moment", function()
    local s, c = openTelling()
    c:send("ws:terminate(3000)")
    c:expectCloseFrame(3000)
    c:sendClose(4000, "me too") -- not an answer: it had been on its way
    c:expectEof()
    s:expectLines("terminate 3000 nil true Closed")
  end)

  it("counts as lost when the socket goes before the handshake is over", function()
    local s, c = openTelling()
    c:send("ws:terminate(3000)")
    c:expectCloseFrame(3000)
    c:reset()
    s:expectLines("terminate 3000 nil false Closed")
  end)

  it("works in every callback", function()
    local s = server.start([[
      local function handler(where)
        local h = {}
        function h:onMessage() if where == "onError" then error "x" end end
        function h:onTerminate(ws, event)
          ws:terminate(3999)
          say(where, event.code, ws:send "x")
        end
        if where ~= "onTerminate" then h[where] = function(_, ws) ws:terminate(3000) end end
        return h
      end
      serve(nil, nil, { onConnection = function(_, _, event) return handler(event.request.query.at) end })
    ]])
    for _, at in ipairs({ "onOpen", "onMessage", "onError" }) do
      local c = client.open(s, "/?at=" .. at)
      c:send("go")
      c:expectClose(3000)
      s:expectLines(at .. " 3000 nil closed")
    end
    local c = client.open(s, "/?at=onTerminate")
    c:close(1000)
    s:expectLines("onTerminate 1000 nil closed")
  end)

  it("raises when it is called wrongly", function()
    local s, c = openTelling()
    c:send("say(pcall(ws.terminate)) say(pcall(ws.terminate, {})) say(pcall(ws.destroy, 1))")
    for _ = 1, 3 do assert.truthy(s:line():match("^false .*WebSocketConnection")) end
  end)
end)

describe("the peer's close", function()
  it("is answered with its code; code and reason are told", function()
    local s, c = openTelling()
    c:sendClose(4001, "enough")
    c:expectCloseFrame(4001)
    c:expectEof()
    s:expectLines("terminate 4001 enough true Closed")
  end)

  it("without a code is 1005, answered without one", function()
    local s, c = openTelling()
    c:sendClose()
    local frame = c:receiveFrame()
    assert.same({ client.CLOSE, "" }, { frame.opcode, frame.payload })
    c:expectEof()
    s:expectLines("terminate 1005 nil true Closed")
  end)

  it("comes after the messages before it, and what follows it is ignored", function()
    local s, c = openTelling()
    local text = client.frame({ opcode = client.TEXT, payload = "say 'message'" })
    local close = client.frame({ opcode = client.CLOSE, payload = client.closePayload(1001) })
    c:write(text .. text .. close .. text .. "garbage")
    c:expectCloseFrame(1001)
    s:expectLines("message", "message", "terminate 1001 nil true Closed")
  end)

  it("lets no later send through", function()
    local s, c = openTelling()
    c:send([[ luaws.spawn(function() while true do luaws.sleep(0.001)
      local ok, err = ws:send "tick" if not ok then return say(err) end end end) ]])
    c:receiveMany(3)
    c:sendClose(1000)
    local frame = c:receiveFrame()
    while frame.opcode == client.TEXT do frame = c:receiveFrame() end
    assert.equal(client.CLOSE, frame.opcode)
    c:expectEof()
    local lines = { s:line(), s:line() }
    table.sort(lines)
    assert.same({ "closed", "terminate 1000 nil true Closed" }, lines)
  end)

  for how, leave in pairs({
    ["a reset"] = function(c) c:reset() end,
    ["an EOF without a close frame"] = function(c) c:drop() end,
    ["a half-close without a close frame"] = function(c) c:halfClose() end,
    ["an EOF within a frame"] = function(c)
      c:write(client.frame({ opcode = client.TEXT, payload = "abc", length = 100 }))
      c:drop()
    end,
  }) do
    it("that is " .. how .. " is 1006, not clean, and no error", function()
      local s = server.start(TELLING .. [[
        function Handler:onError(ws, event) say("error", event.errors[1].message) end
      ]])
      local c = client.open(s, "/")
      s:expectLines("open Connected")
      leave(c)
      s:expectLines("terminate 1006 nil false Closed")
      client.open(s, "/")
    end)
  end

  it("does not wait for the peer's FIN to tell onTerminate", function()
    local s, c = openTelling()
    c:sendClose(1000)
    c:expectCloseFrame(1000)
    s:expectLines("terminate 1000 nil true Closed")
  end)
end)

describe("destroy", function()
  it("drops the socket at once: 1006, nothing more is sent", function()
    local s, c = openTelling()
    c:send("ws:destroy() say(ws.status, ws:send 'x') ws:destroy() ws:terminate()")
    local line = s:line()
    assert.truthy(line:match("^Clos%a+ nil closed$"), line)
    s:expectLines("terminate 1006 nil false Closed")
    local rest = c:readAll()
    assert.equal("", rest)
  end)

  it("ends a closing handshake with the code that was begun first", function()
    local s, c = openTelling()
    c:send("ws:terminate(3000) ws:destroy()")
    s:expectLines("terminate 3000 nil false Closed")
    c:readAll()
  end)
end)

describe("onTerminate", function()
  it("comes exactly once, last, and connections no longer hold the connection", function()
    local s = server.start([[
      local calls = 0
      serve({
        onMessage = function(_, ws) ws:terminate() end,
        onTerminate = function(_, ws, event)
          calls = calls + 1
          say(calls, #ws.wss.connections, ws.wss.connectionCount, ws.status, ws.id > 0, ws.remoteAddress)
          luaws.after(0.05, function() say("calls", calls) end)
        end,
      })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    c:expectClose(1000)
    s:expectLines("1 0 0 Closed true 127.0.0.1", "calls 1")
  end)

  it("may be missing, as may onOpen and onError", function()
    local s = server.start([[ serve({ onMessage = function(_, ws) ws:send "ok" end }) ]])
    local c = client.open(s, "/")
    c:send("go")
    assert.equal("ok", c:receive())
    c:close(1000)
    client.open(s, "/"):drop()
  end)
end)

describe("terminate of a server", function()
  it("sends 1001 to each, then tells the connections, then the server", function()
    local s, c = openTelling()
    local other = client.open(s, "/")
    s:expectLines("open Connected")
    c:send("ws.wss:terminate() say('returned', ws.status, ws:send 'x')")
    s:expectLines("returned Closing nil closed")
    c:expectClose(1001)
    other:expectClose(1001)
    s:expectLines("terminate 1001 nil true Closed", "terminate 1001 nil true Closed", "server terminate true 0")
  end)

  it("answers new connections with 404 meanwhile", function()
    local s, c = openTelling()
    c:send("ws.wss:terminate(60)")
    c:expectCloseFrame(1001)
    assert.equal(404, (select(2, client.handshake(s, "/"))).status)
    c:sendClose(1001)
    s:expectLines("terminate 1001 nil true Closed", "server terminate true 0")
  end)

  it("waits at most closeTimeout", function()
    local s, c = openTelling(IMPATIENT)
    c:send("ws.wss:terminate()")
    c:expectCloseFrame(1001)
    s:expectLines("terminate 1001 nil false Closed", "server terminate true 0")
    c:readAll()
  end)

  it("or the timeout given", function()
    local s, c = openTelling()
    c:send("ws.wss:terminate(0.1)")
    c:expectCloseFrame(1001)
    s:expectLines("terminate 1001 nil false Closed", "server terminate true 0")
  end)

  it("doesn't prolong what a connection was given before", function()
    local s, c = openTelling(IMPATIENT)
    c:send("ws:terminate(3000) ws.wss:terminate(60)")
    c:expectCloseFrame(3000)
    s:expectLines("terminate 3000 nil false Closed", "server terminate true 0")
  end)

  it("a second call can only shorten the span", function()
    local s, c = openTelling()
    c:send([[
      local wss = ws.wss
      wss:terminate()
      wss:terminate(100)
      luaws.after(0.05, function() wss:terminate(0.05) end)
    ]])
    c:expectCloseFrame(1001)
    s:expectLines("terminate 1001 nil false Closed", "server terminate true 0")
  end)

  it("with 0 destroys at once, with RST and no close frame", function()
    local s, c = openTelling()
    c:send("ws.wss:terminate(0)")
    s:expectLines("terminate 1006 nil false Closed", "server terminate true 0")
    local rest, ended = c:readAll()
    assert.equal("", rest)
    assert.equal("ECONNRESET", ended)
  end)

  it("with 0 ends one that is already closing, which keeps its code", function()
    local s, c = openTelling()
    c:send("local wss = ws.wss wss:terminate() luaws.after(0.05, function() wss:terminate(0) end)")
    c:expectCloseFrame(1001)
    s:expectLines("terminate 1001 nil false Closed", "server terminate true 0")
    c:expectReset()
  end)

  it("keeps the messages that were sent before it", function()
    local s, c = openTelling()
    c:send("ws:send 'first' ws.wss:broadcast 'second' ws.wss:terminate()")
    assert.same({ "first", "second" }, c:receiveMany(2))
    c:expectClose(1001)
    s:expectLines("terminate 1001 nil true Closed")
  end)

  it("frees the path: the same one can be served again", function()
    local s = server.start([[
      local generation = 0
      local function start()
        generation = generation + 1
        local mine = generation
        serve({ onMessage = function(_, ws, event)
          ws:send(mine .. event.data)
          if event.data == "next" then ws.wss:terminate() end
        end }, { path = "/x" }, { onTerminate = function() start() say "again" end })
      end
      start()
    ]])
    for generation = 1, 3 do
      local c = client.open(s, "/x")
      c:send("next")
      assert.equal(generation .. "next", c:receive())
      c:expectClose(1001)
      s:expectLines("again")
    end
  end)

  it("of one server leaves the others alone", function()
    local s = server.start([[
      local a = serve({ onMessage = function() end }, { path = "/a" })
      serve({ onMessage = function(_, ws, event) a:terminate() ws:send(event.data) end }, { path = "/b" })
    ]])
    local a, b = client.open(s, "/a"), client.open(s, "/b")
    b:send("go")
    a:expectClose(1001)
    assert.equal("go", b:receive())
    b:send("still")
    assert.equal("still", b:receive())
  end)

  it("works in every callback of the server, and before it is open", function()
    local s = server.start([[
      for _, where in ipairs { "onOpen", "onConnection", "onError", "onTerminate" } do
        local handler = {
          onConnection = function() return where == "onError" and 1 or { onMessage = function() end } end,
          onTerminate = function() say("ended", where) end,
        }
        local old = handler[where]
        handler[where] = function(self, wss, event)
          wss:terminate()
          return old and old(self, wss, event)
        end
        serve(nil, { path = "/" .. where }, handler)
      end
      serve(nil, { path = "/new" }, { onTerminate = function() say("ended", "new") end }):terminate()
    ]])
    local ended = { [s:line()] = true, [s:line()] = true }
    assert.same({ ["ended onOpen"] = true, ["ended new"] = true }, ended)
    client.handshake(s, "/onConnection")
    s:expectLines("ended onConnection")
    client.handshake(s, "/onError")
    s:expectLines("ended onError")
    client.open(s, "/onTerminate")
  end)

  it("raises for a bad timeout", function()
    local s, c = openTelling()
    c:send([[
      for _, bad in ipairs { -1, "x", {}, 0/0, true } do
        say(pcall(ws.wss.terminate, ws.wss, bad))
      end
    ]])
    for _ = 1, 5 do assert.truthy(s:line():match("^false ")) end
    c:close(1000)
  end)
end)

describe("a socket after its closing handshake", function()
  local function descriptors(s)
    local scan, count = uv.fs_scandir(("/proc/%d/fd"):format(s.pid)), 0
    while uv.fs_scandir_next(scan) do count = count + 1 end
    return count
  end

  it("is let go after closeTimeout though the peer sends no FIN", function()
    local s = server.start(IMPATIENT)
    local before = descriptors(s)
    local c = client.open(s, "/")
    assert.equal(before + 1, descriptors(s))
    c:sendClose(1000)
    c:expectCloseFrame(1000)
    c:expectEof() -- theirs; ours doesn't come
    s:expectLines("open Connected", "terminate 1000 nil true Closed")
    async.eventually(function() return descriptors(s) == before end, nil, "the socket to be closed")
  end)
end)

describe("onOpen of a server", function()
  it("comes after new has returned and before the first onConnection", function()
    local s = server.start([[
      serve({ onMessage = function() end }, nil, {
        onOpen = function(self, wss, event) say(event.type, wss.handler == self, wss.terminated) end,
        onConnection = function() say "connection" return { onMessage = function() end } end,
      })
      say "returned"
    ]])
    s:expectLines("returned", "open true false")
    client.open(s, "/")
    s:expectLines("connection")
  end)
end)

describe("onOpen of a server that is made in a task", function()
  it("comes before its first onConnection, though a client has come while the task ran", function()
    local s = server.start([[
      local uv = require "luv"
      local function make(path)
        serve({ onMessage = function() end }, { path = path }, {
          onOpen = function() say("open", path) end,
          onConnection = function() say("connection", path) return { onMessage = function() end } end,
        })
      end
      serve({ onMessage = function()
        luaws.spawn(function()
          make "/a"
          say "made"
          local stop = uv.hrtime() + 0.3e9
          while uv.hrtime() < stop do end
          make "/b" -- asks the reactor, and so takes in what has happened meanwhile
        end)
      end }, { path = "/control" })
    ]])
    client.open(s, "/control"):send("go")
    s:expectLines("made")
    local c = client.connect(s)
    c:sendRequest({ path = "/a", headers = client.upgradeHeaders() })
    local lines = { s:line(), s:line(), s:line() }
    client.assertUpgraded(c:response())
    local text = table.concat(lines, ",")
    assert.truthy(text:find("open /a.*connection /a"), text)
  end)
end)

describe("a shutdown by signal", function()
  it("tells every connection and server, and exits with 0", function()
    local s, c = openTelling()
    local task = async.spawn(function() c:expectClose(1001) end)
    s:stop()
    task:join()
    s:expectLines("terminate 1001 nil true Closed", "server terminate true 0")
  end)

  it("waits for no client longer than closeTimeout", function()
    local s, c = openTelling(IMPATIENT)
    s:signalProcess("sigterm")
    assert.equal(0, (s:awaitExit()))
    s:expectLines("terminate 1001 nil false Closed", "server terminate true 0")
    c:readAll()
  end)
end)
