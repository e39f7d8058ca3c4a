-- `luaws connect`: a client for people and for pipes. The main chunk's task sends what comes from
-- stdin, a second one shows what the server sends; main.c starts it (see "luaws connect" in
-- src/README.md).

local luaws = require "luaws"
local uv = require "luv"
local arguments = require "luaws.connect.arguments"
local command = require "luaws.connect.command"
local newView = require "luaws.connect.view"
local openInput = require "luaws.connect.input"
local text = require "luaws.connect.text"

local MAX_PAYLOAD = 64 * 1024 * 1024
local BUFFERED_MAX = 256 * 1024 -- bytes on their way to a server before more is read from stdin
local BUFFERED_LOOK = 0.005     -- s
local DEFAULT_WAIT = 1          -- s

local EXIT_FAILURE, EXIT_USAGE = 1, 2
local NORMAL, GOING_AWAY, NO_CODE, LOST = 1000, 1001, 1005, 1006
local NORMAL_ENDS = { [NORMAL] = true, [GOING_AWAY] = true, [NO_CODE] = true }

local Session = {}
Session.__index = Session

-- The reason alone of an error that was raised: whose fault it is, people know.
local function reasonOf(err)
  return (err:gsub("^[^\n]-:%d+: ", "", 1):gsub("^[%w.]+: ", "", 1))
end

local function complain(message)
  io.stderr:write("luaws: ", text.sanitiseLine(message), "\n")
end

-- Ends the process, once. stdout may be what has failed.
local function fail(message)
  complain(message)
  luaws.exit(EXIT_FAILURE)
end

-- stdin and stdout are pipes when there is a line editor, and a terminal for people all the same.
local function lookAround(hasEditor)
  local isTyped = hasEditor or uv.guess_handle(0) == "tty"
  local isScreen = hasEditor or uv.guess_handle(1) == "tty"
  return { isTyped = isTyped, isScreen = isScreen, isTalk = isTyped and isScreen }
end

local function hasColours()
  return (os.getenv("NO_COLOR") or "") == ""
end

-- Output

-- Waits for who reads stdout, and so holds up the server.
function Session:write(s)
  local ok, err = io.stdout:write(s)
  if ok then ok, err = io.stdout:flush() end
  if not ok and not self.isBroken then
    self.isBroken = true
    fail("can't write to stdout: " .. err)
  end
end

-- A remark for who types.
function Session:say(message)
  if self.view.isTalk then return self:write(self.view:note(message)) end
  for line in message:gmatch("[^\n]+") do complain(line) end
end

-- The way in

function Session:close(code, reason)
  self.isClosing = true
  self.ws:terminate(code, reason)
end

-- False when the count that was asked for is reached.
function Session:show(data, isBinary)
  self.lastMessage = uv.hrtime()
  self.shown = self.shown + 1
  self:write(self.view:message(data, isBinary))
  return self.shown ~= self.options.count
end

local function describeEnd(code, reason)
  if code == LOST then return "the connection is lost" end
  local number = code == NO_CODE and "no code" or "code " .. code
  return "closed with " .. number .. (reason and ": " .. reason or "")
end

function Session:finish(code, reason)
  if self.isBroken then return end
  local missing = (self.options.count or 0) - self.shown
  local description = describeEnd(code, reason)
  if not self.isClosing and not NORMAL_ENDS[code] then
    return fail(self.cause and code == LOST and self.cause or description)
  elseif missing > 0 and not self.isQuitting then
    return fail(("%s, after %d of %d messages"):format(description, self.shown, self.options.count))
  end
  if self.view.isTalk then self:write(self.view:note(description)) end
  luaws.exit(self.exitCode or 0)
end

function Session:receiveAll()
  while true do
    local data, isBinary, code, reason = self.ws:receive()
    if data == nil then return self:finish(code, reason) end
    if not self.isClosing and not self:show(data, isBinary) then self:close(NORMAL) end
  end
end

-- The way out

-- False when the connection is closed or the text can't be sent; then what is wrong.
function Session:send(data, isBinary)
  local ok, sent, why = pcall(self.ws.send, self.ws, data, isBinary)
  if not ok then return false, "it is not valid UTF-8" end
  if not sent then return false, why end
  while self.ws.status == "Connected" and self.ws.bufferedAmount > BUFFERED_MAX do
    luaws.sleep(BUFFERED_LOOK)
  end
  return true
end

function Session:sendFile(path)
  local file, err = io.open(path, "rb")
  if not file then return self:say(err) end
  local data
  data, err = file:read(MAX_PAYLOAD)
  local isLonger = data and #data == MAX_PAYLOAD and file:read(0)
  file:close()
  if err then return self:say(("%s: %s"):format(path, err)) end
  if isLonger then return self:say(("%s: more than %d MiB"):format(path, MAX_PAYLOAD >> 20)) end
  local ok, why = self:send(data or "", true)
  self:say(ok and ("%s: %d bytes sent"):format(path, #(data or "")) or "not sent: " .. why)
end

-- What typed lines may ask for.
local VERBS = {
  nothing = function() end,
  help = function(self) self:say(command.HELP) end,
  binary = function(self, path) self:sendFile(path) end,
  ping = function(self, data) self.ws:ping(data) end,
  send = function(self, line)
    local ok, why = self:send(line, false)
    if not ok then self:say("not sent: " .. why) end
  end,
  close = function(self, code, reason)
    local ok, err = pcall(self.close, self, code, reason)
    if ok then self.isQuitting = true return end
    self.isClosing = false
    self:say(reasonOf(err))
  end,
}

function Session:obey(line)
  local verb, first, second = command.read(line)
  if not verb then return self:say(first) end
  local ok, err = pcall(VERBS[verb], self, first, second)
  if not ok then self:say(reasonOf(err)) end
end

function Session:talk()
  for line in function() return self.input:line() end do self:obey(line) end
end

-- Lines as they are: what a program writes is no command.
function Session:pipe()
  local number = 0
  while true do
    local line, err = self.input:line()
    if err then return nil, "stdin: " .. err end
    if not line then return true end
    number = number + 1
    local ok, why = self:send(line, false)
    if not ok then return nil, ("line %d of stdin is not sent: %s"):format(number, why) end
  end
end

function Session:pipeAll()
  local data, err = self.input:all()
  if not data then return nil, "stdin: " .. err end
  local ok, why = self:send(data, true)
  if not ok then return nil, "stdin is not sent: " .. why end
  return true
end

-- stdin is at its end: answers may still be on their way.
function Session:awaitSilence()
  local wait = self.options.wait or (self.options.count and math.huge) or DEFAULT_WAIT
  if wait == math.huge then return end
  self.lastMessage = uv.hrtime()
  while true do
    local left = wait - (uv.hrtime() - self.lastMessage) / 1e9
    if left <= 0 then break end
    luaws.sleep(left)
  end
  self.isQuitting = true
  self:close(NORMAL)
end

function Session:sendAll()
  if self.isTyped then
    self:talk()
  else
    local ok, wrong = (self.options.binary and self.pipeAll or self.pipe)(self)
    if not ok and not self.isClosing and self.ws.status == "Connected" then
      self.exitCode = EXIT_FAILURE
      complain(wrong)
      return self:close(NORMAL)
    end
  end
  if not self.isClosing then self:awaitSilence() end
end

-- The beginning

-- Raises for options that make no sense.
local function open(options, session)
  local handler = {}
  function handler:onError(_, event) session.cause = event.errors[1].message end
  local tls = { ca = options.ca, cert = options.cert, key = options.key,
                insecure = options.insecure }
  return luaws.WebSocket.new(options.url, handler, {
    headers = options.headers, protocols = options.subprotocols, proxy = options.proxy,
    connectTimeout = options.timeout, compression = options.compression, maxPayload = MAX_PAYLOAD,
    tls = next(tls) and tls or nil,
  })
end

local function greet(self)
  if not self.view.isTalk then return end
  local protocol = self.ws.protocol and ", subprotocol " .. self.ws.protocol or ""
  self:say(("connected to %s%s (/help tells what can be typed, ctrl-D ends)")
    :format(self.options.url, protocol))
end

local function newSession(options, hasEditor)
  local around = lookAround(hasEditor)
  local view = newView {
    isScreen = around.isScreen, isTalk = around.isTalk, hasColours = hasColours(),
    decode = options.json and luaws.json.decode,
  }
  local session = { options = options, isTyped = around.isTyped, view = view, shown = 0 }
  return setmetatable(session, Session)
end

local connect = {}

-- Runs the client with the words of its command line. `hasEditor`: stdin and stdout are those of a
-- line editor on a terminal.
function connect.run(hasEditor, ...)
  local options, wrong = arguments.parse({ ... })
  if not options then
    complain(wrong .. " (see luaws connect --help)")
    return luaws.exit(EXIT_USAGE)
  end
  if options.help then return io.stdout:write(arguments.HELP) end
  local self = newSession(options, hasEditor)
  local ok, ws, err = pcall(open, options, self)
  if not ok then
    complain(reasonOf(ws))
    return luaws.exit(EXIT_USAGE)
  end
  if not ws then return fail(err) end
  self.ws = ws
  local isOpen, cause = ws:opened()
  if not isOpen then return fail(self.cause or cause) end
  self.input = openInput()
  greet(self)
  luaws.spawn(self.receiveAll, self)
  self:sendAll()
end

return connect
