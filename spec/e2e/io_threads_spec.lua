-- Several I/O threads on one port.

local uv = require "luv"
local client = require "spec.support.client"
local server = require "spec.support.server"

local ECHO = [[ serve({ onMessage = function(_, ws, event) ws:send(event.data) end }) ]]

-- How many connections each I/O thread has accepted, once the server has ended.
local function acceptedBy(s)
  s:stop()
  local counts = {}
  for index, count in s.stderr:gmatch("reactor (%d+): (%d+) connections accepted") do
    counts[index + 1] = math.tointeger(tonumber(count))
  end
  return counts
end

describe("several I/O threads", function()
  it("share the connections to a port", function()
    local s = server.start(ECHO, { ioThreads = 4, args = { "--log-level", "debug" } })
    local clients = {}
    for i = 1, 200 do clients[i] = client.open(s, "/") end
    for i, c in ipairs(clients) do c:send("hello " .. i) end
    for i, c in ipairs(clients) do assert.equal("hello " .. i, c:receive()) end
    for _, c in ipairs(clients) do c:close(1000) end
    local counts, sum = acceptedBy(s), 0
    assert.equal(4, #counts)
    for index, count in ipairs(counts) do
      assert.is_true(count >= 10, ("%d connections for thread %d"):format(count, index)) -- about 50 each
      sum = sum + count
    end
    assert.equal(200, sum)
  end)

  it("leave a unix socket to one of them", function()
    local path = server.folder() .. "/socket"
    local s = server.start(ECHO, {
      ioThreads = 2, noPort = true, args = { "--host", "unix:" .. path, "--log-level", "debug" },
    })
    for _ = 1, 10 do
      local c = client.open(path, "/")
      c:send("hello")
      assert.equal("hello", c:receive())
      c:close(1000)
    end
    assert.same({ 10, 0 }, acceptedBy(s))
    assert.is_nil(uv.fs_stat(path), "the socket's file is removed")
  end)

  it("tell that a port is in use, by others or by themselves", function()
    local first = server.start(ECHO, { ioThreads = 2 })
    for _, ioThreads in ipairs({ 1, 2 }) do
      local child = server.run("require('luaws').WebSocketServer.new({ onConnection = print })", {
        noPort = true, ioThreads = ioThreads, args = { "--port", tostring(first.port) },
      })
      assert.equal(1, child.code)
      assert.truthy(child.stderr:find(("port %d is in use"):format(first.port), 1, true), child.stderr)
    end
    first:stop()
    local alone = server.start(ECHO, { ioThreads = 1 })
    local child = server.run("require('luaws').WebSocketServer.new({ onConnection = print })", {
      noPort = true, ioThreads = 2, args = { "--port", tostring(alone.port) },
    })
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("is in use", 1, true), child.stderr)
  end)

  it("listen on one port when two web servers are started and stopped again and again", function()
    local s = server.start([[
      for _ = 1, 20 do
        local web = luaws.WebServer.new { port = 0 }
        assert(web:start())
        web:stop()
        assert(web:start { port = web.port })
        web:stop()
      end
      say("done")
    ]] .. ECHO, { ioThreads = 4 })
    assert.equal("done", (s:line()))
  end)

  it("reach every connection by broadcast, in order", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        for i = 1, 50 do
          ws.wss:broadcast("b" .. i)
          for _, c in ipairs(ws.wss.connections) do c:send("s" .. i) end
        end
      end })
    ]], { ioThreads = 4 })
    local clients = {}
    for i = 1, 40 do clients[i] = client.open(s, "/") end
    clients[1]:send("go")
    for _, c in ipairs(clients) do
      local messages = c:receiveMany(100)
      for i = 1, 50 do assert.same({ "b" .. i, "s" .. i }, { messages[2 * i - 1], messages[2 * i] }) end
    end
  end)
end)
