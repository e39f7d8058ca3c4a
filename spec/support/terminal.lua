-- Runs a program on a terminal of its own, as a person would:
--
--   local t = terminal.start({ "connect", url }, { columns = 40, rows = 10, env = { NO_COLOR = "1" } })
--   t:type("hello\r")            keys
--   t:await("text"[, what])      until a row of the screen holds it, or until a function of the rows returns true
--   t:awaitLast("row", ...)      until these are the last rows
--   t:quit()                     ctrl-D on an empty line, and checks that it ends well
--   t:lines()                    the rows (spec/support/screen.lua)
--   t.raw                        every byte that the program has written
--   t.pipe:read_stop(), t:read() the terminal shows nothing for a while
--   t:resize(columns, rows)
--   t:isCooked()                 whether the terminal is in its usual state
--   t:kill(signal)
--   t:hangUp()                   the terminal goes away
--   t:awaitExit()                exit code, signal
--
-- Further options: `cwd`, and `command` for the shell in place of START. The program is luaws. It is killed at the end
-- of the test if it still runs.

local assert = require "luassert"
local uv = require "luv"
local probe = require "probe"
local async = require "spec.support.async"
local child = require "spec.support.child"
local screen = require "spec.support.screen"

local BIN = os.getenv("LUAWS_BIN")

local terminal = {}
local Terminal = {}
Terminal.__index = Terminal

-- The leader of a session gets the terminal that it opens first.
local START = 'exec "$0" "$@" <>"$SPEC_TERMINAL" >&0 2>&0'

local function environment(extra, path)
  local names = { TERM = "xterm", NO_COLOR = false, EDITRC = "/nonexistent" }
  for name, value in pairs(extra or {}) do names[name] = value end
  names.SPEC_TERMINAL = path
  return child.environment(names)
end

function terminal.start(args, options)
  options = options or {}
  local columns, rows = options.columns or 80, options.rows or 24
  local fd, inner, path = probe.pty.open(columns, rows)
  local self = setmetatable({ fd = fd, inner = inner, raw = "", waiting = {}, screen = screen.new(columns, rows) },
    Terminal)
  self.pipe = uv.new_pipe(false)
  self.pipe:open(fd)
  self:read()
  local pid
  self.process, pid = uv.spawn("/bin/sh", {
    args = { "-c", options.command or START, BIN, table.unpack(args) },
    env = environment(options.env, path), detached = true, cwd = options.cwd,
  }, function(code, signal)
    self.code, self.signal = code, signal
    self.process:close()
    child.notify(self)
  end)
  assert(self.process, pid)
  self.pid = pid
  async.defer(function() self:close() end)
  return self
end

function Terminal:read()
  self.pipe:read_start(function(_, data)
    if not data then return end
    self.raw = self.raw .. data
    self.screen:write(data)
    child.notify(self)
  end)
end

function Terminal:type(keys)
  self.pipe:write(keys)
end

function Terminal:lines()
  return self.screen:lines()
end

function Terminal:await(wanted, what)
  local function holds()
    local lines = self:lines()
    if type(wanted) == "function" then return wanted(lines) end
    for _, line in ipairs(lines) do
      if line:find(wanted, 1, true) then return true end
    end
  end
  local ok, err = pcall(child.waitFor, self, holds, nil, what or tostring(wanted))
  if not ok then error(err .. "; the screen:\n" .. table.concat(self:lines(), "\n"), 0) end
end

function Terminal:awaitLast(...)
  local wanted = { ... }
  self:await(function(lines)
    for i, line in ipairs(wanted) do
      if lines[#lines - #wanted + i] ~= line then return false end
    end
    return true
  end, table.concat(wanted, " | "))
end

function Terminal:quit()
  self:type("\21\4") -- ctrl-U first: ctrl-D ends where the line is empty
  assert.same({ 0, 0 }, { self:awaitExit() })
  assert.is_true(self:isCooked())
end

function Terminal:resize(columns, rows)
  self.screen:resize(columns)
  probe.pty.resize(self.fd, columns, rows)
end

function Terminal:isCooked()
  return probe.pty.isCooked(self.inner)
end

function Terminal:kill(signal)
  uv.kill(self.pid, signal)
end

function Terminal:awaitExit()
  child.waitFor(self, function() return self.code end, nil, "the program's end")
  return self.code, self.signal
end

function Terminal:hangUp()
  self.pipe:close()
end

function Terminal:close()
  if not self.code then
    self:kill("sigkill")
    self:awaitExit()
  end
  if not self.pipe:is_closing() then self.pipe:close() end
  probe.pty.close(self.inner)
end

return terminal
