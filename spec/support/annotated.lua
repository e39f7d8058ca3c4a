-- Tells what a running luaws has, in lines "CLASS NAME KIND VALUE": a script for spec/e2e/annotations_spec.lua, which
-- starts it beside certificates and compares that with the annotations for editors. CLASS is a class of these; KIND is
-- "method", "integer", "float", "string", "boolean", "table", "function", "nil" or a class of luaws's userdata.

local luaws = require "luaws"

local function kindOf(value)
  if type(value) == "userdata" then return tostring(value):match("^%a+") end
  return math.type(value) or type(value)
end

local function tellOne(class, name, value)
  local text = type(value) == "string" and value:gsub("[%c ]", "?"):sub(1, 40) or ""
  print(class, name, kindOf(value), text)
end

-- A table's fields, with those that an event has from its metatable.
local function tell(class, object)
  for name, value in pairs(object) do
    if not name:find("^__") then tellOne(class, name, value) end -- of luaws.class
  end
  local index = (getmetatable(object) or {}).__index
  if type(index) == "table" then tell(class, index) end
end

-- A userdata's members are the first upvalue of its __index: methods, and numbers of properties.
local function tellObject(class, object)
  for name, member in pairs(select(2, debug.getupvalue(debug.getmetatable(object).__index, 1))) do
    if type(member) == "function" then print(class, name, "method", "") else tellOne(class, name, object[name]) end
  end
end

-- Stands in for a table of options, and tells which of them are read. `nested`: the classes of those that may be
-- tables themselves.
local function recorder(class, nested)
  return setmetatable({}, { __index = function(_, name)
    print(class, name, "read", "")
    return nested and nested[name] and recorder(nested[name])
  end })
end

local function tellOptions()
  luaws.WebServer.new(recorder("luaws.WebServerSettings"))
  pcall(luaws.WebServer.new, { tls = recorder "luaws.TLSSettings" })
  luaws.WebSocketServer.new({ onConnection = print }, recorder("luaws.WebSocketServerOptions",
    { compression = "luaws.Compression" })):terminate()
  luaws.WebSocket.new("ws://127.0.0.1:9/", nil, recorder("luaws.WebSocketOptions",
    { tls = "luaws.ClientTls", reconnect = "luaws.Reconnect" })):terminate()
end

local function tellError(event)
  tell("luaws.ErrorEvent", event)
  tell("luaws.Error", event.errors[1])
end

local Connection = luaws.class "Connection"

function Connection:onOpen(_, event) tell("luaws.OpenEvent", event) end

function Connection:onMessage(ws, event)
  tell("luaws.MessageEvent", event)
  tellObject("luaws.WebSocketConnection", ws)
  tellObject("luaws.WebSocketServer", ws.wss)
  if event.data == "raise" then error "raised" end
end

function Connection:onTerminate(_, event) tell("luaws.TerminateEvent", event) end

local Server = luaws.class "Server"

function Server:onOpen(_, event) tell("luaws.OpenEvent", event) end

function Server:onConnection(_, event)
  tell("luaws.ConnectionEvent", event)
  return Connection.new(), { protocol = "p" }
end

function Server:onError(_, event) tellError(event) end
local Client = luaws.class "Client"

function Client:onOpen(ws, event)
  tell("luaws.ClientOpenEvent", event)
  ws:send "raise"
  luaws.after(0.05, function() ws:terminate(3000, "enough") end)
end

function Client:onTerminate(ws, event)
  tell("luaws.ClientTerminateEvent", event)
  tellObject("luaws.WebSocket", ws)
  self.wss:terminate()
end

-- The spec makes a request, with a certificate. From then on the script is its own client.
local function talk(wss)
  local client = Client.new()
  client.wss = wss
  local url = luaws.webServer.url:gsub("^http", "ws") .. "ws"
  luaws.WebSocket.new(url, client, { tls = { insecure = true }, protocols = "p" })
end

local function tellStats()
  local stats = luaws.stats()
  tell("luaws.Stats", stats)
  tell("luaws.Traffic", stats.sent)
  tell("luaws.ClientStats", stats.clients)
end

tell("luaws", luaws)
tell("luaws", { onError = print }) -- nil until the script sets it
for class, object in pairs {
  ["luaws.Json"] = luaws.json, ["luaws.Log"] = luaws.log, ["luaws.WebServerClass"] = luaws.WebServer,
  ["luaws.WebSocketServerClass"] = luaws.WebSocketServer, ["luaws.WebSocketClass"] = luaws.WebSocket,
} do tell(class, object) end
tell("luaws.Class", luaws.class("Parent"))
tell("luaws.Class", { super = luaws.class("Parent"), constructor = print })
tellObject("luaws.WebServer", luaws.webServer)
tellObject("luaws.Timer", luaws.after(0, print))
tellStats()

local wss

local function onRequest(_, _, event)
  tell("luaws.RequestEvent", event)
  tell("luaws.Request", event.request)
  tell("luaws.PeerCertificate", event.request.peerCertificate)
  luaws.spawn(talk, wss)
  return "told"
end

function Server:onTerminate(_, event)
  tell("luaws.ServerTerminateEvent", event)
  luaws.webServer:stop()
end

assert(luaws.webServer:start {
  handler = { onRequest = onRequest },
  tls = { cert = "server.pem", key = "server.key", ca = "ca.pem", verify = "optional" },
})
tellOptions()
wss = luaws.WebSocketServer.new(Server.new(), { path = "/ws", closeTimeout = 0.2 })
