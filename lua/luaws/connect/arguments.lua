-- The command line of `luaws connect`.

local arguments = {}

arguments.HELP = [[
usage: luaws connect [options] URL

Connects to a WebSocket server, ws:// or wss://. What is typed is sent, a line a message; what
comes is shown. In a pipe, lines of stdin are messages, and messages become lines of stdout.

  -H, --header 'NAME: VALUE'  sends this header, too; may be repeated
  --origin ORIGIN             says that a page of this origin connects
  --subprotocol NAME          offers this subprotocol; may be repeated, first choice first
  --compression               offers permessage-deflate
  --timeout SECONDS           for the connection to open (10)
  --count N                   ends when N messages have come
  --wait SECONDS              at the end of stdin, ends when nothing has come for so long (1);
                              'forever': not before the server closes
  --binary                    all of stdin is one binary message
  --json                      shows JSON in lines and, on a terminal, colours
  --insecure                  accepts any certificate
  --ca FILE                   trusts the certificates in this file, not the system's
  --cert FILE, --key FILE     shows this certificate, whose key is in the second file
  --proxy URL                 goes through this HTTP proxy
  --help                      prints this

On a terminal /help lists what can be done besides sending. Exit codes: 0 after a close with 1000
or 1001, the end of stdin or a signal; 1 when it couldn't connect, the connection was lost or the
server closed it for another reason; 2 for a wrong command line.
]]

local NO_TOKEN = "[^%w!#$%%&'*+%-.^_`|~]"
local CONTROL = "[%c]"

local function setText(name)
  return function(options, value) options[name] = value end
end

local function addHeader(options, value)
  local name, text = value:match("^([^:]*):[ \t]*(.-)[ \t]*$")
  if not name or name == "" or name:find(NO_TOKEN) or text:find(CONTROL) then
    return "--header wants 'NAME: VALUE', got '" .. value .. "'"
  end
  local headers = options.headers
  local known = headers[name]
  if known == nil then
    headers[name] = text
  elseif type(known) == "table" then
    known[#known + 1] = text
  else
    headers[name] = { known, text }
  end
end

local function setOrigin(options, value)
  if value == "" or value:find(CONTROL) then
    return "--origin wants an origin, got '" .. value .. "'"
  end
  options.headers.Origin = value
end

local function addSubprotocol(options, value)
  if value == "" or value:find(NO_TOKEN) then
    return "--subprotocol wants a name, got '" .. value .. "'"
  end
  table.insert(options.subprotocols, value)
end

local function isSeconds(number)
  return number and number > 0 and number < math.huge
end

local function setTimeout(options, value)
  options.timeout = tonumber(value)
  if not isSeconds(options.timeout) then return "--timeout wants seconds, got '" .. value .. "'" end
end

local function setWait(options, value)
  options.wait = value == "forever" and math.huge or tonumber(value)
  if options.wait ~= math.huge and options.wait ~= 0 and not isSeconds(options.wait) then
    return "--wait wants seconds or 'forever', got '" .. value .. "'"
  end
end

local function setCount(options, value)
  options.count = value:match("^%d+$") and math.tointeger(tonumber(value))
  if not options.count or options.count < 1 then
    return "--count wants a number from 1, got '" .. value .. "'"
  end
end

-- A name with a function that takes the value and may return what is wrong with it; or, for those
-- without a value, the field that becomes true.
local OPTIONS = {
  ["--header"] = addHeader,
  ["--origin"] = setOrigin,
  ["--subprotocol"] = addSubprotocol,
  ["--timeout"] = setTimeout,
  ["--count"] = setCount,
  ["--wait"] = setWait,
  ["--ca"] = setText("ca"),
  ["--cert"] = setText("cert"),
  ["--key"] = setText("key"),
  ["--proxy"] = setText("proxy"),
  ["--compression"] = "compression",
  ["--binary"] = "binary",
  ["--json"] = "json",
  ["--insecure"] = "insecure",
  ["--help"] = "help",
}
local SHORT = { ["-H"] = "--header", ["-h"] = "--help" }

-- Takes the option at `at` of `args`. Returns the place of the next one, or nil and what is wrong.
local function takeOption(options, args, at)
  local word = args[at]
  local name, value = word:match("^(%-%-[^=]*)=(.*)$")
  name = SHORT[word] or name or word
  local option = OPTIONS[name]
  if not option then return nil, "unknown option '" .. word .. "'" end
  if type(option) == "string" then
    if value then return nil, "option '" .. name .. "' takes no value" end
    options[option] = true
    return at + 1
  end
  if not value then
    at = at + 1
    value = args[at]
    if not value then return nil, "option '" .. name .. "' wants a value" end
  end
  local wrong = option(options, value)
  if wrong then return nil, wrong end
  return at + 1
end

local function check(options, rest)
  if options.help then return options end
  options.url = rest[1]
  if not options.url then return nil, "a URL is missing" end
  if rest[2] then return nil, "one URL is enough: '" .. rest[2] .. "'" end
  if options.key and not options.cert then return nil, "--key wants --cert, too" end
  if options.cert and not options.key then return nil, "--cert wants --key, too" end
  return options
end

-- What the words ask for: a table with url, headers, subprotocols, and those of count, wait,
-- timeout, compression, binary, json, insecure, ca, cert, key, proxy, help that were given. Or nil
-- and what is wrong. Options may stand behind the URL.
function arguments.parse(args)
  local options = { headers = {}, subprotocols = {} }
  local rest, at = {}, 1
  while at <= #args do
    if args[at] == "--" then
      table.move(args, at + 1, #args, #rest + 1, rest)
      break
    elseif args[at]:find("^%-.") then
      local after, wrong = takeOption(options, args, at)
      if not after then return nil, wrong end
      at = after
    else
      rest[#rest + 1] = args[at]
      at = at + 1
    end
  end
  return check(options, rest)
end

return arguments
