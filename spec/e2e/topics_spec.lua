-- Topics: subscribe, publish, patterns, and who gets what.

local client = require "spec.support.client"
local server = require "spec.support.server"

-- A client says "METHOD TOPIC [MESSAGE]" and is told what that returned.
local OPERATED = [[
  local function show(...)
    local words = table.pack(...)
    for i = 1, words.n do
      words[i] = type(words[i]) == "table" and "{" .. table.concat(words[i], " ") .. "}" or tostring(words[i])
    end
    return table.concat(words, " ")
  end
  serve({
    onMessage = function(_, ws, event)
      local method, topic, message = event.data:match("^(%%S+) ?(%%S*) ?(.*)$")
      if method == "topics" then return ws:send("= " .. show(ws.topics)) end
      if method == "count" then return ws:send("= " .. show(ws.wss:subscriberCount(topic))) end
      if method == "all" then return ws:send("= " .. show(ws.wss:publish(topic, message))) end
      ws:send("= " .. show(ws[method](ws, topic, message ~= "" and message or nil)))
    end,
    onTerminate = function(_, ws, event)
      say("terminate", event.code, event.reason, show(ws.topics), show(ws:subscribe "late"))
      ws:publish("gone", "gone " .. #ws.topics)
    end,
    onError = function(_, ws, event)
      say("error", ws.status, event.errors[1].componentSignature, event.errors[1].errCode, event.errors[1].message)
    end,
  }, { %s })
]]

local function start(options, ...)
  return server.start(OPERATED:format(options or ""), ...)
end

local inboxes = setmetatable({}, { __mode = "k" }) -- what clients have received beside answers

-- Sends commands and returns what the last one returned.
local function tell(c, ...)
  local answer
  inboxes[c] = inboxes[c] or {}
  for _, command in ipairs { ... } do
    c:send(command)
    while true do
      local message = c:receive()
      answer = message:match("^= ?(.*)$")
      if answer then break end
      table.insert(inboxes[c], message)
    end
  end
  return answer
end

-- All that a client has received so far beside answers.
local function received(c)
  tell(c, "topics")
  return inboxes[c]
end

local function openMany(s, count)
  local clients = {}
  for i = 1, count do clients[i] = client.open(s, "/") end
  return clients
end

describe("publish", function()
  it("reaches the subscribers of a topic; of a connection's, all but itself", function()
    local s = start()
    local a, b, c, d = table.unpack(openMany(s, 4))
    for _, each in ipairs { a, b, c } do assert.equal("true", tell(each, "subscribe news")) end
    assert.equal("", tell(a, "publish news from-a"))
    assert.equal("", tell(d, "publish news from-d"))
    tell(d, "all news from-all", "publish other nobody")
    assert.same({ "from-d", "from-all" }, received(a))
    assert.same({ "from-a", "from-d", "from-all" }, received(b))
    assert.same({ "from-a", "from-d", "from-all" }, received(c))
    assert.same({}, received(d))
  end)

  it("of the server reaches the one that asked for it, too, in its place among other sends", function()
    local s = server.start([[
      serve({
        onOpen = function(_, ws) ws:subscribe "x" end,
        onMessage = function(_, ws)
          for i = 1, 50 do
            ws:send("s" .. i)
            ws.wss:publish("x", "p" .. i)
            ws.wss:broadcast("b" .. i)
          end
        end,
      })
    ]])
    local clients = openMany(s, 3)
    clients[2]:send("go")
    for number, c in ipairs(clients) do
      for i = 1, 50 do
        if number == 2 then assert.equal("s" .. i, c:receive()) end
        assert.equal("p" .. i, c:receive())
        assert.equal("b" .. i, c:receive())
      end
    end
  end)

  it("goes by patterns, to each connection once", function()
    local s = start()
    local one, any, rest, many = table.unpack(openMany(s, 4))
    tell(one, "subscribe chat.kitchen")
    tell(any, "subscribe chat.*")
    tell(rest, "subscribe chat.>")
    tell(many, "subscribe chat.kitchen", "subscribe chat.*", "subscribe >", "subscribe *.kitchen")
    for _, topic in ipairs { "chat.kitchen", "chat.hall", "chat.kitchen.loud", "chat" } do
      tell(many, "all " .. topic .. " " .. topic)
    end
    assert.same({ "chat.kitchen" }, received(one))
    assert.same({ "chat.kitchen", "chat.hall" }, received(any))
    assert.same({ "chat.kitchen", "chat.hall", "chat.kitchen.loud" }, received(rest))
  end)

  it("gives a connection that matches several ways the message once", function()
    local s = start()
    local many, other = client.open(s, "/"), client.open(s, "/")
    tell(many, "subscribe chat.kitchen", "subscribe chat.*", "subscribe >", "subscribe *.kitchen")
    tell(other, "publish chat.kitchen hello")
    assert.same({ "hello" }, received(many))
  end)

  it("stops with unsubscribe", function()
    local s = start()
    local a, b = client.open(s, "/"), client.open(s, "/")
    tell(a, "subscribe x", "subscribe *")
    assert.equal("true", tell(a, "unsubscribe x"))
    tell(b, "publish x one")
    assert.equal("false", tell(a, "unsubscribe x"))
    assert.equal("true", tell(a, "unsubscribe *"))
    tell(b, "publish x two")
    assert.same({ "one" }, received(a))
  end)

  it("stays within its server", function()
    local s = server.start([[
      local a = serve({ onOpen = function(_, ws) ws:subscribe "x" end, onMessage = function() end }, { path = "/a" })
      serve({
        onOpen = function(_, ws) ws:subscribe "x" end,
        onMessage = function(_, ws)
          ws.wss:publish("x", "of b")
          a:publish("x", "of a")
          say(ws.wss:subscriberCount "x", a:subscriberCount "x")
        end,
      }, { path = "/b" })
    ]])
    local a, b = client.open(s, "/a"), client.open(s, "/b")
    b:send("go")
    assert.equal("of b", b:receive())
    assert.equal("of a", a:receive())
    s:expectLines("1 1")
  end)

  it("sends by kind of value as send does", function()
    local values = {
      text = { { "'a'", "a", false }, { "luaws.blob '\\255'", "\255", true }, { "{ a = 1 }", '{"a":1}', false } },
      blob = { { "'a'", "a", true }, { "{ 1 }", "[1]", false } },
      object = { { "42", "42", false }, { "luaws.null", "null", false }, { "'a'", "a", false } },
    }
    for dataType, cases in pairs(values) do
      for _, case in ipairs(cases) do
        local s = server.start(([[
          serve({ onOpen = function(_, ws) ws:subscribe "x" end,
            onMessage = function(_, ws) ws:publish("x", %s) ws.wss:publish("x", %s) end }, { dataType = %q })
        ]]):format(case[1], case[1], dataType))
        local a, b = client.open(s, "/"), client.open(s, "/")
        a:send("{}")
        assert.same({ case[2], case[3] }, { a:receive() })
        for _ = 1, 2 do assert.same({ case[2], case[3] }, { b:receive() }) end
      end
    end
  end)

  it("works in onTerminate, when the connection itself is subscribed to nothing any more", function()
    local s = start()
    local a, b = client.open(s, "/"), client.open(s, "/")
    tell(a, "subscribe gone", "subscribe x")
    tell(b, "subscribe gone")
    a:close(1000)
    s:expectLines("terminate 1000 nil {gone x} nil closed")
    assert.equal("gone 2", b:receive())
    assert.equal("1", tell(b, "count gone"))
  end)

  it("does nothing on a server that has ended", function()
    local s = server.start([[
      local wss = serve({ onMessage = function() end }, nil, {
        onTerminate = function(_, wss)
          wss:publish("x", "nobody")
          say(wss:subscriberCount "x")
        end,
      })
      serve({ onMessage = function() end }, { path = "/other" })
      wss:terminate(0)
    ]])
    s:expectLines("0")
  end)
end)

describe("subscriptions", function()
  it("are the connection's topics, in the order of subscribing", function()
    local s = start()
    local c = client.open(s, "/")
    assert.equal("{}", tell(c, "topics"))
    tell(c, "subscribe b", "subscribe a.*", "subscribe c", "subscribe a.*")
    assert.equal("{b a.* c}", tell(c, "topics"))
    tell(c, "unsubscribe a.*", "subscribe d", "subscribe a.*")
    assert.equal("{b c d a.*}", tell(c, "topics"))
    tell(c, "unsubscribe b", "unsubscribe c", "unsubscribe d", "unsubscribe a.*")
    assert.equal("{}", tell(c, "topics"))
  end)

  it("keep that order through many changes", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        local model = {}
        math.randomseed(5)
        for step = 1, 5000 do
          local topic = "t" .. math.random(step < 3000 and 200 or 20)
          if math.random() < 0.5 then
            local at
            for i, t in ipairs(model) do at = at or t == topic and i end
            assert(ws:subscribe(topic) == true)
            if not at then model[#model + 1] = topic end
          else
            local found = false
            for i, t in ipairs(model) do
              if t == topic then found = table.remove(model, i) ~= nil break end
            end
            assert(ws:unsubscribe(topic) == found)
          end
          if step % 50 == 0 then assert(table.concat(ws.topics, " ") == table.concat(model, " "), step) end
        end
        local total = 0
        for i = 1, 200 do total = total + ws.wss:subscriberCount("t" .. i) end
        ws:send(tostring(total == #model))
      end })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    assert.equal("true", c:receive(90))
  end)

  it("are told by an array of the script's own", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        ws:subscribe "a"
        ws.topics[1] = "b"
        ws.note = "kept"
        say(#ws.topics, ws.topics[1], ws.note, pcall(function() ws.topics = {} end))
      end })
    ]])
    client.open(s, "/"):send("go")
    assert.truthy(s:line():match("^1 a kept false .*'topics' of a WebSocketConnection is read%-only"))
  end)

  it("end with the connection, however it ends", function()
    local s = start()
    local watcher = client.open(s, "/")
    local clients = openMany(s, 12)
    for i, c in ipairs(clients) do tell(c, "subscribe x." .. i, "subscribe x.>", "subscribe all") end
    assert.equal("12", tell(watcher, "count all"))
    assert.equal("12", tell(watcher, "count x.3"))
    for i, c in ipairs(clients) do
      if i % 3 == 0 then c:reset() elseif i % 3 == 1 then c:close(1000) else tell(c, "topics") end
    end
    for _ = 1, 8 do assert.truthy(s:line():match("^terminate 100%d ")) end
    assert.equal("4", tell(watcher, "count all"))
    tell(watcher, "publish all end")
    for i = 2, 11, 3 do assert.equal("end", clients[i]:receive()) end
  end)

  it("return nil, closed from terminate on", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        ws:subscribe "a"
        ws:terminate()
        say(ws:subscribe "b")
        say(ws:unsubscribe "a")
        say(#ws.topics, ws.wss:subscriberCount "a")
      end })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    s:expectLines("nil closed", "nil closed", "1 0")
  end)
end)

describe("subscriberCount", function()
  it("counts patterns in, each connection once", function()
    local s = start()
    local a, b, c = table.unpack(openMany(s, 3))
    assert.equal("0", tell(a, "count x.y"))
    tell(a, "subscribe x.y", "subscribe x.*")
    tell(b, "subscribe >")
    tell(c, "subscribe x")
    assert.equal("2", tell(a, "count x.y"))
    assert.equal("1", tell(a, "count x.z.w"))
    assert.equal("2", tell(a, "count x"))
  end)
end)

describe("a topic that is none", function()
  local CALLS = {
    { "ws:subscribe()", "subscribe: the topic must be a string, got no value" },
    { "ws:subscribe(42)", "subscribe: the topic must be a string, got number 42" },
    { "ws:subscribe ''", "subscribe: the topic (string '') is empty" },
    { "ws:subscribe 'a..b'", "subscribe: the topic (string 'a..b') has an empty segment" },
    { "ws:subscribe 'a.>.b'", "'>' that is not its last segment" },
    { "ws:subscribe 'a*'", "each is a segment by itself" },
    { "ws:subscribe(('x'):rep(256))", "is longer than 255 bytes" },
    { "ws:unsubscribe 'a b'", "unsubscribe: the topic (string 'a b') has a blank or a control character" },
    { "ws:publish('a.*', 'x')", "publish: the topic (string 'a.*') is a pattern" },
    { "ws:publish('a')", "publish: expected a string, blob or table, got no value" },
    { "ws:publish('a', 42)", "publish: expected a string, blob or table, got number 42" },
    { "ws:publish('a', '\\255')", "publish: the string is no valid UTF-8" },
    { "ws.wss:publish('>', 'x')", "publish: the topic (string '>') is a pattern" },
    { "ws.wss:publish('a', nil)", "publish: expected a string, blob or table, got nil" },
    { "ws.wss:subscriberCount '*'", "subscriberCount: the topic (string '*') is a pattern" },
    { "ws.subscribe('a')", "subscribe: expected a WebSocketConnection" },
    { "ws.wss.publish(ws, 'a', 'x')", "publish: expected a WebSocketServer" },
  }

  it("raises at the caller's line and says what is wrong", function()
    local calls = {}
    for i, call in ipairs(CALLS) do
      calls[i] = ("    say(pcall(function() %s end))"):format(call[1])
    end
    local s = server.start(("serve({ onMessage = function(_, ws)\n%s\nend })"):format(table.concat(calls, "\n")))
    client.open(s, "/"):send("go")
    for i, call in ipairs(CALLS) do
      local line = s:line()
      assert.truthy(line:find(("script.lua:%d: "):format(i + 1), 1, true), line)
      assert.truthy(line:find(call[2], 1, true), line)
    end
  end)
end)

-- One who publishes 100 kB as often as it is told, with a turn of the loop in between.
local FLOOD = [[
  serve({
    onOpen = function(_, ws) if ws.path == "/slow" then ws:subscribe "x" end end,
    onMessage = function(_, ws, event)
      local how, count = event.data:match("^(%%a+) (%%d+)$")
      if not how then return ws:send(event.data) end
      for i = 1, count do
        local message = i .. " " .. ("x"):rep(100000)
        if how == "broadcast" then ws.wss:broadcast(message, ws) else ws:publish("x", message) end
        if i %% 10 == 0 then luaws.sleep(0) end
      end
      ws.wss:subscriberCount "x" -- all reactors have carried them out
      ws:send "done"
    end,
    onDrain = function(_, ws, event) say(event.type, ws.bufferedAmount) end,
    onError = function(_, ws, event)
      say("error", ws.status, select(2, ws:send "x"), event.errors[1].errCode, event.errors[1].message)
    end,
    onTerminate = function(_, _, event) say("terminate", event.code, event.reason, event.wasClean) end,
  }, { %s })
]]

for _, how in ipairs { "broadcast", "publish" } do
  describe(how .. " to a slow consumer", function()
    it("closes it with 1008 and tells onError once, the others get all", function()
      local s = server.start(FLOOD:format("maxBackpressure = 500000"))
      local slow, talker = client.open(s, "/slow"), client.open(s, "/")
      slow:pause()
      talker:send(how .. " 200") -- 20 MB, more than any kernel buffer
      assert.equal("done", talker:receive(90))
      local text = s:line()
      assert.truthy(text:match("^error Closing closed 1008 slow consumer: %d+ bytes wait for it$"), text)
      s:expectLines("terminate 1008 slow consumer false")
      talker:send("still here")
      assert.equal("still here", talker:receive())
      slow:resume()
      assert.is_true(#slow:readAll() < 200 * 100000, "what still waited is dropped")
    end)

    it("with drop leaves out messages for it, in order, and onDrain tells when it has the rest", function()
      local s = server.start(FLOOD:format("maxBackpressure = 500000, slowConsumer = 'drop'"),
        { args = { "--log-level", "debug" } })
      local slow, talker = client.open(s, "/slow"), client.open(s, "/")
      slow:pause()
      talker:send(how .. " 200")
      assert.equal("done", talker:receive(90))
      slow:resume()
      s:expectLines("drain 0")
      slow:send("end")
      local count, last = 0, 0
      for message in function() return slow:receive(90) end do
        if message == "end" then break end
        local n = tonumber(message:match("^%d+"))
        assert.is_true(n > last)
        count, last = count + 1, n
      end
      assert.is_true(count >= 5 and count < 200, count .. " messages")
      for _, c in ipairs { slow, talker } do c:close(1000) end
      s:stop()
      assert.equal(200 - count, tonumber(s.stderr:match("(%d+) messages to slow consumers were dropped")))
    end)
  end)
end

describe("bufferedAmount", function()
  it("counts what waits of a publish, and is back at 0 when the client has it", function()
    local s = server.start([[
      local slow
      serve({
        onOpen = function(_, ws)
          if not slow then slow = ws ws:subscribe "x" end
        end,
        onMessage = function(_, ws)
          for _ = 1, 3 do ws:publish("x", "small") end
          ws.wss:subscriberCount "x" -- the reactor has carried them out
          say(slow.bufferedAmount)
          ws:publish("x", ("x"):rep(20000000))
          ws.wss:subscriberCount "x"
          while slow.bufferedAmount == 0 do luaws.sleep(0) end
          say(slow.bufferedAmount > 1000000 and slow.bufferedAmount <= 20000010)
          local _, more = slow:send "tail"
          say(more > 1000000 and more <= 20000016)
        end,
        onDrain = function(_, ws) say("drain", ws.bufferedAmount) end,
      }, { maxBackpressure = 30000000 })
    ]])
    local slow, talker = client.open(s, "/"), client.open(s, "/")
    slow:pause()
    talker:send("go")
    s:expectLines("0", "true", "true")
    slow:resume()
    for _ = 1, 3 do assert.equal("small", slow:receive()) end
    assert.equal(20000000, #slow:receive(90))
    assert.equal("tail", slow:receive())
    s:expectLines("drain 0")
  end)

  it("isn't changed by publishes that go out at once", function()
    local s = server.start([[
      local listener
      serve({
        onOpen = function(_, ws)
          if not listener then listener = ws ws:subscribe "x" end
        end,
        onMessage = function(_, ws, event)
          if event.data == "check" then return say(listener:send "hi") end
          for _ = 1, 100 do ws:publish("x", ("x"):rep(1000)) end
        end,
      })
    ]])
    local listener, talker = client.open(s, "/"), client.open(s, "/")
    for _ = 1, 3 do
      talker:send("go")
      listener:receiveMany(100)
      talker:send("check")
      s:expectLines("true 4")
      assert.equal("hi", listener:receive())
    end
  end)

  it("makes send refuse when a publish has filled the outbox", function()
    local s = server.start([[
      local slow
      serve({
        onOpen = function(_, ws)
          if not slow then slow = ws ws:subscribe "x" end
        end,
        onMessage = function(_, ws)
          ws:publish("x", ("x"):rep(20000000))
          ws.wss:subscriberCount "x"
          while slow.bufferedAmount == 0 do luaws.sleep(0) end
          say(slow:send "one more")
        end,
      }, { maxBackpressure = 100000, slowConsumer = "drop" })
    ]])
    local slow, talker = client.open(s, "/"), client.open(s, "/")
    slow:pause()
    talker:send("go")
    s:expectLines("nil dropped")
    slow:resume()
    assert.equal(20000000, #slow:receive(90))
  end)
end)

-- 10,000 publishes by four connections, each of another worker, to 1,000 subscribers: each topic has two of them, and
-- two of the publishers hear everything, by two patterns.
describe("publishes across workers and I/O threads", function()
  local WORKERS, EACH, TOPICS, SUBSCRIBERS = 4, 2500, 500, 1000

  local SCRIPT = ([[
    serve({
      onMessage = function(_, ws, event)
        if event.data == "who" then return ws:send(tostring(luaws.workerIndex)) end
        if event.data == "count" then
          return ws:send(ws.wss:subscriberCount "t.1" .. " " .. ws.wss:subscriberCount "t.none")
        end
        for pattern in event.data:gmatch("subscribe (%S+)") do ws:subscribe(pattern) end
        if event.data:find "^subscribe" then return ws:send "subscribed" end
        for i = 1, EACH do
          ws.wss:publish("t." .. (i * 7 + luaws.workerIndex) % TOPICS, luaws.workerIndex .. " " .. i)
          if i % 100 == 0 then luaws.sleep(0) end
        end
        ws.wss:broadcast "end"
      end,
    })
  ]]):gsub("EACH", EACH):gsub("TOPICS", TOPICS)

  -- Asserts that a subscriber gets what each publisher sends to its topic (nil: to all), once and in order.
  local function expectAll(c, topic)
    local last, ends = {}, 0
    while ends < WORKERS do
      local message = c:receive(60)
      if message == "end" then
        ends = ends + 1
      else
        local worker, i = message:match("^(%d+) (%d+)$")
        worker, i = tonumber(worker), tonumber(i)
        local expected = (last[worker] or 0) + 1
        while not last[worker] and topic and (expected * 7 + worker) % TOPICS ~= topic do expected = expected + 1 end
        if last[worker] and topic then expected = last[worker] + TOPICS end
        if i ~= expected then assert.equal(expected, i, "publisher " .. worker) end
        last[worker] = i
      end
    end
    for worker = 1, WORKERS do
      local expected = EACH
      while topic and (expected * 7 + worker) % TOPICS ~= topic do expected = expected - 1 end
      assert.equal(expected, last[worker], "publisher " .. worker)
    end
  end

  it("reach 1,000 subscribers exactly once and in each publisher's order", function()
    local s = server.start(SCRIPT, { ioThreads = 2, workers = WORKERS })
    local subscribers, publishers = openMany(s, SUBSCRIBERS), {}
    for _, c in ipairs(openMany(s, WORKERS)) do
      c:send("who")
      publishers[tonumber((c:receive()))] = c
    end
    assert.equal(WORKERS, #publishers)
    for i, c in ipairs(subscribers) do c:send("subscribe t." .. i % TOPICS) end
    for i = 1, 2 do publishers[i]:send("subscribe t.* subscribe >") end
    for _, c in ipairs { publishers[1], publishers[2], table.unpack(subscribers) } do
      assert.equal("subscribed", c:receive())
    end
    publishers[4]:send("count")
    assert.equal(("%d 2"):format(SUBSCRIBERS // TOPICS + 2), publishers[4]:receive())
    for _, c in ipairs(publishers) do c:send("publish") end
    for i, c in ipairs(subscribers) do expectAll(c, i % TOPICS) end
    for i = 1, 2 do expectAll(publishers[i]) end
  end)
end)
