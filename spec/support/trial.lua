-- Runs `luaws test`:
--
--   local run = trial.run(files [, words [, options]])    a finished child (server.run)
--
-- `files` is a table for server.folder, or the text of spec/a_spec.lua alone, to which one line is added in front that
-- gives it `luaws` and `testing`. `words` follow "luaws test".
--
--   trial.has(run, text)                           asserts that it is in the output
--   trial.counts(run, successes, failures, errors)
--   trial.passes(files, count [, words [, options]])      runs them: all pass, and there are so many

local assert = require "luassert"
local server = require "spec.support.server"

local trial = {}

trial.HEAD = 'local luaws, testing = require "luaws", require "luaws.testing"\n'

function trial.run(files, words, options)
  if type(files) == "string" then files = { ["spec/a_spec.lua"] = trial.HEAD .. files } end
  local settings = { program = { "test", table.unpack(words or {}) }, cwd = server.folder(files) }
  for name, value in pairs(options or {}) do settings[name] = value end
  return server.run(nil, settings)
end

function trial.has(run, text)
  assert.truthy(run.stdout:find(text, 1, true), ("no %q in:\n%s%s"):format(text, run.stdout, run.stderr))
end

local function count(n, one, many)
  return ("%d %s"):format(n, n == 1 and one or many)
end

function trial.counts(run, successes, failures, errors)
  trial.has(run, ("%s / %s / %s"):format(count(successes, "success", "successes"),
    count(failures, "failure", "failures"), count(errors, "error", "errors")))
end

function trial.passes(files, successes, words, options)
  local run = trial.run(files, words, options)
  assert.equal(0, run.code, run.stdout .. run.stderr)
  trial.counts(run, successes, 0, 0)
  return run
end

return trial
