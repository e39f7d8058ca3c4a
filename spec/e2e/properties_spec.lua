-- The objects that a script holds: their members, what is read-only, how they compare and print.

local client = require "spec.support.client"
local server = require "spec.support.server"

-- Runs `code` for a connection when a message comes; `wss` and `handler` are in reach.
local function onMessage(code, options)
  return server.start(([[
    local wss
    local handler = {}
    function handler:onMessage(ws, event)
      local ok, err = pcall(function() %s end)
      if not ok then say("raised", err) end
    end
    wss = serve(handler, %s)
  ]]):format(code, options or "nil"))
end

describe("read-only members", function()
  local function refuse(object, names, options)
    for _, name in ipairs(names) do
      it(("of %s refuse a write, naming it: %s"):format(object, name), function()
        local s = onMessage(([[
          for _, value in ipairs { 42, "x" } do
            local before = %s.%s
            say(pcall(function() %s.%s = value end))
            assert(rawequal(before, %s.%s) or type(before) == "table")
          end
          say(pcall(function() %s.%s = nil end))
        ]]):format(object, name, object, name, object, name, object, name), options)
        client.open(s, "/"):send("go")
        for _ = 1, 3 do
          local line = s:line()
          assert.truthy(line:match("^false .*script%.lua:%d+: "), line)
          assert.truthy(line:find(name, 1, true), line)
        end
      end)
    end
  end

  refuse("wss", { "connections", "connectionCount", "dataType", "path", "terminated", "handler" })
  refuse("ws", { "id", "status", "wss", "handler", "bufferedAmount", "remoteAddress", "protocol", "path", "params",
    "topics" })
  refuse("luaws.webServer", { "isRunning", "host", "port", "url" })
end)

describe("a WebSocketServer", function()
  it("has path, dataType, terminated, handler and counts", function()
    local s = server.start([[
      local handler = { onConnection = function() end }
      local a = luaws.WebSocketServer.new(handler, { path = "/a", dataType = "object" })
      local b = luaws.WebSocketServer.new(handler)
      say(a.path, a.dataType, a.terminated, a.handler == handler, #a.connections, a.connectionCount)
      say(b.path, b.dataType, a == a, a == b)
    ]])
    s:expectLines("/a object false true 0 0", "nil text true false")
  end)

  it("prints as its path and number of connections", function()
    local s = onMessage("say(wss)", "{ path = '/chat' }")
    local c = client.open(s, "/chat")
    c:send("go")
    assert.equal("WebSocketServer: /chat (1 connection)", (s:line()):gsub("connections", "connection"))
    client.open(s, "/chat")
    c:send("go")
    s:expectLines("WebSocketServer: /chat (2 connections)")
  end)

  it("refuses names that it doesn't have", function()
    local s = onMessage("say(pcall(function() wss.conections = 1 end)) say(wss.nothing)")
    client.open(s, "/"):send("go")
    assert.truthy(s:line():match("^false .*conections"))
    s:expectLines("nil")
  end)
end)

describe("connections", function()
  it("is an array as of the moment it is read, replaced and never changed", function()
    local s = onMessage([[
      if event.data == "keep" then
        kept = wss.connections
        say(#kept, kept == wss.connections, kept[1] == ws, rawlen(kept), type(kept))
        return
      end
      say(#kept, #wss.connections, wss.connectionCount, wss.connections[#wss.connections].status)
    ]])
    local a = client.open(s, "/")
    a:send("keep")
    s:expectLines("1 true true 1 table")
    local b = client.open(s, "/")
    b:send("look")
    s:expectLines("1 2 2 Connected")
    b:send("keep")
    assert.truthy(s:line():match("^2 true"))
    b:close(1000)
    a:send("look")
    s:expectLines("2 1 1 Connected")
  end)

  it("may be looped over while connections come and go, also with waits", function()
    local s = onMessage([[
      local seen = 0
      for _, client in ipairs(wss.connections) do
        if client ~= ws then client:terminate() end
        luaws.sleep(0)
        seen = seen + 1
      end
      say("seen", seen)
    ]])
    local clients = {}
    for i = 1, 10 do clients[i] = client.open(s, "/") end
    clients[1]:send("go")
    for i = 2, 10 do clients[i]:expectClose(1000) end
    s:expectLines("seen 10")
  end)

  it("hold a connection from before its onOpen until just before its onTerminate", function()
    local s = server.start([[
      local function has(wss, ws)
        for _, c in ipairs(wss.connections) do if c == ws then return true end end
        return false
      end
      serve({
        onOpen = function(_, ws) say("open", has(ws.wss, ws), ws.wss.connectionCount) end,
        onMessage = function(_, ws) ws:terminate() say("closing", has(ws.wss, ws), ws.status) end,
        onTerminate = function(_, ws) say("terminate", has(ws.wss, ws), ws.wss.connectionCount) end,
      })
    ]])
    local c = client.open(s, "/")
    s:expectLines("open true 1")
    c:send("go")
    s:expectLines("closing true Closing")
    c:expectClose(1000)
    s:expectLines("terminate false 0")
  end)
end)

describe("a WebSocketConnection", function()
  it("has id, status, wss, handler, address, protocol, path and params", function()
    local s = server.start([[
      local handler = { onMessage = function(self, ws)
        say(math.type(ws.id), ws.id > 0, ws.status, ws.wss == wss, ws.handler == self, ws.remoteAddress, ws.protocol,
          ws.path, ws.params.room)
      end }
      wss = serve(handler, { path = "/rooms/:room", protocols = { "p" } })
    ]])
    client.open(s, "/rooms/the%20hall?x=1", { ["Sec-WebSocket-Protocol"] = "p" }):send("go")
    assert.truthy(s:line():match("^integer true Connected true true 127%.0%.0%.1 p /rooms/%S+ the hall$"))
  end)

  it("is one object: comparable, usable as a key, always the same", function()
    local s = onMessage([[
      seen = seen or {}
      seen[ws] = (seen[ws] or 0) + 1
      say(seen[ws], ws == wss.connections[1] or ws == wss.connections[2])
    ]])
    local a, b = client.open(s, "/"), client.open(s, "/")
    a:send("1")
    s:expectLines("1 true")
    a:send("2")
    s:expectLines("2 true")
    b:send("1")
    s:expectLines("1 true")
  end)

  it("has an id that is never used again, over all servers", function()
    local s = server.start([[
      local handler = { onMessage = function() end, onOpen = function(_, ws) say(ws.id) end }
      serve(handler, { path = "/a" })
      serve(handler, { path = "/b" })
    ]])
    local seen = {}
    for i = 1, 20 do
      local c = client.open(s, i % 2 == 0 and "/a" or "/b")
      local id = tonumber(s:line())
      assert.is_nil(seen[id])
      seen[id] = true
      if i % 3 == 0 then c:close(1000) elseif i % 3 == 1 then c:reset() end
    end
  end)

  it("takes fields of one's own, which stay with it", function()
    local s = onMessage([[
      ws.count = (ws.count or 0) + 1
      ws[1] = "one"
      ws.user = { name = "ann" }
      collectgarbage()
      say(ws.count, ws[1], ws.user.name, ws.nothing)
      ws.user = nil
      say(ws.user)
    ]])
    local c = client.open(s, "/")
    c:send("a")
    s:expectLines("1 one ann nil", "nil")
    c:send("b")
    s:expectLines("2 one ann nil", "nil")
  end)

  it("keeps its fields and members in onTerminate and later", function()
    local s = server.start([[
      serve({
        onOpen = function(_, ws) ws.user = "ann" end,
        onMessage = function() end,
        onTerminate = function(_, ws)
          luaws.after(0.01, function()
            collectgarbage()
            say(ws.user, ws.status, ws.id > 0, ws.remoteAddress, ws.path, ws:send "x")
            ws:terminate()
            ws:destroy()
            ws:ping()
            say(ws.bufferedAmount)
          end)
        end,
      })
    ]])
    client.open(s, "/p"):close(1000)
    s:expectLines("ann Closed true 127.0.0.1 /p nil closed", "0")
  end)

  it("prints as what it is, as do a WebServer and a timer", function()
    local s = onMessage([[
      say(ws)
      say(luaws.webServer)
      local timer = luaws.after(60, print)
      say(timer)
      timer:cancel()
      say(timer)
    ]])
    client.open(s, "/"):send("go")
    assert.truthy(s:line():match("^WebSocketConnection: "))
    assert.equal(("WebServer: http%s://127.0.0.1:%d/ (running)"):format(s.tls and "s" or "", s.port), (s:line()))
    s:expectLines("Timer: running", "Timer: ended")
  end)

  it("keeps its methods: one can't be replaced", function()
    local s = onMessage([[
      for _, name in ipairs { "send", "terminate", "destroy", "ping" } do
        say(pcall(function() ws[name] = print end))
      end
    ]])
    client.open(s, "/"):send("go")
    for _, name in ipairs({ "send", "terminate", "destroy", "ping" }) do
      assert.truthy(s:line():match("^false .*'" .. name .. "'"))
    end
  end)
end)

describe("handlers", function()
  it("are called with the handler, the object and the event", function()
    local s = server.start([[
      local connection = { name = "connection" }
      function connection:onOpen(ws, event) say(self.name, ws.id > 0, event.type) end
      function connection:onMessage(ws, event) say(self.name, ws.id > 0, event.type) end
      function connection:onTerminate(ws, event) say(self.name, ws.id > 0, event.type) end
      local handler = { name = "server" }
      function handler:onConnection(wss, event) say(self.name, wss.path, event.type) return connection end
      function handler:onOpen(wss, event) say(self.name, wss.path, event.type) end
      function handler:onTerminate(wss, event) say(self.name, wss.path, event.type) end
      serve(nil, { path = "/p" }, handler)
    ]])
    s:expectLines("server /p open")
    local c = client.open(s, "/p")
    s:expectLines("server /p connection", "connection true open")
    c:send("go")
    s:expectLines("connection true message")
    c:close(1000)
    s:expectLines("connection true terminate")
    s:stop()
    s:expectLines("server /p terminate")
  end)

  it("are looked up when the event comes: a method that is replaced counts from the next event on", function()
    local s = server.start([[
      local Class = { onMessage = function(_, ws) ws:send "old" end }
      local handler = setmetatable({}, { __index = function(_, name) return Class[name] end })
      serve(nil, nil, { onConnection = function() return handler end })
      local control = { onMessage = function(_, ws)
        Class.onMessage = function(_, w) w:send "new" end
        ws:send "done"
      end }
      serve(control, { path = "/control" })
    ]])
    local c, control = client.open(s, "/"), client.open(s, "/control")
    c:send("1")
    assert.equal("old", c:receive())
    control:send("go")
    control:receive()
    c:send("2")
    assert.equal("new", c:receive())
  end)

  it("may be the same table for many connections, or one each", function()
    local s = server.start([[
      local shared = { count = 0 }
      function shared:onMessage(ws) self.count = self.count + 1 ws:send(tostring(self.count)) end
      serve(shared)
    ]])
    local a, b = client.open(s, "/"), client.open(s, "/")
    a:send("x")
    assert.equal("1", a:receive())
    b:send("x")
    assert.equal("2", b:receive())
  end)
end)

describe("luaws.class", function()
  local function printed(code)
    local child = server.run("local luaws = require 'luaws'\n" .. code)
    assert.equal(0, child.code, child.stderr)
    return child.stdout
  end

  it("makes objects with a constructor, methods, parent and super", function()
    assert.equal("Rex\tnil\twoof\tRex says something\ttrue\tAnimal\n", printed([[
      local Animal = luaws.class "Animal"
      function Animal:constructor(name) self.name = name end
      function Animal:speak() return self.name .. " says something" end
      function Animal:kind() return "Animal" end
      local Dog = luaws.class("Dog", Animal)
      function Dog:constructor(name, age) Dog.super.constructor(self, name) self.age = age end
      function Dog:speak() return "woof" end
      local rex = Dog.new("Rex")
      print(rex.name, rex.age, rex:speak(), Dog.super.speak(rex), Dog.super == Animal, rex:kind())
    ]]))
  end)

  it("inherits a constructor, passes all arguments, and needs none", function()
    assert.equal("3\tnil\tc\ntable\n", printed([[
      local A = luaws.class "A"
      function A:constructor(...) self.n = select("#", ...) self.second, self.third = select(2, ...) end
      local B = luaws.class("B", A)
      local b = B.new("a", nil, "c")
      print(b.n, b.second, b.third)
      print(type(luaws.class("C").new()))
    ]]))
  end)
end)

describe("luaws.log", function()
  it("writes lines with fields at its four levels", function()
    local s = server.start([[
      luaws.log.debug("hidden")
      luaws.log.info("to know", { user = "ann b", n = 42, f = 1.5, yes = true })
      luaws.log.warn("look")
      luaws.log.error("bad\nsecond line")
      serve({ onMessage = function() end })
    ]])
    assert.falsy(s.stderr:find("hidden", 1, true))
    assert.truthy(s.stderr:match('info  to know[^\n]*user="ann b"'))
    for _, field in ipairs({ "n=42", "f=1.5", "yes=true" }) do assert.truthy(s.stderr:find(field, 1, true)) end
    assert.truthy(s.stderr:match("warn  look\n"))
    assert.truthy(s.stderr:match("error bad\n%s+second line"))
  end)

  it("raises for fields that are none", function()
    local s = server.start([[
      say(pcall(luaws.log.info, "x", 42))
      say(pcall(luaws.log.info, "x", { "no name" }))
      serve({ onMessage = function() end })
    ]])
    assert.truthy(s:line():match("^false .*table"))
    assert.truthy(s:line():match("^false .*name"))
  end)

  it("makes control characters of a peer visible", function()
    local s = server.start([[
      serve({ onMessage = function(_, _, event) luaws.log.info(event.data, { data = event.data }) end })
    ]])
    client.open(s, "/"):send("\27[31mred\r\0end")
    s:awaitLog("red")
    s:awaitLog("end")
    assert.falsy(s.stderr:find("\27", 1, true))
    assert.falsy(s.stderr:find("\r", 1, true))
    assert.falsy(s.stderr:find("\0", 1, true))
  end)
end)
