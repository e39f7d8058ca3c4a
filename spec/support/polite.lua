-- A well-behaved client beside an attack, in a process of its own, so that its clock measures luaws and not the spec:
--
--   local polite = require "spec.support.polite"
--
--   local p = polite.start(s, "/polite", 20)   echoes small messages, one after the other, from now on
--   p:hasEnough()                              20 have come back
--   local figures = p:stop()                   { count =, p50 =, p99 =, max = } in milliseconds
--
-- Time in which threads of luaws, or the client's, were ready to run and got no processor doesn't count, where the
-- kernel tells it (/proc/PID/task/TID/schedstat): that is the machine's.
--
-- stop fails when one echo was wrong, or the connection was lost. The process is luaws itself, whose script is a
-- client over luv's sockets. It ends with its stdin, so at the latest with this one.

local uv = require "luv"
local async = require "spec.support.async"

local polite = {}
local Polite = {}
Polite.__index = Polite

local BIN = assert(os.getenv("LUAWS_BIN"), "LUAWS_BIN names the luaws under test")

local SCRIPT = [==[
  local uv = require "luv"
  local port, path, enough, pid = tonumber(arg[1]), arg[2], tonumber(arg[3]), arg[4]
  local PAUSE, WARM_UP = 2, 50                                  -- ms between echoes; echoes that don't count
  local TEXT = ("polite"):rep(10)
  local MASKED = TEXT:gsub(".", function(c) return string.char(c:byte() ~ 0x20) end)
  local FRAME = string.char(0x81, 0x80 | #TEXT) .. "    " .. MASKED
  local ECHO = string.char(0x81, #TEXT) .. TEXT
  local tcp, timer, stdin = uv.new_tcp(), uv.new_timer(), uv.new_pipe()
  local samples, warmed, input, isOpen, isEnding, sentAt, waitedBefore = {}, 0, "", false, false, nil, nil

  local function close()
    for _, handle in ipairs { tcp, timer, stdin } do
      if not handle:is_closing() then handle:close() end
    end
  end

  local function tell(line)
    print(line)
    io.stdout:flush()
  end

  local function fail(why)
    tell("failed: " .. why)
    close()
  end

  local function finish()
    table.sort(samples)
    local function at(part) return (samples[math.ceil(#samples * part)] or 0) / 1e6 end
    tell(("%d %.3f %.3f %.3f"):format(#samples, at(0.5), at(0.99), at(1)))
    close()
  end

  -- Nanoseconds for which the process's threads have waited for a processor so far.
  local function waited(process)
    local folder, sum = "/proc/" .. process .. "/task", 0
    for thread in uv.fs_scandir_next, uv.fs_scandir(folder) do
      local file = io.open(folder .. "/" .. thread .. "/schedstat")
      sum = sum + (file and tonumber(file:read("a"):match "^%d+ (%d+)") or 0)
      if file then file:close() end
    end
    return sum
  end

  local function send()
    if isEnding then return finish() end
    waitedBefore = waited(pid) + waited "self"
    sentAt = uv.hrtime()
    tcp:write(FRAME)
  end

  local function onEcho()
    if warmed < WARM_UP then
      warmed = warmed + 1
      if warmed == WARM_UP then tell "ready" end
    else
      local took = uv.hrtime() - sentAt
      samples[#samples + 1] = math.max(0, took - (waited(pid) + waited "self" - waitedBefore))
      if #samples == enough then tell "enough" end
    end
    timer:start(PAUSE, 0, send)
  end

  local function onInput()
    if not isOpen then
      local last = select(2, input:find("\r\n\r\n", 1, true))
      if not last then return end
      if not input:match "^HTTP/1.1 101 " then return fail(input) end
      isOpen, input = true, input:sub(last + 1)
      return send()
    end
    if #input < #ECHO then return end
    if input ~= ECHO then return fail(("%q came back"):format(input)) end
    input = ""
    onEcho()
  end

  stdin:open(0)
  stdin:read_start(function(_, bytes) isEnding = isEnding or not bytes end)
  tcp:connect("127.0.0.1", port, function(err)
    if err then return fail(err) end
    tcp:nodelay(true)
    tcp:write("GET " .. path .. " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      .. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    tcp:read_start(function(readError, bytes)
      if not bytes then return fail(readError or "the connection has ended") end
      input = input .. bytes
      onInput()
    end)
  end)
]==]

local function writeScript()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(SCRIPT)
  file:close()
  async.defer(os.remove, path)
  return path
end

local function collectLines(pipe, lines)
  local partial = ""
  pipe:read_start(function(_, text)
    if not text then
      pipe:close()
      lines:close("failed: it has ended")
      return
    end
    partial = partial .. text
    for line in partial:gmatch("([^\n]*)\n") do lines:push(line) end
    partial = partial:match("[^\n]*$")
  end)
end

function Polite:line()
  local line = self.lines:pop(nil, "the polite client")
  if line:match("^failed") then error("the polite client has " .. line, 0) end
  return line
end

function polite.start(s, path, enough)
  local self = setmetatable({ lines = async.queue(), exited = async.queue() }, Polite)
  local stdout = uv.new_pipe()
  self.stdin = uv.new_pipe()
  self.handle = assert(uv.spawn(BIN, {
    args = { writeScript(), tostring(s.port), path, tostring(enough), tostring(s.pid) },
    stdio = { self.stdin, stdout, 2 },
  }, function(code)
    self.handle:close()
    self.exited:push(code)
  end))
  async.defer(self.finish, self)
  collectLines(stdout, self.lines)
  assert(self:line() == "ready")
  return self
end

function Polite:finish()
  if self.stdin:is_closing() then return end
  self.stdin:close()
  self.exited:pop(nil, "the end of the polite client")
end

-- Until it is to stop it has no more than that to tell, or why it has failed.
function Polite:hasEnough()
  return self.lines.count > 0
end

function Polite:stop()
  self.stdin:close()
  local line = self:line()
  if line == "enough" then line = self:line() end
  local count, p50, p99, max = line:match("^(%d+) ([%d.]+) ([%d.]+) ([%d.]+)$")
  self.exited:pop(nil, "the end of the polite client")
  return { count = tonumber(count), p50 = tonumber(p50), p99 = tonumber(p99), max = tonumber(max) }
end

return polite
