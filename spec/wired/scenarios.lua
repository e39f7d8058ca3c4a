-- What may happen between a handler and its clients. Each scenario is run twice, see drive.lua:
--
--   name, options   of the server
--   handler(run)    makes the handler: a connection's, or a server's. run:note(...) notes something
--   run(run)        plays: local ann = run:open(request); ann:deliver("hi"); run:advance(seconds)
--   seesPeers       false: what clients received depends on the kernel's buffers
--   isCompressed    the clients agree on compression

local luaws = require "luaws"

local scenarios = {}

local function add(scenario)
  table.insert(scenarios, scenario)
end

local function echo()
  return { onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }
end

local function quiet()
  return { onMessage = function() end }
end

-- A handler with one method more.
local function with(name, method)
  return function(run)
    return {
      onMessage = function() end,
      [name] = function(self, ws, event) return method(self, ws, event, run) end,
    }
  end
end

-- One client that does something, to a handler.
local function single(name, options, handler, play)
  add {
    name = name, options = options, handler = handler,
    run = function(run) play(run:open(), run) end,
  }
end

-- Messages

single("echoes text", nil, echo, function(ann)
  for _, text in ipairs { "hi", "", "grün", "𝄞" } do ann:deliver(text) end
end)

single("echoes binary messages", nil, echo, function(ann)
  ann:deliver("\0\255\1", true)
  ann:deliver("", true)
end)

single("keeps the lengths around the frame header's borders", nil, echo, function(ann)
  for _, length in ipairs { 125, 126, 127, 65535, 65536 } do ann:deliver(("x"):rep(length)) end
end)

single("echoes JSON", { dataType = "object" }, echo, function(ann)
  ann:deliver '{"a":[1,2,{}],"b":null,"c":1.5}'
  ann:deliver '"text"'
  ann:deliver "12"
end)

single("tells of what is no JSON, and goes on", { dataType = "object" }, echo, function(ann)
  ann:deliver "{"
  ann:deliver '{"a":1}'
end)

single("decodes JSON in binary messages", { dataType = "object" }, echo, function(ann)
  ann:deliver('{"a":1}', true)
end)

single("sends strings as blobs", { dataType = "blob" }, echo, function(ann)
  ann:deliver("abc", true)
  ann:deliver("abc", false)
end)

single("joins fragments", nil, echo, function(ann)
  ann:deliverFrame { opcode = "text", data = "one ", fin = false }
  ann:deliverFrame { opcode = "continuation", data = "two ", fin = false }
  ann:deliverFrame { opcode = "continuation", data = "three" }
end)

single("answers a ping between fragments", nil, echo, function(ann)
  ann:deliverFrame { opcode = "text", data = "one ", fin = false }
  ann:ping "between"
  ann:deliverFrame { opcode = "continuation", data = "two" }
end)

single("joins characters that fragments cut", nil, echo, function(ann)
  ann:deliverFrame { opcode = "text", data = "gr\xc3", fin = false }
  ann:deliverFrame { opcode = "continuation", data = "\xbcn" }
end)

single("takes a frame byte by byte", nil, echo, function(ann)
  local frame = "\x81\x85\1\2\3\4" .. "\x69\x67\x6f\x68\x6e"
  for i = 1, #frame do ann:deliverBytes(frame:sub(i, i)) end
end)

single("takes many frames at once", nil, echo, function(ann)
  local frames = {}
  for i = 1, 50 do frames[i] = "\x81\x81\0\0\0\0" .. string.char(64 + i % 26) end
  ann:deliverBytes(table.concat(frames))
end)

single("answers pings", nil, quiet, function(ann)
  ann:ping ""
  ann:ping "data"
  ann:ping(("p"):rep(125))
end)

single("ignores pongs that nobody asked for", nil, echo, function(ann)
  ann:deliverFrame { opcode = "pong", data = "why" }
  ann:deliver "still here"
end)

-- Sending

single("sends from onOpen", nil, with("onOpen", function(_, ws)
  ws:send "welcome"
  ws:send("bytes", true)
  ws:send { list = luaws.array {} }
  ws:send(luaws.blob "blob")
end), function() end)

single("sends several answers to one message", nil, function()
  return { onMessage = function(_, ws, event) for i = 1, 3 do ws:send(event.data .. i) end end }
end, function(ann) ann:deliver "x" end)

single("pings by itself", nil, with("onOpen", function(_, ws) ws:ping "there?" end), function(ann)
  ann:deliver "x"
end)

single("refuses to send after terminate", nil, function(run)
  return {
    onMessage = function(_, ws)
      ws:terminate()
      run:note("send", ws:send "late")
    end,
  }
end, function(ann) ann:deliver "x" end)

single("tells what can't be sent", nil, function(run)
  return {
    onMessage = function(_, ws)
      for _, value in ipairs { 12, true, "\xff", print } do
        run:note("send", pcall(ws.send, ws, value))
      end
    end,
  }
end, function(ann) ann:deliver "x" end)

-- Several clients

local function chat()
  return {
    onOpen = function(_, ws) ws.wss:broadcast("joined", ws) end,
    onMessage = function(_, ws, event) ws.wss:broadcast(event.data, ws) end,
    onTerminate = function(_, ws) ws.wss:broadcast "left" end,
  }
end

local function three(run)
  return run:open(), run:open(), run:open()
end

add {
  name = "broadcasts to all but one", handler = chat,
  run = function(run)
    local ann, bob, eve = three(run)
    ann:deliver "hello"
    bob:deliver "hi"
    eve:close(1000)
    ann:deliver "eve has left"
  end,
}

add {
  name = "loops over connections",
  handler = function()
    return {
      onMessage = function(_, ws, event)
        for _, other in ipairs(ws.wss.connections) do
          if other.id ~= ws.id then other:send(event.data) end
        end
      end,
    }
  end,
  run = function(run)
    local ann, bob = three(run)
    ann:deliver "hello"
    bob:lose()
    ann:deliver "alone with eve"
  end,
}

add {
  name = "publishes to topics and patterns",
  handler = function()
    return {
      onMessage = function(_, ws, event)
        local verb, topic = event.data:match "^(%a+) (.*)$"
        ws[verb](ws, topic, topic)
      end,
    }
  end,
  run = function(run)
    local ann, bob, eve = three(run)
    ann:deliver "subscribe room.blue"
    bob:deliver "subscribe room.*"
    eve:deliver "subscribe other.>"
    eve:deliver "publish room.blue"
    ann:deliver "publish room.red"
    bob:deliver "unsubscribe room.*"
    ann:deliver "publish room.blue"
    bob:deliver "publish other.a.b"
  end,
}

add {
  name = "counts subscribers",
  handler = function(run)
    return {
      onOpen = function(_, ws) ws:subscribe "news" end,
      onMessage = function(_, ws) run:note(ws.wss:subscriberCount "news", ws.topics[1]) end,
    }
  end,
  run = function(run)
    local ann, bob = run:open(), run:open()
    ann:deliver "x"
    bob:close()
    ann:deliver "x"
  end,
}

add {
  name = "forgets subscriptions with their connection",
  handler = function()
    return {
      onOpen = function(_, ws) ws:subscribe "news" end,
      onMessage = function(_, ws, event) ws.wss:publish("news", event.data) end,
    }
  end,
  run = function(run)
    local ann, bob = run:open(), run:open()
    ann:lose()
    bob:deliver "only I"
  end,
}

-- Closing by the client

for _, close in ipairs {
  { nil, nil }, { 1000, nil }, { 1001, "going" }, { 3000, nil }, { 4999, ("r"):rep(123) },
} do
  single(("is closed with %s, %d bytes of reason"):format(close[1], #(close[2] or "")), nil, echo,
    function(ann)
      ann:deliver "x"
      ann:close(close[1], close[2])
    end)
end

single("answers a close behind messages", nil, echo, function(ann)
  ann:deliverBytes("\x81\x81\0\0\0\0a" .. "\x81\x81\0\0\0\0b" .. "\x88\x82\0\0\0\0\x03\xe8")
end)

single("loses a connection", nil, echo, function(ann)
  ann:deliver "x"
  ann:lose()
end)

single("loses a connection in the midst of a message", nil, echo, function(ann)
  ann:deliverFrame { opcode = "text", data = "half", fin = false }
  ann:lose()
end)

for _, bad in ipairs { 999, 1004, 1005, 1006, 1015, 2999, 5000 } do
  single(("fails for the close code %d"):format(bad), nil, quiet, function(ann)
    ann:deliverFrame { opcode = "close", data = string.pack(">I2", bad) }
  end)
end

single("fails for a close frame of one byte", nil, quiet, function(ann)
  ann:deliverFrame { opcode = "close", data = "x" }
end)

single("fails for a reason that is no UTF-8", nil, quiet, function(ann)
  ann:deliverFrame { opcode = "close", data = "\x03\xe8\xff" }
end)

-- Closing by the handler

local function closing(...)
  local words = table.pack(...)
  return function(run)
    return {
      onMessage = function(_, ws)
        ws:terminate(table.unpack(words, 1, words.n))
        run:note("status", ws.status)
      end,
    }
  end
end

single("terminates", nil, closing(), function(ann) ann:deliver "x" end)
single("terminates with a code", nil, closing(4000), function(ann) ann:deliver "x" end)
single("terminates with a reason", nil, closing(3999, "bye"), function(ann) ann:deliver "x" end)
single("refuses to terminate with 1001", nil, closing(1001), function(ann) ann:deliver "x" end)

single("terminates in onOpen", nil, with("onOpen", function(_, ws) ws:terminate(4001) end),
  function() end)

single("destroys", nil, function()
  return { onMessage = function(_, ws) ws:destroy() end }
end, function(ann) ann:deliver "x" end)

single("says all before it terminates", nil, function()
  return {
    onMessage = function(_, ws)
      for i = 1, 3 do ws:send("last " .. i) end
      ws:terminate()
      ws:terminate(4000)
    end,
  }
end, function(ann) ann:deliver "x" end)

single("drops what comes after terminate", nil, closing(), function(ann)
  ann:deliverBytes("\x81\x81\0\0\0\0a" .. "\x81\x81\0\0\0\0b")
end)

add {
  name = "terminates the server", handler = quiet,
  run = function(run)
    run:open()
    run:open()
    run:act(function() run.wss:terminate() end)
  end,
}

add {
  name = "terminates the server at once", handler = quiet,
  run = function(run)
    run:open()
    run:act(function() run.wss:terminate(0) end)
  end,
}

-- Breaking the protocol, and limits

local function failing(name, options, frame)
  single("fails " .. name, options, echo, function(ann)
    if type(frame) == "string" then ann:deliverBytes(frame) else ann:deliverFrame(frame) end
  end)
end

failing("for an unmasked frame", nil, { opcode = "text", data = "x", masked = false })
failing("for a reserved bit", nil, { opcode = "text", data = "x", rsv = 4 })
failing("for an unknown opcode", nil, { opcode = 3, data = "x" })
failing("for a continuation of nothing", nil, { opcode = "continuation", data = "x" })
failing("for a fragmented ping", nil, { opcode = "ping", fin = false })
failing("for a long ping", nil, { opcode = "ping", data = ("x"):rep(126) })
failing("for text that is no UTF-8", nil, { opcode = "text", data = "a\xff" })
failing("for a message that is too large", { maxPayload = 10 }, { opcode = "text", data = ("x"):rep(11) })
failing("for an announced length alone", { maxPayload = 10 }, "\x82\xff\0\0\0\1\0\0\0\0")

single("fails for too many fragments", { maxFragments = 3 }, echo, function(ann)
  ann:deliverFrame { opcode = "text", data = "1", fin = false }
  for _ = 1, 3 do ann:deliverFrame { opcode = "continuation", data = "x", fin = false } end
end)

single("answers what came before a bad frame", nil, echo, function(ann)
  ann:deliverBytes("\x81\x81\0\0\0\0a" .. "\x83\x80\0\0\0\0")
end)

add {
  name = "tells the server of a connection's error", options = nil,
  handler = function(run)
    return {
      onConnection = function()
        return run:handlerOf("ann", { onMessage = function() end, noOnError = true })
      end,
    }
  end,
  run = function(run) run:open():deliverFrame { opcode = 3 } end,
}

add {
  name = "limits connections", options = { maxConnections = 1 }, handler = quiet,
  run = function(run)
    run:open()
    run:open()
  end,
}

add {
  name = "limits connections from one address", options = { maxConnectionsPerAddress = 2 },
  handler = quiet, run = three,
}

-- Slow clients

local MIB = 1024 * 1024

add {
  name = "closes a slow consumer", seesPeers = false, options = { maxBackpressure = MIB },
  handler = function(run)
    return {
      onMessage = function(_, ws)
        local message = ("x"):rep(4 * MIB)
        local ok, why
        repeat ok, why = ws:send(message) until not ok
        run:note("send", ok, why, ws.status)
      end,
    }
  end,
  run = function(run)
    local ann = run:open()
    ann:fill()
    ann:deliver "x"
  end,
}

add {
  name = "drops messages to a slow consumer", seesPeers = false,
  options = { maxBackpressure = MIB, slowConsumer = "drop" },
  handler = function(run)
    return {
      onMessage = function(_, ws)
        local message = ("x"):rep(4 * MIB)
        local ok, why
        repeat ok, why = ws:send(message) until not ok
        run:note("send", ok, why, ws.status)
      end,
    }
  end,
  run = function(run)
    local ann = run:open()
    ann:fill()
    ann:deliver "x"
    ann:drain()
  end,
}

add {
  name = "tells when a slow client has read all", options = { maxBackpressure = 64 * MIB },
  handler = function()
    return {
      onMessage = function(_, ws) ws:send(("x"):rep(32 * MIB)) end, -- more than a kernel takes at once
      onDrain = function(_, ws) ws:send "drained" end,
    }
  end,
  run = function(run)
    local ann = run:open()
    ann:fill()
    ann:deliver "x"
    ann:drain()
  end,
}

-- Waiting

single("keeps the order of messages whose callbacks wait", nil, function(run)
  return {
    onMessage = function(_, ws, event)
      luaws.sleep(tonumber(event.data))
      run:note("slept", event.data)
      ws:send(event.data)
    end,
  }
end, function(ann, run)
  for _, time in ipairs { "0.03", "0.01", "0.02" } do ann:deliver(time) end
  run:advance(0.06)
end)

single("cuts a sleep short when the connection ends", nil, function(run)
  return { onMessage = function() run:note("sleep", luaws.sleep(20)) end }
end, function(ann)
  ann:deliver "x"
  ann:lose()
end)

single("drops what waits behind a callback when it terminates", nil, function()
  return {
    onMessage = function(_, ws)
      luaws.sleep(0.02)
      ws:terminate()
    end,
  }
end, function(ann, run)
  ann:deliver "1"
  ann:deliver "2"
  run:advance(0.03)
end)

single("cancels what waits after closeTimeout", { closeTimeout = 0.05 }, function(run)
  return {
    onMessage = function()
      local ok, err = pcall(luaws.await, function() end)
      run:note("await", ok, err)
    end,
  }
end, function(ann, run)
  ann:deliver "x"
  ann:lose()
  run:advance(0.1)
end)

single("runs timers in their order", nil, function(run)
  return {
    onMessage = function(_, ws)
      luaws.after(0.04, function() ws:send "second" end)
      luaws.after(0.02, function() ws:send "first" end)
      luaws.after(0, function() ws:send "now" end)
      local ticks = 0
      local timer
      timer = luaws.every(0.015, function()
        ticks = ticks + 1
        if ticks == 2 then timer:cancel() end
        run:note("tick", ticks)
      end)
    end,
  }
end, function(ann, run)
  ann:deliver "x"
  run:advance(0.08)
end)

single("spawns tasks", nil, function()
  return {
    onMessage = function(_, ws, event)
      luaws.spawn(function()
        ws:send "spawned"
        luaws.sleep(0.01)
        ws:send(event.data)
      end)
    end,
  }
end, function(ann, run)
  ann:deliver "x"
  run:advance(0.02)
end)

single("sleeps in onTerminate", nil, with("onTerminate", function(_, _, _, run)
  run:note("sleep", luaws.sleep(0.02))
end), function(ann, run)
  ann:close()
  run:advance(0.05)
end)

-- Clocks

single("drops who doesn't answer pings", { pingInterval = 0.05, pongTimeout = 0.05 }, quiet,
  function(ann, run)
    ann.ws:silence()
    run:advance(0.2)
  end)

single("goes on with who answers pings", { pingInterval = 0.5, pongTimeout = 0.5 }, quiet,
  function(ann, run)
    run:advance(0.75)
    ann.ws:silence()
    run:advance(3)
  end)

single("gives up a close that isn't answered", { closeTimeout = 0.05 }, closing(4000, "now"),
  function(ann, run)
    ann.ws:silence()
    ann:deliver "x"
    run:advance(0.1)
  end)

-- Errors

for _, name in ipairs { "onOpen", "onMessage", "onTerminate" } do
  single("tells of an error in " .. name, nil, function()
    return {
      onMessage = function() end,
      [name] = function() error("broken " .. name) end,
    }
  end, function(ann)
    ann:deliver "x"
    ann:close()
  end)
end

single("tells of an error in onError in the log alone", nil, function()
  return {
    onMessage = function() error "first" end,
    onError = function() error "second" end,
  }
end, function(ann)
  ann:deliver "x"
  ann:deliver "y"
end)

single("tells of error values that are tables", nil, function()
  return { onMessage = function() error { code = 7 } end }
end, function(ann) ann:deliver "x" end)

single("tells of an error after a wait", nil, function()
  return {
    onMessage = function()
      luaws.sleep(0.01)
      error "after the wait"
    end,
  }
end, function(ann, run)
  ann:deliver "x"
  run:advance(0.02)
end)

-- Answers of onConnection

local function answering(name, answer, request)
  add {
    name = name,
    options = { path = "/rooms/:room", protocols = { "v2", "v1" } },
    handler = function(run)
      return {
        onConnection = function(_, wss, event) return answer(run, wss, event) end,
        onOpen = function() end, onError = function() end,
      }
    end,
    run = function(run)
      local asked = { url = "/rooms/blue?name=ann&name=bob&x=%41+b" }
      for key, value in pairs(request or {}) do asked[key] = value end
      run:open(asked)
    end,
  }
end

local function accepting(run)
  return run:handlerOf("ann", {
    onOpen = function(_, ws) run:note(ws.path, ws.params.room, ws.protocol, ws.remoteAddress) end,
    onMessage = function() end,
  })
end

answering("accepts", accepting)
answering("accepts with the server's first protocol", accepting, { protocols = { "v1", "v2" } })
answering("accepts without a protocol in common", accepting, { protocols = { "v3" } })
answering("accepts with a protocol of its choice", function(run)
  return accepting(run), { protocol = "v1", headers = { ["X-Room"] = "blue" } }
end, { protocols = { "v2", "v1" } })
answering("refuses a protocol that isn't offered", function(run)
  return accepting(run), { protocol = "v9" }
end, { protocols = { "v1" } })
answering("refuses with 403", function() return nil end)
answering("refuses with a status", function() return nil, 429, "too many" end)
answering("refuses with headers", function()
  return nil, { status = 401, headers = { ["WWW-Authenticate"] = "Basic" }, body = "who?" }
end)
answering("refuses what is no answer", function() return "yes" end)
answering("refuses with an error", function() error "no" end)
answering("answers after a wait", function(run)
  luaws.sleep(0.02)
  return accepting(run)
end)
answering("answers at another path with 404", accepting, { url = "/halls/blue" })
answering("refuses a foreign origin", accepting, { headers = { Origin = "http://evil.example" } })
answering("accepts its own origin", accepting, { headers = { Origin = "http://localhost" } })

-- Compression

local function compressed(name, options, play, seesPeers)
  add {
    name = name, options = options, isCompressed = true, handler = echo, seesPeers = seesPeers,
    run = function(run) play(run:open()) end,
  }
end

local TEXT = ("the same words again "):rep(200)

compressed("compresses", { compression = true }, function(ann)
  for _ = 1, 3 do ann:deliver(TEXT) end
  ann:deliver "short"
  ann:deliver(TEXT, true)
end)

compressed("compresses with context takeover",
  { compression = { contextTakeover = true, threshold = 1 } }, function(ann)
    for i = 1, 5 do ann:deliver(TEXT .. i) end
  end)

compressed("fails for a compressed message that is too large",
  { compression = true, maxPayload = 1000 }, function(ann) ann:deliver(TEXT) end, false)

return scenarios
