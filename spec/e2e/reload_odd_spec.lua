-- Reloads of programs that are odd, but could be somebody's.

local assert = require "luassert"
local async = require "spec.support.async"
local client = require "spec.support.client"
local files = require "spec.support.files"
local reloading = require "spec.support.reloading"
local server = require "spec.support.server"

local MAIN = [[
local luaws = require "luaws"
local Echo = luaws.class "Echo"
function Echo:onMessage(ws, event) ws:send("old " .. event.data) end
local handler = { onConnection = function() return Echo.new() end }
wss = luaws.WebSocketServer.new(handler, { path = "/" })
]]

describe("a metatable", function()
  for what, body in pairs({ ["finds all tables equal"] = "return true", raises = "error 'compared'" }) do
    it(("whose __eq %s has no say in which table is which"):format(what), function()
      local main = ([[
local luaws = require "luaws"
local Meta = { __eq = function() BODY end }
Meta.__index = Meta
function Meta:onMessage(ws) ws:send "old" end
shared = setmetatable({}, Meta)
luaws.WebSocketServer.new({ onConnection = function() return shared end }, { path = "/" })
]]):gsub("BODY", body)
      local p = reloading.start({ ["main.lua"] = main })
      local c = p:open("/")
      assert.equal("old", c:ask("x"))
      p:mustEdit({ ["main.lua"] = { main, '"old"', '"new"' } })
      assert.equal("new", c:ask("x"))
      assert.equal("new", p:open("/"):ask("x"))
    end)
  end

  for what, body in pairs({
    waits = { "luaws.sleep(0)", "luaws.sleep can't wait at the top level" },
    yields = { "coroutine.yield()", "coroutine.yield at the top level" },
    ["has no end"] = { "while true do pcall(string.rep, 'x', 10) end", "interrupted: it may compute for 5.0 s" },
  }) do
    it(("whose __index %s while live connections are looked at fails the reload"):format(what), function()
      local main = MAIN:gsub("return Echo.new%(%)", "return setmetatable({}, Meta)") .. [[
Meta = {}
function Meta.__index(_, key)
  if key == "onReload" and BAD then BODY end
  return Echo[key]
end
]]
      main = main:gsub("BODY", body[1])
      local p = reloading.start({ ["main.lua"] = main })
      local c = p:open("/")
      p:eval "BAD = true"
      local before = p:dump()
      local told = p:tryEdit({ ["main.lua"] = { main, '"old "', '"new "' } })
      assert.truthy(told:find(body[2], 1, true), told)
      assert.equal(before, p:dump())
      assert.equal("old x", c:ask("x"))
      p:eval "BAD = false"
      p:mustEdit({})
      assert.equal("new x", c:ask("x"))
    end)
  end
end)

describe("what the new top level has put where nobody looks", function()
  it("has the methods of later reloads, too", function()
    local main = [[
local luaws = require "luaws"
local Base = luaws.class "Base"
function Base:__tostring() return "old" end
local Room = luaws.class("Room", Base)
function Room:who() return "old" end
Shared = {}
function Shared.who() return "old" end
local Meta = { __index = function() return function() return "old" end end }
local function make() return setmetatable({}, Meta) end
function MAKE() return make() end
kept = luaws.persist("kept", { list = {} })
all = all or { list = {} }
for i = 1, luaws.generation do
  for _, t in ipairs { kept, kept.list, all, all.list } do
    t[i] = t[i] or { Room.new(), make(), Shared }
  end
end
function WHO()
  local words = {}
  for _, t in ipairs { kept, kept.list, all, all.list } do
    for _, each in ipairs(t) do
      for _, object in ipairs(each) do words[object.who()] = true end
      words[tostring(each[1])] = true
      assert(each[1].Room == nil and rawget(each[1], "who") == nil)
    end
  end
  local one = next(words)
  return next(words, one) == nil and one or "several"
end
]] .. MAIN
    local p = reloading.start({ ["main.lua"] = main })
    assert.equal("old", p:eval "return WHO()")
    for _, word in ipairs { "two", "three", "four" } do
      p:mustEdit({ ["main.lua"] = main:gsub('"old"', ("%q"):format(word)) })
      assert.equal(word, p:eval "return WHO()")
    end
    assert.equal("4 4", p:eval "return #kept .. ' ' .. #all.list")
  end)

  it("goes on when nothing else is left of its class", function()
    local main = [[
local luaws = require "luaws"
rooms = luaws.persist("rooms", {})
do
  local Room = luaws.class "Room"
  function Room:who() return "old" end
  rooms.lobby = rooms.lobby or Room.new()
end
collectgarbage()
]] .. MAIN
    local p = reloading.start({ ["main.lua"] = main })
    for _, word in ipairs { "two", "three" } do
      p:mustEdit({ ["main.lua"] = main:gsub('"old"', ("%q"):format(word)) })
      assert.equal(word, p:eval "return rooms.lobby:who()")
    end
  end)

  it("goes on with the next reload when this one has failed", function()
    local main = [[
local luaws = require "luaws"
local Room = luaws.class "Room"
function Room:who() return "old" end
rooms = luaws.persist("rooms", { list = {} })
rooms.list.lobby = rooms.list.lobby or Room.new()
]] .. MAIN
    local more = main .. [[
local Hall = luaws.class("Hall", Room)
function Hall:size() return self:who() .. "!" end
rooms.list.kitchen = rooms.list.kitchen or Room.new()
rooms.list.hall = rooms.list.hall or Hall.new()
]]
    local p = reloading.start({ ["main.lua"] = main })
    assert.matches("late", p:tryEdit({ ["main.lua"] = more:gsub('"old"', '"two"') .. "error 'late'" }))
    assert.equal("old old", p:eval "return rooms.list.lobby:who() .. ' ' .. rooms.list.kitchen:who()")
    for _, word in ipairs { "three", "four" } do
      p:mustEdit({ ["main.lua"] = more:gsub('"old"', ("%q"):format(word)) })
      assert.equal(("%s %s %s!"):format(word, word, word),
        p:eval "local r = rooms.list return r.lobby:who() .. ' ' .. r.kitchen:who() .. ' ' .. r.hall:size()")
    end
  end)

  it("is the table that is used elsewhere: by a callback of luv's", function()
    local main = [[
local uv = require "luv"
local M = { count = 0, words = { "a", "b" } }
function M.add() M.count = M.count + 1 return M.count end
function GET() return M.count .. M.words[1] .. #M.words end
setmetatable(M, { __call = function() return "called" end })
local timer = uv.new_timer()
timer:start(0, 0, function()
  local keys = 0
  for _ in pairs(M) do keys = keys + 1 end
  SEEN = M.add() .. #M.words .. M() .. keys
  M.count = 10 * M.count
end)
]] .. MAIN
    local p = reloading.start({ ["main.lua"] = main })
    p:eval "while not SEEN do require('luaws').sleep(0.001) end"
    for i = 1, 2 do
      p:eval "SEEN = nil"
      p:mustEdit({})
      p:eval "while not SEEN do require('luaws').sleep(0.001) end"
      assert.equal(("%d2called3"):format(i == 1 and 11 or 111), p:eval "return SEEN")
    end
    assert.equal("1110a2", p:eval "return GET()")
  end)
end)

it("a class that has moved to another file goes on, if it is the only one of its name", function()
  local chat = [[
local Chat = require("luaws").class "Chat"
function Chat:onMessage(ws, event) ws:send("old " .. event.data) end
return Chat
]]
  local main = [[
local Chat = require "chat"
require("luaws").WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/" })
]]
  local p = reloading.start({ ["main.lua"] = main, ["chat.lua"] = chat })
  local c = p:open("/")
  assert.equal("old x", c:ask("x"))
  local moved = { main, '"chat"', '"rooms.chat"' }
  p:mustEdit({ ["main.lua"] = moved, ["rooms/chat.lua"] = { chat, '"old', '"new' }, ["chat.lua"] = false })
  assert.equal("new x", c:ask("x"))
  p:mustEdit({ ["rooms/chat.lua"] = chat })
  assert.equal("old x", c:ask("x"))
  -- Back again, beside another one of that name.
  p:mustEdit({ ["main.lua"] = main .. 'require "rooms.chat"', ["chat.lua"] = { chat, '"old', '"other' } })
  assert.equal("old x", c:ask("x"))
  assert.equal("other x", p:open("/"):ask("x"))
end)

it("a handler whose methods are exchanged while it lives has the new ones", function()
  local main = [[
local luaws = require "luaws"
local Chat = luaws.class "Chat"
local function loggedIn(self, ws, event)
  if event.data == "logout" then self.onMessage = nil end
  ws:send "old in"
end
local function login(self) self.onMessage = loggedIn end
function Chat:onMessage(ws, event)
  if event.data == "login" then login(self) end
  ws:send "old out"
end
luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/" })
]]
  local p = reloading.start({ ["main.lua"] = main })
  local c = p:open("/")
  assert.equal("old out", c:ask("login"))
  for _, word in ipairs { "two", "three" } do
    p:mustEdit({ ["main.lua"] = main:gsub("old", word) })
    assert.equal(word .. " in", c:ask("x"))
  end
  assert.is_nil(p.server.stderr:find("with old functions", 1, true))
  assert.matches("missing", p:tryEdit({ ["main.lua"] = main .. "missing()" }))
  assert.equal("three in", c:ask("logout"))
  assert.equal("three out", c:ask("x"))
end)

describe("a server that is made by a task of the top level", function()
  it("is closed by a reload, which the log says, and made again", function()
    local main = MAIN:gsub("wss = [^\n]*", "luaws.spawn(function() %0 end)")
    local p = reloading.start({ ["main.lua"] = main })
    local c = p:open("/")
    p:mustEdit({ ["main.lua"] = { main, '"old "', '"new "' } })
    c:expectClose(1001)
    p.server:awaitLog "path '/' is closed: the new script doesn't make it"
    async.eventually(function() return select(2, p.server.stderr:gsub("127%.0%.0%.1:%d+/\n", "")) == 2 end)
    assert.equal("new x", p:open("/"):ask("x"))
  end)
end)

describe("luaws.persist", function()
  it("keeps what is no number", function()
    local main = MAIN .. "NAN = luaws.persist('nan', 0/0)"
    local p = reloading.start({ ["main.lua"] = main })
    assert.is_nil(p.server.stderr:find("looked through", 1, true), p.server.stderr)
    p:mustEdit({})
    assert.equal("true", p:eval "return NAN ~= NAN")
  end)

  it("forgets what a reload that failed has kept, among however many", function()
    local p = reloading.start({ ["main.lua"] = MAIN .. "for i = 1, 2000 do luaws.persist('k' .. i, i) end" })
    assert.matches("main.lua:6: no", p:tryEdit({ ["main.lua"] = MAIN .. "luaws.persist('x', 1) error 'no'" }))
    assert.equal("2 2000", p:eval [[local luaws = require "luaws"
      return luaws.persist('x', 2) .. " " .. luaws.persist("k2000")]])
  end)
end)

describe("a reload that is asked for", function()
  it("by onReload comes, again and again, and others have their turn", function()
    local again = "function Echo:onReload(ws) ws:send 'again' luaws.reload() end"
    local p = reloading.start({ ["main.lua"] = MAIN .. again })
    local c = p:open("/")
    p:eval "require('luaws').reload()"
    for _ = 1, 5 do assert.equal("again", (c:receive())) end
    local d = p:open("/")
    d:send "x"
    local answer
    repeat answer = d:receive() until answer ~= "again"
    assert.equal("old x", answer)
  end)

  it("by a first top level, by an init of luaws.persist, by a timer comes once", function()
    local p = reloading.start({ ["main.lua"] = MAIN .. [[
ASKED = ASKED or luaws.reload()
luaws.persist("asked", function() return (luaws.reload()) end)
if luaws.generation == 2 then luaws.after(0, luaws.reload) end
]] })
    p.server:awaitLog "(generation 3, in"
    p:eval "require('luaws').sleep(0.02)"
    assert.equal("3", p:eval "return require('luaws').generation")
  end)
end)

describe("a module", function()
  it("that a program has forgotten by hand, or put another value for, is the new one", function()
    local main = "require 'word' " .. MAIN:gsub('"old "', 'require "word".word()')
    local word = "return { word = function() return 'old ' end }"
    local p = reloading.start({ ["main.lua"] = main, ["word.lua"] = word })
    local c = p:open("/")
    for i, value in ipairs { "nil", "false", "{ word = function() return 'mine' end }" } do
      p:eval("package.loaded.word = " .. value)
      p:mustEdit({ ["word.lua"] = { word, "old", "new" .. i } })
      assert.equal(("new%d x"):format(i), c:ask("x"))
    end
  end)

  it("that returns a function, and one that returns nothing, are reloaded as well", function()
    local main = "local say = require 'say' require 'nothing' " .. MAIN:gsub('"old " .. event.data', "say(event.data)")
    local say = "return function(x) return 'old ' .. x end"
    local p = reloading.start({ ["main.lua"] = main, ["say.lua"] = say, ["nothing.lua"] = "X = 1" })
    local c = p:open("/")
    p:mustEdit({ ["say.lua"] = { say, "old", "new" }, ["nothing.lua"] = "X = 2" })
    assert.equal("new x", c:ask("x"))
    assert.equal("2", p:eval "return X")
  end)

  it("that requires itself round about is an error that says where", function()
    local p = reloading.start({ ["main.lua"] = "require 'a' " .. MAIN, ["a.lua"] = "return 1" })
    local told = p:tryEdit({ ["a.lua"] = "return require 'b'", ["b.lua"] = "return require 'a'" })
    assert.matches("C stack overflow", told)
    assert.matches("b.lua:1: in main chunk", told)
    assert.equal("old x", p:open("/"):ask("x"))
  end)
end)

it("a top level that recurses without end, or raises a very long text, fails", function()
  local p = reloading.start({ ["main.lua"] = MAIN })
  local told = p:tryEdit({ ["main.lua"] = MAIN .. "local function f() return 1 + f() end f()" })
  local isLate = async.seconds(1) > 1 and told:find("interrupted", 1, true) -- by a slow build, before it comes so far
  assert.truthy(isLate or told:find("main.lua:6: stack overflow", 1, true), told)
  assert.is_true(#p:tryEdit({ ["main.lua"] = MAIN .. "error(('x'):rep(1000000))" }) < 20000)
  assert.equal("old x", p:open("/"):ask("x"))
end)

it("a top level that ends the process ends it", function()
  local p = reloading.start({ ["main.lua"] = MAIN })
  p:edit({ ["main.lua"] = MAIN .. "os.exit(3)" })
  p.control:send "return require('luaws').reload()"
  assert.equal(3, (p.server:awaitExit()))
end)

describe("workers that make different servers", function()
  local SCRIPT = [[
local luaws = require "luaws"
local Echo = luaws.class "Echo"
function Echo:onMessage(ws) ws:send("old " .. luaws.workerIndex) end
local handler = { onConnection = function() return Echo.new() end }
local function serve(path, ...)
  for _, index in ipairs { ... } do
    if index == luaws.workerIndex then luaws.WebSocketServer.new(handler, { path = path }) end
  end
end
]]

  -- Runs it with these lines behind; returns the server, and a function that reloads it with others.
  local function start(rest, lines, ioThreads)
    local folder = server.folder({ ["main.lua"] = SCRIPT .. rest })
    local s = server.startFile(folder .. "/main.lua", { workers = 2, ioThreads = ioThreads, lines = lines })
    return s, function(text)
      files.write(folder .. "/main.lua", SCRIPT:gsub('"old "', '"new "') .. text)
      local logged = #s.stderr
      s:signalProcess("sighup")
      async.eventually(function() return s.stderr:find("reloaded", logged + 1, true) end)
    end
  end

  it("hand on a server without an end of it, and close it when nobody makes it", function()
    local s, reload = start("serve('/both', 1, 2) serve('/one', 1)", 2)
    local both, one = client.open(s, "/both"), client.open(s, "/one")
    assert.equal("old 1", one:ask("x"))
    reload "serve('/both', 1, 2) serve('/one', 2)"
    one:expectClose(1001)
    one = client.open(s, "/one")
    assert.equal("new 2", one:ask("x"))
    reload "serve('/both', 1, 2) serve('/one', 1, 2)"
    assert.equal("new 2", one:ask("x"))
    assert.equal("new 1", client.open(s, "/one"):ask("x"))
    reload "serve('/both', 1, 2)"
    one:expectClose(1001)
    local _, answer = client.handshake(s, "/one")
    assert.equal(404, answer.status)
    assert.matches("^new", both:ask("x"))
  end)

  it("leave the others' alone when they have none any more", function()
    local s, reload = start("serve('/', 1, 2)", 1)
    local of = {}
    async.eventually(function()
      local c = client.open(s, "/")
      of[c:ask("x")] = c
      return of["old 1"] and of["old 2"]
    end)
    reload "serve('/', 1)"
    of["old 2"]:expectClose(1001)
    assert.equal("new 1", of["old 1"]:ask("x"))
    assert.equal("new 1", client.open(s, "/"):ask("x"))
  end)

  it("keep them all where a reload fails, whose new ones nobody hears of", function()
    local s, reload = start("serve('/one', 1)", 1, 2)
    local c = client.open(s, "/one")
    reload "serve('/one', 1, 2) serve('/new', 1, 2) if luaws.workerIndex == 2 then error 'no' end"
    reload "serve('/one', 1, 2) serve('/new', 1, 2) if luaws.workerIndex == 1 then error 'no' end"
    assert.equal("old 1", c:ask("x"))
    assert.is_nil(s.stderr:find("/new\n"))
    reload "serve('/one', 1, 2) serve('/new', 1, 2)"
    assert.equal("new 1", c:ask("x"))
    local _, count = s.stderr:gsub("serving [^\n]*/new\n", "")
    assert.equal(1, count)
    assert.matches("^new", client.open(s, "/new"):ask("x"))
  end)
end)
