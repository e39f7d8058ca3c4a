-- Reads Lua source that compiles and tells what is in it, as flat lists rather than as a tree: what
-- looks at them goes through a list, and never down into something that a stranger has nested deep.
-- The parser itself goes as deep as Lua's own, which gives up at 200 levels.
--
-- A node is a table with `kind` and `at`, the offset that messages name:
--   "name"      name, symbol                          "index"    base, name (nil: computed)
--   "string"    text (nil: with escapes)              "call"     base, args
--   "table"     items = { { name, at, value } },      "method"   base, name, args
--               isOpen: it has computed keys          "function" params (symbols), returns, symbol
--   "choice"    operands of `and` and `or`            "other"    anything else
--
-- A symbol is a variable: name, at, isGlobal, values (the nodes that it is ever given; false:
-- something unknown), fields (name -> { at, value }), methods' `self` included, isOpen (something
-- else may have changed it), element (the node whose elements it stands for in a loop).

local tokens = require "luaws.check.lexer"

local Parser = {}
Parser.__index = Parser

local BINARY = {}
for operator in ("+ - * / // % ^ .. & | ~ << >> == ~= < <= > >= and or"):gmatch("%S+") do
  BINARY[operator] = true
end
local UNARY = { ["not"] = true, ["-"] = true, ["#"] = true, ["~"] = true }

-- Tokens -----------------------------------------------------------------------------------------

-- The next token becomes the current one: kind, at, text; `last` is the end of the one before.
function Parser:advance()
  self.last = self.behind
  if self.ahead then
    self.kind, self.at, self.behind, self.text = table.unpack(self.ahead, 1, 4)
    self.ahead = nil
  else
    self.kind, self.at, self.behind, self.text = self.next()
  end
end

function Parser:peek()
  if not self.ahead then self.ahead = { self.next() } end
  return self.ahead[1]
end

function Parser:take(kind)
  if self.kind ~= kind then return false end
  self:advance()
  return true
end

function Parser:name()
  local name, at = self.text, self.at
  self:advance()
  return name, at
end

-- Variables --------------------------------------------------------------------------------------

local function newSymbol(name, at)
  return { name = name, at = at, values = {}, fields = {} }
end

function Parser:open() self.scope = { parent = self.scope, symbols = {} } end
function Parser:close() self.scope = self.scope.parent end

function Parser:declare(name, at)
  local symbol = newSymbol(name, at)
  self.scope.symbols[name] = symbol
  return symbol
end

local function findLocal(scope, name)
  while scope do
    local symbol = scope.symbols[name]
    if symbol then return symbol end
    scope = scope.parent
  end
end

function Parser:resolve(name, at)
  local symbol = findLocal(self.scope, name)
  if symbol then return symbol end
  if findLocal(self.scope, "_ENV") then return newSymbol(name, at) end -- of a table of the script's
  symbol = self.unit.globals[name]
  if not symbol then
    symbol = newSymbol(name, at)
    symbol.isGlobal = true
    self.unit.globals[name] = symbol
  end
  return symbol
end

-- Nodes ------------------------------------------------------------------------------------------

function Parser:node(node)
  local list = self.unit.nodes
  list[#list + 1] = node
  return node
end

function Parser:nameNode()
  local name, at = self:name()
  local symbol = self:resolve(name, at)
  return self:node { kind = "name", name = name, at = at, symbol = symbol, scope = self.scope }
end

function Parser:stringNode()
  local node = { kind = "string", at = self.at, text = self.text }
  self:advance()
  return node
end

-- What it is part of uses the node in a way that changes nothing.
local function settle(node)
  node.isSettled = true
  return node
end

-- Expressions ------------------------------------------------------------------------------------

function Parser:tableNode()
  local node = { kind = "table", at = self.at, items = {} }
  self:advance()
  while self.kind ~= "}" do
    local name, at, isComputed = nil, self.at, false
    if self.kind == "name" and self:peek() == "=" then
      name = self:name()
      self:advance()
    elseif self:take("[") then
      local key = self:expression()
      name, isComputed = key.kind == "string" and key.text or nil, true
      self:advance()
      self:advance()
    end
    local value = self:expression()
    if name then
      node.items[#node.items + 1] = { name = name, at = at, value = value }
    elseif isComputed then
      node.isOpen = true
    end
    if not self:take(",") then self:take(";") end
  end
  self:advance()
  return self:node(node)
end

function Parser:arguments()
  local args = {}
  if self.kind == "string" then
    args[1] = self:stringNode()
  elseif self.kind == "{" then
    args[1] = self:tableNode()
  else
    self:advance()
    if self.kind ~= ")" then args = self:expressions() end
    self:advance()
  end
  return args
end

function Parser:primary()
  if self.kind == "name" then return self:nameNode() end
  self:advance()
  local inner = self:expression()
  self:advance()
  return inner
end

-- Names, and what is done with them: a.b, a[b], a(b), a:b(c), one behind the other.
function Parser:suffixed()
  local node = self:primary()
  while true do
    local at = self.at
    if self:take(".") then
      local name, nameAt = self:name()
      node = self:node { kind = "index", base = settle(node), name = name, at = nameAt }
    elseif self:take("[") then
      local key = self:expression()
      self:advance()
      local name = key.kind == "string" and key.text or nil
      node = self:node { kind = "index", base = settle(node), name = name, at = at }
    elseif self:take(":") then
      local name, nameAt = self:name()
      node = { kind = "method", base = settle(node), name = name, at = nameAt }
      node.args = self:arguments()
      self:node(node)
    elseif self.kind == "(" or self.kind == "{" or self.kind == "string" then
      local args = self:arguments()
      if node.name == "type" and args[1] then settle(args[1]).isGuarded = true end
      node = self:node { kind = "call", base = settle(node), args = args, at = at }
    else
      return node
    end
  end
end

function Parser:simple()
  local kind = self.kind
  if kind == "name" or kind == "(" then return self:suffixed() end
  if kind == "string" then return self:stringNode() end
  if kind == "{" then return self:tableNode() end
  if kind == "function" then
    local at = self.at
    self:advance()
    return self:functionNode(at, nil)
  end
  local node = { kind = kind == "nil" and "nil" or "other", at = self.at }
  self:advance()
  return node
end

local EQUALITY = { ["=="] = true, ["~="] = true }
local LOOSE = { ["and"] = true, ["or"] = true } -- binds less than these

-- Keeps the pairs of operands of which one is compared with the other, and with nothing more.
function Parser:compare(operands, operators)
  for i = 1, #operands - 1 do
    local before, behind = operators[i - 1], operators[i + 1]
    local isWhole = (not before or LOOSE[before]) and (not behind or LOOSE[behind])
    if EQUALITY[operators[i]] and isWhole then
      table.insert(self.unit.comparisons, { operands[i], operands[i + 1] })
    end
  end
end

-- Without precedence, which hardly anybody here asks for: operands and operators in a row.
function Parser:expression()
  local operands, operators, count = nil, {}, 0
  local first, isChoice, isSum, hasNil
  while true do
    local operator = nil
    while UNARY[self.kind] do
      operator = self.kind
      self:advance()
    end
    local operand = self:simple()
    if operator then
      settle(operand).isGuarded = operator == "not"
      operand = { kind = "other", at = operand.at }
    end
    count = count + 1
    hasNil = hasNil or operand.kind == "nil"
    if count == 1 then first = operand else
      operands = operands or { first }
      operands[count] = operand
    end
    if not BINARY[self.kind] then break end
    if LOOSE[self.kind] then isChoice = true else isSum = true end
    operators[count] = self.kind
    self:advance()
  end
  if count == 1 then return first end
  if isSum or not isChoice then
    for _, operand in ipairs(operands) do settle(operand) end
  end
  for _, operand in ipairs(operands) do operand.isGuarded = isChoice or hasNil end
  self:compare(operands, operators)
  local kind = isChoice and not isSum and "choice" or "other"
  return self:node { kind = kind, operands = operands, at = first.at }
end

function Parser:expressions()
  local list = {}
  repeat list[#list + 1] = self:expression() until not self:take(",")
  return list
end

-- Functions --------------------------------------------------------------------------------------

-- From the parameters on. `owner`: the node before the colon, whose fields those of `self` are.
function Parser:functionNode(at, owner)
  local node = { kind = "function", at = at, params = {}, returns = {}, isMethod = owner ~= nil }
  local outer = self.current
  self.current = node
  self:open()
  if owner then
    node.selfSymbol = self:declare("self", at)
    node.selfSymbol.owner = owner
  end
  self:advance()
  while self.kind ~= ")" do
    if self.kind == "name" then
      local name, nameAt = self:name()
      local symbol = self:declare(name, nameAt)
      symbol.isParameter = true
      node.params[#node.params + 1] = symbol
    else
      self:advance()
    end
    self:take(",")
  end
  self:advance()
  self:block()
  self:close()
  self:advance()
  self.current = outer
  return self:node(node)
end

-- Statements -------------------------------------------------------------------------------------

local CLOSES = { ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true }

-- The target of an assignment gets a value, false: one that isn't known.
function Parser:assign(target, value)
  target.isTarget = true
  target.value = value or false
  if target.kind == "name" then
    local values = target.symbol.values
    values[#values + 1] = value or false
    target.symbol.isDefined = true
  end
end

function Parser:assignAll(targets)
  local values = self:expressions()
  for i, target in ipairs(targets) do self:assign(target, values[i]) end
end

function Parser:expressionStatement()
  local first = self:suffixed()
  if self.kind ~= "=" and self.kind ~= "," then return end
  local targets = { first }
  while self:take(",") do targets[#targets + 1] = self:suffixed() end
  self:advance()
  self:assignAll(targets)
end

local STATEMENTS = {}

STATEMENTS["local"] = function(self)
  self:advance()
  if self:take("function") then
    local name, at = self:name()
    local symbol = self:declare(name, at)
    symbol.values[1] = self:functionNode(at, nil)
    return
  end
  local names = {}
  repeat
    local name, at = self:name()
    names[#names + 1] = { name = name, at = at }
    if self:take("<") then
      self:advance()
      self:advance()
    end
  until not self:take(",")
  local values = self:take("=") and self:expressions() or {}
  for i, declared in ipairs(names) do
    local symbol = self:declare(declared.name, declared.at)
    if values[i] then
      symbol.values[1] = values[i]
    elseif #values > 0 then
      symbol.values[1] = false
    end
  end
end

STATEMENTS["function"] = function(self)
  self:advance()
  local target = self:nameNode()
  while self:take(".") do
    local name, at = self:name()
    target = self:node { kind = "index", base = settle(target), name = name, at = at }
  end
  local owner
  if self:take(":") then
    owner = target
    local name, at = self:name()
    target = self:node { kind = "index", base = settle(target), name = name, at = at }
  end
  self:assign(target, self:functionNode(target.at, owner))
end

STATEMENTS["if"] = function(self)
  repeat
    self:advance()
    local condition = self:expression()
    condition.isGuarded = true
    settle(condition)
    self:advance()
    self:scoped()
  until self.kind ~= "elseif"
  if self:take("else") then self:scoped() end
  self:advance()
end

STATEMENTS["while"] = function(self)
  self:advance()
  settle(self:expression())
  self:advance()
  self:scoped()
  self:advance()
end

-- The condition sees the locals of the body.
STATEMENTS["repeat"] = function(self)
  self:advance()
  self:open()
  self:block()
  self:advance()
  settle(self:expression())
  self:close()
end

STATEMENTS["do"] = function(self)
  self:advance()
  self:scoped()
  self:advance()
end

local PASSES_THROUGH = { ipairs = true, pairs = true }

-- What `for _, x in ipairs(list)` takes its elements from.
local function listOf(values)
  local call = values[1]
  local isCall = call.kind == "call" and call.base.kind == "name"
  return isCall and PASSES_THROUGH[call.base.name] and call.args[1] or nil
end

STATEMENTS["for"] = function(self)
  self:advance()
  local names = {}
  repeat
    local name, at = self:name()
    names[#names + 1] = { name = name, at = at }
  until not self:take(",")
  self:advance()
  local values = self:expressions()
  self:advance()
  self:open()
  for i, declared in ipairs(names) do
    local symbol = self:declare(declared.name, declared.at)
    symbol.values[1] = false
    if i == 2 then symbol.element = listOf(values) end
  end
  self:block()
  self:close()
  self:advance()
end

STATEMENTS["return"] = function(self)
  self:advance()
  local isEmpty = self.kind == ";" or CLOSES[self.kind]
  local values = isEmpty and {} or self:expressions()
  for _, value in ipairs(values) do settle(value) end
  table.insert((self.current or self.unit).returns, values)
  self:take(";")
end

STATEMENTS["::"] = function(self)
  self:advance()
  self:advance()
  self:advance()
end

STATEMENTS["goto"] = function(self)
  self:advance()
  self:advance()
end

STATEMENTS["break"] = Parser.advance
STATEMENTS[";"] = Parser.advance

function Parser:block()
  while not CLOSES[self.kind] do
    (STATEMENTS[self.kind] or self.expressionStatement)(self)
  end
end

function Parser:scoped()
  self:open()
  self:block()
  self:close()
end

-- What is in the source from the offset `start` on: nodes (each behind those that it is made of),
-- globals (name -> symbol), comparisons (pairs of nodes) and returns (of the main chunk: lists of
-- nodes).
return function(source, start)
  local unit = { nodes = {}, globals = {}, comparisons = {}, returns = {} }
  local self = setmetatable({ next = tokens(source, start), unit = unit }, Parser)
  self:advance()
  self:scoped()
  return unit
end
