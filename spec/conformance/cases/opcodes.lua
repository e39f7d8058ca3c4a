-- Autobahn's section 4: opcodes that mean nothing.

local frame = require "spec.conformance.frame"

local HELLO = frame.text(frame.HELLO)

local section = { title = "Reserved opcodes" }

local function add(name, about, case)
  table.move(case, 1, #case, 3)
  case[1], case[2] = name, about
  table.insert(section, case)
end

local function reserved(opcode, payload)
  return { opcode = opcode, payload = payload or "" }
end

for j, first in ipairs({ 3, 11 }) do
  local function name(i) return ("4.%d.%d"):format(j, i) end
  add(name(1), ("opcode %d fails the connection"):format(first), { send = { reserved(first) }, fails = 1002 })
  add(name(2), ("opcode %d with a payload fails the connection"):format(first + 1),
    { send = { reserved(first + 1, "reserved opcode payload") }, fails = 1002 })
  for i = 3, 5 do
    local opcode = first + i - 1
    local payload = i > 3 and frame.HELLO or nil
    local about = "opcode %d%s%s fails the connection; the text before comes back, the ping behind gets no pong"
    add(name(i), about:format(opcode, payload and " with a payload" or "", i == 5 and ", byte by byte," or ""), {
      send = { HELLO, reserved(opcode, payload), frame.ping() }, chop = i == 5 and 1 or nil,
      expect = { HELLO }, lenient = { {} }, fails = 1002,
    })
  end
end

return section
