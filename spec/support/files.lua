-- files.read(path): all that is in a file. files.write(path, text): makes that all that is in it. A file that
-- can't be opened is an error.

local files = {}

function files.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

function files.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

return files
