-- src/base/wheel: timers against a model that looks at each of them.

local base = require("probe").base

local function expired(wheel)
  local list = {}
  for timer in function() return wheel:pop() end do list[#list + 1] = timer end
  return list
end

-- Sets a timer and steps on as a loop would, by wheel:timeout() at most; returns when it came.
local function waitFor(wheel, now, timer)
  for _ = 1, 100 do
    local timeout = wheel:timeout()
    assert.is_truthy(timeout, "the timer is forgotten")
    assert.is_true(timeout > 0)
    now = now + timeout
    wheel:advance(now)
    local list = expired(wheel)
    if #list > 0 then
      assert.same({ timer }, list)
      return now
    end
  end
  error("woken a hundred times for one timer")
end

describe("the timing wheel", function()
  it("has nothing to wait for at first", function()
    local wheel = base.wheel(1000)
    assert.is_nil(wheel:timeout())
    wheel:advance(1 << 50)
    assert.same({}, expired(wheel))
  end)

  for _, start in ipairs { 0, 1, 63, 64, 4095, 1000003, (1 << 36) - 1, 1 << 40 } do
    it("comes to the millisecond when started at " .. start, function()
      for _, distance in ipairs {
        1, 2, 62, 63, 64, 65, 127, 128, 4031, 4032, 4095, 4096, 4097, 100000, 262143, 262144, 262145, 16777216,
        3600000, 86400000, (1 << 30) - 1, 1 << 30, (1 << 36) - 1, 1 << 36, (1 << 36) + 12345, 1 << 40,
      } do
        local wheel = base.wheel(start)
        wheel:start(1, start + distance)
        assert.equal(start + distance, waitFor(wheel, start, 1), distance)
        assert.is_nil(wheel:timeout())
      end
    end)
  end

  it("counts the past and now as one tick ahead", function()
    for _, due in ipairs { 0, 999, 1000, 1001 } do
      local wheel = base.wheel(1000)
      wheel:start(1, due)
      assert.equal(1, wheel:timeout())
      wheel:advance(1000)
      assert.same({}, expired(wheel))
      wheel:advance(1001)
      assert.same({ 1 }, expired(wheel))
    end
  end)

  it("gives what is due in the order of the deadlines, also after one long step", function()
    local wheel = base.wheel(0)
    local dues = { 5, 3, 70, 64, 5000, 4096, 1, 262144, 100, 63, 65, 20000000, 128 }
    for timer, due in ipairs(dues) do wheel:start(timer, due) end
    wheel:advance(1 << 40)
    local list = expired(wheel)
    assert.equal(#dues, #list)
    for i = 2, #list do assert.is_true(dues[list[i - 1]] < dues[list[i]]) end
  end)

  it("moves a timer that runs", function()
    local wheel = base.wheel(0)
    wheel:start(1, 10)
    wheel:start(1, 100)
    wheel:advance(99)
    assert.same({}, expired(wheel))
    wheel:start(1, 5000)
    wheel:start(1, 100)
    wheel:advance(100)
    assert.same({ 1 }, expired(wheel))
  end)

  it("forgets a timer that is stopped", function()
    local wheel = base.wheel(0)
    assert.is_false(wheel:isRunning(1))
    wheel:stop(1)
    wheel:start(1, 10)
    assert.is_true(wheel:isRunning(1))
    wheel:stop(1)
    wheel:stop(1)
    assert.is_false(wheel:isRunning(1))
    wheel:advance(100)
    assert.same({}, expired(wheel))
    assert.is_nil(wheel:timeout())
  end)

  it("lets timers that are due be stopped and started before they are taken", function()
    local wheel = base.wheel(0)
    for timer = 1, 3 do wheel:start(timer, 10) end
    wheel:advance(10)
    for timer = 1, 3 do assert.is_true(wheel:isRunning(timer)) end
    wheel:stop(1)
    wheel:start(2, 20)
    assert.same({ 3 }, expired(wheel))
    assert.is_false(wheel:isRunning(1))
    wheel:advance(20)
    assert.same({ 2 }, expired(wheel))
  end)

  it("appends to what is already due", function()
    local wheel = base.wheel(0)
    wheel:start(1, 10)
    wheel:start(2, 20)
    wheel:advance(10)
    wheel:advance(20)
    assert.same({ 1, 2 }, expired(wheel))
  end)

  it("stands still when time does not move, or goes back", function()
    local wheel = base.wheel(1000)
    wheel:start(1, 1010)
    wheel:advance(1000)
    wheel:advance(500)
    assert.same({}, expired(wheel))
    wheel:advance(1009)
    assert.same({}, expired(wheel))
    wheel:advance(1010)
    assert.same({ 1 }, expired(wheel))
  end)

  it("starts timers right in the midst of expiring others", function()
    local wheel = base.wheel(0)
    local now, count = 0, 0
    wheel:start(1, 64)
    while count < 500 do
      now = now + wheel:timeout()
      wheel:advance(now)
      for _, timer in ipairs(expired(wheel)) do
        count = count + 1
        assert.equal(64 * count, now)
        wheel:start(timer, now + 64)
      end
    end
  end)

  -- The model: due of each timer that runs. What is due before `now` has come (one tick ahead at least).
  local function runModel(seed, steps, timers, longest, step)
    math.randomseed(seed)
    local now = math.random(0, 1 << 20)
    local wheel, due = base.wheel(now), {}
    for _ = 1, steps do
      for _ = 1, math.random(0, 5) do
        local timer = math.random(timers)
        if math.random(4) == 1 then
          wheel:stop(timer)
          due[timer] = nil
        else
          local at = now + math.random(-5, math.random(longest))
          wheel:start(timer, at)
          due[timer] = math.max(at, now + 1)
        end
      end
      local timeout, next = wheel:timeout(), math.huge
      for _, at in pairs(due) do next = math.min(next, at) end
      if timeout == nil then
        assert.equal(math.huge, next)
      else
        assert.is_true(timeout > 0)
        assert.is_true(now + timeout <= next, "would wake up too late")
      end
      local later = now + step(timeout)
      wheel:advance(later)
      local last = 0
      for _, timer in ipairs(expired(wheel)) do
        local at = due[timer]
        if not at or at > later or at < last then
          error(("timer %d comes at %d, due %s, last %d"):format(timer, later, tostring(at), last))
        end
        last, due[timer] = at, nil
      end
      for timer, at in pairs(due) do
        if at <= later then error(("timer %d, due at %d, hasn't come at %d"):format(timer, at, later)) end
        if not wheel:isRunning(timer) then error(("timer %d runs no more"):format(timer)) end
      end
      now = later
    end
  end

  for name, step in pairs {
    ["small steps"] = function() return math.random(0, 10) end,
    ["steps of all sizes"] = function() return math.random(0, 1 << math.random(0, 20)) end,
    ["a loop's steps"] = function(timeout) return timeout or 1 end,
    ["a loop that comes late"] = function(timeout) return (timeout or 1) + math.random(0, 100) end,
    ["a loop that is woken early"] = function(timeout) return math.random(0, timeout or 1) end,
  } do
    it("does as the model does: " .. name, function()
      runModel(1, 2000, 20, 100, step)
      runModel(2, 2000, 50, 10000, step)
      runModel(3, 1000, 50, 1 << 24, step)
      runModel(4, 300, 300, 1 << 38, step)
    end)
  end
end)
