-- Instructions per message, by compiler, processor and Lua, part and line; what is more than 5 %
-- over fails. `make bench-instructions UPDATE=1` writes what it has counted.

return {
  ["gcc 12, x86_64 with AVX2, Lua 5.4.4"] = {
    reactor = {
      broadcast = 134,
      connect = 29067,
      echo64k = 65042,
      echo64x1 = 1236,
      echo64x16 = 575,
      foreach = 134,
      json = 1146,
    },
    worker = {
      broadcast = 127,
      connect = 20757,
      echo64k = 192742,
      echo64x1 = 3417,
      echo64x16 = 3368,
      foreach = 1612,
      json = 39934,
    },
  },
}
