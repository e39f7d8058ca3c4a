-- `luaws attach`: the console of a luaws that runs with --attach, over its unix socket. The main
-- chunk's task sends what comes from stdin, one line at a time; answers are shown as they come. The
-- frames are described in src/attach.h, their kinds in src/mailbox/event.h, what the line editor is
-- told in src/cli/editor.h.

local luaws = require "luaws"
local uv = require "luv"
local find = require "luaws.attach.find"
local openInput = require "luaws.connect.input"
local text = require "luaws.connect.text"

local HELP = [[
usage: luaws attach [PID or path]

Runs the lines that are typed, or come through a pipe, in the script of a luaws that was started
with --attach by the same user: the one with this process ID, the one whose socket is at this path,
or the only one there is.

  --help                      prints this

Exit codes: 0; 1 when it couldn't connect, the other luaws has ended, or a line of a pipe has
failed; 2 for a wrong command line.
]]

local HELLO = "luaws 1"
local TEXT_MAX = 1024 * 1024 -- bytes in a frame, as src/attach.c has it
local FULL = 65536           -- bytes that are read at once: then more is waiting
local EXIT_FAILURE, EXIT_USAGE = 1, 2

local Session = {}
Session.__index = Session

local function complain(message)
  io.stderr:write("luaws: ", text.sanitiseLine(message), "\n")
end

-- Ends the process, once.
function Session:leave(code)
  self.isOver = true
  self.pipe:close()
  luaws.exit(code)
end

function Session:tellEditor(kind, answer)
  if self.answers then self.answers:write(kind .. answer .. "\n") end
end

-- What the server says goes to eyes, or as it is into a pipe.
function Session:write(stream, s)
  stream:write(self.isScreen and text.sanitise(s) or s)
  stream:flush()
end

function Session:send(kind, payload)
  if kind ~= "C" then self.due = self.due + 1 end
  self.pipe:write(string.pack("<s4", kind .. payload))
end

-- The answers

-- Whoever waits for the prompt goes on.
function Session:prompt(answer)
  local prompt = answer:match("^>>?") or ">"
  self.due = self.due - 1
  self.isAmidChunk = prompt == ">>"
  if answer:sub(-1) == "!" then self.hasFailed = true end
  if self.due > 0 then return end
  self.isInterrupted = false
  self:tellEditor("P", prompt)
  if self.showsPrompt then self:write(io.stdout, prompt .. " ") end
  local done = self.onPrompt
  self.onPrompt = nil
  if done then done() end
end

-- What lies between ctrl-C and its effect would keep a terminal busy for long.
function Session:print(s)
  if self.isInterrupted and self.isBehind then
    self.leftOut = self.leftOut + #s
  else
    self:write(io.stdout, s)
  end
end

local ANSWERS = {
  T = Session.print,
  E = function(self, s) self:write(io.stderr, s) end,
  N = function(self, s) self:tellEditor("N", (s:gsub("[^%w_ \t]", ""))) end,
  P = Session.prompt,
  G = function(self, s)
    if not self.isTalk then return end
    self:write(io.stdout, s .. " (tab completes, ctrl-D detaches)\n")
  end,
  B = function(self, s)
    self.isDismissed = true
    complain(s)
  end,
}

function Session:takeFrame(frame)
  local kind = frame:sub(1, 1)
  if kind ~= "T" and self.leftOut > 0 then
    complain(("%d bytes are left out"):format(self.leftOut))
    self.leftOut = 0
  end
  if ANSWERS[kind] then ANSWERS[kind](self, frame:sub(2)) end
end

-- Everything whole in `data` and what came before.
function Session:take(data)
  self.rest = self.rest .. data
  local at = 1
  while #self.rest - at + 1 >= 4 do
    local length = string.unpack("<I4", self.rest, at)
    if length > TEXT_MAX + 1 then return nil, "the other side isn't luaws" end
    if #self.rest - at + 1 < 4 + length then break end
    self:takeFrame(self.rest:sub(at + 4, at + 3 + length))
    at = at + 4 + length
  end
  self.rest = self.rest:sub(at)
  return true
end

function Session:receive()
  self.pipe:read_start(function(err, data)
    if self.isOver then return end
    local ok, wrong = true, nil
    self.isBehind = data and #data >= FULL
    if data then ok, wrong = self:take(data) end
    if data and ok then return end
    if not self.isDismissed then complain(wrong or err or "the connection is lost") end
    self:leave(EXIT_FAILURE)
  end)
end

function Session:awaitPrompt()
  if self.due == 0 then return end
  luaws.await(function(done) self.onPrompt = done end)
end

-- Lines

-- ctrl-C: see src/console.c.
function Session:interrupt(hasCleared)
  local isIdle = self.due == 0 and not self.isAmidChunk and not hasCleared
  if isIdle or self.isInterrupted then return self:leave() end
  self.isInterrupted = true
  self:send("I", "")
end

local TYPED = {
  L = function(self, s) self:send("L", s) end,
  C = function(self, s) self:send("C", s) end,
  I = function(self, s) self:interrupt(s ~= "") end,
  F = function(self) self:leave() end,
}

function Session:talk()
  for line in function() return not self.isOver and self.input:line() or nil end do
    local obey = TYPED[line:sub(1, 1)]
    if obey and not self.isOver then obey(self, line:sub(2)) end
  end
end

function Session:pipeLines()
  while not self.isOver do
    local line, err = self.input:line()
    if err then
      complain("stdin: " .. err)
      self.hasFailed = true
    end
    if line and #line > TEXT_MAX then
      complain(("a line of more than %d MiB is left out"):format(TEXT_MAX >> 20))
      self.hasFailed = true
    else
      self.showsPrompt = self.showsPrompt and line
      self:send(line and "L" or "F", line or "")
      self:awaitPrompt()
    end
    if not line then return self:leave(self.hasFailed and EXIT_FAILURE or 0) end
  end
end

-- The beginning

local function connect(path)
  local pipe = uv.new_pipe(false)
  local err = luaws.await(function(done)
    local _, wrong = pipe:connect(path, done)
    if wrong then done(wrong) end
  end)
  if not err then return pipe end
  pipe:close()
  return nil, ("%s: %s"):format(path, err == "ECONNREFUSED" and "nobody listens there" or err)
end

local function openAnswers(descriptor)
  if not descriptor then return nil end
  local pipe = uv.new_pipe(false)
  pipe:open(descriptor)
  return pipe
end

local attach = {}

-- Runs the client with the words of its command line. `hasEditor`: the descriptor that takes
-- answers for the line editor, or false.
function attach.run(hasEditor, ...)
  local words = { ... }
  if words[1] == "--help" or words[1] == "-h" then return io.stdout:write(HELP) end
  if words[2] or (words[1] or ""):find("^%-") then
    complain("luaws attach takes one process ID or path (see luaws attach --help)")
    return luaws.exit(EXIT_USAGE)
  end
  local path, wrong = find(words[1])
  local pipe
  if path then pipe, wrong = connect(path) end
  if not pipe then
    complain(wrong)
    return luaws.exit(EXIT_FAILURE)
  end
  local isScreen = hasEditor and true or uv.guess_handle(1) == "tty"
  local self = setmetatable({
    pipe = pipe, input = openInput(), answers = openAnswers(hasEditor), rest = "", due = 0,
    isTalk = hasEditor and true or false, isScreen = isScreen, leftOut = 0,
    showsPrompt = not hasEditor and isScreen and uv.guess_handle(0) == "tty",
  }, Session)
  self:receive()
  self:send("O", HELLO)
  if hasEditor then return self:talk() end
  self:awaitPrompt()
  self:pipeLines()
end

return attach
