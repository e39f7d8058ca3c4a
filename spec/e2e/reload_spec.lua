-- luaws.reload: the script and its modules are read again while connections stay open.

local assert = require "luassert"
local reloading = require "spec.support.reloading"

local SERVE = [[
local luaws = require "luaws"
luaws.WebSocketServer.new({ onConnection = function() return %s end }, { path = "/" })
]]

describe("a reload gives a live connection the new code of", function()
  -- Each starts the files, counts on one connection, edits, and finds new words and the old count.
  local function proves(files, edit)
    local p = reloading.start(files)
    local c = p:open("/")
    assert.equal("old 1", c:ask("x"))
    p:mustEdit(edit)
    assert.equal("new 2", c:ask("x"))
    assert.equal("new 1", p:open("/"):ask("x"))
    p:mustEdit(files)
    assert.equal("old 3", c:ask("x"))
  end

  local CLASS = [[
local luaws = require "luaws"
local Chat = luaws.class "Chat"
function Chat:onMessage(ws)
  self.count = (self.count or 0) + 1
  ws:send("old " .. self.count)
end
]]

  it("a class in the script", function()
    local main = CLASS .. SERVE:format("Chat.new()")
    proves({ ["main.lua"] = main }, { ["main.lua"] = { main, "old", "new" } })
  end)

  it("a class in a module", function()
    local chat = CLASS .. "return Chat"
    proves({ ["chat.lua"] = chat, ["main.lua"] = "local Chat = require 'chat'\n" .. SERVE:format("Chat.new()") },
      { ["chat.lua"] = { chat, "old", "new" } })
  end)

  it("a parent class in a third module", function()
    local base = [[
local Base = require("luaws").class "Base"
function Base:answer(ws)
  self.count = (self.count or 0) + 1
  ws:send("old " .. self.count)
end
return Base
]]
    local chat = [[
local Chat = require("luaws").class("Chat", require "deep.base")
function Chat:onMessage(ws) self:answer(ws) end
return Chat
]]
    proves({
      ["deep/base.lua"] = base, ["chat.lua"] = chat,
      ["main.lua"] = "local Chat = require 'chat'\n" .. SERVE:format("Chat.new()"),
    }, { ["deep/base.lua"] = { base, "old", "new" } })
  end)

  it("a plain table that connections share", function()
    local main = [[
local shared = { counts = {} }
function shared:onMessage(ws)
  self.counts[ws] = (self.counts[ws] or 0) + 1
  ws:send("old " .. self.counts[ws])
end
]] .. SERVE:format("shared")
    proves({ ["main.lua"] = main }, { ["main.lua"] = { main, "old", "new" } })
  end)

  it("a module that is the handler", function()
    local chat = [[
local M = { counts = {} }
function M:onMessage(ws)
  self.counts[ws] = (self.counts[ws] or 0) + 1
  ws:send("old " .. M.counts[ws])
end
return M
]]
    proves({ ["chat.lua"] = chat, ["main.lua"] = "local chat = require 'chat'\n" .. SERVE:format("chat") },
      { ["chat.lua"] = { chat, "old", "new" } })
  end)

  it("a metatable", function()
    local main = [[
local Methods = {}
function Methods:onMessage(ws)
  self.count = (self.count or 0) + 1
  ws:send("old " .. self.count)
end
local Meta = { __index = Methods }
]] .. SERVE:format("setmetatable({}, Meta)")
    proves({ ["main.lua"] = main }, { ["main.lua"] = { main, "old", "new" } })
  end)

  it("a metatable that is its own __index, by way of a function that makes objects", function()
    local main = [[
local Chat = {}
Chat.__index = Chat
function Chat:onMessage(ws)
  self.count = (self.count or 0) + 1
  ws:send("old " .. self.count)
end
local function make() return setmetatable({}, Chat) end
]] .. SERVE:format("make()")
    proves({ ["main.lua"] = main }, { ["main.lua"] = { main, "old", "new" } })
  end)

  it("a metatable whose __index is a function", function()
    local main = [[
local function onMessage(self, ws)
  self.count = (self.count or 0) + 1
  ws:send("old " .. self.count)
end
local Meta = { __index = function(_, key) return key == "onMessage" and onMessage or nil end }
]] .. SERVE:format("setmetatable({}, Meta)")
    proves({ ["main.lua"] = main }, { ["main.lua"] = { main, "old", "new" } })
  end)

  it("a local function that a method calls", function()
    local main = [[
local luaws = require "luaws"
local function word() return "old " end
local Chat = luaws.class "Chat"
function Chat:onMessage(ws)
  self.count = (self.count or 0) + 1
  ws:send(word() .. self.count)
end
]] .. SERVE:format("Chat.new()")
    proves({ ["main.lua"] = main }, { ["main.lua"] = { main, "old", "new" } })
  end)

  it("a global table", function()
    local main = [[
Chat = { counts = {} }
function Chat:onMessage(ws)
  Chat.counts[ws] = (self.counts[ws] or 0) + 1
  ws:send("old " .. self.counts[ws])
end
]] .. SERVE:format("Chat")
    proves({ ["main.lua"] = main }, { ["main.lua"] = { main, "old", "new" } })
  end)
end)

describe("a reload that fails leaves everything as it was when", function()
  local FILES = {
    ["main.lua"] = [[
local luaws = require "luaws"
require "first"
local Chat = require "second"
require "third"
Server = luaws.class "Server"
function Server:onConnection() return Chat.new() end
wss = luaws.WebSocketServer.new(Server.new(), { path = "/chat" })
timer = luaws.every(1000, function() end)
function luaws.onError() end
state = { list = { 1, 2, 3 } }
]],
    ["first.lua"] = "FIRST = 'first' return { name = 'first', f = function() end }",
    ["second.lua"] = [[
local Chat = require("luaws").class "Chat"
Chat.greeting = "hello"
function Chat:onMessage(ws, event) ws:send(Chat.greeting .. " " .. event.data) end
function Chat:onTerminate() end
return Chat
]],
    ["third.lua"] = "function string.third(s) return s .. '3' end return 'third'",
  }
  local MAIN, SECOND = FILES["main.lua"], FILES["second.lua"]

  local function fails(edit, place, shown)
    local p = reloading.start(FILES)
    local c = p:open("/chat")
    assert.equal("hello x", c:ask("x"))
    p:eval "COUNT = (COUNT or 0) + 1"
    local before = p:dump()
    local told = p:tryEdit(edit)
    assert.equal("string", type(told), "it was reloaded")
    assert.equal(before, p:dump())
    assert.equal("hello y", c:ask("y"))
    assert.equal("hello z", p:open("/chat"):ask("z"))
    assert.equal("nil", p:eval "return NEW")
    assert.is_truthy(told:find(place, 1, true), told)
    for _, text in ipairs(shown or {}) do assert.is_truthy(told:find(text, 1, true), told) end
    -- The next save tries again.
    p:edit(FILES)
    p:mustEdit({ ["second.lua"] = { SECOND, '"hello"', '"bye"' } })
    assert.equal("bye y", c:ask("y"))
    return told
  end

  local function everything(code)
    return { ["main.lua"] = MAIN .. [[
NEW = "new"
state.list = "gone"
Server.extra = 1
function string.third() end
package.path = package.path .. ";x"
package.loaded.made = true
luaws.class "Another"
luaws.WebSocketServer.new(Server.new(), { path = "/new" })
luaws.WebSocket.new("ws://127.0.0.1:" .. luaws.webServer.port .. "/control")
luaws.every(0.001, function() io.stderr:write("a timer of nobody's\n") end)
luaws.spawn(function() io.stderr:write("a task of nobody's\n") end)
require("luv").new_timer():start(1, 1, function() io.stderr:write("a handle of nobody's\n") end)
function luaws.onError() return "another" end
luaws.persist("kept", {})
]] .. code, ["first.lua"] = "FIRST = 'changed' return { name = 'changed' }" }
  end

  it("the second of three modules raises", function()
    local told = fails({
      ["first.lua"] = "FIRST = 'changed' NEW = 1 return 7",
      ["second.lua"] = "local t = nil\nlocal x = 1\nreturn t.field",
      ["third.lua"] = "NEW = 2 return 8",
    }, "second.lua:3: attempt to index a nil value (local 't')",
      { "  > 3 | return t.field", "    2 | local x = 1", "main.lua:3: in main chunk" })
    assert.is_nil(told:find("luaws/", 1, true), told)
  end)

  it("it raises at the very end, after all sorts of things were made", function()
    local p = fails(everything 'error "too late"', 'main.lua:25: too late', { '> 25 | error "too late"' })
    assert.is_nil(p:find "nobody's")
  end)

  it("the script has a syntax error", function()
    fails({ ["main.lua"] = MAIN .. "NEW = = 1" }, "main.lua:11: unexpected symbol near '='", { "> 11 | NEW = = 1" })
  end)

  it("a module has a syntax error, which is found before anything is run", function()
    fails({ ["main.lua"] = "NEW = 1\n" .. MAIN, ["third.lua"] = "return {" },
      "third.lua:1: unexpected symbol near <eof>", { "> 1 | return {" })
  end)

  it("a module that is new has a syntax error", function()
    fails({ ["main.lua"] = { MAIN, 'require "third"', 'require "fourth"' }, ["fourth.lua"] = "\nif" },
      "fourth.lua:2: unexpected symbol near <eof>", { "> 2 | if" })
  end)

  it("a module is gone and still required", function()
    fails({ ["third.lua"] = false }, "module 'third' not found")
  end)

  it("the top level waits", function()
    fails(everything "luaws.sleep(0)",
      "main.lua:25: luaws.sleep can't wait at the top level of a script that is reloaded")
  end)

  it("the top level yields", function()
    fails(everything "coroutine.yield()", "coroutine.yield at the top level of a script")
  end)

  it("the top level has no end", function()
    fails(everything "while true do pcall(string.rep, 'x', 10) end", "main.lua:25: interrupted")
  end)

  it("an error value is a table", function()
    fails(everything "error(setmetatable({}, { __tostring = function() return 'a table' end }))", "a table")
  end)

  it("a server's handler has no onConnection", function()
    fails({ ["main.lua"] = { MAIN, "Server:onConnection", "Server:onConnect" } },
      "main.lua:7: WebSocketServer.new: the handler's onConnection must be a function, got a nil",
      { "> 7 | wss = luaws" })
  end)

  it("the handler of a live connection has no onMessage any more", function()
    fails({ ["second.lua"] = { SECOND, "Chat:onMessage", "Chat:onMassage" } },
      "second.lua:1: class Chat has no onMessage any more", { "> 1 | local Chat" })
  end)

  it("the path of a new server is taken", function()
    fails(everything 'luaws.WebSocketServer.new(Server.new(), { path = "/control" })',
      "main.lua:25: WebSocketServer.new: path '/control' is taken")
  end)

  it("a server is made twice", function()
    fails(everything 'luaws.WebSocketServer.new(Server.new(), { path = "/chat" })',
      "main.lua:25: WebSocketServer.new: path '/chat' is taken")
  end)

  it("an option is wrong", function()
    fails({ ["main.lua"] = { MAIN, 'path = "/chat"', 'path = "/chat", maxPayload = 0' } },
      "main.lua:7: WebSocketServer.new: option 'maxPayload'")
  end)
end)
