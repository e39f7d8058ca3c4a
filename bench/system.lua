-- What the bench asks the system for: files, and what commands print.

local system = {}

-- A file's text; "" when it can't be read.
function system.readFile(path)
  local file = io.open(path)
  local text = file and file:read "a" or ""
  if file then
    file:close()
  end
  return text
end

-- What a command prints, without the blanks at its end.
function system.readOutput(command)
  local pipe <close> = assert(io.popen(command))
  return (pipe:read "a":gsub("%s+$", ""))
end

function system.say(format, ...)
  io.stderr:write(format:format(...), "\n")
end

return system
