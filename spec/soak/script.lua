-- What is soaked: servers of every kind, whose handlers count their callbacks. At its end each says
--   soak: PATH ACCEPTED OPENED TERMINATED WRONG
-- once in each worker; WRONG counts callbacks out of order, and errors that no client's fault explains. Its clocks are
-- short enough to strike in a short soak, and long enough for a client on a machine that is busy.

local luaws = require "luaws"

local PEER_FAULTS = { [1002] = true, [1007] = true, [1008] = true, [1009] = true }

-- A server whose connections have these methods of `handlers` (onMessage at least).
local function serve(path, options, methods)
  local counts = { accepted = 0, opened = 0, terminated = 0, wrong = 0 }
  local Connection = luaws.class("Connection " .. path)

  local function count(name, ok)
    counts[name] = counts[name] + 1
    if not ok then counts.wrong = counts.wrong + 1 end
  end

  function Connection:onOpen(ws)
    count("opened", not self.isOpen and not self.hasEnded)
    self.isOpen = true
    if methods.onOpen then methods.onOpen(self, ws) end
  end

  function Connection:onMessage(ws, event)
    if not self.isOpen or self.hasEnded then counts.wrong = counts.wrong + 1 end
    methods.onMessage(self, ws, event)
  end

  function Connection:onTerminate()
    count("terminated", self.isOpen and not self.hasEnded)
    self.hasEnded = true
  end

  function Connection:onError(_, event)
    local e = event.errors[1]
    local isBadJson = options.dataType == "object" and e.componentSignature == "LUAW"
    if PEER_FAULTS[e.errCode] or isBadJson then return end
    counts.wrong = counts.wrong + 1
    print(("soak: %s: %s"):format(path, e.message))
  end

  options.path, options.pingInterval, options.pongTimeout, options.closeTimeout = path, 1, 10, 10
  return luaws.WebSocketServer.new({
    onConnection = function(_, _, event)
      if event.request.query.refuse then return nil end
      if event.request.query.wait then luaws.sleep(0.02) end
      counts.accepted = counts.accepted + 1
      return Connection.new()
    end,
    onTerminate = function()
      print(("soak: %s %d %d %d %d"):format(path, counts.accepted, counts.opened, counts.terminated, counts.wrong))
    end,
  }, options)
end

local function echo(_, ws, event)
  ws:send(event.data, event.isBinary)
end

assert(luaws.webServer:start {
  root = ".", handshakeTimeout = 6, keepAliveTimeout = 6,
  handler = { onRequest = function(_, _, event)
    local request = event.request
    if request.method == "POST" then return request.body end
  end },
})

serve("/echo", { compression = { threshold = 100 } }, { onMessage = echo })
serve("/takeover", { compression = { threshold = 0, contextTakeover = true } }, { onMessage = echo })
serve("/object", { dataType = "object" }, { onMessage = function(_, ws, event) ws:send(event.data) end })
serve("/slow", {}, { onMessage = function(_, ws, event)
  luaws.sleep(0.002)
  ws:send(event.data, event.isBinary)
end })
serve("/rate", { maxMessageRate = 200 }, { onMessage = echo })
serve("/few", { maxConnections = 3 }, { onMessage = echo })

-- "100": so many messages of 10 kB, numbered, of which a slow client misses some.
local function push(_, ws, event)
  for i = 1, tonumber(event.data) or 0 do ws:send(("%06d "):format(i) .. ("x"):rep(10000)) end
end
serve("/drop", { maxBackpressure = 200000, slowConsumer = "drop" }, { onMessage = push })
serve("/cut", { maxBackpressure = 200000 }, { onMessage = push })

-- "sub TOPIC", "unsub TOPIC"; "pub TOPIC TEXT" reaches all subscribers, the sender too; "end REASON".
local topics = serve("/topics", { compression = true }, { onMessage = function(_, ws, event)
  local verb, topic, text = event.data:match("^(%l+) (%S+) ?(.*)$")
  if verb == "sub" then ws:subscribe(topic) ws:send("subscribed " .. topic) end
  if verb == "unsub" then ws:unsubscribe(topic) end
  if verb == "pub" then ws.wss:publish(topic, text) end
  if verb == "end" then ws:terminate(4001, topic) end
end })

luaws.every(0.05, function()
  topics:publish("news.all", ("news "):rep(400))
  if luaws.workerIndex == 1 then topics:broadcast("all of you") end
end)
