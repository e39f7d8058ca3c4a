-- The console on a terminal: what a person types and sees, in the process itself and attached.

local uv = require "luv"
local async = require "spec.support.async"
local build = require "spec.support.build"
local server = require "spec.support.server"
local terminal = require "spec.support.terminal"
local readFile = require("spec.support.files").read

local SERVER = [[
  local luaws = require "luaws"
  counter = { total = 0, names = { "ann", "bob" } }
  local Chat = luaws.class "Chat"
  function Chat:onMessage(ws, event) ws:send(event.data) end
  function Chat:shout() return "CHAT" end
  chat = Chat.new()
  trap = setmetatable({}, { __index = function() error "asked" end })
  wss = luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/" })
]]

local state

before_each(function() state = server.folder() end)

local function start(args, options)
  options = options or {}
  options.env = options.env or { NO_COLOR = "1" }
  options.env.XDG_STATE_HOME = state
  options.env.XDG_RUNTIME_DIR = state
  return terminal.start(args, options)
end

-- The prompt is there.
local function open(args, options)
  local t = start(args, options)
  t:awaitLast(">")
  return t
end

local function openRepl(options) return open({ "repl" }, options) end

local function openServer(options)
  local path = server.folder({ ["server.lua"] = SERVER }) .. "/server.lua"
  return open({ "--port", "0", "--console", path }, options)
end

-- The server, and a terminal that is attached to it.
local function openAttached(options)
  local folder = server.folder({ ["server.lua"] = SERVER })
  local s = server.startFile(folder .. "/server.lua", { args = { "--attach=" .. folder .. "/console" } })
  return open({ "attach", folder .. "/console" }, options), s
end

local SIGINT = 2

local WAYS = { ["luaws repl"] = openRepl, ["luaws --console"] = openServer, ["luaws attach"] = openAttached }

for name, openIt in pairs(WAYS) do
  describe("a person with " .. name, function()
    it("types lines and sees results", function()
      local t = openIt()
      t:type("1 + 1\r")
      t:awaitLast("> 1 + 1", "2", ">")
      t:type("= 'Ä', nil\r")
      t:awaitLast('"Ä"', "nil", ">")
      t:type("print(_)\r")
      t:awaitLast("Ä", ">")
      t:quit()
    end)

    it("types a chunk of several lines, whose prompt tells so", function()
      local t = openIt()
      t:type("for i = 1, 2 do\r")
      t:awaitLast("> for i = 1, 2 do", ">>")
      t:type("  print(i)\rend\r")
      t:awaitLast(">> end", "1", "2", ">")
      t:quit()
    end)

    it("completes names with the tab key", function()
      local t = openIt()
      t:type("string.for\t")
      t:awaitLast("> string.format")
      t:type("\21string.re\t")
      t:awaitLast("> string.re")
      t:type("\t")
      t:awaitLast("rep      reverse", "> string.re")
      t:type("v\t('ab')\r")
      t:awaitLast('"ba"', ">")
      t:type("\tx = 1\r") -- it indents where there is nothing
      t:type("x\r")
      t:awaitLast("1", ">")
      t:quit()
    end)

    it("cancels with ctrl-C the line that waits, and goes on", function()
      local t = openIt()
      t:type("print 'it waits' luaws.sleep(100)\r")
      t:awaitLast("it waits")
      t:type("\3")
      t:awaitLast("luaws: console:1: interrupted", ">")
      t:type("'still here'\r")
      t:awaitLast('"still here"', ">")
      t:quit()
    end)

    it("ends with ctrl-C the line that computes, whatever it catches", function()
      local t = openIt()
      -- (It allocates, or ThreadSanitizer would hold the signal back.)
      t:type("print 'it computes' while true do pcall(function() while true do x = ('x'):rep(999) end end) end\r")
      t:awaitLast("it computes")
      t:type("\3")
      t:await(function(lines) return lines[#lines - 1]:find("^luaws: .*interrupted$") end)
      t:awaitLast(">")
      t:type("'still here'\r")
      t:awaitLast('"still here"', ">")
      t:quit()
    end)

    it("clears with ctrl-C what is being typed, and a chunk that isn't whole", function()
      local t = openIt()
      t:type("half a li\27[D")
      t:awaitLast("> half a li")
      t:type("\3")
      t:awaitLast(">")
      t:type("if true then\r")
      t:awaitLast(">>")
      t:type("\3")
      t:awaitLast(">")
      t:type("if true then\rhalf")
      t:awaitLast(">> half")
      t:type("\3")
      t:awaitLast(">")
      t:type("1\r")
      t:awaitLast("1", ">")
      t:quit()
    end)

    it("ends with ctrl-C at an empty prompt", function()
      local t = openIt()
      t:type("\3")
      assert.same({ 0, 0 }, { t:awaitExit() })
      assert.is_true(t:isCooked())
    end)

    it("sees the terminal as it was after SIGTERM", function()
      local t = openIt()
      t:kill("sigterm")
      assert.same({ 0, 0 }, { t:awaitExit() })
      assert.is_true(t:isCooked())
    end)

    it("has a history of its own, in a file", function()
      local t = openIt()
      t:type("1 + 1\r")
      t:awaitLast("2", ">")
      t:quit()
      local path = state .. "/luaws/console_history"
      assert.equal("1 + 1\n", readFile(path))
      assert.equal("600", ("%o"):format(uv.fs_stat(path).mode & 511))
      t = openIt()
      t:type("\27[A\r")
      t:awaitLast("> 1 + 1", "2", ">")
      t:quit()
    end)

    it("sees no control character act", function()
      local t = openIt()
      t:type("'\\27[2Jx'\r")
      t:awaitLast('"\\x1b[2Jx"', ">")
      t:type("error '\\27[2Jx'\r")
      t:awaitLast("luaws: console:1: \\x1b[2Jx", ">")
      t:quit()
    end)
  end)
end

describe("the prompt in a server", function()
  it("completes its globals, objects and methods, and runs none of its code for that", function()
    local t = openServer()
    t:type("wss:bro\t")
    t:awaitLast("> wss:broadcast")
    t:type("\21coun\t.tot\t")
    t:awaitLast("> counter.total")
    t:type("\21chat:sh\t()\r")
    t:awaitLast('"CHAT"', ">")
    t:type("luaws.webServer.por\t\r")
    t:await("> luaws.webServer.port")
    t:type("trap.\t")
    t:type("x\21'fine'\r")
    t:awaitLast('"fine"', ">")
    t:quit()
  end)

  it("stays below what the server writes", function()
    local t = openServer()
    t:type("luaws.after(0.3, function() print 'from a timer' luaws.log.warn 'and this' end) _ = nil\r")
    t:awaitLast(">")
    t:type("half a li")
    t:await("from a timer")
    t:await(function(lines)
      return lines[#lines] == "> half a li" and lines[#lines - 1]:find("warn  and this", 1, true)
    end)
    t:quit()
  end)

  it("is no hindrance to the end of a script", function()
    local path = server.folder({ ["script.lua"] = "require 'luaws'.sleep(0.2)" }) .. "/script.lua"
    local t = start({ "--console", path })
    assert.same({ 0, 0 }, { t:awaitExit() })
    assert.is_true(t:isCooked())
  end)

  it("gives the terminal back when the script can't be started", function()
    local path = server.folder({ ["script.lua"] = "error 'broken'" }) .. "/script.lua"
    local t = start({ "--console", path })
    assert.same({ 1, 0 }, { t:awaitExit() })
    t:await("broken")
    assert.is_true(t:isCooked())
  end)
end)

describe("who is attached", function()
  it("has a prompt also on a terminal that can't edit lines", function()
    local t, s = openAttached({ env = { TERM = "dumb" } })
    t:type("if true then\r")
    t:awaitLast("> if true then", ">>")
    t:type("print 'yes' end\r")
    t:awaitLast(">> print 'yes' end", "yes", ">")
    t:type("\4")
    assert.same({ 0, 0 }, { t:awaitExit() })
    assert.is_nil(s.code)
  end)

  it("can leave a server that is stuck, by ctrl-C", function()
    local folder = server.folder({ ["server.lua"] = SERVER .. [[
      function block() os.execute("while ! [ -e " .. arg[0] .. ".go ]; do sleep 0.02; done") end
    ]] })
    local s = server.startFile(folder .. "/server.lua", { args = { "--attach=" .. folder .. "/console" } })
    local t = open({ "attach", folder .. "/console" })
    t:type("print 'it is stuck' block()\r")
    t:awaitLast("it is stuck")
    t:type("\3")
    async.eventually(function()
      if not t.code then t:type("\3") end
      return t.code
    end)
    local code, signal = t:awaitExit()
    assert(io.open(folder .. "/server.lua.go", "w")):close()
    assert.equal(0, code)
    -- The last ctrl-C may have come when the terminal was what it had been.
    assert.is_true(signal == 0 or signal == SIGINT, signal)
    assert.is_true(t:isCooked())
    assert.is_nil(s.code)
  end)

  it("doesn't see with ctrl-C all that a line has printed and that is still on its way", function()
    if build.isTiny then pending("too slow a build") end
    local t, s = openAttached()
    t.pipe:read_stop()
    t:type("for i = 1, 1e5 do print(('x'):rep(99)) end io.write 'done\\n' luaws.sleep(100)\r")
    s:expectLines("done")
    t:type("\3")
    t.raw = ""
    function t.screen.write() end -- it would take long
    function t.screen.lines() return {} end
    t:read()
    t:await(function() return t.raw:find("luaws: console:1: interrupted\r\n> ", -100, true) end)
    assert.is_true(#t.raw < 5e6, #t.raw)
    assert.truthy(t.raw:find("luaws: %d+ bytes are left out", -1000))
    t:quit()
  end)

  it("leaves the server alone when they go", function()
    local t, s = openAttached()
    t:quit()
    assert.is_nil(s.code)
  end)

  it("gets what their lines print, and the server the rest", function()
    local t, s = openAttached()
    t:type("print 'to me'; io.write 'to the server\\n'; luaws.log.warn 'a log line'\r")
    t:awaitLast("to me", ">")
    s:awaitLog("a log line")
    s:expectLines("to the server")
    assert.falsy(s.stdout:find("to me", 1, true))
    t:quit()
  end)

  it("is told when the server ends", function()
    local t, s = openAttached()
    s:stop()
    assert.same({ 1, 0 }, { t:awaitExit() })
    t:await("luaws: luaws has ended")
    assert.is_true(t:isCooked())
  end)

  it("has a line that waits cancelled when the terminal goes away", function()
    local t, s = openAttached()
    t:type("print 'it waits' local ok, err = pcall(luaws.sleep, 100) io.write(err, '\\n')\r")
    t:await(function(lines) return lines[#lines] == "it waits" end)
    t:hangUp()
    t:awaitExit()
    async.eventually(function() return s.stdout:find("cancelled", 1, true) end)
  end)
end)
