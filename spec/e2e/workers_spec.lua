-- Several workers: one server for the clients, spread over threads that share nothing.

local async = require "spec.support.async"
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

-- The next `count` lines of the script, sorted: workers print in no order.
local function sortedLines(s, count)
  local lines = {}
  for i = 1, count do lines[i] = s:line() end
  table.sort(lines)
  return lines
end

describe("workers", function()
  it("have numbers from 1 on; one alone is 1", function()
    local child = server.run("print(require('luaws').workerIndex)")
    assert.equal("1\n", child.stdout)
    child = server.run("print(require('luaws').workerIndex)", { workers = 3 })
    assert.equal(0, child.code)
    for i = 1, 3 do assert.equal(1, countLines(child.stdout, i .. "\n")) end
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
    ]], { workers = WORKERS, tls = false })
    for _, port in ipairs(sortedLines(s, WORKERS)) do assert.equal(tostring(s.port), port) end
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

describe("a message for many", function()
  it("reaches the connections of all workers, by broadcast", function()
    local s = server.start([[
      serve({
        onOpen = function(_, ws) ws:send(tostring(luaws.workerIndex)) end,
        onMessage = function(_, ws, event) ws.wss:broadcast(event.data, ws) end,
      })
    ]], { workers = WORKERS, ioThreads = 2 })
    local clients = openMany(s, 3 * WORKERS)
    for i, from in ipairs(clients) do
      from:send("from " .. i)
      for j, c in ipairs(clients) do
        if j ~= i then assert.equal("from " .. i, c:receive()) end
      end
    end
  end)

  -- Two I/O threads, four workers; which publishes is up to the connection that the trigger comes by. The frames
  -- are of one size, so that what a subscriber has got can be compared as a whole: all of an I/O thread get the
  -- same.
  local SUBSCRIBERS, PUBLISHES = 1000, async.seconds(1) > 1 and 1000 or 10000 -- fewer under a sanitizer
  local FRAME <const> = 2 + #"1:000001"

  local function checkOrder(bytes)
    local last, total = {}, 0
    for at = 3, #bytes, FRAME do
      local worker, number = bytes:match("^(%d):(%d+)", at)
      number = tonumber(number)
      assert(number == (last[worker] or 0) + 1, ("worker %s: %d after %d"):format(worker, number, last[worker] or 0))
      last[worker] = number
      total = total + 1
    end
    assert.equal(PUBLISHES, total)
  end

  it(("reaches 1,000 subscribers once and in order, by %d publishes of random workers"):format(PUBLISHES), function()
    local s = server.start([[
      local count = 0
      serve({
        onOpen = function(_, ws) ws:send(tostring(luaws.workerIndex)) end,
        onMessage = function(_, ws, event)
          if event.data == "subscribe" then
            ws:subscribe("news")
            ws:send("subscribed")
          else
            count = count + 1
            ws.wss:publish("news", ("%d:%06d"):format(luaws.workerIndex, count))
          end
        end,
      }, { pingInterval = false })
    ]], { workers = WORKERS, ioThreads = 2 })
    local subscribers, triggers = openMany(s, SUBSCRIBERS), openMany(s, 2 * WORKERS)
    for _, c in ipairs(subscribers) do c:send("subscribe") end
    for _, c in ipairs(subscribers) do assert.equal("subscribed", c:receive()) end
    for _ = 1, PUBLISHES do triggers[math.random(#triggers)]:send("publish") end
    local seen = {}
    for _, c in ipairs(subscribers) do
      local bytes = c:read(FRAME * PUBLISHES, 90)
      if not seen[bytes] then checkOrder(bytes) end
      seen[bytes] = true
    end
    triggers[1]:send("publish") -- nothing was behind
    for _, c in ipairs(subscribers) do assert.truthy(c:receive():match("^%d:")) end
  end)
end)

describe("the end", function()
  it("of a server is that of all workers' servers, and its path is free", function()
    local s = server.start([[
      local function start()
        serve({
          onOpen = function(_, ws) ws:send(tostring(luaws.workerIndex)) end,
          onMessage = function(_, ws, event) ws.wss:terminate() end,
          onTerminate = function(_, ws, event) say(luaws.workerIndex, "connection", event.code, ws.status) end,
        }, { path = "/a" }, {
          onOpen = function() say(luaws.workerIndex, "open") end,
          onTerminate = function(_, wss)
            say(luaws.workerIndex, "server", wss.terminated, #wss.connections, wss.connectionCount)
            start()
          end,
        })
      end
      start()
    ]], { workers = 2, ioThreads = 2 })
    assert.same({ "1 open", "2 open" }, sortedLines(s, 2))
    for _ = 1, 2 do
      local clients = {}
      for i = 1, 4 do
        clients[i] = client.open(s, "/a")
        clients[i]:receive()
      end
      clients[1]:send("close")
      for _, c in ipairs(clients) do c:expectClose(1001) end
      local connections, servers, opened = 0, {}, {}
      for _, line in ipairs(sortedLines(s, 8)) do
        if line:match("^[12] connection 1001 Closed$") then connections = connections + 1 end
        servers[#servers + 1] = line:match("^([12]) server true 0 %d$")
        opened[#opened + 1] = line:match("^([12]) open$")
      end
      assert.equal(4, connections)
      assert.same({ "1", "2" }, servers)
      assert.same({ "1", "2" }, opened)
    end
  end)

  it("of a server shows in the other workers before their connections have ended", function()
    local s = server.start([[
      serve({
        onOpen = function(_, ws)
          ws:send(tostring(luaws.workerIndex))
          luaws.every(0.005, function(timer)
            if ws.status == "Connected" then return end
            timer:cancel()
            say(luaws.workerIndex, ws.status, select(2, ws:send "too late"))
          end)
        end,
        onMessage = function(_, ws) ws.wss:terminate() end,
      }, { closeTimeout = 60 })
    ]], { workers = 2, ioThreads = 2 })
    local clients = openMany(s, 2) -- which answer no close frame before it is told
    clients[1]:send("close")
    assert.same({ "1 Closing closed", "2 Closing closed" }, sortedLines(s, 2))
    for _, c in ipairs(clients) do c:expectClose(1001) end
  end)

  it("of a web server is that of all workers'", function()
    local s = server.start([[
      local web = luaws.WebServer.new { port = 0 }
      serve({ onMessage = function(_, ws) web:stop() end }, { web = web, path = "/a" }, {
        onTerminate = function() say(luaws.workerIndex, web.isRunning, luaws.webServer.isRunning) end,
      })
      serve({ onMessage = function(_, ws) ws:send(tostring(web.port)) end })
    ]], { workers = 2 })
    local other = client.open(s, "/")
    -- The ready line tells the default one's port.
    local url = s.stderr:match("serving ws://[%d.]+:(%d+)/a")
    local c = client.open({ port = math.tointeger(tonumber(url)) }, "/a")
    c:send("stop")
    c:expectClose(1001)
    assert.same({ "1 false true", "2 false true" }, sortedLines(s, 2))
    assert.is_true(client.isRefused({ port = math.tointeger(tonumber(url)) }))
    other:send("hello")
    other:receive()
  end)

  it("by luaws.exit in any worker ends all, with its exit code", function()
    for worker = 1, 3 do
      local s = server.start(([[
        serve({ onMessage = function() end, onTerminate = function(_, _, event) say(event.code) end })
        luaws.spawn(function()
          if luaws.workerIndex ~= %d then return end
          repeat luaws.sleep(0.01) until os.remove(arg[0] .. ".go") -- all have started
          luaws.exit(7)
        end)
      ]]):format(worker), { workers = 3, exitCode = 7 })
      s:release()
      assert.equal(7, (s:awaitExit()))
    end
  end)

  it("by a signal lets every worker see off its clients", function()
    local s = server.start([[
      serve({ onMessage = function() end, onTerminate = function(_, _, event) say(event.code) end },
        nil, { onTerminate = function() say("server") end })
    ]], { workers = WORKERS, ioThreads = 2 })
    local clients = {}
    for i = 1, WORKERS do clients[i] = client.open(s, "/") end
    s:signalProcess("sigterm")
    for _, c in ipairs(clients) do c:expectClose(1001) end
    assert.equal(0, (s:awaitExit()))
    assert.equal(WORKERS, countLines(s.stdout, "1001\n"))
    assert.equal(WORKERS, countLines(s.stdout, "server\n"))
  end)

  it("by an error in the main chunk of any worker is told once, with exit code 1", function()
    for _, script in ipairs({ [[ error("oh no") ]], [[ local x = = 1 ]], [[
      serve = require("luaws").WebSocketServer.new({ onConnection = function() end }, { path = "/a" })
      if require("luaws").workerIndex == 2 then error("oh no") end
    ]] }) do
      local child = server.run(script, { workers = WORKERS, ioThreads = 2 })
      assert.equal(1, child.code)
      local told = child.stderr:gsub("luaws: serving [^\n]*\n", "")
      assert.equal(1, countLines(told, "luaws: "), child.stderr)
    end
  end)

  it("by luaws.exit while the others start is no failure of theirs", function()
    for _ = 1, 5 do
      local child = server.run([[
        local luaws = require "luaws"
        if luaws.workerIndex == 2 then luaws.exit(3) end
        luaws.WebSocketServer.new({ onConnection = function() end })
      ]], { workers = WORKERS, ioThreads = 2 })
      assert.equal(3, child.code)
      assert.equal("", (child.stderr:gsub("luaws: serving [^\n]*\n", "")))
    end
  end)

  it("of one worker's script is not that of the others", function()
    local s = server.start([[
      if luaws.workerIndex ~= 2 then io.stderr:write("spec: ready 0\n") return end
      serve({ onMessage = function(_, ws) ws:send(tostring(luaws.workerIndex)) end })
    ]], { workers = 2, tls = false })
    s:awaitLog("serving")
    local port = math.tointeger(tonumber(s.stderr:match("ws://[%d.]+:(%d+)")))
    for _ = 1, 3 do
      local c = client.open({ port = port }, "/")
      c:send("who?")
      assert.equal("2", (c:receive()))
    end
  end)
end)

describe("servers", function()
  it("may come and go in all workers at once", function()
    local child = server.run([[
      local luaws = require "luaws"
      local ROUNDS = 40
      math.randomseed(luaws.workerIndex)

      -- Another worker may have stopped the web server between its start and this.
      local function make(handler, options)
        while true do
          local ok, wss = pcall(luaws.WebSocketServer.new, handler, options)
          if ok then return wss end
          assert(wss:find "the web server is not running", wss)
          luaws.sleep(0.001)
        end
      end

      local left, ended = ROUNDS, 0

      local function finish()
        ended = ended + 1
        if ended == 2 then luaws.webServer:stop() end
      end

      local handler = { onConnection = function() end }

      local function start()
        local wss = make(handler, { path = "/a" })
        luaws.after(math.random() / 500, function() wss:terminate() end)
      end

      function handler.onTerminate()
        left = left - 1
        if left == 0 then return finish() end
        if math.random(2) == 1 then luaws.sleep(math.random() / 1000) end
        start()
      end

      start()
      luaws.spawn(function()
        local web = luaws.WebServer.new { port = 0 }
        for _ = 1, ROUNDS do
          local ok, why = web:start()
          assert(ok or why:find "not running", why)
          pcall(luaws.WebSocketServer.new, { onConnection = print }, { web = web, path = "/b" })
          luaws.sleep(math.random() / 1000)
          web:stop()
        end
        print "done"
        finish()
      end)
    ]], { workers = WORKERS, ioThreads = 3, timeout = 90 })
    assert.equal(0, child.code, child.stderr)
    assert.equal(WORKERS, countLines(child.stdout, "done\n"), child.stderr)
    assert.equal("", (child.stderr:gsub("luaws: serving [^\n]*\n", "")))
  end)
end)

describe("onRequest", function()
  it("goes to the workers in turn, and files are served for all", function()
    local s = server.start([[
      luaws.webServer:start { handler = { onRequest = function(_, _, event)
        if event.request.path == "/who" then return tostring(luaws.workerIndex) end
      end } }
    ]], { workers = WORKERS, ioThreads = 1 })
    local counts = {}
    for _ = 1, 3 * WORKERS do
      local who = client.get(s, "/who").body
      counts[who] = (counts[who] or 0) + 1
    end
    assert.same({ ["1"] = 3, ["2"] = 3, ["3"] = 3, ["4"] = 3 }, counts)
    assert.equal(404, client.get(s, "/none").status)
  end)
end)

describe("a path", function()
  it("is taken for a worker that has it already, and free for one that hasn't", function()
    local s = server.start([[
      local handler = { onConnection = function() end }
      luaws.WebSocketServer.new(handler, { path = "/a" })
      say((select(2, pcall(luaws.WebSocketServer.new, handler, { path = "/a" }))))
    ]], { workers = 2 })
    for _, line in ipairs(sortedLines(s, 2)) do assert.truthy(line:find("path '/a' is taken", 1, true), line) end
  end)
end)

describe("a handler that computes", function()
  it("leaves the other worker's connections alone", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event)
        if event.data == "spin" then spin() end
        ws:send(event.data)
      end, onOpen = function(_, ws) ws:send(tostring(luaws.workerIndex)) end })
    ]], { workers = 2 })
    local clients = openMany(s, 2)
    assert.are_not.equal(clients[1].worker, clients[2].worker)
    clients[1]:send("spin")
    s:expectLines("spins")
    for _ = 1, 20 do
      clients[2]:send("hello")
      assert.equal("hello", clients[2]:receive())
    end
    assert.equal(0, clients[1].size, "the first one is still at it")
    s:release()
    assert.equal("spin", clients[1]:receive())
  end)
end)
