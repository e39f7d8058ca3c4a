-- The files of a script, as they were when it was last loaded, against what they are now.

local uv = require "luv"

local Files = {}
Files.__index = Files

-- What tells a state of a file from another. nil where it is gone, or has nothing in it: an editor
-- may be about to write it.
local function stamp(path)
  local stat = uv.fs_stat(path)
  if not stat or stat.type ~= "file" or stat.size == 0 then return nil end
  return ("%d:%d:%d:%d"):format(stat.ino, stat.size, stat.mtime.sec, stat.mtime.nsec)
end

function Files:has(path)
  return self.stamps[path] ~= nil
end

-- These are the script's files now: an array of absolute paths. What is new is as it should be.
function Files:set(paths)
  local stamps = {}
  for _, path in ipairs(paths) do stamps[path] = self.stamps[path] or stamp(path) or "" end
  self.stamps = stamps
end

-- Arrays of the files that have changed, and of those that are gone or empty, in order.
function Files:compare()
  local changed, missing = {}, {}
  for path, old in pairs(self.stamps) do
    local now = stamp(path)
    if not now then
      missing[#missing + 1] = path
    elseif now ~= old then
      changed[#changed + 1] = path
    end
  end
  table.sort(changed)
  table.sort(missing)
  return changed, missing
end

-- Whatever is there next counts as changed.
function Files:forget(path)
  self.stamps[path] = ""
end

-- What is there now is what is loaded next; one that isn't counts as changed when it is back.
function Files:accept()
  for path in pairs(self.stamps) do self.stamps[path] = stamp(path) or "" end
end

local files = {}

function files.new()
  return setmetatable({ stamps = {} }, Files)
end

return files
