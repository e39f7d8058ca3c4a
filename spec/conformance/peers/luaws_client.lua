-- luaws' client for the conformance suite (clients.lua): connects where stdin says, and echoes. Arguments: "on" or
-- "off", for permessage-deflate; a certificate to trust.

local luaws = require "luaws"
local uv = require "luv"

if luaws.workerIndex and luaws.workerIndex > 1 then return end -- one reads stdin

local compression, ca = ...

local function tell(...)
  print(table.concat({ ... }, " "))
  io.stdout:flush()
end

local Echo = luaws.class "Echo"

function Echo:constructor(id) self.id = id end
function Echo:onOpen(ws) tell(self.id, "open", ws.protocol or "") end
function Echo:onMessage(ws, event) ws:send(event.data, event.isBinary) end
function Echo:onError(_, event) tell(self.id, "error", (event.errors[1].message:gsub("%c", " "))) end
function Echo:onTerminate(_, event) tell(self.id, "end", event.code) end

local function connect(line)
  local id, url, list = line:match("^(%d+) (%S+) ?(%S*)$")
  local protocols = {}
  for name in list:gmatch("[^,]+") do protocols[#protocols + 1] = name end
  assert(luaws.WebSocket.new(url, Echo.new(id), {
    protocols = protocols, compression = compression == "on", tls = ca and { ca = ca } or nil,
    maxPayload = 64 * 1024 * 1024, maxFragments = 131072, maxBackpressure = 64 * 1024 * 1024,
    -- A suite that is slow under a sanitizer may be late with its answers and its pongs.
    connectTimeout = 600, pingInterval = false,
  }))
end

local stdin, partial = uv.new_pipe(), ""
stdin:open(0)
stdin:read_start(function(_, text)
  if not text then return stdin:close() end
  partial = partial .. text
  for line in partial:gmatch("([^\n]*)\n") do connect(line) end
  partial = partial:match("[^\n]*$")
end)
