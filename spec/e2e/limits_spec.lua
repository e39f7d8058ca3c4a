-- The options of WebSocketServer.new: each limit and clock at its border, and what happens past it.

local uv = require "luv"
local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

-- An echo with these options that tells how connections end.
local function echo(options)
  return server.start(([[
    serve({
      onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end,
      onTerminate = function(_, _, event) say("terminate", event.code, event.reason, event.wasClean) end,
      onError = function(_, _, event)
        local e = event.errors[1]
        say("error", e.componentSignature, e.errCode, #e.message > 0)
      end,
    }, { %s })
  ]]):format(options))
end

local function since(start)
  return (uv.hrtime() - start) / 1e9
end

describe("maxPayload", function()
  it("lets a message of that size through and ends a larger one with 1009", function()
    local s = echo("maxPayload = 1000")
    local c = client.open(s, "/")
    c:send(("x"):rep(1000))
    assert.equal(1000, #c:receive())
    c:send(("x"):rep(1001))
    c:expectFail(1009)
    s:expectLines("error LUAW 1009 true")
    assert.truthy(s:line():match("^terminate 1009 .* false$"))
    client.open(s, "/")
  end)

  it("is 1 MiB by default", function()
    local s = echo("")
    local c = client.open(s, "/")
    c:send(("x"):rep(1024 * 1024))
    assert.equal(1024 * 1024, #c:receive())
    c:sendFrame({ opcode = client.TEXT, payload = "", length = 1024 * 1024 + 1 })
    c:expectFail(1009)
  end)

  it("counts all fragments together", function()
    local s = echo("maxPayload = 10")
    local c = client.open(s, "/")
    c:sendFrame({ opcode = client.TEXT, fin = false, payload = "12345" })
    c:sendFrame({ opcode = client.CONTINUATION, fin = false, payload = "67890" })
    c:sendFrame({ opcode = client.PING, payload = "12345678901" })
    c:sendFrame({ opcode = client.CONTINUATION, payload = "" })
    assert.equal(client.PONG, c:receiveFrame().opcode)
    assert.equal("1234567890", c:receive())
    c:sendFrame({ opcode = client.TEXT, fin = false, payload = "1234567890" })
    c:sendFrame({ opcode = client.CONTINUATION, payload = "1" })
    c:expectFail(1009)
  end)

  it("acts on the length that is announced, before the bytes come", function()
    local s = echo("maxPayload = 10")
    for _, length in ipairs({ 11, 1 << 31, 1 << 32, math.maxinteger }) do
      local c = client.open(s, "/")
      c:sendFrame({ opcode = client.BINARY, payload = "", length = length, lengthBytes = length > 125 and 8 or 0 })
      c:expectFail(1009)
    end
  end)
end)

describe("maxFragments", function()
  it("lets a message of so many frames through and ends a longer one with 1008", function()
    local s = echo("maxFragments = 3")
    local c = client.open(s, "/")
    local function fragments(count)
      for i = 1, count do
        c:sendFrame({ opcode = i == 1 and client.TEXT or client.CONTINUATION, fin = i == count, payload = "x" })
      end
    end
    fragments(3)
    fragments(3)
    assert.same({ "xxx", "xxx" }, c:receiveMany(2))
    fragments(4)
    c:expectFail(1008)
    s:expectLines("error LUAW 1008 true")
  end)

  it("is 16384 by default", function()
    local s = echo("")
    local c = client.open(s, "/")
    local frame = client.frame({ opcode = client.CONTINUATION, fin = false, payload = "" })
    c:write(client.frame({ opcode = client.TEXT, fin = false, payload = "" }) .. frame:rep(16382)
      .. client.frame({ opcode = client.CONTINUATION, payload = "end" }))
    assert.equal("end", c:receive())
    c:write(client.frame({ opcode = client.TEXT, fin = false, payload = "" }) .. frame:rep(16384))
    c:expectCloseFrame(1008)
  end)
end)

describe("maxConnections", function()
  it("refuses the next one with 503 until one leaves", function()
    local s = echo("maxConnections = 2")
    local a = client.open(s, "/")
    client.open(s, "/")
    assert.equal(503, (select(2, client.handshake(s, "/"))).status)
    a:close(1000)
    assert.truthy(s:line():match("^terminate 1000"))
    client.open(s, "/")
    assert.equal(503, (select(2, client.handshake(s, "/"))).status)
  end)

  it("counts the ones that are being answered, and gives refused ones back", function()
    local s = server.start([[
      local answer
      serve(nil, { maxConnections = 1, path = "/x" }, { onConnection = function(_, _, event)
        if event.request.query.slow then say "asked" luaws.await(function(done) answer = done end) end
        if not event.request.query.refuse then return { onMessage = function() answer() end } end
      end })
      serve({ onMessage = function() answer() end }, { path = "/go" })
    ]], { workers = 1 })
    assert.equal(403, (select(2, client.handshake(s, "/x?refuse=1"))).status)
    local slow = client.connect(s)
    slow:sendRequest({ path = "/x?slow=1&refuse=1", headers = client.upgradeHeaders() })
    s:expectLines("asked")
    assert.equal(503, (select(2, client.handshake(s, "/x"))).status)
    client.open(s, "/go"):send("go")
    assert.equal(403, slow:response().status)
    client.open(s, "/x")
  end)
end)

describe("maxConnectionsPerAddress", function()
  it("refuses the next one from the same address with 429, not from another", function()
    local s = echo("maxConnectionsPerAddress = 1")
    local a = client.open(s, "/")
    assert.equal(429, (select(2, client.handshake(s, "/"))).status)
    local other = client.connectFrom("127.0.0.2", s)
    other:sendRequest({ path = "/", headers = client.upgradeHeaders() })
    client.assertUpgraded(other:response())
    a:close(1000)
    assert.truthy(s:line():match("^terminate 1000"))
    client.open(s, "/")
  end)
end)

describe("a refusal with 429", function()
  it("doesn't count as a connection", function()
    local s = echo("maxConnections = 2, maxConnectionsPerAddress = 1")
    client.open(s, "/")
    for _ = 1, 3 do assert.equal(429, (select(2, client.handshake(s, "/"))).status) end
    local other = client.connectFrom("127.0.0.2", s)
    other:sendRequest({ path = "/", headers = client.upgradeHeaders() })
    client.assertUpgraded(other:response())
  end)
end)

describe("addresses", function()
  it("are counted each for itself, however many there are", function()
    local s = echo("maxConnectionsPerAddress = 1")
    local clients = {}
    for i = 1, 200 do
      local c = client.connectFrom("127.0.1." .. i, s)
      c:sendRequest({ path = "/", headers = client.upgradeHeaders() })
      client.assertUpgraded(c:response())
      clients[i] = c
    end
    for i = 1, 200, 50 do
      local c = client.connectFrom("127.0.1." .. i, s)
      c:sendRequest({ path = "/", headers = client.upgradeHeaders() })
      assert.equal(429, c:response().status)
    end
    for _, c in ipairs(clients) do c:close(1000) end
    local c = client.connectFrom("127.0.1.1", s)
    c:sendRequest({ path = "/", headers = client.upgradeHeaders() })
    client.assertUpgraded(c:response())
  end)
end)

describe("maxMessageRate", function()
  it("reads a quick sender more slowly and closes nothing; others are not affected", function()
    local s = echo("maxMessageRate = 50")
    local quick, slow = client.open(s, "/"), client.open(s, "/")
    local start = uv.hrtime()
    quick:write(client.frame({ opcode = client.TEXT, payload = "m" }):rep(150))
    slow:send("other")
    assert.equal("other", slow:receive())
    quick:receiveMany(150)
    assert.is_true(since(start) > 1, "150 messages at 50 a second took " .. since(start))
    quick:close(1000)
  end)
end)

describe("maxMessageRate behind its burst", function()
  local RATE = 5 -- a second's worth comes at once

  local function burst(c, count, behind)
    local frames = {}
    for i = 1, count do frames[i] = client.frame({ opcode = client.TEXT, payload = tostring(i) }) end
    c:write(table.concat(frames) .. (behind or ""))
  end

  it("lets a second's worth through at once, and holds what is beyond, whole and in order", function()
    local s = echo("maxMessageRate = " .. RATE)
    attempts.within(0.55, "a second's worth", function()
      local c, start = client.open(s, "/"), uv.hrtime()
      burst(c, RATE + 3)
      for i = 1, RATE do assert.equal(tostring(i), (c:receive())) end
      local took = since(start)
      for i = RATE + 1, RATE + 3 do assert.equal(tostring(i), (c:receive())) end
      assert.is_true(since(start) > 2.9 / RATE, "the rest took " .. since(start))
      return took
    end)
  end)

  it("answers a ping and a close where they stand, behind what is held", function()
    local s = echo("maxMessageRate = " .. RATE)
    local c, start, count, ponged = client.open(s, "/"), uv.hrtime(), 0, nil
    burst(c, RATE + 2, client.frame({ opcode = client.PING, payload = "p" })
      .. client.frame({ opcode = client.CLOSE, payload = client.closePayload(4000) }))
    for _ = 1, RATE + 3 do
      local frame = c:receiveFrame()
      if frame.opcode == client.PONG then
        ponged = since(start) -- the script's answer to the last may come later: it is another thread's
      else
        count = count + 1
        assert.equal(tostring(count), frame.payload)
      end
    end
    assert.is_true(ponged > 1.9 / RATE, "a pong after " .. ponged)
    c:expectCloseFrame(4000)
    s:expectLines("terminate 4000 nil true")
  end)

  it("delivers what is held when the client has sent FIN behind it", function()
    local s = echo("maxMessageRate = " .. RATE)
    attempts.below(1, "answers that it hasn't waited for", function()
      local c, count = client.open(s, "/"), 0
      burst(c, RATE + 2)
      c:halfClose()
      for digit in c:readAll():gmatch "\x81\1(%d)" do
        count = count + 1
        assert.equal(tostring(count), digit)
      end
      s:expectLines("terminate 1006 nil false")
      return RATE + 2 - count
    end)
  end)

  it("gives each connection its own", function()
    local s = echo("maxMessageRate = 1")
    local held = client.open(s, "/")
    burst(held, 60)
    for i = 1, 20 do
      local c = client.open(s, "/")
      c:send("mine " .. i)
      assert.equal("mine " .. i, (c:receive()))
      c:drop()
    end
    assert.is_nil(held:peek():match("60"))
  end)
end)

describe("pingInterval and pongTimeout", function()
  it("ping a silent client, and drop it when it doesn't answer: 1006", function()
    local s = echo("pingInterval = 0.1, pongTimeout = 0.1")
    local c = client.open(s, "/")
    assert.equal(client.PING, c:receiveFrame().opcode)
    c:readAll()
    s:expectLines("terminate 1006 nil false")
  end)

  it("leave a client alone that answers, with a pong or anything else", function()
    local s = echo("pingInterval = 0.05, pongTimeout = 20")
    local c = client.open(s, "/")
    for i = 1, 4 do
      local ping = c:receiveFrame()
      assert.equal(client.PING, ping.opcode)
      if i % 2 == 0 then
        c:sendFrame({ opcode = client.PONG, payload = ping.payload })
      else
        c:sendFrame({ opcode = client.PONG, payload = "another" })
      end
    end
    c:receiveFrame() -- a ping again
    c:send("alive")
    assert.equal("alive", c:receive())
  end)

  it("send no ping while something is received", function()
    local s = echo("pingInterval = 0.4, pongTimeout = 60")
    local c = client.open(s, "/")
    local sent -- before luaws has received what it has answered last
    for _ = 1, 8 do
      local start = uv.hrtime()
      c:send("busy")
      local frame = c:receiveFrame()
      while frame.opcode == client.PING do -- because nothing has come in time
        assert.is_true(not sent or since(sent) > 0.39, "a ping though something was received")
        frame = c:receiveFrame()
      end
      assert.equal("busy", frame.payload)
      sent = start
      async.sleep(0.08)
    end
  end)

  it("send none when they are off", function()
    local s = echo("pingInterval = false")
    local c = client.open(s, "/")
    async.sleep(0.3)
    assert.equal("", c:peek())
  end)

  it("stand still while luaws has paused the connection", function()
    local s = server.start([[
      local n = 0
      serve({ onMessage = function(_, ws, event)
        n = n + 1
        if n == 1 then luaws.sleep(2.5) end
        if n == 40 then ws:send "all" end
        if n > 40 then ws:send(event.data) end
      end, onTerminate = function(_, _, event) say("terminate", event.code) end },
      { pingInterval = 0.2, pongTimeout = 2 })
    ]])
    local c = client.open(s, "/")
    c:write(client.frame({ opcode = client.BINARY, payload = ("x"):rep(100000) }):rep(40))
    assert.equal("all", c:receive())
    c:send("more")
    assert.equal("more", c:receive())
  end)
end)

describe("a client that is gone", function()
  it("is noticed though its reading is paused, so that who waits in its callback for ever ends", function()
    local s = server.start([[
      serve({ onMessage = function() say "waits" luaws.await(function() end) end, onError = function() end,
        onTerminate = function(_, _, event) say("terminate", event.code) end },
        { pingInterval = 0.1, closeTimeout = 0.1 })
    ]])
    local c = client.open(s, "/")
    c:write(client.frame({ opcode = client.BINARY, payload = ("x"):rep(200000) }):rep(20))
    s:expectLines("waits")
    async.sleep(0.2) -- until luaws reads no more of it
    c:reset()
    s:expectLines("terminate 1006")
  end)
end)

describe("limits and clocks that are off", function()
  it("bound nothing", function()
    local s = server.start([[
      assert(luaws.webServer:start { handshakeTimeout = false, keepAliveTimeout = false })
      serve({ onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }, {
        maxPayload = false, maxFragments = false, maxConnections = false, maxConnectionsPerAddress = false,
        maxMessageRate = false, pingInterval = false, pongTimeout = false, answerTimeout = false, closeTimeout = false,
        maxBackpressure = false,
      })
    ]])
    local idle = client.connect(s)
    local c = client.open(s, "/")
    local payload = ("x"):rep(build.pick(8, 2) * 1024 * 1024)
    c:pause()
    for _ = 1, 3 do c:sendBinary(payload) end
    async.sleep(0.2)
    c:resume()
    for _ = 1, 3 do assert.equal(#payload, #c:receive(90)) end
    local piece = client.frame({ opcode = client.CONTINUATION, fin = false, payload = "x" })
    c:write(client.frame({ opcode = client.TEXT, fin = false, payload = "" }) .. piece:rep(20000)
      .. client.frame({ opcode = client.CONTINUATION, payload = "" }))
    assert.equal(20000, #c:receive())
    for _ = 1, 3 do
      idle:sendRequest({ path = "/" })
      assert.equal(426, idle:response().status)
      async.sleep(0.05)
    end
    c:close(1000)
  end)
end)

-- Sends `count` messages of 100 kB each when the client says so; tells what send returned.
local SENDER = [[
  serve({
    onMessage = function(_, ws, event)
      local count = tonumber(event.data)
      if not count then return ws:send(event.data) end
      local results = {}
      for i = 1, count do
        local ok, more = ws:send(i .. " " .. ("x"):rep(100000))
        results[#results + 1] = ok and "ok" or more
        ws.wss:subscriberCount "x" -- the reactor has tried
      end
      say(table.concat(results, " "))
    end,
    onDrain = function(_, ws, event) say(event.type, ws.bufferedAmount) end,
    onError = function(_, _, event)
      say("error", event.errors[1].componentSignature, event.errors[1].errCode, event.errors[1].message)
    end,
    onTerminate = function(_, _, event) say("terminate", event.code, event.reason, event.wasClean) end,
  }, { %s })
]]

describe("maxBackpressure", function()
  it("closes a slow consumer with 1008, onError tells, send returns nil, closed", function()
    local s = server.start(SENDER:format("maxBackpressure = 500000"))
    local c = client.open(s, "/")
    c:pause()
    c:send("400") -- 40 MB, more than any kernel buffer
    local results = s:line()
    assert.truthy(results:match("^ok ok ok ok ok .*closed$"), results)
    assert.falsy(results:find("closed ok", 1, true))
    assert.truthy(s:line():match("^error LUAW 1008 .*slow consumer"))
    s:expectLines("terminate 1008 slow consumer false")
    c:resume()
    local bytes = #c:readAll()
    assert.is_true(bytes < select(2, results:gsub("ok", "ok")) * 100000, "what still waited is dropped")
    client.open(s, "/")
  end)

  it("with drop leaves out messages, tells so, and the connection goes on", function()
    local s = server.start(SENDER:format("maxBackpressure = 500000, slowConsumer = 'drop'"))
    local c = client.open(s, "/")
    c:pause()
    c:send("400")
    local results, expected = s:line(), {}
    local i = 0
    for result in results:gmatch("%S+") do
      i = i + 1
      if result == "ok" then expected[#expected + 1] = i end
    end
    assert.equal(400, i)
    assert.is_true(#expected >= 5 and #expected < 400, results)
    assert.truthy(results:find("dropped", 1, true))
    c:resume()
    for _, n in ipairs(expected) do
      assert.equal(tostring(n), c:receive():match("^%d+"))
    end
    s:expectLines("drain 0")
    c:send("after")
    assert.equal("after", c:receive())
  end)

  it("takes one message of any size while no more than that waits", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws) say(ws:send(("x"):rep(20000000))) say(ws:send "more") end },
        { maxBackpressure = 1000, slowConsumer = "drop" })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    assert.truthy(s:line():match("^true 2%d+$"))
    s:expectLines("nil dropped")
    assert.equal(20000000, #c:receive(90))
  end)

  it("never drops control frames", function()
    local s = server.start(SENDER:format("maxBackpressure = 100000, slowConsumer = 'drop'"))
    local c = client.open(s, "/")
    c:pause()
    c:send("400")
    local kept = select(2, s:line():gsub("ok", "ok"))
    c:sendFrame({ opcode = client.PING, payload = "p" })
    c:resume()
    c:receiveMany(kept)
    local pong = c:receiveFrame()
    assert.same({ client.PONG, "p" }, { pong.opcode, pong.payload })
  end)

  it("drops a broadcast only for the slow one", function()
    -- Ten at a time, which is less than may wait: who reads them before asking for more is never behind.
    local s = server.start([[
      local n = 0
      serve({ onMessage = function(_, ws)
        for _ = 1, 10 do
          n = n + 1
          ws.wss:broadcast(n .. " " .. ("x"):rep(100000))
        end
      end, onDrain = function(_, ws) ws:send "drained" end },
      { maxBackpressure = 2000000, slowConsumer = "drop" })
    ]])
    local slow, quick = client.open(s, "/"), client.open(s, "/")
    slow:pause()
    local last = 0
    while last < 400 do
      if last % 10 == 0 then quick:send("go") end
      local message
      repeat message = quick:receive() until message ~= "drained"
      assert.equal(last + 1, tonumber(message:match("^%d+")))
      last = last + 1
    end
    slow:resume()
    local slowCount = 0
    last = 0
    for message in function() return slow:receive() end do
      if message == "drained" then break end
      local n = tonumber(message:match("^%d+"))
      assert.is_true(n > last, "order")
      slowCount, last = slowCount + 1, n
    end
    assert.is_true(slowCount > 0 and slowCount < 400, slowCount .. " of 400")
  end)
end)

describe("bufferedAmount", function()
  it("counts framed bytes until the kernel has taken them", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        say(ws.bufferedAmount)
        say(ws:send "hi")
        say(ws:send(("x"):rep(126)))
        say(ws.bufferedAmount)
        while ws.bufferedAmount > 0 do luaws.sleep(0.001) end
        say "taken"
      end })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    s:expectLines("0", "true 4", "true 134", "134", "taken")
  end)

  it("is back at 0 in onDrain, which comes only when the kernel had refused a part", function()
    local s = server.start(SENDER:format("maxBackpressure = 100000000"))
    local c = client.open(s, "/")
    c:send("1")
    c:receive()
    assert.equal("ok", (s:line()))
    c:pause()
    c:send("300")
    assert.truthy(s:line():match("^ok ok"))
    c:resume()
    c:receiveMany(300, 90)
    s:expectLines("drain 0")
    c:send("1")
    c:receive()
    assert.equal("ok", (s:line())) -- and no drain in between
  end)

  it("is 0 after the end", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws) ws:send(("x"):rep(20000000)) ws:destroy() end,
        onTerminate = function(_, ws) say(ws.bufferedAmount, ws:send "x") end })
    ]])
    client.open(s, "/"):send("go")
    s:expectLines("0 nil closed")
  end)
end)
