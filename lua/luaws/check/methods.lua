-- Rules on handlers: methods that are misspelt or missing, and what they return.

local words = require "luaws.check.words"

local Methods = {}

local METHOD, LIKELY = "^on%u", "^[oO][nN]_?%a"
local SERVER, CONNECTION, REQUEST =
  "luaws.ServerHandler", "luaws.ConnectionHandler", "luaws.RequestHandler"

local REQUIRED = {
  [SERVER] = { "onConnection", "the server's handler has no onConnection: nobody could connect" },
  [CONNECTION] = { "onMessage", "the connection's handler has no onMessage" },
  [REQUEST] = { "onRequest", "the web server's handler has no onRequest" },
}

local function isFunction(node) return node and node.kind == "function" end

-- The methods that handlers of these kinds may have, as a set.
function Methods:methodsOf(kinds)
  local known = {}
  for _, kind in ipairs(kinds) do
    for name in pairs(self.all.classes[kind].members) do
      if name:find(METHOD) then known[name] = true end
    end
  end
  return known
end

-- Methods that are nearly a handler's, and that the script doesn't call itself.
function Methods:checkHandler(shape, kinds)
  local known = self:methodsOf(kinds)
  for _, name in ipairs(words.keysOf(shape.fields)) do
    local field = shape.fields[name]
    local isMethod = name:find(LIKELY) and (shape.kinds or isFunction(field.value))
    local isMeant = known[name] or self.called[name] or not field.at
    local find = shape.kinds and words.meant or words.surelyMeant
    local like = isMethod and not isMeant and find(name, known)
    if like and not shape.fields[like] then
      local whose = #kinds == 1 and words.whose(self.all.classes[kinds[1]]) or "method of a handler"
      self.report(field.at, ("unknown %s: '%s'%s"):format(whose, name, words.hint(like)))
      shape.misspelt = shape.misspelt or {}
      shape.misspelt[like] = true
    end
  end
end

-- `use`: where a shape is surely used as a handler.
function Methods:checkRequired(use)
  local shape, required = use.shape, REQUIRED[use.kind]
  if not required or shape.isOpen or shape.fields[required[1]] then return end
  if shape.misspelt and shape.misspelt[required[1]] then return end
  self.report(use.at, required[2])
end

-- A function under a name that is a handler's method but for upper and lower case, in any table.
function Methods:checkCase(name, at)
  if self.called[name] or not name:find(LIKELY) or self.handlerMethods[name] then return end
  for known in pairs(self.handlerMethods) do
    if known:lower() == name:lower() then
      self.report(at, ("unknown method of a handler: '%s'%s"):format(name, words.hint(known)))
    end
  end
end

function Methods:checkAnswer(values)
  local first, second = values[1], values[2]
  if first and first.kind == "string" then
    local message = "onConnection returns a handler, or nil and a status: a string refuses with 500"
    self.report(first.at, message)
  end
  if second and second.kind == "table" then
    local class = first.kind == "nil" and "luaws.Response" or "luaws.Acceptance"
    self:checkItems(second, { self.all.classes[class] })
  end
end

-- What onConnection and onRequest return.
function Methods:checkReturns(use)
  if use.kind ~= SERVER and use.kind ~= REQUEST then return end
  local field = use.shape.fields[REQUIRED[use.kind][1]]
  local f = field and field.value
  if not isFunction(f) then return end
  for _, values in ipairs(f.returns) do
    if use.kind == SERVER then
      self:checkAnswer(values)
    elseif values[1] and values[1].kind == "table" then
      self:checkItems(values[1], { self.all.classes["luaws.Response"] })
    end
  end
end

return Methods
