-- What is measured, one entry a line of the bench:
-- `load`: the generator's arguments; `mode`: what the servers do (their first argument).
-- `costs`: which of the generator's figures are compared, each with a title and a unit.
-- `peers`: who takes part besides luaws; without it all that know the mode.
-- `tls`: over TLS. A load that begins with "client" is luaws's own client (client.lua),
-- one that begins with "tests" a run of `luaws test`, to which the server is nothing (tests.lua).
-- `options`: further options of luaws's own. `unpinned`: server and generator share all cores.
-- `duration`: seconds of a round, where the usual are too few.
-- `fresh`: a server takes part once and is started anew for each round; `rounds`: at most so many.
-- `paced`: the generator sets the rate. `default = false`: runs only when LINES names it.

local function cpu(title, what)
  return { { field = "server_us", title = title, unit = "us/" .. (what or "message") } }
end

local lines = {
  {
    name = "echo64x1",
    mode = "echo",
    load = "echo --connections 100 --inflight 1 --size 64",
    costs = cpu "echo 64 B, 100 connections, 1 in flight",
  },
  {
    name = "echo64x16",
    mode = "echo",
    load = "echo --connections 100 --inflight 16 --size 64",
    costs = cpu "echo 64 B, 100 connections, 16 in flight",
  },
  {
    name = "echo64x1u",
    mode = "echo",
    load = "echo --connections 100 --inflight 1 --size 64",
    costs = cpu "echo 64 B, 100 connections, 1 in flight, unpinned",
    peers = { "bun", "floor" },
    unpinned = true,
  },
  {
    name = "echo64x16u",
    mode = "echo",
    load = "echo --connections 100 --inflight 16 --size 64",
    costs = cpu "echo 64 B, 100 connections, 16 in flight, unpinned",
    peers = { "bun", "floor" },
    unpinned = true,
  },
  {
    name = "echo64x8000",
    mode = "echo",
    load = "echo --connections 8000 --inflight 1 --size 64",
    costs = cpu "echo 64 B, 8,000 connections, 1 in flight",
    peers = { "bun", "floor" },
  },
  {
    name = "echo1k",
    mode = "echo",
    load = "echo --connections 100 --inflight 1 --size 1024",
    costs = cpu "echo 1 KiB, 100 connections, 1 in flight",
    peers = { "bun", "floor" },
  },
  {
    name = "echo64k",
    mode = "echo",
    load = "echo --connections 20 --inflight 1 --size 65536",
    costs = cpu "echo 64 KiB, 20 connections, 1 in flight",
  },
  {
    name = "json",
    mode = "json",
    load = "echo --connections 100 --inflight 1 --size 300 --json",
    costs = cpu "JSON of 300 B, decoded and encoded, 100 connections, 1 in flight",
    peers = { "bun", "ws" },
  },
  {
    name = "tls64",
    mode = "echo",
    load = "echo --tls --connections 100 --inflight 1 --size 64",
    costs = cpu "TLS: echo 64 B, 100 connections, 1 in flight",
    peers = { "bun", "ws" },
    tls = true,
  },
  {
    name = "tls64k",
    mode = "echo",
    load = "echo --tls --connections 20 --inflight 1 --size 65536",
    costs = cpu "TLS: echo 64 KiB, 20 connections, 1 in flight",
    peers = { "bun", "ws" },
    tls = true,
  },
  {
    name = "tlsconnect",
    mode = "echo",
    load = "connect --tls --connections 100",
    costs = cpu("TLS: connects, 100 at a time", "connect"),
    peers = { "bun", "ws" },
    tls = true,
  },
  {
    name = "tlsresume",
    mode = "echo",
    load = "connect --resume --connections 100",
    costs = cpu("TLS: connects that resume a session, 100 at a time", "connect"),
    peers = { "bun", "ws" },
    tls = true,
  },
  {
    name = "tlsidle",
    mode = "echo",
    load = "idle --tls --connections 5000",
    fresh = true,
    rounds = 3,
    costs = {
      { field = "memory_open", title = "TLS: idle connection, untouched", unit = "B" },
      { field = "memory_used", title = "TLS: idle connection, after one echo", unit = "B" },
    },
    peers = { "bun", "ws" },
    tls = true,
  },
  {
    name = "client",
    mode = "echo",
    load = "client --connections 100 --inflight 16 --size 64",
    costs = {
      { field = "rate", title = "luaws's client: echo 64 B, 100 connections, 16 in flight",
        unit = "/s" },
      { field = "own_us", title = "luaws's client: processor time", unit = "us/message" },
    },
    peers = {},
  },
  {
    name = "connect",
    mode = "echo",
    load = "connect --connections 100",
    costs = cpu("connects, 100 at a time", "connect"),
    peers = { "bun", "ws", "floor" },
  },
  {
    name = "idle",
    mode = "idle",
    load = "idle --connections 15000 --memory-path /memory",
    fresh = true,
    rounds = 3,
    costs = {
      { field = "memory_open", title = "idle connection, untouched", unit = "B" },
      { field = "memory_used", title = "idle connection, after one echo", unit = "B" },
      { field = "script_used", title = "idle connection, after one echo: Lua's part", unit = "B" },
      { field = "kernel_used", title = "idle connection, after one echo: kernel", unit = "B" },
    },
    peers = { "bun", "ws", "floor" },
  },
  {
    name = "rate1k",
    mode = "echo",
    load = "rate --rate 1000 --connections 100 --size 64",
    costs = cpu "echo 64 B, 100 connections, 1,000 messages/s",
    peers = { "bun", "floor" },
    paced = true,
    duration = 2,
  },
  {
    name = "rate20k",
    mode = "echo",
    load = "rate --rate 20000 --connections 100 --size 64",
    costs = cpu "echo 64 B, 100 connections, 20,000 messages/s",
    peers = { "bun", "floor" },
    paced = true,
    duration = 2,
  },
  -- Handlers that take 1 ms have half of the worker's time, at moments that drift past the echoes'.
  {
    name = "work",
    mode = "work",
    load = "rate --rate 1000 --connections 20 --size 64 --heavy 100 --heavy-rate 430",
    costs = {
      {
        field = "p99_us",
        title = "p99 of echoes while handlers of 100 others compute 1 ms, 430 times a second",
        unit = "us",
      },
    },
    peers = { "bun" },
    paced = true,
    duration = 2,
  },
  {
    name = "workping",
    mode = "work",
    load = "rate --rate 1000 --connections 20 --pings --heavy 100",
    costs = {
      {
        field = "p99_us",
        title = "p99 of pings while handlers of 100 others compute 1 ms, all the time",
        unit = "us",
      },
    },
    peers = { "bun" },
    paced = true,
    duration = 2,
  },
  {
    name = "stall",
    mode = "stall",
    load = "rate --rate 1000 --connections 20 --size 64 --heavy 1",
    costs = {
      {
        field = "p99_us",
        title = "p99 of echoes while a handler of another worker computes 100 ms, all the time",
        unit = "us",
      },
    },
    options = "--workers 2",
    peers = { "bun" },
    paced = true,
    unpinned = true,
    duration = 2,
  },
  -- By SIGHUP, four times; `reload_us` is what the server says of the longest of them.
  {
    name = "reload",
    mode = "reload",
    rounds = 5,
    load = "rate --rate 5000 --connections 5000 --size 64 --hangups 4",
    costs = {
      {
        field = "max_us",
        title = "longest delay of an echo during reloads of 1,000 lines, 5,000 connections",
        unit = "us",
      },
      {
        field = "reload_us",
        title = "reload of 1,000 lines, 5,000 connections",
        unit = "us",
      },
    },
    peers = {},
    paced = true,
    duration = 2,
  },
  {
    name = "tests",
    mode = "echo",
    rounds = 5,
    load = "tests",
    costs = {
      {
        field = "tests_us",
        title = "1,000 tests of a handler without a network, beyond 1,000 empty ones",
        unit = "us",
      },
    },
    peers = {},
    unpinned = true,
  },
  {
    name = "echo64x16w2",
    mode = "echo",
    load = "echo --connections 100 --inflight 16 --size 64",
    costs = cpu "echo 64 B, 100 connections, 16 in flight, unpinned, 2 I/O threads and workers",
    options = "--io-threads 2 --workers 2",
    peers = {},
    unpinned = true,
  },
}

for workers = 1, 2 do
  lines[#lines + 1] = {
    name = "workers" .. workers,
    mode = "compute",
    load = "echo --connections 16 --inflight 1 --size 64",
    costs = {
      {
        field = "rate",
        title = "echo 64 B after computing for about 1 ms, unpinned, workers: " .. workers,
        unit = "/s",
      },
    },
    options = "--workers " .. workers,
    peers = {},
    unpinned = true,
  }
end

-- One message to all: by the server's own call, by a topic, and by 4D's loop over the connections.
for _, way in ipairs {
  { mode = "broadcast", title = "broadcast to" },
  { mode = "publish", title = "publish to" },
  { mode = "foreach", title = "a loop that sends to each of" },
} do
  for _, case in ipairs {
    { name = "500x1", to = 500, rounds = 1, title = "500, 1 round in flight" },
    { name = "500x8", to = 500, rounds = 8, title = "500, 8 rounds in flight" },
    { name = "10k", to = 10000, rounds = 1, title = "10,000, 1 round in flight", duration = 1.5 },
  } do
    lines[#lines + 1] = {
      name = way.mode .. case.name,
      mode = way.mode,
      load = ("broadcast --connections %d --inflight %d --size 64"):format(case.to, case.rounds),
      costs = cpu(way.title .. " " .. case.title, "delivery"),
      peers = { "bun" },
      duration = case.duration,
    }
  end
end

return lines
