-- What an attacker would try. Each attack is refused or survived with less than 8 MiB more memory, and beside it a
-- polite client's echo stays quick, be it in the best of several attempts (spec/support/attempts.lua): a server that
-- an attack holds up is held up in each. Afterwards the server serves as before. The figures are printed.

local uv = require "luv"
local zlib = require "probe".zlib
local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local client = require "spec.support.client"
local polite = require "spec.support.polite"
local server = require "spec.support.server"

server.isPlain = true

local TEXT, BINARY, CONTINUATION, PING = client.TEXT, client.BINARY, client.CONTINUATION, client.PING
local MEBIBYTE = 1024 * 1024

-- MiB; several threads have several of everything.
local MORE_MEMORY = os.getenv("LUAWS_SPEC_ARGS") and 16 or 8
local SPAN = 0.1      -- seconds that an attack is kept up, at least,
local ECHOES = 20     -- and so many echoes of the polite client; but no longer than
local LONG = 4        -- seconds
local QUICK = 0.25    -- seconds at p99: five times what it must be on a machine that has nothing else to do

local IS_SANITIZED = async.seconds(1) > 1 -- its memory says nothing, and it is slow

-- How many of an attack: fewer under a sanitizer.
local function many(n)
  return IS_SANITIZED and n // 5 or n
end

local ECHO = [[
  local echo = { onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }
  serve(echo, { path = "/polite" })
  assert(luaws.webServer:start { %s })
  serve(echo, { path = "/ws"%s })
]]

local function echo(options, webSettings)
  return ECHO:format(webSettings or "", options and ", " .. options or "")
end

local function frame(opcode, payload, fin)
  return client.frame({ opcode = opcode, payload = payload or "", fin = fin })
end

local function open(s, count)
  local clients = {}
  for i = 1, count do clients[i] = client.open(s, "/ws") end
  return clients
end

-- Pays for what each thread allocates once: blocks, the read buffer, coroutines.
local function warmUp(s, largest)
  local message = frame(TEXT, '"' .. ("x"):rep(largest) .. '"')
  for _, c in ipairs(open(s, 6)) do
    c:send('"short"')
    c:receive()
    c:write(message)
    c:receive()
    c:close(1000)
  end
end

local function tell(name, s, before, figures)
  local _, peak = s:memory()
  io.write(("  %-58s %+6.1f MiB, echo p99 %6.1f ms of %d\n"):format(name, peak - before, figures.p99, figures.count))
  io.flush()
end

-- Attacks again and again for a while, and returns what the polite client has met.
local function attempt(s, act)
  local p = polite.start(s, "/polite", ECHOES)
  local began = uv.hrtime()
  local function lasts(seconds) return uv.hrtime() - began < seconds * 1e9 end
  repeat
    async.isolated(act, s)
  until not lasts(SPAN) and (p:hasEnough() or not lasts(async.seconds(LONG)))
  return p:stop()
end

-- A test: `act(s)` attacks the server of `script`. Options: `echoes`, a size that has been echoed before; `before(s)`,
-- what else has been done; `memory`, MiB more that all attempts together may take; `quick`, seconds that the polite
-- client may wait.
local function attack(name, script, act, options)
  options = options or {}
  it(name, function()
    local s = server.start(script)
    if not IS_SANITIZED then warmUp(s, options.echoes or 100000) end
    if options.before then options.before(s) end
    s:resetPeak()
    local before = s:memory()
    attempts.within(options.quick or QUICK, "the polite client's p99", function()
      local figures = attempt(s, act)
      tell(name, s, before, figures)
      return figures.p99 / 1000
    end)
    if not IS_SANITIZED then
      local _, peak = s:memory()
      assert.is_true(peak - before < (options.memory or MORE_MEMORY), ("it took %.1f MiB more"):format(peak - before))
    end
    local c = client.open(s, "/ws")
    c:send('"still here"')
    assert.truthy(c:receive():match '^"?still here"?$')
  end)
end

-- Calls step() every 20 ms for so many seconds.
local function trickle(seconds, step)
  local stop = uv.hrtime() + seconds * 1e9
  repeat
    step()
    async.sleep(0.02)
  until uv.hrtime() > stop
end

-- The next that it sends, whatever it was reading before, is a close frame with this code; then it is gone.
local function expectFailed(c, code)
  local bytes = c:readAll()
  assert.truthy(bytes:find(string.pack(">I2", code), -125, true), "a close frame with " .. code)
end

describe("frames:", function()
  attack("100,000 fragments of one byte", echo(), function(s)
    local c = client.open(s, "/ws")
    c:write(frame(TEXT, "x", false) .. frame(CONTINUATION, "x", false):rep(99998) .. frame(CONTINUATION, "x"))
    expectFailed(c, 1008)
  end)

  attack("100,000 fragments of one byte, allowed", echo("maxFragments = false"), function(s)
    local c = client.open(s, "/ws")
    c:write(frame(TEXT, "x", false) .. frame(CONTINUATION, "x", false):rep(99998) .. frame(CONTINUATION, "x"))
    assert.equal(("x"):rep(100000), c:receive())
  end)

  attack("fragments without a byte, without an end", echo(), function(s)
    local c = client.open(s, "/ws")
    c:write(frame(TEXT, "", false) .. frame(CONTINUATION, "", false):rep(200000))
    expectFailed(c, 1008)
  end)

  attack("fragments without a byte, allowed", echo("maxFragments = false"), function(s)
    local c = client.open(s, "/ws")
    c:write(frame(TEXT, "", false) .. frame(CONTINUATION, "", false):rep(200000) .. frame(CONTINUATION, "end"))
    assert.equal("end", c:receive())
  end)

  attack("a declared length of 2^62", echo(), function(s)
    for _ = 1, 100 do
      local c = client.open(s, "/ws")
      c:sendFrame({ opcode = BINARY, length = 1 << 62 })
      c:expectFail(1009)
    end
  end)

  attack("1 MiB of garbage behind the 101, by 20", echo(), function(s)
    local garbage = ("\0\255\1\254garbage!"):rep(MEBIBYTE // 12)
    for _, c in ipairs(open(s, 20)) do
      c:write(garbage)
      c:readAll()
    end
  end)

  attack("10,000 pings, pongs read", echo(), function(s)
    local c = client.open(s, "/ws")
    c:write(frame(PING, "ping"):rep(10000))
    assert.equal(("\x8a\4ping"):rep(10000), c:read(60000))
  end)

  attack("10,000 pings, pongs not read", echo(), function(s)
    local c = client.open(s, "/ws")
    c:pause()
    c:write(frame(PING, ("p"):rep(125)):rep(10000) .. frame(PING, "last"))
    c:flush()
    c:resume()
    c:readUntil("\x8a\4last")
  end)

  attack("100,000 empty messages", echo(), function(s)
    local c = client.open(s, "/ws")
    c:write(frame(TEXT, ""):rep(100000))
    assert.equal(("\x81\0"):rep(100000), c:read(200000))
  end)

  attack("100,000 empty messages, echoes not read", echo(), function(s)
    local c = client.open(s, "/ws")
    c:pause()
    c:write(frame(TEXT, ""):rep(100000))
    c:flush()
    c:resume()
    c:read(200000)
  end)

  attack("10,000 close frames", echo(), function(s)
    local c = client.open(s, "/ws")
    c:write(frame(client.CLOSE, client.closePayload(1000)):rep(10000))
    assert.equal("\x88\2\3\xe8", (c:readAll()))
  end)

  attack("echoes of 1 MiB that are never read", echo(), function(s)
    local c = client.open(s, "/ws")
    c:pause()
    local message = frame(BINARY, ("x"):rep(MEBIBYTE))
    for _ = 1, 50 do c:write(message) end
    async.eventually(function()
      local watcher = client.open(s, "/ws") -- it serves meanwhile
      watcher:close(1000)
      return c.stream:get_write_queue_size() == 0
    end, nil, "the connection to be cut off")
  end, { echoes = MEBIBYTE - 2 })
end)

describe("sockets:", function()
  attack("500 that send a byte of their request now and then", echo(nil, "handshakeTimeout = 0.5"), function(s)
    attempts.within(2, "slow handshakes are cut off, counted from accept", function()
      local clients, started = {}, uv.hrtime()
      for i = 1, 500 do
        clients[i] = client.connect(s)
        clients[i]:write("GET /ws HTTP/1.1\r\nHost: a\r\nX: ")
      end
      local connected = uv.hrtime()
      trickle(0.4, function()
        for _, c in ipairs(clients) do c:write("x") end
      end)
      for _, c in ipairs(clients) do assert.truthy(c:readAll():match("^HTTP/1.1 408 ")) end
      assert.is_true((uv.hrtime() - started) / 1e9 > 0.4, "and not before")
      return (uv.hrtime() - connected) / 1e9
    end)
  end)

  attack("500 that send half a frame's header", echo(), function(s)
    for _, c in ipairs(open(s, many(500))) do c:write("\x81\xfe\1") end
    async.sleep(0.1)
  end)

  attack("1,000 that declare 1 MiB each and send a byte", echo(), function(s)
    local head = client.frame({ opcode = BINARY, payload = "x", length = MEBIBYTE })
    for _, c in ipairs(open(s, many(1000))) do c:write(head) end
    async.sleep(0.1)
  end)

  attack("200 that trickle a body of 1 MiB", echo(nil, "handler = { onRequest = function() end }"), function(s)
    local clients = {}
    for i = 1, 200 do
      clients[i] = client.connect(s)
      clients[i]:sendRequest({ method = "POST", headers = { ["Content-Length"] = tostring(MEBIBYTE) } })
    end
    trickle(0.3, function()
      for _, c in ipairs(clients) do c:write("x") end
    end)
  end)

  attack("2,000 that are reset at once", echo(), function(s)
    for _ = 1, many(2000) do client.connect(s):reset() end
  end)

  attack("1,000 that ask to be upgraded and are reset", echo(), function(s)
    for _ = 1, many(1000) do
      local c = client.connect(s)
      c:sendRequest({ path = "/ws", headers = client.upgradeHeaders() })
      c:reset()
    end
  end)
end)

describe("requests:", function()
  local function refuseWith(s, status, bytes)
    local c = client.connect(s)
    c:write(bytes)
    assert.equal(status, c:response().status)
    c:readAll()
  end

  attack("10,000 header lines", echo(), function(s)
    for _ = 1, 10 do
      refuseWith(s, 431, "GET /ws HTTP/1.1\r\nHost: a\r\n" .. ("X-Header: value\r\n"):rep(10000) .. "\r\n")
    end
  end)

  attack("3,500 subprotocols", echo("protocols = { 'a', 'b', 'c' }"), function(s)
    local names = {}
    for i = 1, 3500 do names[i] = ("%x"):format(i) end
    local headers = { ["Sec-WebSocket-Protocol"] = table.concat(names, ",") }
    for _ = 1, 10 do assert.equal(400, select(2, client.handshake(s, "/ws", headers)).status) end
  end)

  attack("8,000 extensions", echo("compression = true"), function(s)
    for _ = 1, 10 do
      for _, offer in ipairs({ ("x,"):rep(7900) .. "y", ("permessage-deflate,"):rep(800) .. "y",
        "permessage-deflate" .. (";x"):rep(7900), "permessage-deflate; x=\"" .. ("\\a"):rep(7900) .. '"' }) do
        local _, answer = client.handshake(s, "/ws", { ["Sec-WebSocket-Extensions"] = offer })
        assert.is_true(answer.status == 400 or answer.status == 101, tostring(answer.status))
      end
    end
  end)

  attack("100 headers of one name, a query of 4,000 parameters", echo(), function(s)
    local names, headers = {}, {}
    for i = 1, 1000 do names[i] = ("%x=%x"):format(i, i) end
    for i = 1, 90 do headers[i] = tostring(i) end
    for _ = 1, 10 do
      client.open(s, "/ws?" .. ("a&"):rep(4000), { X = headers }):drop()
      client.open(s, "/ws?" .. table.concat(names, "&"), { X = headers }):drop()
    end
  end)

  attack("paths of 4,000 segments", [[
    local echo = { onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }
    for i = 1, 50 do
      serve(echo, { path = "/deep" .. i .. "/*" })
      serve(echo, { path = "/" .. ("*/"):rep(i % 30) .. "end" .. i })
    end
    serve(echo, { path = "/polite" })
    serve(echo, { path = "/ws" })
  ]], function(s)
    for _ = 1, 10 do
      assert.equal(404, client.get(s, ("/a"):rep(4000)).status)
      assert.equal(404, client.get(s, ("/"):rep(8000)).status)
      client.open(s, "/deep1" .. ("/%61"):rep(2000)):drop()
    end
  end)

  attack("10,000 requests at once, answers not read", echo(), function(s)
    local c = client.connect(s)
    c:pause()
    c:write(("GET /none HTTP/1.1\r\nHost: a\r\n\r\n"):rep(10000) .. "GET /last HTTP/1.0\r\nHost: a\r\n\r\n")
    async.sleep(0.05)
    c:resume()
    local answers = c:readAll()
    assert.equal(10001, select(2, answers:gsub("HTTP/1.1 404 ", "")))
  end)
end)

describe("compressed:", function()
  local OFFER = { ["Sec-WebSocket-Extensions"] = "permessage-deflate" }
  local deflater = zlib.deflater({ bits = 15 })

  local function compressed(bytes)
    return client.frame({ opcode = BINARY, rsv = 4, payload = bytes })
  end

  -- 1 GiB of zeros: a MiB, and then the same bytes for each further one.
  local function bomb()
    local zeros = ("\0"):rep(MEBIBYTE)
    deflater:reset()
    return deflater:deflate(zeros) .. deflater:deflate(zeros):rep(1023)
  end

  local function warmUpInflater(s)
    local c = client.open(s, "/ws", OFFER)
    deflater:reset()
    c:write(compressed(deflater:deflate(("warm"):rep(20000)):sub(1, -5)))
    c:readFrame()
    c:close(1000)
  end

  for _, takeover in ipairs({ "false", "true" }) do
    local script = echo("compression = { contextTakeover = " .. takeover .. " }")
    local suffix = takeover == "true" and ", with context takeover" or ""
    local before = { before = warmUpInflater, memory = MORE_MEMORY / 4 }

    attack("a bomb of 1 GiB in 1 MiB" .. suffix, script, function(s)
      local c = client.open(s, "/ws", OFFER)
      c:write(compressed(bomb():sub(1, -5)))
      expectFailed(c, 1009)
    end, before)

    attack("a bomb of 1 GiB in fragments" .. suffix, script, function(s)
      local c, bytes = client.open(s, "/ws", OFFER), bomb():sub(1, -5)
      c:write(client.frame({ opcode = TEXT, rsv = 4, fin = false, payload = bytes:sub(1, 1000) }))
      for at = 1001, #bytes, 1000 do c:write(frame(CONTINUATION, bytes:sub(at, at + 999), false)) end
      expectFailed(c, 1009)
    end, before)
  end

  attack("20,000 messages of 60 kB in 80 bytes", echo("compression = true"), function(s)
    local c = client.open(s, "/ws", OFFER)
    c:pause()
    deflater:reset()
    c:write(compressed(deflater:deflate(("\0"):rep(60000)):sub(1, -5)):rep(many(20000)))
    async.sleep(0.1)
    c:reset()
  end, { before = warmUpInflater })

  attack("100,000 empty compressed messages", echo("compression = true"), function(s)
    local c = client.open(s, "/ws", OFFER)
    c:write(compressed("\0"):rep(100000))
    c:read(100000)
    c:drop()
  end, { before = warmUpInflater })

  attack("1,000 empty blocks in each of 1,000 messages", echo("compression = true"), function(s)
    local c = client.open(s, "/ws", OFFER)
    c:write(compressed(("\0\0\0\255\255"):rep(1000) .. "\0"):rep(many(1000)))
    c:read(many(1000) * 2)
    c:drop()
  end, { before = warmUpInflater })

  attack("garbage that says it is compressed", echo("compression = true"), function(s)
    for _ = 1, 20 do
      local c = client.open(s, "/ws", OFFER)
      c:write(compressed(("\1\254garbage\255"):rep(10000)))
      expectFailed(c, 1007)
    end
  end, { before = warmUpInflater })
end)

describe("topics:", function()
  -- A chat whose clients name the topics.
  local TOPICS = [[
    local echo = { onMessage = function(_, ws, event) ws:send(event.data) end }
    serve(echo, { path = "/polite" })
    serve({ onMessage = function(_, ws, event)
      local verb, topic = event.data:match "^(%l+) (.*)$"
      if verb == "sub" then ws:subscribe(topic)
      elseif verb == "unsub" then ws:unsubscribe(topic)
      elseif verb == "pub" then ws.wss:publish(topic, "x")
      else ws:send(event.data) end
    end, onError = function() end }, { path = "/ws" })
  ]]

  local function sendAll(c, texts)
    for i, text in ipairs(texts) do texts[i] = frame(TEXT, text) end
    c:write(table.concat(texts) .. frame(TEXT, '"done"'))
    c:readUntil('"done"')
  end

  attack("10,000 publishes to topics of 127 segments among patterns", TOPICS, function(s)
    local c, texts = client.open(s, "/ws"), {}
    for i = 0, 255 do -- all patterns of eight segments
      local segments = {}
      for bit = 0, 7 do segments[#segments + 1] = i >> bit & 1 == 1 and "*" or "a" end
      texts[#texts + 1] = "sub " .. table.concat(segments, ".") .. ".>"
    end
    for _ = 1, many(2000) do texts[#texts + 1] = "pub a" .. (".a"):rep(126) end
    sendAll(c, texts)
    c:drop()
  end)

  attack("10,000 topics that come and go", TOPICS, function(s)
    local c, texts = client.open(s, "/ws"), {}
    for i = 1, many(10000) do
      texts[#texts + 1] = "sub " .. i .. (".x"):rep(20)
      texts[#texts + 1] = "unsub " .. i .. (".x"):rep(20)
    end
    sendAll(c, texts)
    c:drop()
  end)

  attack("10,000 names that are none", TOPICS, function(s)
    local c, texts = client.open(s, "/ws"), {}
    for i = 1, many(2000) do texts[i] = "sub " .. (" "):rep(i % 300) end
    sendAll(c, texts)
    c:drop()
  end)
end)

describe("messages:", function()
  local OBJECTS = [[
    local echo = { onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }
    serve(echo, { path = "/polite" })
    serve({ onMessage = function(_, ws, event) ws:send(type(event.data) == "string" and event.data or "taken") end,
      onError = function(_, ws) ws:send "refused" end }, { path = "/ws", dataType = "object" })
  ]]

  local function sends(text, answer)
    return function(s)
      local c = client.open(s, "/ws")
      local message = frame(TEXT, text)
      c:write(message)
      assert.equal(answer, (c:receive()))
      c:drop()
    end
  end

  local function keys(count)
    local names = {}
    for i = 1, count do names[i] = ('"%x":1'):format(i) end
    return "{" .. table.concat(names, ",") .. "}"
  end

  local LARGE = { echoes = MEBIBYTE - 2 }
  attack("JSON, 1 MiB deep", OBJECTS, sends(("["):rep(MEBIBYTE), "refused"), LARGE)
  attack("JSON, objects 1 MiB deep", OBJECTS, sends(('{"a":'):rep(MEBIBYTE // 5), "refused"), LARGE)
  attack("JSON, a number of 1 MiB", OBJECTS, sends(("1"):rep(MEBIBYTE), "refused"), LARGE)
  attack("JSON, a fraction of 1 MiB", OBJECTS, sends("0." .. ("3"):rep(MEBIBYTE - 2), "taken"), LARGE)
  attack("JSON, an exponent of 1 MiB", OBJECTS, sends("1e-" .. ("9"):rep(MEBIBYTE - 3), "taken"), LARGE)
  attack("JSON, 1 MiB of escapes", OBJECTS, function(s)
    local c = client.open(s, "/ws")
    c:send('"' .. ("\\u20ac"):rep(MEBIBYTE // 6 - 1) .. '"')
    assert.equal(3 * (MEBIBYTE // 6 - 1), #c:receive())
    c:drop()
  end, LARGE)
  -- What a message of 1 MiB says, a script may hold in many times its size: but not in any.
  attack("JSON, 80,000 members", OBJECTS, sends(keys(80000), "taken"), { memory = 60 })
  attack("JSON, 350,000 arrays", OBJECTS, sends("[" .. ("[],"):rep(MEBIBYTE // 3 - 2) .. "1]", "taken"),
    { memory = 100, quick = 1 })
  attack("JSON, 20,000 messages that are none", OBJECTS, function(s)
    local c = client.open(s, "/ws")
    c:write(frame(TEXT, "{"):rep(many(20000)))
    assert.equal(("\x81\7refused"):rep(many(20000)), c:read(9 * many(20000)))
    c:drop()
  end)
end)
