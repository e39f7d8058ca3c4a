-- Each allocation of Lua's that --memory-limit may refuse is refused in turn, wherever luaws's own code or the script's
-- makes it: the process lives, what was in the middle of it goes on or is told as failed, and then all is as before.
--
-- LUAWS_FAULTS_ALL=1 refuses each of them, by default a sample is.

local uv = require "luv"
local assert = require "luassert"
local allocations = require "spec.support.allocations"
local async = require "spec.support.async"
local client = require "spec.support.client"
local files = require "spec.support.files"
local server = require "spec.support.server"

local ALL = os.getenv("LUAWS_FAULTS_ALL")
local SAMPLES = ALL and math.huge or 8
local PARTS = ALL and 4 or 1 -- of what takes long
local FEW = ALL and 60 or 3
local PATIENCE = 3 -- glances at a conversation in which something has failed and was told, before it is broken off
local GLANCE = 20 -- ms

local TELL = [[
  luaws.onError = function(event) say("told", event.errors[1].message) end
  function tell(_, _, event) say("told", event.errors[1].message) end
]]

local function size(s)
  return #s.stdout + #s.stderr
end

-- Waits for the task's end, but not for long.
local function glance(task)
  local timer = uv.new_timer()
  async.await(function(done)
    timer:start(GLANCE, 0, done)
    table.insert(task.joiners, done)
  end)
  timer:close()
end

-- One conversation, as far as it gets. True, or false and why not.
local function attempt(s, converse, orders)
  local clients, before = {}, size(s)
  local task = async.spawn(async.isolated, function()
    converse(setmetatable({
      s = s,
      connect = function(...)
        local c = client.connect(s, ...)
        clients[#clients + 1] = c
        return c
      end,
      open = function(path, headers)
        local c = client.connect(s)
        clients[#clients + 1] = c
        c:sendRequest({ path = path or "/", headers = client.upgradeHeaders(headers) })
        client.assertUpgraded(c:response())
        return c
      end,
    }, { __index = s }))
  end)
  local glances = 0
  while not task.results do
    glance(task)
    if orders:failed() > 0 and size(s) > before then glances = glances + 1 end
    if glances > PATIENCE and not task.results then
      for _, c in ipairs(clients) do c:drop() end
    end
  end
  task.joined = true
  return task.results[1], task.results[2]
end

local function assertWhole(s, converse, orders, what)
  local ok, why = attempt(s, converse, orders)
  assert.is_true(ok, ("%s: %s\n%s"):format(what, why, s.stderr:sub(-4000)))
  assert.is_nil(s.code, what)
end

-- Which allocations of so many fail.
local function step(count)
  return math.max(1, count // SAMPLES)
end

-- Lets one allocation of a conversation fail.
local function failOne(s, converse, orders, number, options)
  local before = size(s)
  orders:give(number, options.times)
  local ok, why = attempt(s, converse, orders)
  local failed = orders:take()
  local what = ("allocation %d"):format(number)
  assert.is_nil(s.code, what .. " ended luaws:\n" .. s.stderr:sub(-4000))
  if failed == 0 then
    assert.is_true(ok, why)
  elseif not ok and not options.isToldElsewhere then
    async.eventually(function() return size(s) > before end, nil,
      ("something to be told of: %s failed (%s)"):format(what, why))
  end
  assertWhole(s, converse, orders, "after " .. what)
  return failed > 0
end

-- Lets each allocation of a conversation fail, one after the other. (Not all are noticed: Lua's table of strings stays
-- as it is when it can't grow, stacks when they can't shrink.) Options: `part`: one of PARTS alone; `few`: FEW of them;
-- `isCold`: each time in a luaws of its own, that has done nothing yet; `times`: how many fail in a row;
-- `isToldElsewhere`: not in the log nor by the script.
local function sweep(script, converse, options)
  options = options or {}
  local orders = allocations.orders()
  options.faults, options.tls, options.env = "", false, orders:environment(options.env)
  local s = server.start(TELL .. script, options)
  if not options.isCold then assertWhole(s, converse, orders, "at first") end
  orders:give(math.maxinteger)
  assertWhole(s, converse, orders, "counted")
  local _, count = orders:take()
  local failures = 0
  local stride = options.few and math.max(1, count // FEW) or options.part and step(count) * PARTS or step(count)
  for number = options.part or 1, count, stride do
    if options.isCold then
      s:stop()
      s = server.start(TELL .. script, options)
    end
    if failOne(s, converse, orders, number, options) then failures = failures + 1 end
  end
  assert.is_true(failures > 0, "none failed")
  s:stop()
end

-- Functions that connections of /run call by number; each returns what is sent back. A string that is new each time has
-- to be allocated: fresh().
local RUNNING = [[
  local serial = 0
  function fresh() serial = serial + 1 return ("fresh%%d"):format(serial) end
  STEPS = { %s }
  local Runner = luaws.class "Runner"
  function Runner:onMessage(ws, event) ws:send(tostring(STEPS[tonumber(event.data)](ws))) end
  function Runner:onError(ws, event)
    tell(self, ws, event)
    ws:terminate(4000)
  end
  local runs = serve(nil, { path = "/run", closeTimeout = 1 },
    { onConnection = function() return Runner.new() end, onError = tell })
  function luaws.onError(event)
    tell(nil, nil, event)
    for _, ws in ipairs(runs.connections) do ws:terminate(4000) end
  end
]]

-- Sweeps through functions, each with what it answers: { "return 1", "1", ... }.
local function sweepSteps(steps, options)
  options = options or {}
  local functions, answers = {}, {}
  for i = 1, #steps, 2 do
    functions[#functions + 1] = ("function(ws)\n%s\nend"):format(steps[i])
    answers[#answers + 1] = steps[i + 1]
  end
  sweep((options.before or "") .. RUNNING:format(table.concat(functions, ",\n")), function(t)
    local c = t.open("/run")
    for i, answer in ipairs(answers) do
      c:send(tostring(i))
      assert.equal(answer, (c:receive()))
    end
    c:close(1000)
  end, options)
end

-- A module for workers.
local M = [[
  local luaws, m, kept = require "luaws", {}
  function luaws.onError(event) print("told", event.errors[1].message) end
  function m.echo(...) return ... end
  function m.fail(value) error(type(value) == "table" and value or "on purpose" .. value) end
  function m.set(value) kept = value end
  function m.get() return kept end
  return m
]]

local serial = 0
local function fresh(text)
  serial = serial + 1
  return text .. serial
end

describe("memory that a script doesn't get, in", function()
  it("a conversation", function()
    sweep([[
      local Chat = luaws.class "Chat"
      function Chat:onOpen(ws) self.count, ws.user = 0, "user" end
      function Chat:onMessage(ws, event)
        self.count = self.count + 1
        ws:send(event.data .. self.count, event.isBinary)
      end
      function Chat:onTerminate(ws, event) self.over = ws.user .. event.code .. (event.reason or "") end
      Chat.onError = tell
      local Server = luaws.class "Server"
      function Server:onConnection(wss, event)
        local r = event.request
        if r.query.refuse then return nil, tonumber(r.query.refuse), r.headers["user-agent"] .. r.query.refuse end
        return Chat.new(), { protocol = "b", headers = { ["X-Room"] = r.params.room } }
      end
      Server.onError = tell
      serve(nil, { path = "/rooms/:room", protocols = { "a", "b" } }, Server.new())
    ]], function(t)
      local c = t.open("/rooms/" .. fresh "attic", { ["Sec-WebSocket-Protocol"] = "a, b" })
      local text = fresh "text"
      c:send(text)
      assert.equal(text .. "1", (c:receive()))
      text = fresh(("binary"):rep(100))
      c:sendBinary(text)
      assert.equal(text .. "2", (c:receive()))
      c:close(1000, fresh "bye")
      local refused = t.connect()
      refused:sendRequest({ path = "/rooms/x?refuse=410",
        headers = client.upgradeHeaders({ ["User-Agent"] = fresh "me" }) })
      assert.equal(410, refused:response().status)
    end)
  end)

  it("JSON", function()
    sweep([[
      local handler = { onError = tell }
      function handler.onMessage(_, ws, event)
        local data = event.data
        ws:send({ data, luaws.json.decode(luaws.json.encode(data)), luaws.array {}, luaws.null, 1.5 })
      end
      serve(handler, { dataType = "object" }, { onError = tell })
    ]], function(t)
      local c = t.open("/")
      local text = ('{"%s":[1,2,"%s"]}'):format(fresh "key", fresh "\\u00e9")
      c:send(text)
      assert.equal(("[%s,%s,[],null,1.5]"):format(text, text):gsub("\\u00e9", "\u{e9}"), (c:receive()))
      c:close(1000)
    end)
  end)

  it("topics, broadcasts and lists of connections", function()
    sweep([[
      local handler = { onError = tell }
      function handler.onMessage(_, ws, event)
        local word = event.data
        for i = 1, 12 do ws:subscribe(word .. "." .. i) end
        for i = 3, 12 do ws:unsubscribe(word .. "." .. i) end
        ws:subscribe(word .. ".2")
        local list = {}
        for _, other in ipairs(ws.wss.connections) do list[#list + 1] = other.id end
        ws:send(table.concat(ws.topics, " "))
        ws.wss:publish(word .. ".1", "published " .. word)
        ws.wss:broadcast({ all = word })
      end
      serve(handler, {}, { onError = tell })
    ]], function(t)
      local c = t.open("/")
      local word = fresh "word"
      c:send(word)
      assert.equal(("%s.1 %s.2"):format(word, word), (c:receive()))
      assert.equal("published " .. word, (c:receive()))
      assert.equal(('{"all":"%s"}'):format(word), (c:receive()))
      c:close(1000)
    end)
  end)

  it("a subscription that is tried again", function()
    sweepSteps({ [[
      local topics = {}
      for i = 1, 20 do
        topics[i] = fresh()
        if not pcall(ws.subscribe, ws, topics[i]) then ws:subscribe(topics[i]) end
      end
      return table.concat(ws.topics) == table.concat(topics)
    ]], "true" })
  end)

  it("requests", function()
    sweep([[
      luaws.webServer:start { handler = { onError = tell, onRequest = function(_, web, event)
        local r = event.request
        if r.query.plain then return r.body end
        return { status = 201, headers = { ["X-Query"] = r.query.x, ["Content-Type"] = "text/x" }, body = r.body }
      end } }
    ]], function(t)
      for _, query in ipairs { "x", "plain" } do
        local body = fresh "body"
        local c = t.connect()
        c:sendRequest({ method = "POST", path = ("/?%s=%s"):format(query, fresh "q"), body = body,
          headers = { ["Content-Length"] = #body } })
        local answer = c:response()
        assert.equal(query == "x" and 201 or 200, answer.status)
        assert.equal(body, answer.body)
      end
    end)
  end)

  it("errors", function()
    sweep([[
      local odd = setmetatable({}, { __tostring = function() return "odd" .. math.random(1 << 40) end })
      local handler = {}
      function handler.onMessage(_, ws, event)
        if event.data == "table" then error { code = 7, reason = "r" .. math.random(1 << 40) } end
        if event.data == "odd" then error(odd) end
        if event.data == "wrapped" then coroutine.wrap(function() error("inner" .. math.random(1 << 40)) end)() end
        ws:send(1)
      end
      function handler.onError(_, ws, event)
        tell(_, ws, event)
        ws:send("raised: " .. event.errors[1].message)
      end
      serve(handler, {}, { onError = tell })
    ]], function(t)
      local c = t.open("/")
      for _, word in ipairs { "table", "odd", "wrapped" } do
        c:send(word)
        assert.matches("^raised: ", (c:receive()))
      end
      c:close(1000)
    end)
  end)

  it("waiting", function()
    sweepSteps({
      "luaws.sleep(0.001) return 'slept'", "slept",
      "return luaws.await(function(done) luaws.after(0.001, function() done(fresh(), 2) end) end):sub(1, 5)", "fresh",
      [[local words = {}
      for i = 1, 3 do luaws.spawn(function(...) words[i] = table.concat({ ... }, fresh()) end, i, "a", "b") end
      luaws.sleep(0.001)
      return #words]], "3",
      [[local n, timer = 0
      timer = luaws.every(0.001, function() n = n + 1 if n == 2 then timer:cancel() end end)
      while n < 2 do luaws.sleep(0.001) end
      return tostring(timer)]], "Timer: ended",
      [[return luaws.await(function(done)
        luaws.spawn(function() luaws.sleep(0) done(table.unpack({}, 1, 100)) end)
      end)]], "nil" })
  end)

  it("what another task has called done with", function()
    sweepSteps({ [[
      local ok, why = pcall(luaws.await, function(done)
        luaws.spawn(function() luaws.sleep(0) local ok, why = pcall(done, fresh()) if not ok then say(why) end end)
      end)
      return why ~= nil]], "true" })
  end)

  it("a coroutine", function()
    sweepSteps({
      [[local ok, why = pcall(coroutine.wrap(function()
        local x <close> = setmetatable({}, { __close = function() closed = true end })
        closed = false
        error(fresh())
      end))
      return closed ~= false and not ok]], "true" })
  end)

  it("tasks with many arguments", function()
    sweepSteps({
      "local n luaws.spawn(function(...) n = select('#', ...) end, table.unpack({}, 1, 1000)) luaws.sleep(0) return n",
      "1000" })
  end)

  -- (luv itself forgets the handle or request that it has made when there is no memory for Lua's part of it.)
  local SUPPRESSED = {
    LSAN_OPTIONS = "suppressions=" .. server.folder({ list = "leak:luv_new\nleak:luv_setup_req" }) .. "/list",
  }

  it("luv", function()
    sweepSteps({
      "local uv = require 'luv' return luaws.await(function(done) uv.fs_stat('/', done) end)", "nil",
      [[local uv = require 'luv'
      return luaws.await(function(done)
        local timer = uv.new_timer()
        timer:start(1, 0, function() timer:close() done('timer') end)
      end)]], "timer" }, { env = SUPPRESSED })
  end)

  it("luv that is required at the second attempt", function()
    sweepSteps({
      [[local ok, uv = pcall(require, 'luv')
      if not ok then uv = require 'luv' end
      return luaws.await(function(done) uv.fs_stat('/', done) end)]], "nil" }, { isCold = true })
  end)

  it("clients", function()
    sweepSteps({
      [[local c <close> = setmetatable({ luaws.WebSocket.new(url()) }, { __close = function(t) t[1]:terminate() end })
      assert(c[1]:opened())
      c[1]:send(fresh())
      return c[1]:receive():sub(1, 5)]], "fresh",
      [[local client = luaws.WebSocket.new(url(), { dataType = "object", headers = { ["X-A"] = { fresh(), "b" } } }, {
        protocols = { "x", fresh() }, compression = true, reconnect = { attempts = 2 } })
      local t <close> = setmetatable({}, { __close = function() client:terminate() end })
      assert(client:opened())
      client:send({ fresh() })
      return #client:receive()[1] > 1]], "true",
      [[return luaws.await(function(done)
        local handler = {}
        function handler:onOpen(c) c:send(fresh()) end
        function handler:onMessage(c, event) self.data = event.data c:terminate() end
        function handler:onError(_, event) done(event.errors[1].message) end
        function handler:onTerminate(_, event) done(self.data and 'over') end
        luaws.WebSocket.new(url(), handler)
      end)]], "over" }, { before = [[
      serve({ onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end, onError = tell },
        { path = "/echo" }, { onError = tell })
      function url() return ("ws://127.0.0.1:%d/echo?q=%s"):format(luaws.webServer.port, fresh()) end
    ]] })
  end)

  it("servers that come and go", function()
    sweepSteps({
      [[local over
      local path = fresh()
      local wss = luaws.WebSocketServer.new({ onConnection = print, onOpen = function(self) self.path = fresh() end,
        onTerminate = function(self) over = self.path or "" end, onError = tell },
        { path = "/" .. path .. "/:x", origins = { "https://" .. path }, compression = { level = 1 } })
      luaws.sleep(0)
      wss:terminate()
      while not over do luaws.sleep(0.001) end
      return over:sub(1, 5)]], "fresh" })
  end)

  it("web servers that come and go", function()
    sweepSteps({
      [[local web = luaws.WebServer.new { port = 0, handler = { onRequest = function() return fresh() end },
        trustProxy = { "10.0.0.0/8" } }
      local ok, started, why = pcall(web.start, web)
      if not ok then web = nil end
      collectgarbage() collectgarbage()
      if not ok then error(started) end
      local port = web.port
      web:stop()
      return port ~= 0]], "true" })
  end)

  it("web servers and others, when all of them want memory for a reference", function()
    sweepSteps({
      [[local registry, timers, webs, why = debug.getregistry(), {}, {}
      repeat timers[#timers + 1] = luaws.every(100, print) until #registry & (#registry - 1) == 0
      for i = 1, 8 do
        local web = luaws.WebServer.new { port = 0 }
        local ok, message = pcall(web.start, web)
        if ok then webs[#webs + 1] = web else why = message end
      end
      for _, timer in ipairs(timers) do timer:cancel() end
      collectgarbage() collectgarbage()
      for _, web in ipairs(webs) do web:stop() end
      if why then error(why) end
      return #webs]], "8" }, { isCold = true })
  end)

  it("workers", function()
    sweepSteps({
      "return luaws.askWorker('helper', 'm.echo', { fresh(), 2, { true } }, luaws.blob 'b', luaws.null)[1]:sub(1, 5)",
      "fresh",
      "luaws.callWorker('helper', 'm.set', fresh()) return luaws.askWorker('helper', 'm.get'):sub(1, 5)", "fresh",
      "luaws.askWorker('short', 'm.echo', 1) luaws.killWorker 'short' return 1", "1" }, { files = { ["m.lua"] = M } })
  end)

  it("workers that raise", function()
    sweepSteps({
      "local ok, why = pcall(luaws.askWorker, 'helper', 'm.fail', fresh()) return #why > 1", "true",
      "local ok, why = pcall(luaws.askWorker, 'helper', 'm.fail', { fresh() }) return #why > 0", "true",
    }, { files = { ["m.lua"] = M } })
  end)

  -- (What has failed there shows at the next save at the latest.)
  it("--watch", function()
    sweep([[
      local word = require "word"
      luaws.webServer:start { root = arg[0]:match "^(.*)/" .. "/pages" }
      serve({ onMessage = function(_, ws) ws:send(word()) end }, { path = "/run" })
    ]], function(t)
      local word = fresh "word"
      files.write(t.s.folder .. "/word.lua", ("return function() return %q end"):format(word))
      local c = t.open("/run")
      repeat c:send "?" until c:receive() == word
      c:close(1000)
    end, { args = { "--watch" }, few = true, env = SUPPRESSED, files = {
      ["word.lua"] = "return function() return 'first' end", ["pages/index.html"] = "<p>here</p>" } })
  end)

  it("what --watch is told of files and servers", function()
    sweepSteps({
      "package.loaded.late = nil return require 'late'", "late",
      "return luaws.webServer:start { keepAliveTimeout = 5 }", "true",
    }, { args = { "--watch" }, env = SUPPRESSED, files = { ["late.lua"] = "return 'late'" } })
  end)

  it("a guest's console", function()
    local socket = server.folder() .. "/console"
    sweep("luaws.every(100, print)", function()
      local guest = server.run(nil, { program = { "attach", socket },
        input = "x = { 1, 'two', { y = 3 } }\nx\nluaws.sleep(0)\nfor i = 1, 2 do\nprint(i)\nend\nstring.re" })
      assert.equal(0, guest.code, guest.stdout .. guest.stderr)
      assert.equal('{ 1, "two", { y = 3 } }\ntrue\n1\n2\nnil\n', guest.stdout)
    end, { args = { "--attach=" .. socket }, isToldElsewhere = true })
  end)

  it("finalizers, however full the stack is", function()
    sweepSteps({
      [[local function deep(n)
        if n == 0 then collectgarbage() return 0 end
        return 1 + deep(n - 1)
      end
      for depth = 1, 40, 3 do
        luaws.WebServer.new { port = 0, trustProxy = { "10.0.0.0/8" } }
        deep(depth)
      end
      return "done"]], "done" })
  end)

  it("a log with fields", function()
    sweepSteps({ "luaws.log.info(fresh(), { a = fresh(), b = 2 }) return luaws.stats().connections ~= nil", "true" })
  end)

  -- After each attempt one generation's timer runs, that of luaws.generation, and all code is of that generation.
  local RELOADED = [[
    local words = require "words"
    local ticks = luaws.persist("ticks", {})
    local generation = luaws.generation
    luaws.every(0.001, function() ticks[generation] = (ticks[generation] or 0) + 1 end)
    local Base = luaws.class "Base"
    function Base:word() return words.word() .. generation end
    local Runner = luaws.class("Runner", Base)
    Runner.onError = tell
    local function running()
      local list, before = {}, {}
      for g, n in pairs(ticks) do before[g] = n end
      luaws.sleep(0.01)
      for g, n in pairs(ticks) do if n ~= before[g] then list[#list + 1] = g end end
      return table.concat(list, ",")
    end
    function Runner:onMessage(ws, event)
      if event.data == "reload" then return assert(luaws.reload()) end
      self.count = (self.count or 0) + 1
      ws:send(("%s %d: %s"):format(self:word(), luaws.generation, running()))
    end
    function Runner:onReload(ws) ws:send("reloaded " .. self:word()) end
    luaws.webServer:start { handler = { onError = tell, onRequest = function() return words.word() .. generation end } }
    serve(nil, { path = "/run", closeTimeout = 1, origins = { "http://a.test" } },
      { onConnection = function() return Runner.new() end, onError = tell })
    function luaws.onError(event) say("told " .. generation, event.errors[1].message) end
    luaws.spawn(function() luaws.sleep(100) end)
  ]]
  local WORDS = [[
    local words = {}
    function words.word() return "generation " .. require("luaws").generation .. " of " end
    return words
  ]]

  local function assertConsistent(t, c)
    c:send "which"
    local text = c:receive()
    local a, b, d, e = text:match "^generation (%d+) of (%d+) (%d+): (%d+)$"
    assert.is_true(a ~= nil and a == b and b == d and d == e, text)
    local request = t.connect()
    request:sendRequest({ path = "/" })
    assert.equal(("generation %s of %s"):format(a, a), request:response().body)
    return tonumber(a)
  end

  for part = 1, PARTS do it(("a reload (%d of %d)"):format(part, PARTS), function()
    sweep(RELOADED, function(t)
      local c = t.open("/run")
      local before = assertConsistent(t, c)
      c:send "reload"
      assert.equal(("reloaded generation %d of %d"):format(before + 1, before + 1), (c:receive()))
      assert.equal(before + 1, assertConsistent(t, c))
      c:close(1000)
    end, { files = { ["words.lua"] = WORDS }, part = part })
  end) end
end)

-- A program that ends by itself: whatever it doesn't get, it ends, and says why when it hasn't done what it should.
describe("memory that isn't got by", function()
  local RUNS = ALL and 150 or 4

  local function failSome(program, options)
    local orders = allocations.orders()
    options.program, options.faults, options.env = program, "", orders:environment(options.env)
    orders:give(math.maxinteger)
    local expected = server.run(nil, options)
    assert.equal(0, expected.code, expected.stderr)
    local _, count = orders:take()
    for number = 1, count, math.max(1, count // RUNS) do
      orders:give(number)
      local run = server.run(nil, options)
      local failed = orders:take()
      local what = ("allocation %d of %d: %s%s"):format(number, count, run.stdout, run.stderr)
      assert.equal(0, run.signal, what)
      local isWhole = run.code == 0 and (options.isEqual == false or run.stdout == expected.stdout)
      assert.is_true(isWhole or failed > 0 and #run.stderr + #run.stdout > 0, what)
    end
  end

  it("a script that starts servers, and waits", function()
    local folder = server.folder({ ["m.lua"] = [[
      local function wait() require("luaws").sleep(100) end
      return { add = function(a, b) return a + b end, wait = wait }
    ]], ["main.lua"] = [[
      local luaws = require "luaws"
      assert(luaws.webServer:start { root = "." })
      local wss = luaws.WebSocketServer.new({ onConnection = print, onOpen = function() print "open" end })
      luaws.sleep(0.001)
      luaws.after(0.001, function()
        print(luaws.askWorker("helper", "m.add", 1, 2))
        wss:terminate()
        luaws.callWorker("main", "m.wait")
        luaws.callWorker("main", "m.wait")
        luaws.sleep(0.001)
        luaws.exit(0)
      end)
      function luaws.onError() luaws.exit(1) end
    ]] })
    failSome({ "--port", "0", folder .. "/main.lua" }, {})
  end)

  it("a console", function()
    failSome({ "repl" }, { input = "x = { 1, 'two', { 3 } }\nx\nluaws.sleep(0)\nfor i = 1, 2 do\nprint(i)\nend\n_",
      isEqual = false })
  end)

  it("luaws check", function()
    failSome({ "check", "examples/chat.lua" }, {})
  end)

  it("luaws test", function()
    failSome({ "test", "examples/spec/uppercase_spec.lua" }, { isEqual = false, timeout = 60 })
  end)
end)
