-- files.read(path): all that is in a file. One that can't be opened is an error.

local files = {}

function files.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

return files
