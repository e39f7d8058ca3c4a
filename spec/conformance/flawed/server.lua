-- The server that the suite finds fault with: one flaw a path, none at any other. It runs in the process of its caller.
--
-- server.start(classes) -> port. classes: path -> a subclass of Connection
-- It is closed at the end of the test (async.defer).

local uv = require "luv"
local async = require "spec.support.async"
local Connection = require "spec.conformance.flawed.connection"

local server = {}

-- The request line says which class the connection is of.
local function choose(self, classes)
  local line = self.input:match("^[^\n]*\n")
  if not line then return false end
  setmetatable(self, classes[line:match("^%S+ (%S+)")])
  self.step = self.readHead
  return true
end

local function accept(listener, classes)
  local stream = uv.new_tcp()
  listener:accept(stream)
  stream:nodelay(true)
  local self = Connection.new(stream)
  self.step = function() return choose(self, classes) end
  return stream
end

function server.start(classes)
  setmetatable(classes, { __index = function() return Connection end })
  local listener, streams = uv.new_tcp(), {}
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(512, function() table.insert(streams, accept(listener, classes)) end))
  async.defer(function()
    listener:close()
    for _, stream in ipairs(streams) do
      if not stream:is_closing() then stream:close() end
    end
  end)
  return listener:getsockname().port
end

return server
