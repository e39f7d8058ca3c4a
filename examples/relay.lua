-- A relay: each client that comes gets a connection of its own to a server behind, and whatever
-- either of them says goes to the other one.
--
--   luaws examples/relay.lua ws://127.0.0.1:9000
--
-- Nothing is lost and nothing piles up: what one side can't take yet isn't read from the other one,
-- whose own send buffers fill until it waits, too.

local luaws = require "luaws"

local upstream = assert(arg[1], "usage: luaws examples/relay.lua ws://HOST[:PORT]")
upstream = upstream:gsub("/+$", "")

local WINDOW = 256 * 1024 -- bytes that may wait here for one side; maxBackpressure is 1 MiB
local PATIENCE = 5        -- seconds for the server behind to answer

-- Sends, and waits until no more than WINDOW bytes are left to send. Who waits in a callback, or
-- doesn't receive, isn't read from meanwhile. False: `to` has closed, or whoever calls this has.
local function pass(to, data, isBinary)
  local ok, waiting = to:send(data, isBinary)
  while ok and waiting > WINDOW do
    ok = luaws.sleep(0.005)
    waiting = to.bufferedAmount
  end
  return ok
end

-- Tells one side how the other one has ended. Codes like 1001 and 1006 can't be sent on.
local function close(ws, code, reason)
  if code == 1000 or code == 1005 or code >= 3000 then
    ws:terminate(code ~= 1005 and code or 1000, reason)
  else
    ws:terminate(4000, "the other side has gone")
  end
end

-- Handles a client. self.server is the connection to the server behind.
local Relay = luaws.class "Relay"

function Relay:constructor(server)
  self.server = server
end

-- What the server says, in a task of its own, until it closes. The connection has no callbacks: it
-- is read by receive, as fast as that is called.
local function bring(server, ws)
  while true do
    local data, binaryOrClosed, code, reason = server:receive()
    if not data then return close(ws, code, reason) end
    pass(ws, data, binaryOrClosed)
  end
end

function Relay:onOpen(ws)
  luaws.spawn(bring, self.server, ws)
end

-- What the client says. The next message comes when this has returned.
function Relay:onMessage(_, event)
  pass(self.server, event.data, event.isBinary)
end

function Relay:onTerminate(_, event)
  close(self.server, event.code, event.reason)
end

-- The client's handshake waits until the server behind has answered its own. Its path, query and
-- subprotocols are passed on.
local Door = luaws.class "Door"

function Door:onConnection(_, event)
  local request = event.request
  local server = assert(luaws.WebSocket.new(upstream .. request.url, nil, {
    protocols = request.protocols,
    connectTimeout = PATIENCE,
  }))
  local ok, why = server:opened()
  if not ok then
    server:terminate() -- it may be the client that is gone
    luaws.log.warn("no connection to the server behind", { reason = why })
    return nil, 502, "the server behind doesn't answer"
  end
  return Relay.new(server), { protocol = server.protocol }
end

luaws.WebSocketServer.new(Door.new())
