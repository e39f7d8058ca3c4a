-- The option reconnect of luaws.WebSocket: when it tries again, what each attempt is told, what is kept meanwhile.

local assert = require "luassert"
local async = require "spec.support.async"
local build = require "spec.support.build"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

-- A script with `connect(reconnect, more)`: a client of a new peer, whose handler tells all; `more` replaces methods.
local TELLING = [[
  url = %q
  function luaws.onError(event) say("luaws.onError", event.errors[1].message) end
  function connect(reconnect, more, options)
    local handler = {
      onOpen = function(_, _, event) say("open", event.attempt) end,
      onMessage = function(_, ws, event)
        local code = event.data:match "^!(.*)"
        if code then return load("local ws = ... " .. code)(ws) end
        say(event.data)
      end,
      onError = function() say "error" end,
      onTerminate = function(_, ws, event) say("terminate", ws.status, event.code, event.willRetry) end,
    }
    for name, value in pairs(more or {}) do handler[name] = value or nil end
    options = options or {}
    options.reconnect = reconnect
    ws = luaws.WebSocket.new(url, handler, options)
    return ws
  end
]]

local function start(script, options)
  local p = peer.listen(options and options.listen)
  options = setmetatable({ workers = 1, tls = false }, { __index = options }) -- each would make the client
  return server.start(TELLING:format(p.url) .. script, options), p
end

local QUICK = "connect({ min = 0.01, max = 0.02 }"

describe("a client that reconnects", function()
  it("does so after every end that the script did not ask for", function()
    local s, p = start(QUICK .. ")")
    local ends = {
      function(c) c:close(1000) return "terminate Closed 1000 true" end,
      function(c) c:close(4000, "x") return "terminate Closed 4000 true" end,
      function(c) c:drop() return "terminate Closed 1006 true" end,
      function(c) c:reset() return "terminate Closed 1006 true" end,
    }
    for _, finish in ipairs(ends) do
      local c = p:open()
      s:expectLines("open 1")
      s:expectLines(finish(c))
    end
    local c = p:open()
    s:expectLines("open 1")
    c:write(peer.frame({ opcode = 3 }))
    s:expectLines("error", "terminate Closed 1002 true")
    c = p:open()
    s:expectLines("open 1")
    c:send("!ws:terminate()")
    c:expectClose(1000)
    s:expectLines("terminate Closed 1000 false")
    s:awaitExit()
  end)

  it("does so after a failed first attempt, and counts the attempts", function()
    local s, p = start(QUICK .. ")")
    for _ = 1, 3 do
      p:accept():drop()
      s:expectLines("error", "terminate Closed 1006 true")
    end
    local c = p:open()
    s:expectLines("open 4")
    c:drop()
    s:expectLines("terminate Closed 1006 true")
    p:open()
    s:expectLines("open 1")
  end)

  it("is the same object, with the same id and handler, and its fields", function()
    local s, p = start(QUICK .. [[, { onOpen = function(self, w)
      say(w == ws, w.id, w.status, w.n, w.handler == self)
      w.n = (w.n or 0) + 1
    end })]])
    p:open():drop()
    s:expectLines("true 1 Connected nil true", "terminate Closed 1006 true")
    p:open():drop()
    s:expectLines("true 1 Connected 1 true", "terminate Closed 1006 true")
  end)

  it("gives up when so many attempts in a row have failed", function()
    local s, p = start("connect({ min = 0.01, max = 0.02, attempts = 2 })")
    p:accept():drop()
    s:expectLines("error", "terminate Closed 1006 true")
    p:open():drop()
    s:expectLines("open 2", "terminate Closed 1006 true")
    p:accept():drop()
    s:expectLines("error", "terminate Closed 1006 true")
    p:accept():drop()
    s:expectLines("error", "terminate Closed 1006 false")
    s:awaitExit()
  end)

  it("waits longer from attempt to attempt, between min and max", function()
    local s, p = start([[
      connect({ min = 0.05, max = 0.3, attempts = 6 }, { onTerminate = false })
    ]])
    local times, uv = {}, require "luv"
    for i = 1, 6 do
      local c = p:accept()
      times[i] = uv.hrtime() / 1e9
      c:drop()
    end
    for i = 1, 5 do
      local waited = times[i + 1] - times[i]
      assert.is_true(waited > 0.045, ("%d: waited %.3f s"):format(i, waited))
      if i >= 4 then assert.is_true(waited > 0.14, ("%d: waited %.3f s"):format(i, waited)) end
    end
    for _ = 1, 6 do s:expectLines("error") end
    s:awaitExit()
  end)

  it("begins with the shortest wait again when it has been open", function()
    local s, p = start("connect({ min = 0.01, max = 60 })")
    for _ = 1, 4 do
      p:accept():drop()
      s:expectLines("error", "terminate Closed 1006 true")
    end
    for _ = 1, 8 do -- would be seconds
      p:open():drop()
      local attempt = s:line()
      assert.is_true(attempt == "open 5" or attempt == "open 1")
      s:expectLines("terminate Closed 1006 true")
    end
  end)

  it("begins the next attempt when onTerminate has returned", function()
    local s, p = start("local isOver = false " .. QUICK .. [[, { onTerminate = function()
      if isOver then return end
      isOver = true
      say "in"
      repeat luaws.sleep(0.01) until os.remove(arg[0] .. ".go")
      say "out"
    end })]])
    p:open():drop()
    s:expectLines("open 1", "in")
    async.sleep(0.1)
    assert.equal(0, p.waiting)
    s:release()
    s:expectLines("out")
    p:open()
    s:expectLines("open 1")
  end)

  it("keeps the program alive between two attempts", function()
    local s, p = start("connect({ min = 0.3 })")
    p:accept():drop()
    p:open()
    s:expectLines("error", "terminate Closed 1006 true", "open 2")
  end)
end)

describe("terminate and destroy", function()
  it("between two attempts end it, without another call", function()
    for _, how in ipairs { "terminate", "destroy" } do
      local s, p = start(([[
        connect({ min = 60, max = 60 }, { onTerminate = function(_, w, event)
          say(event.willRetry)
          luaws.after(0.05, function() say(w.status) w:%s() say(w.status, w:send "x") end)
        end })
        luaws.spawn(function() say("opened", (ws:opened())) end)
      ]]):format(how))
      p:accept():drop()
      s:expectLines("error", "true", "Connecting", "Closed nil closed", "opened nil")
      s:awaitExit()
    end
  end)

  it("in onTerminate, or while that waits, too", function()
    local s, p = start([[
      connect(true, { onTerminate = function(_, w, event) say(event.willRetry) w:terminate() end })
    ]])
    p:accept():drop()
    s:expectLines("error", "true")
    s:awaitExit()
    s, p = start([[
      connect({ min = 0.01 }, { onTerminate = function(_, w, event)
        say(event.willRetry)
        luaws.after(0, function() w:destroy() end)
        luaws.sleep(0.1)
      end })
    ]])
    p:accept():drop()
    s:expectLines("error", "true")
    s:awaitExit()
  end)

  it("while a callback still waits after the end, too: willRetry is false then", function()
    local s, p = start(QUICK .. [[, { onOpen = function(_, w)
      say "in"
      luaws.sleep(60)
      say(w.status)
      w:terminate()
    end })]])
    p:open():drop()
    s:expectLines("in", "Closing", "terminate Closed 1006 false")
    s:awaitExit()
  end)

  it("by the end of the program, too", function()
    local s, p = start("connect({ min = 60, max = 60 })")
    p:accept():drop()
    s:expectLines("error", "terminate Closed 1006 true")
    s:signalProcess("sigterm")
    assert.equal(0, (s:awaitExit()))
    s, p = start("connect({ min = 60, max = 60 })")
    local c = p:open()
    s:expectLines("open 1")
    s:signalProcess("sigterm")
    c:expectClose(1001)
    s:expectLines("terminate Closed 1001 false")
    assert.equal(0, (s:awaitExit()))
  end)
end)

describe("messages meanwhile", function()
  it("are refused without a queue", function()
    local s, p = start(QUICK .. [[, { onTerminate = function(_, w)
      say(w:send "x")
      luaws.spawn(function() say(w.status, w:send "y") end)
    end })]])
    p:open():drop()
    s:expectLines("open 1", "nil connecting", "Connecting nil connecting")
  end)

  it("are kept with one, as many as fit, and sent in order at the next open, behind what onOpen sends", function()
    local s, p = start([[
      connect({ min = 0.01, max = 0.02, queue = 100 }, {
        onOpen = function(_, w) say(w.bufferedAmount) w:send "login" end,
        onTerminate = function(_, w) say(w:send "4") luaws.after(0, function() say(w:send(luaws.blob "5")) end) end })
      say(ws:send "1") say(ws:send { 2 }) say(ws:send(("x"):rep(100))) say(ws:send("3", true))
      say(ws.bufferedAmount)
    ]])
    s:expectLines("true 3", "true 8", "nil connecting", "true 11", "11")
    local c = p:open()
    s:expectLines("11")
    assert.same({ "login", false }, { c:receive() })
    assert.same({ "1", false }, { c:receive() })
    assert.same({ "[2]", false }, { c:receive() })
    assert.same({ "3", true }, { c:receive() })
    c:drop()
    s:expectLines("true 3", "true 6")
    c = p:open()
    s:expectLines("6")
    assert.same({ "login", false }, { c:receive() })
    assert.same({ "4", false }, { c:receive() })
    assert.same({ "5", true }, { c:receive() })
    c:send("!ws:destroy()")
  end)

  it("outlive failed attempts; what is left at the end is dropped, and the log says so", function()
    local s, p = start([[
      connect({ min = 0.01, max = 0.02, attempts = 3, queue = 1000 })
      ws:send "kept"
    ]])
    for _ = 1, 3 do p:accept():drop() end
    s:awaitExit()
    assert.matches("warn +client 1 has ended: 6 bytes of messages that waited for it are dropped", s.stderr)
  end)

  it("aren't sent when onOpen ends the client", function()
    local s, p = start([[connect({ queue = 100 }, { onOpen = function(_, w) w:terminate() end }) ws:send "x"]])
    local c = p:open()
    c:expectClose(1000)
    s:expectLines("terminate Closed 1000 false")
    s:awaitExit()
  end)

  it("wait in order for an onOpen that waits", function()
    local s, p = start([[connect({ queue = 100 }, { onOpen = function(_, w)
      w:send "first"
      luaws.sleep(0.05)
      w:send "last"
    end }) ws:send "queued"]])
    local c = p:open()
    for _, text in ipairs { "first", "queued", "last" } do assert.equal(text, (c:receive())) end
    c:send("!ws:destroy()")
    s:expectLines("terminate Closed 1006 false")
    s:awaitExit()
  end)
end)

describe("waiting across attempts", function()
  it("receive and messages go on; they end when none follows", function()
    local s, p = start([[luaws.spawn(function()
      local one = connect({ min = 0.01, max = 0.02, attempts = 2 }, { onMessage = false, onError = false,
        onOpen = false, onTerminate = false })
      function luaws.onError() end
      for data in one:messages() do say(data) end
      say(one:receive())
    end)]])
    local c = p:open()
    c:send("1")
    c:close(1000)
    c = p:open()
    c:send("2")
    c:drop()
    p:accept():drop()
    p:accept():drop()
    s:expectLines("1", "2", "nil closed 1006")
    s:awaitExit()
  end)

  it("opened waits for the first that is open; who gives up is told why it was none", function()
    local s, p = start([[luaws.spawn(function()
      function luaws.onError() end
      local quiet = { onMessage = false, onError = false, onOpen = false, onTerminate = false }
      say(connect({ min = 0.01, max = 0.02 }, quiet):opened())
      ws:destroy()
      say((connect({ min = 0.01, max = 0.02, attempts = 2 }, quiet):opened()))
    end)]])
    p:accept():drop()
    p:open()
    s:expectLines("true")
    p:accept():drop()
    p:accept():drop()
    s:expectLines("nil")
    s:awaitExit()
  end)

  it("a callback of the client itself isn't held by it: its attempt is over", function()
    local s, p = start([[connect({ min = 0.01, max = 0.02 }, { onMessage = false, onOpen = function(_, w, event)
      for data in w:messages() do say(data) end
      say(w:receive())
    end })]])
    for i = 1, 3 do
      local c = p:open()
      c:send(tostring(i))
      c:close(4000 + i)
      s:expectLines(tostring(i), "nil closed " .. 4000 + i, ("terminate Closed %d true"):format(4000 + i))
    end
    s:kill()
  end)

  it("what nobody receives doesn't add up over the attempts", function()
    if build.isTiny then pending("megabytes, 3 bytes at a time") end
    local s = server.start([[
      local opened = 0
      serve({ onMessage = print, onOpen = function(_, ws)
        opened = opened + 1
        ws:send(("x"):rep(300000)) ws:terminate()
      end }, { path = "/flood" })
      local base = luaws.webServer.url:gsub("^http", "ws")
      up = luaws.WebSocket.new(base .. "flood", nil, { reconnect = { min = 0.001, max = 0.002 } })
      luaws.spawn(function()
        luaws.sleep(0.3)
        say(opened)
        for i = 1, 3 do say(#up:receive()) end
        up:destroy()
      end)
    ]], { workers = 1, tls = false })
    s:expectLines("1", "300000", "300000", "300000")
  end)
end)
