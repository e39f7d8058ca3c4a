-- Rules on global variables that nobody defines.

local suggest = require "luaws.suggest"
local words = require "luaws.check.words"

local Variables = {}

-- Of older versions of Lua.
local OLD = { unpack = "table.unpack", loadstring = "load" }

-- Sets the names that can be seen from a scope: local ones, and globals.
local function addVisible(scope, globals, known)
  while scope do
    for name in pairs(scope.symbols) do known[name] = true end
    scope = scope.parent
  end
  for name, symbol in pairs(globals) do
    if symbol.isDefined then known[name] = true end
  end
end

function Variables:checkName(node)
  local symbol, name = node.symbol, node.name
  if not symbol.isGlobal or symbol.isDefined or node.isTarget or node.isGuarded then return end
  if self.isKnownGlobal(name) then return end
  if name == "luaws" then
    local message = "undefined global 'luaws' (is local luaws = require \"luaws\" missing?)"
    self.report(node.at, message)
    return
  end
  local known = {}
  addVisible(node.scope, self.unit.globals, known)
  for global in pairs(self.globals) do known[global] = true end
  known[name] = nil -- local x = x
  local like = words.hint(OLD[name] or suggest(name, words.keysOf(known)))
  self.report(node.at, ("undefined global '%s'%s"):format(name, like))
end

return Variables
