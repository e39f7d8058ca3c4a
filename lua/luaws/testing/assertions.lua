-- What luassert learns: assert.sent, assert.closed, assert.no_errors. They take whatever a test
-- holds the other end of, by these fields alone:
--
--   ws.sent          array of what the handler has sent: strings, or the values that JSON stood for
--   ws.closed        true when the connection has ended
--   ws.code, .reason how, as the peer sees it
--   ws.awaitNews     where news come by themselves: a method that waits for some, at most so many
--                    seconds

local json = require("luaws").json
local bench = require "luaws.testing.bench"

local PATIENCE = 2 -- s: how long real sockets may take
local BYTES_SHOWN, MESSAGES_SHOWN = 1000, 20

local assertions = {}

-- Whether a message is what was expected; a table stands for JSON.
local function isLike(expected, message)
  if type(expected) == "table" and type(message) == "string" then
    local decoded = json.decode(message)
    if decoded == nil then return false end
    message = decoded
  end
  return require("luassert.util").deepcompare(expected, message, true) == true
end

local function has(ws, expected)
  for _, message in ipairs(ws.sent) do
    if isLike(expected, message) then return true end
  end
  return false
end

-- Whether it holds, now or soon. What shall not hold is asked once a moment has passed.
local function holds(ws, condition, isWanted)
  if not ws.awaitNews then return condition() end
  local now = require("luv").hrtime
  local last = now() + (isWanted and PATIENCE or 0.02) * 1e9
  while not condition() do
    local left = (last - now()) / 1e9
    if left <= 0 then return false end
    ws:awaitNews(left)
  end
  return true
end

-- Without what would disturb a terminal, and no more than fits on it.
local function showString(text)
  local isUTF8 = utf8.len(text)
  local length = math.min(#text, BYTES_SHOWN)
  while isUTF8 and length < #text and text:byte(length + 1) & 0xC0 == 0x80 do
    length = length - 1
  end
  local shown = text:sub(1, length):gsub(isUTF8 and "[^%C\n\t]" or "[^%g \n\t]", function(c)
    return ("\\x%02x"):format(c:byte())
  end)
  local left = #text - length
  return ("(string) '%s'%s"):format(shown, left > 0 and (" ... (%d bytes more)"):format(left) or "")
end

local function show(value)
  if type(value) == "string" then return showString(value) end
  return tostring(require("luassert").format(nil, { value, n = 1 })[1])
end

local function showSent(ws)
  local sent = ws.sent
  if #sent == 0 then return "nothing" end
  local first = math.max(1, #sent - MESSAGES_SHOWN + 1)
  local lines = { first > 1 and ("... (%d before these)"):format(first - 1) or nil }
  for i = first, #sent do lines[#lines + 1] = ("%d: %s"):format(i, show(sent[i])) end
  return table.concat(lines, "\n")
end

-- Puts the text in the place of the arguments, which the failure's message then shows.
local function explain(arguments, text)
  arguments[1], arguments.n, arguments.nofmt = text, 1, { true }
end

local function check(ws, what)
  if type(ws) ~= "table" and type(ws) ~= "userdata" or ws.sent == nil then
    error(("%s: expected a connection of luaws.testing, got a %s"):format(what, type(ws)), 0)
  end
end

local function sent(state, arguments)
  local ws, expected = arguments[1], arguments[2]
  check(ws, "assert.sent")
  local isSent = holds(ws, function() return has(ws, expected) end, state.mod)
  explain(arguments, ("%s\nSent was:\n%s"):format(show(expected), showSent(ws)))
  return isSent
end

local function describeEnd(ws)
  if not ws.closed then return "open" end
  return ("closed with %s%s"):format(tostring(ws.code), ws.reason and " " .. show(ws.reason) or "")
end

local function closed(state, arguments)
  local ws, code, reason = arguments[1], arguments[2], arguments[3]
  check(ws, "assert.closed")
  local isClosed = holds(ws, function() return ws.closed end, state.mod)
  local isSo = isClosed and (code == nil or ws.code == code)
    and (reason == nil or ws.reason == reason)
  local wanted = (code and " with " .. code or "") .. (reason and " " .. show(reason) or "")
  explain(arguments, ("%s\nIt is %s"):format(wanted, describeEnd(ws)))
  return isSo
end

local function define(name, callback, positive, negative)
  local say = require "say"
  local key = "assertion." .. name
  say:set(key .. ".positive", positive)
  say:set(key .. ".negative", negative)
  require("luassert"):register("assertion", name, callback, key .. ".positive", key .. ".negative")
end

-- assert.no_errors(): nothing that a test causes has raised an error. With a function it is
-- luassert's own: the function raises none.
local function noErrors(_, arguments)
  if arguments.n > 0 then
    local ok, err = pcall(table.unpack(arguments, 1, arguments.n))
    explain(arguments, ok and "" or show(err))
    return ok
  end
  local lines = {}
  for _, err in ipairs(bench.errors(true)) do lines[#lines + 1] = bench.describeError(err) end
  explain(arguments, table.concat(lines, "\n"))
  return #lines == 0
end

-- Once, when busted is there.
function assertions.register()
  define("no_errors", noErrors, "Expected no errors, but there are:\n%s", "Expected errors")
  define("no_error", noErrors, "Expected no error, but there is:\n%s", "Expected an error")
  define("sent", sent, "Expected to be sent:\n%s", "Expected not to be sent:\n%s")
  define("closed", closed, "Expected to be closed%s", "Expected not to be closed%s")
end

return assertions
