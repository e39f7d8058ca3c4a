-- Instructions per message, by compiler, processor and Lua, part and line; what is more than 5 %
-- over fails. `make bench-instructions UPDATE=1` writes what it has counted.

return {
  ["gcc 12, x86_64 with AVX2, Lua 5.4.4"] = {
    reactor = {
      broadcast = 138,
      connect = 15440,
      echo64k = 10114,
      echo64x1 = 839,
      echo64x16 = 382,
      foreach = 159,
      json = 613,
    },
    worker = {
      broadcast = 32,
      connect = 18845,
      echo64k = 150063,
      echo64x1 = 3079,
      echo64x16 = 3051,
      foreach = 1446,
      json = 33748,
    },
  },
}
