-- luaws as a client of a server that was written elsewhere (ws_server.mjs and its like beside this file): luaws
-- client.lua <url> <"on" or "off": whether it speaks permessage-deflate> [<certificate to trust>]
--
-- Prints "ok" when that behaves as luaws expects.

local luaws = require "luaws"

local url, compression, ca = ...
local LARGEST = tonumber(os.getenv("LARGEST")) -- bytes of a message

local function open(options)
  options = options or {}
  options.tls = ca and { ca = ca } or nil
  options.maxPayload = 8 * 1024 * 1024
  local ws = assert(luaws.WebSocket.new(url, nil, options))
  assert(ws:opened())
  return ws
end

local function expect(ws, expected)
  local data, isBinary = ws:receive(20)
  if data ~= expected then error(("expected %q, got %q"):format(expected:sub(1, 40), tostring(data):sub(1, 40))) end
  return isBinary
end

local function expectEnd(ws, code, reason)
  local data, why, gotCode, gotReason = ws:receive(20)
  assert(data == nil and why == "closed" and gotCode == code and gotReason == reason,
    ("expected %d %s, got %s %s %s"):format(code, reason, tostring(why), tostring(gotCode), tostring(gotReason)))
end

local NOISE = {}
for i = 1, 30000 do NOISE[i] = string.char((i * i * 7919 >> 5) & 255) end
NOISE = table.concat(NOISE)

local function echo(options)
  local ws = open(options)
  for _, text in ipairs({ "", "hello", "grün \u{1f600}", ("x"):rep(125), ("x"):rep(126), ("x"):rep(65536),
                          ("y"):rep(LARGEST), "" }) do
    assert(ws:send(text))
    assert(not expect(ws, text))
  end
  for _, bytes in ipairs({ NOISE, "", "\0\255", NOISE, NOISE:sub(1, 10) }) do
    assert(ws:send(luaws.blob(bytes)))
    assert(expect(ws, bytes))
  end
  for i = 1, 1000 do assert(ws:send(tostring(i))) end
  for i = 1, 1000 do expect(ws, tostring(i)) end
  ws:terminate(4000, "bye")
  expectEnd(ws, 4000, "bye")
end

local function subprotocols()
  local ws = open({ protocols = { "v2", "v1" } })
  assert(ws.protocol == "v1", "the subprotocol is " .. tostring(ws.protocol))
  ws:terminate()
  expectEnd(ws, 1000, nil)
end

local function headers()
  local ws = open({ headers = { ["X-Token"] = "secret", Cookie = "a=1; b=2" } })
  ws:send("headers")
  expect(ws, "secret a=1; b=2")
  ws:destroy()
end

local function closes()
  local ws = open()
  ws:send("close me")
  expectEnd(ws, 4321, "as you wish")
  ws = open()
  ws:send("drop me")
  expectEnd(ws, 1006, nil)
end

local function pings()
  local ws = open()
  ws:send("ping me") -- answered when the pong has come
  expect(ws, "pong")
  assert(ws:ping("data"))
  ws:send("hello")
  expect(ws, "hello")
  ws:terminate()
end

local function refusal()
  local ws = assert(luaws.WebSocket.new((url:gsub("/echo", "/refused")), nil, { tls = ca and { ca = ca } or nil }))
  local isOpen, why = ws:opened()
  assert(not isOpen and why:find("403", 1, true), tostring(why))
end

local OPTIONS = {
  false, true, { threshold = 0 }, { threshold = 0, contextTakeover = true },
  { threshold = 0, contextTakeover = true, windowBits = 9, memLevel = 1 },
}
for _, option in ipairs(OPTIONS) do
  if not option or compression == "on" then echo({ compression = option }) end
end
if compression == "off" then echo({ compression = true }) end -- which isn't taken
subprotocols()
headers()
closes()
pings()
refusal()
print("ok")
