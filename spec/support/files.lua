-- files.read(path): all that is in a file. files.write(path, text): makes that all that is in it. A file that
-- can't be opened is an error. files.below(folder [, pattern]): the paths of all files below a folder (of those whose
-- names match), in order.

local uv = require "luv"

local files = {}

function files.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

function files.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local function addBelow(folder, pattern, found)
  -- read to its end, so that nothing of it is kept
  for name, kind in uv.fs_scandir_next, assert(uv.fs_scandir(folder)) do
    local path = folder .. "/" .. name
    if kind == "directory" then addBelow(path, pattern, found) end
    if kind == "file" and name:match(pattern) then found[#found + 1] = path end
  end
  return found
end

function files.below(folder, pattern)
  local found = addBelow(folder, pattern or "", {})
  table.sort(found)
  return found
end

return files
