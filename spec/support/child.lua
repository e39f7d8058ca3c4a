-- What the specs' programs have in common, whatever they are connected to (server.lua, terminal.lua). `self.waiting`
-- has what is asked again whenever something has happened to the program.

local uv = require "luv"
local async = require "spec.support.async"

local child = {}

-- This process's environment with `extra` in it, as uv.spawn takes it; false removes a variable.
function child.environment(extra)
  local env = {}
  local names = uv.os_environ()
  for name, value in pairs(extra or {}) do names[name] = value or nil end
  for name, value in pairs(names) do env[#env + 1] = name .. "=" .. value end
  return env
end

-- Something has happened: calls the waiting functions again.
function child.notify(self)
  local waiting = self.waiting
  self.waiting = {}
  for _, check in ipairs(waiting) do check() end
end

-- Waits until condition() holds, and returns what it gives.
function child.waitFor(self, condition, timeout, what)
  return async.await(function(done)
    local function check()
      local result = condition()
      if result then done(result) else table.insert(self.waiting, check) end
    end
    check()
  end, timeout, what)
end

return child
