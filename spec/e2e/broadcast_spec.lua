-- One message to many: broadcast, and 4D's loop over connections.

local client = require "spec.support.client"
local server = require "spec.support.server"

local function openMany(s, count)
  local clients = {}
  for i = 1, count do clients[i] = client.open(s, "/") end
  return clients
end

local function expectAll(clients, ...)
  for i, c in ipairs(clients) do
    for _, expected in ipairs({ ... }) do
      assert.equal(expected, c:receive(), "client " .. i)
    end
  end
end

describe("broadcast", function()
  it("reaches every connection, the sender's too", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws.wss:broadcast(event.data) end })
    ]])
    local clients = openMany(s, 20)
    clients[7]:send("hello")
    expectAll(clients, "hello")
  end)

  it("leaves out the exception, in its place among other sends", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        ws:send "before"
        ws.wss:broadcast("to the others", ws)
        ws:send "after"
      end })
    ]])
    local clients = openMany(s, 5)
    clients[3]:send("go")
    expectAll({ clients[3] }, "before", "after")
    table.remove(clients, 3)
    expectAll(clients, "to the others")
  end)

  it("keeps the order among broadcasts and sends", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        for i = 1, 100 do
          ws.wss:broadcast("b" .. i)
          for _, c in ipairs(ws.wss.connections) do c:send("s" .. i) end
        end
      end })
    ]], { workers = 1 })
    local clients = openMany(s, 3)
    clients[1]:send("go")
    for _, c in ipairs(clients) do
      local messages = c:receiveMany(200)
      for i = 1, 100 do
        assert.equal("b" .. i, messages[2 * i - 1])
        assert.equal("s" .. i, messages[2 * i])
      end
    end
  end)

  it("sends by kind of value as send does", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        ws.wss:broadcast({ a = 1 })
        ws.wss:broadcast(luaws.blob "\255")
        say(pcall(ws.wss.broadcast, ws.wss, 42))
        say(pcall(ws.wss.broadcast, ws.wss, "\255"))
        say(pcall(ws.wss.broadcast, ws.wss))
        say(pcall(ws.wss.broadcast, ws.wss, "x", {}))
        say(pcall(ws.wss.broadcast, ws, "x"))
        ws.wss:broadcast "end"
      end })
    ]])
    local clients = openMany(s, 2)
    clients[1]:send("go")
    for _, c in ipairs(clients) do
      assert.same({ '{"a":1}', false }, { c:receive() })
      assert.same({ "\255", true }, { c:receive() })
      assert.equal("end", c:receive())
    end
    for _ = 1, 5 do assert.truthy(s:line():match("^false ")) end
  end)

  it("is binary under blob and JSON under object", function()
    for dataType, expected in pairs({ blob = { "text", true }, object = { "42", false } }) do
      local value = dataType == "blob" and "'text'" or "42"
      local s = server.start(([[
        serve({ onMessage = function(_, ws) ws.wss:broadcast(%s) end }, { dataType = %q })
      ]]):format(value, dataType))
      local clients = openMany(s, 2)
      clients[1]:send("{}")
      for _, c in ipairs(clients) do assert.same(expected, { c:receive() }) end
    end
  end)

  it("reaches only its own server's connections, and none is no error", function()
    local s = server.start([[
      local quiet = serve({ onMessage = function() end }, { path = "/quiet" })
      local empty = serve({ onMessage = function() end }, { path = "/empty" })
      serve({ onMessage = function(_, ws)
        empty:broadcast "nobody"
        ws.wss:broadcast "ours"
        quiet:broadcast "theirs"
      end }, { path = "/ours" })
    ]])
    local quiet, ours = client.open(s, "/quiet"), client.open(s, "/ours")
    ours:send("go")
    assert.equal("ours", ours:receive())
    assert.equal("theirs", quiet:receive())
  end)

  it("passes over connections that are closing or gone", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event)
        if event.data == "leave" then ws:terminate() end
        if event.data == "all" then ws.wss:broadcast "news" end
      end })
    ]])
    local clients = openMany(s, 3)
    clients[1]:send("leave")
    clients[1]:expectCloseFrame(1000)
    clients[2]:reset()
    clients[3]:send("all")
    assert.equal("news", clients[3]:receive())
    clients[1]:sendClose(1000)
    clients[1]:expectEof()
  end)

  it("of a large message to slow clients arrives whole", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        for i = 1, 4 do ws.wss:broadcast(tostring(i):rep(200 * 1024)) end
      end })
    ]])
    local clients = openMany(s, 5)
    for _, c in ipairs(clients) do c:pause() end
    clients[1]:resume()
    clients[1]:send("go")
    clients[1]:receiveMany(4)
    for _, c in ipairs(clients) do c:resume() end
    for i = 2, 5 do
      for n = 1, 4 do assert.is_true(clients[i]:receive() == tostring(n):rep(200 * 1024)) end
    end
  end)

  it("to 500 connections, with broadcast and with the loop", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event)
        if event.data == "broadcast" then return ws.wss:broadcast "one" end
        for _, c in ipairs(ws.wss.connections) do c:send "two" end
      end })
    ]], { workers = 1 })
    local clients = openMany(s, 500)
    clients[1]:send("broadcast")
    clients[1]:send("loop")
    expectAll(clients, "one", "two")
  end)
end)
