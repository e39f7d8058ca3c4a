-- What is wrong, or can't be meant, in a script: goes through the nodes of a unit and reports what
-- the rules find.

local names = require "luaws.check.names"

local Rules = {}
Rules.__index = Rules

for _, part in ipairs { "values", "members", "variables", "methods" } do
  for name, rule in pairs(require("luaws.check." .. part)) do Rules[name] = rule end
end

-- Names that the script itself reads or calls, and those that it sets, anywhere.
local function collect(nodes)
  local called, assigned = {}, {}
  for _, node in ipairs(nodes) do
    if node.kind == "method" then called[node.name] = true end
    if node.kind == "index" and node.name then
      local set = node.isTarget and assigned or called
      set[node.name] = true
    end
  end
  return called, assigned
end

local CHECKS = { name = Rules.checkName, method = Rules.checkMethod, call = Rules.checkCall }

function CHECKS.index(self, node)
  self:checkIndex(node)
  local value = node.isTarget and node.name and node.value
  if value and value.kind == "function" then self:checkCase(node.name, node.at) end
end

function CHECKS.table(self, node)
  for _, item in ipairs(node.items) do
    if item.value.kind == "function" then self:checkCase(item.name, item.at) end
  end
end

-- context: all (names), types, handlers, unit, globals (set of those that are there when it
-- starts), isKnownGlobal(name), libraries (name -> table), isFull() (enough is reported).
-- report(at, message): of several at one place the first counts.
return function(context, report)
  local self = setmetatable({ report = report, passed = {} }, Rules)
  for key, value in pairs(context) do self[key] = value end
  self.called, self.assigned = collect(self.unit.nodes)
  self.handlerMethods = self:methodsOf(names.handlerKinds(self.all))
  for _, found in ipairs(self.handlers.all) do self:checkHandler(found.shape, found.kinds) end
  for _, use in ipairs(self.handlers.uses) do
    self:checkRequired(use)
    self:checkReturns(use)
  end
  for _, pair in ipairs(self.unit.comparisons) do
    self:checkComparison(pair[1], pair[2])
    self:checkComparison(pair[2], pair[1])
  end
  for _, node in ipairs(self.unit.nodes) do
    if self.isFull() then break end
    local check = CHECKS[node.kind]
    if check then check(self, node) end
  end
end
