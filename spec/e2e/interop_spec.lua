-- Clients and servers that were written elsewhere: npm's ws, Bun and Python's websockets, with an echo and the chat of
-- luaws, and with its client; over ws and wss.

local async = require "spec.support.async"
local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local process = require "spec.support.process"
local server = require "spec.support.server"
local peers = require "spec.conformance.peers"

server.isPlain = true

-- Beside the echo, as /echo/..., the same compressed in several ways.
local ECHO = [[
  local echo = { onMessage = function(_, ws, event)
    if event.data == "close me" then return ws:terminate(4321, "as you wish") end
    ws:send(event.data, event.isBinary)
  end }
  serve(echo, { path = "/echo", protocols = { "v1" } })
  serve(echo, { path = "/echo/compressed", compression = true })
  serve(echo, { path = "/echo/takeover", compression = { threshold = 0, contextTakeover = true } })
  serve(echo, { path = "/echo/small",
    compression = { threshold = 0, contextTakeover = true, windowBits = 9, memLevel = 1 } })
]]

local FOLDER = "spec/e2e/interop/"
local PATIENCE = 60
local LARGEST = build.pick(1 << 20, 1 << 15) -- bytes of a message

-- By their names in peers.lua, which knows whether they are there: what runs them, and their programs here.
local OTHERS = {
  { "ws", "npm's ws", "node", client = "ws.mjs", server = "ws_server.mjs" },
  { "bun", "Bun", "bench/node_modules/.bin/bun", client = "bun_client.mjs", server = "bun_server.mjs" },
  { "websockets", "Python's websockets", "/usr/bin/python3", client = "websockets_client.py",
    server = "websockets_server.py" },
}

local function skipUnlessThere(name)
  for _, peer in ipairs(peers) do
    if peer.name == name and not peers.isThere(peer) then pending(name .. " isn't there") end
  end
end

-- It prints "ok" and nothing else. The programs trust the specs' certificates by these variables.
local function assertOk(...)
  local run = process.run("/usr/bin/env",
    { "NODE_EXTRA_CA_CERTS=" .. certificates.ca, "SSL_CERT_FILE=" .. certificates.ca, "LARGEST=" .. LARGEST, ... },
    PATIENCE)
  assert.equal(0, run.code, run.stdout .. run.stderr)
  assert.equal("ok\n", run.stdout)
end

local function describeClient(other, scheme)
  local isSecure = scheme == "wss"
  it(("serves %s over %s"):format(other[2], scheme), function()
    skipUnlessThere(other[1])
    local arguments = isSecure and { "--tls-cert", certificates.server.cert, "--tls-key", certificates.server.key }
    local echo = server.start(ECHO, { tls = isSecure })
    local chat = server.startFile("examples/chat.lua", { args = arguments })
    assertOk(other[3], FOLDER .. other.client, ("%s://localhost:%d/echo"):format(scheme, echo.port),
      ("%s://localhost:%d/chat"):format(scheme, chat.port))
  end)
end

local function describeServer(other, scheme, compression)
  local isSecure = scheme == "wss"
  local how = compression == "on" and ", compressed" or ""
  it(("is a client of %s over %s%s"):format(other[2], scheme, how), function()
    skipUnlessThere(other[1])
    local command = ("%s %s"):format(other[3], FOLDER .. other.server)
    local s = peers.start({ name = other[2], command = command }, { compression = compression, tls = isSecure })
    async.defer(s.stop)
    local run = server.run(nil, { timeout = PATIENCE, env = { LARGEST = LARGEST }, program = {
      FOLDER .. "client.lua", ("%s://127.0.0.1:%d/echo"):format(scheme, s.port), compression,
      isSecure and certificates.ca or nil,
    } })
    assert.equal("ok\n", run.stdout, run.stderr)
    assert.equal(0, run.code)
  end)
end

describe("luaws", function()
  for _, other in ipairs(OTHERS) do
    for _, scheme in ipairs({ "ws", "wss" }) do
      describeClient(other, scheme)
      for _, compression in ipairs({ "off", "on" }) do describeServer(other, scheme, compression) end
    end
  end
end)
