-- What a terminal would show: a small model of one, of the kind that TERM=xterm means, for specs of programs that
-- draw on it.
--
--   local s = screen.new(columns, rows)
--   s:write(bytes)       what the program writes
--   s:resize(columns)    a new width, for what comes (rows that are there stay)
--   s:lines()            the rows up to the last one that isn't blank, without blanks at their ends
--   s.row, s.column      where the cursor is, from 1; rows count from the very first, those that have scrolled away too
--
-- Characters are taken to be one column wide. Colours are ignored; an unknown sequence raises.

local screen = {}
local Screen = {}
Screen.__index = Screen

function screen.new(columns, rows)
  return setmetatable({ columns = columns, height = rows, row = 1, column = 1, top = 1, grid = { {} }, pending = "" },
    Screen)
end

local function cells(self, row)
  self.grid[row] = self.grid[row] or {}
  return self.grid[row]
end

local function lineFeed(self)
  self.row = self.row + 1
  cells(self, self.row)
  if self.row - self.top >= self.height then self.top = self.row - self.height + 1 end
end

-- The last column is left only when something more comes.
local function put(self, character)
  if self.column > self.columns then
    self.column = 1
    lineFeed(self)
  end
  cells(self, self.row)[self.column] = character
  self.column = self.column + 1
end

local function eraseFrom(self, row, column, last)
  local line = cells(self, row)
  for i = column, last or self.columns do line[i] = nil end
end

local CSI = {}

local function moveTo(self, row, column)
  self.row = math.max(self.top, math.min(row, self.top + self.height - 1))
  self.column = math.max(1, math.min(column, self.columns))
  for i = #self.grid + 1, self.row do self.grid[i] = {} end
end

function CSI.A(self, n) moveTo(self, self.row - math.max(n, 1), self.column) end
function CSI.B(self, n) moveTo(self, self.row + math.max(n, 1), self.column) end
function CSI.C(self, n) moveTo(self, self.row, self.column + math.max(n, 1)) end
function CSI.D(self, n) moveTo(self, self.row, self.column - math.max(n, 1)) end
function CSI.G(self, n) moveTo(self, self.row, math.max(n, 1)) end
function CSI.H(self, n, m) moveTo(self, self.top + math.max(n, 1) - 1, math.max(m, 1)) end

function CSI.J(self, n)
  assert(n == 0 or n == 2, "CSI " .. n .. "J")
  if n == 2 then
    for row = self.top, #self.grid do self.grid[row] = {} end
    return
  end
  eraseFrom(self, self.row, self.column)
  for row = self.row + 1, #self.grid do self.grid[row] = {} end
end

function CSI.K(self, n)
  if n == 0 then eraseFrom(self, self.row, self.column)
  elseif n == 1 then eraseFrom(self, self.row, 1, self.column)
  else eraseFrom(self, self.row, 1) end
end

function CSI.P(self, n)
  local line = cells(self, self.row)
  for i = self.column, self.columns do line[i] = line[i + math.max(n, 1)] end
end

CSI["@"] = function(self, n)
  local line = cells(self, self.row)
  n = math.max(n, 1)
  for i = self.columns, self.column, -1 do line[i] = i - n >= self.column and line[i - n] or nil end
end

function CSI.m() end
function CSI.h() end
function CSI.l() end

local CONTROLS = {
  ["\r"] = function(self) self.column = 1 end,
  ["\n"] = lineFeed,
  ["\b"] = function(self) self.column = math.max(1, math.min(self.column, self.columns) - 1) end,
  ["\a"] = function() end,
  ["\t"] = function(self) self.column = math.min(self.columns, (self.column - 1) // 8 * 8 + 9) end,
}

-- Takes one thing from the front of `bytes`; nil when it isn't whole yet, else what is left.
local function take(self, bytes)
  local first = bytes:sub(1, 1)
  if CONTROLS[first] then
    CONTROLS[first](self)
    return bytes:sub(2)
  elseif first == "\27" then
    if #bytes < 2 then return nil end
    if bytes:sub(2, 2) ~= "[" then return (bytes:match("^\27[=>](.*)$")) or error("ESC " .. bytes:sub(2, 2)) end
    local parameters, final, rest = bytes:match("^\27%[([%d;?]*)([@-~])(.*)$")
    if not final then return nil end
    local n, m = parameters:match("^%??(%d*);?(%d*)")
    local act = CSI[final] or error("CSI " .. parameters .. final)
    act(self, tonumber(n) or 0, tonumber(m) or 0)
    return rest
  end
  local character = bytes:match("^[\32-\126]") or bytes:match("^[\xC2-\xF4][\x80-\xBF]+")
  if not character then
    if #bytes < 4 and first:match("[\xC2-\xF4]") then return nil end
    error(("a terminal would act upon byte 0x%02x"):format(first:byte()))
  end
  put(self, character)
  return bytes:sub(#character + 1)
end

function Screen:write(bytes)
  local rest = self.pending .. bytes
  while rest ~= "" do
    local after = take(self, rest)
    if not after then break end
    rest = after
  end
  self.pending = rest
end

function Screen:resize(columns)
  self.columns = columns
end

function Screen:lines()
  local lines = {}
  for row = 1, #self.grid do
    local line = {}
    for column = 1, self.columns do line[column] = self.grid[row][column] or " " end
    lines[row] = table.concat(line):gsub(" +$", "")
  end
  while lines[#lines] == "" do lines[#lines] = nil end
  return lines
end

return screen
