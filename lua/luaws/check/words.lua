-- Words for messages about names: whose they are, and which may have been meant.

local suggest = require "luaws.suggest"

local words = {}

-- Names of other places, and what they are called here.
local ELSEWHERE = {
  onClose = "onTerminate", onConnect = "onOpen", onDisconnect = "onTerminate",
  onData = "onMessage", onUpgrade = "onConnection", close = "terminate",
}

-- The names in a table, in an order that doesn't change from run to run.
function words.keysOf(t)
  local keys = {}
  for key in pairs(t) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

-- The name of those in the table that may have been meant, or nil.
function words.meant(name, known)
  local other = ELSEWHERE[name]
  if other and known[other] then return other end
  return suggest(name, words.keysOf(known))
end

-- Whether one slip of a finger makes the difference: a letter too many, too few or wrong, two that
-- have changed places, upper and lower case. Of short names no such thing can be said.
local function isOneSlip(a, b)
  a, b = a:lower(), b:lower()
  local first = 1
  while first <= #a and a:byte(first) == b:byte(first) do first = first + 1 end
  local last = 0
  while last < math.min(#a, #b) - first + 1 and a:byte(#a - last) == b:byte(#b - last) do
    last = last + 1
  end
  a, b = a:sub(first, #a - last), b:sub(first, #b - last)
  return (#a <= 1 and #b <= 1) or (#a == 2 and a == b:reverse())
end

local SHORT = 4 -- letters

-- The same where other names could be meant as well: only when there is hardly a doubt.
function words.surelyMeant(name, known)
  local like = words.meant(name, known)
  if not like or like == ELSEWHERE[name] then return like end
  return #like >= SHORT and isOneSlip(name, like) and like or nil
end

function words.hint(like)
  return like and (" (did you mean '%s'?)"):format(like) or ""
end

-- What reads better than the name of a class of the annotations.
local WHOSE = {
  ["luaws.WebSocketServerOptions"] = "option of a WebSocketServer",
  ["luaws.WebSocketOptions"] = "option of a WebSocket",
  ["luaws.WebServerSettings"] = "setting of a WebServer",
  ["luaws.Compression"] = "option of compression",
  ["luaws.Reconnect"] = "option of reconnect",
  ["luaws.TLSSettings"] = "option of tls",
  ["luaws.ClientTls"] = "option of tls",
  ["luaws.ServerHandler"] = "method of a server's handler",
  ["luaws.ConnectionHandler"] = "method of a connection's handler",
  ["luaws.ClientHandler"] = "method of a client's handler",
  ["luaws.RequestHandler"] = "method of a web server's handler",
}

local function shortName(class)
  return (class.name:gsub("^luaws%.", ""))
end

-- "option of a WebSocketServer"
function words.whose(class)
  return WHOSE[class.name] or "field of " .. shortName(class)
end

-- "WebSocketConnection or WebSocket"
function words.describe(classes)
  local parts = {}
  for i, class in ipairs(classes) do parts[i] = shortName(class) end
  return table.concat(parts, " or ")
end

-- '"a", "b" or "c"'
function words.either(literals)
  local quoted = {}
  for i, literal in ipairs(literals) do quoted[i] = '"' .. literal .. '"' end
  local text = table.concat(quoted, ", ", 1, #quoted - 1)
  return (text == "" and "" or text .. " or ") .. quoted[#quoted]
end

return words
