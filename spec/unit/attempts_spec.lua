-- What bounds on time are judged by: spec/support/attempts.lua.

local uv = require "luv"
local async = require "spec.support.async"
local attempts = require "spec.support.attempts"

-- measure() for attempts.within: these figures in turn; and how often it has been called.
local function takes(...)
  local figures, calls = { ... }, 0
  return function()
    calls = calls + 1
    return async.seconds(figures[calls])
  end, function() return calls end
end

describe("a bound on time", function()
  local pause = attempts.firstPause
  setup(function() attempts.firstPause = 0.001 end)
  teardown(function() attempts.firstPause = pause end)

  it("holds when the first attempt is below it", function()
    local measure, calls = takes(0.9, 0.1)
    assert.equal(async.seconds(0.9), attempts.within(1, "it", measure))
    assert.equal(1, calls())
  end)

  it("holds when a later one is", function()
    local measure, calls = takes(2, 1, 0.5)
    attempts.within(1, "it", measure)
    assert.equal(3, calls())
  end)

  it("fails with all figures when none of eight is", function()
    local measure, calls = takes(2, 1, 1.5, 7, 3, 1, 4, 1, 0)
    local ok, err = pcall(function()
      attempts.within(1, "it", measure)
    end)
    assert.is_false(ok)
    assert.equal(attempts.COUNT, calls())
    assert.truthy(err:find("attempts_spec.lua", 1, true))
    local figures = {}
    for i, n in ipairs { 2, 1, 1.5, 7, 3, 1, 4, 1 } do figures[i] = ("%.4g s"):format(async.seconds(n)) end
    assert.truthy(err:find("it: " .. table.concat(figures, ", ") .. ", never less than ", 1, true), err)
  end)

  it("fails at once by what an attempt raises", function()
    local calls = 0
    local ok, err = pcall(attempts.within, 1, "it", function()
      calls = calls + 1
      error("wrong", 0)
    end)
    assert.same({ false, "wrong", 1 }, { ok, err, calls })
  end)

  it("closes behind each attempt what it has opened", function()
    local open, figures = 0, takes(2, 0)
    attempts.within(1, "it", function()
      assert.equal(0, open)
      open = open + 1
      async.defer(function() open = open - 1 end)
      return figures()
    end)
    assert.equal(0, open)
  end)

  it("may be on another figure than time", function()
    assert.equal(9, attempts.below(10, "it", function(attempt) return 11 - attempt end))
  end)

  it("is about the time that passes", function()
    local seconds = attempts.time(function(span) uv.sleep(span) end, 20)
    assert.is_true(seconds >= 0.02)
  end)
end)
