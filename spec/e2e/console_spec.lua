-- The console in a pipe: luaws repl and --console, without a terminal.

local server = require "spec.support.server"
local build = require "spec.support.build"

local function run(input, args, env)
  return server.run(nil, { program = args or { "repl" }, input = input, env = env })
end

-- What is printed for these lines, without errors.
local function outputOf(...)
  local child = run(table.concat({ ... }, "\n") .. "\n")
  assert.equal("", child.stderr)
  assert.equal(0, child.code)
  return child.stdout
end

local function errorOf(...)
  local child = run(table.concat({ ... }, "\n") .. "\n")
  assert.equal(1, child.code)
  return child.stderr, child.stdout
end

describe("a line", function()
  it("shows the values of expressions, one a line", function()
    assert.equal('3\n"a\\n\\"b\\""\nnil\ntrue\n', outputOf("1 + 2", "= 'a\\n\"b\"', nil", "", "true"))
  end)

  it("shows nothing for statements, and for calls without results", function()
    assert.equal("", outputOf("x = 1", "(function() end)()", "-- nothing"))
  end)

  it("keeps globals, and the last value that wasn't nil in _, which is no global", function()
    assert.equal("4\n8\nnil\nnil\n", outputOf("x = 4", "x", "_ * 2", "nil", "rawget(_G, '_')"))
  end)

  it("may be a chunk of several, also one that begins as an expression", function()
    assert.equal("1\n2\n{ 1, 2 }\n", outputOf("for i = 1, 2 do", "", "  print(i)", "end", "{", "1, 2", "}"))
  end)

  it("may wait, and the next one comes behind it", function()
    assert.equal('true\n"later"\n', outputOf("luaws.sleep(0.05)", "'later'"))
  end)

  it("prints in order with its results", function()
    assert.equal("a\n1\nb\n", outputOf("print 'a' return 1", "print 'b'"))
  end)

  it("may be empty, and the last one without an end", function()
    local child = run("1\n\n\n2")
    assert.equal("1\n2\n", child.stdout)
    assert.equal(0, run("").code)
  end)

  it("of a chunk that isn't whole at the end is an error", function()
    assert.equal("luaws: the last chunk is not finished\n", (errorOf("if true then")))
  end)

  it("is left out when it is longer than 1 MiB, and the next one is run", function()
    local message, output = errorOf("x = '" .. ("x"):rep(1024 * 1024) .. "'", "x == nil")
    assert.equal("luaws: a line of more than 1 MiB is left out\n", message)
    assert.equal("true\n", output)
  end)

  it("ends a chunk that grows beyond 1 MiB", function()
    local row = "'" .. ("x"):rep(100 * 1024) .. "',"
    local lines = { "t = {" }
    for i = 2, 12 do lines[i] = row end
    local message = errorOf(table.unpack(lines))
    assert.matches("^luaws: a chunk of more than 1 MiB\n", message)
  end)
end)

describe("an error in a line", function()
  it("is told with its line, and makes the exit code 1", function()
    local message, output = errorOf("x = = 1", "error 'broken'", "nothing.field", "1")
    assert.equal("luaws: console:1: unexpected symbol near '='\nluaws: console:1: broken\n"
      .. "luaws: console:1: attempt to index a nil value (global 'nothing')\n", message)
    assert.equal("1\n", output)
  end)

  it("has the functions that were called in its traceback", function()
    assert.equal("luaws: console:1: broken\nstack traceback:\n\tconsole:1: in function 'f'\n"
      .. "\tconsole:1: in main chunk\n", (errorOf("function f() error 'broken' end", "f() f()")))
  end)

  it("may be a table, or nothing", function()
    assert.equal("luaws: { code = 4 }\nluaws: nil\nluaws: 42\nluaws: text\nluaws: { 1 }\nluaws: { 2 }\n",
      (errorOf("error { code = 4 }", "error()", "error(42)",
        "error(setmetatable({}, { __tostring = function() return 'text' end }))",
        "error(setmetatable({ 1 }, { __tostring = function() error 'broken' end }))",
        "error(setmetatable({ 2 }, setmetatable({}, { __index = error })))")))
  end)

  it("is told when it yields, and doesn't end the console", function()
    local message, output = errorOf("coroutine.yield()", "'on'")
    assert.matches("luaws: console has yielded outside luaws's waiting functions", message)
    assert.equal('"on"\n', output)
  end)

  it("is told when it computes for too long", function()
    if build.isTiny then pending("too slow a build") end
    -- (It allocates, or ThreadSanitizer would hold the signal back.)
    local child = server.run(nil, { program = { "repl" }, timeout = 60,
      input = "os.execute 'sleep 9.5' while true do x = ('x'):rep(999) end\n'on'\n" })
    assert.matches("luaws: console:1: interrupted: it may compute for 10", child.stderr)
    assert.equal('"on"\n', child.stdout)
  end)
end)

describe("a table", function()
  it("is shown by its raw contents, names before other keys, in order", function()
    assert.equal('{ 1, 2, [1.5] = 4, a = 1, b = { c = true }, ["end"] = 2, ["two words"] = 3 }\n',
      outputOf("{ 1, 2, a = 1, b = { c = true }, ['end'] = 2, ['two words'] = 3, [1.5] = 4 }"))
  end)

  it("is shown with the name of its class, and runs no metamethods", function()
    assert.equal('Dog { name = "rex" }\n', outputOf("Dog = luaws.class 'Dog'",
      "function Dog:__tostring() error 'asked' end; function Dog:__pairs() error 'asked' end; Dog.__len = Dog.__pairs",
      "d = Dog.new() d.name = 'rex'", "d"))
  end)

  it("may contain itself", function()
    assert.equal("{ t = { the one around it } }\n", outputOf("t = {} t.t = t", "t"))
  end)

  it("is shown in lines when it is large, to a bounded depth and size", function()
    local shown = outputOf("t = {} for i = 1, 1000 do t[i] = { { { { 'x' } } } } end", "t")
    assert.matches("^{\n  { { { %.%.%. } } },\n", shown)
    assert.matches("\n  %.%.%. %d+ more\n}\n$", shown)
    assert.is_true(#shown < 20000)
  end)
end)

describe("other values", function()
  it("are described", function()
    local shown = outputOf("function f() end", "f", "print", "luaws.null", "1.0", "2^63", "'\\0\\27\\xff'",
      "('x'):rep(3000)")
    assert.matches("^function %(console:1%)\nfunction %(C%)\n", shown)
    assert.matches('\n1%.0\n9%.2233720368548e%+18\n"\\x00\\x1b\\xff"\n', shown)
    assert.matches('x"%.%.%. %(3000 bytes%)\n$', shown)
  end)

  it("don't end the console when their __tostring raises", function()
    assert.matches("^userdata whose __tostring raises\n", outputOf(
      "u = io.tmpfile() debug.setmetatable(u, { __tostring = function() error 'asked' end })", "u"))
  end)
end)

describe("luaws repl", function()
  it("may have a script, its arguments and options, and outlives it", function()
    local folder = server.folder({ ["script.lua"] = "name = ..." })
    local child = run("name\nluaws.webServer.host\n", { "repl", "--host", "::1", folder .. "/script.lua", "ann" })
    assert.equal('"ann"\n"::1"\n', child.stdout)
  end)

  it("ends with the code of luaws.exit", function()
    assert.equal(3, run("luaws.exit(3)\n").code)
  end)
end)

describe("luaws --console", function()
  it("serves, and runs lines in the script's state", function()
    local folder = server.folder({ ["script.lua"] = [[
      local luaws = require "luaws"
      wss = luaws.WebSocketServer.new({ onConnection = function() end }, { path = "/chat" })
    ]] })
    local child = run("wss\nwss.connections\n", { "--port", "0", "--console", folder .. "/script.lua" })
    assert.equal("WebSocketServer: /chat (0 connections)\n{}\n", child.stdout)
    assert.equal(0, child.code)
  end)

  it("finds servers that are in no global, unless the script has a global of that name", function()
    local script = [[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = function() end }, { path = "/chat" })
    ]]
    local folder = server.folder({ ["script.lua"] = script, ["other.lua"] = script .. "servers = 'mine'" })
    local child = run("#servers\nservers[1]\n", { "--port", "0", "--console", folder .. "/script.lua" })
    assert.equal("1\nWebSocketServer: /chat (0 connections)\n", child.stdout)
    child = run("servers\n", { "--port", "0", "--console", folder .. "/other.lua" })
    assert.equal('"mine"\n', child.stdout)
  end)

  it("shows the lines of a file in which an error was raised", function()
    local folder = server.folder({ ["script.lua"] = "function f()\n  error 'broken'\nend\n"
      .. "require 'luaws'.every(100, print)" })
    local child = run("f() f()\n", { "--console", folder .. "/script.lua" })
    assert.matches("script.lua:2: broken\n    1 | function f%(%)\n  > 2 |   error 'broken'\n    3 | end\n"
      .. "stack traceback:\n\t[^\n]*script.lua:2: in function 'f'\n\tconsole:1: in main chunk\n$", child.stderr)
  end)

  it("is in the first of several workers", function()
    local folder = server.folder({ ["script.lua"] = "require 'luaws'.every(100, print)" })
    local child = run("luaws.workerIndex\n", { "--workers", "3", "--console", folder .. "/script.lua" })
    assert.equal("1\n", child.stdout)
  end)

  it("doesn't keep a script alive", function()
    local folder = server.folder({ ["script.lua"] = "print 'done'" })
    local child = run("luaws.sleep(100)\n", { "--console", folder .. "/script.lua" })
    assert.equal("done\n", child.stdout)
    assert.equal(0, child.code)
  end)

  it("can't read a script from stdin as well", function()
    local child = run("", { "--console", "-" })
    assert.equal("luaws: the console reads stdin: it wants a script in a file (see luaws --help)\n", child.stderr)
    assert.equal(2, child.code)
  end)

  it("has no use for --estimate", function()
    assert.equal(2, run("", { "--console", "--estimate", "x.lua" }).code)
  end)
end)
