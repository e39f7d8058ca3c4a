-- docs/limits.md against the sources: every option that is a limit or a clock is listed, the defaults are those of
-- the code, of docs/api.md and of the annotations, and the fixed ones have the values of their constants.

local markdown = require "spec.support.markdown"
local readFile = require("spec.support.files").read

local PAGE, API, ERRORS, META = "docs/limits.md", "docs/api.md", "docs/errors.md", "lua/luaws/meta.lua"
local UNITS = { B = 1, KiB = 1024, MiB = 1024 ^ 2, GiB = 1024 ^ 3, s = 1000, ms = 1 }

local function tableUnder(page, heading)
  for _, found in ipairs(page.tables) do
    if found.heading == heading then return found.rows end
  end
  error(("%s has no table under %q"):format(page.path, heading))
end

-- "64 KiB", "30 s", "100" -> bytes, milliseconds, a number; "none" -> "none"; else nil.
local function measure(text)
  local number, unit = text:match("^`?([%d.]+)`? ?(%a*)")
  if text:match("^`?none`?$") then return "none" end
  return number and tonumber(number) * (UNITS[unit] or 1)
end

-- What an expression of C comes to: "256 * 1024", "1 << 20", "CONFIG_NONE".
local function evaluate(expression)
  if expression == "CONFIG_NONE" then return "none" end
  assert(expression:match("^[%d%s*<()]+$"), expression)
  return assert(load("return " .. expression))()
end

-- The expression of a #define, of a constant in an enum, or of a member in an initializer, in the file or in what it
-- includes.
local function findExpression(path, name)
  local text = readFile(path):gsub("//[^\n]*", ""):gsub("#ifdef LUAWS_TINY\n.-#else", "")
  local expression = text:match("#define%s+" .. name .. "%s+([^\n]+)")
    or text:match("[%s.{]" .. name .. "%s*=%s*([^,;}]+)")
  if expression then return expression:match("^%(?(.-)%)?%s*$") end
  for header in text:gmatch('#include "([^"]+)"') do
    expression = findExpression("src/" .. header, name)
    if expression then return expression end
  end
end

local function constant(path, name)
  local expression = assert(findExpression(path, name), name)
  return expression:match("^%u[%u_]+$") and constant(path, expression) or evaluate(expression)
end

local LINK = { "src/script/link_options.h", "src/script/link_options.c" } -- what servers and clients have in common

-- name -> { kind, default } of the options in the C sources that are limits or clocks: their kind says so.
local function optionsOf(...)
  local text, found = "", {}
  for _, path in ipairs({ ... }) do text = text .. readFile(path) end
  for name, kind, place in text:gmatch('{"(%a+)", ARGS_(%u+),%s*([^}]-)}') do
    if kind == "SECONDS" or kind == "SIZE" or kind == "COUNT" then
      local member = place:match("AT%(([%w_.]+)%)") or place:match("offsetof%([%w_ ]+, ([%w_.]+)%)")
      member = member:match("([%w_]+)$")
      local default = text:match("%." .. member .. " = ([^,]+),") or text:match("c%->" .. member .. " = ([^;]+);")
      found[name] = { kind = kind, default = evaluate(assert(default, name)) }
    end
  end
  return found
end

-- name -> the text in the column of defaults.
local function listed()
  local page, found = markdown.read(PAGE), {}
  for heading, column in pairs({ ["Of a WebSocket connection"] = 2, ["Of connecting and of HTTP"] = 3 }) do
    for _, row in ipairs(tableUnder(page, heading)) do found[markdown.codes(row[1])[1]] = row[column] end
  end
  return found
end

local function eachOption(check)
  for _, paths in ipairs({ { "src/script/wss.c", table.unpack(LINK) }, { "src/script/webserver_settings.c" } }) do
    local options = optionsOf(table.unpack(paths))
    assert.is_true((options.maxPayload or options.maxBody).default == 1024 ^ 2)
    for name, option in pairs(options) do check(name, option) end
  end
end

describe(PAGE, function()
  it("lists every option that is a limit or a clock, with its default", function()
    local defaults, count = listed(), 0
    eachOption(function(name, option)
      count = count + 1
      assert.is_string(defaults[name], name .. " is not listed")
      assert.equal(option.default, measure(defaults[name]), name)
    end)
    assert.is_true(count >= 13)
  end)

  it("lists no option that there isn't", function()
    local known = { origins = true } -- a limit of another kind
    eachOption(function(name) known[name] = true end)
    for name in pairs(listed()) do assert.is_true(known[name], name) end
  end)

  it("has the defaults of " .. API, function()
    local page, defaults = markdown.read(API), listed()
    for _, heading in ipairs({ "Options of a WebSocketServer", "Settings of a WebServer" }) do
      for _, row in ipairs(tableUnder(page, heading)) do
        local name = markdown.codes(row[1])[1]
        local default = defaults[name] and measure(defaults[name])
        if default and defaults[name]:match(" s$") then default = default / 1000 end -- seconds there
        if default then assert.equal(default, measure(row[3]), name) end
      end
    end
  end)

  it("has the defaults of the annotations", function()
    local text, defaults = readFile(META), listed()
    eachOption(function(name)
      local annotation = assert(text:match("%-%-%-@field " .. name .. "%?([^\n]+)"), name)
      local default, isThere = defaults[name], false
      for part in annotation:gmatch("[^;]+") do
        local said = part:match("^%s*(.-)%s*$")
        isThere = isThere or said == default or said .. " s" == default
      end
      assert.is_true(isThere, name .. ":" .. annotation)
    end)
  end)

  local fixed = { "Fixed: HTTP", "Fixed: TLS", "Fixed: WebSocket", "Fixed: clients", "Fixed: the script" }
  for _, heading in ipairs(fixed) do
    it("has the values of the constants: " .. heading, function()
      for _, row in ipairs(tableUnder(markdown.read(PAGE), heading)) do
        local name, path = row[#row]:match("`([%w_]+)` in (src/[%w_/.]+)")
        assert.is_string(name, row[1] .. " names no constant")
        assert.equal(measure(row[2]), constant(path, name), row[1])
      end
    end)
  end

  it("names statuses and close codes that " .. ERRORS .. " explains", function()
    local page, explained = markdown.read(ERRORS), { ["1006"] = true }
    for _, heading in ipairs({ "HTTP statuses", "Close codes" }) do
      for _, row in ipairs(tableUnder(page, heading)) do
        for number in row[1]:gmatch("%d+") do explained[number] = true end
      end
    end
    local count = 0
    for _, found in ipairs(markdown.read(PAGE).tables) do
      for _, row in ipairs(found.rows) do
        for number in row[3]:gmatch("%f[%d]%d+%f[%D]") do
          if row[3]:match("with " .. number) or row[3] == number then
            count = count + 1
            assert.is_true(explained[number], number)
          end
        end
      end
    end
    assert.is_true(count > 10)
  end)

  it("is checked by a check that can fail", function()
    assert.equal(65536, measure "64 KiB")
    assert.equal(30000, measure "30 s")
    assert.equal(50, measure "50 ms")
    assert.equal("none", measure "none")
    assert.is_nil(measure "the host's own")
    assert.equal(8192, constant("src/http/message.h", "HTTP_LINE_MAX"))
    assert.equal(30000, constant("src/script/webserver_settings.c", "request_timeout"))
    assert.has_error(function() constant("src/http/message.h", "HTTP_NONE") end)
    assert.has_error(function() evaluate("os.exit()") end)
    assert.has_error(function() tableUnder(markdown.read(PAGE), "none") end)
    assert.equal("none", optionsOf("src/script/wss.c", table.unpack(LINK)).maxConnections.default)
    assert.equal(10000, optionsOf("src/script/webserver_settings.c").handshakeTimeout.default)
  end)
end)
