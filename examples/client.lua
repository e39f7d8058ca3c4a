-- A client: it introduces itself with a token, sends lines, and prints what comes back.
--
--   luaws examples/client.lua URL TOKEN [LINE...]
--   luaws examples/client.lua ws://127.0.0.1:8080/ secret hello
--
-- A wss:// URL needs nothing more: the server's certificate is checked against the system's store.

local luaws = require "luaws"

-- One of these handles one connection to a server, as 4D's class of a WebSocket's callbacks does.
-- All of its methods are optional.
local Visitor = luaws.class "Visitor"

-- What is in self.dataType and self.headers is read when the WebSocket is made.
function Visitor:constructor(token, lines)
  self.lines = lines
  self.headers = {
    ["X-Token"] = token,
    Cookie = "theme=dark; language=en",
  }
end

-- The connection is open: now messages can be sent.
function Visitor:onOpen(ws)
  print("connected to " .. ws.url)
  for _, line in ipairs(self.lines) do ws:send(line) end
end

function Visitor:onMessage(_, event)
  print("received: " .. (event.isBinary and ("%d bytes"):format(#event.data) or event.data))
end

-- Whatever ends the connection before its time, and keeps it from coming about: no such host,
-- a certificate that can't be trusted, a server that breaks the protocol.
function Visitor:onError(_, event)
  for _, err in ipairs(event.errors) do print("error: " .. err.message) end
end

-- The last call, in any case. code 1006: it broke off, or never was.
function Visitor:onTerminate(_, event)
  print(("closed: %d %s"):format(event.code, event.reason or ""))
end

local url, token = arg[1], arg[2]
if not token then
  io.stderr:write "usage: luaws examples/client.lua URL TOKEN [LINE...]\n"
  luaws.exit(2)
  return
end

-- Returns at once; the callbacks follow. A malformed URL gives nil and what is wrong with it. The
-- program ends by itself when the connection has ended.
assert(luaws.WebSocket.new(url, Visitor.new(token, { table.unpack(arg, 3) })))
