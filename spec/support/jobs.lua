-- luaws-spec --jobs N [options] [file or folder...]: each file in a process of its own, N at a time.
--
-- Most specs wait more than they compute. What a process prints appears when it has ended.

local uv = require "luv"
local async = require "spec.support.async"

local jobs = {}

-- What takes longest begins first, so that it is not left alone at the end; all others follow by name.
local LONG = { "browser", "conformance", "handler_timeout", "watch", "ws_session", "docs", "testing", "attacks",
  "wired", "runner", "house", "console", "tls_transport", "estimate", "check", "bench", "flawed", "ws_utf8", "limits" }

local PATIENCE = 3600 -- seconds; a test that hangs ends its process much sooner
local TOTAL = "\n?(%d+) passed, (%d+) failed\n$"

local function addSpecs(path, files)
  if uv.fs_stat(path).type ~= "directory" then
    files[#files + 1] = path
    return
  end
  local names = {}
  for name in uv.fs_scandir_next, uv.fs_scandir(path) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local child = path .. "/" .. name
    if name:match "_spec%.lua$" or uv.fs_stat(child).type == "directory" then addSpecs(child, files) end
  end
end

local function putLongFirst(files)
  local place, order = {}, {}
  for i, name in ipairs(LONG) do place[name] = i end
  for i, file in ipairs(files) do order[file] = { place[file:match "([^/]*)_spec%.lua$"] or #LONG + 1, i } end
  table.sort(files, function(a, b)
    local first, second = order[a], order[b]
    if first[1] ~= second[1] then return first[1] < second[1] end
    return first[2] < second[2]
  end)
end

-- Runs luaws-spec with these arguments. Returns all that it has printed, and its exit code.
local function runProcess(arguments)
  local ends, pipe, chunks, code = uv.pipe({ nonblock = true }), uv.new_pipe(), {}, nil
  pipe:open(ends.read)
  async.await(function(done)
    local left = 2 -- its end, and that of what it prints
    local function finish()
      left = left - 1
      if left == 0 then done() end
    end
    local process
    local options = { args = arguments, stdio = { nil, ends.write, ends.write } }
    process = assert(uv.spawn(uv.exepath(), options, function(status, signal)
      code = signal ~= 0 and 128 + signal or status
      process:close()
      finish()
    end))
    uv.fs_close(ends.write)
    pipe:read_start(function(_, bytes)
      if bytes then
        chunks[#chunks + 1] = bytes
      else
        pipe:close()
        finish()
      end
    end)
  end, PATIENCE, table.concat(arguments, " "))
  return table.concat(chunks), code
end

local function runFile(file, options, sum)
  local text, code = runProcess({ file, table.unpack(options) })
  local passed, failed = text:match(TOTAL)
  passed, failed = tonumber(passed) or 0, tonumber(failed) or 0
  if code ~= 0 and failed == 0 then failed = 1 end
  sum.passed, sum.failed = sum.passed + passed, sum.failed + failed
  if failed > 0 then sum.red[#sum.red + 1] = file end
  io.write((text:gsub(TOTAL, "")))
  io.flush()
end

-- `arguments`: N, then luaws-spec's: options, which each process gets, files and folders. Returns how many tests have
-- passed, and failed.
function jobs.run(arguments)
  local count = math.tointeger(tonumber(arguments[1])) or 0
  assert(count > 0, "--jobs takes a number of processes")
  local files, options = {}, {}
  for i = 2, #arguments do
    local isPath = not arguments[i]:match "^%-" and not (arguments[i - 1]:match "^%-%-[fr]")
    if isPath then addSpecs(arguments[i], files) else options[#options + 1] = arguments[i] end
  end
  if #files == 0 then addSpecs("spec", files) end
  putLongFirst(files)
  local sum, at, workers = { passed = 0, failed = 0, red = {} }, 0, {}
  for i = 1, count do
    workers[i] = async.spawn(function()
      while at < #files do
        at = at + 1
        runFile(files[at], options, sum)
      end
    end)
  end
  for _, worker in ipairs(workers) do worker:join(PATIENCE) end
  if #sum.red > 0 then io.write("\nfailed:\n  ", table.concat(sum.red, "\n  "), "\n") end
  io.write "\n"
  return sum.passed, sum.failed
end

return jobs
