-- testing.connection: a connection without a network, whose other end the test plays, and its
-- clock. Session, limits and events are those of a real one (see "Wired connections" in
-- src/README.md).

local luaws = require "luaws"
local wired = require "luaws.wired"
local bench = require "luaws.testing.bench"

local HOUR = 3600
local MOMENT = 0.001 -- s

-- What options say of the client's request; all others are WebSocketServer.new's.
local REQUEST_OPTIONS = {
  headers = true, params = true, query = true, remoteAddress = true, secure = true, server = true,
  url = true,
}

local FIRST_PORT, PORTS = 49152, 16384

-- Any key will do: RFC 6455 section 1.3 has this one.
local KEY = "dGhlIHNhbXBsZSBub25jZQ=="

local OPCODES = {
  continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA,
}
local FIN = 0x80

local worlds = setmetatable({}, { __mode = "k" }) -- WebSocketServer -> what belongs to it
local open = {}                                   -- worlds that have not been ended
local ports = 0                                   -- of clients so far

-- The connection as the test sees it -----------------------------------------------------------

local Connection = {}

-- What the test looks at is what there is when all has come to rest.
local LOOKS = {
  sent = function(peer) return peer.sent end,
  isBinary = function(peer) return peer.isBinary end,
  frames = function(peer) return peer.frames end,
  closed = function(peer) return peer.ending ~= nil end,
  code = function(peer) return peer.ending and peer.ending.code end,
  reason = function(peer) return peer.ending and peer.ending.reason end,
  wasClean = function(peer) return peer.ending and peer.ending.wasClean end,
}

function Connection:__index(key)
  local look = LOOKS[key]
  if not look then return Connection[key] end
  wired.rest()
  return look(rawget(self, "peer"))
end

function Connection:__tostring()
  return ("Fake connection to %s"):format(self.wss)
end

local function settle(ok, why)
  wired.rest()
  return ok, why
end

-- A message comes from the client: a string as text, or as binary; a table as JSON.
function Connection:deliver(message, isBinary)
  if type(message) ~= "string" then
    if type(message) ~= "table" and type(message) ~= "number" and type(message) ~= "boolean"
      and message ~= luaws.null then
      error(("deliver: expected a message, got a %s"):format(type(message)), 2)
    end
    message = luaws.json.encode(message)
  end
  return settle(self.peer:send(message, isBinary))
end

-- One frame, good or bad: opcode = "text", "binary", "continuation", "ping", "pong", "close" or a
-- number, data, fin (true), rsv (0 to 7), masked (true).
function Connection:deliverFrame(frame)
  local opcode = OPCODES[frame.opcode] or math.tointeger(frame.opcode)
  if not opcode then
    error(("deliverFrame: no such opcode: %s"):format(tostring(frame.opcode)), 2)
  end
  local first = (frame.fin == false and 0 or FIN) | (frame.rsv or 0) << 4 | opcode
  self.peer:sendFrame(first, frame.data or "", frame.masked ~= false)
  return settle(true)
end

-- Bytes as they are, behind those that came before.
function Connection:deliverBytes(bytes)
  self.peer:sendBytes(bytes)
  return settle(true)
end

function Connection:ping(data)
  return self:deliverFrame { opcode = "ping", data = data }
end

-- The client closes; without a code its frame has none.
function Connection:close(code, reason)
  return settle(self.peer:close(code, reason))
end

-- The network is gone, or the client's machine.
function Connection:lose()
  self.peer:lose()
  return settle(true)
end

-- The client reads nothing any more, and all buffers up to its own are full.
function Connection:fill()
  self.peer:choke(true)
  return settle(true)
end

-- It reads again, all that there is.
function Connection:drain()
  self.peer:choke(false)
  return settle(true)
end

-- Whether it leaves pings and close frames unanswered.
function Connection:silence(isSilent)
  self.peer:silence(isSilent ~= false)
end

-- The clock ---------------------------------------------------------------------------------------

local Clock = {}

function Clock:__index(key)
  if key == "now" then return wired.now() - rawget(self, "start") end
  return Clock[key]
end

-- Moves on by so many seconds. What is due meanwhile happens at its time, and all that follows from
-- it before the next does.
function Clock:advance(seconds)
  wired.advance(seconds)
  return self.now
end

-- The request -------------------------------------------------------------------------------------

local function encode(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The pattern of the server with what its names stand for. nil, name: that isn't given.
local function fillPattern(pattern, params)
  local missing
  local path = pattern:gsub(":([^/]+)", function(name)
    if params[name] == nil then missing = name end
    return encode(params[name])
  end)
  if missing then return nil, missing end
  return (path:gsub("%*", function() return params["*"] and encode(params["*"]) or "x" end))
end

local function addQuery(parts, name, value)
  if type(value) ~= "table" then value = { value } end
  for _, one in ipairs(value) do parts[#parts + 1] = encode(name) .. "=" .. encode(one) end
end

local function urlOf(wss, options)
  if options.url then return options.url end
  local url, missing = fillPattern(wss.path or "/", options.params or {})
  if not url then
    error(("testing.connection: params.%s is needed for the path %s, or a url"):format(missing,
      wss.path), 3)
  end
  local names, parts = {}, {}
  for name in pairs(options.query or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do addQuery(parts, name, options.query[name]) end
  if #parts > 0 then url = url .. "?" .. table.concat(parts, "&") end
  return url
end

local function addHeader(lines, name, value)
  if type(value) ~= "table" then value = { value } end
  for _, one in ipairs(value) do lines[#lines + 1] = ("%s: %s"):format(name, tostring(one)) end
end

-- The headers that the options give replace those of the same name; `false` leaves one out.
local function headOf(url, world, options)
  local protocols = options.protocols
  if type(protocols) == "string" then protocols = { protocols } end
  local headers = {
    { "Host", "localhost" }, { "Upgrade", "websocket" }, { "Connection", "Upgrade" },
    { "Sec-WebSocket-Version", "13" }, { "Sec-WebSocket-Key", KEY },
    { "Sec-WebSocket-Protocol", protocols and #protocols > 0 and table.concat(protocols, ", ") },
    { "Sec-WebSocket-Extensions", world.compresses and wired.offer },
  }
  local given = {}
  for name in pairs(options.headers or {}) do given[name:lower()] = name end
  local lines = { ("GET %s HTTP/1.1"):format(url) }
  for _, header in ipairs(headers) do
    if header[2] and not given[header[1]:lower()] then addHeader(lines, header[1], header[2]) end
  end
  for name, value in pairs(options.headers or {}) do
    if value then addHeader(lines, name, value) end
  end
  for _, line in ipairs(lines) do
    if line:find "[%c]" then
      error(("testing.connection: a line break in the request: %q"):format(line), 3)
    end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- The server --------------------------------------------------------------------------------------

-- What stands for a server's handler where the test has given the connections' alone: each gets the
-- one that was meant for it.
local function newServerHandler(world)
  return {
    onConnection = function(_, _, event)
      local port = event.request.remotePort
      local handler = world.handlers[port]
      world.handlers[port] = nil
      return handler
    end,
  }
end

local function isServerHandler(handler)
  return handler ~= nil and handler.onConnection ~= nil
end

local function checkHandler(handler, options)
  local isTable = type(handler) == "table"
  if isTable and (isServerHandler(handler) or handler.onMessage ~= nil) then return end
  if handler == nil and options.server then return end
  error("testing.connection: expected a handler (a table with onMessage or onConnection), got a "
    .. (isTable and "table without them" or type(handler)), 3)
end

-- On to what is due next. False: nothing is.
local function tryToStep()
  local before = wired.now()
  pcall(wired.step, HOUR)
  return wired.now() > before
end

-- Ends a server at once. Handlers hear of it; what still waits is cancelled in its time.
local function finish(world)
  open[world] = nil
  world.web:stop(0)
  pcall(wired.rest)
  while not world.wss.terminated and tryToStep() do end
end

local function newWorld(handler, options)
  local world = { handlers = {}, web = wired.webServer() }
  local settings = {}
  for name, value in pairs(options) do
    if not REQUEST_OPTIONS[name] then settings[name] = value end
  end
  settings.web = world.web
  world.hasOwnServer = isServerHandler(handler)
  world.compresses = options.compression and options.compression ~= false
  -- What handlers leave running is looked for at the end of the first of these that are open.
  if next(open) == nil then bench.watch(wired.scope) end
  local serverHandler = world.hasOwnServer and handler or newServerHandler(world)
  world.wss = luaws.WebSocketServer.new(serverHandler, settings)
  open[world] = true
  bench.defer(finish, world)
  worlds[world.wss] = world
  return world
end

local function worldOf(handler, options)
  if not options.server then return newWorld(handler, options) end
  local world = worlds[options.server]
  if not world then
    error("testing.connection: option 'server' must be the wss of another such connection", 3)
  end
  for name in pairs(options) do
    if not REQUEST_OPTIONS[name] and name ~= "protocols" then
      error(("testing.connection: option '%s' is for a new server"):format(name), 3)
    end
  end
  if world.hasOwnServer and handler ~= nil then
    error("testing.connection: the server's onConnection chooses the handler: pass nil", 3)
  elseif not world.hasOwnServer and (handler == nil or isServerHandler(handler)) then
    error("testing.connection: a connection's handler is needed (a table with onMessage)", 3)
  end
  return world
end

-- Waits until the server has answered. An onConnection that waits moves the clock on, or waits in
-- real time for what has none of it.
local function awaitAnswer(peer)
  wired.rest()
  while peer.isOpening do
    if not tryToStep() and peer.isOpening then
      luaws.sleep(MOMENT)
      wired.rest()
    end
  end
end

return function(handler, options)
  options = options or {}
  checkHandler(handler, options)
  local world = worldOf(handler, options)
  local port = FIRST_PORT + ports % PORTS
  ports = ports + 1
  if not world.hasOwnServer then world.handlers[port] = handler end
  local peer = wired.connect(world.web, headOf(urlOf(world.wss, options), world, options), {
    address = options.remoteAddress or "127.0.0.1",
    port = port,
    isSecure = options.secure,
    compresses = world.compresses,
    decodes = world.wss.dataType == "object",
  })
  if not peer then
    error(("testing.connection: the server is closed, or '%s' is no address"):format(
      options.remoteAddress or "127.0.0.1"), 2)
  end
  awaitAnswer(peer)
  world.handlers[port] = nil
  local answer = peer.answer
  if not answer then return nil, 0, "the connection ended without an answer" end
  if answer.status ~= 101 then return nil, answer.status, answer.body, answer.headers end
  local clock = setmetatable({ start = wired.now() }, Clock)
  local ws = {
    peer = peer, wss = world.wss, connection = peer.connection, clock = clock,
    protocol = answer.headers["sec-websocket-protocol"], answer = answer,
  }
  ws.handler = ws.connection and ws.connection.handler
  return setmetatable(ws, Connection), clock
end
