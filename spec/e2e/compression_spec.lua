-- permessage-deflate (RFC 7692) over sockets. What is agreed on is http_deflate_spec's business, every kind of
-- message ws_deflate_spec's; zlib itself is the other side.

local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local deflate = require "spec.conformance.deflate"
local server = require "spec.support.server"
local zlib = require("probe").zlib

local TEXT, BINARY, CONTINUATION = client.TEXT, client.BINARY, client.CONTINUATION
local ECHO = "serve({ onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }, { %s })"

-- A client with the extension. Its `wire` counts the payload bytes of the messages received.
local Peer = {}
Peer.__index = Peer

local function open(s, offer, path)
  offer = offer or deflate.OFFER
  local c = client.open(s, path or "/", { ["Sec-WebSocket-Extensions"] = offer })
  local agreed = assert(deflate.agree(offer, c.answer.headers["sec-websocket-extensions"]))
  return setmetatable({ c = c, agreed = agreed, state = deflate.new(agreed, "client", true), wire = 0 }, Peer)
end

function Peer:send(data, opcode)
  self.c:write(self.state:encode({ opcode = opcode or TEXT, payload = data }))
end

-- The next message: data, whether it was compressed, its payload on the wire.
function Peer:receive(timeout)
  local frame = self.c:readFrame(timeout)
  assert.is_true(frame.opcode == TEXT or frame.opcode == BINARY, "opcode " .. frame.opcode .. ": " .. frame.payload)
  self.wire = self.wire + #frame.payload
  if frame.rsv == 0 then return frame.payload, false, frame.payload end
  assert.equal(4, frame.rsv)
  return assert(self.state:inflate(frame.payload)), true, frame.payload
end

function Peer:receiveMany(count, timeout)
  local messages = {}
  for i = 1, count do messages[i] = self:receive(timeout) end
  return messages
end

-- Reads no more, and lets the kernel keep little.
function Peer:pause()
  self.c.stream:recv_buffer_size(65536)
  self.c:pause()
end

local function random(n)
  local bytes = {}
  for i = 1, n do bytes[i] = string.char(math.random(0, 255)) end
  return table.concat(bytes)
end

local made
local function contents()
  if made then return made end
  made = {}
  for _, n in ipairs({ 0, 1, 100, 1024, 5000, 70000, 200000 }) do
    for _, data in ipairs({ ("x"):rep(n), random(n), ("wörld"):rep(n // 6) }) do made[#made + 1] = data end
  end
  return made
end

local function start(options, run)
  return server.start(ECHO:format(options), run)
end

-- How many messages the reactors have compressed, as they say at the end.
local function stopAndCount(s, peers)
  for _, p in ipairs(peers) do p.c:drop() end
  s:stop()
  local deflated, inflated = 0, 0
  for a, b in s.stderr:gmatch("(%d+) messages compressed, (%d+) decompressed") do
    deflated, inflated = deflated + a, inflated + b
  end
  return deflated, inflated
end

local ONE = { workers = 1, ioThreads = 1 } -- thread of each
local COUNTED = { args = { "--log-level", "debug" }, workers = 1, ioThreads = 1 }

describe("compression", function()
  setup(function() math.randomseed(7692) end)

  for _, threads in ipairs({ {}, { ioThreads = 2, workers = 2 } }) do
    local name = threads.ioThreads and ", several threads" or ""

    for title, options in pairs({
      ["by itself"] = "compression = true",
      ["with takeover"] = "compression = { contextTakeover = true, threshold = 0 }",
      ["with 9 bits and takeover"] = "compression = { contextTakeover = true, windowBits = 9, memLevel = 1 }",
    }) do
      it(title .. " gives back what was sent" .. name, function()
        local s = start(options, threads)
        local peers = {}
        for i = 1, 4 do peers[i] = open(s) end
        for _, data in ipairs(contents()) do
          for _, p in ipairs(peers) do p:send(data, BINARY) end
          for _, p in ipairs(peers) do assert.equal(data, (p:receive())) end
        end
        for _, p in ipairs(peers) do p.c:close(1000) end
      end)
    end
  end

  it("costs under 100 bytes for a repeated message of 4 KiB, with contextTakeover", function()
    local s = start("compression = { contextTakeover = true }")
    local p = open(s)
    local data = random(4096)
    for i = 1, 10 do
      local before = p.wire
      p:send(data, BINARY)
      assert.equal(data, (p:receive()))
      if i > 1 then assert.is_true(p.wire - before < 100) end
    end
  end)

  it("makes with windowBits = 9 what an inflater of 9 bits reads", function()
    for _, takeover in ipairs({ "true", "false" }) do
      local s = start(("compression = { windowBits = 9, contextTakeover = %s }"):format(takeover))
      local p = open(s)
      assert.equal("9", p.agreed.server_max_window_bits)
      for i = 1, 20 do
        local data = ("%d %s "):format(i, random(600)):rep(4)
        p:send(data, BINARY)
        assert.equal(data, (p:receive()))
      end
    end
  end)

  it("leaves alone what is shorter than the threshold, or gets no shorter", function()
    local s = start("compression = { threshold = 100 }")
    local p = open(s)
    local hard = random(5000)
    for _, row in ipairs({ { ("a"):rep(99), false }, { ("a"):rep(100), true }, { "", false }, { hard, false } }) do
      p:send(row[1], BINARY)
      local data, compressed = p:receive()
      assert.same(row, { data, compressed })
    end
  end)

  it("compresses as its level says", function()
    local words = {}
    for i = 1, 4000 do words[i] = ("%x"):format(math.random(1, 500)) end
    local data, sizes = table.concat(words, " "), {}
    for _, level in ipairs({ 1, 9 }) do
      local p = open(start(("compression = { level = %d }"):format(level)))
      p:send(data)
      assert.equal(data, (p:receive()))
      sizes[#sizes + 1] = p.wire
    end
    assert.is_true(sizes[1] > sizes[2] and sizes[1] < #data, table.concat(sizes, " "))
  end)

  it("answers control frames uncompressed, also in the middle of a message", function()
    local p = open(start("compression = { threshold = 0 }"))
    local payload = zlib.deflater():deflate(("hello "):rep(50)):sub(1, -5)
    p.c:sendFrame({ opcode = TEXT, fin = false, rsv = 4, payload = payload:sub(1, 5) })
    p.c:ping(("p"):rep(125))
    p.c:sendFrame({ opcode = CONTINUATION, payload = payload:sub(6) })
    assert.equal(("hello "):rep(50), (p:receive()))
    p.c:close(1000, "bye")
  end)

  it("is left alone by clients without it", function()
    local s = start("compression = { threshold = 0 }")
    local c = client.open(s, "/")
    assert.is_nil(c.answer.headers["sec-websocket-extensions"])
    c:send(("plain"):rep(1000))
    assert.equal(("plain"):rep(1000), c:receive())
    c:sendFrame({ opcode = TEXT, rsv = 4, payload = "\0" })
    c:expectFail(1002)
  end)

  it("sends the answers that were still to come before a failure's close frame, compressed", function()
    local p = open(start("compression = { threshold = 0 }"))
    local good = p.state:encode({ opcode = TEXT, payload = ("good"):rep(100) })
    p.c:write(good:rep(3) .. client.frame({ opcode = TEXT, rsv = 4, payload = "\7" }))
    for _ = 1, 3 do
      local data, compressed = p:receive()
      assert.same({ ("good"):rep(100), true }, { data, compressed })
    end
    p.c:expectFail(1007)
  end)
end)

describe("compression refuses", function()
  local s
  local function fails(code, cause, ...)
    s = server.start([[
      serve({
        onMessage = function(_, ws, event) ws:send(tostring(#event.data)) end,
        onError = function(_, _, event) say(event.errors[1].message) end,
      }, { maxPayload = 1000, compression = true })
    ]])
    for _, frames in ipairs({ ... }) do
      local p = open(s)
      for _, frame in ipairs(frames) do p.c:sendFrame(frame) end
      p.c:expectFail(code)
      s:expectLines(cause)
    end
  end

  it("corrupt data with 1007", function()
    fails(1007, "a compressed message is corrupt",
      { { opcode = TEXT, rsv = 4, payload = "\7" } },
      { { opcode = BINARY, rsv = 4, fin = false, payload = ("\xff"):rep(50) } },
      { { opcode = BINARY, rsv = 4, payload = "" } })
  end)

  it("text that isn't UTF-8 with 1007", function()
    fails(1007, "a text message is not UTF-8",
      { { opcode = TEXT, rsv = 4, payload = zlib.deflater():deflate("abc\xff"):sub(1, -5) } })
  end)

  it("RSV1 where it has no business, and the other bits, with 1002", function()
    fails(1002, "reserved bits are set in a frame",
      { { opcode = client.PING, rsv = 4 } },
      { { opcode = TEXT, rsv = 2 } },
      { { opcode = TEXT, rsv = 4, fin = false }, { opcode = CONTINUATION, rsv = 4 } })
  end)

  it("what becomes more than maxPayload with 1009", function()
    fails(1009, "a message is too big",
      { { opcode = TEXT, rsv = 4, payload = zlib.deflater():deflate(("a"):rep(1001)):sub(1, -5) } },
      { { opcode = TEXT, rsv = 4, length = 1 << 40 } },
      { { opcode = TEXT, length = 1001 } })
  end)

  it("a bomb of 1 GiB with 1009, for less than 2 MiB of memory", function()
    local deflater, zeros = zlib.deflater({ level = 9 }), ("\0"):rep(1 << 20)
    local first, further = deflater:deflate(zeros), deflater:deflate(zeros) -- which says "zeros as before"
    local bomb = (first .. further:rep(1023)):sub(1, -5)
    assert.is_true(#bomb > 1000000 and #bomb < 1100000, #bomb)
    local serving = start("compression = { contextTakeover = true }, maxPayload = 1 << 20")
    for _ = 1, 3 do -- what a connection takes, and a message of that size
      local p = open(serving)
      p:send(("a"):rep(1000))
      p:receive()
    end
    for _, size in ipairs({ #bomb, 65536, 1000 }) do
      local p = open(serving)
      serving:resetPeak()
      local before = serving:memory()
      for at = 1, #bomb, size do
        local last = at + size > #bomb
        p.c:sendFrame({ opcode = at == 1 and BINARY or CONTINUATION, rsv = at == 1 and 4 or 0, fin = last,
          payload = bomb:sub(at, at + size - 1) })
        if at > 100 * size then break end
      end
      p.c:expectFail(1009)
      local _, peak = serving:memory()
      if async.seconds(1) == 1 then
        assert.is_true(peak - before < 2, ("%.2f MiB"):format(peak - before))
      end
    end
  end)
end)

describe("messages that grow out of little and are never ended", function()
  local MANY, LENGTH = 12, 15 << 19 -- of 7.5 MiB: eight of them fit into what a thread keeps of such

  it("are ended with 1009 when all together have become much; others go on", function()
    if build.isTiny then pending("three bytes at a time that takes too long") end
    local s = server.start(ECHO:format("compression = true, maxPayload = 1 << 23"), ONE)
    local growing = zlib.deflater():deflate(("\0"):rep(LENGTH))
    assert.is_true(#growing < 10000)
    local bombs = {}
    for i = 1, MANY do
      bombs[i] = open(s)
      local c = bombs[i].c
      c:sendFrame({ opcode = BINARY, rsv = 4, fin = false, payload = growing })
      if i > 8 then c:expectFail(1009) else c:ping() end
    end
    if async.seconds(1) == 1 then
      local _, peak = s:memory()
      assert.is_true(peak < 100, ("%.1f MiB"):format(peak))
    end
    local p = open(s)
    local noise = random(1 << 20)
    local wire = zlib.deflater():deflate(noise):sub(1, -5)
    p.c:sendFrame({ opcode = BINARY, rsv = 4, fin = false, payload = wire:sub(1, 1 << 19) })
    p.c:sendFrame({ opcode = CONTINUATION, payload = wire:sub((1 << 19) + 1) })
    assert.is_true(p:receive() == noise)
    bombs[1].c:sendFrame({ opcode = CONTINUATION, payload = "\0" })
    assert.equal(LENGTH, #bombs[1]:receive())
  end)
end)

describe("what compressed messages become", function()
  -- Thousands of messages lie in one segment.
  local COUNT, SIZE = 1000, 50000
  local FLOOD = [[
    local count = 0
    serve({ onMessage = function(_, ws, event)
      count = count + 1
      assert(#event.data == %d and tonumber(event.data:match("^%%d+")) == count, "message " .. count)
      if count == 1 then luaws.sleep(0.2) end
      if count == %d then ws:send("done") end
    end }, { compression = %s })
  ]]

  for _, takeover in ipairs({ "true", "{ contextTakeover = true }" }) do
    it("waits for credit, in order and in bounded memory, with compression = " .. takeover, function()
      local s = server.start(FLOOD:format(SIZE, COUNT, takeover))
      local p = open(s)
      local before = s:memory()
      local parts = {}
      for i = 1, COUNT do
        parts[i] = p.state:encode({ opcode = TEXT, payload = ("%05d"):format(i) .. (" "):rep(SIZE - 5) })
      end
      local wire = table.concat(parts)
      assert.is_true(#wire < COUNT * SIZE / 200)
      p.c:write(wire)
      assert.equal("done", (p:receive()))
      if async.seconds(1) == 1 then
        local _, peak = s:memory()
        assert.is_true(peak - before < 12, ("%.1f MiB"):format(peak - before))
      end
    end)
  end

  it("lets pings and a close frame through behind them", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send(tostring(#event.data)) end }, { compression = true })
    ]])
    local p = open(s)
    local message = p.state:encode({ opcode = TEXT, payload = ("x"):rep(100000) })
    local ping = client.frame({ opcode = client.PING, payload = "p" })
    p.c:write(message:rep(50) .. ping .. message:rep(50) .. client.frame({ opcode = client.CLOSE, payload = "\3\xe8" }))
    local answers, pongs = 0, 0
    while true do
      local frame = p.c:readFrame()
      if frame.opcode == client.CLOSE then break end
      if frame.opcode == client.PONG then pongs = pongs + 1 else answers = answers + 1 end
    end
    assert.same({ 100, 1 }, { answers, pongs })
    p.c:expectEof()
  end)

  it("counts against maxMessageRate", function()
    local s = start("compression = true, maxMessageRate = 20")
    local p = open(s)
    local wire = p.state:encode({ opcode = TEXT, payload = ("x"):rep(2000) })
    p.c:write(wire:rep(24))
    for _ = 1, 24 do assert.equal(2000, #p:receive()) end
  end)

  it("is dropped while a connection closes", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:terminate(4000) end,
        onTerminate = function(_, _, event) say(event.code, event.wasClean) end }, { compression = true })
    ]])
    local p = open(s)
    p.c:write(p.state:encode({ opcode = TEXT, payload = ("x"):rep(100000) }):rep(200))
    p.c:expectClose(4000)
    s:expectLines("4000 true")
  end)
end)

describe("a message for many, compressed", function()
  local CHAT = [[
    serve({
      onOpen = function(_, ws) ws:subscribe("news") end,
      onMessage = function(_, ws, event)
        local how, data = event.data:match("^(%%a+):(.*)$")
        if how == "all" then ws.wss:broadcast(data)
        elseif how == "news" then ws.wss:publish("news", data)
        elseif how == "loop" then for _, each in ipairs(ws.wss.connections) do each:send(data) end
        end
      end
    }, { compression = { contextTakeover = %s, level = 1 }, slowConsumer = "drop", maxBackpressure = %d })
  ]]
  local WAYS = { "all", "news", "loop" }

  it("is compressed once for all who agreed on the same", function()
    local s = server.start(CHAT:format("false", 1 << 20), COUNTED)
    local plain, peers = client.open(s, "/"), {}
    for i = 1, 20 do peers[i] = open(s) end
    for i = 21, 25 do peers[i] = open(s, "permessage-deflate; server_max_window_bits=9") end
    local rounds = 10
    for i = 1, rounds do
      for _, way in ipairs(WAYS) do
        local data = way .. i .. ("!"):rep(3000)
        plain:send(way .. ":" .. data)
        assert.equal(data, plain:receive())
        local wires = {}
        for k, p in ipairs(peers) do
          local got, compressed, wire = p:receive()
          assert.equal(data, got)
          assert.is_true(compressed)
          wires[k <= 20 and 1 or 2] = wires[k <= 20 and 1 or 2] or wire
          assert.equal(wires[k <= 20 and 1 or 2], wire)
        end
      end
    end
    plain:drop()
    assert.equal(rounds * #WAYS * 2, (stopAndCount(s, peers)))
  end)

  it("is compressed for each connection by itself with takeover", function()
    local s = server.start(CHAT:format("true", 1 << 20), COUNTED)
    local peers = {}
    for i = 1, 5 do peers[i] = open(s, i == 5 and "permessage-deflate; server_no_context_takeover" or nil) end
    local data = random(4000):gsub("[\x80-\xff]", "?")
    for i = 1, 6 do
      for _, way in ipairs(WAYS) do
        peers[1]:send(way .. ":" .. data)
        for k, p in ipairs(peers) do
          local got, _, wire = p:receive()
          assert.equal(data, got)
          if k < 5 and (i > 1 or way ~= "all") then assert.is_true(#wire < 100) end
        end
      end
    end
    assert.equal(6 * #WAYS * 5, (stopAndCount(s, peers)))
  end)

  for _, takeover in ipairs({ "true", "false" }) do
    it("waits in the outboxes as it is on the wire, with takeover = " .. takeover, function()
      local s = server.start(([[
        local hex = {}
        for i = 1, 8192 do hex[i] = ("%%08x"):format(math.random(0, 0xffffffff)) end
        hex = table.concat(hex)
        local slow
        serve({
          onMessage = function(_, ws, event)
            local n = tonumber(event.data)
            slow = ws
            for i = 1, n do ws.wss:broadcast(i .. hex) end
            for i = 1, n do ws:send(i .. hex) end
          end,
          onDrain = function(_, ws) say("drained", ws.bufferedAmount) end,
        }, { path = "/", compression = { contextTakeover = %s, level = 1 }, maxBackpressure = 64 << 20 })
        serve({
          onMessage = function(_, ws) ws:send(tostring(slow and slow.bufferedAmount)) end
        }, { path = "/ask" })
      ]]):format(takeover), ONE)
      local p = open(s)
      p:pause()
      local count, size = 80, 8 * 8192
      p:send(tostring(count))
      local driver = client.open(s, "/ask")
      local buffered
      async.eventually(function() -- an answer goes out behind what was sent before it
        local before = buffered
        driver:send("how much?")
        buffered = tonumber((driver:receive()))
        return buffered and buffered == before and buffered < 2 * count * size * 0.7
      end)
      p.c:resume()
      for _ = 1, 2 do
        for i = 1, count do assert.equal(tostring(i), (p:receive():sub(1, -size - 1))) end
      end
      assert.is_true(p.wire < 2 * count * size * 0.7)
      assert.is_true(buffered > p.wire / 10 and buffered < p.wire, ("%d of %d"):format(buffered, p.wire))
      s:expectLines("drained 0")
    end)

    it("goes on after some were dropped for a slow consumer, with takeover = " .. takeover, function()
      if build.isTiny then pending("8 MB, 3 bytes at a time") end
      local s = server.start(CHAT:format(takeover, 10000), ONE)
      local p, driver = open(s), client.open(s, "/")
      p:pause()
      local data = random(40000):gsub("[\x80-\xff]", "?")
      local function message(i) return i .. ":" .. data:sub(i) .. data:sub(1, i) end
      local rounds = 400 -- 9 MB as compressed, more than a kernel takes
      for i = 1, rounds do
        driver:send("all:" .. message(i))
        driver:receive()
      end
      p.c:resume()
      p.c:sendFrame({ opcode = client.PING, payload = "that was all" })
      local last, count = 0, 0
      while true do
        local frame = p.c:readFrame()
        if frame.opcode == client.PONG then break end
        assert.equal(4, frame.rsv)
        local got = assert(p.state:inflate(frame.payload))
        local i = tonumber(got:match("^(%d+):"))
        assert.is_true(i > last)
        assert.is_true(message(i) == got)
        last, count = i, count + 1
      end
      assert.is_true(count > 1 and count < rounds, count)
      driver:send("all:" .. message(1))
      assert.equal(message(1), (p:receive()))
    end)
  end

  it("that a slow consumer doesn't take ends it with 1008", function()
    local s = server.start([[
      serve({
        onMessage = function(_, ws, event) for i = 1, 300 do ws.wss:broadcast(event.data .. i) end end,
        onError = function(_, _, event) say(event.errors[1].message:match("^slow consumer")) end,
        onTerminate = function(_, _, event) say(event.code) end,
      }, { compression = { contextTakeover = true, level = 1 }, maxBackpressure = 50000 })
    ]])
    local slow, driver = open(s), open(s)
    slow:pause()
    driver:send((random(40000):gsub("[\x80-\xff]", "?")))
    s:expectLines("slow consumer", "1008")
  end)
end)

describe("contexts", function()
  it("go with their connections", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end,
        onTerminate = function() say "gone" end }, { compression = { contextTakeover = true } })
    ]])
    local function round()
      local peers = {}
      for i = 1, 20 do
        peers[i] = open(s)
        peers[i]:send(("%d"):format(i):rep(5000))
        peers[i]:receive()
      end
      for i, p in ipairs(peers) do
        if i % 2 == 0 then p.c:close(1000) else p.c:drop() end
      end
      for _ = 1, #peers do s:expectLines("gone") end
    end
    for _ = 1, 3 do round() end
    local before = s:memory()
    for _ = 1, 10 do round() end
    if async.seconds(1) == 1 and not s.tls then
      local now = s:memory()
      -- 200 of them would take 60; who allocates changes on a busy machine, and so does where.
      assert.is_true(now - before < 12, ("%.1f MiB more"):format(now - before))
    end
  end)

  it("are none without takeover, however many connections", function()
    local s = start("compression = true")
    local peers = {}
    local function more(count)
      for _ = 1, count do
        local p = open(s)
        p:send(("x"):rep(5000))
        p:receive()
        peers[#peers + 1] = p
      end
      return (s:memory())
    end
    local before = more(50)
    local now = more(200)
    if async.seconds(1) == 1 and not s.tls then
      assert.is_true(now - before < 8, ("%.1f MiB more"):format(now - before))
    end
  end)
end)
