-- lua/luaws/meta.lua, the annotations for editors: whole in themselves, and true. That the members of
-- objects, the options and the handlers' methods are those of the program and of docs/api.md is compared by
-- spec/e2e/docs_spec.lua.

local probe = require "probe"
local readFile = require("spec.support.files").read

local PATH = "lua/luaws/meta.lua"
local BIN = os.getenv("LUAWS_BIN")
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
-- types: what is declared; used: type -> a line that names it; values: alias -> set of its literals;
-- fields: class -> set of its fields' names; methods: variable -> set; classOf: variable -> class.
local function parse(text)
  local meta = { functions = {}, types = {}, used = {}, values = {}, fields = {}, methods = {}, classOf = {} }
  local doc, class, alias = { params = {}, returns = 0 }, nil, nil
  local function use(line)
    for name in line:gmatch "luaws%.%u%w+" do meta.used[name] = line end
  end
  for line in text:gmatch "[^\n]+" do
    local tag, rest = line:match "^%-%-%-@(%a+)%s*(.*)$"
    local value = line:match '^%-%-%-| "([^"]+)"'
    if tag == "class" then
      class, alias = rest:match "^[%w.]+", nil
      meta.types[class], meta.fields[class] = true, {}
    elseif tag == "alias" then
      alias = rest:match "^[%w.]+"
      meta.types[alias], meta.values[alias] = true, {}
      use(rest:sub(#alias + 1))
    elseif value then
      meta.values[alias][value] = true
    elseif tag == "field" then
      local name = rest:match "^[%w%[%]]+"
      meta.fields[class][name] = true
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
      meta.methods[owner] = meta.methods[owner] or {}
      meta.methods[owner][name] = true
    elseif line:match "^local %a+ = {}$" then
      meta.classOf[line:match "^local (%a+)"] = class
    end
    if not line:match "^%-%-%-" then doc = { params = {}, returns = 0 } end
  end
  return meta
end

-- The names of a class: its fields, and the methods of the variable that stands for it.
local function namesOf(meta, class)
  local names = {}
  for name in pairs(meta.fields[class]) do
    if name:match "^%a+$" then names[name] = true end
  end
  for variable, owner in pairs(meta.classOf) do
    if owner == class then
      for name in pairs(meta.methods[variable] or {}) do names[name] = true end
    end
  end
  return names
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
    for name, line in pairs(meta.used) do assert.is_true(meta.types[name], name .. " in: " .. line) end
    for line in text:gmatch "%-%-%-@param [^\n]+" do
      local type = line:match "^%-%-%-@param %S+%s+([%a.]+)"
      assert.is_true(BUILT_IN[type] or meta.types[type], line)
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

  it("name the fields of a request", function()
    local fields = {}
    for name in pairs(probe.request.push {
      target = "/", withBody = true, certificate = { { "subject", "" } },
    }) do fields[name] = true end
    assert.same(fields, namesOf(meta, "luaws.Request"))
  end)

  it("name what the module holds, and what its tables hold", function()
    if not BIN then return pending "LUAWS_BIN names no luaws" end
    local program = [[
      local luaws = require "luaws"
      for _, what in ipairs { "json", "log", "WebServer", "WebSocketServer", "WebSocket" } do
        for name, value in pairs(luaws[what]) do print(what, name, type(value)) end
      end
      for name, value in pairs(luaws) do print("luaws", name, type(value)) end
    ]]
    local pipe = assert(io.popen(("'%s' -e '%s'"):format(BIN, program:gsub("'", "'\\''"))))
    local found = { luaws = { onError = true } } -- nil until the script sets it
    for what, name in pipe:read("a"):gmatch "(%S+)\t(%S+)\t%S+\n" do
      found[what] = found[what] or {}
      found[what][name] = true
    end
    assert.is_true(pipe:close())
    for class, what in pairs {
      ["luaws"] = "luaws", ["luaws.Json"] = "json", ["luaws.Log"] = "log",
      ["luaws.WebServerClass"] = "WebServer", ["luaws.WebSocketServerClass"] = "WebSocketServer",
      ["luaws.WebSocketClass"] = "WebSocket",
    } do
      assert.same(found[what], namesOf(meta, class), class)
    end
  end)
end)
