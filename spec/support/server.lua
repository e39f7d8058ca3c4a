-- Runs luaws as a child of the specs, on a port of its own choice.
--
--   local server = require "spec.support.server"
--
--   local s = server.start [[
--     serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/chat" })
--   ]]
--   s.port, s.pid          where it listens; its process
--   s:line()               the next line that the script printed; waits for it
--   s:awaitLog("text")     waits until the log (stderr) holds the text; s.stderr is all of it so far
--   s:assertPeakBelow(n)   it never took more than n MiB of memory
--   s:memory()             MiB that it has in memory now; and the most since its start or s:resetPeak()
--   s:release()            lets a script go on that computes in spin(), or waits until it can remove the file
--                          arg[0] .. ".go"
--   s:stop()               SIGTERM; awaits the end, which must be clean. Comes by itself when the test is over
--
-- server.start(script [, options])   a script's text; a prelude in front of its first line gives it `luaws`,
--     serve(connection, options, server), say(...), which prints a line, and spin(), which says "spins" and computes
--     until the spec calls s:release(). Without a closeTimeout or pingInterval among its options serve gives one that
--     is longer than any spec waits: who needs these clocks names them. Returns when its main chunk has ended.
-- server.startFile(path [, options]) a script's file; returns when it has told its address. Where that is https or
--     wss, clients that are given `s` speak TLS, and believe any certificate.
-- server.run(script [, options])     runs a program that ends by itself (no prelude): a finished child, with
--     .code, .signal, .stdout, .stderr.
-- server.launch(words [, options])   luaws with these arguments: a child that runs (s:line(), s:awaitExit())
-- server.folder(files)               a new temporary folder with these files ({ ["a/b.txt"] = "text" }); its path
--
-- Options: `tls` (true, or { cert =, key = }: serves https and wss with these; clients that are given `s` then speak
-- TLS, as s.tls says, which may be changed), `workers`, `ioThreads` (how many; start waits for all workers), `args`
-- (before the script), `scriptArgs` (behind it), `files` (beside it: { name = text }), `env`, `cwd`, `input` (for
-- stdin), `lines` (startFile: how many start lines there are), `exitCode` (what stop expects; 0), `noPort` (no
-- --port 0), `closeStdout` (nobody reads it), `descriptors` (how many it may have), `faults` (the rules of a
-- luaws-faults, see spec/faults/faults.c); run: `program` (all arguments instead of a script), `timeout`.
--
-- LUAWS_SPEC_ARGS in the environment goes before the arguments of each: LUAWS_SPEC_ARGS="--io-threads 2". With
-- LUAWS_SPEC_TLS=1 each server.start has `tls`, so that all of e2e runs over TLS; a file that is about something which
-- TLS hides sets server.isPlain, a test passes `tls = false`.
--
-- When a test fails, the end of the log of each server that runs is printed. A report by a sanitizer always fails.

local uv = require "luv"
local assert = require "luassert"
local busted = require "busted"
local async = require "spec.support.async"
local certificates = require "spec.support.certificates"
local child = require "spec.support.child"

local server = {}
local Server = {}
Server.__index = Server

local ALWAYS = {}
for word in (os.getenv("LUAWS_SPEC_ARGS") or ""):gmatch("%S+") do ALWAYS[#ALWAYS + 1] = word end
local ALWAYS_WORKERS = tonumber((os.getenv("LUAWS_SPEC_ARGS") or ""):match("%-%-workers (%d+)"))
local ALWAYS_TLS = os.getenv "LUAWS_SPEC_TLS" == "1"
local BIN = assert(os.getenv("LUAWS_BIN"), "LUAWS_BIN names the luaws under test")
local FAULTS_BIN = BIN .. "-faults" -- beside it
local STOP_TIMEOUT = 30
local LOG_SHOWN = 20000 -- bytes of a log, its end
local READY = "spec: ready "

-- One line, so that the line numbers of a script stay its own.
local PRELUDE = ([[
luaws = require "luaws"
function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  print(table.concat(words, " "))
end
function serve(connection, options, handler)
  handler, options = handler or {}, options or {}
  if options.closeTimeout == nil then options.closeTimeout = 60 end
  if options.pingInterval == nil then options.pingInterval = 300 end
  handler.onConnection = handler.onConnection or function() return connection end
  return luaws.WebSocketServer.new(handler, options)
end
function spin()
  say "spins"
  repeat until os.remove(arg[0] .. ".go")
end
]]):gsub("\n%s*", " ")

local ENDING = "\nio.stderr:write(('" .. READY .. "%d\\n'):format(luaws.webServer.port or 0))\n"

-- Runs its arguments with so many descriptors.
local LIMITED = 'ulimit -n "$0" && exec "$@"'

local SANITIZER_REPORTS = { "Sanitizer: ", "runtime error: ", "Sanitizer:DEADLYSIGNAL" }

local running = {} -- in the order of their start

-- Files

local function removeTree(path)
  local scan = uv.fs_scandir(path)
  while scan do
    local name, kind = uv.fs_scandir_next(scan)
    if not name then break end
    local entry = path .. "/" .. name
    if kind == "directory" then removeTree(entry) else uv.fs_unlink(entry) end
  end
  uv.fs_rmdir(path)
end

local function writeFile(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

function server.folder(files)
  local root = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/luaws-spec-XXXXXX"))
  async.defer(removeTree, root)
  for name, text in pairs(files or {}) do
    local path = root
    for part in name:gmatch("([^/]+)/") do
      path = path .. "/" .. part
      uv.fs_mkdir(path, 493) -- 0755
    end
    writeFile(root .. "/" .. name, text)
  end
  return root
end

-- Children

local function closeOnce(handle)
  if not handle:is_closing() then handle:close() end
end

local function collect(self, pipe, field, onText)
  self.open = self.open + 1
  pipe:read_start(function(_, text)
    if text then
      self[field] = self[field] .. text
      if onText then onText(self, text) end
    else
      closeOnce(pipe)
      self.open = self.open - 1
    end
    child.notify(self)
  end)
end

-- Whole lines of the script's output go into a queue.
local function splitLines(self, text)
  local all, start = self.partial .. text, 1
  for stop in all:gmatch("()\n") do
    self.lines:push(all:sub(start, stop - 1))
    start = stop + 1
  end
  self.partial = all:sub(start)
end

local function spawn(args, options)
  local self = setmetatable({
    stdout = "", stderr = "", partial = "", lines = async.queue(), waiting = {}, open = 1,
    exitCode = options.exitCode or 0,
  }, Server)
  local stdin, stdout, stderr = uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
  local pid
  local bin = options.faults and FAULTS_BIN or BIN
  local program = bin
  if options.descriptors then
    program, args = "/bin/sh", { "-c", LIMITED, tostring(options.descriptors), bin, table.unpack(args) }
  end
  local env = child.environment(options.env)
  env[#env + 1] = options.faults and "LUAWS_FAULTS=" .. options.faults
  self.tls = options.tls and {}
  self.handle, pid = uv.spawn(program, {
    args = args, cwd = options.cwd, env = env, stdio = { stdin, stdout, stderr },
  }, function(code, signal)
    self.code, self.signal = code, signal
    self.handle:close()
    self.open = self.open - 1
    child.notify(self)
  end)
  if not self.handle then
    for _, pipe in ipairs({ stdin, stdout, stderr }) do pipe:close() end
    error(("can't start %s: %s"):format(program, pid), 0)
  end
  self.pid = pid
  collect(self, stderr, "stderr")
  if options.closeStdout then stdout:close() else collect(self, stdout, "stdout", splitLines) end
  if options.input then stdin:write(options.input) end
  stdin:shutdown(function() closeOnce(stdin) end)
  running[#running + 1] = self
  async.defer(function() self:finish() end)
  return self
end

local function hasEnded(self)
  return self.open == 0
end

local function sanitizerReport(self)
  for _, text in ipairs(SANITIZER_REPORTS) do
    if self.stderr:find(text, 1, true) then return true end
  end
end

-- The process is gone and all its output is read.
local function settle(self)
  for i, other in ipairs(running) do
    if other == self then table.remove(running, i) break end
  end
  self.settled = true
  if sanitizerReport(self) then error("a sanitizer reports:\n" .. self.stderr, 0) end
end

function Server:signalProcess(name)
  if self.code == nil then self.handle:kill(name) end
end

-- Waits for the end; returns the exit code and the signal that ended it.
function Server:awaitExit(timeout)
  child.waitFor(self, function() return hasEnded(self) end, timeout or STOP_TIMEOUT, "the end of luaws")
  settle(self)
  return self.code, self.signal
end

function Server:stop()
  self:signalProcess("sigterm")
  local code, signal = self:awaitExit()
  if code ~= self.exitCode or signal ~= 0 then
    error(("luaws ended with code %d, signal %d; its log:\n%s"):format(code, signal, self.stderr), 0)
  end
end

function Server:kill()
  self:signalProcess("sigkill")
  self:awaitExit()
end

-- At the end of the test: what the test itself has ended needs nothing more.
function Server:finish()
  if self.settled then return end
  local ok, err = pcall(self.stop, self)
  if not hasEnded(self) then
    self:signalProcess("sigkill")
    child.waitFor(self, function() return hasEnded(self) end, STOP_TIMEOUT, "the end of a killed luaws")
  end
  if not self.settled then pcall(settle, self) end
  if not ok then error(err .. "\n" .. self.stderr, 0) end
end

function Server:line(timeout)
  return self.lines:pop(timeout, "a line from the script")
end

-- Asserts that the script prints exactly these lines next.
function Server:expectLines(...)
  for _, expected in ipairs({ ... }) do assert.equal(expected, (self:line())) end
end

function Server:release()
  writeFile(self.folder .. "/script.lua.go", "")
end

function Server:memory()
  local file = assert(io.open(("/proc/%d/status"):format(self.pid)))
  local status = file:read("a")
  file:close()
  return tonumber(status:match("VmRSS:%s+(%d+)")) / 1024, tonumber(status:match("VmHWM:%s+(%d+)")) / 1024
end

-- From here on the peak counts afresh (proc(5), clear_refs).
function Server:resetPeak()
  writeFile(("/proc/%d/clear_refs"):format(self.pid), "5")
end

-- Asserts that luaws never took more memory than this. A sanitizer's own memory says nothing.
function Server:assertPeakBelow(megabytes)
  if async.seconds(1) > 1 then return end
  local _, peak = self:memory()
  assert.is_true(peak < megabytes, ("it took %.1f MiB"):format(peak))
end

function Server:awaitLog(text, timeout)
  child.waitFor(self, function() return self.stderr:find(text, 1, true) or hasEnded(self) end, timeout,
    "the log to hold: " .. text)
  if not self.stderr:find(text, 1, true) then
    error(("luaws has ended without logging %q"):format(text), 2)
  end
end

-- Start

local function arguments(script, options)
  local args = table.move(ALWAYS, 1, #ALWAYS, 1, {})
  if options.workers then table.move({ "--workers", tostring(options.workers) }, 1, 2, #args + 1, args) end
  if options.ioThreads then table.move({ "--io-threads", tostring(options.ioThreads) }, 1, 2, #args + 1, args) end
  if options.tls then
    local pair = options.tls == true and certificates.server or options.tls
    table.move({ "--tls-cert", pair.cert, "--tls-key", pair.key }, 1, 4, #args + 1, args)
  end
  if not options.noPort then table.move({ "--port", "0" }, 1, 2, #args + 1, args) end
  for _, argument in ipairs(options.args or {}) do args[#args + 1] = argument end
  args[#args + 1] = script
  for _, argument in ipairs(options.scriptArgs or {}) do args[#args + 1] = argument end
  return args
end

local function folderWith(script, options)
  local files = { ["script.lua"] = script }
  for name, text in pairs(options.files or {}) do files[name] = text end
  return server.folder(files)
end

local function failStart(self)
  self:awaitExit()
  error(("luaws has not started, code %d:\n%s"):format(self.code, self.stderr), 0)
end

function server.start(script, options)
  options = options or {}
  local isWanted = ALWAYS_TLS and options.tls == nil and not options.noPort and not server.isPlain
  if isWanted then options = setmetatable({ tls = true }, { __index = options }) end
  local folder = folderWith(PRELUDE .. script .. ENDING, options)
  local self = spawn(arguments(folder .. "/script.lua", options), options)
  self.folder = folder
  local port = child.waitFor(self, function()
    if hasEnded(self) then return "ended" end
    local ports = {}
    for port in self.stderr:gmatch(READY .. "(%d+)\n") do ports[#ports + 1] = port end
    return #ports >= (options.workers or ALWAYS_WORKERS or 1) and ports[1]
  end, nil, "luaws to start")
  if port == "ended" then failStart(self) end
  self.port = math.tointeger(tonumber(port))
  return self
end

local function countStartLines(text)
  return select(2, text:gsub("luaws: %l+ %l+://", ""))
end

function server.startFile(path, options)
  options = options or {}
  local self = spawn(arguments(path, options), options)
  local lines = options.lines or 1
  child.waitFor(self, function() return countStartLines(self.stderr) >= lines or hasEnded(self) end, nil,
    "luaws to tell its address")
  if hasEnded(self) then failStart(self) end
  local scheme, told = self.stderr:match("luaws: %l[^\n]- (%l+)://[^/\n]*:(%d+)")
  self.port = math.tointeger(tonumber(told))
  if scheme == "https" or scheme == "wss" then self.tls = { ca = false } end
  return self
end

-- A luaws with these words behind it, which runs.
function server.launch(words, options)
  return spawn(words, options or {})
end

function server.run(script, options)
  options = options or {}
  local args = options.program
  if not args then
    local folder = folderWith(script, options)
    args = arguments(folder .. "/script.lua", options)
  end
  local self = server.launch(args, options)
  self:awaitExit(options.timeout)
  return self
end

-- The log of a test that fails

local function showLogs()
  for _, self in ipairs(running) do
    if self.stderr ~= "" then
      local log = #self.stderr > LOG_SHOWN and "...\n" .. self.stderr:sub(-LOG_SHOWN) or self.stderr
      io.write("  log of luaws, process ", self.pid, ":\n", (log:gsub("[^\n]+", "    %0")), "\n")
    end
  end
  return nil, true
end

-- (There are none outside busted: the soak.)
for _, channel in ipairs(busted.subscribe and { "failure", "error" } or {}) do
  local subscription = busted.subscribe({ channel }, showLogs)
  async.defer(busted.unsubscribe, subscription.id, { channel })
end

return server
