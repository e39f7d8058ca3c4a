-- Autobahn's section 5: messages in fragments, and continuations out of place.

local frame = require "spec.conformance.frame"
local text, continuation, ping, pong = frame.text, frame.continuation, frame.ping, frame.pong

local MORE = { fin = false }
local CHOPS = { [0] = { nil, "" }, { "frames", ", a packet for each frame," }, { 1, ", byte by byte," } }
local LOST = "non-continuation payload"

local section = { title = "Fragmentation" }

local function add(number, about, case)
  table.move(case, 1, #case, 3)
  case[1], case[2] = "5." .. number, about
  table.insert(section, case)
end

add(1, "a ping in two fragments fails the connection",
  { send = { ping("fragment1", MORE), continuation("fragment2") }, fails = 1002 })
add(2, "a pong in two fragments fails the connection",
  { send = { pong("fragment1", MORE), continuation("fragment2") }, fails = 1002 })

for i = 0, 2 do
  local chop, how = table.unpack(CHOPS[i], 1, 2)
  add(3 + i, "a text in two fragments" .. how .. " comes back", {
    send = { text("fragment1", MORE), continuation("fragment2") }, chop = chop,
    expect = { text("fragment1fragment2") }, closes = 1000,
  })
end

for i = 0, 2 do
  local chop, how = table.unpack(CHOPS[i], 1, 2)
  add(6 + i, "a ping between two fragments" .. how .. " gets its pong before the text comes back", {
    send = { text("fragment1", MORE), ping("ping payload"), continuation("fragment2") }, chop = chop,
    expect = { pong("ping payload"), text("fragment1fragment2") }, closes = 1000,
  })
end

for j, more in ipairs({ false, MORE }) do
  for i = 0, 2 do
    local chop, how = table.unpack(CHOPS[i], 1, 2)
    local about = "a continuation%s with nothing to continue%s fails the connection"
    add(6 + 3 * j + i, about:format(more and ", not the last," or "", how), {
      send = { continuation(LOST, more or nil), text(frame.HELLO) }, chop = chop, fails = 1002,
    })
  end
end

add(15, "a continuation behind the last fragment fails the connection; the text before comes back", {
  send = { text("fragment1", MORE), continuation("fragment2"), continuation("fragment3", MORE), text("fragment4") },
  expect = { text("fragment1fragment2") }, lenient = { {} }, fails = 1002,
})

for number, more in pairs({ [16] = MORE, [17] = false }) do
  local round = { continuation("fragment1", more or nil), text("fragment2", MORE), continuation("fragment3") }
  add(number, ("a continuation%s before a text in two fragments, twice, fails the connection"):format(
    more and ", not the last," or ""),
    { send = table.move(round, 1, 3, 4, { table.unpack(round) }), fails = 1002 })
end

add(18, "a text whose second fragment is a text again fails the connection",
  { send = { text("fragment1", MORE), text("fragment2") }, fails = 1002 })

for number, chop in pairs({ [19] = false, [20] = "frames" }) do
  local how = chop and ", a packet for each frame" or ""
  add(number, "pings between the fragments of a text are answered at once" .. how, {
    { send = { text("fragment1", MORE), continuation("fragment2", MORE), ping("pongme 1!") }, chop = chop or nil,
      expect = { pong("pongme 1!") } },
    { send = { continuation("fragment3", MORE), continuation("fragment4", MORE), ping("pongme 2!"),
        continuation("fragment5") }, chop = chop or nil,
      expect = { pong("pongme 2!"), text("fragment1fragment2fragment3fragment4fragment5") } },
    closes = 1000,
  })
end

table.sort(section, function(a, b) return tonumber(a[1]:sub(3)) < tonumber(b[1]:sub(3)) end)
return section
