-- JSON in lines. The text is laid out anew, not decoded and encoded: keys keep their order, and
-- numbers stay as the server has written them.

local INDENT = "  "
local BLANK = "[^ \t\r\n]"

-- The end of the string that begins at `at`.
local function endOfString(s, at)
  repeat
    at = s:find('["\\]', at + 1)
    local isEscape = s:sub(at, at) == "\\"
    if isEscape then at = at + 1 end
  until not isEscape
  return at
end

local function newline(depth)
  return "\n" .. INDENT:rep(depth)
end

-- Whether nothing stands between the bracket at `at` and the next one that closes.
local function isEmpty(s, at)
  return s:find("^[ \t\r\n]*[}%]]", at + 1) ~= nil
end

-- A bracket that opens: the piece that is shown, the place of its last byte, the depth behind it.
local function openBracket(s, at, depth)
  local bracket = s:sub(at, at)
  if not isEmpty(s, at) then return bracket .. newline(depth + 1), at, depth + 1 end
  local stop = s:find(BLANK, at + 1)
  return bracket .. s:sub(stop, stop), stop, depth
end

-- A string, number or word: the piece, and the place of its last byte.
local function scalar(s, at, paint)
  local c = s:sub(at, at)
  if c ~= '"' then
    local stop = (s:find("[^%w+.-]", at) or #s + 1) - 1
    return paint(c:find("[%d-]") and "number" or "word", s:sub(at, stop)), stop
  end
  local stop = endOfString(s, at)
  local after = s:find(BLANK, stop + 1)
  local isKey = after and s:sub(after, after) == ":"
  return paint(isKey and "key" or "string", s:sub(at, stop)), stop
end

-- What begins at `at`: the piece that is shown, the place of its last byte, the depth behind it.
local function layOut(s, at, depth, paint)
  local c = s:sub(at, at)
  if c:find("[{[]") then return openBracket(s, at, depth) end
  if c:find("[}%]]") then return newline(depth - 1) .. c, at, depth - 1 end
  if c == "," then return c .. newline(depth), at, depth end
  if c == ":" then return ": ", at, depth end
  local piece, stop = scalar(s, at, paint)
  return piece, stop, depth
end

-- Lays out `s`, which is valid JSON; `paint(what, piece)` colours its pieces.
return function(s, paint)
  local pieces, depth = {}, 0
  local at = s:find(BLANK)
  while at do
    local piece, stop
    piece, stop, depth = layOut(s, at, depth, paint)
    pieces[#pieces + 1] = piece
    at = s:find(BLANK, stop + 1)
  end
  return table.concat(pieces)
end
