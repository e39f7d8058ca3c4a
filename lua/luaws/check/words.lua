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

-- "a", "b" or "c"
function words.either(literals)
  local text = table.concat(literals, ", ", 1, #literals - 1)
  return (text == "" and "" or text .. " or ") .. literals[#literals]
end

return words
