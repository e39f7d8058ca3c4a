-- Callbacks that compute for too long: a warning with the live stack after a second, an error after handlerTimeout,
-- whatever they are in the middle of; and what can't be interrupted.

local uv = require "luv"
local client = require "spec.support.client"
local server = require "spec.support.server"

-- What a callback does for ever; SPIN is a loop that allocates, since ThreadSanitizer holds signals back where nothing
-- is called.
local LOOPS = {
  ["a loop"] = "SPIN",
  ["recursion"] = "local function f(n) local _ = {} if n > 100 then return 0 end return f(n + 1) + f(n + 1) end f(1)",
  ["a loop that catches each error"] = "while true do pcall(function() SPIN end) end",
  ["a loop with a message handler"] =
    "while true do xpcall(function() SPIN end, function(m) return m .. debug.traceback() end) end",
  ["a coroutine of its own"] = "coroutine.wrap(function() SPIN end)()",
  ["coroutines in coroutines"] = [[local function nest(n)
      if n == 0 then SPIN end
      local co = coroutine.create(nest)
      local ok, message = coroutine.resume(co, n - 1)
      error(message, 0)
    end nest(20)]],
  ["ever new coroutines whose errors it catches"] =
    "while true do coroutine.resume(coroutine.create(function() SPIN end)) end",
  ["ever new short coroutines"] =
    "while true do coroutine.wrap(function() for i = 1, 50 do local _ = {} end end)() end",
  ["a coroutine that yields for ever"] =
    "local f = coroutine.wrap(function() while true do coroutine.yield({}) end end) while true do f() end",
  ["below C functions"] = "table.sort({ 3, 2, 1 }, function() string.gsub('x', 'x', function() SPIN end) end)",
  ["a metamethod"] = "local _ = setmetatable({}, { __index = function() SPIN end }).x",
  ["a __close method behind it"] = "local _ <close> = setmetatable({}, { __close = function() say 'closed' end }) SPIN",
  ["a hook of its own"] = "debug.sethook(function() end, '', 1) SPIN",
  ["a loop that takes hooks away"] = "while true do pcall(function() debug.sethook() SPIN end) end",
  ["calls of C functions"] = "while true do string.rep('x', 10000) end",
  ["goto"] = "::again:: do local _ = {} end goto again",
}

local PRELUDE = [[
  local Busy = luaws.class "Busy"
  function Busy:onMessage(ws, event)
    if event.data == "ok?" then ws:send "ok" return end
    %s
  end
  function Busy:onError(ws, event)
    local e = event.errors[1]
    ws:send(("%%s %%s %%s"):format(e.componentSignature, e.errCode, e.message))
  end
]]

local function busy(code, options)
  local s = server.start(PRELUDE:format(code) ..
    ("serve(Busy.new(), %s)\n"):format(options or "{ handlerTimeout = 0.2 }"))
  return s, client.open(s, "/")
end

describe("handlerTimeout", function()
  for what, code in pairs(LOOPS) do
    code = code:gsub("SPIN", "while true do local _ = {} end")
    it("interrupts " .. what .. ", and the connection goes on", function()
      local s, c = busy(code)
      for _ = 1, 2 do -- the second time on the same coroutine, if that is used again
        c:send("go")
        local message = c:receive()
        assert.matches("^LUAW 6 .*script%.lua:%d+: interrupted: it may compute for 0%.2 s %(handlerTimeout%)$", message)
        c:send("ok?")
        assert.equal("ok", (c:receive()))
      end
      s:awaitLog("error Busy:onMessage, connection 1 from 127.0.0.1")
    end)
  end

  it("interrupts a __close method behind an error, and tells of both", function()
    local s, c = busy([[local _ <close> = setmetatable({}, { __close = function() while true do local _ = {} end end })
      error "first"]])
    for _ = 1, 2 do
      c:send("go")
      assert.matches("^LUA_ 1 .*script%.lua:5: first$", (c:receive()))
      c:send("ok?")
      assert.equal("ok", (c:receive()))
    end
    s:awaitLog("script.lua:4: interrupted: it may compute for 0.2 s (handlerTimeout)")
  end)

  it("says where, with the source", function()
    local s, c = busy("\nwhile true do\nlocal _ = {}\nend")
    c:send("go")
    c:receive()
    s:awaitLog("  stack traceback:")
    assert.matches("    > [456] | [^\n]+\n", s.stderr)
  end)

  it("counts computing alone, and from each wait on anew", function()
    local s, c = busy([[
      local uv = require "luv"
      for _ = 1, 12 do
        local stop = uv.hrtime() + 0.1e9
        while uv.hrtime() < stop do local _ = {} end
        luaws.sleep(0)
      end
      luaws.sleep(1.1)
      ws:send "done"]], "{ handlerTimeout = 1 }")
    c:send("go")
    assert.equal("done", (c:receive()))
    assert.not_matches("interrupted", s.stderr)
  end)

  it("leaves time to tidy up behind a pcall; that it was caught is in the log", function()
    local s, c = busy([[
      local ok, message = pcall(function() while true do local _ = {} end end)
      local sum = 0
      for i = 1, 1000 do sum = sum + i end
      ws:send(("%s %s %d"):format(ok, message:match "interrupted", sum))]])
    c:send("go")
    assert.equal("false interrupted 500500", (c:receive()))
    s:awaitLog("warn  Busy:onMessage, connection 1 from 127.0.0.1 was interrupted, since it computed for too long")
    c:send("ok?")
    assert.equal("ok", (c:receive()))
  end)

  it("is for the server's callbacks too, and for no other server's", function()
    local s = server.start([[
      local stop = false
      local Server = luaws.class "Server"
      function Server:onOpen() while true do local _ = {} end end
      function Server:onError(wss, event) say(event.errors[1].errCode) end
      serve({ onMessage = function() end }, { handlerTimeout = 0.1, path = "/short" }, Server.new())
      local uv = require "luv"
      serve({ onMessage = function(_, ws)
        local stop = uv.hrtime() + 0.5e9
        while uv.hrtime() < stop do local _ = {} end
        ws:send "done"
      end }, { path = "/long" })
    ]])
    s:expectLines("6")
    local c = client.open(s, "/long")
    c:send("go")
    assert.equal("done", (c:receive()))
  end)

  it("is 10 s with --watch, for everything", function()
    local s = server.start([[
      serve({ onMessage = function() end })
      luaws.after(0, function() os.execute "sleep 9.5" while true do local _ = {} end end)
    ]], { args = { "--watch" } })
    s:awaitLog("interrupted: it may compute for 10.0 s (with --watch)", 60)
    s:awaitLog("timer started at ")
    client.open(s, "/")
  end)

  it("lets other connections wait no longer than it says", function()
    local s, c = busy("while true do local _ = {} end")
    local others = {}
    for i = 1, 20 do others[i] = client.open(s, "/") end
    c:send("go")
    for _, other in ipairs(others) do other:send("ok?") end
    for _, other in ipairs(others) do assert.equal("ok", (other:receive())) end
  end)

  it("interrupts many, one after the other, on several workers and reactors", function()
    local s = server.start(PRELUDE:format("while true do local _ = {} end") ..
      "serve(Busy.new(), { handlerTimeout = 0.05 })", { workers = 2, ioThreads = 2 })
    local clients = {}
    for i = 1, 8 do clients[i] = client.open(s, "/") end
    for _, c in ipairs(clients) do c:send("go") end
    for _, c in ipairs(clients) do assert.matches("^LUAW 6", (c:receive())) end
    for _, c in ipairs(clients) do c:send("ok?") end
    for _, c in ipairs(clients) do assert.equal("ok", (c:receive())) end
  end)
end)

describe("a callback that computes for a second", function()
  it("is a warning with the live stack, once, also without handlerTimeout", function()
    local s, c = busy([[
      local uv = require "luv"
      local function compute()
        local stop = uv.hrtime() + 2.5e9
        while uv.hrtime() < stop do local _ = {} end
      end
      compute()
      ws:send "done"]], "{}")
    c:send("go")
    assert.equal("done", (c:receive()))
    s:awaitLog("warn  Busy:onMessage, connection 1 from 127.0.0.1 has been computing for ")
    assert.matches("    > [67] | [^\n]+\n[^\n]+\n  stack traceback:\n    %S+script.lua:[67]: in local 'compute'\n"
      .. "    %S+script.lua:9: in method 'onMessage'\n", s.stderr)
    local _, count = s.stderr:gsub("has been computing", "")
    assert.equal(1, count)
  end)

  it("within one call of a C function is told too, and served around; its end as well", function()
    local s, c = busy([[
      say "runs"
      os.execute("while ! rm " .. arg[0] .. ".go 2>/dev/null; do sleep 0.05; done")
      ws:send "done"]], "{}")
    c:send("go")
    s:expectLines("runs")
    s:awaitLog("can't be interrupted: it is within one call of a C function", 60)
    c:ping()
    s:release()
    assert.equal("done", (c:receive(60)))
    s:awaitLog("the call has returned after", 60)
    assert.matches("in=onMessage  connection=1", s.stderr)
  end)

  it("leaves a script's own hook in its place", function()
    local s, c = busy([[
      local uv = require "luv"
      local calls = 0
      debug.sethook(function() calls = calls + 1 end, "", 1000)
      local stop = uv.hrtime() + 1.5e9
      while uv.hrtime() < stop do local _ = {} end
      local before = calls
      for i = 1, 100000 do local _ = i end
      debug.sethook()
      ws:send(calls > before and "goes on" or "lost")]], "{}")
    c:send("go")
    assert.equal("goes on", (c:receive()))
    s:awaitLog("has been computing")
  end)

  it("is none when it waits for that long", function()
    local s, c = busy("luaws.sleep(1.5) ws:send 'done'", "{}")
    c:send("go")
    assert.equal("done", (c:receive()))
    assert.not_matches("computing", s.stderr)
  end)
end)

describe("signals", function()
  it("from outside change nothing", function()
    local s, c = busy("ws:send(event.data)")
    for _ = 1, 200 do
      assert(uv.kill(s.pid, "sigurg"))
      c:send("x")
      assert.equal("x", (c:receive()))
    end
  end)
end)
