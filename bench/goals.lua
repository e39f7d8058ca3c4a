-- What luaws aims for, one entry a goal. The figure is luaws's divided by that of the server
-- `against`, in the same round; with `by = "difference"` less that of the server; without `against`
-- luaws's own, with `by = "worst"` that of its worst round. It should be `most` or less (`least` or
-- more), better still `stretch`.
-- `field`: which of the line's figures; the first of its costs, if nothing is said.
-- `base`: luaws on another line takes the place of `against`.

local KIB = 1024

return {
  { line = "echo64x1", against = "bun", most = 0.97, stretch = 0.92 },
  { line = "echo64x1", against = "floor", most = 1.10, stretch = 1.05 },
  { line = "echo64x16", against = "bun", most = 0.95, stretch = 0.88 },
  { line = "echo64x16", against = "floor", most = 1.6, stretch = 1.4 },
  { line = "echo64x16", against = "ws", most = 0.1 },
  { line = "echo64x1u", against = "bun", most = 1.0, stretch = 0.95 },
  { line = "echo64x16u", against = "bun", most = 1.1, stretch = 0.95 },
  { line = "echo64x8000", against = "bun", most = 0.9 },
  { line = "echo64k", against = "bun", most = 0.6, stretch = 0.5 },
  { line = "echo64k", against = "floor", most = 1.5, stretch = 1.3 },
  { line = "json", against = "bun", most = 1.2, stretch = 1.0 },
  { line = "broadcast500x1", against = "bun", most = 1.0, stretch = 0.9 },
  { line = "broadcast500x8", against = "bun", most = 1.05, stretch = 0.9 },
  { line = "publish500x1", against = "bun", most = 1.0, stretch = 0.9 },
  { line = "publish500x8", against = "bun", most = 1.05, stretch = 0.9 },
  { line = "foreach500x1", against = "bun", most = 1.05, stretch = 0.9 },
  { line = "foreach500x8", against = "bun", most = 1.05, stretch = 0.9 },
  -- 0.8 times its connects a second, where the server sets the rate; here the generator does.
  { line = "connect", against = "bun", most = 1.25, stretch = 1.0 },
  { line = "idle", field = "memory_open", most = 0.8 * KIB, stretch = 0.6 * KIB },
  { line = "idle", field = "memory_used", most = 1.0 * KIB, stretch = 0.6 * KIB },
  { line = "idle", field = "memory_open", against = "bun", most = 0.5 },
  { line = "idle", field = "memory_used", against = "bun", most = 0.5 },
  { line = "tls64", against = "bun", most = 1.0, stretch = 0.9 },
  { line = "tls64", against = "ws", most = 0.5 },
  { line = "tls64k", against = "bun", most = 1.0, stretch = 0.9 },
  { line = "tlsconnect", against = "bun", most = 1.25, stretch = 1.0 },
  { line = "tlsresume", against = "bun", most = 1.25, stretch = 1.0 },
  { line = "tlsidle", field = "memory_open", most = 20 * KIB, stretch = 17 * KIB },
  { line = "tlsidle", field = "memory_used", most = 20 * KIB, stretch = 17 * KIB },
  { line = "rate1k", field = "p50_us", by = "difference", against = "bun", most = 10, stretch = 0 },
  { line = "rate20k", field = "p99_us", against = "bun", most = 1.2, stretch = 1.0 },
  { line = "stall", field = "p99_us", against = "bun", most = 0.1 },
  { line = "reload", field = "max_us", by = "worst", most = 50000, stretch = 25000 },
  { line = "reload", field = "reload_us", by = "worst", most = 50000, stretch = 25000 },
  { line = "tests", field = "tests_us", by = "worst", most = 2000000, stretch = 500000 },
  { line = "workers2", field = "rate", base = "workers1", least = 1.8 },
}
