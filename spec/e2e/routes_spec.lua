-- Several WebSocketServers on one port, by path; several WebServers, each with its own.

local client = require "spec.support.client"
local server = require "spec.support.server"

-- Servers whose handlers answer with their pattern and the parameters they found.
local function serving(...)
  local lines = {}
  for i, pattern in ipairs({ ... }) do
    lines[i] = ([[
      serve({ onMessage = function(_, ws)
        local names = {}
        for name in pairs(ws.params) do names[#names + 1] = name end
        table.sort(names)
        local text = %q
        for _, name in ipairs(names) do text = text .. " " .. name .. "=" .. ws.params[name] end
        ws:send(text)
      end }, { path = %s })
    ]]):format(pattern, pattern == "nil" and "nil" or ("%q"):format(pattern))
  end
  return server.start(table.concat(lines))
end

local function answerOf(s, path)
  local c, answer = client.handshake(s, path)
  if answer.status ~= 101 then
    c:drop()
    return answer.status
  end
  c:send("?")
  local text = c:receive()
  c:drop()
  return text
end

describe("paths", function()
  it("are exact and case-sensitive", function()
    local s = serving("/chat", "/chat/x")
    assert.equal("/chat", answerOf(s, "/chat"))
    assert.equal("/chat", answerOf(s, "/chat?x=/chat/x"))
    assert.equal("/chat/x", answerOf(s, "/chat/x"))
    assert.equal("/chat", answerOf(s, "/c%68at"))
    for _, path in ipairs({ "/Chat", "/chat/", "/chat/y", "/", "/cha" }) do
      assert.equal(404, answerOf(s, path), path)
    end
  end)

  it("nil answers everything that no other does", function()
    local s = serving("/chat", "nil")
    assert.equal("/chat", answerOf(s, "/chat"))
    assert.equal("nil", answerOf(s, "/"))
    assert.equal("nil", answerOf(s, "/any/thing?at=all"))
  end)

  it("have :name segments, decoded, never empty or more than one", function()
    local s = serving("/rooms/:room", "/a/:x/b/:y")
    assert.equal("/rooms/:room room=kitchen", answerOf(s, "/rooms/kitchen"))
    assert.equal("/rooms/:room room=the hall", answerOf(s, "/rooms/the%20hall"))
    assert.equal("/rooms/:room room=a/b", answerOf(s, "/rooms/a%2Fb"))
    assert.equal("/rooms/:room room=a+b", answerOf(s, "/rooms/a+b"))
    assert.equal("/a/:x/b/:y x=1 y=2", answerOf(s, "/a/1/b/2"))
    assert.equal(404, answerOf(s, "/rooms/a/b"))
    assert.equal(404, answerOf(s, "/rooms"))
    assert.equal(404, answerOf(s, "/a/1/c/2"))
  end)

  it("have * for one segment, or for all the rest when it is last", function()
    local s = serving("/files/*", "/x/*/y")
    assert.equal("/files/* *=a", answerOf(s, "/files/a"))
    assert.equal("/files/* *=a/b/c", answerOf(s, "/files/a/b/c"))
    assert.truthy(answerOf(s, "/x/anything/y"))
    assert.equal(404, answerOf(s, "/files"))
    assert.equal(404, answerOf(s, "/x/a/b/y"))
  end)

  it("the most specific wins, segment by segment: literal, :name, *, no path", function()
    local s = serving("nil", "/a/*", "/a/:x", "/a/b", "/:x/b", "/a/:x/c")
    assert.equal("/a/b", answerOf(s, "/a/b"))
    assert.equal("/a/:x x=c", answerOf(s, "/a/c"))
    assert.equal("/a/:x/c x=q", answerOf(s, "/a/q/c"))
    assert.equal("/a/* *=q/d", answerOf(s, "/a/q/d"))
    assert.equal("/:x/b x=z", answerOf(s, "/z/b"))
    assert.equal("nil", answerOf(s, "/z/z/z"))
    assert.equal("nil", answerOf(s, "/"))
  end)

  it("have their order whichever is made first", function()
    local s = serving("/a/:x/c", "/a/b", "/:x/b", "/a/:x", "/*", "/a/*")
    assert.equal("/a/b", answerOf(s, "/a/b"))
    assert.equal("/a/:x/c x=q", answerOf(s, "/a/q/c"))
    assert.equal("/:x/b x=z", answerOf(s, "/z/b"))
    assert.equal("/* *=z/z/z", answerOf(s, "/z/z/z"))
  end)

  it("with a bad encoding are refused with 400", function()
    local s = serving("nil")
    for _, path in ipairs({ "/%", "/%4", "/%zz", "/a%" }) do
      assert.equal(400, answerOf(s, path), path)
    end
  end)
end)

describe("several servers on one port", function()
  it("each have their options, handlers and connections", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, e) ws:send(#ws.wss.connections .. e.data) end }, { path = "/text" })
      serve({ onMessage = function(_, ws, e) ws:send { #ws.wss.connections, e.data } end },
        { path = "/object", dataType = "object", maxPayload = 5 })
    ]])
    local a, b, c = client.open(s, "/text"), client.open(s, "/text"), client.open(s, "/object")
    a:send("x")
    assert.equal("2x", a:receive())
    c:send("[1]")
    assert.equal("[1,[1]]", c:receive())
    c:send("[1,2,3]")
    c:expectFail(1009)
    b:send("1234567")
    assert.equal("21234567", b:receive())
  end)

  it("can be made and ended while others serve", function()
    local s = server.start([[
      local made = {}
      serve({ onMessage = function(_, ws, event)
        local verb, path = event.data:match "(%S+) (%S+)"
        if verb == "make" then
          made[path] = serve({ onMessage = function(_, w) w:send(path) end }, { path = path })
        else
          made[path]:terminate()
        end
        ws:send "done"
      end }, { path = "/control" })
    ]])
    local control = client.open(s, "/control")
    for i = 1, 20 do
      local path = "/made" .. i % 3
      control:send("make " .. path)
      control:receive()
      assert.equal(path, answerOf(s, path))
      control:send("end " .. path)
      control:receive()
      local _, answer = client.handshake(s, path)
      assert.equal(404, answer.status)
    end
  end)
end)

describe("several WebServers", function()
  it("each have their port, files, handler and WebSocketServers; the same path may be on both", function()
    local folder = server.folder({ ["one/a.txt"] = "one", ["two/a.txt"] = "two" })
    local s = server.start(([[
      local web = luaws.WebServer.new { port = 0, root = %q,
        handler = { onRequest = function(_, w, event) if event.request.path == "/h" then return w.url end end } }
      serve({ onMessage = function(_, ws) ws:send "second" end }, { path = "/ws", web = web })
      say(web.port, web.isRunning, web ~= luaws.webServer)
      assert(luaws.webServer:start { root = %q })
      serve({ onMessage = function(_, ws) ws:send "first" end }, { path = "/ws" })
      say(web.url)
    ]]):format(folder .. "/two", folder .. "/one"))
    local port = tonumber(s:line():match("^(%d+) true true$"))
    local url = s:line()
    assert.not_equal(s.port, port)
    assert.equal("one", client.get(s, "/a.txt").body)
    assert.equal("two", client.get(port, "/a.txt").body)
    assert.equal(url, client.get(port, "/h").body)
    assert.equal(404, client.get(s, "/h").status)
    assert.equal("first", answerOf(s, "/ws"))
    assert.equal("second", answerOf(port, "/ws"))
  end)

  it("stopping one leaves the other", function()
    local s = server.start([[
      local web = luaws.WebServer.new { port = 0 }
      serve({ onMessage = function() end }, { path = "/b", web = web })
      say(web.port)
      serve({ onMessage = function(_, ws) web:stop() ws:send(tostring(web.isRunning)) end }, { path = "/a" })
    ]])
    local port = tonumber(s:line())
    local a, b = client.open(s, "/a"), client.open(port, "/b")
    a:send("stop")
    b:expectClose(1001)
    assert.equal("false", a:receive())
    a:send("again")
    assert.equal("false", a:receive())
  end)
end)
