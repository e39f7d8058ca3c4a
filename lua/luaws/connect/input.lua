-- stdin, whatever it is, read by a task that waits: lines, or all of it.

local luaws = require "luaws"
local uv = require "luv"

local CHUNK = 65536
local MOST = 64 * 1024 * 1024 -- bytes of a line, or of all

local Input = {}
Input.__index = Input

-- Streams are read a chunk at a time: what is not read yet waits where it comes from.
local function readStream(self)
  return luaws.await(function(done)
    local failure = select(2, self.stream:read_start(function(err, data)
      self.stream:read_stop()
      done(data, err)
    end))
    if failure then done(nil, failure) end
  end)
end

local function readFile()
  local data, err = luaws.await(function(done)
    uv.fs_read(0, CHUNK, -1, function(err, data) done(data, err) end)
  end)
  if data == "" then return nil end
  return data, err
end

local OPENERS = {
  pipe = function() return uv.new_pipe(false) end,
  tcp = function() return uv.new_tcp() end,
}

local function openStream(kind)
  if kind == "tty" then return uv.new_tty(0, true) end
  if not OPENERS[kind] then return nil end
  local stream = OPENERS[kind]()
  stream:open(0)
  return stream
end

-- The next line without its newline; nil at the end, or nil and an error.
function Input:line()
  local pieces, size = {}, 0
  while true do
    local stop = self.chunk:find("\n", self.at, true)
    pieces[#pieces + 1] = self.chunk:sub(self.at, stop and stop - 1)
    size = size + #pieces[#pieces]
    self.at = stop and stop + 1 or #self.chunk + 1
    if stop then return table.concat(pieces) end
    if size > MOST then return nil, ("a line of more than %d MiB"):format(MOST >> 20) end
    local data, err = self.read(self)
    if err then return nil, err end
    if not data then return size > 0 and table.concat(pieces) or nil end
    self.chunk, self.at = data, 1
  end
end

-- Everything up to the end; or nil and an error.
function Input:all()
  local pieces, size = {}, 0
  while true do
    local data, err = self.read(self)
    if err then return nil, err end
    if not data then return table.concat(pieces) end
    pieces[#pieces + 1] = data
    size = size + #data
    if size > MOST then return nil, ("more than %d MiB"):format(MOST >> 20) end
  end
end

return function()
  local stream = openStream(uv.guess_handle(0))
  local read = stream and readStream or readFile
  return setmetatable({ stream = stream, chunk = "", at = 1, read = read }, Input)
end
