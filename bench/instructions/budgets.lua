-- Instructions per message, by compiler, processor and Lua, part and line; what is more than 5 %
-- over fails. `make bench-instructions UPDATE=1` writes what it has counted.

return {
  ["gcc 12, x86_64 with AVX2, Lua 5.4.4"] = {
    reactor = {
      broadcast = 138,
      connect = 15474,
      echo64k = 10129,
      echo64x1 = 905,
      echo64x16 = 408,
      foreach = 159,
      json = 647,
      publish = 144,
    },
    worker = {
      broadcast = 32,
      connect = 18872,
      echo64k = 149994,
      echo64x1 = 3053,
      echo64x16 = 3025,
      foreach = 1463,
      json = 33353,
      publish = 37,
    },
  },
}
