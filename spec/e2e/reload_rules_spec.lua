-- docs/reload.md's rules: what stays at a reload, what is ended, what is new.

local assert = require "luassert"
local async = require "spec.support.async"
local client = require "spec.support.client"
local reloading = require "spec.support.reloading"
local process = require "spec.support.process"
local server = require "spec.support.server"

local ECHO = [[
local luaws = require "luaws"
local Echo = luaws.class "Echo"
function Echo:onMessage(ws, event) ws:send(event.data) end
local handler = { onConnection = function() return Echo.new() end }
]]

describe("a server", function()
  local MAIN = ECHO .. [[
function handler:onOpen() OPENED = (OPENED or 0) + 1 end
function handler:onTerminate() TERMINATED = (TERMINATED or 0) + 1 end
wss = luaws.WebSocketServer.new(handler, { path = "/old" })
]]

  it("of the same path is the same object, and nobody is told that it opens", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/old")
    p:eval "SAVED, CONNECTION = wss, wss.connections[1]"
    p:mustEdit({ ["main.lua"] = { MAIN, "Echo.new()", "Echo.new(), nil, 'new'" } })
    assert.equal("true true 1 1 nil", p:eval [[
      return ("%s %s %d %d %s"):format(SAVED == wss, CONNECTION.wss == wss and wss.connections[1] == CONNECTION,
        #wss.connections, OPENED, TERMINATED)]])
    assert.equal("x", c:ask("x"))
    assert.equal("x", p:open("/old"):ask("x"))
  end)

  it("has its new handler where that is of another class", function()
    local main = [[
local luaws = require "luaws"
local function add(name)
  local Class = luaws.class(name)
  function Class:onConnection() return { onMessage = function(_, ws) ws:send(name) end } end
  return Class.new()
end
luaws.WebSocketServer.new(add "A", { path = "/" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    assert.equal("A", p:open("/"):ask("x"))
    p:mustEdit({ ["main.lua"] = { main, '"A"', '"B"' } })
    assert.equal("B", p:open("/"):ask("x"))
  end)

  it("that the new script has not is terminated with 1001, and its new ones are there", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/old")
    p:mustEdit({ ["main.lua"] = { MAIN, '"/old"', '"/new"' } })
    c:expectClose(1001)
    assert.equal("x", p:open("/new"):ask("x"))
    local _, answer = client.handshake(p.server, "/old")
    assert.equal(404, answer.status)
    assert.equal("2 1", p:eval "return OPENED .. ' ' .. TERMINATED")
  end)

  it("that a callback has made stays", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    p:eval "require('luaws').WebSocketServer.new(wss.handler, { path = '/made' })"
    local c = p:open("/made")
    p:mustEdit({})
    assert.equal("x", c:ask("x"))
    assert.equal("x", p:open("/made"):ask("x"))
  end)

  it("that closes at the moment is none to take over", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/old")
    p:eval "wss:terminate()"
    p:mustEdit({})
    assert.equal("x", p:open("/old"):ask("x"))
    c:expectClose(1001)
    assert.equal("2", p:eval "return OPENED")
  end)

  it("can be left out altogether", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/old")
    p:mustEdit({ ["main.lua"] = "" })
    c:expectClose(1001)
    p:mustEdit({ ["main.lua"] = MAIN })
    assert.equal("x", p:open("/old"):ask("x"))
  end)
end)

describe("options that are new", function()
  local MAIN = ECHO .. 'wss = luaws.WebSocketServer.new(handler, { path = "/", })\n'

  -- The program with these options, and a connection from before them.
  local function change(options, before, ioThreads)
    local old = { MAIN, '"/",', '"/",' .. (before or "") }
    local p = reloading.start({ ["main.lua"] = old }, { ioThreads = ioThreads })
    local c = p:open("/")
    assert.equal("x", c:ask("x"))
    p:mustEdit({ ["main.lua"] = { MAIN, '"/",', '"/",' .. options } })
    return c, p
  end

  it("limit messages on open connections", function()
    local c = change("maxPayload = 10")
    assert.equal("1234567890", c:ask("1234567890"))
    c:send("12345678901")
    c:expectFail(1009)
  end)

  it("allow larger messages on open connections, also on several I/O threads", function()
    local c = change("maxPayload = 10", "maxPayload = 3", 2)
    assert.equal("1234567890", c:ask("1234567890"))
  end)

  it("count for the rest of a message that has begun", function()
    local p = reloading.start({ ["main.lua"] = { MAIN, '"/",', '"/", maxPayload = 8,' } })
    local larger, smaller = p:open("/"), p:open("/")
    for _, c in ipairs { larger, smaller } do
      c:sendFrame({ opcode = client.TEXT, payload = "1234", fin = false })
      c:ping()
    end
    p:mustEdit({ ["main.lua"] = { MAIN, '"/",', '"/", maxPayload = 20,' } })
    larger:sendFrame({ opcode = client.CONTINUATION, payload = ("x"):rep(16) })
    assert.equal("1234" .. ("x"):rep(16), (larger:receive()))
    p:mustEdit({ ["main.lua"] = { MAIN, '"/",', '"/", maxPayload = 2,' } })
    smaller:sendFrame({ opcode = client.CONTINUATION, payload = "5" })
    smaller:expectFail(1009)
  end)

  it("say what data are, at once", function()
    local c = change 'dataType = "object"'
    assert.equal('{"a":1}', c:ask('{ "a" : 1 }'))
  end)

  it("ping open connections", function()
    local c = change("pingInterval = 0.02, pongTimeout = false", "pingInterval = false")
    assert.equal(client.PING, c:readFrame().opcode)
  end)

  it("no longer ping them", function()
    local c, p = change("pingInterval = false", "pingInterval = 0.02, pongTimeout = 0.02")
    p:eval "require('luaws').sleep(0.1)"
    assert.equal("x", c:ask("x"))
  end)

  it("slow down open connections, or no longer", function()
    local c, p = change("maxMessageRate = 1")
    for i = 1, 3 do c:send(tostring(i)) end
    assert.equal("1", (c:receive()))
    p:mustEdit({ ["main.lua"] = MAIN })
    assert.equal("2", (c:receive()))
    assert.equal("3", (c:receive()))
  end)

  it("limit how many there are", function()
    local _, p = change("maxConnections = 1")
    local _, answer = client.handshake(p.server, "/")
    assert.equal(503, answer.status)
  end)

  it("count connections as before", function()
    local c, p = change("maxConnections = 2", "maxConnections = 5")
    local d = p:open("/")
    p:mustEdit({ ["main.lua"] = { MAIN, '"/",', '"/", maxConnections = 3,' } })
    c:close()
    d:close()
    local all = { p:open("/"), p:open("/"), p:open("/") }
    assert.equal("3", p:eval "return wss.connectionCount")
    local _, answer = client.handshake(p.server, "/")
    assert.equal(503, answer.status)
    assert.equal(3, #all)
  end)

  it("choose subprotocols and allow origins", function()
    local _, p = change 'protocols = { "b" }, origins = { "https://example.com" }'
    local _, answer = client.handshake(p.server, "/", {
      Origin = "https://example.com", ["Sec-WebSocket-Protocol"] = "a, b",
    })
    assert.equal("b", answer.headers["sec-websocket-protocol"])
    _, answer = client.handshake(p.server, "/", { Origin = "https://example.org" })
    assert.equal(403, answer.status)
  end)

  it("compress new connections only, which the log says", function()
    local c, p = change("compression = true")
    assert.equal("x", c:ask("x"))
    p.server:awaitLog "path '/': the new compression counts for new connections only"
    local name = "Sec-WebSocket-Extensions"
    local _, answer = client.handshake(p.server, "/", { [name] = "permessage-deflate" })
    assert.matches("permessage%-deflate", answer.headers[name:lower()])
  end)

  it("interrupt handlers", function()
    local c, p = change("handlerTimeout = 0.05")
    p:mustEdit({ ["main.lua"] = {
      MAIN, '"/",', '"/", handlerTimeout = 0.05,',
      "ws:send(event.data)", "while true do pcall(string.rep, 'x', 1000) end",
    } })
    c:send("x")
    p.server:awaitLog "handlerTimeout"
  end)
end)

describe("what the old top level has started ends:", function()
  it("timers and tasks, also those which they have started", function()
    local main = [[
local luaws = require "luaws"
local function count(name) COUNTS = COUNTS or {} COUNTS[name] = (COUNTS[name] or 0) + 1 end
local closing = setmetatable({}, { __close = function() count "closed" end })
luaws.every(0.001, function() count "every" end)
luaws.after(0, function() luaws.every(0.001, function() count "nested" end) end)
luaws.spawn(function() local c <close> = closing while true do luaws.sleep(0.001) count "task" end end)
luaws.spawn(function() luaws.await(function(done) DONE = done end) count "awaited" end)
local uv = require "luv"
uv.new_timer():start(1, 1, function() count "handle" end)
require("luaws").WebSocketServer.new({ onConnection = function() end }, { path = "/x" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local loop = [[
      local luaws = require "luaws"
      local names = { "every", "nested", "task", "handle" }
      repeat
        luaws.sleep(0.001)
        local all = true
        for _, name in ipairs(names) do all = all and COUNTS and COUNTS[name] end
      until all]]
    p:eval(loop)
    p:mustEdit({ ["main.lua"] = "" })
    assert.equal("1", p:eval "return COUNTS.closed")
    p:eval "COUNTS = {} DONE() require('luaws').sleep(0.05)"
    assert.equal("nil", p:eval "return next(COUNTS)")
    assert.equal("0", p:eval [[
      local count = 0
      require("luv").walk(function(handle) count = handle:is_closing() and count or count + 1 end)
      return count]])
  end)

  it("clients, with 1001; but not what callbacks have started", function()
    local main = ECHO .. [[
function handler:onConnection(wss, event)
  if event.request.query.own then return { onMessage = function() end } end
  OWN = OWN or luaws.WebSocket.new(wss.web_url .. "?own=1", { onTerminate = function() OWN_ENDED = true end })
  return Echo.new()
end
function handler:onOpen(wss) luaws.every(0.001, function() TICKS = (TICKS or 0) + 1 end) end
]]
    main = main:gsub("wss.web_url", "URL") .. [[
local wss = luaws.WebSocketServer.new(handler, { path = "/" })
URL = "ws://127.0.0.1:" .. luaws.webServer.port .. "/"
TOP = luaws.WebSocket.new(URL .. "?own=1", { onTerminate = function(_, ws, event) ENDED = event.code end })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local c = p:open("/")
    p:eval [[
      while not OWN or OWN.status ~= "Connected" or TOP.status ~= "Connected" do require("luaws").sleep(0.001) end
      OLD = TOP]]
    p:mustEdit({})
    p:eval "while OLD.status ~= 'Closed' or TOP.status ~= 'Connected' do require('luaws').sleep(0.001) end TICKS = 0"
    assert.equal("1001 nil Connected", p:eval "return ('%s %s %s'):format(ENDED, OWN_ENDED, OWN.status)")
    p:eval "while TICKS < 3 do require('luaws').sleep(0.001) end"
    assert.equal("x", c:ask("x"))
  end)
end)

describe("a web server", function()
  it("goes on with its new settings and handler, whose state stays", function()
    local main = [[
local luaws = require "luaws"
local pages = { count = 0 }
function pages:onRequest(web, event)
  if event.request.path ~= "/count" then return nil end
  self.count = self.count + 1
  return "old " .. self.count
end
luaws.webServer:start({ root = "one", handler = pages })
luaws.WebSocketServer.new({ onConnection = function() end }, { path = "/x" })
]]
    local p = reloading.start({ ["main.lua"] = main, ["one/a.txt"] = "1", ["two/a.txt"] = "2" }, { lines = 2 })
    assert.equal("old 1", client.get(p.server, "/count").body)
    p:mustEdit({ ["main.lua"] = { main, "old ", "new ", '"one"', '"two"' } })
    assert.equal("new 2", client.get(p.server, "/count").body)
    assert.equal("2", client.get(p.server, "/a.txt").body)
    p:mustEdit({ ["main.lua"] = { main, 'root = "one", handler = pages', "" } })
    assert.equal(404, client.get(p.server, "/a.txt").status)
    assert.equal(404, client.get(p.server, "/count").status)
  end)

  it("says where it can't do as the script says", function()
    local main = [[
local luaws = require "luaws"
luaws.webServer:start({ keepAliveTimeout = 5 })
luaws.WebSocketServer.new({ onConnection = function() end }, { path = "/x" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    p:mustEdit({ ["main.lua"] = { main, "keepAliveTimeout = 5", 'host = "127.0.0.2", root = "."' } })
    p.server:awaitLog "goes on with its settings: host, port and whether it speaks TLS can't change while it runs"
    p:mustEdit({ ["main.lua"] = { main, "keepAliveTimeout = 5", 'root = "missing"' } })
    p.server:awaitLog "missing"
  end)

  it("of the script's own is taken over by its place, else it stops", function()
    local main = ECHO .. [[
web = luaws.WebServer.new({ port = 0 })
web:start()
luaws.WebSocketServer.new(handler, { path = "/own", web = web })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local port = tonumber((p:eval "return web.port"))
    local c = client.open(port, "/own")
    p:eval "OLD = web"
    p:mustEdit({})
    assert.equal("true", p:eval "return OLD == web")
    assert.equal("x", c:ask("x"))
    p:mustEdit({ ["main.lua"] = "" })
    c:expectClose(1001)
    p:eval "while OLD.isRunning do require('luaws').sleep(0.001) end"
  end)
end)

describe("a field of a table that goes on", function()
  local MAIN = [[
Chat = { limit = 10, name = "old", users = { "first" }, words = { "a", "b", "c" }, gone = 1 }
function Chat:first() return "old" end
function Chat:second() return "old" end
function Chat:onMessage(ws) ws:send("x") end
]] .. 'require("luaws").WebSocketServer.new({ onConnection = function() return Chat end }, { path = "/" })'
  local NEW = {
    MAIN, "limit = 10", "limit = 20", '"old"', '"new"', '"a", "b", "c"', '"a", "d"', ", gone = 1", "",
    "Chat:second", "Chat:third",
  }

  it("has its new value where nothing has changed it, and keeps what the program has made of it", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    p:eval "OLD = Chat Chat.name = 'changed' Chat.added = 'added' Chat.users[2] = 'second' Chat.extra = function() end"
    p:mustEdit({ ["main.lua"] = NEW })
    assert.equal("true", p:eval "return OLD == Chat")
    assert.equal("20 changed added nil",
      p:eval "return ('%s %s %s %s'):format(Chat.limit, Chat.name, Chat.added, Chat.gone)")
    assert.equal("first second", p:eval "return table.concat(Chat.users, ' ')")
    assert.equal("a d", p:eval "return table.concat(Chat.words, ' ')")
    assert.equal("old nil function function",
      p:eval "return ('%s %s %s %s'):format(Chat.first(), Chat.second, type(Chat.third), type(Chat.extra))")
  end)

  it("is judged anew by the next reload", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    p:eval "Chat.name = 'changed'"
    for _, limit in ipairs { 30, 40 } do
      p:mustEdit({ ["main.lua"] = { MAIN, "limit = 10", "limit = " .. limit } })
      assert.equal(limit .. " changed", p:eval "return Chat.limit .. ' ' .. Chat.name")
    end
  end)

  it("that is a local variable's data is the new file's", function()
    local main = [[
local seen, limit = {}, 1
local Chat = {}
function Chat:onMessage(ws, event)
  seen[#seen + 1] = event.data
  ws:send(#seen .. " of " .. limit)
end
require("luaws").WebSocketServer.new({ onConnection = function() return Chat end }, { path = "/" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local c = p:open("/")
    assert.equal("1 of 1", c:ask("x"))
    assert.equal("2 of 1", c:ask("x"))
    p:mustEdit({ ["main.lua"] = { main, "{}, 1", "{}, 2" } })
    assert.equal("1 of 2", c:ask("x"))
    assert.equal("2 of 2", p:open("/"):ask("x"))
  end)
end)

describe("a class", function()
  local MAIN = [[
local luaws = require "luaws"
local A = luaws.class "A"
function A:who() return "A" end
function A:__tostring() return "an A" end
local B = luaws.class "B"
function B:who() return "B" end
Chat = luaws.class("Chat", A)
Chat.limit = 1
function Chat:onMessage(ws)
  ws:send(self:who() .. " " .. tostring(self) .. " " .. tostring(self.old) .. " " .. Chat.limit)
end
function Chat:old() end
luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/" })
]]

  it("can have another parent", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/")
    assert.matches("^A an A function", c:ask("x"))
    p:mustEdit({ ["main.lua"] = {
      MAIN, "limit = 1", "limit = 2", '"Chat", A', '"Chat", B', "Chat:old()", "Chat:other()",
    } })
    assert.matches("^B Chat: .* nil 2$", c:ask("x"))
    p:mustEdit({ ["main.lua"] = { MAIN, '"an A"', '"one A"' } })
    assert.matches("^A one A function: .* 1$", c:ask("x"))
    assert.matches("^A one A function: .* 1$", p:open("/"):ask("x"))
  end)

  it("that has become something else keeps its methods in objects that there are, and the log says so", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/")
    p:mustEdit({ ["main.lua"] = [[
local luaws = require "luaws"
function Chat() return { onMessage = function(_, ws) ws:send "a function" end } end
luaws.WebSocketServer.new({ onConnection = function() return Chat() end }, { path = "/" })
]] })
    p.server:awaitLog "1 connection with old functions: the onMessage of"
    assert.equal("a function", p:open("/"):ask("x"))
    c:send("x")
    p.server:awaitLog "attempt to index a function value (global 'Chat')"
    -- And back.
    p:mustEdit({ ["main.lua"] = MAIN })
    assert.matches("^A an A function", p:open("/"):ask("x"))
  end)
end)

describe("a handler that onConnection makes in line", function()
  it("keeps its functions, and the log says so", function()
    local main = [[
local luaws = require "luaws"
luaws.WebSocketServer.new({
  onConnection = function()
    return { onMessage = function(_, ws) ws:send "old" end }
  end,
}, { path = "/" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local c, d = p:open("/"), p:open("/")
    p:mustEdit({ ["main.lua"] = { main, '"old"', '"new"' } })
    p.server:awaitLog "2 connections with old functions: the onMessage of"
    assert.is_truthy(p.server.stderr:find("main.lua:4 is made anew for each handler", 1, true))
    assert.equal("old", c:ask("x"))
    assert.equal("old", d:ask("x"))
    assert.equal("new", p:open("/"):ask("x"))
  end)
end)

describe("onReload", function()
  local MAIN = [[
local luaws = require "luaws"
local Chat = luaws.class "Chat"
function Chat:onMessage(ws, event)
  if event.data == "wait" then
    ws:send "waits"
    repeat luaws.sleep(0.001) until GO
  end
  ws:send("old " .. event.data)
end
function Chat:onReload(ws, event) ws:send(event.type .. " " .. event.generation .. " " .. luaws.generation) end
luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/" })
]]

  it("is called once on each connection", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c, d = p:open("/"), p:open("/")
    p:mustEdit({ ["main.lua"] = MAIN })
    for _, x in ipairs { c, d } do assert.equal("reload 2 2", (x:receive())) end
    p:mustEdit({ ["main.lua"] = { MAIN, "event.type", '"new"' } })
    for _, x in ipairs { c, d } do assert.equal("new 3 3", (x:receive())) end
    assert.equal("old x", c:ask("x"))
  end)

  it("waits for the callback that waits, and comes before what has come after it", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/")
    assert.equal("waits", c:ask("wait"))
    p:mustEdit({ ["main.lua"] = { MAIN, '"old "', '"new "' } })
    c:send("later")
    c:ping()
    p:eval "GO = true"
    assert.equal("old wait", (c:receive()))
    assert.equal("reload 2 2", (c:receive()))
    assert.equal("new later", (c:receive()))
  end)

  it("may raise, like any callback", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    local c = p:open("/")
    p:mustEdit({ ["main.lua"] = {
      MAIN, "ws:send(event.type", "error(event.type",
      "luaws.WebSocketServer",
      "function Chat:onError(ws, event) ws:send(event.errors[1].message) end luaws.WebSocketServer",
    } })
    assert.matches("main.lua:10: reload 2 2", (c:receive()))
    assert.equal("old x", c:ask("x"))
  end)

  it("is called on the clients that callbacks have made, too", function()
    local main = [[
local luaws = require "luaws"
local Link = luaws.class "Link"
function Link:onMessage() end
function Link:onReload(ws, event)
  self.count = (self.count or 0) + 1
  self.from:send(("old %s %d %d %s"):format(event.type, event.generation, self.count, ws.status))
end
local Chat = luaws.class "Chat"
function Chat:onMessage(ws, event)
  local link = Link.new()
  link.from = ws
  ws.link = luaws.WebSocket.new(event.data, link)
  ws.link:opened()
  ws:send "linked"
end
luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local c = p:open("/")
    assert.equal("linked", c:ask(("ws://127.0.0.1:%d/"):format(p.server.port)))
    p:mustEdit({ ["main.lua"] = { main, '"old', '"new' } })
    assert.equal("new reload 2 1 Connected", (c:receive()))
    p:mustEdit({ ["main.lua"] = main })
    assert.equal("old reload 3 2 Connected", (c:receive()))
  end)

  it("isn't called on connections that close", function()
    local p = reloading.start({ ["main.lua"] = MAIN .. " wss = ...", })
    local c = p:open("/")
    p:eval [[for _, ws in ipairs(debug.getregistry()) do
      if type(ws) == "userdata" and tostring(ws):find "^WebSocketConnection" and ws.path == "/" then ws:terminate() end
    end]]
    p:mustEdit({})
    c:expectClose(1000)
  end)
end)

describe("luaws.persist", function()
  it("keeps a value, at first the one given, or what a function returns", function()
    local main = [[
local luaws = require "luaws"
STATE = luaws.persist("state", { count = 0 })
MADE = luaws.persist("made", function() CALLS = (CALLS or 0) + 1 return { CALLS } end)
STATE.count = STATE.count + 1
luaws.WebSocketServer.new({ onConnection = function() end }, { path = "/x" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    p:eval "OLD = STATE"
    p:mustEdit({})
    p:mustEdit({})
    assert.equal("true 3 1 1", p:eval "return ('%s %d %d %d'):format(OLD == STATE, STATE.count, MADE[1], CALLS)")
    assert.equal("true", p:eval "return require('luaws').persist('state') == STATE")
  end)

  it("says what it can't keep", function()
    local p = reloading.start({ ["main.lua"] = ECHO .. "luaws.WebSocketServer.new(handler)" })
    assert.matches("control:1: luaws.persist: expected a name",
      p:eval "local x = require('luaws').persist(1) return x")
    assert.matches("control:1: luaws.persist: nothing is kept as 'x'",
      p:eval "local x = require('luaws').persist 'x' return x")
  end)
end)

describe("luaws.reload", function()
  it("can't be asked for while the script is reloaded", function()
    local p = reloading.start({ ["main.lua"] = [[
local luaws = require "luaws"
if luaws.generation > 1 then ANSWER = select(2, luaws.reload()) end
luaws.WebSocketServer.new({ onConnection = function() end }, { path = "/x" })
]] })
    p:mustEdit({})
    assert.equal("the script is being reloaded right now", p:eval "return ANSWER")
    assert.equal("2", p:eval "return require('luaws').generation")
  end)

  it("says why there is nothing to reload", function()
    local script = 'print(require("luaws").reload())'
    local s = server.run(nil, { program = { "-e", script } })
    assert.equal("nil\tthe script was given on the command line: there is no file to read again\n", s.stdout)
    s = server.run(nil, { program = { "-" }, input = script })
    assert.equal("nil\tthe script came from standard input: there is no file to read again\n", s.stdout)
    s = process.run("sh", { "-c", ("echo '%s' | %s /dev/stdin"):format(script, os.getenv "LUAWS_BIN") })
    assert.equal("nil\tthe script came from a pipe: there is no file to read again\n", s.stdout, s.stderr)
  end)

  it("in the middle of a loop over connections lets that come to its end", function()
    local main = [[
local luaws = require "luaws"
local Chat = luaws.class "Chat"
function Chat:onMessage(ws, event)
  for i, each in ipairs(wss.connections) do
    each:send("old " .. event.data)
    if i == 2 then
      luaws.reload()
      luaws.sleep(0.01)
    end
  end
end
wss = luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local all = {}
    for i = 1, 5 do all[i] = p:open("/") end
    p:edit({ ["main.lua"] = { main, '"old "', '"new "', "luaws.reload()", "" } })
    all[1]:send("x")
    for _, c in ipairs(all) do assert.equal("old x", (c:receive())) end
    all[1]:send("y")
    for _, c in ipairs(all) do assert.equal("new y", (c:receive())) end
  end)

  it("fails by a module that can be loaded only once, which goes on", function()
    local main = "require 'once' " .. ECHO .. "luaws.WebSocketServer.new(handler, { path = '/' })"
    local once = "assert(not ONCE, 'loaded twice') ONCE = true return {}"
    local p = reloading.start({ ["main.lua"] = main, ["once.lua"] = once })
    local c = p:open("/")
    local before = p:dump()
    assert.matches("once.lua:1: loaded twice", p:reload())
    assert.equal(before, p:dump())
    assert.equal("x", c:ask("x"))
    p:mustEdit({ ["once.lua"] = "return {}" })
  end)
end)

describe("what waits while the script is reloaded", function()
  it("goes on as old code: a callback; the answer to a client has the new methods", function()
    local main = [[
local luaws = require "luaws"
local Chat = luaws.class "Chat"
function Chat:onMessage(ws) ws:send "old" end
luaws.WebSocketServer.new({
  onConnection = function()
    print "asked"
    repeat luaws.sleep(0.001) until GO
    print "old answer"
    return Chat.new()
  end,
}, { path = "/" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local c = client.connect(p.server)
    c:sendRequest({ path = "/", headers = client.upgradeHeaders() })
    assert.equal("asked", p.server:line())
    p:mustEdit({ ["main.lua"] = { main, '"old"', '"new"', '"old answer"', '"new answer"' } })
    p:eval "GO = true"
    assert.equal("old answer", p.server:line())
    assert.equal(101, c:response().status)
    assert.equal("new", c:ask("x"))
  end)

  it("ends where it is the old main chunk", function()
    local main = ECHO .. [[
luaws.WebSocketServer.new(handler, { path = "/" })
local closing <close> = setmetatable({}, { __close = function() print "closed" end })
luaws.sleep(1000)
]]
    local p = reloading.start({ ["main.lua"] = main })
    local c = p:open("/")
    assert.matches("luaws.sleep can't wait at the top level", p:reload())
    p:mustEdit({ ["main.lua"] = { main, "luaws.sleep(1000)", "" } })
    assert.equal("closed", p.server:line()) -- the new one's
    assert.equal("closed", p.server:line())
    assert.equal("x", c:ask("x"))
  end)
end)

describe("a top level", function()
  local MAIN = ECHO .. "luaws.WebSocketServer.new(handler, { path = '/' })\n"

  it("that forbids new globals is reloaded as well", function()
    local strict = "setmetatable(_G, { __newindex = function(_, k) error('no ' .. k) end, __index = error })\n"
    local p = reloading.start({ ["main.lua"] = MAIN .. strict })
    local c = p:open("/")
    p:mustEdit({ ["main.lua"] = { MAIN .. strict, "ws:send(event.data)", "ws:send 'new'" } })
    assert.equal("new", c:ask("x"))
    local told = p:tryEdit({ ["main.lua"] = MAIN .. strict .. "NEW = 1" })
    assert.matches("no NEW", told)
    assert.equal("nil", p:eval "return rawget(_G, 'NEW')")
  end)

  it("that ends the program ends it", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    p:edit({ ["main.lua"] = MAIN .. "luaws.exit()" })
    p.control:send "require('luaws').reload() return 'asked'"
    assert.equal("asked", (p.control:receive()))
    p.control:expectClose(1001)
    p.server:awaitExit()
    assert.equal(0, p.server.code)
  end)

  it("that fails leaves nothing in luaws.persist", function()
    local p = reloading.start({ ["main.lua"] = MAIN })
    assert.matches("main.lua", p:tryEdit({ ["main.lua"] = MAIN .. "luaws.persist('kept', 1) error 'x'" }))
    assert.equal("2", p:eval "return (require('luaws').persist('kept', 2))")
  end)

  it("that makes a handler unusable for a server that a callback has made fails", function()
    local server_lua = "local Server = require('luaws').class 'Server' "
      .. "function Server:onConnection() end return Server"
    local p = reloading.start({ ["main.lua"] = MAIN .. "Server = require 'server'", ["server.lua"] = server_lua })
    p:eval "require('luaws').WebSocketServer.new(Server.new(), { path = '/made' })"
    assert.matches("server.lua:1: class Server has no onConnection any more, and handles WebSocketServer: /made",
      p:tryEdit({ ["server.lua"] = { server_lua, "onConnection", "onConection" } }))
  end)

  it("with a metatable that raises fails, and nothing has changed", function()
    local main = [[
local Meta = {}
function Meta.__index(_, key) return key == "onMessage" and function(_, ws) ws:send "old" end or nil end
]] .. ECHO .. [[
function handler:onConnection() return setmetatable({}, Meta) end
luaws.WebSocketServer.new(handler, { path = "/" })
]]
    local p = reloading.start({ ["main.lua"] = main })
    local c = p:open("/")
    local before = p:dump()
    assert.matches("main.lua:2: attempt to call a nil value",
      p:tryEdit({ ["main.lua"] = { main, "return key", "return missing() or key" } }))
    assert.equal(before, p:dump())
    assert.equal("old", c:ask("x"))
  end)
end)

describe("modules", function()
  local MAIN = ECHO .. "luaws.WebSocketServer.new(handler, { path = '/' })\n"

  it("that are new are loaded, and those that nobody requires any more are forgotten", function()
    local p = reloading.start({ ["main.lua"] = MAIN .. "A = require 'a'", ["a.lua"] = "return 'a'" })
    p:mustEdit({ ["main.lua"] = MAIN .. "A = require 'b'", ["b.lua"] = "return 'b'", ["a.lua"] = false })
    assert.equal("b nil", p:eval "return A .. ' ' .. tostring(package.loaded.a)")
  end)

  it("that callbacks have required are reloaded, too", function()
    local late = "local M = {} function M.word() return 'old' end return M"
    local p = reloading.start({ ["main.lua"] = MAIN, ["late.lua"] = late })
    p:eval "LATE = require 'late'"
    p:mustEdit({ ["late.lua"] = { late, "old", "new" } })
    assert.equal("new true", p:eval "return LATE.word() .. ' ' .. tostring(LATE == require 'late')")
    p:mustEdit({ ["late.lua"] = late })
    assert.equal("old", p:eval "return LATE.word()")
    assert.matches("late.lua:1: unexpected symbol", p:tryEdit({ ["late.lua"] = "return }" }))
    p:mustEdit({ ["late.lua"] = false })
  end)

  it("from elsewhere stay as they are", function()
    local p = reloading.start({ ["main.lua"] = MAIN .. "CONTROL = package.loaded.control" })
    p:eval "package.loaded.json = { 'not a file' }"
    p:mustEdit({})
    assert.equal("not a file", p:eval "return require('json')[1]")
  end)

  it("are looked for where the new script says", function()
    local main = [[
package.path = arg[0]:gsub("main.lua", "lib/?.lua;") .. package.path
LIB = require "inner"
]] .. MAIN
    local p = reloading.start({
      ["main.lua"] = main, ["lib/inner.lua"] = "return 1", ["other/inner.lua"] = "return 3",
    })
    local path = p:eval "return package.path"
    p:mustEdit({ ["lib/inner.lua"] = "return 2" })
    assert.equal("2", p:eval "return LIB")
    assert.equal(path, p:eval "return package.path")
    p:mustEdit({ ["main.lua"] = { main, "lib/?", "other/?" } })
    assert.equal("3", p:eval "return LIB")
  end)
end)

it("luaws.onError is the new script's, or none", function()
  local main = ECHO .. "luaws.WebSocketServer.new(handler, { path = '/' })\n"
  local on = "function luaws.onError(event) HEARD = 'old' end"
  local p = reloading.start({ ["main.lua"] = main .. on })
  p:mustEdit({ ["main.lua"] = { main .. on, "'old'", "'new'" } })
  local raise = "require('luaws').spawn(error, 'x') repeat require('luaws').sleep(0.001) until HEARD return HEARD"
  assert.equal("new", p:eval(raise))
  p:mustEdit({ ["main.lua"] = main })
  assert.equal("nil", p:eval "HEARD = nil return require('luaws').onError")
end)

it("a table with very much data is replaced as a whole", function()
  local main = ECHO .. [[
DATA = { f = function() end, words = {} }
for i = 1, 100000 do DATA.words[i] = { "old" } end
luaws.WebSocketServer.new(handler, { path = "/" })
]]
  local p = reloading.start({ ["main.lua"] = main })
  p:eval "OLD = DATA"
  p:mustEdit({ ["main.lua"] = { main, '"old"', '"new"' } })
  assert.equal("true new", p:eval "return tostring(OLD == DATA) .. ' ' .. DATA.words[100000][1]")
  assert.is_nil(p.server.stderr:find("more data than", 1, true))
end)

it("a script with more data than is looked through is reloaded in bounded time, and told so", function()
  if async.seconds(1) > 1 then pending("too much data for a slow build, or a collector that is always on") end
  local main = ECHO .. [[
DATA = {}
for i = 1, 999 do
  DATA[i] = {}
  for j = 1, 300 do DATA[i][j] = { i } end
end
luaws.WebSocketServer.new(handler, { path = "/" })
]]
  local p = reloading.start({ ["main.lua"] = main })
  local c = p:open("/")
  p:mustEdit({})
  p.server:awaitLog "the script holds more data than is looked through"
  assert.equal("x", c:ask("x"))
end)
