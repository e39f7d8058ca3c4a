-- Looks at the soaked process once a second: its memory and its descriptors.
--
--   local g = gauge.start(pid)      g.samples: arrays of { at = seconds, memory = MiB, descriptors = }
--   g:stop()
--   gauge.descriptors(pid)
--   g:growth()                      by which part the memory has grown in the second half of the time; nil: too short

local uv = require "luv"

local gauge = {}
local Gauge = {}
Gauge.__index = Gauge

local ENOUGH = 60 -- samples, to say something of their second half

local function readMemory(pid)
  local file = assert(io.open(("/proc/%d/status"):format(pid)))
  local status = file:read("a")
  file:close()
  return tonumber(status:match("VmRSS:%s+(%d+)")) / 1024
end

function gauge.descriptors(pid)
  local count, scan = 0, assert(uv.fs_scandir(("/proc/%d/fd"):format(pid)))
  while uv.fs_scandir_next(scan) do count = count + 1 end
  return count
end

function gauge.start(pid)
  local self = setmetatable({ pid = pid, samples = {}, timer = uv.new_timer(), started = uv.hrtime() }, Gauge)
  self.timer:start(1000, 1000, function() self:sample() end)
  return self
end

function Gauge:sample()
  table.insert(self.samples, {
    at = (uv.hrtime() - self.started) / 1e9, memory = readMemory(self.pid), descriptors = gauge.descriptors(self.pid),
  })
end

function Gauge:stop()
  self.timer:stop()
  self.timer:close()
end

-- The median of the samples between two parts of the time.
local function median(samples, from, to)
  local values = {}
  for i = math.floor(#samples * from) + 1, math.floor(#samples * to) do values[#values + 1] = samples[i].memory end
  table.sort(values)
  return values[#values // 2 + 1]
end

-- From the middle fifth to the last one: single peaks count for nothing.
function Gauge:growth()
  if #self.samples < ENOUGH then return nil end
  local middle, last = median(self.samples, 0.4, 0.6), median(self.samples, 0.8, 1)
  return (last - middle) / middle, middle, last
end

return gauge
