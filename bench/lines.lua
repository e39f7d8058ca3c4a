-- What is measured, one entry a line of the bench:
-- `load`: the generator's arguments; `mode`: what the servers do (their first argument).
-- `costs`: which of the generator's figures are compared, each with a title and a unit.
-- `fresh`: a server takes part once and is started anew for each round; `rounds`: at most so many.
-- `paced`: the generator sets the rate. `default = false`: runs only when LINES names it.

local function cpu(title, what)
  return { { field = "server_us", title = title, unit = "us/" .. (what or "message") } }
end

return {
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
    name = "echo64k",
    mode = "echo",
    load = "echo --connections 20 --inflight 1 --size 65536",
    costs = cpu "echo 64 KiB, 20 connections, 1 in flight",
  },
  {
    name = "idle",
    mode = "echo",
    load = "idle --connections 10000",
    fresh = true,
    rounds = 3,
    costs = {
      { field = "memory_open", title = "idle connection, untouched", unit = "B" },
      { field = "memory_used", title = "idle connection, after one echo", unit = "B" },
    },
  },
  {
    name = "echo1k",
    mode = "echo",
    load = "echo --connections 100 --inflight 1 --size 1024",
    costs = cpu "echo 1 KiB, 100 connections, 1 in flight",
    default = false,
  },
  {
    name = "echo64x8000",
    mode = "echo",
    load = "echo --connections 8000 --inflight 1 --size 64",
    costs = cpu "echo 64 B, 8,000 connections, 1 in flight",
    default = false,
  },
  {
    name = "rate1k",
    mode = "echo",
    load = "rate --rate 1000 --connections 100 --size 64",
    costs = cpu "echo 64 B, 100 connections, 1,000 messages/s",
    paced = true,
    default = false,
  },
  {
    name = "rate20k",
    mode = "echo",
    load = "rate --rate 20000 --connections 100 --size 64",
    costs = cpu "echo 64 B, 100 connections, 20,000 messages/s",
    paced = true,
    default = false,
  },
  {
    name = "connect",
    mode = "echo",
    load = "connect --connections 100",
    costs = cpu("connects, 100 at a time", "connect"),
    default = false,
  },
  {
    name = "broadcast500x1",
    mode = "broadcast",
    load = "broadcast --connections 500 --inflight 1 --size 64",
    costs = cpu("broadcast to 500, 1 round in flight", "delivery"),
    default = false,
  },
  {
    name = "broadcast500x8",
    mode = "broadcast",
    load = "broadcast --connections 500 --inflight 8 --size 64",
    costs = cpu("broadcast to 500, 8 rounds in flight", "delivery"),
    default = false,
  },
  {
    name = "foreach500x8",
    mode = "foreach",
    load = "broadcast --connections 500 --inflight 8 --size 64",
    costs = cpu("a loop over 500 that sends to each, 8 rounds in flight", "delivery"),
    default = false,
  },
}
