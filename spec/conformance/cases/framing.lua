-- Autobahn's section 1: messages around the sizes where a frame's header changes.

local frame = require "spec.conformance.frame"

local SIZES = { 0, 125, 126, 127, 128, 65535, 65536 }

local section = { title = "Framing" }

for j, kind in ipairs({ { frame.text, "text", "*" }, { frame.binary, "binary", "\254" } }) do
  local make, name, byte = table.unpack(kind)
  for i, size in ipairs(SIZES) do
    local message = make(byte:rep(size))
    local about = ("a %s message of %d bytes comes back"):format(name, size)
    table.insert(section, { ("1.%d.%d"):format(j, i), about,
      send = { message }, expect = { message }, closes = 1000 })
  end
  local message = make(byte:rep(65536))
  local about = ("a %s message of 65536 bytes in packets of 997 comes back"):format(name)
  table.insert(section, { ("1.%d.8"):format(j), about,
    send = { message }, chop = 997, expect = { message }, closes = 1000 })
end

return section
