-- Upper bounds on time, each judged by the best of several attempts: what luaws does is the same in all of them, what
-- else the machine does is not. (A lower bound needs none of this: nothing makes a clock run fast.)
--
--   attempts.within(0.25, "an echo", function()
--     ...
--     return seconds
--   end)
--
-- attempts.within(bound, what, measure)   calls measure() until it returns less than `bound` seconds (scaled like all
--     time-outs), five times at most, and with longer and longer pauses, so that a busy moment of the machine is over
--     by the last. Fails with all the figures when none was below. What measure() opens is closed behind each attempt
--     (async.isolated); what it raises is raised at once. Returns the figure below the bound.
-- attempts.time(fn, ...)                   the seconds that fn(...) takes

local uv = require "luv"
local async = require "spec.support.async"

local attempts = {}

local COUNT = 5
local FIRST_PAUSE = 0.2 -- seconds; each further one is twice as long

function attempts.time(fn, ...)
  local began = uv.hrtime()
  fn(...)
  return (uv.hrtime() - began) / 1e9
end

function attempts.within(bound, what, measure)
  local limit, figures = async.seconds(bound), {}
  for i = 1, COUNT do
    if i > 1 then async.sleep(FIRST_PAUSE * 2 ^ (i - 2)) end
    local seconds = async.isolated(measure)
    if seconds < limit then return seconds end
    figures[i] = ("%.4g s"):format(seconds)
  end
  error(("%s took %s: never less than %.4g s"):format(what, table.concat(figures, ", "), limit), 2)
end

return attempts
