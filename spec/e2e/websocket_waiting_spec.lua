-- The waiting style of luaws.WebSocket: opened, receive, messages; where one may wait, who gets what, and what stops
-- when nobody receives.

local assert = require "luassert"
local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

-- A script that has `url`, of a new peer. The main chunk must not wait: start does.
local function start(script, options)
  local p = peer.listen()
  options = setmetatable({ workers = 1, tls = false }, { __index = options }) -- each would make the client
  return server.start(("url = %q\n"):format(p.url) .. script, options), p
end

-- A server whose connections run what they are sent, with ws.
local RUNNING = [[
  function luaws.onError(event) say("luaws.onError", event.errors[1].message) end
  serve({ onMessage = function(_, ws, event) assert(load("local ws = ... " .. event.data))(ws) end,
    onTerminate = function(_, _, event) say("terminate", event.code) end,
    onError = function(_, _, event) say("error", event.errors[1].message) end })
]]

describe("opened", function()
  it("waits until the client is open", function()
    local s, p = start([[luaws.spawn(function()
      local ws = luaws.WebSocket.new(url)
      say(ws:opened(0)) say(ws:opened(0.01))
      say(ws:opened()) say(ws:opened(0))
      ws:terminate()
      say(ws:opened())
    end)]])
    local c = p:accept()
    local request = c:readRequest()
    s:expectLines("nil timeout", "nil timeout")
    c:upgrade(request)
    s:expectLines("true", "true", "nil closed")
    c:expectClose(1000)
    s:awaitExit()
  end)

  it("tells all who wait, and why not when it isn't going to be", function()
    local s, p = start([[
      local ws = luaws.WebSocket.new(url)
      for i = 1, 2 do luaws.spawn(function() say(i, ws:opened()) say(i, ws:opened()) end) end
    ]])
    local c = p:accept()
    c:readRequest()
    c:write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    assert.matches("^1 nil .*403", s:line())
    assert.matches("^1 nil .*403", s:line())
    assert.matches("^2 nil .*403", s:line())
    assert.matches("^2 nil .*403", s:line())
    s:awaitExit()
  end)

  it("tells who waits when the script itself gives up", function()
    local s, p = start([[
      local ws = luaws.WebSocket.new(url)
      luaws.spawn(function() say(ws:opened()) end)
      luaws.spawn(function() say(ws:receive()) end)
      luaws.spawn(function()
        repeat luaws.sleep(0.01) until os.remove(arg[0] .. ".go")
        ws:terminate()
      end)
    ]])
    p:accept():readRequest()
    s:release()
    s:expectLines("nil closed", "nil closed 1006")
    s:awaitExit()
  end)
end)

describe("receive", function()
  it("gives message by message, then the end", function()
    local s, p = start([[luaws.spawn(function()
      local ws = luaws.WebSocket.new(url)
      say(ws:receive(0)) say(ws:receive(0.01))
      say "waits"
      for _ = 1, 6 do say(ws:receive()) end
    end)]])
    s:expectLines("nil timeout", "nil timeout", "waits")
    local c = p:open()
    c:send("text")
    c:sendBinary("bytes")
    c:send("")
    c:close(4005, "over")
    s:expectLines("text false", "bytes true", " false", "nil closed 4005 over", "nil closed 4005 over",
      "nil closed 4005 over")
    s:awaitExit()
  end)

  it("gives what came before the end after it, and callbacks are called all the same", function()
    local s, p = start([[
      local ws
      ws = luaws.WebSocket.new(url, {
        onOpen = function(_, w) say(w:receive()) end,
        onTerminate = function(_, w, event) say("terminate", event.code) luaws.spawn(function()
          for data in w:messages() do say(data) end
          say(w:receive())
        end) end,
      })
    ]])
    local c = p:open()
    c:send("1")
    c:send("2")
    c:send("3")
    c:close(1000)
    s:expectLines("1 false", "terminate 1000", "2", "3", "nil closed 1000")
    s:awaitExit()
  end)

  it("decodes JSON; what is none goes to luaws.onError, and the next one counts", function()
    local s, p = start([[
      function luaws.onError(event) say(event.errors[1].errCode, event.errors[1].message) end
      luaws.spawn(function()
        local ws = luaws.WebSocket.new(url, nil, { dataType = "object" })
        say(ws:receive().x) say((ws:receive()) == luaws.null) say(ws:receive())
        ws:destroy()
      end)
    ]])
    local c = p:open()
    c:send('{"x":1}')
    s:expectLines("1")
    c:write(peer.frame({ opcode = 1, payload = "{" }) .. peer.frame({ opcode = 1, payload = "null" })
      .. peer.frame({ opcode = 1, payload = "]" }))
    assert.matches("^1 a message is no JSON", s:line())
    s:expectLines("true")
    assert.matches("^1 a message is no JSON", s:line())
    c:sendBinary("[false]")
    assert.matches("^array: %S+ true$", s:line())
    s:awaitExit()
  end)

  it("gives each message to one of those who wait, the first first", function()
    local s, p = start([[
      local ws = luaws.WebSocket.new(url)
      for i = 1, 3 do luaws.spawn(function() say(i, ws:receive(i == 2 and 0.05 or nil)) say(i, ws:receive()) end) end
    ]])
    local c = p:open()
    s:expectLines("2 nil timeout")
    for i = 1, 5 do c:send(tostring(i)) end
    s:expectLines("1 1 false", "3 2 false", "2 3 false", "1 4 false", "3 5 false")
    c:close(1000)
    s:awaitExit()
  end)

  it("gives to nobody else what the first has been woken for", function()
    local s, p = start([[
      local ws = luaws.WebSocket.new(url)
      local over
      luaws.spawn(function() for i = 1, 20 do say(ws:receive()) end over = true ws:destroy() end)
      luaws.spawn(function()
        while not over do -- it is always ready when a message comes
          local stolen = ws:receive(0)
          if stolen then say("stolen", stolen) end
          luaws.sleep(0)
        end
      end)
    ]])
    local c = p:open()
    for i = 1, 20 do
      c:send(tostring(i))
      s:expectLines(i .. " false")
    end
    s:awaitExit()
  end)

  it("raises when the handler has an onMessage", function()
    local s = start([[
      local ws = luaws.WebSocket.new(url, { onMessage = print })
      say(pcall(ws.receive, ws)) say(pcall(ws.messages, ws))
      ws:terminate()
    ]])
    assert.matches("^false .*receive: the messages of this client go to its handler's onMessage$", s:line())
    assert.matches("^false .*messages: the messages of this client go to its handler's onMessage$", s:line())
    s:awaitExit()
  end)

  it("checks its arguments", function()
    local s = start([[
      local ws = luaws.WebSocket.new(url)
      say(pcall(ws.receive, ws, -1)) say(pcall(ws.opened, ws, "1")) say(pcall(ws.receive, {}))
      ws:terminate()
    ]])
    assert.matches("^false .*receive: expected a number of seconds from 0 on, got number %-1$", s:line())
    assert.matches("^false .*opened: expected a number of seconds from 0 on, got string '1'$", s:line())
    assert.matches("^false .*receive: expected a WebSocket to call it on, got table", s:line())
    s:awaitExit()
  end)

  it("that the script's own terminate ends tells so when close frames have gone both ways", function()
    local s, p = start([[luaws.spawn(function()
      local ws = luaws.WebSocket.new(url)
      say(ws:receive())
      ws:terminate(4000, "mine")
      say(ws:receive(0)) say(ws:receive())
    end)]])
    local c = p:open()
    c:write(peer.frame({ opcode = 1, payload = "a" }))
    s:expectLines("a false", "nil timeout")
    c:expectClose(4000, "mine")
    s:expectLines("nil closed 4000 mine")
    s:awaitExit()
  end)
end)

describe("waiting for a client", function()
  it("is possible in the main chunk", function()
    local p = peer.listen()
    local task = async.spawn(function()
      local c = p:open()
      c:send("hello")
      assert.equal("got hello", (c:receive()))
      c:expectClose(1000)
    end)
    local result = server.run(([[
      local ws = require "luaws".WebSocket.new(%q)
      assert(ws:opened())
      ws:send("got " .. ws:receive())
      ws:terminate()
    ]]):format(p.url), { workers = 1, tls = false })
    task:join()
    assert.equal(0, result.code, result.stderr)
  end)

  it("is possible in handlers, and through pcall", function()
    local s = server.start(RUNNING .. [[
      local Upstream = { onMessage = function(_, ws, event) ws:send(event.data:upper()) end }
      serve(Upstream, { path = "/upstream" })
      url = luaws.webServer.url:gsub("^http", "ws") .. "upstream"
    ]], { workers = 1, tls = false })
    local c = client.open(s, "/")
    c:send([[local up = luaws.WebSocket.new(url) up:opened() up:send "shout"
      ws:send(select(2, pcall(up.receive, up))) up:terminate()]])
    assert.equal("SHOUT", (c:receive()))
  end)

  it("isn't at the top of a module that is being required, and the error says so", function()
    local folder = server.folder({
      ["module.lua"] = [[
        local ws = require "luaws".WebSocket.new("ws://127.0.0.1:1")
        print(pcall(ws.opened, ws)) print(pcall(ws.receive, ws)) print(ws:receive(0))
        return { f = function() return ws:opened() end }
      ]],
      ["main.lua"] = [[
        local m = require "module"
        print(m.f())
        local ws = require "luaws".WebSocket.new("ws://127.0.0.1:1")
        print(pcall(table.sort, { 1, 2 }, function() return ws:opened() end))
      ]],
    })
    local out = server.run(nil, { program = { folder .. "/main.lua" } }).stdout
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    local top = " at the top of a module that is being required; do it in a function of the module, or use luaws.spawn$"
    assert.matches("^false\t.*opened can't wait" .. top, lines[1])
    assert.matches("^false\t.*receive can't wait" .. top, lines[2])
    assert.equal("nil\ttimeout", lines[3])
    assert.matches("^nil\t.*refused", lines[4])
    assert.matches("^false\t.*opened can't wait below a C function", lines[5])
  end)

  it("ends at once when the connection ends whose callback waits", function()
    local s, p = start(RUNNING)
    local a = client.open(s, "/")
    a:send([[up = luaws.WebSocket.new(url) say(up:opened()) say(up:receive()) say(up:receive()) say(up:opened())]])
    local c = p:open()
    s:expectLines("true")
    a:drop()
    s:expectLines("nil closed", "nil closed", "true", "terminate 1006")
    local b = client.open(s, "/")
    b:send("say(up.status) say(up:receive()) up:terminate()")
    c:send("for b")
    s:expectLines("Connected", "for b false")
    c:expectClose(1000)
  end)

  it("in a callback of its own is over with what was left", function()
    local s, p = start([[
      luaws.WebSocket.new(url, { onOpen = function(_, ws)
        say "in"
        luaws.sleep(0.05)
        for data in ws:messages() do say(data) end
        say(ws:receive())
      end, onTerminate = function() say "terminate" end })
    ]])
    local c = p:open()
    s:expectLines("in")
    c:send("1")
    c:send("2")
    c:close(1001)
    s:expectLines("1", "2", "nil closed 1001", "terminate")
    s:awaitExit()
  end)

  it("is cancelled closeTimeout after the end of the connection whose callback it is", function()
    local s, p = start((RUNNING:gsub("%)%s*$", ", { closeTimeout = 0.1 })")))
    local a = client.open(s, "/")
    a:send([[say "in" up = luaws.WebSocket.new(url) pcall(up.receive, up) luaws.await(function() end)]])
    s:expectLines("in")
    local c = p:open()
    a:drop()
    assert.matches("^error .*cancelled", s:line())
    s:expectLines("terminate 1006")
    c:send("for who comes")
    local b = client.open(s, "/")
    b:send("say(up:receive()) up:destroy()")
    s:expectLines("for who comes false")
  end)

  it("is ended by the end of the program", function()
    local s, p = start([[
      local ws = luaws.WebSocket.new(url, { onOpen = function() say "open" end })
      luaws.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() say "closed" end })
        say(ws:receive())
      end)
    ]])
    local c = p:open()
    s:expectLines("open")
    s:signalProcess("sigterm")
    c:expectClose(1001)
    s:expectLines("nil closed 1001", "closed")
    assert.equal(0, (s:awaitExit()))
  end)

  it("is possible for a client that nothing refers to", function()
    local s, p = start([[
      luaws.spawn(function()
        for data in luaws.WebSocket.new(url):messages() do say(data) collectgarbage() end
        say "end"
      end)
      collectgarbage()
    ]])
    local c = p:open()
    c:send("1")
    c:send("2")
    c:close(1000)
    s:expectLines("1", "2", "end")
    s:awaitExit()
  end)
end)

describe("a client that doesn't receive", function()
  -- Writes frames until the sender has stalled; returns how many bytes have gone.
  local function flood(c, size, limit)
    local frame = peer.frame({ opcode = 2, payload = ("x"):rep(size) })
    local written = 0
    while written < limit do
      local queued = c.stream:get_write_queue_size()
      if queued > 4 * #frame then
        async.sleep(0.2)
        if c.stream:get_write_queue_size() == queued then return written - queued end
      else
        c.stream:write(frame)
        written = written + #frame
      end
    end
    return written
  end

  it("stalls a peer that sends 1 GiB, at under 4 MiB more memory", function()
    if build.isTiny then pending("megabytes, 3 bytes at a time") end
    local s, p = start("up = luaws.WebSocket.new(url, nil, { pingInterval = false })" .. RUNNING)
    local c = p:open()
    local control = client.open(s, "/")
    local before = s:memory()
    local sent = flood(c, 65536, 1 << 30)
    assert.is_true(sent < 64 << 20, ("%d bytes have gone"):format(sent))
    if async.seconds(1) == 1 then
      local grown = s:memory() - before
      assert.is_true(grown < 4, ("grown by %.1f MiB"):format(grown))
    end
    control:send("ws:send(tostring(select(2, up:receive())))") -- others go on
    assert.equal("true", (control:receive()))
    control:send("up:destroy()")
    c:expectReset()
  end)

  it("and receives at last gets all of it, in order", function()
    if build.isTiny then pending("megabytes, 3 bytes at a time") end
    local s, p = start([[
      up = luaws.WebSocket.new(url, nil, { pingInterval = false })
      function drain(n)
        for i = 1, n do
          local text = up:receive()
          if tonumber(text:match "^%d+") ~= i then return say(i, text) end
        end
        say "all"
      end
    ]] .. RUNNING)
    local c = p:open()
    local count, pad = 4000, (" "):rep(2000)
    local writer = async.spawn(function()
      for i = 1, count do c.stream:write(peer.frame({ opcode = 1, payload = i .. pad })) end
    end)
    writer:join()
    local control = client.open(s, "/")
    control:send(("drain(%d) up:terminate()"):format(count))
    s:expectLines("all")
    c:expectClose(1000)
  end)

  it("doesn't hold up others, however many there are of them", function()
    if build.isTiny then pending("megabytes, 3 bytes at a time") end
    local s = server.start([[
      assert(luaws.webServer:start { handshakeTimeout = false })
      serve({ onMessage = print, onOpen = function(_, ws) ws:send(("x"):rep(400000)) end },
        { path = "/flood", answerTimeout = false })
      serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/echo", answerTimeout = false })
      local base = luaws.webServer.url:gsub("^http", "ws")
      all = {}
      for i = 1, 250 do all[i] = luaws.WebSocket.new(base .. "flood", nil, { connectTimeout = 100 }) end
      luaws.spawn(function()
        for _, ws in ipairs(all) do assert(ws:opened()) end
        luaws.sleep(0.1)
        local ws = luaws.WebSocket.new(base .. "echo")
        ws:opened()
        ws:send(("y"):rep(100000))
        say(#ws:receive(100))
        for _, one in ipairs(all) do assert(#one:receive(100) == 400000) one:destroy() end
        ws:destroy()
        say "done"
      end)
    ]], { workers = 1, tls = false })
    s:expectLines("100000", "done")
  end)
end)
