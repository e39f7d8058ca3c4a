-- Lines that are typed on a terminal: messages, and commands, which begin with a slash.

local command = {}

command.HELP = [==[
/ping [TEXT]            sends a ping
/close [CODE [REASON]]  closes: 1000, or a code from 3000 to 4999
/binary FILE            sends what is in the file as a binary message
/help                   shows this
/quit                   closes with 1000, as ctrl-D does
//TEXT                  sends /TEXT]==]

local function readClose(rest)
  if rest == "" then return "close" end
  local code, reason = rest:match("^(%d+)%s*(.*)$")
  if not code then return nil, "/close wants a code, got '" .. rest .. "'" end
  return "close", math.tointeger(tonumber(code)), reason ~= "" and reason or nil
end

local COMMANDS = {
  ping = function(rest) return "ping", rest end,
  close = readClose,
  binary = function(rest)
    if rest == "" then return nil, "/binary wants a file" end
    return "binary", rest
  end,
  help = function() return "help" end,
  quit = function() return "close" end,
}

-- What a line asks for: "send" and a text; "ping" and its data; "close" and code and reason, if
-- given; "binary" and a file; "help"; "nothing". Or nil and what is wrong.
function command.read(line)
  if line == "" then return "nothing" end
  if line:sub(1, 2) == "//" then return "send", line:sub(2) end
  if line:sub(1, 1) ~= "/" then return "send", line end
  local name, rest = line:match("^/(%S*)%s*(.-)%s*$")
  local read = COMMANDS[name]
  if not read then
    return nil, ("there is no /%s (see /help; to send it, begin with two slashes)"):format(name)
  end
  return read(rest)
end

return command
