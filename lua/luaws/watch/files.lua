-- The files of a script, as they were when it was last loaded, against what they are now.

local uv = require "luv"

local Files = {}
Files.__index = Files

-- What tells a state of a file from another, and when it was written, in seconds. nil where it is
-- gone, or has nothing in it: an editor may be about to write it.
local function stamp(path)
  local stat = uv.fs_stat(path)
  if not stat or stat.type ~= "file" or stat.size == 0 then return nil end
  local written = stat.mtime
  return ("%d:%d:%d:%d:%d"):format(stat.ino, stat.size, written.sec, written.nsec, stat.mode),
    written.sec + written.nsec / 1e9
end

function Files:has(path)
  return self.stamps[path] ~= nil
end

-- These are the script's files now: an array of absolute paths. The new ones among them have been
-- read after `since` (seconds since 1970): what was written after that may not be what was read,
-- and counts as changed. True: that is so for one.
function Files:set(paths, since)
  local stamps, isDoubtful = {}, false
  for _, path in ipairs(paths) do
    local known = self.stamps[path]
    if not known then
      local now, written = stamp(path)
      known = now and written < since and now or ""
      isDoubtful = isDoubtful or known == ""
    end
    stamps[path] = known
  end
  self.stamps = stamps
  return isDoubtful
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
