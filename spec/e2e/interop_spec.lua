-- Clients that were written elsewhere: npm's ws and Python's websockets, against an echo and the chat.

local uv = require "luv"
local process = require "spec.support.process"
local server = require "spec.support.server"

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

local function succeeds(program, arguments)
  local ok, run = pcall(process.run, program, arguments, 150)
  return ok and run.code == 0, ok and run or nil
end

local function assertInterop(program, script)
  local echo = server.start(ECHO)
  local chat = server.startFile("examples/chat.lua")
  local _, run = succeeds(program, {
    script, ("ws://127.0.0.1:%d/echo"):format(echo.port), ("ws://127.0.0.1:%d/chat"):format(chat.port),
  })
  assert.equal(0, run.code, run.stdout .. run.stderr)
  assert.equal("ok\n", run.stdout)
end

describe("luaws talks with", function()
  it("npm's ws", function()
    if not succeeds("node", { "--version" }) then pending("node is missing") end
    if not uv.fs_stat("node_modules/ws") then pending("the npm package ws is missing: npm ci") end
    assertInterop("node", "spec/e2e/interop/ws.mjs")
  end)

  it("Python's websockets", function()
    if not succeeds("/usr/bin/python3", { "-c", "import websockets" }) then
      pending("python3-websockets is missing")
    end
    assertInterop("/usr/bin/python3", "spec/e2e/interop/websockets_client.py")
  end)
end)
