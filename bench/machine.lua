-- The machine that is measured on: which cores there are and who uses them.

local files = require "bench.system"

local readFile, readOutput = files.readFile, files.readOutput

local machine = {}

local TICKS = 100 -- a second, of /proc/stat and /proc/PID/stat, on every Linux

-- The numbers of the cores that this process may use.
function machine.cores()
  local cores = {}
  local allowed = readFile "/proc/self/status":match "Cpus_allowed_list:%s*(%S+)"
  for first, last in (allowed .. ","):gmatch "(%d+)%-?(%d*)," do
    for core = tonumber(first), tonumber(last) or tonumber(first) do
      cores[#cores + 1] = core
    end
  end
  return cores
end

local function readSiblings(core)
  local path = "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list"
  return readFile(path:format(core))
end

-- Two of these cores, of different physical ones where there are; nil where there is but one.
-- `siblingsOf(core)` names those that share a physical core.
function machine.pair(cores, siblingsOf)
  siblingsOf = siblingsOf or readSiblings
  local first = cores[1]
  for i = 2, #cores do
    if siblingsOf(cores[i]) ~= siblingsOf(first) then
      return first, cores[i]
    end
  end
  if cores[2] then
    return first, cores[2]
  end
end

function machine.describe()
  local cpu = readFile "/proc/cpuinfo":match "model name%s*:%s*([^\n]+)" or readOutput "uname -m"
  return ("%s, %d cores"):format(cpu:gsub("%s+", " "), #machine.cores()), readOutput "uname -sr"
end

-- The version of the sources, with a word when they differ from what is committed.
function machine.commit()
  local commit = readOutput "git rev-parse --short HEAD 2>/dev/null"
  local changes = readOutput "git status --porcelain -- src lua CMakeLists.txt 2>/dev/null"
  return commit ~= "" and commit .. (changes ~= "" and " with changes" or "") or "unknown"
end

function machine.load()
  return readFile "/proc/loadavg":match "^%S+" or "?"
end

-- Seconds, of any beginning.
function machine.now()
  return tonumber(readFile "/proc/uptime":match "^%S+")
end

-- Seconds of processor time of a process, user and system; with `first` 16 those of the children
-- that it has waited for.
local function readTimes(pid, first)
  local fields = {}
  for field in readFile(("/proc/%s/stat"):format(pid)):gsub("^.*%) ", ""):gmatch "%S+" do
    fields[#fields + 1] = field
  end
  return ((tonumber(fields[first - 2]) or 0) + (tonumber(fields[first - 1]) or 0)) / TICKS
end

-- What the cores, the server (a process) and the generators (children that have ended) have used
-- up to now. Time that the host took from a virtual machine counts as used.
function machine.usage(server)
  local usage = { now = machine.now(), cores = {} }
  for core, times in readFile "/proc/stat":gmatch "\ncpu(%d+) ([^\n]+)" do
    local numbers = {}
    for number in times:gmatch "%d+" do
      numbers[#numbers + 1] = tonumber(number)
    end
    local user, nice, system, _, _, irq, softirq, steal = table.unpack(numbers)
    usage.cores[tonumber(core)] = (user + nice + system + irq + softirq + (steal or 0)) / TICKS
  end
  usage.server = readTimes(server, 14)
  usage.generator = readTimes("self", 16)
  return usage
end

-- The share of one core that neither server nor generator has used in between: of the worse one of
-- their two cores, or of all `cores` together where they aren't pinned to one each.
function machine.others(before, after, pins, cores)
  local seconds = after.now - before.now
  if seconds <= 0 then
    return 0
  end
  local function used(core)
    return (after.cores[core] or 0) - (before.cores[core] or 0)
  end
  local server = after.server - before.server
  local generator = after.generator - before.generator
  if pins then
    local worse = math.max(used(pins.server) - server, used(pins.generator) - generator)
    return math.max(0, worse / seconds)
  end
  local all = 0
  for _, core in ipairs(cores) do
    all = all + used(core)
  end
  return math.max(0, (all - server - generator) / seconds)
end

return machine
