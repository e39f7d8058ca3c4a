-- Flaws in the checking of UTF-8.

local utf8 = require "utf8"
local Connection = require "spec.conformance.flawed.connection"
local text = require "spec.conformance.flawed.text"

-- Checks a whole text by `isGood` when it is over, and nothing before.
local function checkingAtEnd(isGood)
  return {
    checkText = function() return true end,
    isTextComplete = function(_, message) return isGood(table.concat(message.parts)) end,
  }
end

local function isText(bytes)
  return utf8.len(bytes) ~= nil
end

-- What `pattern` finds, made a blank.
local function without(pattern)
  return function(bytes) return isText((bytes:gsub(pattern, " "))) end
end

local LOOSE = {
  surrogates = without("\xed[\xa0-\xbf][\x80-\xbf]"),
  overlong = function(bytes)
    bytes = bytes:gsub("[\xc0\xc1][\x80-\xbf]", " "):gsub("\xe0[\x80-\x9f][\x80-\xbf]", " ")
    return isText((bytes:gsub("\xf0[\x80-\x8f][\x80-\xbf][\x80-\xbf]", " ")))
  end,
  huge = function(bytes) return isText((bytes:gsub("\xf4[\x90-\xbf][\x80-\xbf][\x80-\xbf]", " "))) end,
  incomplete = without("[\xc2-\xf4][\x80-\xbf]*$"),
}

local function flaw(name, about, caught, methods, more)
  local row = { name, about, caught }
  for _, fields in ipairs({ methods, more or {} }) do
    for field, value in pairs(fields) do row[field] = value end
  end
  return row
end

return {
  flaw("text-unchecked", "takes any bytes for text", { "6.3.1", "extension.misuse.13" },
    checkingAtEnd(function() return true end)),
  flaw("text-late", "checks a text when it is over", { "6.4.1", "extension.misuse.13" },
    checkingAtEnd(isText), { nonStrict = true }),
  flaw("surrogates-taken", "takes surrogates", { "6.3.1" }, checkingAtEnd(LOOSE.surrogates)),
  flaw("overlong-taken", "takes overlong forms", { "6.17.1" }, checkingAtEnd(LOOSE.overlong)),
  flaw("huge-taken", "takes what is beyond U+10FFFF", { "6.4.1" }, checkingAtEnd(LOOSE.huge)),
  flaw("incomplete-taken", "takes a text that ends within a character", { "6.6.1", "extension.misuse.16" },
    checkingAtEnd(LOOSE.incomplete)),
  { "text-by-packet", "checks what comes in each packet by itself", { "6.2.2" },
    checkText = function(_, _, bytes) return isText(bytes) end },
  { "text-by-fragment", "takes a text only when no character is cut by fragments", { "6.2.2" },
    endFrame = function(self, h)
      if self.message.opcode == 1 and not self.message.check:isComplete() then return self:fail(1007) end
      Connection.endFrame(self, h)
    end },
  { "text-state-lost", "forgets a character that a fragment has begun", { "6.3.2", "hostile.text.24" },
    endFrame = function(self, h)
      if not h.fin then self.message.check = text.new() end
      Connection.endFrame(self, h)
    end,
    checkText = function(self, message, bytes)
      if self.frame.opcode == 0 and self.frame.at == #bytes then bytes = bytes:gsub("^[\x80-\xbf]+", "") end
      return Connection.checkText(self, message, bytes)
    end },
  { "first-fragment-checked", "checks a text's first fragment alone", { "6.3.2", "extension.misuse.13" },
    checkText = function(self, message, bytes)
      return self.frame.opcode == 0 or Connection.checkText(self, message, bytes)
    end,
    isTextComplete = function(_, message) return message.fragments or message.check:isComplete() end,
    newMessage = function(self, h)
      local message = Connection.newMessage(self, h)
      message.fragments = not h.fin
      return message
    end },
  { "binary-checked", "takes binary messages only when they are text", { "1.2.2", "extension.stream.2" },
    endMessage = function(self)
      if not isText(table.concat(self.message.parts)) then return self:fail(1007) end
      Connection.endMessage(self)
    end },
  { "noncharacters-refused", "refuses U+FFFE and U+FFFF", { "6.9.3", "hostile.text.42" },
    checkText = function(self, message, bytes)
      return Connection.checkText(self, message, bytes) and not bytes:find("\xef\xbf[\xbe\xbf]")
    end },
  { "mark-lost", "drops a byte order mark", { "hostile.text.40" },
    onMessage = function(self, opcode, payload)
      Connection.onMessage(self, opcode, (payload:gsub("^\xef\xbb\xbf", "")))
    end },
  { "text-failed-with-1002", "fails a text that is no UTF-8 with 1002", { "6.3.1", "extension.misuse.15" },
    failureCode = function(_, code) return code == 1007 and 1002 or code end },
}
