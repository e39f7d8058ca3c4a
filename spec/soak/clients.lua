-- The clients of the soak. Each function is one connection's life, or a few requests; it raises when luaws has not
-- done what it must. The good ones' every echo is checked; of the others it is only asked that they are cut off.

local async = require "spec.support.async"
local client = require "spec.support.client"
local deflate = require "spec.conformance.deflate"

local TEXT, BINARY, CONTINUATION, CLOSE = client.TEXT, client.BINARY, client.CONTINUATION, client.CLOSE
local PING, PONG = client.PING, client.PONG

local CUT_OFF = 60 -- seconds: far more than any of the script's clocks, and the 5 s for a FIN
local SIZES = { 0, 1, 10, 125, 126, 1000, 4096, 65535, 65536, 200000 }

local clients = { good = {}, slow = {}, rude = {}, vanishing = {} }

local random = math.random

local function pick(list)
  return list[random(#list)]
end

local function maybe()
  return random() < 0.5
end

local noise = {}
for i = 1, 300000 do noise[i] = string.char(random(0, 255)) end
noise = table.concat(noise)

local function bytes(size)
  local from = random(#noise - size)
  return noise:sub(from, from + size - 1)
end

local function letters(size)
  return ("%s %d äöü "):format(pick { "lorem", "ipsum", "dolor" }, random(1 << 30)):rep(size // 10 + 1)
end

-- Good --------------------------------------------------------------------------------------------------------------

-- Opens with compression if the server is willing; the socket and its codec.
local function open(s, path)
  local offer = maybe() and (maybe() and deflate.OFFER or "permessage-deflate; server_max_window_bits=10") or nil
  local c, answer = client.handshake(s, path, { ["Sec-WebSocket-Extensions"] = offer })
  client.assertUpgraded(answer)
  local agreed, wrong = deflate.agree(offer, answer.headers["sec-websocket-extensions"])
  assert(not wrong, wrong)
  return c, deflate.new(agreed, "client")
end

-- The next message; pings on the way are answered, pongs dropped.
local function receive(c, codec)
  local frame = c:readFrame(CUT_OFF)
  while frame.opcode == PING or frame.opcode == PONG do
    if frame.opcode == PING then c:sendFrame({ opcode = PONG, payload = frame.payload }) end
    frame = c:readFrame(CUT_OFF)
  end
  if frame.opcode == CLOSE then
    error(("a close frame came: %d"):format(#frame.payload > 1 and string.unpack(">I2", frame.payload) or 1005), 0)
  end
  assert(frame.fin and not frame.isMasked and frame.rsv & 3 == 0, "a frame that a server must not send")
  if frame.rsv == 0 then return frame.payload, frame.opcode end
  local payload, wrong = codec:inflate(frame.payload)
  return assert(payload, wrong), frame.opcode
end

-- The closing handshake; what was on its way before is passed over.
local function leave(c)
  local payload = pick { client.closePayload(1000), client.closePayload(4000, "that is all"), "" }
  c:sendFrame({ opcode = CLOSE, payload = payload })
  local frame
  repeat frame = c:readFrame(CUT_OFF) until frame.opcode == CLOSE
  assert(frame.payload == payload, "another close frame than ours came back")
  c:expectEof(CUT_OFF)
end

local function echo(s, path, count)
  local c, codec = open(s, path)
  for _ = 1, random(count) do
    local opcode = pick { TEXT, BINARY }
    local size = pick(SIZES)
    local payload = opcode == TEXT and letters(size) or bytes(size)
    c:write(codec:encode({
      opcode = opcode, payload = payload, compressed = maybe(), fragment = random() < 0.2 and random(100, 50000) or nil,
    }))
    if random() < 0.1 then c:sendFrame({ opcode = PING, payload = "now and then" }) end
    local data, kind = receive(c, codec)
    assert(kind == opcode and data == payload, ("another echo came back, of %d bytes for %d"):format(#data, #payload))
    if random() < 0.2 then async.sleep(random() * 0.1) end
  end
  leave(c)
end

function clients.good.echo(s) echo(s, "/echo?" .. pick { "wait=1", "" }, 20) end
function clients.good.takeover(s) echo(s, "/takeover", 20) end
function clients.good.waits(s) echo(s, "/slow", 10) end
function clients.good.rated(s) echo(s, "/rate", 10) end

-- Several messages at once come back in order.
function clients.good.pipelined(s)
  local c, codec = open(s, "/echo")
  local sent = {}
  for i = 1, random(200) do sent[i] = i .. " " .. letters(pick { 1, 10, 1000 }) end
  for _, text in ipairs(sent) do c:write(codec:encode({ opcode = TEXT, payload = text, compressed = maybe() })) end
  for _, text in ipairs(sent) do assert(receive(c, codec) == text, "out of order") end
  leave(c)
end

function clients.good.object(s)
  local c, codec = open(s, "/object")
  for i = 1, random(20) do
    local text = ('{"id":%d}'):format(i)
    c:send(text)
    assert(receive(c, codec) == text)
  end
  leave(c)
end

-- Hears its own topic's messages, in order, among those for all.
function clients.good.subscriber(s)
  local c, codec = open(s, "/topics")
  local topic = "own." .. random(1 << 40)
  local function hear(expected)
    local text
    repeat text = receive(c, codec) until not text:find("^news") and text ~= "all of you"
    assert(text == expected, "another message came: " .. text:sub(1, 100))
  end
  c:send("sub " .. topic)
  hear("subscribed " .. topic)
  if maybe() then
    c:send("sub news.*")
    hear("subscribed news.*")
  end
  for i = 1, random(20) do
    c:send(("pub %s message %d"):format(topic, i))
    hear("message " .. i)
    if maybe() then async.sleep(0.02) end
  end
  leave(c)
end

-- Asks to be seen off.
function clients.good.seenOff(s)
  local c = open(s, "/topics")
  c:send("sub seen.off")
  c:send("end enough")
  local frame
  repeat frame = c:readFrame(CUT_OFF) until frame.opcode == CLOSE
  assert(frame.payload == client.closePayload(4001, "enough"), "another code or reason came")
  c:sendClose(4001, "enough")
  c:expectEof(CUT_OFF)
end

-- All numbers come to one who reads.
function clients.good.pushed(s)
  local c, codec = open(s, "/drop")
  for _ = 1, random(10) do
    c:send("10")
    for i = 1, 10 do assert(tonumber(receive(c, codec):match("^%d+")) == i, "a number is missing") end
  end
  leave(c)
end

function clients.good.pages(s)
  local c = client.connect(s)
  for _ = 1, random(5) do
    c:sendRequest({ path = "/script.lua" })
    assert(c:response().body:find("soak", 1, true))
    local body = bytes(pick(SIZES))
    c:sendRequest({ method = "POST", path = "/", body = body })
    assert(c:response().body == body, "another body came back")
  end
  c:sendRequest({ path = "/none", headers = { Connection = "close" } })
  assert(c:response().status == 404)
  c:expectEof(CUT_OFF)
end

function clients.good.refused(s)
  assert(client.get(s, "/nowhere", client.upgradeHeaders()).status == 404)
  assert(client.get(s, "/echo?refuse=1", client.upgradeHeaders()).status == 403)
  assert(client.get(s, "/echo", client.upgradeHeaders({ Origin = "http://evil.example" })).status == 403)
end

-- Slow --------------------------------------------------------------------------------------------------------------

-- Reads late: some are missing, none is out of order.
local function readLate(s, path)
  local c = client.open(s, path)
  c:pause()
  c:send("2000") -- 20 MB
  async.sleep(random() * 2)
  c:resume()
  return c
end

function clients.slow.drops(s)
  local c, last = readLate(s, "/drop"), 0
  for _ = 1, 20 do
    local n = tonumber(receive(c):match("^%d+"))
    assert(n > last, "out of order")
    last = n
  end
end

function clients.slow.isCut(s)
  readLate(s, "/cut"):readAll(CUT_OFF)
end

function clients.slow.trickles(s)
  local c = client.open(s, "/echo")
  for _ = 1, 3 do
    local payload = bytes(20)
    for byte in client.frame({ opcode = BINARY, payload = payload }):gmatch(".") do
      c:write(byte)
      async.sleep(random() * 0.1)
    end
    assert(receive(c) == payload)
  end
  leave(c)
end

function clients.slow.slowRequest(s)
  local c = client.connect(s)
  for byte in c:requestText({ path = "/echo", headers = client.upgradeHeaders() }):gmatch(".") do
    if c.ended then break end
    c:write(byte)
    async.sleep(0.05)
  end
  c:readAll(CUT_OFF)
end

-- Rude --------------------------------------------------------------------------------------------------------------

local function frame(opcode, payload, more)
  local f = { opcode = opcode, payload = payload }
  for name, value in pairs(more or {}) do f[name] = value end
  return client.frame(f)
end

local BAD_FRAMES = {
  function() return bytes(random(10, 5000)) end,
  function() return frame(TEXT, "x", { mask = false }) end,
  function() return frame(TEXT, "x", { rsv = random(1, 3) }) end,
  function() return frame(random(3, 7), "x") end,
  function() return frame(CONTINUATION, "x") end,
  function() return frame(PING, ("x"):rep(126)) end,
  function() return frame(PING, "x", { fin = false }) end,
  function() return frame(TEXT, "a\255b") end,
  function() return frame(BINARY, "", { length = 1 << 62 }) end,
  function() return frame(BINARY, "", { length = 2 << 20 }) end,
  function() return frame(BINARY, bytes(1000), { rsv = 4 }) end,
  function() return frame(CLOSE, client.closePayload(pick { 0, 999, 1005, 5000 })) end,
  function() return frame(CLOSE, client.closePayload(1000)):rep(100) end,
  function() return frame(TEXT, "", { fin = false }) .. frame(CONTINUATION, "", { fin = false }):rep(20000) end,
  function() return frame(PING, ("p"):rep(125)):rep(500) .. "\255" end,
  function() return frame(TEXT, "{"):rep(1000) .. "\255" end,
}

function clients.rude.frames(s)
  local c = client.open(s, pick { "/echo", "/takeover", "/object", "/slow", "/rate", "/topics" },
    { ["Sec-WebSocket-Extensions"] = maybe() and deflate.OFFER or nil })
  if maybe() then c:write(frame(TEXT, '"first"')) end
  c:write(pick(BAD_FRAMES)() .. "\255\255\255\255")
  c:readAll(CUT_OFF)
end

local BAD_REQUESTS = {
  function() return bytes(random(10, 5000)) .. "\r\n\r\n" end,
  function() return "GET / HTTP/1.1\r\n" .. ("X: 1\r\n"):rep(10000) .. "\r\n" end,
  function() return "GET /" .. ("x"):rep(9000) .. " HTTP/1.1\r\n\r\n" end,
  function() return "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" end,
  function() return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n" end,
  function() return ("GET /none HTTP/1.1\r\nHost: a\r\n\r\n"):rep(1000) .. "\0\r\n\r\n" end,
}

function clients.rude.requests(s)
  local c = client.connect(s)
  c:write(pick(BAD_REQUESTS)())
  c:readAll(CUT_OFF)
end

-- Floods without reading, then goes.
function clients.rude.flood(s)
  local c = client.open(s, "/echo")
  c:pause()
  local large = frame(BINARY, bytes(200000)):rep(10)
  c:write(pick { frame(PING, ("p"):rep(125)):rep(2000), frame(TEXT, ""):rep(5000), large })
  async.sleep(random() * 0.5)
end

-- More than may come to a server that takes three.
function clients.rude.crowd(s)
  for _ = 1, 5 do client.handshake(s, "/few") end
end

-- Vanishing ---------------------------------------------------------------------------------------------------------

local function upgraded(s)
  return client.open(s, pick { "/echo", "/slow", "/topics" })
end

local STAGES = {
  function(s) return client.connect(s) end,
  function(s) return client.connect(s):write("GET /echo HTTP/1.1\r\nHost: a\r\nUpgr") end,
  function(s) return client.connect(s):sendRequest({ path = "/echo?wait=1", headers = client.upgradeHeaders() }) end,
  upgraded,
  function(s) return upgraded(s):write(frame(BINARY, bytes(1000)):sub(1, random(1000))) end,
  function(s) return upgraded(s):write(frame(TEXT, "x", { fin = false })) end,
  function(s) return upgraded(s):write(frame(BINARY, bytes(60000)):rep(random(10))) end,
  function(s) return upgraded(s):write("sub a.b") end,
  function(s) return upgraded(s):sendClose(1000) end,
}

-- Not for those that wait to be cut off: a body has 30 s.
function clients.vanishing.inBody(s)
  local c = client.connect(s):sendRequest({ method = "POST", headers = { ["Content-Length"] = "1000" } })
  c:write("part")
  if maybe() then c:reset() else c:drop() end
end

function clients.vanishing.byReset(s) pick(STAGES)(s):reset() end
function clients.vanishing.byFin(s) pick(STAGES)(s):drop() end

function clients.vanishing.byHalf(s)
  local c = pick(STAGES)(s)
  c:halfClose()
  c:readAll(CUT_OFF)
end

-- Says nothing any more, and answers no ping: it is luaws that ends it.
function clients.vanishing.silently(s)
  pick(STAGES)(s):readAll(CUT_OFF)
end

return clients
