-- `luaws connect` on a terminal: what a person types and sees.

local uv = require "luv"
local async = require "spec.support.async"
local build = require "spec.support.build"
local peer = require "spec.support.peer"
local server = require "spec.support.server"
local terminal = require "spec.support.terminal"
local readFile = require("spec.support.files").read

local ECHO = [[
  serve({
    onOpen = function(self, ws) self.ws = ws end,
    onMessage = function(_, ws, e)
      say("got", e.data, e.isBinary)
      local seconds, text = e.data:match "^after (%S+) (.*)$"
      if seconds then luaws.sleep(tonumber(seconds)) end
      ws:send(text or e.data, e.isBinary)
    end,
    onTerminate = function(_, ws, e) say("end", e.code, e.reason) end,
  }, { path = "/" })
]]

local s, state

before_each(function()
  s = server.start(ECHO, { tls = false })
  state = server.folder()
end)

-- Beside the options of terminal.start, `server`.
local function start(options, ...)
  options = options or {}
  options.env = options.env or {}
  options.env.XDG_STATE_HOME = options.env.XDG_STATE_HOME or state
  local port = (options.server or s).port
  return terminal.start({ "connect", ("ws://127.0.0.1:%d/"):format(port), ... }, options)
end

-- Its greeting and prompt are there.
local function open(options, ...)
  local t = start(options, ...)
  t:await(function(lines) return lines[#lines] == ">" end, "the prompt")
  return t
end

describe("a person", function()
  it("types lines and sees what comes", function()
    local t = open()
    assert.matches("^connected to ws://127%.0%.0%.1:%d+/ %(/help tells what can be typed, ctrl%-D ends%)$",
      t:lines()[1])
    t:type("hello\r")
    t:awaitLast("> hello", "< hello", ">")
    t:type("Ä漢\r")
    t:awaitLast("> Ä漢", "< Ä漢", ">")
    t:quit()
    t:awaitLast("closed with code 1000")
    s:expectLines("got hello false", "got Ä漢 false", "end 1000 nil")
  end)

  it("edits a line", function()
    local t = open()
    t:type("hallo\27[D\27[D\27[D\27[D\127\127Hä\5!\1> \r")
    t:awaitLast("> > Häallo!", "< > Häallo!", ">")
    t:quit()
  end)

  it("goes on with a line, wherever the cursor is, when a message comes", function()
    local t = open({ columns = 20, rows = 10 })
    t:type("after 0.3 message\r")
    s:expectLines("got after 0.3 message false")
    local line = ("abcdefghij"):rep(5)
    t:type(line .. "\1\6\6") -- the cursor goes behind the second letter
    t:awaitLast("< message", "> abcdefghijabcdefgh", "ijabcdefghijabcdefgh", "ijabcdefghij")
    t:await(function() return t.screen.column == 5 end, "the cursor")
    t:type("after 0.3 \5")
    t:type("\r")
    t:awaitLast(">")
    t:await(function(lines) return table.concat(lines):find("< abafter", 1, true) end)
    t:quit()
  end)

  it("sees messages above the line while the cursor is in a lower row", function()
    local t = open({ columns = 20, rows = 10 })
    t:type("after 0.3 one\r")
    s:expectLines("got after 0.3 one false")
    t:type(("x"):rep(37))
    t:awaitLast("> after 0.3 one", "< one", "> " .. ("x"):rep(18), ("x"):rep(19))
    t:type("y")
    t:awaitLast("> after 0.3 one", "< one", "> " .. ("x"):rep(18), ("x"):rep(19) .. "y")
    t:quit()
  end)

  it("searches the history for a line while messages come", function()
    local t = open()
    t:type("first line\r")
    t:awaitLast("< first line", ">")
    t:type("after 0.3 later\r")
    s:expectLines("got first line false", "got after 0.3 later false")
    t:type("\18first")
    t:awaitLast("< later", "> first line", "bck:first")
    t:type("\r")
    t:awaitLast("< first line", ">")
    t:quit()
  end)

  it("has the lines of earlier sessions, in a file of their own", function()
    local t = open()
    t:type("one\rtwo\r two blanks\rtwo\r")
    t:awaitLast("< two", ">")
    t:quit()
    local path = state .. "/luaws/history"
    assert.equal("one\ntwo\ntwo\n", readFile(path))
    assert.equal("600", ("%o"):format(uv.fs_stat(path).mode & 511))
    assert.equal("700", ("%o"):format(uv.fs_stat(state .. "/luaws").mode & 511))
    t = open()
    t:type("\27[A\27[A")
    t:awaitLast("> one")
    t:type("\r")
    t:awaitLast("< one", ">")
    t:quit()
  end)

  it("keeps the newest thousand lines", function()
    uv.fs_mkdir(state .. "/luaws", 448)
    local lines = {}
    for i = 1, 2001 do lines[i] = "line " .. i end
    local file = assert(io.open(state .. "/luaws/history", "w"))
    file:write(table.concat(lines, "\n"), "\n")
    file:close()
    open():quit()
    assert.equal(table.concat(lines, "\n", 1002) .. "\n", readFile(state .. "/luaws/history"))
  end)

  it("is told when the history can't be kept, and goes on", function()
    local t = open({ env = { XDG_STATE_HOME = "/dev/null" } })
    t:type("hello\r")
    t:awaitLast("< hello", ">")
    t:await("luaws: the history can't be kept in /dev/null/luaws/history: ")
    t:quit()
  end)

  it("can paste several lines, and tabs", function()
    local t = open()
    t:type("a\tb\rc\r")
    s:expectLines("got a\tb false", "got c false")
    t:quit()
  end)

  it("can paste a lot while the server takes its time", function()
    local count = build.pick(1000, 50)
    local slow = server.start([[
      local count = 0
      serve({ onMessage = function(_, ws, e)
        if count == 0 then luaws.sleep(0.5) end
        count = count + 1
        ws:send(e.data)
        if e.data == "the end" then say(count) end
      end }, { path = "/" })
    ]], { tls = false })
    local t = open({ server = slow })
    t:type((("x"):rep(99) .. "\r"):rep(count) .. "the end\r")
    assert.equal(tostring(count + 1), (slow:line(30)))
    t:awaitLast("< the end", ">")
    t:quit()
    assert.equal(count, select(2, t.raw:gsub("<\27%[0m \27%[36m" .. ("x"):rep(99) .. "\27", "")))
  end)

  it("sees no control characters act, and no order of letters turned round", function()
    local t = open()
    t:type("\22\27[2J\22\7 \u{202e}x\r")
    t:awaitLast("< \\x1b[2J\\x07 \\u{202e}x", ">")
    t:quit()
  end)

  it("sees binary messages in numbers", function()
    local file = server.folder({ x = "\0\27[31mABC" })
    local t = open()
    t:type("/binary " .. file .. "/x\r")
    t:await("< <binary, 9 bytes>")
    t:await("  00000000  00 1b 5b 33 31 6d 41 42 43                       ..[31mABC")
    assert.matches("^got .* true$", (s:line()))
    t:type("/binary " .. file .. "/none\r")
    t:await(file .. "/none: No such file or directory")
    t:quit()
  end)

  it("sees JSON laid out and in colours with --json", function()
    local t = open(nil, "--json")
    t:type('{"a":[1]}\r')
    t:awaitLast('> {"a":[1]}', "< {", '    "a": [', "      1", "    ]", "  }", ">")
    assert.truthy(t.raw:find('\27[34m"a"\27[0m', 1, true))
    t:quit()
  end)

  it("sees no colours with NO_COLOR", function()
    local t = open({ env = { NO_COLOR = "1" } })
    t:type("hello\r")
    t:awaitLast("< hello", ">")
    t:quit()
    assert.falsy(t.raw:find("\27%[[%d;]*m"), t.raw)
  end)

  it("has commands", function()
    local t = open()
    t:type("//x\r")
    t:awaitLast("< /x", ">")
    t:type("/nonsense\r")
    t:awaitLast("there is no /nonsense (see /help; to send it, begin with two slashes)", ">")
    t:type("/help\r")
    t:await("/close [CODE [REASON]]  closes: 1000, or a code from 3000 to 4999")
    t:type("/ping x\r/ping " .. ("x"):rep(126) .. "\r")
    t:await("125 bytes")
    t:type("/close 1001\r")
    t:await("3000")
    t:type("/close 4000 so be it\r")
    assert.same({ 0, 0 }, { t:awaitExit() })
    t:awaitLast("closed with code 4000: so be it")
    s:expectLines("got /x false", "end 4000 so be it")
    assert.is_true(t:isCooked())
  end)

  it("can go on when a line is no text", function()
    local t = open()
    t:type("/quit")
    t:type(("\127"):rep(5) .. "fine\r")
    t:awaitLast("< fine", ">")
    t:quit()
  end)
end)

describe("the terminal", function()
  it("is as it was when the server closes, and the exit code tells how", function()
    for code, expected in pairs { [1000] = 0, [3000] = 1 } do
      local other = server.start(([[
        serve({ onMessage = function(_, ws) ws:terminate(%d, "bye") end }, { path = "/" })
      ]]):format(code), { tls = false })
      local t = open({ server = other })
      t:type("x\rhalf a li")
      assert.same({ expected, 0 }, { t:awaitExit() })
      t:awaitLast((code == 3000 and "luaws: " or "") .. ("closed with code %d: bye"):format(code))
      assert.is_true(t:isCooked())
    end
  end)

  it("is as it was after a failed connect", function()
    local t = terminal.start({ "connect", "ws://127.0.0.1:1/" }, { env = { XDG_STATE_HOME = state } })
    assert.same({ 1, 0 }, { t:awaitExit() })
    t:await(function(lines) return #lines == 1 and lines[1]:find("connection refused", 1, true) end)
    assert.is_true(t:isCooked())
  end)

  it("is as it was after ctrl-C, which closes politely", function()
    local t = open()
    t:type("half a li\3")
    assert.same({ 0, 0 }, { t:awaitExit() })
    assert.is_true(t:isCooked())
    s:expectLines("end 1001 nil")
  end)

  it("is as it was after signals", function()
    for signal, expected in pairs { sigterm = { 0, 0 }, sighup = { 0, 0 }, sigquit = { 0, 3 } } do
      local t = open()
      t:kill(signal)
      assert.same(expected, { t:awaitExit() })
      assert.is_true(t:isCooked(), signal)
    end
  end)

  it("may go away: then the client closes, and ends", function()
    local t = open()
    t:type("half a li")
    t:awaitLast("> half a li")
    t:hangUp()
    assert.same({ 0, 0 }, { t:awaitExit() })
    assert.matches("^end 100[01] nil$", (s:line())) -- the end of what is typed, or SIGHUP, whichever is first
  end)

  it("is as it was after a second signal, which ends at once", function()
    local stuck = peer.listen() -- it doesn't answer close frames
    local t = start({ server = stuck })
    stuck:open()
    t:await(function(lines) return lines[#lines] == ">" end)
    t:type("\3")
    async.eventually(function()
      if not t.code then t:kill("sigint") end
      return t.code
    end)
    assert.same({ 130, 0 }, { t:awaitExit() })
    assert.is_true(t:isCooked())
  end)

  it("is the shell's while the client is stopped", function()
    local t = open()
    t:type("half a line")
    t:awaitLast("> half a line")
    t:type("\26") -- ctrl-Z
    async.eventually(function() return t:isCooked() end, nil, "the stop")
    t:kill("sigcont")
    async.eventually(function() return not t:isCooked() end, nil, "the end of the stop")
    t:awaitLast("> half a line")
    t:type("!\r")
    t:awaitLast("< half a line!", ">")
    t:quit()
  end)

  it("may change its size", function()
    local t = open({ columns = 40, rows = 10 })
    t:type(("x"):rep(30))
    t:awaitLast("> " .. ("x"):rep(30))
    t:resize(20, 10)
    t:awaitLast("> " .. ("x"):rep(18), ("x"):rep(12))
    t:type("\1y")
    t:awaitLast("> y" .. ("x"):rep(17), ("x"):rep(13))
    t:type("\21after 0 hello\r")
    t:awaitLast("< hello", ">")
    t:quit()
  end)

  it("that is dumb has no editor, and serves all the same", function()
    local t = start({ env = { TERM = "dumb", NO_COLOR = "1" } })
    t:await("connected to")
    t:type("hello\n")
    t:awaitLast("hello", "< hello")
    t:type("/close 3000 bye\n")
    assert.same({ 0, 0 }, { t:awaitExit() })
    s:expectLines("got hello false", "end 3000 bye")
  end)

  it("stays out of what goes to a file", function()
    local file = state .. "/out"
    local t = start({ command = ('exec "$0" "$@" <>"$SPEC_TERMINAL" >%s 2>"$SPEC_TERMINAL"'):format(file) })
    t:type("hello\n/nonsense\n/help\n")
    t:await("luaws: there is no /nonsense")
    t:await("luaws: /ping [TEXT]            sends a ping")
    async.eventually(function() return readFile(file) == "hello\n" end)
    t:type("/close\n")
    assert.same({ 0, 0 }, { t:awaitExit() })
    assert.equal("hello\n", readFile(file))
  end)

  it("has what is for it sanitised, also when stdin is a pipe", function()
    local t = start({ command = [[printf 'a\033[31mb\n' | exec "$0" "$@" >"$SPEC_TERMINAL" 2>&1]],
      env = { NO_COLOR = "1" } }, "--count", "1")
    assert.same({ 0, 0 }, { t:awaitExit() })
    t:awaitLast("a\\x1b[31mb")
  end)
end)
