-- Rules on the members of luaws's objects, and of the libraries of Lua and luv.

local names = require "luaws.check.names"
local suggest = require "luaws.suggest"
local words = require "luaws.check.words"

local Members = {}

local CLOSED = {
  ["luaws"] = true, ["luaws.WebSocketServer"] = true, ["luaws.WebServer"] = true,
  ["luaws.Timer"] = true, ["luaws.Json"] = true, ["luaws.Log"] = true, ["luaws.testing"] = true,
}

-- Where the script may have fields of its own, only what is nearly the name of a member can't be
-- meant.
local function areClosed(classes)
  for _, class in ipairs(classes) do
    if not CLOSED[class.name] and not class.name:find("^luaws%.%a+Class$") then return false end
  end
  return true
end

function Members:checkRead(node, what)
  local members, classes = self.types:members(node.base, node.name)
  if not members or #members > 0 or self.assigned[node.name] then return members, classes end
  local isClosed, known = areClosed(classes), names.membersOf(classes)
  local like = isClosed and words.meant(node.name, known) or words.surelyMeant(node.name, known)
  if like or isClosed then
    local whose = words.describe(classes)
    self.report(node.at, ("%s has no %s '%s'%s"):format(whose, what, node.name, words.hint(like)))
  end
  return members, classes
end

local function areReadOnly(members)
  for _, member in ipairs(members) do
    if not member.isReadOnly and not member.isMethod then return false end
  end
  return #members > 0
end

function Members:checkAssignment(node)
  local members, classes = self.types:members(node.base, node.name)
  if not members then return end
  local whose = words.describe(classes)
  if classes[1].name == "luaws" and node.name ~= "onError" then
    local like = words.hint(suggest(node.name, { "onError" }))
    self.report(node.at, ("luaws has no field '%s' to set%s"):format(node.name, like))
  elseif areReadOnly(members) then
    self.report(node.at, ("'%s' of a %s is read-only"):format(node.name, whose))
  elseif #members == 0 and areClosed(classes) then
    self.report(node.at, ("a %s has no field '%s' to set"):format(whose, node.name))
  end
end

-- The table of a library that the variable stands for.
local function libraryOf(symbol, libraries)
  if symbol.isOpen then return nil end
  if symbol.isGlobal then return not symbol.isDefined and libraries[symbol.name] or nil end
  local call = #symbol.values == 1 and symbol.values[1]
  local isCall = call and call.kind == "call" and call.base.kind == "name"
  local module = isCall and call.base.name == "require" and call.args[1]
  return module and module.kind == "string" and libraries[module.text] or nil
end

-- What is in a library is asked of itself.
function Members:checkLibrary(node)
  local base = node.base
  local library
  if base.kind == "name" then library = libraryOf(base.symbol, self.libraries) end
  if base.kind == "string" then library = self.libraries.string end
  if not library or library[node.name] ~= nil or node.isGuarded then return end
  if base.symbol and base.symbol.fields[node.name] then return end
  local like = words.hint(suggest(node.name, words.keysOf(library)))
  self.report(node.at, ("'%s' has no '%s'%s"):format(base.name or "string", node.name, like))
end

function Members:checkIndex(node)
  if not node.name then return end
  if node.isTarget then return self:checkAssignment(node) end
  self:checkRead(node, "field")
  self:checkLibrary(node)
end

function Members:checkMethod(node)
  local members, classes = self:checkRead(node, "method")
  if node.base.kind == "string" then self:checkLibrary(node) end
  local member = members and members[1]
  if member and #classes == 1 and member.isStatic then
    local message = "%s.%s is called with a dot, not with a colon"
    self.report(node.at, message:format(node.base.name or words.describe(classes), node.name))
    return
  end
  self:checkArguments(node)
end

-- ws.send("hi"): surely no object in front.
local function isWithoutSelf(node, member)
  if not member or not member.isMethod then return false end
  local first = node.args[1]
  return not first or first.kind == "string" or first.kind == "table"
end

function Members:checkCall(node)
  local members = self.types:callee(node)
  if isWithoutSelf(node, members[1]) then
    local message = "'%s' is a method: it is called with a colon, not with a dot"
    self.report(node.base.at, message:format(node.base.name))
    return
  end
  self:checkArguments(node)
end

return Members
