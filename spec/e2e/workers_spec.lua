-- Several workers: one server for the clients, spread over threads that share nothing.

local client = require "spec.support.client"
local server = require "spec.support.server"

local WORKERS = 4

-- Each connection is told which worker has it.
local WHO = [[
  serve({
    onOpen = function(_, ws) ws:send(tostring(luaws.workerIndex)) end,
    onMessage = function(_, ws, event) ws:send(event.data) end,
  })
]]

local function openMany(s, count)
  local clients, counts = {}, {}
  for i = 1, count do
    clients[i] = client.open(s, "/")
    clients[i].worker = math.tointeger((clients[i]:receive()))
    counts[clients[i].worker] = (counts[clients[i].worker] or 0) + 1
  end
  return clients, counts
end

local function countLines(text, line)
  return select(2, text:gsub(line, ""))
end

describe("workers", function()
  it("have numbers from 1 on; one alone is 1", function()
    local child = server.run("print(require('luaws').workerIndex)")
    assert.equal("1\n", child.stdout)
    child = server.run("print(require('luaws').workerIndex)", { workers = 3 })
    local lines = {}
    for line in child.stdout:gmatch("[^\n]+") do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "1", "2", "3" }, lines)
    assert.equal(0, child.code)
  end)

  it("share no variable", function()
    local child = server.run([[
      assert(shared == nil)
      shared = true
    ]], { workers = WORKERS })
    assert.same({ 0, "" }, { child.code, child.stderr })
  end)

  it("announce their server once, and see the same port", function()
    local s = server.start([[
      serve({ onMessage = function() end }, { path = "/a" })
      say(luaws.webServer.port)
    ]], { workers = WORKERS })
    for _ = 1, WORKERS do assert.equal(tostring(s.port), (s:line())) end
    assert.equal(1, countLines(s.stderr, "luaws: serving ws://"))
  end)

  it("print whole lines", function()
    local child = server.run([[
      local word = ("x"):rep(50)
      for _ = 1, 2000 do print(word, word) end
    ]], { workers = WORKERS })
    local whole, count = ("x"):rep(50) .. "\t" .. ("x"):rep(50), 0
    for line in child.stdout:gmatch("[^\n]+") do
      count = count + 1
      assert(line == whole, "a torn line")
    end
    assert.equal(2000 * WORKERS, count)
  end)
end)

describe("connections", function()
  for _, ioThreads in ipairs({ 1, 2 }) do
    it(("are spread evenly over the workers by %d I/O threads"):format(ioThreads), function()
      local s = server.start(WHO, { workers = WORKERS, ioThreads = ioThreads })
      local clients, counts = openMany(s, 10 * WORKERS)
      for i = 1, WORKERS do assert.equal(10, counts[i], "worker " .. i) end
      -- The places of those who leave are taken first.
      local left = 0
      for _, c in ipairs(clients) do
        if c.worker == 3 then
          c:close(1000)
          left = left + 1
        end
      end
      local _, again = openMany(s, left)
      assert.same({ [3] = left }, again)
    end)
  end

  it("are counted over all workers, and listed for each", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        ws:send(("%d of %d"):format(#ws.wss.connections, ws.wss.connectionCount))
      end, onOpen = function(_, ws) ws:send "1" end })
    ]], { workers = 2, ioThreads = 2 })
    local clients = openMany(s, 6)
    for _, c in ipairs(clients) do
      c:send("how many?")
      assert.equal("3 of 6", (c:receive()))
    end
  end)

  it("have ids of their own", function()
    local s = server.start([[
      serve({ onOpen = function(_, ws) ws:send(tostring(ws.id)) end, onMessage = function() end })
    ]], { workers = WORKERS, ioThreads = 2 })
    local seen = {}
    for _ = 1, 20 do
      local id = client.open(s, "/"):receive()
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("are limited over all workers", function()
    local s = server.start([[ serve({ onMessage = function() end }, { maxConnections = 5 }) ]],
      { workers = WORKERS, ioThreads = 2 })
    for _ = 1, 5 do client.open(s, "/") end
    assert.equal(503, select(2, client.handshake(s, "/")).status)
  end)

  it("of one address are limited over all workers", function()
    local s = server.start([[ serve({ onMessage = function() end }, { maxConnectionsPerAddress = 5 }) ]],
      { workers = WORKERS, ioThreads = 2 })
    local clients = {}
    for i = 1, 5 do clients[i] = client.open(s, "/") end
    assert.equal(429, select(2, client.handshake(s, "/")).status)
    clients[1]:close(1000)
    client.open(s, "/")
  end)
end)
