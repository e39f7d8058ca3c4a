-- Rules on global variables that nobody defines.

local suggest = require "luaws.suggest"
local words = require "luaws.check.words"

local Variables = {}

-- Of older versions of Lua.
local OLD = { unpack = "table.unpack", loadstring = "load" }

local DIFFERENCE_MAX = 2 -- letters by which a name is longer or shorter than the one that is meant

-- The names that can be seen from a scope, local ones and globals, as far as one may be meant by
-- `name`: a file has tens of thousands of them.
function Variables:visible(name, scope)
  local known = {}
  local function add(other)
    if math.abs(#other - #name) <= DIFFERENCE_MAX then known[other] = true end
  end
  while scope do
    for other in pairs(scope.symbols) do add(other) end
    scope = scope.parent
  end
  for other, symbol in pairs(self.unit.globals) do
    if symbol.isDefined then add(other) end
  end
  for other in pairs(self.globals) do add(other) end
  known[name] = nil -- local x = x
  return known
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
  local known = not OLD[name] and words.keysOf(self:visible(name, node.scope))
  local like = words.hint(OLD[name] or suggest(name, known))
  self.report(node.at, ("undefined global '%s'%s"):format(name, like))
end

return Variables
