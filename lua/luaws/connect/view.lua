-- How messages look: as they are in a pipe, fit for eyes on a terminal.

local pretty = require "luaws.connect.pretty"
local text = require "luaws.connect.text"

local DUMPED = 256 -- bytes of a binary message that a terminal gets to see

local View = {}
View.__index = View

-- Lines behind the first one stand below it.
local function indent(s)
  return (s:gsub("\n", "\n  "))
end

local function describeBinary(data)
  local count = #data == 1 and "1 byte" or #data .. " bytes"
  if data == "" then return "<binary, no bytes>" end
  return ("<binary, %s>\n%s"):format(count, text.hexdump(data, DUMPED))
end

-- JSON in lines, if that is wanted and `data` is JSON.
function View:layOut(data, paint)
  if self.decode and self.decode(data) ~= nil then return pretty(data, paint) end
end

-- For a terminal.
function View:describe(data, isBinary)
  local function paint(what, s) return self.paint(what, text.sanitise(s)) end
  if isBinary then return paint("incoming", describeBinary(data)) end
  return self:layOut(data, paint) or paint("incoming", data)
end

-- What is written to stdout for a message that has come. In a pipe a text gets a newline behind
-- it, binary data doesn't.
function View:message(data, isBinary)
  if self.isScreen then
    local shown = self:describe(data, isBinary)
    if not self.isTalk then return shown .. "\n" end
    return self.paint("incoming", "<") .. " " .. indent(shown) .. "\n"
  end
  if isBinary then return data end
  return (self:layOut(data, self.paint) or data) .. "\n"
end

-- A remark of luaws's own; in a talk alone.
function View:note(s)
  return self.paint("note", text.sanitise(s)) .. "\n"
end

-- `settings`: isScreen: stdout is a terminal; isTalk: stdin, too; hasColours; decode: how JSON that
-- shall be laid out is decoded, nil: it isn't.
return function(settings)
  return setmetatable({
    isScreen = settings.isScreen,
    isTalk = settings.isTalk,
    decode = settings.decode,
    paint = text.painter(settings.isScreen and settings.hasColours),
  }, View)
end
