-- UTF-8 as it comes: whether a text may go on like that.
--
-- text.new() -> a check;  check:feed(bytes) -> false at the first byte that no text can have there
-- check:isComplete() -> whether the text may end here

local utf8 = require "utf8"

local text = {}
local Check = {}
Check.__index = Check

-- What may yet become a character (RFC 3629 section 4).
local BEGINNINGS = {
  "^[\xc2-\xdf]$",
  "^\xe0[\xa0-\xbf]?$", "^[\xe1-\xec\xee\xef][\x80-\xbf]?$", "^\xed[\x80-\x9f]?$",
  "^\xf0$", "^\xf0[\x90-\xbf][\x80-\xbf]?$",
  "^[\xf1-\xf3]$", "^[\xf1-\xf3][\x80-\xbf][\x80-\xbf]?$",
  "^\xf4$", "^\xf4[\x80-\x8f][\x80-\xbf]?$",
}

local function isBeginning(bytes)
  for _, pattern in ipairs(BEGINNINGS) do
    if bytes:find(pattern) then return true end
  end
  return false
end

function text.new()
  return setmetatable({ rest = "" }, Check)
end

function Check:feed(bytes)
  bytes = self.rest .. bytes
  local length, at = utf8.len(bytes)
  self.rest = length and "" or bytes:sub(at)
  return length ~= nil or isBeginning(self.rest)
end

function Check:isComplete()
  return self.rest == ""
end

return text
