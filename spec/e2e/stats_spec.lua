-- luaws.stats(): what it counts, exactly, over all threads.

local json = require("probe").json
local async = require "spec.support.async"
local client = require "spec.support.client"
local deflate = require "spec.conformance.deflate"
local server = require "spec.support.server"

-- Tells its counters at /stats, on a connection of its own (which they include).
local PAGE = [[
  assert(luaws.webServer:start { handler = { onRequest = function(_, _, event)
    if event.request.path == "/stats" then return luaws.json.encode(luaws.stats()) end
    if event.request.path == "/wait" then
      luaws.await(function(done) release = done say "waits" end)
    end
    if event.request.path == "/release" then release() end
    return "other"
  end }, keepAliveTimeout = false })
]]

local CHAT = PAGE .. [[
  local Chat = {}
  function Chat:onOpen(ws) if ws.path == "/ws" then ws:subscribe("news") end end
  function Chat:onMessage(ws, event)
    local verb, data = event.data:match("^(%l+):(.*)$")
    if verb == "all" then ws.wss:broadcast(data)
    elseif verb == "others" then ws:publish("news", data)
    elseif verb == "news" then ws.wss:publish("news", data)
    elseif verb == "fail" then error(data)
    else ws:send(event.data, event.isBinary) end
  end
  function Chat:onTerminate(_, event) say(event.code) end
  function Chat:onError() end
  for _, path in ipairs { "/ws", "/quiet" } do
    serve(Chat, { path = path, maxPayload = 5000 }, { onError = function() end })
  end
  serve(nil, { path = "/closed" }, { onConnection = function(_, _, event)
    return nil, tonumber(event.request.query.status)
  end, onError = function() end })
]]

local Observer = {}
Observer.__index = Observer

local function observe(s)
  return setmetatable({ client = client.connect(s), asked = 0, sent = 0, heard = 0 }, Observer)
end

-- The counters; what asking for them has cost so far is in .asked, .sent and .heard (bytes).
function Observer:stats()
  local c = self.client
  local text = c:requestText({ path = "/stats" })
  c:write(text)
  self.asked, self.sent = self.asked + 1, self.sent + #text
  self.heardBefore = self.heard
  local head = c:readUntil("\r\n\r\n")
  local body = c:read(tonumber(head:match("[Cc]ontent%-[Ll]ength: (%d+)")))
  self.heard = self.heard + #head + #body
  return json.decodeExactly(body)
end

-- Waits until what is true of them is true.
function Observer:await(what, condition)
  local stats
  async.eventually(function()
    stats = self:stats()
    return condition(stats)
  end, nil, what)
  return stats
end

for _, threads in ipairs({ {}, { ioThreads = 2, workers = 2 } }) do
  describe(("luaws.stats with %d workers"):format(threads.workers or 1), function()
    it("begins with nothing", function()
      local o = observe(server.start(PAGE, threads))
      local stats = o:stats()
      assert.is_true(stats.uptime >= 0 and stats.uptime < 60)
      assert.is_true(o:stats().uptime >= stats.uptime)
      stats.uptime = nil
      assert.same({
        accepted = 1, tlsFailed = 0, connections = 0, opened = 0, requests = 1, dropped = 0, undelivered = 0,
        closed = {}, refused = {}, errors = {}, clients = { open = 0, opened = 0, failed = 0, closed = {} },
        received = { messages = 0, bytes = 0, wire = o.sent // 2 }, sent = { messages = 0, bytes = 0, wire = 0 },
      }, stats)
    end)

    it("counts connections and how they end, by code", function()
      local s = server.start(CHAT, threads)
      local o = observe(s)
      local clients = {}
      for i = 1, 7 do clients[i] = client.open(s, i % 2 == 0 and "/ws" or "/quiet") end
      local stats = o:stats()
      assert.same({ 7, 7, 8, {} }, { stats.connections, stats.opened, stats.accepted, stats.closed })
      clients[1]:close(1000)
      clients[2]:close(1000)
      clients[3]:close(3000)
      clients[4]:close(4999)
      clients[5]:close()
      clients[6]:reset()
      clients[7]:sendFrame({ opcode = 7 })
      clients[7]:expectFail(1002)
      stats = o:await("all to be closed", function(now) return now.connections == 0 end)
      assert.same({ ["1000"] = 2, ["1002"] = 1, ["1005"] = 1, ["1006"] = 1, ["3000"] = 1, ["4999"] = 1 }, stats.closed)
      assert.equal(7, stats.opened)
      local codes = {}
      for i = 1, 7 do codes[i] = tonumber(s:line()) end
      table.sort(codes)
      assert.same({ 1000, 1000, 1002, 1005, 1006, 3000, 4999 }, codes) -- as onTerminate has it
    end)

    it("counts refusals by status", function()
      local s = server.start("luaws.webServer:start { handshakeTimeout = 1 }" .. CHAT, threads)
      local o = observe(s)
      o:stats()
      local late = client.connect(s)
      late:write("GET / HT")
      local function refuse(path, headers, status)
        local c, answer = client.handshake(s, path, headers)
        assert.equal(status, answer.status)
        c:drop()
      end
      refuse("/closed?status=401", nil, 401)
      refuse("/closed?status=599", nil, 599)
      refuse("/closed", nil, 403)
      refuse("/ws", { Origin = "http://elsewhere.example" }, 403)
      refuse("/none", nil, 404)
      refuse("/ws", { ["Sec-WebSocket-Version"] = "8" }, 426)
      refuse("/ws", { ["Sec-WebSocket-Key"] = "x" }, 400)
      local c = client.connect(s)
      c:write("nonsense\r\n\r\n")
      assert.equal(400, c:response().status)
      assert.equal(408, late:response().status)
      assert.equal("other", client.get(s, "/").body)
      local stats = o:stats()
      assert.same({ ["400"] = 2, ["401"] = 1, ["403"] = 2, ["404"] = 1, ["408"] = 1, ["426"] = 1, ["599"] = 1 },
                  stats.refused)
      assert.same({ 0, 0, 11, o.asked + 1 }, { stats.connections, stats.opened, stats.accepted, stats.requests })
    end)

    it("counts messages and their bytes", function()
      local s = server.start(CHAT, threads)
      local o = observe(s)
      local a, b, c = client.open(s, "/ws"), client.open(s, "/ws"), client.open(s, "/ws")
      local quiet = client.open(s, "/quiet")
      o:await("all to be there", function(now) return now.connections == 4 end)
      for _ = 1, 10 do a:send("hello") end
      a:receiveMany(10)
      b:sendBinary(("x"):rep(1000))
      b:receive()
      quiet:send("")
      quiet:receive()
      local stats = o:stats()
      assert.same({ 12, 1050 }, { stats.received.messages, stats.received.bytes })
      assert.same({ 12, 1050 }, { stats.sent.messages, stats.sent.bytes })
      a:send("all:0123456789") -- three of 10 bytes
      b:send("others:01234") -- two of 5
      c:send("news:0") -- three of 1
      for _, one in ipairs({ a, c }) do one:receiveMany(3) end
      b:receiveMany(2)
      quiet:sendFrame({ opcode = client.TEXT, payload = "ab", fin = false })
      quiet:sendFrame({ opcode = client.PING, payload = "no message" })
      quiet:sendFrame({ opcode = client.CONTINUATION, payload = "cd" })
      assert.equal("abcd", quiet:receive())
      stats = o:stats()
      assert.same({ 12 + 4, 1050 + 14 + 12 + 6 + 4 }, { stats.received.messages, stats.received.bytes })
      assert.same({ 12 + 3 + 2 + 3 + 1, 1050 + 30 + 10 + 3 + 4 }, { stats.sent.messages, stats.sent.bytes })
    end)

    it("counts what goes through the sockets", function()
      local s = server.start(CHAT, threads)
      local o = observe(s)
      local c = client.connect(s)
      local request = c:requestText({ path = "/quiet", headers = client.upgradeHeaders() })
      c:write(request)
      local head = c:readUntil("\r\n\r\n")
      c:send(("x"):rep(100))
      c:receive()
      c:ping("12345")
      -- What another thread has just sent it may not have counted yet.
      o:await("all to be counted", function(stats)
        return stats.received.wire == #request + (6 + 100) + (6 + 5) + o.sent
          and stats.sent.wire == #head + (2 + 100) + (2 + 5) + o.heardBefore
      end)
    end)

    it("counts errors by component", function()
      local s = server.start(CHAT, threads)
      local o = observe(s)
      local c = client.open(s, "/ws")
      c:send("fail:1")
      c:send("fail:2")
      c:send("go on")
      c:receive()
      assert.same({ LUA_ = 2 }, o:stats().errors)
      c:send(("x"):rep(5001))
      c:expectFail(1009)
      local stats = o:await("the end", function(now) return now.closed["1009"] == 1 and now.errors.LUAW end)
      assert.same({ LUA_ = 2, LUAW = 1 }, stats.errors)
    end)

    it("counts what came too late for a connection", function()
      local s = server.start(CHAT, { workers = threads.workers, ioThreads = threads.ioThreads,
                                     args = { "--log-level", "debug" } })
      local o = observe(s)
      local c = client.connect(s)
      c:sendRequest({ path = "/wait" })
      s:expectLines("waits")
      c:reset()
      s:awaitLog("HTTP connection ended")
      assert.equal(0, o:stats().undelivered)
      if threads.workers then return end -- who waits can't be told to go on by another worker
      client.get(s, "/release")
      o:await("the answer to be late", function(now) return now.undelivered == 1 end)
    end)
  end)
end

describe("luaws.stats", function()
  for _, takeover in ipairs({ false, true }) do
    it(("counts messages as they are, the wire as compressed, takeover %s"):format(takeover), function()
      local options = ("maxPayload = 50000, compression = { contextTakeover = %s }"):format(takeover)
      local s = server.start((CHAT:gsub("maxPayload = 5000", options)))
      local o = observe(s)
      local c = client.open(s, "/ws", { ["Sec-WebSocket-Extensions"] = deflate.OFFER })
      local agreed = assert(deflate.agree(deflate.OFFER, c.answer.headers["sec-websocket-extensions"]))
      local state = deflate.new(agreed, "client", true)
      local before = o:stats()
      local text = ("0123456789"):rep(2000)
      for _, prefix in ipairs({ "", "all:", "news:" }) do
        c:write(state:encode({ opcode = client.TEXT, payload = prefix .. text }))
        local frame = c:readFrame()
        assert.equal(4, frame.rsv)
        assert.equal(text, state:inflate(frame.payload))
      end
      local stats = o:stats()
      assert.same({ 3, 60009 }, { stats.received.messages, stats.received.bytes })
      assert.same({ 3, 60000 }, { stats.sent.messages, stats.sent.bytes })
      assert.is_true(stats.received.wire - before.received.wire < 1000)
      assert.is_true(stats.sent.wire - before.sent.wire < 2000) -- an answer of HTTP among it
    end)
  end

  it("counts messages that a slow consumer doesn't get as dropped, not as sent", function()
    local s = server.start(PAGE .. [[
      serve({ onMessage = function(_, ws, event)
        local how = event.data
        for _ = 1, 400 do
          if how == "send" then ws:send(("x"):rep(100000)) else ws.wss:broadcast(("x"):rep(100000)) end
        end
        say "done"
      end }, { maxBackpressure = 500000, slowConsumer = "drop" })
    ]])
    local o = observe(s)
    o:stats() -- before handshakeTimeout, however slow the rest is
    local dropped, sent = 0, 0
    for _, how in ipairs({ "send", "broadcast" }) do
      local c = client.open(s, "/")
      c:pause()
      c:send(how)
      s:expectLines("done")
      local stats = o:await("all to be dealt with", function(now)
        return now.dropped - dropped + now.sent.messages - sent == 400
      end)
      assert.is_true(stats.dropped > dropped, how)
      assert.is_true(stats.sent.messages > sent, how)
      assert.equal(stats.sent.messages * 100000, stats.sent.bytes)
      dropped, sent = stats.dropped, stats.sent.messages
      c:resume()
      c:receiveMany(1)
      c:reset()
      o:await("the end", function(now) return now.connections == 0 end)
    end
  end)

  it("gives a new table each time", function()
    local child = server.run([[
      local luaws = require "luaws"
      local a, b = luaws.stats(), luaws.stats()
      print(a ~= b, a.closed ~= b.closed, math.type(a.accepted), math.type(a.uptime))
    ]])
    assert.equal("true\ttrue\tinteger\tfloat\n", child.stdout, child.stderr)
  end)
end)
