-- What may be shown on a terminal: nothing that comes from outside can move the cursor, change
-- colours, or turn the order of letters round.

local text = {}

local HEX_ROW = 16

local function escapeByte(byte)
  return ("\\x%02x"):format(byte:byte())
end

local function escapeCharacter(character)
  return ("\\u{%x}"):format(utf8.codepoint(character))
end

-- Bytes that are no UTF-8 become \xHH.
local function escapeBadBytes(s)
  local pieces, at = {}, 1
  while at <= #s do
    local length, bad = utf8.len(s, at)
    pieces[#pieces + 1] = s:sub(at, length and #s or bad - 1)
    if length then break end
    pieces[#pieces + 1] = escapeByte(s:sub(bad, bad))
    at = bad + 1
  end
  return table.concat(pieces)
end

local HIDDEN = {
  "\xC2[\x80-\x9F]",         -- control characters of 8 bits
  "\xD8\x9C",                -- marks of the direction of writing, and what turns it round
  "\xE2\x80[\x8E\x8F]",
  "\xE2\x80[\xA8-\xAE]",     -- and separators of lines
  "\xE2\x81[\xA6-\xA9]",
}

-- `s` with control characters but newline and tab, and with what else would not be seen but
-- felt, shown as \x1b or \u{202e}.
function text.sanitise(s)
  if not utf8.len(s) then s = escapeBadBytes(s) end
  s = s:gsub("[\0\1-\8\11-\31\127]", escapeByte)
  for _, pattern in ipairs(HIDDEN) do s = s:gsub(pattern, escapeCharacter) end
  return s
end

-- One line of it.
function text.sanitiseLine(s)
  return (text.sanitise(s):gsub("\n", "\\n"))
end

-- The first `most` bytes, 16 a line: offset, numbers, characters.
function text.hexdump(data, most)
  local lines = {}
  for offset = 0, math.min(#data, most) - 1, HEX_ROW do
    local row = data:sub(offset + 1, math.min(offset + HEX_ROW, most))
    local numbers = row:gsub(".", function(byte) return ("%02x "):format(byte:byte()) end)
    lines[#lines + 1] = ("%08x  %-48s %s"):format(offset, numbers, (row:gsub("[^ -~]", ".")))
  end
  if #data > most then lines[#lines + 1] = ("... %d bytes more"):format(#data - most) end
  return table.concat(lines, "\n")
end

local COLOURS = {
  incoming = "\27[36m", note = "\27[2m", key = "\27[34m", string = "\27[32m", number = "\27[33m",
  word = "\27[35m",
}
local END = "\27[0m"

-- A function that colours a piece of text by the name of what it is; without colours it returns
-- it as it is.
function text.painter(hasColours)
  if not hasColours then return function(_, s) return s end end
  return function(what, s) return COLOURS[what] .. s .. END end
end

return text
