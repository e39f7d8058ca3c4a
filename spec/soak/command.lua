-- luaws-spec --soak MINUTES [options of luaws]: keeps a luaws busy with good, slow, rude and vanishing clients, and
-- judges it at the end. Returns how many of the judgements were passed and failed.
--
-- luaws-spec --soak 1000-lives: few at a time, and only so many. For valgrind, under which all is slow.

local uv = require "luv"
local runner = require "runner"
local async = require "spec.support.async"
local clients = require "spec.soak.clients"
local gauge = require "spec.soak.gauge"

local USAGE = [[
usage: luaws-spec --soak MINUTES [options of luaws, as --io-threads 2]
       luaws-spec --soak N-lives [options of luaws] ]]
local SERVERS = 9         -- of script.lua
local AT_ONCE = { good = 6, slow = 2, rude = 4, vanishing = 5 } -- of each of its clients
local FEW = { good = 1, slow = 0, rude = 1, vanishing = 1 }
local PAUSE = 0.2         -- seconds at most between the lives of one
local FLAT = 0.05         -- what the memory may grow in the second half
local TELL_EVERY = 10     -- seconds
local HANG = 150          -- seconds after which the soak itself is taken for stuck
local FAILURES_SHOWN = 20

local command = {}

-- Clients -----------------------------------------------------------------------------------------------------------

local function note(state, name, err)
  table.insert(state.failures, ("%s after %.0f s: %s"):format(name, (uv.hrtime() - state.started) / 1e9, tostring(err)))
end

-- One client after the other, until the time is over.
local function keepComing(state, kind, name, life)
  while not state.isOver do
    local ok, err = pcall(async.isolated, life, state.server)
    state.lives[kind] = state.lives[kind] + 1
    if not ok then note(state, kind .. " client " .. name, err) end
    async.sleep(math.random() * PAUSE)
  end
end

local function startClients(state)
  local tasks, atOnce = {}, state.maxLives and FEW or AT_ONCE
  for kind, lives in pairs(clients) do
    state.lives[kind] = 0
    for name, life in pairs(lives) do
      for _ = 1, atOnce[kind] do tasks[#tasks + 1] = async.spawn(keepComing, state, kind, name, life) end
    end
  end
  return tasks
end

-- Telling -----------------------------------------------------------------------------------------------------------

local function say(...)
  io.write("soak: ", string.format(...), "\n")
  io.flush()
end

local function tellProgress(state, g)
  local last = g.samples[#g.samples]
  if not last then return end
  local lives = state.lives
  say("after %4.0f s: %d good, %d slow, %d rude, %d vanishing clients, %d failures; %.1f MiB, %d descriptors",
    last.at, lives.good, lives.slow, lives.rude, lives.vanishing, #state.failures, last.memory,
    last.descriptors)
end

-- Judging -----------------------------------------------------------------------------------------------------------

local function judge(verdict, ok, ...)
  verdict[ok and "passed" or "failed"] = verdict[ok and "passed" or "failed"] + 1
  say("%s %s", ok and "passed:" or "FAILED:", string.format(...))
end

local function countLives(state)
  local lives = state.lives
  return lives.good + lives.slow + lives.rude + lives.vanishing
end

local function judgeClients(verdict, state)
  judge(verdict, #state.failures == 0, "no client was failed (%d lives)", countLives(state))
  for i = 1, math.min(#state.failures, FAILURES_SHOWN) do io.write("  ", state.failures[i], "\n") end
end

local function judgeMemory(verdict, g)
  local growth, middle, last = g:growth()
  if not growth then
    say("notice: too short to judge the memory, which takes a minute at least")
    return
  end
  judge(verdict, growth < FLAT, "the memory is flat: %.1f MiB in the middle, %.1f at the end (%+.1f %%)", middle, last,
    growth * 100)
end

local function judgeDescriptors(verdict, pid, before)
  local ok = pcall(async.eventually, function() return gauge.descriptors(pid) <= before end, 60)
  judge(verdict, ok, "all descriptors are back: %d before, %d now", before, gauge.descriptors(pid))
end

-- The lines of script.lua.
local function judgeCounts(verdict, output)
  local sum, lines = { 0, 0, 0, 0 }, 0
  for counts in output:gmatch("soak: /%l+ ([%d ]+)\n") do
    local i = 0
    for n in counts:gmatch("%d+") do
      i = i + 1
      sum[i] = sum[i] + math.tointeger(tonumber(n))
    end
    lines = lines + 1
  end
  judge(verdict, lines >= SERVERS and sum[1] == sum[2] and sum[2] == sum[3] and sum[1] > 0,
    "exactly one onOpen and one onTerminate for each connection: %d accepted, %d opened, %d terminated",
    table.unpack(sum, 1, 3))
  judge(verdict, sum[4] == 0, "no callback was out of order, and no handler has failed (%d)", sum[4])
end

local function judgeLog(verdict, log)
  local errors = select(2, log:gsub("\n%d[%d:.]+ error ", "%0"))
  judge(verdict, errors == 0, "no error in the log (%d)", errors)
  if errors > 0 then io.write(log, "\n") end
end

-- The whole ---------------------------------------------------------------------------------------------------------

local function seconds(state)
  return (uv.hrtime() - state.started) / 1e9
end

local function isOver(state)
  if state.maxLives then return countLives(state) >= state.maxLives end
  return seconds(state) >= state.seconds
end

local function run(state, options)
  local server = require "spec.support.server" -- here: it defers its end
  local s = server.startFile("spec/soak/script.lua", { args = options, lines = SERVERS + 1 })
  async.sleep(0.5) -- further workers are up
  state.server, state.started = s, uv.hrtime()
  local before, g = gauge.descriptors(s.pid), gauge.start(s.pid)
  local tasks = startClients(state)
  local verdict = { passed = 0, failed = 0 }
  local told = 0
  while not isOver(state) do
    runner.progress(0, 0, "the soak", HANG)
    async.sleep(0.1)
    if seconds(state) - told > TELL_EVERY then
      told = seconds(state)
      tellProgress(state, g)
    end
  end
  g:stop()
  state.isOver = true
  runner.progress(0, 0, "the end of the soak", HANG)
  for _, task in ipairs(tasks) do task:join(90) end
  judgeClients(verdict, state)
  judgeMemory(verdict, g)
  judgeDescriptors(verdict, s.pid, before)
  local ok, err = pcall(s.stop, s)
  judge(verdict, ok, "luaws has ended as it should%s", ok and "" or ": " .. tostring(err))
  judgeCounts(verdict, s.stdout)
  judgeLog(verdict, s.stderr)
  return verdict
end

-- May wait.
function command.run(arguments)
  local first = arguments[1] or ""
  local minutes, lives = tonumber(first), math.tointeger(tonumber(first:match("^(%d+)%-lives$")))
  if (minutes or 0) <= 0 and not lives then
    io.stderr:write("luaws-spec: how many minutes?\n", USAGE, "\n")
    os.exit(2)
  end
  math.randomseed(os.time())
  local state = { seconds = minutes and minutes * 60, maxLives = lives, lives = {}, failures = {} }
  local verdict = async.isolated(run, state, { select(2, table.unpack(arguments)) })
  return verdict.passed, verdict.failed
end

return command
