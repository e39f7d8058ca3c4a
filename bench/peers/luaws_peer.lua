-- luaws with its default options. Argument: what it does with a message, one of `modes` (echo).

local luaws = require "luaws"
local uv = require "luv"

local mode = arg[1] or "echo"

local function echo(_, ws, event)
  ws:send(event.data, event.isBinary)
end

local function compute(rounds)
  local x = 1
  for _ = 1, rounds do
    x = (x * 1103515245 + 12345) & 0x7FFFFFFF
  end
  return x
end

local modes = {
  echo = { onMessage = echo },
  idle = { onMessage = echo },
  json = {
    onMessage = function(_, ws, event)
      ws:send(event.data)
    end,
  },
  broadcast = {
    onMessage = function(_, ws, event)
      ws.wss:broadcast(event.data)
    end,
  },
  publish = {
    onOpen = function(_, ws)
      ws:subscribe "all"
    end,
    onMessage = function(_, ws, event)
      ws.wss:publish("all", event.data)
    end,
  },
  compute = { -- always the same, so that workers can be compared
    onMessage = function(_, ws, event)
      compute(150000)
      ws:send(event.data, event.isBinary)
    end,
  },
  foreach = { -- 4D's loop over the connections
    onMessage = function(_, ws, event)
      for _, client in ipairs(ws.wss.connections) do
        client:send(event.data, event.isBinary)
      end
    end,
  },
}

local function serve(connection, options)
  luaws.WebSocketServer.new({
    onConnection = function()
      return connection
    end,
  }, options)
end

-- How many rounds take a millisecond: by the quickest of many tries, since others may have had the
-- core during some.
local function roundsPerMillisecond()
  local rounds, quickest = 10000, math.huge
  local deadline = uv.hrtime() + 100e6
  repeat
    local from = uv.hrtime()
    compute(rounds)
    quickest = math.min(quickest, uv.hrtime() - from)
  until uv.hrtime() > deadline
  return rounds * 1e6 // quickest
end

-- Echoes, and what comes to /work only after so many milliseconds of computing. With several
-- workers those of `stall` do it in another worker than the one that echoes.
local function serveWork(milliseconds)
  local rounds = roundsPerMillisecond() * milliseconds
  local isShared = mode == "work"
  if isShared or luaws.workerIndex ~= 1 then
    serve({
      onMessage = function(_, ws, event)
        compute(rounds)
        ws:send(event.data, event.isBinary)
      end,
    }, { path = "/work" })
  end
  if isShared or luaws.workerIndex == 1 then
    serve({ onMessage = echo })
  end
end

-- GET /memory tells how many bytes Lua has in use, garbage among them.
local function tellMemory()
  assert(luaws.webServer:start {
    handler = {
      onRequest = function(_, _, event)
        if event.request.path == "/memory" then
          return ("%d"):format(collectgarbage "count" * 1024 // 1)
        end
      end,
    },
  })
end

if mode == "idle" then
  tellMemory()
end

if mode == "work" then
  serveWork(1)
elseif mode == "stall" then
  serveWork(100)
else
  serve(modes[mode], { dataType = mode == "json" and "object" or nil })
end
