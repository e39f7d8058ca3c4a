-- Heavy work, out of the handlers' way: a password is hashed, slowly on purpose, in another thread.
--
--   luaws examples/worker.lua
--   luaws connect ws://127.0.0.1:8080
--
-- Type "hash 5000000 secret" and wait; anything else comes back at once. Open a second client: it
-- doesn't notice that the first one keeps a core busy.

local luaws = require "luaws"

local WORKERS = 2 -- who hash at the same time; further requests wait for one of them
local ROUNDS_MAX = 100000000

local Client = luaws.class "Client"

-- Each connection has its answers in their order, so a client that has asked waits for its own.
function Client:onMessage(ws, event)
  local rounds, text = event.data:match "^hash (%d+) (.+)$"
  rounds = math.tointeger(rounds)
  if not rounds then
    ws:send(event.data)
  elseif rounds > ROUNDS_MAX then
    ws:send("at most " .. ROUNDS_MAX .. " rounds")
  else
    ws:send(luaws.askWorker("hasher " .. ws.id % WORKERS, "worker.hash.run", text, rounds))
  end
end

luaws.WebSocketServer.new {
  onConnection = function() return Client.new() end,
}
