-- Files over a WebSocket: what is uploaded comes back, with its size and a digest.
--
--   luaws examples/files.lua
--
-- Every message is one file. The answer is a text message, {"size":11,"crc32":"0d4a1185"}, and then
-- the file itself as a binary message. In the console of a browser:
--
--   ws = new WebSocket("ws://127.0.0.1:8080/files")
--   ws.onmessage = event => console.log(event.data)
--   ws.send(new Blob(["hello world"]))

local luaws = require "luaws"

-- CRC-32 as in zip and PNG: a table with the remainder of each byte, then one look-up a byte.
local remainders = {}
for i = 0, 255 do
  local r = i
  for _ = 1, 8 do r = r & 1 == 1 and r >> 1 ~ 0xedb88320 or r >> 1 end
  remainders[i] = r
end

local SLICE = 64 * 1024

local function crc32(data)
  local crc = 0xffffffff
  for start = 1, #data, SLICE do
    for i = start, math.min(start + SLICE - 1, #data) do
      crc = remainders[(crc ~ data:byte(i)) & 0xff] ~ crc >> 8
    end
    luaws.sleep(0) -- a large file takes a moment: let the other connections have their turn
  end
  return crc ~ 0xffffffff
end

local Upload = luaws.class "Upload"

function Upload:onMessage(ws, event)
  -- Under dataType "blob" a string is sent as a binary message, a table as JSON in a text message.
  ws:send { size = #event.data, crc32 = ("%08x"):format(crc32(event.data)) }
  ws:send(event.data)
end

local Server = luaws.class "Server"

function Server:onConnection()
  return Upload.new()
end

luaws.WebSocketServer.new(Server.new(), {
  path = "/files",
  dataType = "blob",
  maxPayload = 8 * 1024 * 1024, -- a larger file closes its connection with 1009
  maxBackpressure = 16 * 1024 * 1024, -- so much may wait for a client that reads slowly
})
