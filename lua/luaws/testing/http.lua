-- A request over HTTP, for tests of pages: by a connection of its own, which ends with the answer.

local luaws = require "luaws"
local uv = require "luv"

local REQUEST = "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s\r\n"

-- Everything that comes up to the end; or nil and an error.
local function exchange(port, request)
  local socket = uv.new_tcp()
  local pieces = {}
  local err = luaws.await(function(done)
    socket:connect("127.0.0.1", port, function(failure)
      if failure then return done(failure) end
      socket:write(request)
      socket:read_start(function(why, data)
        if not data then return done(why) end
        pieces[#pieces + 1] = data
      end)
    end)
  end)
  socket:close()
  if err then return nil, err end
  return table.concat(pieces)
end

local function parse(text)
  local head, body = text:match("^(.-)\r\n\r\n(.*)$")
  local status = head and head:match("^HTTP/1%.1 (%d+)")
  if not status then return nil, "no answer" end
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return { status = math.tointeger(tonumber(status)), headers = headers, body = body }
end

-- The answer: { status =, headers = (names in lower case), body = }; or nil and why there is none.
return function(port, path, headers)
  local lines = {}
  for name, value in pairs(headers or {}) do
    lines[#lines + 1] = ("%s: %s\r\n"):format(name, value)
  end
  local text, err = exchange(port, REQUEST:format(path, port, table.concat(lines)))
  if not text then return nil, err end
  return parse(text)
end
