-- Cuts Lua source into tokens. The source compiles: who asks has tried, so that nothing here need
-- say what is wrong with it.

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch("%a+") do KEYWORDS[word] = true end

-- The offset of the first byte behind blanks and comments.
local function skipBlanks(source, at)
  while true do
    at = source:find("%S", at) or #source + 1
    if source:sub(at, at + 1) ~= "--" then return at end
    local level = source:match("^%-%-%[(=*)%[", at)
    if level then
      local _, close = source:find("]" .. level .. "]", at, true)
      at = close + 1
    else
      at = source:find("[\r\n]", at) or #source + 1
    end
  end
end

local function endOfNumber(source, at)
  local isHex = source:find("^0[xX]", at)
  local _, last = source:find(isHex and "^0[xX][%x%.]*" or "^[%d%.]+", at)
  local _, exponent = source:find(isHex and "^[pP][+-]?%d*" or "^[eE][+-]?%d*", last + 1)
  return exponent or last
end

-- Where the quoted string that begins at `at` ends, and whether its text is as it is written.
local function endOfString(source, at)
  local stop = source:sub(at, at) == '"' and '["\\]' or "['\\]"
  local isPlain = true
  local last = source:find(stop, at + 1)
  while source:sub(last, last) == "\\" do
    isPlain = false
    last = source:find(stop, last + 2)
  end
  return last, isPlain
end

-- Of two or three characters; all others are of one.
local OPERATORS = { "^%.%.%.", "^[=~<>]=", "^//", "^::", "^<<", "^>>", "^%.%." }

local function endOfOperator(source, at)
  for _, pattern in ipairs(OPERATORS) do
    local _, last = source:find(pattern, at)
    if last then return last end
  end
  return at
end

-- A function that returns the next token each time: its kind ("name", "number", "string", "end" at
-- the end of the source, else the keyword or operator itself), its offset, the offset behind it,
-- and for a name or a string its text. A string with escapes in it has none.
return function(source, start)
  local at = start or 1
  return function()
    local from = skipBlanks(source, at)
    local first = source:sub(from, from)
    if first == "" then return "end", from, from end
    local name = source:match("^[%a_][%w_]*", from)
    if name then
      at = from + #name
      if KEYWORDS[name] then return name, from, at end
      return "name", from, at, name
    end
    if first:find("%d") or source:find("^%.%d", from) then
      at = endOfNumber(source, from) + 1
      return "number", from, at
    end
    if first == '"' or first == "'" then
      local last, isPlain = endOfString(source, from)
      at = last + 1
      return "string", from, at, isPlain and source:sub(from + 1, last - 1) or nil
    end
    local level = source:match("^%[(=*)%[", from)
    if level then
      local open, last = source:find("]" .. level .. "]", from, true)
      at = last + 1
      return "string", from, at, source:sub(from + #level + 2, open - 1)
    end
    local last = endOfOperator(source, from)
    at = last + 1
    return source:sub(from, last), from, at
  end
end
