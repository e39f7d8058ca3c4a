-- One server that is measured: a process that ends with its variable's scope.

local samples = require "bench.samples"
local system = require "bench.system"

local readFile, say = system.readFile, system.say

local OUT = "build/bench"
-- For the servers of lines with TLS; bench/run makes them.
local EXPORT_TLS = ("export TLS_CERT=%s/cert.pem TLS_KEY=%s/key.pem;"):format(OUT, OUT)
local START_SECONDS = 10
local PAUSE = 0.05 -- seconds between looks at what it prints

-- Loads that are luaws's own.
local SCRIPTS = { client = "bench/client.lua", tests = "bench/tests.lua" }

local Server = {}
Server.__index = Server

local function isDead(pid)
  return readFile(("/proc/%d/status"):format(pid)):find "\nState:%s*Z" ~= nil
end

-- Starts a peer for a line and waits until it tells its port. `pin` goes before its command. The
-- kernel kills it, too, should this script be killed. A server that doesn't start has ended.
function Server.start(peer, line, pin)
  local log = ("%s/%s-%s.log"):format(OUT, peer.name, line.name)
  local command = peer.start and peer.start(line) or peer.command .. " " .. line.mode
  os.remove(log)
  local pipe = assert(io.popen(([[%s ulimit -n $(ulimit -Hn) && echo $$ &&
    exec setpriv --pdeathsig KILL %s %s >%s 2>&1 </dev/null]]):format(
    line.tls and EXPORT_TLS or "", pin, command, log)))
  local self = setmetatable({ pipe = pipe, pid = pipe:read "n", log = log, peer = peer }, Server)
  for _ = 1, START_SECONDS / PAUSE do
    self.port = readFile(log):match(peer.port or "port (%d+)")
    if self.port then
      return self
    elseif isDead(self.pid) then
      break
    end
    os.execute("sleep " .. PAUSE)
  end
  say("bench: %s doesn't start: %s", peer.name, readFile(log))
  self:stop()
  return self
end

function Server:stop()
  if self.pipe then
    os.execute(("kill -9 %d 2>/dev/null"):format(self.pid))
    self.pipe:close()
    self.pipe = nil
  end
end

Server.__close = Server.stop

-- Says what became of the server when it has ended by itself; its pipe then has the exit code.
local function checkAlive(self)
  if self.pipe and isDead(self.pid) then
    local _, how, number = self.pipe:close()
    self.pipe = nil
    say("bench: the server has ended (%s %d); see %s", how, number, self.log)
  end
end

-- The longest of the reloads that luaws has logged behind `from`, in microseconds; nil: none.
local function longestReload(self, from)
  local longest
  for ms in readFile(self.log):sub(from):gmatch "reloaded [^\n]- in ([%d.]+) ms%)" do
    longest = math.max(longest or 0, tonumber(ms) * 1000)
  end
  return longest
end

-- One run of the generator against it: the figures that it answers with. `errors` is above 0 where
-- something went wrong.
function Server:load(arguments, pin)
  if not self.pipe then
    return { errors = 1 }
  end
  local script = SCRIPTS[arguments:match "^%a+"]
  local generator = script and self.peer.binary .. " " .. script or OUT .. "/load"
  local command = "%s %s %s --port %s --pid %d"
  command = command:format(pin, generator, arguments, self.port, self.pid)
  local logged = #readFile(self.log)
  local pipe <close> = assert(io.popen(command))
  local result = samples.decode(pipe:read "a")
  if not result or result.errors ~= 0 then
    checkAlive(self)
  end
  if not result or not result.errors then
    return { errors = 1 }
  end
  result.reload_us = longestReload(self, logged + 1)
  return result
end

return Server
