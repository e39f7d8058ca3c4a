-- Lets Lua's allocations in a luaws-faults fail, one after the other (spec/faults/allocations.c).
--
--   local orders = allocations.orders()
--   local s = server.start(script, { faults = "", env = orders:environment() })
--
--   orders:give(first [, times])   from now on the first-th allocation fails, and the next ones, `times` altogether (1)
--   orders:take()                  none fails any more; returns how many have failed, and how many there were
--   orders:failed()                how many have failed so far

local uv = require "luv"
local server = require "spec.support.server"

local allocations = {}
local Orders = {}
Orders.__index = Orders

local FORMAT = "=I8I8I8I8"
local NONE = FORMAT:pack(0, 0, 0, 0)

local function write(self, first, times)
  assert(uv.fs_write(self.file, FORMAT:pack(first, times, 0, 0), 0))
end

local function read(self)
  local _, _, seen, failed = FORMAT:unpack(uv.fs_read(self.file, #NONE, 0))
  return failed, seen
end

function allocations.orders()
  local path = server.folder({ orders = NONE }) .. "/orders"
  return setmetatable({ file = assert(uv.fs_open(path, "r+", 0)), path = path }, Orders)
end

-- With `extra` in it.
function Orders:environment(extra)
  local env = { LUAWS_FAULTS_LUA = self.path }
  for name, value in pairs(extra or {}) do env[name] = value end
  return env
end

function Orders:give(first, times)
  write(self, first, times or 1)
end

function Orders:take()
  local failed, seen = read(self)
  write(self, 0, 0)
  return failed, seen
end

function Orders:failed()
  return (read(self))
end

return allocations
