-- What the log says of an error that a script raises: who it was, the source around it, the way there; once, and
-- counted from then on.

local client = require "spec.support.client"
local files = require "spec.support.files"
local json = require "dkjson"
local server = require "spec.support.server"

-- The lines of the log from the one on that holds `text`, without the time.
local function logFrom(s, text)
  s:awaitLog(text)
  local at = s.stderr:find(text, 1, true)
  local start = at
  while start > 1 and s.stderr:sub(start - 1, start - 1) ~= "\n" do start = start - 1 end
  return (s.stderr:sub(start):gsub("%f[%d]%d%d:%d%d:%d%d%.%d%d%d ", ""):gsub("/%S*/script%.lua", "script.lua"))
end

local function assertLog(expected, s, text)
  expected = expected:gsub("\n +|", "\n"):gsub("^ +|", "")
  local log = logFrom(s, text):sub(1, #expected)
  assert.equal(expected, log)
end

-- A server whose handler does what `code` says when a message comes.
local function raising(code, options)
  local s = server.start(([[
    local Chat = luaws.class "Chat"
    function Chat:onMessage(ws, event)
      %s
    end
    local Server = luaws.class "Server"
    function Server:onConnection() return Chat.new() end
    function Server:onError(_, event)
      local e = event.errors[1]
      if event.connection then event.connection:send(("%%s %%s %%s"):format(e.errCode, e.file, e.line)) end
    end
    luaws.WebSocketServer.new(Server.new(), { path = "/chat" })
  ]]):format(code), options)
  return s, client.open(s, "/chat")
end

describe("an error in a callback", function()
  it("is shown with its handler and event, the source around it, and the way there", function()
    local s, c = raising("local t = nil; return t.x")
    c:send("go")
    assert.matches("^1 %S+/script.lua 3$", (c:receive()))
    assertLog([[
      |error Chat:onMessage, connection 1 from 127.0.0.1
      |  script.lua:3: attempt to index a nil value (local 't')
      |      2 |     function Chat:onMessage(ws, event)
      |    > 3 |       local t = nil; return t.x
      |      4 |     end
      |  stack traceback:
      |    script.lua:3: in method 'onMessage'
      |]], s, "error Chat")
  end)

  it("leaves luaws's own functions out of the traceback, in the middle too", function()
    local s, c = raising([[local C = luaws.class "C" function C:constructor() error "deep" end
      table.sort({ 1, 2 }, C.new)]])
    c:send("go")
    c:receive()
    local log = logFrom(s, "stack traceback:")
    assert.matches("in local 'constructor'", log)
    assert.matches("in function 'table.sort'", log)
    assert.not_matches("luaws/", log)
  end)

  it("names the handler by its class, its metatable, or not at all", function()
    local s = server.start([[
      local function fail(_, _, event) error(event.data, 0) end
      local named = setmetatable({}, { __name = "Named", __index = { onMessage = fail } })
      local Class = luaws.class "Class"
      Class.onMessage = fail
      local Child = luaws.class("Child", Class)
      local handlers = { { onMessage = fail }, named, Class.new(), Child.new(), Child,
                         setmetatable({ onMessage = fail }, { __name = 42 }),
                         setmetatable({ onMessage = fail }, { __name = ("x"):rep(1000) }) }
      for i, handler in ipairs(handlers) do serve(handler, { path = "/" .. i }) end
    ]])
    local names = { "handler", "Named", "Class", "Child", "Child", "handler", ("x"):rep(63) }
    for i, name in ipairs(names) do
      client.open(s, "/" .. i):send("go " .. i)
      s:awaitLog(("error %s:onMessage, connection %d from 127.0.0.1\n"):format(name, i))
    end
  end)

  it("is the server's handler's", function()
    local s = server.start([[
      local Server = luaws.class "Server"
      function Server:onOpen() error "opening" end
      function Server:onConnection() error "connecting" end
      function Server:onTerminate() error "terminating" end
      wss = luaws.WebSocketServer.new(Server.new(), { path = "/chat" })
      luaws.webServer:start()
    ]])
    assert.equal(500, (select(2, client.handshake(s, "/chat"))).status)
    s:stop()
    assert.matches("error Server:onOpen, server /chat\n", s.stderr)
    assert.matches("error Server:onConnection, server /chat, connection 1 from 127.0.0.1\n", s.stderr)
    assert.matches("error Server:onTerminate, server /chat\n", s.stderr)
  end)

  it("names the server's handler where that stands in for a connection's onError", function()
    local s = server.start([[
      local Server = luaws.class "Server"
      function Server:onError() error "in onError" end
      serve({ onMessage = function() error "first" end }, nil, Server.new())
    ]])
    client.open(s, "/"):send("go")
    s:awaitLog("error handler:onMessage, connection 1")
    s:awaitLog("error Server:onError, connection 1 from 127.0.0.1\n")
  end)

  it("is told of timers, tasks, luv's callbacks, onRequest and luaws.onError", function()
    local s = server.start([[
      local uv = require "luv"
      luaws.after(0, function() error "after" end)
      luaws.spawn(function() luaws.sleep(0) error "spawned" end)
      local handle = uv.new_timer()
      handle:start(1, 0, function() handle:close() error "luv" end)
      local Pages = luaws.class "Pages"
      function Pages:onRequest() error "page" end
      assert(luaws.webServer:start { handler = Pages.new() })
      local told = false
      function luaws.onError() if not told then told = true error "again" end end
    ]])
    assert.equal(500, client.get(s, "/").status)
    for _, headline in ipairs { "timer started at script.lua:2\n  script.lua:2: after",
                                "task started at script.lua:3\n  script.lua:3: spawned",
                                "luv callback\n  script.lua:5: luv", "Pages:onRequest\n  script.lua:7: page",
                                "luaws.onError\n  script.lua:10: again" } do
      s:awaitLog("error " .. headline:match("^[^\n]*%.?%a+"):match("^%a+"))
      assert.truthy(s.stderr:gsub("/%S*/script%.lua", "script.lua"):find("error " .. headline, 1, true),
        headline .. "\n" .. s.stderr)
    end
  end)

  it("is luaws.onError's where that stands in for a client's", function()
    local child = server.run([[local luaws = require "luaws"
      function luaws.onError() error "again" end
      luaws.WebSocket.new("ws://127.0.0.1:1/", { onMessage = print })]])
    assert.matches("error luaws:onError, client 1 of ws://127.0.0.1:1/\n  %S+script.lua:2: again\n", child.stderr)
  end)

  it("in a finalizer is shown, and counted like any other, up to the end of the program", function()
    local child = server.run([[
      local function finalized() return setmetatable({}, { __gc = function() error("in __gc") end }) end
      for _ = 1, 1000 do finalized() end
      collectgarbage()
      for _ = 1, 10 do kept = { finalized(), kept } end]])
    assert.matches("error finalizer\n  %S+script.lua:1: in __gc\n    > 1 | ", child.stderr)
    assert.matches("error finalizer: the same 1,009 times more in the last %d+ s: %S+script.lua:1: in __gc\n$",
      child.stderr)
    local _, count = child.stderr:gsub("\n", "")
    assert.equal(5, count, child.stderr)
  end)

  it("in a finalizer is shown without its end when it is huge, or as what it is when it is no text", function()
    local child = server.run([[
      setmetatable({}, { __gc = function() error(("x"):rep(10000), 0) end })
      setmetatable({}, { __gc = function() error {} end })
      collectgarbage() ]])
    assert.matches("error finalizer\n  x+\n", child.stderr)
    assert.matches("error finalizer\n  error object is not a string\n", child.stderr)
  end)

  it("keeps its traceback across waits", function()
    local s, c = raising("local function inner() luaws.sleep(0.01) error 'late' end\n pcall(luaws.sleep, 0) inner()")
    c:send("go")
    c:receive()
    assertLog([[
      |  stack traceback:
      |    script.lua:3: in local 'inner'
      |    script.lua:4: in method 'onMessage'
      |]], s, "  stack traceback")
  end)

  it("that comes out of coroutines has their tracebacks in front", function()
    local s, c = raising([[
      local function inner() error "inside" end
      local outer = coroutine.wrap(function()
        local middle = coroutine.wrap(function() inner() end)
        middle()
      end)
      outer()]])
    c:send("go")
    assert.matches("^1 %S+script.lua 3$", (c:receive()))
    assertLog([[
      |  stack traceback:
      |    script.lua:3: in upvalue 'inner'
      |    script.lua:5: in function <script.lua:5>
      |    (a coroutine, resumed in)
      |    script.lua:6: in function <script.lua:4>
      |    (a coroutine, resumed in)
      |    script.lua:8: in method 'onMessage'
      |]], s, "  stack traceback")
    assert.matches("> 3 |%s+local function inner", s.stderr)
  end)

  it("has a line of a string that was loaded, and of -e", function()
    local s, c = raising([[load("local x = 1\nerror 'generated'")()]])
    c:send("go")
    c:receive()
    s:awaitLog("    > 2 | error 'generated'")
    local child = server.run(nil, { program = { "-e", "local x = 1\nlocal y = x.z.w" } })
    assert.equal(1, child.code)
    assert.matches("    1 | local x = 1\n  > 2 | local y = x.z.w\nstack traceback", child.stderr)
  end)

  it("at the start is printed with its source", function()
    local child = server.run("local luaws = require 'luaws'\nerror 'at once'\n")
    assert.equal(1, child.code)
    assert.matches("^luaws: %S+script.lua:2: at once\n    1 | local luaws = require 'luaws'\n  > 2 | error 'at once'\n"
      .. "stack traceback:\n\t%S+script.lua:2: in main chunk\n$", child.stderr)
    child = server.run("local x =\n\n= 1")
    assert.equal(1, child.code)
    assert.matches("^luaws: %S+script.lua:3: unexpected symbol near '='\n    2 |\n  > 3 | = 1\n$", child.stderr)
  end)

  it("in a __close method behind it is shown too, and told", function()
    local s, c = raising([[
      local _ <close> = setmetatable({}, { __close = function() error "closing" end }) error "first"]])
    s:awaitLog("serving")
    c:send("go")
    c:receive()
    s:awaitLog("script.lua:3: closing")
    assert.matches("error Chat:onMessage, connection 1 from 127.0.0.1\n  %S+script.lua:3: closing\n" ..
      "      2 | [^\n]+\n    > 3 | ", s.stderr)
    local child = server.run([[local luaws = require "luaws"
      luaws.onError = function(event)
        for _, e in ipairs(event.errors) do print(e.errCode, e.line, (e.message:gsub("^.*: ", ""))) end
      end
      luaws.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() error "closing" end })
        error "first"
      end)
      luaws.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() error "again" end })
        luaws.sleep(10)
      end)
      luaws.after(0.01, function() luaws.exit() end)]])
    assert.equal("1\t7\tfirst\n1\t6\tclosing\n", child.stdout)
    assert.matches("error task started at %S+script.lua:9\n  %S+script.lua:10: again\n", child.stderr)
  end)

  it("in the syntax of a module points into that", function()
    local child = server.run('require "wrong"', { files = { ["wrong.lua"] = "local x = 1\nlocal y = = 2\n" } })
    assert.matches("    1 | local x = 1\n  > 2 | local y = = 2\n", child.stderr)
  end)

  it("is shown without lines when the file is gone, or has fewer by now", function()
    local s, c = raising("if event.data == 'gone' then os.remove(arg[0]) error 'gone' end\n"
      .. "local f = io.open(arg[0], 'w') f:write 'short' f:close() error 'short'")
    c:send("short")
    c:receive()
    c:send("gone")
    c:receive()
    assertLog("  script.lua:4: short\n  stack traceback:", s, "script.lua:4: short")
    assertLog("  script.lua:3: gone\n  stack traceback:", s, "script.lua:3: gone")
  end)

  it("can't make the log show any file that its message names", function()
    local secret = os.tmpname()
    finally(function() os.remove(secret) end)
    files.write(secret, "secret\n")
    local s, c = raising("error(event.data, 0)")
    c:send(secret .. ":1: give me that")
    assert.matches("^1 %S+script.lua 3$", (c:receive()))
    s:awaitLog("give me that")
    assert.not_matches("1 | secret", s.stderr)
  end)
end)

describe("an error value", function()
  local VALUES = {
    ["a table"] = {
      "error { code = 42, why = 'late', nested = {} }",
      '(error object is a table value { code = 42, why = "late" })' },
    ["an empty table"] = { "error {}", "(error object is a table value)" },
    ["a table with many fields"] = {
      "local t = {} for i = 1, 1000 do t['k' .. i] = i end error(t)",
      "(error object is a table value { k" },
    ["nil"] = { "error(nil)", "nil" },
    ["a boolean"] = { "error(false)", "(error object is a boolean value)" },
    ["a number"] = { "error(12.5)", "12.5" },
    ["a userdata"] = { "error(io.stdout)", "file (0x" },
    ["a function"] = { "error(print)", "(error object is a function value)" },
    ["a table whose metatable can't be read"] = {
      "error(setmetatable({ a = 1 }, { __metatable = 1, __index = error, __pairs = error }))",
      "(error object is a table value { a = 1 })" },
    ["one whose __tostring raises"] = {
      "error(setmetatable({}, { __tostring = error }))",
      "whose __tostring is broken" },
    ["one whose __tostring returns no string"] = { "error(setmetatable({}, { __tostring = function() return {} end }))",
      "whose __tostring is broken" },
    ["one whose __tostring waits"] = {
      "error(setmetatable({}, { __tostring = function() luaws.sleep(0) return 'x' end }))",
      "whose __tostring is broken" },
    ["one whose __tostring never ends"] = {
      "error(setmetatable({}, { __tostring = function() while true do local _ = {} end end }))",
      "whose __tostring is broken" },
    ["one whose __tostring is no function"] = {
      "error(setmetatable({}, { __tostring = 42 }))",
      "whose __tostring is broken" },
    ["one whose __tostring needs too much memory"] = {
      "error(setmetatable({}, { __tostring = function() return ('x'):rep(1 << 40) end }))",
      "whose __tostring is broken" },
    ["one with a __name"] = { "error(setmetatable({}, { __name = 'Oops' }))",
      "(error object is a table value: Oops)" },
    ["an object of a class"] = {
      'local E = luaws.class "MyError" function E:constructor(m) self.message = m end error(E.new("hm"))',
      '(error object is a table value: MyError { message = "hm" })' },
    ["an array with a long text"] = {
      'error({ "first", ("x"):rep(1000), false })',
      '(error object is a table value { [1] = "first", [2] = "' .. ("x"):rep(200) .. '...", [3] = false })' },
    ["control characters"] = { "error('a\\27[31mb', 0)", "a\\x1b[31mb" },
    ["bad UTF-8"] = { "error('a\\xffb', 0)", "a\\xffb" },
    ["an empty string"] = { "error('', 0)", "" },
    ["a huge string"] = { "error(('ä'):rep(100000), 0)", "... (191808 bytes more)" },
    ["what looks like a place"] = { "error('x:99999999999999999999: y', 0)", "x:99999999999999999999: y" },
    ["only colons"] = { "error((':'):rep(1000), 0)", ":::::" },
  }
  for what, value in pairs(VALUES) do
    it("that is " .. what .. " is shown, and the connection goes on", function()
      local s, c = raising(value[1])
      c:send("go")
      assert.matches("^1 %S+script.lua 3$", (c:receive()))
      s:awaitLog("  stack traceback")
      assert.truthy(s.stderr:find(value[2], 1, true), s.stderr)
      c:ping()
    end)
  end
end)

describe("an error that comes again", function()
  it("is counted, and told of when the program ends", function()
    local s, c = raising("error 'again and again'")
    for _ = 1, 4813 do c:send("x") end
    for _ = 1, 4813 do c:receive() end
    c:drop()
    s:stop()
    local _, count = s.stderr:gsub("again and again", "")
    assert.equal(3, count, s.stderr) -- message and source; the summary
    assert.matches("error Chat:onMessage: the same 4,812 times more in the last %d+ s: " ..
      "%S+script.lua:3: again and again\n$", s.stderr)
  end)

  it("with other messages is shown a few times, and counted from then on", function()
    local s, c = raising("error('no user ' .. event.data)")
    for i = 1, 100 do c:send(tostring(i)) end
    for _ = 1, 100 do c:receive() end
    c:drop()
    s:stop()
    local _, count = s.stderr:gsub("stack traceback", "")
    assert.equal(8, count)
    assert.matches("error Chat:onMessage: 92 more with other messages in the last %d+ s: %S+script.lua:3\n", s.stderr)
  end)

  it("from ever new places is shown for some of them, and counted for the others", function()
    local s, c = raising([[local code = ("\n"):rep(tonumber(event.data)) .. "error 'generated'"
      for _ = 1, 2 do
        local ok, e = pcall(load(code, "=generated.lua"))
        luaws.spawn(error, e, 0)
      end
      ws:send "ok"]])
    for i = 1, 200 do c:send(tostring(i)) end
    for _ = 1, 200 do assert.equal("ok", c:receive()) end
    c:drop()
    s:stop()
    local shown, again = 0, 0
    for _ in s.stderr:gmatch("error task started at [^\n:]*:%d+\n") do shown = shown + 1 end
    for _ in s.stderr:gmatch("error task started at [^\n]*: the same once more in the last") do again = again + 1 end
    assert.same({ 128, 128 }, { shown, again })
    assert.matches("error 144 more at other places in the last %d+ s; the latest: " ..
      "task started at %S+: generated.lua:201: generated\n$", s.stderr)
  end)

  it("once in two is told as once", function()
    local s, c = raising("error 'twice'")
    for _ = 1, 2 do c:send("x") c:receive() end
    c:drop()
    s:stop()
    assert.matches("the same once more in the last %d+ s: ", s.stderr)
  end)
end)

describe("errors as JSON", function()
  local function entries(s)
    local found = {}
    for line in s.stderr:gmatch("[^\n]+") do
      if line:sub(1, 1) == "{" then found[#found + 1] = assert(json.decode(line)) end
    end
    return found
  end

  it("have the same in fields", function()
    local s, c = raising("error 'oh no'", { args = { "--log-format", "json" } })
    for _ = 1, 3 do c:send("go") c:receive() end
    c:drop()
    s:stop()
    local all = entries(s)
    local first, last = all[#all - 1], all[#all]
    assert.equal("Chat onMessage 1 127.0.0.1 /chat 3 error", ("%s %s %d %s %s %d %s"):format(first.handler, first.event,
      first.connection, first.address, first.server, first.line, first.level))
    assert.matches("script.lua:3: oh no$", first.message)
    assert.matches("script.lua$", first.file)
    assert.matches("^    2 | [^\n]+\n  > 3 |       error 'oh no'\n    4 |     end$", first.source)
    assert.matches("^stack traceback:\n\t%S+script.lua:3: in method 'onMessage'$", first.traceback)
    assert.is_nil(first.generation)
    assert.is_nil(first.repeated)
    assert.equal(2, last.repeated)
    assert.equal(3, last.line)
    assert.matches("the same 2 times more", last.message)
  end)

  it("are one line each, whatever the error value is", function()
    local s, c = raising("error(load('return ' .. event.data)(), 0)", { args = { "--log-format", "json" } })
    for _, value in ipairs { "'\"\\\\\\n\\0\\xff'", "{ a = '\"' }", "('\\xf0'):rep(100000)", "nil" } do
      c:send(value)
      c:receive()
    end
    c:drop()
    s:stop()
    assert.is_true(#entries(s) >= 4)
  end)
end)
