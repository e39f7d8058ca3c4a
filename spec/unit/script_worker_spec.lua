-- src/script/worker.c and what it runs: a whole worker whose reactor is this spec, which posts
-- events and looks at the commands that come back.

local probe = require "probe"
local async = require "spec.support.async"

local TEXT = 0x81

local function frame(text)
  assert(#text < 126)
  return string.char(TEXT, #text) .. text
end

-- A worker with a server whose connections have this handler. `prelude` comes before it.
local Worker = {}
Worker.__index = Worker

local function start(handler, options, server)
  local script = ([[
    local luaws = require "luaws"
    local handler = %s
    luaws.WebSocketServer.new(%s, %s)
  ]]):format(handler, server or "{ onConnection = function() return handler end }", options or "nil")
  local w = setmetatable({ probe = probe.worker.start(script), seen = {} }, Worker)
  async.defer(function() w:finish() end)
  w:await("SERVER_ADD")
  return w
end

-- Waits for a command of that type; returns it with all that came before it.
function Worker:await(type)
  local before = {}
  while true do
    while self.seen[1] do
      local command = table.remove(self.seen, 1)
      if command.type == type then return command, before end
      before[#before + 1] = command
    end
    self.seen = self.probe:take(self.answer) or error("no " .. type .. " came")
  end
end

-- The next command that isn't about flow control.
function Worker:next()
  while true do
    local command = table.remove(self.seen, 1)
    if not command then
      self.seen = self.probe:take(self.answer) or error("no command came")
    elseif command.type ~= "CONSUMED" and command.type ~= "CREDIT" then
      return command
    end
  end
end

function Worker:expect(type, payload)
  local command = self:next()
  assert.same({ type, payload }, { command.type, payload and command.payload })
  return command
end

-- Connections, accepted one after the other; `left` is what finish says closed of.
function Worker:open(count)
  local handles = {}
  self.left = handles
  for i = 1, count do
    handles[i] = self.probe:connect(i)
    self.probe:flush()
    self:await("ACCEPT")
  end
  return table.unpack(handles)
end

-- Messages, in one block.
function Worker:messages(...)
  local list = { ... }
  for i = 1, #list, 2 do self.probe:event("MESSAGE", list[i], list[i + 1]) end
  self.probe:flush()
end

function Worker:finish()
  if self.isFinished then return end
  self.isFinished = true
  self.probe:stop(0)
  self.probe:flush()
  self:await("WEB_STOP")
  for _, handle in ipairs(self.left or {}) do self.probe:closed(handle, 1006) end
  self.probe:event("SERVER_CLOSED", 0)
  self.probe:flush()
  assert.equal(0, self.probe:join())
end

describe("what a worker sends", function()
  it("to one connection in a row is one record", function()
    local w = start [[{ onMessage = function(_, ws, event)
      ws:send("1") ws:send("22") ws:send(event.data)
    end }]]
    local a, b = w:open(2)
    w:messages(a, "x", b, "y")
    w:expect("SEND", frame "1" .. frame "22" .. frame "x")
    w:expect("SEND", frame "1" .. frame "22" .. frame "y")
  end)

  it("as the same string to many, in a loop, is one record", function()
    local w = start [[{ onMessage = function(_, ws, event)
      for _, client in ipairs(ws.wss.connections) do client:send(event.data) end
      ws:send("end")
    end }]]
    local a, b, c = w:open(3)
    local long = ("long"):rep(30)
    for _, text in ipairs { "short", long, "" } do
      w:messages(a, text)
      assert.same({ a, b, c }, w:expect("FANOUT", frame(text)).handles)
      assert.equal(a, w:expect("SEND", frame "end").id)
    end
  end)

  it("in another order or of another kind stays in order", function()
    local w = start [[{ onMessage = function(_, ws)
      local a, b = table.unpack(ws.wss.connections)
      a:send("x") b:send("y") a:send("y") b:send("y", true) a:send("y", true) a:ping("p") b:send("y", true)
    end }]]
    local a, b = w:open(2)
    w:messages(a, "go")
    assert.equal(a, w:expect("SEND", frame "x").id)
    assert.same({ b, a }, w:expect("FANOUT", frame "y").handles)
    assert.same({ b, a }, w:expect("FANOUT", "\x82\x01y").handles)
    w:expect("PING", "p")
    assert.equal(b, w:expect("SEND", "\x82\x01y").id)
  end)

  it("by broadcast and publish is one record with the frame, whoever gets it", function()
    local w = start [[{ onMessage = function(_, ws, event)
      ws.wss:broadcast(event.data)
      ws.wss:broadcast(event.data, ws)
      ws.wss:publish("a.b", event.data)
      ws:publish("a", event.data)
    end }]]
    local _, b = w:open(3)
    w:messages(b, "all")
    local wss
    for _, expected in ipairs { { "BROADCAST", 0, "" }, { "BROADCAST", b, "" }, { "PUBLISH", 0, "a.b" },
      { "PUBLISH", b, "a" } } do
      local command = w:expect(expected[1], frame "all")
      assert.same({ expected[2], expected[3] }, { command.except, command.topic })
      wss = wss or command.id
      assert.equal(wss, command.id)
    end
  end)

  it("about topics is a record each, and none for what changes nothing", function()
    local w = start [[{ onMessage = function(_, ws)
      for _ = 1, 2 do ws:subscribe "a.*" end
      for _ = 1, 2 do ws:unsubscribe "a.*" end
      ws:send(tostring(ws.wss:subscriberCount "a.b"))
    end }]]
    local a = w:open(1)
    w:messages(a, "go")
    assert.equal(a, w:expect("SUBSCRIBE", "a.*").id)
    assert.equal(a, w:expect("UNSUBSCRIBE", "a.*").id)
    assert.equal("a.b", w:expect("COUNT").payload:sub(-3))
    w:expect("SEND", frame "42")
  end)

  -- What came as text needs no check when it goes out again; another string in its place does.
  it("is checked, also where the message lay that its callback has let go of", function()
    local w = start([[{ onMessage = function(_, ws, event)
      local length, wrong = #event.data, {}
      event.data = nil
      collectgarbage()
      for i = 1, 100 do wrong[i] = ("\xff"):rep(length - 3) .. 100 + i end
      for _, string in ipairs(wrong) do
        if pcall(ws.send, ws, string) then return end
      end
      ws:send("all refused")
    end }]])
    local a = w:open(1)
    w:messages(a, ("a"):rep(100))
    w:expect("SEND", frame("all refused"))
  end)

  it("needs few blocks and no allocation a message", function()
    local w = start [[{ onMessage = function(_, ws, event) ws:send(event.data) end }]]
    local handles = { w:open(100) }
    local function round()
      for _ = 1, 100 do
        for _, handle in ipairs(handles) do w.probe:event("MESSAGE", handle, ("%64d"):format(handle)) end
      end
      w.probe:flush()
      local count = 0
      while count < 10000 do
        count = count + #w:expect("SEND").payload // 66
      end
    end
    round() -- coroutines and blocks are made
    local blocks, allocations = w.probe:counters()
    round() -- of 10,000 messages; how many go together is a matter of who is quicker
    local blocksAfter, allocationsAfter = w.probe:counters()
    assert.is_true(blocksAfter - blocks <= 1000, "blocks: " .. blocksAfter - blocks)
    assert.is_true(allocationsAfter - allocations <= 1000, "allocations: " .. allocationsAfter - allocations)
  end)
end)

describe("bufferedAmount", function()
  it("is what has been sent less what the kernel has taken", function()
    local w = start [[{ onMessage = function(_, ws, event)
      local _, buffered = ws:send(event.data)
      ws:send(buffered .. " " .. ws.bufferedAmount)
    end }]]
    local a = w:open(1)
    w:messages(a, "12345678")
    w:expect("SEND", frame "12345678" .. frame "10 10")
    w.probe:takeBytes(a, 15)
    w:messages(a, "x")
    w:expect("SEND", frame "x" .. frame "5 5")
  end)

  -- The first connection to open hears how three sends to the other one went.
  local REPORTING = [[(function()
    local function report(...) judge:send(table.concat({ ... }, ",")) end
    return {
      onOpen = function(_, ws) judge = judge or ws end,
      onMessage = function(_, ws, event)
        for _ = 1, 3 do report(tostring(select(2, ws:send(event.data)))) end
      end,
      onError = function(_, _, event) report(event.errors[1].errCode, event.errors[1].componentSignature) end,
    }
  end)()]]

  it("above maxBackpressure fails the connection and tells onError", function()
    local w = start(REPORTING, "{ maxBackpressure = 8 }")
    local judge, slow = w:open(2)
    w.probe:takeBytes(judge, 1000)
    w:messages(slow, "12345678")
    w:expect("SEND", frame "12345678")
    w:expect("SEND", frame "10")
    -- Only now, when what has been sent is known to wait, is the next message too much.
    local fail = w:expect("FAIL")
    assert.equal(slow, fail.id)
    assert.equal(1008, (string.unpack("=I2", fail.payload)))
    w:expect("SEND", frame "closed" .. frame "closed" .. frame "1008,LUAW")
  end)

  it("of a slow consumer that the reactor has found: onError is told, and nobody fails it again", function()
    local w = start(REPORTING)
    local judge, slow = w:open(2)
    w.probe:slow(slow)
    w:messages(slow, "unheard", judge, "x")
    local told = w:expect("SEND")
    local expected = frame "1008,LUAW" .. frame "x"
    assert.same({ judge, expected }, { told.id, told.payload:sub(1, #expected) })
  end)

  it("above maxBackpressure tells onError once, though the reactor finds the same", function()
    local w = start(REPORTING, "{ maxBackpressure = 8 }")
    local judge, slow = w:open(2)
    w.probe:takeBytes(judge, 1000)
    w:messages(slow, "12345678")
    w:expect("SEND", frame "12345678")
    w:expect("SEND", frame "10")
    w:expect("FAIL")
    w.probe:slow(slow)
    w:messages(judge, "x")
    w:expect("SEND", frame "closed" .. frame "closed" .. frame "1008,LUAW")
    assert.equal(frame "x", w:expect("SEND").payload:sub(1, 3))
  end)

  it("above maxBackpressure drops the message, with slowConsumer 'drop'", function()
    local w = start(REPORTING, "{ maxBackpressure = 8, slowConsumer = 'drop' }")
    local judge, slow = w:open(2)
    w.probe:takeBytes(judge, 1000)
    w:messages(slow, "12345678")
    w:expect("SEND", frame "12345678")
    w:expect("SEND", frame "10")
    w:expect("SEND", frame "dropped")
    w:expect("SEND", frame "dropped")
  end)

  it("counts only what is still waiting when the reactor has caught up", function()
    local w = start(REPORTING, "{ maxBackpressure = 8 }")
    local judge, slow = w:open(2)
    w.probe:takeBytes(judge, 1000)
    w:messages(slow, "12345678")
    for _ = 1, 3 do
      w:expect("SEND", frame "12345678")
      w:expect("SEND", frame "10")
      w.probe:takeBytes(slow, 10)
    end
  end)
end)

describe("a callback that waits", function()
  local WAITING = [[{ onMessage = function(_, ws, event)
    if event.data == "go" then go() return end
    if event.data == "wait" then luaws.await(function(done) go = done end) end
    ws:send(#event.data < 100 and event.data or tostring(#event.data))
  end, onTerminate = function(_, ws) if go then go() end end }]]

  it("holds back its connection alone, in order", function()
    local w = start(WAITING)
    local a, b = w:open(2)
    w:messages(a, "1", a, "wait", a, "2", b, "3", a, "4", b, "go")
    w:expect("SEND", frame "1")
    assert.equal(b, w:expect("SEND", frame "3").id)
    w:expect("SEND", frame "wait" .. frame "2" .. frame "4")
  end)

  it("gives no credit for what is held back", function()
    local w = start(WAITING)
    local a, b = w:open(2)
    local big = ("x"):rep(100000)
    w:messages(a, "wait", a, big, a, big, b, "there")
    local _, before = w:await("SEND")
    for _, command in ipairs(before) do assert.not_equal("CREDIT", command.type) end
    w:messages(b, "go")
    local credit = w:await("CREDIT")
    assert.equal(a, credit.id)
    assert.is_true(credit.credit >= 128 * 1024, tostring(credit.credit))
  end)

  it("is not called after its handle is dead, and its slot may be another's", function()
    local w = start(WAITING)
    local a, b = w:open(2)
    w:messages(a, "wait")
    w.probe:closed(a, 1006)
    w.probe:event("MESSAGE", a, "late")
    local c = w.probe:connect(1)
    w.probe:event("MESSAGE", c, "new")
    w.probe:flush()
    assert.equal(c, w:expect("ACCEPT").id)
    assert.equal(c, w:expect("SEND", frame "new").id)
    w:messages(b, "go")
    w.left = { b, c }
    w:messages(b, "end")
    w:expect("SEND", frame "end")
  end)
end)

describe("an answer of onConnection", function()
  -- A connection to /judge is accepted at once and told what becomes of the one to /.
  local SERVER = [[{ onConnection = function(_, _, event)
    if event.request.path == "/judge" then
      return { onOpen = function(_, ws) judge = ws end, onMessage = function() answer(handler) end }
    end
    return luaws.await(function(done) answer = done end)
  end, onError = function(_, _, event) judge:send("error " .. event.errors[1].errCode) end }]]
  local TELLING = [[{ onMessage = print,
    onOpen = function(_, ws) judge:send("open " .. tostring(ws:send("x"))) end,
    onTerminate = function(_, ws, event) judge:send("terminate " .. event.code) end }]]
  -- luaws and handler are the script's locals; the server's functions need them too.
  local function startTelling(options)
    local w = start(TELLING, options, SERVER)
    local judge = w.probe:connect(1, "/judge")
    w.probe:flush()
    w:await("ACCEPT")
    w.left = { judge }
    return w, judge
  end

  it("that comes in time is followed by its onOpen at once", function()
    local w, judge = startTelling()
    local a = w.probe:connect(2)
    w.probe:flush()
    w:messages(judge, "answer")
    assert.equal(a, w:expect("ACCEPT").id)
    assert.equal(a, w:expect("SEND", frame "x").id)
    w:expect("SEND", frame "open true")
    w.left[2] = a
  end)

  it("for a client that has left opens and terminates it, and sends nothing", function()
    local w, judge = startTelling()
    local a = w.probe:connect(2)
    w.probe:closed(a, 1006)
    w:messages(judge, "answer")
    w:expect("SEND", frame "open nil" .. frame "terminate 1006")
  end)

  it("for a client that has left, later than answerTimeout, gets no callback", function()
    local w, judge = startTelling("{ answerTimeout = 0.001 }")
    local a = w.probe:connect(2)
    w.probe:closed(a, 1006)
    w.probe:flush()
    async.sleep(0.01)
    w:messages(judge, "answer", judge, "answer")
    local b = w.probe:connect(3, "/judge")
    w.probe:flush()
    assert.equal(b, w:expect("ACCEPT").id)
    w.left[2] = b
  end)

  it("after the client's 503 is dropped, and onError was told", function()
    local w, judge = startTelling()
    local a = w.probe:connect(2)
    w.probe:event("ANSWER_LATE", a)
    w.probe:closed(a, 1006)
    w.probe:flush()
    w:expect("SEND", frame "error 503")
    w:messages(judge, "answer")
    local b = w.probe:connect(3, "/judge")
    w.probe:flush()
    assert.equal(b, w:expect("ACCEPT").id)
    w.left[2] = b
  end)
end)

describe("a call that blocks", function()
  it("loses nothing of what comes meanwhile, and dispatches none of it", function()
    local w = start [[{ onMessage = function(_, ws, event)
      if event.data == "new" then
        busy = true
        local ok, err = pcall(luaws.WebSocketServer.new, { onConnection = print }, { path = "/x" })
        ws:send(tostring(ok) .. err:match ": [^:]+$")
        busy = false
      else
        ws:send(event.data .. " " .. tostring(busy))
      end
    end }]]
    local a, b = w:open(2)
    w.answer = false
    w:messages(a, "new", b, "1")
    local call = w:await("SERVER_ADD")
    w:messages(b, "2")
    w.probe:reply(call.id, false)
    w:messages(b, "3")
    w:expect("SEND", frame "false: refused by the spec")
    w:expect("SEND", frame "1 false" .. frame "2 false" .. frame "3 false")
    w.answer = true
  end)
end)

describe("a web server that another worker has stopped", function()
  it("may be started again, and hears nothing more of its earlier run", function()
    local w = start [[(function()
      local web = luaws.WebServer.new { port = 0 }
      return { onMessage = function(_, ws, event)
        if event.data == "start" then assert(web:start()) end
        ws:send(tostring(web.isRunning))
      end }
    end)()]]
    local a = w:open(1)
    local function tell(text, expected)
      w:messages(a, text)
      local command = w:await("SEND")
      assert.equal(frame(expected), command.payload)
    end
    tell("start", "true")
    local first = w.probe:web()
    w.probe:event("WEB_STOPPED", first)
    tell("look", "false")
    tell("start", "true")
    w.probe:event("WEB_STOPPED", first) -- by another reactor
    tell("look", "true")
    w.probe:event("WEB_STOPPED", w.probe:web())
    tell("look", "false")
  end)
end)

describe("the end of a worker", function()
  it("comes by itself when nothing is left", function()
    local w = probe.worker.start "x = 1"
    assert.equal(0, w:join())
  end)

  it("has exit code 1 after a script that can't be loaded or that raises", function()
    for _, script in ipairs { "syntax error", "error 'raised by the spec'" } do
      local w = probe.worker.start(script)
      assert.equal(1, w:join())
    end
  end)

  it("closes what waits", function()
    local w = start([[{ onMessage = function(_, ws)
      luaws.spawn(function()
        local guard <close> = setmetatable({}, { __close = function() ws:send("closed") closed = true end })
        luaws.await(function() end)
      end)
      ws:send("waits")
    end }]])
    local a = w:open(1)
    w:messages(a, "go")
    w:expect("SEND", frame "waits")
    w:finish()
  end)
end)
