-- A client over a real socket that compresses: luaws's own, with the methods and frames of raw.lua
-- as far as it has them.

local luaws = require "luaws"

local Polite = {}
Polite.__index = Polite

function Polite:deliver(message, isBinary)
  self.ws:send(message, isBinary)
end

function Polite:close(code, reason)
  self.ws:terminate(code, reason)
end

function Polite:lose()
  self.ws:destroy()
end

return function(port)
  local self = setmetatable({ frames = {} }, Polite)
  self.ws = luaws.WebSocket.new(("ws://127.0.0.1:%d/"):format(port), {
    onMessage = function(_, _, event)
      table.insert(self.frames, { type = "message", data = event.data, isBinary = event.isBinary })
    end,
  }, { compression = true })
  assert(self.ws:opened())
  return self
end
