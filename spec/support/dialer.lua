-- A luaws whose script is one client that connects where a spec says, and tells what its handler hears:
--
--   local dialer = require "spec.support.dialer"
--
--   local s = dialer.start(url, "connectTimeout = 1")    options of WebSocket.new, as text. A server (server.lua),
--                                                        whose lines are:
--     open PROTOCOL
--     message TEXT                                       which comes back; but "close" it closes by itself, with 4000
--                                                        "done", and "silence" it answers with nothing
--     error SIGNATURE NUMBER MESSAGE
--     end CODE REASON WASCLEAN
--     none MESSAGE                                       there is no client: the URL is malformed
--
-- dialer.start(url, options, settings)      settings: options of server.start
-- dialer.expectEnd(s, ...)                  asserts that these are the lines up to the end of the program, which is
--                                           clean and follows by itself. A line may be a table of patterns in place of
--                                           a text: all of them must be found in it
-- dialer.fails(s, ...)                      the same for a client that isn't open and never will be: one error, in
--                                           whose line all of the patterns are found, and an end with 1006

local assert = require "luassert"
local server = require "spec.support.server"

local dialer = {}

local SCRIPT = [[
  local ws, why = luaws.WebSocket.new(arg[1], {
    onOpen = function(_, ws) say("open", ws.protocol) end,
    onMessage = function(_, ws, event)
      say("message", #event.data > 100 and #event.data or event.data)
      if event.data == "close" then return ws:terminate(4000, "done") end
      if event.data ~= "silence" then ws:send(event.data, event.isBinary) end
    end,
    onError = function(_, _, event)
      local err = event.errors[1]
      say("error", err.componentSignature, err.errCode, (err.message:gsub("%c", "?")))
    end,
    onTerminate = function(_, _, event) say("end", event.code, event.reason, event.wasClean) end,
  }, { OPTIONS })
  if not ws then say("none", why) end
]]

function dialer.start(url, options, settings)
  local all = { scriptArgs = { url }, workers = 1 } -- each would make the client
  for name, value in pairs(settings or {}) do all[name] = value end
  return server.start(SCRIPT:gsub("OPTIONS", function() return options or "" end), all)
end

local function assertLine(expected, line)
  if type(expected) == "string" then return assert.equal(expected, line) end
  for _, pattern in ipairs(expected) do
    assert(line:find(pattern), ("%q isn't found in %q"):format(pattern, line))
  end
end

function dialer.expectEnd(s, ...)
  for _, expected in ipairs({ ... }) do assertLine(expected, s:line()) end
  local code, signal = s:awaitExit()
  assert.same({ 0, 0 }, { code, signal }, s.stderr)
  assert.equal(0, s.lines.count, "more is told: " .. s.stdout)
end

function dialer.fails(s, ...)
  dialer.expectEnd(s, { "^error %u%w+_* %-?%d+ ", ... }, "end 1006 nil false")
end

return dialer
