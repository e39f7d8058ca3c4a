-- Autobahn's sections 9 and 10: large messages, many fragments, many packets, many messages. How long it takes isn't
-- judged.

local frame = require "spec.conformance.frame"

local KB, MB = 1024, 1024 * 1024
local PATIENCE = 60
local ROUNDS, BRIEFLY = 1000, 100

local KINDS = {
  { frame.TEXT, "text", "BAsd7&jh23", "*" },
  { frame.BINARY, "binary", "\0\xfe\x23\xfa\xf0", "\254" },
}

local section = { title = "Large and many" }

local function add(name, about, case)
  table.move(case, 1, #case, 3)
  case[1], case[2] = name, about
  case.slowly = false
  table.insert(section, case)
end

local function fill(pattern, size)
  return pattern:rep(size // #pattern + 1):sub(1, size)
end

-- A stage that is made when its turn comes: a message of that size, in fragments.
local function exchange(opcode, pattern, size, fragment)
  return function()
    local payload = fill(pattern, size)
    return {
      send = frame.fragments(opcode, payload, fragment or size),
      expect = { { opcode = opcode, payload = payload } }, patience = PATIENCE,
    }
  end
end

local function roundsOf(target)
  return target.brief and BRIEFLY or ROUNDS
end

local function name(section1, kind, i)
  return ("9.%d.%d"):format(section1 + kind - 1, i)
end

for kind, row in ipairs(KINDS) do
  local opcode, word, pattern = table.unpack(row)
  for i, size in ipairs({ 64 * KB, 256 * KB, MB, 4 * MB, 8 * MB, 16 * MB }) do
    add(name(1, kind, i), ("a %s message of %d bytes comes back"):format(word, size),
      { exchange(opcode, pattern, size), closes = 1000 })
  end
end

for kind, row in ipairs(KINDS) do
  local opcode, word, _, byte = table.unpack(row)
  for i, size in ipairs({ 64, 256, KB, 4 * KB, 16 * KB, 64 * KB, 256 * KB, MB, 4 * MB }) do
    add(name(3, kind, i), ("a %s message of 4 MiB in fragments of %d bytes comes back"):format(word, size),
      { exchange(opcode, byte, 4 * MB, size), closes = 1000 })
  end
end

for kind, row in ipairs(KINDS) do
  local opcode, word, pattern = table.unpack(row)
  for i, size in ipairs({ 64, 128, 256, 512, 1024, 2048 }) do
    add(name(5, kind, i), ("a %s message of 1 MiB in packets of %d bytes comes back"):format(word, size),
      { exchange(opcode, pattern, MB), chop = size, closes = 1000 })
  end
end

for kind, row in ipairs(KINDS) do
  local opcode, word, _, byte = table.unpack(row)
  for i, size in ipairs({ 0, 16, 64, 256, 1024, 4096 }) do
    local message = { opcode = opcode, payload = byte:rep(size) }
    add(name(7, kind, i), ("%d %s messages of %d bytes come back, one after the other"):format(ROUNDS, word, size),
      { { rounds = roundsOf, message = function() return message end }, closes = 1000 })
  end
end

add("10.1.1", "a text of 65536 bytes in fragments of 1300 comes back",
  { exchange(frame.TEXT, "*", 65536, 1300), closes = 1000 })

return section
