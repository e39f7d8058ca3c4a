-- What a client sends: its handshake (RFC 6455 section 4.1), its masks (section 5.3). Each handshake of the other cases
-- is checked, too: method, version, Host, Upgrade, Connection, one key of 16 bytes that none had before.

local frame = require "spec.conformance.frame"
local section = require "spec.conformance.section"
local text = frame.text

local cases, begin, add = section.new("request", "What a client sends")
cases.role = "client"

begin "head"

for _, path in ipairs({ "/", "/chat?token=a%20b&x=1", "/a//b/c;d=e,f", "/%C3%BC?%00#" }) do
  local wanted = path:gsub("#.*", "")
  add(("the target is that of the URL: %s"):format(wanted), { path = wanted, run = function(t)
    t:open()
    if t.request.path ~= wanted then t:fail("it asks for %s", t.request.path) end
    t:send({ frame.close(1000) })
    t:expectEnd({ frame.close(1000) })
  end })
end

add("Host is the URL's, with its port", { run = function(t)
  t:open()
  local port = t.c.stream:getsockname().port
  if t.request.headers.host ~= "127.0.0.1:" .. port then t:fail("Host is %s", t.request.headers.host) end
end })

add("no header of the handshake is there twice", { run = function(t)
  t:open()
  for name, value in pairs(t.request.headers) do
    if type(value) == "table" then t:fail("%s is there %d times", name, #value) end
  end
end })

add("no subprotocol is offered unasked", { run = function(t)
  t:open()
  local offered = t.request.headers["sec-websocket-protocol"]
  if offered then t:fail("it offers %s", tostring(offered)) end
end })

add("subprotocols are offered in their order", { protocols = "v2,v1", mayRefuse = true, run = function(t)
  t:open()
  local offered = t.request.headers["sec-websocket-protocol"]
  if offered == nil or offered:gsub(" ", "") ~= "v2,v1" then t:fail("it offers %s", tostring(offered)) end
end })

add("eight handshakes have eight keys", { run = function(t)
  for _ = 1, 8 do -- none of them has had before: who connects sees to that
    t:open()
    t:send({ frame.close(1000) })
    t:expectEnd({ frame.close(1000) })
  end
end })

add("nothing is sent before the answer has come", { run = function(t)
  t:connect()
  if t:have(1, 0.3) then t:fail("%d bytes come behind the request", t.c.size) end
  t:write(t.c:upgradeText(t.request))
end })

begin "mask"

-- Whose bits look like chance: in 64 keys each of a key's 32 bits is set now and then (2^-59 that it isn't).
add("the keys of 64 frames differ from each other, and in each bit", { offer = false, run = function(t)
  t:open()
  local seen, ones, all = {}, 0, 0xffffffff
  for i = 1, 64 do
    t:send({ text("message " .. i) })
    local event = t:nextEvent()
    if event.payload ~= "message " .. i then t:fail("message %d isn't echoed", i) end
    local key = string.unpack(">I4", t.c.lastKey)
    if seen[key] then t:fail("the key %08x twice", key) end
    seen[key] = true
    ones, all = ones | key, all & key
  end
  if ones ~= 0xffffffff or all ~= 0 then t:fail("bits that are never set, or always: %08x, %08x", ~ones, all) end
end })

add("control frames are masked as well, each with its key", {
  send = { frame.ping("one"), frame.ping("two"), frame.ping("") },
  expect = { frame.pong("one"), frame.pong("two"), frame.pong("") }, closes = 1000,
})

begin "close" -- RFC 6455 section 7.1.1

add("when both have closed, the server is awaited to end TCP", { run = function(t)
  t:open()
  t:send({ frame.close(4000) })
  local events, last = t:readToClose()
  if #events > 0 or last.opcode ~= frame.CLOSE then t:fail("it doesn't answer the close") end
  t:have(1, 0.4)
  t.role.endTcp(t)
  t:judgeEnd(t:awaitEnd())
  return 4000
end })

return cases
