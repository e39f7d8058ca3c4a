-- Measures luaws against its peers, side by side, and prints one Markdown table. bench/run starts
-- it in the root of the repository. bench/README.md says how it measures, and what the environment
-- variables do that are read here.

package.path = "bench/?.lua;" .. package.path

local lines = require "lines"
local peers = require "peers"
local report = require "report"

local OUT = "build/bench"
local START_SECONDS = 10

local function say(format, ...)
  io.stderr:write(format:format(...), "\n")
end

-- Returns a command's output, and whether it succeeded.
local function shell(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read "a"
  return output, pipe:close() == true
end

local function readNumber(name, default)
  local value = tonumber(os.getenv(name) or default)
  if not value or value <= 0 then
    error(("%s must be a positive number, not '%s'"):format(name, os.getenv(name)), 0)
  end
  return value
end

-- Those of `list` whose names stand in the environment variable, or the defaults.
local function choose(list, variable)
  local names, chosen = os.getenv(variable), {}
  -- Some shells export LINES, the height of the terminal.
  if not names or names == "" or tonumber(names) then
    for _, item in ipairs(list) do
      chosen[#chosen + 1] = item.default ~= false and item or nil
    end
    return chosen
  end
  local byName, known = {}, {}
  for i, item in ipairs(list) do
    byName[item.name], known[i] = item, item.name
  end
  for name in names:gmatch "[^%s,]+" do
    local item = byName[name]
      or error(("%s: no '%s'; there are %s"):format(variable, name, table.concat(known, ", ")), 0)
    chosen[#chosen + 1] = item
  end
  return chosen
end

-- Prefixes that pin a command: the server's and the generator's. Two cores or none.
local function pins()
  local cpus = {}
  local allowed = shell("grep Cpus_allowed_list /proc/self/status"):match ":%s*(%S+)"
  for first, last in (allowed .. ","):gmatch "(%d+)%-?(%d*)," do
    for cpu = tonumber(first), tonumber(last) or tonumber(first) do
      cpus[#cpus + 1] = cpu
    end
  end
  if os.getenv "PIN" == "0" then
    return "", "", ("not pinned, %d cores"):format(#cpus)
  elseif #cpus < 2 then
    return "", "", "not pinned: server and generator share one core"
  end
  local text = "server on core %d, generator on core %d"
  return "taskset -c " .. cpus[2], "taskset -c " .. cpus[1], text:format(cpus[2], cpus[1])
end

local function build()
  local compile = "${CC:-cc} -std=c11 -O2 -flto -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Isrc"
  local frames = "src/base/mem.c src/ws/frame.c src/ws/mask.c"
  local load = compile .. " -o %s/load bench/load/*.c src/base/clock.c %s"
  local floor = compile .. " -o %s/floor bench/peers/floor.c %s -lcrypto"
  local _, ok = shell(load:format(OUT, frames))
  if not ok then
    error("the load generator doesn't compile", 0)
  end
  shell(("rm -f %s/floor; "):format(OUT) .. floor:format(OUT, frames))
  shell [[cd bench && command -v npm >/dev/null || exit 1
    test node_modules/.package-lock.json -nt package-lock.json && exit
    npm ci --no-audit --no-fund >&2 && touch node_modules/.package-lock.json]]
end

local function present(list)
  local found = {}
  for _, peer in ipairs(list) do
    local _, ok = shell("{ " .. peer.test .. "; } >/dev/null 2>&1")
    if ok then
      peer.versionText = shell(peer.version):gsub("%s+$", "")
      found[#found + 1] = peer
    else
      say("bench: without %s: %s", peer.name, peer.missing)
    end
  end
  return found
end

local Server = {}
Server.__index = Server

-- Killed when its variable goes out of scope, and by the kernel should this script be killed.
function Server.start(peer, line, pin)
  local log = ("%s/%s-%s.log"):format(OUT, peer.name, line.name)
  local command = ([[ulimit -n $(ulimit -Hn) && echo $$ &&
    exec setpriv --pdeathsig KILL %s %s %s >%s 2>&1 </dev/null]])
    :format(pin, peer.command, line.mode, log)
  os.remove(log)
  local pipe = assert(io.popen(command))
  local self = setmetatable({ pipe = pipe, pid = pipe:read "n", log = log }, Server)
  local pattern, text = peer.port or "port (%d+)", nil
  for _ = 1, START_SECONDS / 0.05 do
    local file = io.open(log)
    text = file and file:read "a" or ""
    if file then
      file:close()
    end
    self.port = text:match(pattern)
    if self.port then
      return self
    end
    os.execute "sleep 0.05"
  end
  self:stop()
  error(("%s doesn't start: %s"):format(peer.name, text), 0)
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
function Server:checkAlive()
  local _, isDead = shell(("grep -q '^State:.Z' /proc/%d/status"):format(self.pid))
  if isDead and self.pipe then
    local _, how, number = self.pipe:close()
    self.pipe = nil
    say("bench: the server has ended (%s %d); see %s", how, number, self.log)
  end
end

-- One run of the generator: its line of JSON as a table, and as it is.
function Server:load(arguments, pin)
  if not self.pipe then
    return { errors = 1 }, '{"errors":1}'
  end
  local command = "%s %s/load %s --port %s --pid %d"
  local text = shell(command:format(pin, OUT, arguments, self.port, self.pid))
  local result = {}
  for key, value in text:gmatch '"([%w_]+)":"?([^,"}]+)' do
    result[key] = tonumber(value) or value
  end
  if not result.errors then
    error("the generator failed", 0)
  end
  if result.errors > 0 then
    self:checkAlive()
  end
  return result, (text:gsub("%s+$", ""))
end

local function stopAll(servers)
  for _, server in pairs(servers) do
    server:stop()
  end
end

-- Runs one line: returns the results, a list for each peer's name, errors among them.
local function measure(line, list, options)
  local rounds, results = math.min(line.rounds or options.rounds, options.rounds), {}
  local servers <close> = setmetatable({}, { __close = stopAll })
  local timing = (" --seconds %g --warmup %g"):format(options.duration, options.warmup)
  for _, peer in ipairs(list) do
    results[peer.name] = {}
    if not line.fresh then
      servers[peer] = Server.start(peer, line, options.serverPin)
      servers[peer]:load(line.load .. " --seconds 0.5 --warmup 0", options.loadPin)
    end
  end
  for round = 1, rounds do
    for _, peer in ipairs(list) do
      local fresh <close> = line.fresh and Server.start(peer, line, options.serverPin) or nil
      local result, text = (fresh or servers[peer]):load(line.load .. timing, options.loadPin)
      options.samples:write(('{"line":"%s","server":"%s","round":%d,%s\n')
        :format(line.name, peer.name, round, text:sub(2)))
      table.insert(results[peer.name], result)
      local unit, field = line.costs[1].unit, line.costs[1].field
      local cost = result.errors == 0 and result[field]
      say("%-14s %d/%d %-6s %s", line.name, round, rounds, peer.name,
        cost and report.formatCost(cost, unit) or "FAILED")
    end
  end
  return results
end

local function describeMachine()
  local cpu = shell "grep -m 1 'model name' /proc/cpuinfo || uname -m"
  local system = shell "uname -sr"
  return ("%s, %s"):format(cpu:match "([^:\n]*)%s*$":gsub("^%s+", ""), (system:gsub("%s+$", "")))
end

local function main()
  local options = {
    rounds = readNumber("ROUNDS", 5),
    duration = readNumber("DURATION", 2),
    warmup = readNumber("WARMUP", 0.2),
  }
  local chosenLines, chosenPeers = choose(lines, "LINES"), choose(peers, "PEERS")
  build()
  local list = present(chosenPeers)
  local serverPin, loadPin, pinning = pins()
  options.serverPin, options.loadPin = serverPin, loadPin
  options.samples = assert(io.open(OUT .. "/samples.jsonl", "w"))

  local sections, failed = {}, 0
  for i, line in ipairs(chosenLines) do
    local able = {}
    for _, peer in ipairs(list) do
      able[#able + 1] = peer.modes[line.mode] and peer or nil
    end
    sections[i] = { line = line, peers = able, results = measure(line, able, options) }
    for _, results in pairs(sections[i].results) do
      failed = failed + report.failures(results)
    end
  end
  options.samples:close()
  report.print(sections, {
    machine = ("%s; %s"):format(describeMachine(), pinning),
    peers = list,
    rounds = options.rounds,
    duration = options.duration,
  })
  return failed == 0
end

local ok, result = xpcall(main, function(message)
  return type(message) == "string" and message or debug.traceback(message)
end)
if not ok then
  say("bench: %s", result)
end
os.exit(ok and result, true)
