-- luaws's own client as a load generator: `luaws bench/client.lua client --port N`, with options of
-- bench/load's echo, answers with one line of JSON in the same form. `own_us` is processor time
-- of the whole process for each message, there and back.

local luaws = require "luaws"
local uv = require "luv"

local options = { connections = 100, inflight = 1, size = 64, seconds = 2, warmup = 0.2 }
for i = 1, #arg do
  local name = arg[i]:match "^%-%-(.*)"
  if name then
    options[name] = tonumber(arg[i + 1])
  end
end

local payload = ("x"):rep(options.size)
local received, errors = 0, 0

local Echo = luaws.class "Echo"

function Echo:onOpen(ws)
  for _ = 1, options.inflight do
    ws:send(payload)
  end
end

function Echo:onMessage(ws, event)
  received = received + 1
  errors = errors + (event.data == payload and 0 or 1)
  ws:send(event.data)
end

function Echo:onError(_, event)
  errors = errors + 1
  io.stderr:write("client: ", event.errors[1].message, "\n")
end

local function processorTime()
  local usage = uv.getrusage()
  local function seconds(t)
    return t.sec + t.usec / 1e6
  end
  return seconds(usage.utime) + seconds(usage.stime)
end

for _ = 1, options.connections do
  luaws.WebSocket.new(("ws://127.0.0.1:%d/"):format(options.port), Echo.new())
end

luaws.sleep(options.warmup)
local count, time, processor = received, uv.hrtime(), processorTime()
luaws.sleep(options.seconds)
local messages, seconds = received - count, (uv.hrtime() - time) / 1e9
local used = processorTime() - processor
print(luaws.json.encode {
  mode = "client", connections = options.connections, inflight = options.inflight,
  size = options.size, errors = errors, seconds = seconds, messages = messages,
  rate = messages / seconds, own_cpu = used / seconds, own_us = used * 1e6 / math.max(messages, 1),
})
luaws.exit(errors > 0 and 1 or 0)
