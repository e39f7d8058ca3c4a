-- Reloads in the middle of work: under load, in a broadcast, while callbacks wait, while servers end. No message is
-- lost or doubled, and each is answered by code of one generation.

local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local files = require "spec.support.files"
local server = require "spec.support.server"

-- Runs main.lua with a "GENERATION" in it, and returns a function that saves it with another one.
local function start(script, options)
  options = options or {}
  local folder = server.folder({ ["main.lua"] = (script:gsub("GENERATION", "1")) })
  local s = server.startFile(folder .. "/main.lua", options)
  s.path = folder .. "/main.lua"
  local number = 1
  return s, function()
    number = number + 1
    files.write(folder .. "/main.lua", (script:gsub("GENERATION", tostring(number))))
    return number
  end
end

local function awaitGeneration(s, n)
  s:awaitLog(("(generation %d, in "):format(n))
end

local ECHO = [[
  local luaws = require "luaws"
  local Echo = luaws.class "Echo"
  function Echo:onOpen() self.count = 0 end
  function Echo:onMessage(ws, event)
    self.count = self.count + 1
    ws:send(("%d %s GENERATION"):format(self.count, event.data))
  end
  luaws.WebSocketServer.new({ onConnection = function() return Echo.new() end }, { path = "/echo" })
]]

-- A client, the ith, that has a few messages on their way until one is answered by the generation `state.final`: each
-- must be answered once, in order, by a generation that is no older than that of the answer before, which
-- `state.seen[i]` tells. Returns how many, and by how many generations.
local function talk(s, state, i)
  local c = client.open(s, "/echo")
  local sent, received, last, generations = 0, 0, 0, 0
  local function receive()
    received = received + 1
    local count, number, generation = c:receive():match("^(%d+) (%d+) (%d+)$")
    assert.equal(received, tonumber(count))
    assert.equal(received, tonumber(number))
    assert.is_true(tonumber(generation) >= last)
    if tonumber(generation) > last then generations = generations + 1 end
    last = tonumber(generation)
    state.seen[i] = last
  end
  while not state.final or last < state.final do
    sent = sent + 1
    c:send(tostring(sent))
    if sent - received >= 5 then receive() end
  end
  while received < sent do receive() end
  c:close(1000)
  return sent, generations
end

for name, options in pairs({
  ["one worker"] = { args = { "--watch" } },
  ["several workers and I/O threads"] = { args = { "--watch" }, workers = 3, ioThreads = 2 },
}) do
  it("reloads under load lose and double nothing: " .. name, function()
    local s, save = start(ECHO, options)
    local state, tasks, total = { seen = {} }, {}, 0
    local function haveAllSeen(generation)
      for i = 1, #tasks do
        if state.seen[i] ~= generation then return false end
      end
      return true
    end
    for i = 1, build.pick(40, 6) do tasks[i] = async.spawn(talk, s, state, i) end
    for generation = 1, 3 do
      async.eventually(function() return haveAllSeen(generation) end, nil, "answers by generation " .. generation)
      awaitGeneration(s, save())
    end
    state.final = 4
    for _, task in ipairs(tasks) do
      local sent, generations = task:join()
      assert.equal(4, generations)
      total = total + sent
    end
    assert.is_true(total > 3 * #tasks)
    assert.is_nil(s.stderr:find(" error ", 1, true), s.stderr)
  end)
end

it("a reload in a loop over all connections lets the loop end with the code that it began with", function()
  local s, save = start([[
    local luaws = require "luaws"
    local Echo = luaws.class "Echo"
    local function say(client, i) client:send(i .. " GENERATION") end
    function Echo:onMessage(ws, event)
      for i, client in ipairs(ws.wss.connections) do
        if i == 3 then
          assert(luaws.reload())
          print "asked"
          luaws.sleep(event.data)
        end
        say(client, i)
      end
    end
    local handler = { onConnection = function() return Echo.new() end }
    luaws.WebSocketServer.new(handler, { path = "/echo", dataType = "object" })
  ]])
  local clients = {}
  for i = 1, 5 do clients[i] = client.open(s, "/echo") end
  save()
  clients[1]:send("0.3")
  s:expectLines("asked")
  awaitGeneration(s, 2)
  for i, c in ipairs(clients) do assert.equal(i .. " 1", (c:receive())) end
  clients[1]:send("0")
  s:expectLines("asked")
  for i, c in ipairs(clients) do assert.equal(i .. " 2", (c:receive())) end
end)

it("reloads among broadcasts and publishes leave out nobody", function()
  local s, save = start([[
    local luaws = require "luaws"
    local Echo = luaws.class "Echo"
    function Echo:onOpen(ws) ws:subscribe "all" end
    function Echo:onMessage(ws, event)
      ws.wss:broadcast(event.data .. " GENERATION")
      ws.wss:publish("all", event.data .. " GENERATION")
    end
    luaws.WebSocketServer.new({ onConnection = function() return Echo.new() end }, { path = "/echo" })
  ]])
  local clients = {}
  for i = 1, 10 do clients[i] = client.open(s, "/echo") end
  local rounds, generation = build.pick(300, 30), 1
  for i = 1, rounds do
    if i % (rounds // 3) == 0 then
      generation = save()
      s:signalProcess("sighup")
    end
    clients[1]:send(tostring(i))
    for _, c in ipairs(clients) do
      for _ = 1, 2 do assert.equal(i, tonumber(c:receive():match("^(%d+) %d+$"))) end
    end
  end
  awaitGeneration(s, generation)
end)

it("a callback that waits goes on as it was, and its connection's next message runs the new code", function()
  local s, save = start([[
    local luaws = require "luaws"
    local Echo = luaws.class "Echo"
    function Echo:onMessage(ws, event)
      local word = "GENERATION"
      ws:send("begins " .. word)
      repeat luaws.sleep(0.01) until os.remove(arg[0] .. ".go")
      ws:send(event.data .. " " .. word)
    end
    luaws.WebSocketServer.new({ onConnection = function() return Echo.new() end }, { path = "/echo" })
  ]])
  local c = client.open(s, "/echo")
  c:send("a")
  c:send("b")
  assert.equal("begins 1", (c:receive()))
  save()
  s:signalProcess("sighup")
  awaitGeneration(s, 2)
  files.write(s.path .. ".go", "")
  assert.equal("a 1", (c:receive()))
  assert.equal("begins 2", (c:receive()))
  files.write(s.path .. ".go", "")
  assert.equal("b 2", (c:receive()))
end)

describe("the end", function()
  local LONG = [[
    local luaws = require "luaws"
    local Echo = luaws.class "Echo"
    function Echo:onMessage(ws, event) ws:send("GENERATION") end
    function Echo:onTerminate(ws, event)
      assert(luaws.reload() == nil or event.code ~= 1001)
      print("ends GENERATION")
    end
    wss = luaws.WebSocketServer.new({ onConnection = function() return Echo.new() end }, { path = "/echo" })
  ]]

  it("comes all the same when a reload is asked for meanwhile", function()
    for _, options in ipairs({ {}, { workers = 3 } }) do
      local s, save = start(LONG, options)
      local clients = {}
      for i = 1, 6 do clients[i] = client.open(s, "/echo") end
      save()
      s:signalProcess("sighup")
      s:signalProcess("sigterm")
      s:signalProcess("sighup")
      for _, c in ipairs(clients) do c:expectClose(1001) end
      assert.equal(0, (s:awaitExit()))
      assert.equal(6, select(2, s.stdout:gsub("ends %d\n", "")))
    end
  end)

  it("of a server that is being closed comes, whatever is reloaded meanwhile", function()
    local s, save = start([[
      local luaws = require "luaws"
      local Echo = luaws.class "Echo"
      function Echo:onMessage(ws) ws.wss:terminate() print "closing" end
      local Room = luaws.class "Room"
      function Room:onConnection() return Echo.new() end
      function Room:onTerminate() print "closed GENERATION" end
      if not done then luaws.WebSocketServer.new(Room.new(), { path = "/echo", closeTimeout = 60 }) end
      done = true
      luaws.every(60, print)
    ]])
    local c, silent = client.open(s, "/echo"), client.open(s, "/echo")
    c:send("x")
    s:expectLines("closing")
    save()
    s:signalProcess("sighup")
    awaitGeneration(s, 2)
    c:expectClose(1001)
    silent:expectClose(1001)
    assert.matches("^closed %d$", (s:line()))
  end)
end)
