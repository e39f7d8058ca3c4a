-- A secret for one person: a page over https, and its WebSocket over wss.
--
--   luaws --tls-self-signed examples/secure.lua        then open the address that it prints
--
-- The certificate is made for this run and nobody has vouched for it: the browser warns, and the
-- fingerprint that it shows should be the one that luaws prints. With a real one it is
-- luaws --tls-cert fullchain.pem --tls-key privkey.pem examples/secure.lua
--
-- Write a secret and pass on the link: who opens it first sees the secret, nobody after that. The
-- page, secure/index.html beside this file, speaks JSON over the WebSocket /secrets:
--
--   page   -> server  { keep = "the cat is called Ada" }
--   server -> page    { kept = "4f1c..." }                 what the link ends with
--   page   -> server  { open = "4f1c..." }
--   server -> page    { secret = "the cat is called Ada" } or { gone = true }
--   server -> page    { opened = "4f1c..." }               to who has kept it

local luaws = require "luaws"

local LIFETIME = 3600            -- seconds; then a secret is gone, opened or not
local TEXT_MAX, KEPT_MAX = 4000, 100 -- bytes of a secret; secrets of one page

local secrets = {} -- what the link ends with -> { text =, owner = a connection }

local function randomName()
  local source <close> = assert(io.open("/dev/urandom", "rb"))
  return (source:read(16):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local Visitor = luaws.class "Visitor"

function Visitor:constructor()
  self.kept = 0
end

function Visitor:keep(ws, text)
  if text == "" or #text > TEXT_MAX or self.kept >= KEPT_MAX then return end
  local name = randomName()
  secrets[name] = { text = text, owner = ws }
  self.kept = self.kept + 1
  luaws.after(LIFETIME, function() secrets[name] = nil end)
  ws:send { kept = name }
end

function Visitor.open(_, ws, name)
  local secret = secrets[name]
  if not secret then return ws:send { gone = true } end
  secrets[name] = nil
  ws:send { secret = secret.text }
  if secret.owner.status == "Connected" then secret.owner:send { opened = name } end
end

function Visitor:onMessage(ws, event)
  local message = event.data
  if type(message) ~= "table" then return end
  if type(message.keep) == "string" then self:keep(ws, message.keep) end
  if type(message.open) == "string" then self:open(ws, message.open) end
end

local Server = luaws.class "Server"

function Server:onConnection()
  return Visitor.new()
end

assert(luaws.webServer:start { root = "secure" })
if not luaws.webServer.url:match "^https:" then
  error("secrets want TLS: luaws --tls-self-signed examples/secure.lua", 0)
end
luaws.WebSocketServer.new(Server.new(), {
  path = "/secrets",
  dataType = "object",
  maxPayload = 16 * 1024,
})
