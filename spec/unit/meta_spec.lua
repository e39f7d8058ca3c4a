-- lua/luaws/meta.lua, the annotations for editors: their form, and that they are whole in themselves. That they have
-- what the program has is compared by spec/e2e/annotations_spec.lua, with docs/api.md by spec/e2e/docs_spec.lua.

local readFile = require("spec.support.files").read

local PATH = "lua/luaws/meta.lua"
local BUILT_IN = {}
for _, name in ipairs {
  "string", "integer", "number", "boolean", "table", "any", "nil", "userdata", "fun", "true", "false", "T",
} do
  BUILT_IN[name] = true
end

local function split(list)
  local names = {}
  for name in list:gmatch "[%w_.]+" do names[#names + 1] = name end
  return names
end

-- functions: { name, parameters, described, params = { { name, text } }, returns } in the order of the file;
-- types: what is declared -> whether it is described; used: type -> a line that names it; values: alias -> set of its
-- literals; crowded: lines that declare a second type in one block.
local function parse(text)
  local meta = { functions = {}, types = {}, used = {}, values = {}, crowded = {} }
  local doc, alias = { params = {}, returns = 0 }, nil
  local function declare(name, line)
    meta.types[name] = doc.described or false
    if doc.declares then meta.crowded[#meta.crowded + 1] = line end
    doc.declares = true
  end
  local function use(line)
    for name in line:gmatch "luaws%.%u%w+" do meta.used[name] = line end
  end
  for line in text:gmatch "([^\n]*)\n" do
    local tag, rest = line:match "^%-%-%-@(%a+)%s*(.*)$"
    local value = line:match '^%-%-%-| "([^"]+)"'
    if tag == "class" then
      declare(rest:gsub("^%(exact%) ", ""):match "^[%w.]+", line)
    elseif tag == "alias" then
      alias = rest:match "^[%w.]+"
      declare(alias, line)
      meta.values[alias] = {}
      use(rest:sub(#alias + 1))
    elseif value then
      meta.values[alias][value] = true
    elseif tag == "field" then
      use(rest)
    elseif tag == "param" then
      local name, type = rest:match "^([%w.]+)%??%s+(.+)$"
      doc.params[#doc.params + 1] = { name = name, type = type }
      use(rest)
    elseif tag == "return" then
      doc.returns = doc.returns + 1
      use(rest)
    elseif line:match "^%-%-%-" and not tag then
      doc.described = true
    elseif line:match "^function " then
      local owner, name, parameters = line:match "^function (%a+)[.:](%a+)%((.-)%) end$"
      assert(owner, line)
      doc.name, doc.line, doc.parameters = name, line, parameters
      meta.functions[#meta.functions + 1] = doc
    end
    if not line:match "^%-%-%-" then doc = { params = {}, returns = 0 } end
  end
  return meta
end

-- The string literals of a C table of names: `static const char *const NAMES[] = {...}`.
local function namesIn(path)
  local names = {}
  local list = readFile(path):match "const NAMES%[%] = (%b{})"
  for name in list:gmatch '"([^"]+)"' do names[name] = true end
  return names
end

describe("the annotations", function()
  local text = readFile(PATH)
  local meta = parse(text)

  it("are Lua, and say that they are annotations", function()
    assert.equal("---@meta luaws", text:match "^[^\n]+")
    assert.is_table(assert(load(text, "@" .. PATH, "t", {}))())
  end)

  it("describe every function, and each parameter in its order", function()
    assert.is_true(#meta.functions > 30)
    for _, f in ipairs(meta.functions) do
      local names = {}
      for i, param in ipairs(f.params) do names[i] = param.name end
      assert.same(split(f.parameters), names, f.line)
      assert.is_true(f.described, f.line .. " is not described")
    end
  end)

  it("describe every type, each in a block of its own", function()
    for name, isDescribed in pairs(meta.types) do assert.is_true(isDescribed, name) end
    assert.same({}, meta.crowded)
  end)

  it("tell the unit of every time", function()
    for _, f in ipairs(meta.functions) do
      for _, param in ipairs(f.params) do
        if param.name == "timeout" then assert.matches("^number seconds", param.type, f.line) end
        if param.name == "seconds" then assert.matches("^number ", param.type, f.line) end
      end
    end
    for line in text:gmatch "%-%-%-@field %a+Time[Oo]ut%?[^\n]*" do assert.matches("seconds", line) end
    for line in text:gmatch "%-%-%-@field ping[^\n]*" do assert.matches("seconds", line) end
  end)

  it("use no type that isn't declared", function()
    for name, line in pairs(meta.used) do assert.is_not_nil(meta.types[name], name .. " in: " .. line) end
    for line in text:gmatch "%-%-%-@param [^\n]+" do
      local type = line:match "^%-%-%-@param %S+%s+([%a.]+)"
      assert.is_true(BUILT_IN[type] or meta.types[type] ~= nil, line)
    end
  end)

  it("declare no type that isn't used", function()
    local ofItself = { ["luaws"] = true, ["luaws.testing"] = true }
    for name in pairs(meta.types) do
      assert.is_true(ofItself[name] or meta.used[name] ~= nil, name)
    end
  end)

  it("know the values that are one of a few", function()
    assert.same(namesIn "src/script/datatype.c", meta.values["luaws.DataType"])
    local status = namesIn "src/script/lib_link.c"
    assert.same(status, meta.values["luaws.ClientStatus"])
    status.Connecting = nil -- no script sees it of a connection
    assert.same(status, meta.values["luaws.Status"])
    assert.same({ close = true, drop = true }, meta.values["luaws.SlowConsumer"])
    local components = {}
    for name in readFile "src/base/err.h":gmatch '#define ERR_[%w_]+%s+"(....)"' do components[name] = true end
    assert.same(components, meta.values["luaws.ComponentSignature"])
  end)
end)
