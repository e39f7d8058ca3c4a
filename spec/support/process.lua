-- Runs a program that ends by itself:
--
--   local run = process.run("node", { "run.mjs" })    run.code, run.signal, run.stdout, run.stderr
--
-- process.run(program [, arguments [, timeout]])  waits for its end and for that of its output.

local uv = require "luv"
local async = require "spec.support.async"

local process = {}

local function readAll(pipe, done)
  local chunks = {}
  pipe:read_start(function(_, chunk)
    chunks[#chunks + 1] = chunk
    if chunk then return end
    pipe:close()
    done(table.concat(chunks))
  end)
end

function process.run(program, arguments, timeout)
  return async.await(function(done)
    local run, waiting = {}, 3
    local function finishPart()
      waiting = waiting - 1
      if waiting == 0 then done(run) end
    end
    local stdout, stderr = uv.new_pipe(false), uv.new_pipe(false)
    local handle
    handle = assert(uv.spawn(program, { args = arguments, stdio = { nil, stdout, stderr } },
      function(code, signal)
        handle:close()
        run.code, run.signal = code, signal
        finishPart()
      end))
    readAll(stdout, function(text) run.stdout = text finishPart() end)
    readAll(stderr, function(text) run.stderr = text finishPart() end)
  end, timeout, program .. " to end")
end

return process
