-- src/script/args: option tables, what their messages say, and whose line they name.

local probe = require "probe"
local args = probe.args
local read = args.read

-- Calls `f`, which stands on one line, and returns the message of the error that it raises, checked to
-- have that line's position.
local function misuse(f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  local position = ("spec/unit/script_args_spec.lua:%d: "):format(debug.getinfo(f, "S").linedefined)
  assert.equal(position, message:sub(1, #position))
  return message:sub(#position + 1)
end

local function assertRefused(message, options)
  assert.equal("Thing.new: " .. message, misuse(function() read(options) end))
end

describe("args_read_options", function()
  it("leaves what isn't given as it was", function()
    for _, settings in ipairs { read(), read(nil), read {} } do
      assert.same({ timeout = 0, interval = 0, maxSize = 0, maxCount = 0, port = 8080, host = "localhost", value = "",
                    flag = false }, settings)
    end
  end)

  it("reads every kind", function()
    assert.same({
      timeout = 2500, interval = 1000, maxSize = 1048576, maxCount = 3, path = "/chat", host = "::1",
      protocols = { "b", "a" }, port = 0, value = "function", flag = true,
    }, read {
      timeout = 2.5, interval = 1, maxSize = 1 << 20, maxCount = 3, path = "/chat", host = "::1",
      protocols = { "b", "a" }, port = 0, value = print, flag = true,
    })
  end)

  it("lets a later table replace what an earlier one has set", function()
    local settings = read({ host = "a", protocols = { "x", "y" }, path = "/1" }, { host = "b", protocols = "z" })
    assert.equal("b", settings.host)
    assert.equal("/1", settings.path)
    assert.same({ "z" }, settings.protocols)
  end)

  it("takes a float that is an integer for one", function()
    assert.equal(1000000, read { maxSize = 1e6 }.maxSize)
    assert.equal(80, read { port = 80.0 }.port)
  end)

  it("rounds seconds to milliseconds, but never to none", function()
    for seconds, ms in pairs {
      [0.001] = 1, [0.0001] = 1, [1e-300] = 1, [0.035] = 35, [0.29] = 290, [1.1] = 1100, [86400] = 86400000,
      [1e300] = 10000000000000, [math.maxinteger] = 10000000000000,
    } do
      assert.equal(ms, read { timeout = seconds }.timeout)
    end
  end)

  it("switches off by false what may be off", function()
    local settings = read({ host = "a", protocols = { "x" } },
                          { timeout = false, maxSize = false, host = false, protocols = false, value = false })
    assert.equal("off", settings.timeout)
    assert.equal("off", settings.maxSize)
    assert.is_nil(settings.host)
    assert.is_nil(settings.protocols)
    assert.equal("boolean", settings.value)
    assertRefused("option 'interval' must be a number of seconds above 0, got false", { interval = false })
    assertRefused("option 'maxCount' must be an integer above 0, got false", { maxCount = false })
    assertRefused("option 'path' must be a string, got false", { path = false })
    assertRefused("option 'port' must be an integer from 0 to 65535, got false", { port = false })
  end)

  it("reads values through metatables", function()
    assert.equal("/x", read(setmetatable({}, { __index = { path = "/x" } })).path)
    assert.equal("/y", read(setmetatable({}, { __index = function(_, k) return k == "path" and "/y" or nil end })).path)
  end)

  it("refuses what is no table", function()
    assertRefused("options must be a table, got number 42", 42)
    assertRefused("options must be a table, got string '/chat'", "/chat")
    assertRefused("options must be a table, got false", false)
  end)

  it("refuses wrong seconds", function()
    for value, got in pairs {
      [0] = "number 0", [-1] = "number -1", ["1"] = "string '1'", [true] = "true", [1 / 0] = "number inf",
      [-1 / 0] = "number -inf",
    } do
      assertRefused("option 'timeout' must be a number of seconds above 0, or false, got " .. got, { timeout = value })
    end
    assert.matches("seconds above 0, or false, got number %-?nan", misuse(function() read { timeout = 0 / 0 } end))
    assertRefused("option 'interval' must be a number of seconds above 0, got table", { interval = {} })
  end)

  it("refuses wrong sizes and counts", function()
    for value, got in pairs {
      [0] = "number 0", [-1] = "number -1", [1.5] = "number 1.5", ["10"] = "string '10'", [1e300] = "number 1e+300",
      [1 / 0] = "number inf", [print] = "function",
    } do
      assertRefused("option 'maxSize' must be an integer above 0 (bytes), or false, got " .. got, { maxSize = value })
      assertRefused("option 'maxCount' must be an integer above 0, got " .. got, { maxCount = value })
    end
  end)

  it("refuses wrong ports", function()
    for value, got in pairs {
      [-1] = "number -1", [65536] = "number 65536", ["80"] = "string '80'", [80.5] = "number 80.5",
    } do
      assertRefused("option 'port' must be an integer from 0 to 65535, got " .. got, { port = value })
    end
  end)

  it("refuses wrong flags", function()
    assert.is_false(read({ flag = true }, { flag = false }).flag)
    for value, got in pairs { [1] = "number 1", [0] = "number 0", ["true"] = "string 'true'" } do
      assertRefused("option 'flag' must be true or false, got " .. got, { flag = value })
    end
  end)

  it("refuses wrong strings", function()
    assertRefused("option 'path' must be a string, got number 3", { path = 3 })
    assertRefused("option 'path' must be a string, got table", { path = {} })
    assertRefused("option 'path' must not contain a NUL byte", { path = "/a\0b" })
    assertRefused("option 'host' must be a string, or false, got true", { host = true })
  end)

  it("asks what else must hold, once the value is read", function()
    assertRefused("option 'path' must start with '/', got string 'chat'", { path = "chat" })
  end)

  it("refuses wrong arrays of strings", function()
    assertRefused("option 'protocols' must be an array of strings, or false, got number 3", { protocols = 3 })
    assertRefused("option 'protocols' must be an array of strings, got number 3 at [2]",
                  { protocols = { "a", 3, "b" } })
    assertRefused("option 'protocols' must be an array of strings, got table at [1]", { protocols = { {} } })
    assertRefused("option 'protocols' must be an array of strings, without other keys",
                  { protocols = { "a", x = "b" } })
    assertRefused("option 'protocols' must not contain a NUL byte", { protocols = { "a\0" } })
    assertRefused("option 'protocols' must not contain a NUL byte", { protocols = "a\0" })
    assert.same({}, read { protocols = {} }.protocols)
  end)

  it("refuses unknown names and tells the likely one", function()
    for name, like in pairs {
      pth = "path", Path = "path", PATH = "path", timeOut = "timeout", protocol = "protocols", maxsize = "maxSize",
      max_size = "maxSize", prot = "port", hosts = "host", intervall = "interval", paht = "path",
    } do
      assertRefused(("unknown option '%s' (did you mean '%s'?)"):format(name, like), { [name] = 1 })
    end
    for _, name in ipairs { "compression", "x", "", "tls", "pa", "hulk" } do
      assertRefused(("unknown option '%s'"):format(name), { [name] = 1 })
    end
    assertRefused("unknown option '" .. ("x"):rep(24) .. "...'", { [("x"):rep(1000)] = 1 })
    assertRefused("unknown option 'path?' (did you mean 'path'?)", { ["path\0"] = "/" })
    assertRefused("unknown option 'dataTyp'", setmetatable({ dataTyp = 1 }, { __index = { path = "/" } }))
  end)

  it("refuses keys that are no names", function()
    assertRefused("options have names, got the key number 1", { "/chat" })
    assertRefused("options have names, got the key true", { [true] = 1 })
  end)
end)

describe("args_describe", function()
  it("says what came", function()
    for text, value in pairs {
      ["true"] = true, ["false"] = false, ["number 3"] = 3, ["number 3.5"] = 3.5, ["number 3.0"] = 3.0,
      ["string ''"] = "", ["string 'abc'"] = "abc", ["table"] = {}, ["function"] = print, ["FILE*"] = io.stdout,
      ["null"] = probe.json.null, ["thread"] = coroutine.create(print),
      ["string 'a?b?c?'"] = "a\nb\0c\x7f", ["string '??'"] = "\xff\xfe",
      ["string '123456789012345678901234'"] = "123456789012345678901234",
      ["string '123456789012345678901234...'"] = "1234567890123456789012345",
      ["string '12345678901234567890123...'"] = "12345678901234567890123é",
      ["string '1234567890123456789012é...'"] = "1234567890123456789012é1",
    } do
      assert.equal(text, args.describe(value))
    end
    assert.equal("nil", args.describe(nil))
  end)
end)

describe("args_nearest", function()
  it("finds the nearest of several", function()
    assert.equal("port", args.nearest "ports")
    assert.equal("host", args.nearest "hots")
    assert.equal("maxCount", args.nearest "maxcont")
    assert.equal("web", args.nearest "wb")
    assert.is_nil(args.nearest "wxx")
    assert.is_nil(args.nearest "something")
    assert.is_nil(args.nearest(("path"):rep(1000)))
  end)
end)

describe("args_close_code", function()
  it("takes 1000 and 3000 to 4999", function()
    for _, code in ipairs { 1000, 3000, 4999, 4000.0 } do assert.equal(code, args.closeCode(code)) end
  end)

  it("refuses all others", function()
    for _, code in ipairs {
      0, 999, 1001, 1005, 1006, 2999, 3000.5, "3000", 5000, -1, 1 / 0, true, {}, math.mininteger,
    } do
      assert.matches("^terminate: the code must be 1000 or an integer from 3000 to 4999, got ",
                     misuse(function() args.closeCode(code) end))
    end
    assert.matches("got string '3000'$", misuse(function() args.closeCode("3000") end))
  end)
end)

describe("args_error", function()
  it("names the line of the nearest function of the script", function()
    local function own(name, code) return load(code, name, "t", { fail = args.fail, pcall = pcall }) end
    local inner = own("=luaws/inner.lua", "fail 'no'  return 1")
    local outer = load("local f = ...\n\nlocal x = f()\nreturn x", "=luaws/outer.lua")
    assert.equal("no", misuse(function() return (outer(inner)) end))
    assert.equal("no", misuse(function() return (select(1, outer(inner))) end))
  end)

  it("takes a script's own file for the script's, whatever its name", function()
    for _, name in ipairs { "@luaws/chat.lua", "@luaws.lua", "=luaws-chat", "=stdin" } do
      local ok, message = pcall(load("local f = ...\nf 'no' return 1", name), args.fail)
      assert.is_false(ok)
      assert.equal(name:sub(2) .. ":2: no", message)
    end
  end)

  it("looks past C functions", function()
    assert.equal("no", misuse(function() return (table.sort({ 1, 2 }, function() args.fail "no" end)) end))
  end)

  it("does without a position where no script's function has called", function()
    local co = coroutine.wrap(args.fail)
    local ok, message = pcall(co, "no")
    assert.is_false(ok)
    assert.equal("no", message)
  end)

  it("cuts what is far too long", function()
    assert.equal(511, #misuse(function() args.fail(("x"):rep(10000)) end))
  end)
end)
