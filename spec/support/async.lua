-- Waiting in specs. luaws-spec runs busted in a coroutine over luv's loop, so a test, a hook or a
-- helper may simply wait:
--
--   local async = require "spec.support.async"
--
--   it("answers", function()
--     local line = async.await(function(done)
--       socket:read_start(function(_, data) done(data) end)
--     end)
--     assert.equal("hello", line)
--   end)
--
-- async.await(start [, timeout [, what]])  calls start(done) and waits until done(...) is called,
--     at once or from a callback; returns what done was given. Later calls of done do nothing.
-- async.spawn(fn, ...)     runs fn as a task beside the test; returns it. A task may wait too.
-- task:join([timeout])     waits for its end; returns what fn returned, raises what it raised.
-- async.queue()            what callbacks produce and tests consume:
--     queue:push(...)      adds a row of values, or gives it to the one that waits longest
--     queue:close(...)     nothing more comes: pop returns these values once it is empty
--     queue:pop([timeout [, what]])   the next row; waits for it
--     queue.count          rows that wait
-- async.eventually(condition [, timeout [, what]])  asks again and again until condition() returns
--     something true, and returns that: only for what announces itself by no event.
-- async.sleep(seconds)     only to see that something does not happen: never to wait for what does.
-- async.defer(fn, ...)     calls fn when the running test is over (in setup: the describe; in the
--     body of a file or describe: that), last one first. What a helper opens it closes like that.
--     fn may wait; it runs before after_each, and after teardown.
-- async.isolated(fn, ...)  calls fn, in this task or test; what it defers is done when it returns or
--     raises, not later. Returns what fn returned.
-- async.fail(err)          makes the running test fail, from a callback. An error that a luv
--     callback raises comes here by itself.
-- async.seconds(n)         n seconds, scaled like all time-outs by LUAWS_TEST_TIMEOUT_FACTOR.
--
-- Times are in seconds. Every wait ends after `timeout` (30; 10 once one has run out, so that many
-- that hang don't take for ever), scaled, with an error that says where and for what; every test
-- after 180, scaled. That is far more than anything takes: a machine may stand still for moments.
-- A test fails when a task it spawned is still waiting at its end, or raised and was not joined.
-- Don't wait in a coroutine of your own: spawn a task.

local uv = require "luv"

local async = {}

local TIMEOUT, LATER_TIMEOUT = 30, 10
local TEST_TIMEOUT = 180
local OWN_SOURCE = debug.getinfo(1, "S").source
local POLL_INTERVAL = 0.005

local factor = tonumber(os.getenv("LUAWS_TEST_TIMEOUT_FACTOR") or "") or 1

local defaultTimeout = TIMEOUT
local runnerCoroutine -- the one that busted runs in
local core            -- busted's core, for the element that runs
local pendingError    -- a failure that arrived while nothing waited
local waits = setmetatable({}, { __mode = "k" })  -- coroutine -> its wait
local tasksOf = setmetatable({}, { __mode = "k" }) -- coroutine -> its task
local tasks = {}    -- those spawned since the test began
local deferred = {} -- scope (an element, or a table of async.isolated's) -> stack of functions
local isolations = setmetatable({}, { __mode = "k" }) -- coroutine -> the scope it is isolated in
local watchdog      -- the running test's timer

function async.seconds(n)
  return n * factor
end

-- The first line of a spec in the call stack of `co`, or of whatever waits.
local function specPosition(co)
  local fallback
  for level = 0, 40 do
    local info = debug.getinfo(co, level, "Sl")
    if not info then break end
    local here = ("%s:%d"):format(info.short_src, info.currentline)
    if info.short_src:find("_spec.lua", 1, true) then return here end
    if info.what ~= "C" and info.source ~= OWN_SOURCE and not fallback then fallback = here end
  end
  return fallback or "?"
end

local function resume(co, ...)
  local ok, err = coroutine.resume(co, ...)
  if not ok then error(err, 0) end
end

local function stopClock(wait)
  if wait.timer then
    wait.timer:stop()
    wait.timer:close()
    wait.timer = nil
  end
end

-- Ends a wait, whether its coroutine sleeps already or is still in start().
local function settle(wait, ...)
  if wait.results then return end
  wait.results = table.pack(...)
  stopClock(wait)
  if wait.asleep then resume(wait.co) end
end

local function startClock(wait, timeout, what)
  local span = async.seconds(timeout or defaultTimeout)
  uv.update_time()
  wait.timer = uv.new_timer()
  local function fail()
    if not timeout then defaultTimeout = LATER_TIMEOUT end
    settle(wait, false, ("%s: timed out after %g s waiting%s"):format(specPosition(wait.co), span,
      what and " for " .. what or ""))
  end
  -- This thread may have been busy itself, and what has come meanwhile lies unread: one more turn of the loop.
  wait.timer:start(math.ceil(span * 1000), 0, function() wait.timer:start(1, 0, fail) end)
end

local function throwPendingError()
  local err = pendingError
  pendingError = nil
  if err ~= nil then error(err, 0) end
end

function async.await(start, timeout, what)
  local co = coroutine.running()
  if co ~= runnerCoroutine and not tasksOf[co] then
    error("waiting works in the test's own coroutine and in tasks (async.spawn) only", 2)
  end
  throwPendingError()
  local wait = { co = co }
  start(function(...) settle(wait, true, ...) end)
  if not wait.results then
    startClock(wait, timeout, what)
    waits[co] = wait
    wait.asleep = true
    coroutine.yield()
    waits[co] = nil
  end
  if not wait.results[1] then error(wait.results[2], 0) end
  return table.unpack(wait.results, 2, wait.results.n)
end

function async.fail(err)
  local wait = runnerCoroutine and waits[runnerCoroutine]
  if wait then
    settle(wait, false, err)
  elseif pendingError == nil then
    pendingError = err
  end
end

function async.sleep(seconds)
  async.await(function(done)
    uv.update_time()
    local timer = uv.new_timer()
    timer:start(math.ceil(seconds * 1000), 0, function()
      timer:close()
      done()
    end)
  end, seconds + defaultTimeout)
end

function async.eventually(condition, timeout, what)
  local deadline = uv.hrtime() + async.seconds(timeout or defaultTimeout) * 1e9
  while true do
    local result = condition()
    if result then return result end
    if uv.hrtime() > deadline then
      error(("%s: never came true%s"):format(specPosition(coroutine.running()), what and ": " .. what or ""), 0)
    end
    async.sleep(POLL_INTERVAL)
  end
end

-- Tasks

local Task = {}
Task.__index = Task

local function addTraceback(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end

function async.spawn(fn, ...)
  local task = setmetatable({ position = specPosition(coroutine.running()), joiners = {} }, Task)
  local co = coroutine.create(function(...)
    task.results = table.pack(xpcall(fn, addTraceback, ...))
    for _, done in ipairs(task.joiners) do done() end
  end)
  task.co = co
  tasksOf[co] = task
  tasks[#tasks + 1] = task
  resume(co, ...)
  return task
end

function Task:join(timeout)
  self.joined = true
  if not self.results then
    async.await(function(done) table.insert(self.joiners, done) end, timeout,
      "the task of " .. self.position)
  end
  if not self.results[1] then error(self.results[2], 0) end
  return table.unpack(self.results, 2, self.results.n)
end

-- A task that waits for ever would wake up in a later test.
local function cancel(task)
  local wait = waits[task.co]
  if wait then
    stopClock(wait)
    wait.results = { n = 0 }
  end
  return not task.results
end

local function endTasks()
  local err
  for _, task in ipairs(tasks) do
    if cancel(task) then
      err = err or (task.position .. ": the task was still waiting when the test ended")
    elseif not task.results[1] and not task.joined then
      err = err or task.results[2]
    end
  end
  tasks = {}
  if err ~= nil then error(err, 0) end
end

-- Queues

local Queue = {}
Queue.__index = Queue

function async.queue()
  return setmetatable({ rows = {}, first = 1, count = 0, takers = {} }, Queue)
end

function Queue:push(...)
  while self.takers[1] do
    local taker = table.remove(self.takers, 1)
    if taker(...) then return end
  end
  self.rows[self.first + self.count] = table.pack(...)
  self.count = self.count + 1
end

function Queue:close(...)
  self.closing = self.closing or table.pack(...)
  local takers = self.takers
  self.takers = {}
  for _, taker in ipairs(takers) do taker(...) end
end

function Queue:pop(timeout, what)
  if self.count > 0 then
    local row = self.rows[self.first]
    self.rows[self.first] = nil
    self.first = self.first + 1
    self.count = self.count - 1
    return table.unpack(row, 1, row.n)
  end
  if self.closing then return table.unpack(self.closing, 1, self.closing.n) end
  local waiting = true
  local results = table.pack(pcall(async.await, function(done)
    table.insert(self.takers, function(...)
      if not waiting then return false end
      waiting = false
      done(...)
      return true
    end)
  end, timeout, what or "a row in the queue"))
  waiting = false
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- Ends

-- The test, describe or file at whose end that is undone which is done now.
local function currentScope()
  local isolation = isolations[coroutine.running()]
  if isolation then return isolation end
  local element = core.context.get()
  while element.descriptor:match("_setup$") or element.descriptor:match("_teardown$") do
    element = core.context.parent(element)
  end
  local hook = element.descriptor
  if hook == "it" or hook == "before_each" or hook == "after_each" then return "test" end
  return element
end

function async.defer(fn, ...)
  local scope = currentScope()
  deferred[scope] = deferred[scope] or {}
  table.insert(deferred[scope], table.pack(fn, ...))
end

local function runDeferred(scope)
  local stack = deferred[scope] or {}
  deferred[scope] = nil
  local failed, failure = false, nil
  for i = #stack, 1, -1 do
    local call = stack[i]
    local ok, err = pcall(call[1], table.unpack(call, 2, call.n))
    if not ok and not failed then failed, failure = true, err end
  end
  if failed then error(failure, 0) end
end

function async.isolated(fn, ...)
  local co, scope = coroutine.running(), {}
  local outer = isolations[co]
  isolations[co] = scope
  local results = table.pack(pcall(fn, ...))
  local ok, err = pcall(runDeferred, scope)
  isolations[co] = outer
  if not results[1] then error(results[2], 0) end
  if not ok then error(err, 0) end
  return table.unpack(results, 2, results.n)
end

-- A test may wait often, each time less than its time-out; all in all it may not take for ever.
local function onTestStart()
  local span = async.seconds(TEST_TIMEOUT)
  uv.update_time()
  watchdog = watchdog or uv.new_timer()
  watchdog:start(math.ceil(span * 1000), 0, function()
    async.fail(("the test has taken %g s and is not over"):format(span))
  end)
  watchdog:unref()
  return nil, true
end

local function onTestEnd()
  watchdog:stop()
  local ok, err = pcall(runDeferred, "test")
  endTasks()
  throwPendingError()
  if not ok then error(err, 0) end
  return nil, true
end

local function onScopeEnd(element)
  runDeferred(element)
  return nil, true
end

-- For runner.lua: the coroutine in which busted runs, and busted's core.

function async.adopt(co)
  runnerCoroutine = co
end

function async.follow(bustedCore)
  core = bustedCore
  core.subscribe({ "test", "start" }, onTestStart, { priority = 1 })
  core.subscribe({ "test", "end" }, onTestEnd, { priority = 1 })
  core.subscribe({ "describe", "end" }, onScopeEnd, { priority = 1 })
  core.subscribe({ "file", "end" }, onScopeEnd, { priority = 1 })
end

return async
