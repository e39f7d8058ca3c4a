-- Upper bounds that a busy machine may exceed, each judged by the best of several attempts: what luaws does is the same
-- in all of them, what else the machine does is not. (A lower bound on time needs none of this: no clock runs fast.)
--
--   attempts.within(0.25, "an echo", function()
--     ...
--     return seconds
--   end)
--
-- attempts.within(bound, what, measure)   calls measure(1), measure(2)... until one returns less than `bound` seconds
--     (scaled like all time-outs), with longer and longer pauses, so that a busy moment of the machine is over by the
--     last. Fails with all the figures when none was below. What measure opens is closed behind each attempt
--     (async.isolated); what it raises is raised at once. Returns the figure below the bound.
-- attempts.below(limit, what, measure)   the same for any other figure, which nothing scales
-- attempts.time(fn, ...)                 the seconds that fn(...) takes
-- attempts.COUNT                         how many there are at most
-- attempts.firstPause, attempts.longestPause   seconds; each pause is twice as long as the one before, up to that

local uv = require "luv"
local async = require "spec.support.async"

local attempts = {}

attempts.COUNT = 8
attempts.firstPause, attempts.longestPause = 0.2, 3

function attempts.time(fn, ...)
  local began = uv.hrtime()
  fn(...)
  return (uv.hrtime() - began) / 1e9
end

local function try(limit, what, measure, unit)
  local figures = {}
  for i = 1, attempts.COUNT do
    if i > 1 then async.sleep(math.min(attempts.firstPause * 2 ^ (i - 2), attempts.longestPause)) end
    local figure = async.isolated(measure, i)
    if figure < limit then return figure end
    figures[i] = ("%.4g%s"):format(figure, unit)
  end
  error(("%s: %s, never less than %.4g%s"):format(what, table.concat(figures, ", "), limit, unit), 3)
end

function attempts.within(bound, what, measure)
  return (try(async.seconds(bound), what, measure, " s"))
end

function attempts.below(limit, what, measure)
  return (try(limit, what, measure, ""))
end

return attempts
