-- Requests and replies in JSON.
--
--   luaws examples/json.lua
--
-- A client sends { "id": 1, "method": "add", "params": [2, 3] } and gets { "id": 1, "result": 5 },
-- or { "id": 1, "error": "..." }. The id is the client's own: it tells which reply belongs to which
-- request. Try it in the console of a browser:
--
--   ws = new WebSocket("ws://127.0.0.1:8080/rpc")
--   ws.onmessage = event => console.log(event.data)
--   ws.send(JSON.stringify({ id: 1, method: "add", params: [2, 3] }))

local luaws = require "luaws"

-- What can be called. A method gets the params and returns the result; it refuses with error().
local methods = {}

function methods.add(params)
  local sum = 0
  for i, value in ipairs(params) do
    -- Level 0: a message without a position, because it is meant for the client.
    if type(value) ~= "number" then error("params[" .. i .. "] is not a number", 0) end
    sum = sum + value -- integers stay integers: 2 + 3 is 5, not 5.0
  end
  if sum - sum ~= 0 then error("too large", 0) end -- infinity is no JSON
  return sum
end

-- What was decoded comes out the same when it is sent back: null, [] and {}, 1 and 1.0.
function methods.echo(params)
  return params
end

-- Waiting holds up nobody else.
function methods.wait(params)
  local seconds = params[1]
  if type(seconds) ~= "number" or seconds < 0 or seconds > 60 then error("0 to 60 seconds", 0) end
  luaws.sleep(seconds)
  return "waited"
end

local function answer(request)
  local method = methods[request.method]
  if not method then return { error = "no such method" } end
  local params = request.params
  if type(params) ~= "table" then params = {} end
  local ok, result = pcall(method, params)
  if not ok then return { error = tostring(result) } end
  return { result = result }
end

local Client = luaws.class "Client"

function Client:onMessage(ws, event)
  local request = event.data -- already decoded: a table, a string, a number, luaws.null, ...
  if type(request) ~= "table" or request.id == nil then
    ws:send { error = "expected an object with an id" }
    return
  end
  -- The next message of this connection waits until onMessage returns. In a task of its own a slow
  -- request doesn't hold back the ones behind it; the id puts the replies in order again.
  luaws.spawn(function()
    local reply = answer(request)
    reply.id = request.id
    ws:send(reply) -- a table goes out as JSON
  end)
end

-- What isn't JSON never reaches onMessage. It comes here, and the connection goes on.
function Client:onError(ws, event)
  ws:send { error = event.errors[1].message }
end

local Server = luaws.class "Server"

function Server:onConnection()
  return Client.new()
end

luaws.WebSocketServer.new(Server.new(), { path = "/rpc", dataType = "object" })
