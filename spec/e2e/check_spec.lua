-- `luaws check`: what it finds, what it leaves alone, and what it makes of files that are no scripts.

local uv = require "luv"
local filesBelow = require("spec.support.files").below
local markdown = require "spec.support.markdown"
local process = require "spec.support.process"
local server = require "spec.support.server"
local terminal = require "spec.support.terminal"

local BIN = os.getenv("LUAWS_BIN")
local TIMEOUT = 60 -- s: sanitizers take their time

-- Runs it in a folder with these files, on the first one unless words are given.
local function run(files, words)
  local folder = server.folder(files)
  return process.run("/usr/bin/env", { "-C", folder, BIN, "check", table.unpack(words or { "a.lua" }) }, TIMEOUT)
end

-- What it says of a script, line by line without the file's name.
local function findings(script)
  local child = run { ["a.lua"] = script }
  assert.equal("", child.stderr)
  local lines = {}
  for line in child.stdout:gmatch("[^\n]+") do lines[#lines + 1] = line:match("^a%.lua:(.*)$") or line end
  assert.equal(#lines > 0 and 1 or 0, child.code)
  return lines
end

local PRELUDE = 'local luaws = require "luaws"\n'

local function assertFinds(expected, script)
  assert.same(expected, findings(PRELUDE .. script))
end

describe("luaws check, of methods of handlers,", function()
  it("finds misspelt ones", function()
    assertFinds({
      "3:15: unknown method of a connection's handler: 'onmessage' (did you mean 'onMessage'?)",
      "4:15: unknown method of a connection's handler: 'onClose' (did you mean 'onTerminate'?)",
    }, [[
local Chat = luaws.class "Chat"
function Chat:onmessage(ws, event) ws:send(event.data) end
function Chat:onClose() end
local Server = luaws.class "Server"
function Server:onConnection() return Chat.new() end
luaws.WebSocketServer.new(Server.new())
]])
    assertFinds({ "3:17: unknown method of a server's handler: 'onConection' (did you mean 'onConnection'?)" },
      'local Server = luaws.class "Server"\nfunction Server:onConection() end\nluaws.WebSocketServer.new(Server.new())')
    assertFinds({ "2:34: unknown method of a client's handler: 'onmessage' (did you mean 'onMessage'?)" },
      [[luaws.WebSocket.new("ws://x/", { onmessage = print })]])
    assertFinds({ "2:6: unknown method of a handler: 'onmessage' (did you mean 'onMessage'?)" },
      "M, M.onmessage = {}, function() end")
  end)

  it("finds missing ones", function()
    assertFinds({ "2:27: the server's handler has no onConnection: nobody could connect" },
      "luaws.WebSocketServer.new({ onOpen = print })")
    assertFinds({ "4:37: the server's handler has no onConnection: nobody could connect" }, [[
local Server = luaws.class "Server"
function Server:onOpen() end
luaws.WebSocketServer.new(Server.new())
]])
    assertFinds({ "2:66: the connection's handler has no onMessage" },
      "luaws.WebSocketServer.new { onConnection = function(self) return { onOpen = print } end }")
    assertFinds({ "2:35: the web server's handler has no onRequest" }, "luaws.webServer:start { handler = { } }")
  end)

  it("says nothing of those that are there but not to be seen", function()
    assertFinds({}, [[
local add = require "add"
local Base = require "base"
local A = luaws.class("A", Base)
luaws.WebSocketServer.new(A.new(), { path = "/a" })
local B = {}
add(B)
luaws.WebSocketServer.new(B, { path = "/b" })
local C = {}
for name, method in pairs(add) do C[name] = method end
luaws.WebSocketServer.new(C, { path = "/c" })
local D = {}
D.__index = D
function D:onConnection() return self end
function D.onMessage() end
luaws.WebSocketServer.new(setmetatable({}, D), { path = "/d" })
local Parent = luaws.class "Parent"
function Parent:onConnection() return nil, 403 end
local Child = luaws.class("Child", Parent)
luaws.WebSocketServer.new(Child.new(), { path = "/e" })
local F
F = luaws.class "F"
function F:constructor() self.onConnection = function() return require "handler" end end
luaws.WebSocketServer.new(F.new(), { path = "/f" })
]])
  end)

  it("knows what functions of the script make", function()
    assertFinds({
      "4:16: unknown method of a connection's handler: 'onMesage' (did you mean 'onMessage'?)",
      "11:66: the connection's handler has no onMessage",
    }, [[
local Guest = {}
Guest.__index = Guest
function Guest:onMesage() end
function Guest.create(name)
  if not name then return nil end
  return setmetatable({ name = name }, Guest)
end
local function deaf() return { onOpen = print } end
luaws.WebSocketServer.new({ onConnection = function() return Guest.create "x" end }, { path = "/a" })
luaws.WebSocketServer.new { onConnection = function() return deaf() end }
]])
    assertFinds({}, [[
local function make(kind)
  if kind then return { onOpen = print } end
  return require "other"
end
local function add(t) t.onMessage = print return t end
local function new() local t = { onOpen = print } t.onMessage = print return t end
local function again() return again() end
local made = (function() return { onOpen = print } end)()
made.onMessage = print
local late = new() and make(1)
for i, f in ipairs { make, new, again, function() return add(make(1)) end, function() return late or made end } do
  luaws.WebSocketServer.new({ onConnection = function() return f() end }, { path = "/" .. i })
end
luaws.WebSocketServer.new({ onConnection = function() return make(1) end }, { path = "/b" })
luaws.WebSocketServer.new({ onConnection = function() return add(make(1)) end }, { path = "/c" })
luaws.WebSocketServer.new({ onConnection = function() return new() end }, { path = "/d" })
luaws.WebSocketServer.new({ onConnection = function() return again() end }, { path = "/e" })
]])
  end)

  it("looks into the modules beside the script", function()
    local script = PRELUDE .. [[
local Chat = require "chat"
luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end })]]
    local chat = PRELUDE .. 'local Chat = luaws.class("Chat", require "base")\nreturn Chat'
    local base = PRELUDE .. 'local Base = luaws.class "Base"\nfunction Base:onOpen() end\nreturn Base'
    local missing = "a.lua:3:70: the connection's handler has no onMessage\n"
    local function check(files) return run(files).stdout end
    assert.equal(missing, check { ["a.lua"] = script, ["chat.lua"] = chat, ["base.lua"] = base })
    assert.equal("", check { ["a.lua"] = script, ["chat.lua"] = chat,
                             ["base.lua"] = base:gsub("onOpen", "onMessage") })
    assert.equal("", check { ["a.lua"] = script, ["chat.lua"] = chat })
    assert.equal("", check { ["a.lua"] = script .. "\nfunction Chat:onMessage() end", ["chat.lua"] = chat,
                             ["base.lua"] = base })
    assert.equal("", check { ["a.lua"] = script .. ' require "more"', ["chat.lua"] = chat, ["base.lua"] = base,
                             ["more.lua"] = 'local Chat = require "chat" function Chat:onMessage() end' })
    assert.equal("", check { ["a.lua"] = script, ["chat.lua"] = 'return require "base"',
                             ["base.lua"] = 'return require "chat"' })
  end)

  it("says nothing of methods that the script itself calls", function()
    assertFinds({}, [[
local A = luaws.class "A"
function A:onMessages() end
function A:onMessage() self:onMessages() end
function A:onOpenDoor() end
function A:open() end
]])
  end)

  it("knows what onConnection and onRequest return", function()
    assertFinds({
      "3:31: unknown field of Response: 'sttus' (did you mean 'status'?)",
      "4:43: unknown field of Acceptance: 'protocl' (did you mean 'protocol'?)",
      "5:10: onConnection returns a handler, or nil and a status: a string refuses with 500",
    }, [[
luaws.WebSocketServer.new { onConnection = function(_, _, event)
  if event then return nil, { sttus = 1 } end
  if not event then return require "x", { protocl = "a" } end
  return "no"
end }
]])
    assertFinds({ "2:69: unknown field of Response: 'boddy' (did you mean 'body'?)" },
      "luaws.webServer:start { handler = { onRequest = function() return { boddy = '' } end } }")
  end)
end)

describe("luaws check, of options,", function()
  it("finds unknown ones", function()
    assertFinds({
      "3:3: unknown option of a WebSocketServer: 'dataTyp' (did you mean 'dataType'?)",
      "3:37: unknown option of compression: 'levl' (did you mean 'level'?)",
    }, "luaws.WebSocketServer.new(require 'handler', {\n  dataTyp = 'text', compression = { levl = 1 } })")
    assertFinds({ "2:47: unknown option of tls: 'insecur' (did you mean 'insecure'?)" },
      "luaws.WebSocket.new('ws://x/', nil, { tls = { insecur = true } })")
    assertFinds({ "2:23: unknown setting of a WebServer: 'prt' (did you mean 'port'?)" },
      "luaws.WebServer.new { prt = 1 }")
    assertFinds({ "3:13: unknown setting of a WebServer: 'rot' (did you mean 'root'?)" },
      "local web = luaws.webServer\nweb:start { rot = 'x' }")
    assertFinds({ "2:66: unknown option of tls: 'kee' (did you mean 'key'?)" },
      "luaws.WebServer.new { tls = { ['a.b'] = { cert = 'c', key = 'k', kee = '' } } }")
  end)

  it("finds unknown ones in tables that have a name", function()
    assertFinds({
      "2:31: unknown option of a WebSocketServer: 'maxpayload' (did you mean 'maxPayload'?)",
      "3:9: unknown option of a WebSocketServer: 'compresion' (did you mean 'compression'?)",
    }, [[
local options = { path = "/", maxpayload = 1 }
options.compresion = true
luaws.WebSocketServer.new(require "handler", options)
local elsewhere = { pth = "/" }
require "clean"(elsewhere)
luaws.WebSocketServer.new(require "handler", elsewhere)
local either = { pth = "/" }
either = require "options"
luaws.WebSocketServer.new(require "handler", either)
]])
  end)

  it("finds unknown ones in specs, and what luaws.testing hasn't", function()
    local child = run({ ["a_spec.lua"] = [[
local testing = require "luaws.testing"
local chat
before_each(function() chat = testing.server("a.lua", { arg = {}, maxPayloads = 1, tls = true, path = "/" }) end)
it("greets", function() chat:conect():recieve() end)
testing.sever()
it("waits", function()
  local ann, clock = testing.connection({ onMessage = print }, { dataTyp = "object", parms = {}, url = "/" })
  ann:delivr(clock)
end)
]] }, { "a_spec.lua" })
    assert.equal([[
a_spec.lua:3:57: unknown option of a WebSocketServer: 'arg' (did you mean 'args'?)
a_spec.lua:3:67: unknown option of a WebSocketServer: 'maxPayloads' (did you mean 'maxPayload'?)
a_spec.lua:4:30: TestServer has no method 'conect' (did you mean 'connect'?)
a_spec.lua:5:9: testing has no field 'sever' (did you mean 'server'?)
a_spec.lua:7:66: unknown field of TestConnectionOptions: 'dataTyp' (did you mean 'dataType'?)
a_spec.lua:7:86: unknown field of TestConnectionOptions: 'parms' (did you mean 'params'?)
a_spec.lua:8:7: TestConnection has no method 'delivr' (did you mean 'deliver'?)
]], child.stdout)
  end)

  it("finds values that can't be", function()
    assertFinds({ [[2:49: 'dataType' must be "text", "blob" or "object" (did you mean 'text'?)]] },
      "luaws.WebSocket.new('ws://x', nil, { dataType = 'Text' })")
    assertFinds({ "2:53: 'pingInterval' must be number or false, not a string" },
      "luaws.WebSocket.new('ws://x', nil, { pingInterval = '20' })")
    assertFinds({ "2:29: 'key' is missing: it is a required option of tls" },
      "luaws.WebServer.new { tls = { cert = 'c' } }")
    assertFinds({ "2:13: argument 1 of sleep must be number, not a string" }, "luaws.sleep '1'")
  end)
end)

describe("luaws check, of members,", function()
  it("finds those that aren't there", function()
    assertFinds({
      "2:7: luaws has no field 'brodcast'",
      "3:50: WebSocketServer has no method 'brodcast' (did you mean 'broadcast'?)",
      "4:29: Timer has no method 'stop'",
      "5:11: Log has no field 'warning'",
      "6:18: Json has no field 'decod' (did you mean 'decode'?)",
    }, "luaws.brodcast()\nwss = nil " .. "luaws.WebSocketServer.new(require 'x'):brodcast('')\n"
      .. "luaws.every(1, require 'x'):stop()\nluaws.log.warning 'x'\nprint(luaws.json.decod)")
  end)

  it("finds what they can't be equal to", function()
    assertFinds({
      [[4:19: 'status' is "Connected", "Closing", "Closed" or "Connecting" (did you mean 'Connected'?)]],
      [[5:6: 'dataType' is "text", "blob" or "object"]],
      [[6:20: 'type' is "message" (did you mean 'message'?)]],
    }, [[
local Chat = luaws.class "Chat"
function Chat:onMessage(ws, event)
  if ws.status == "connected" or ws.status == "Closed" then return end
  if "json" ~= ws.wss.dataType and ws.status then return end
  if event.type == "mesage" then return end
  if "a" .. ws.status == "aClosed" or ws.status == "C" .. "losed" or event.data == "x" then return end
  if ws.user == "ann" or ws.status == nil or ws.protocol == "chat" or ws.status < "closed" then return end
end
]])
  end)

  it("knows the parameters of handlers' methods, what is in loops, and what is made", function()
    assertFinds({
      "4:6: WebSocketConnection has no method 'sned' (did you mean 'send'?)",
      "4:17: MessageEvent has no field 'dta' (did you mean 'data'?)",
      "5:47: WebSocketConnection has no method 'sent' (did you mean 'send'?)",
      "6:46: WebSocketConnection has no method 'sent' (did you mean 'send'?)",
      "7:25: WebSocketConnection has no method 'sent' (did you mean 'send'?)",
      "10:20: Request has no field 'remoteAdress' (did you mean 'remoteAddress'?)",
      "14:4: WebSocket has no method 'recieve' (did you mean 'receive'?)",
      "15:38: Timer has no method 'cancle' (did you mean 'cancel'?)",
      "16:45: ErrorEvent has no field 'errrors' (did you mean 'errors'?)",
    }, [[
local Chat = luaws.class "Chat"
function Chat:onMessage(ws, event)
  ws:sned(event.dta)
  for _, c in ipairs(ws.wss.connections) do c:sent("x") end
  for _, c in pairs(ws.wss.connections) do c:sent("x") end
  ws.wss.connections[1]:sent("x")
end
luaws.WebSocketServer.new { onConnection = function(_, wss, event)
  if event.request.remoteAdress then wss:terminate() end
  return Chat.new()
end }
local ws = assert(luaws.WebSocket.new "ws://x")
ws:recieve()
luaws.every(1, function(timer) timer:cancle() end)
luaws.onError = function(event) print(event.errrors) end
]])
  end)

  it("finds what can't be set, and what is called wrongly", function()
    assertFinds({
      "2:7: luaws has no field 'onerror' to set (did you mean 'onError'?)",
      "3:17: 'port' of a WebServer is read-only",
      "4:17: a WebServer has no field 'name' to set",
      "5:23: WebSocketServer.new is called with a dot, not with a colon",
      "6:17: 'stop' is a method: it is called with a colon, not with a dot",
      "9:3: C.new is called with a dot, not with a colon",
    }, [[
luaws.onerror = print
luaws.webServer.port = 1
luaws.webServer.name = 1
luaws.WebSocketServer:new({})
luaws.webServer.stop()
luaws.onError = print
local C = luaws.class "Class"
C:new()
]])
  end)

  it("leaves alone what a script may keep on objects, or gets from elsewhere", function()
    assertFinds({}, [[
local Chat = luaws.class "Chat"
function Chat:onMessage(ws, event)
  ws.user, event.dat = event.data, 1
  ws.sned = print
  print(ws.user, ws.users, event.user, event.dat)
  ws:sned()
  print(ws.ip, ws.data, ws.pass, ws.state, event.request.user, ws.handler.open)
  pcall(ws.send, ws, "x")
  ws.send(ws, "x")
end
]])
  end)

  it("finds what the libraries of Lua and luv haven't", function()
    assertFinds({
      "3:8: 'string' has no 'fromat' (did you mean 'format'?)",
      "4:4: 'uv' has no 'fs_stta' (did you mean 'fs_stat'?)",
      "5:6: 'string' has no 'uper' (did you mean 'upper'?)",
    }, 'local uv = require "luv"\nstring.fromat("x")\nuv.fs_stta();\n(""):uper()\nstring.own = print\nstring.own()')
  end)
end)

describe("luaws check, of variables,", function()
  it("finds those that nobody defines", function()
    assertFinds({
      "3:1: undefined global 'pritn' (did you mean 'print'?)",
      "3:7: undefined global 'mesage' (did you mean 'message'?)",
      "4:1: undefined global 'unpack' (did you mean 'table.unpack'?)",
    }, "local message = ''\npritn(mesage)\nunpack {}")
    assertFinds({
      "2:1: undefined global 'Date'", "2:8: undefined global 'love'", "2:15: undefined global 'isPE'",
      "3:1: undefined global '_1'", "3:6: undefined global 'tpye' (did you mean 'type'?)",
    }, "Date() love() isPE()\n_1() tpye()")
    assert.same({ [[1:1: undefined global 'luaws' (is local luaws = require "luaws" missing?)]] },
      findings "luaws.sleep(1)")
    assert.same({ "1:11: undefined global 'a'" }, findings "local a = a")
  end)

  it("leaves alone those that are defined, asked for, or may come from elsewhere", function()
    assertFinds({}, [[
counter = 0
function count() counter = counter + 1 end
count()
if jit then print(1) end
local load = loadstring or load
if type(setfenv) == "function" or module ~= nil then load() end
_G.other = 1
print(other)
goto done
do local x <const> = 1 print(x) end
::done::
]])
    assert.same({}, findings "local search = package.searchers or package.loaders print(search)")
    assert.same({}, findings "setmetatable(_G, {}) print(anything)")
    assert.same({}, findings "rawset(_G, 'a', 1) print(a)")
    assert.same({}, findings "local function f(_ENV) return x end print(f)")
    assert.same({}, findings "dofile 'x' print(anything)")
  end)

  it("knows those of the modules beside the script and of the other files", function()
    local child = run({
      ["a.lua"] = 'require "lib.one" one() two() three()',
      ["lib/one.lua"] = 'require "two" require "lib.two" function one() end',
      ["lib/two/init.lua"] = "two = print",
      ["b.lua"] = "three = print",
    }, { "a.lua", "b.lua" })
    assert.same({ code = 0, signal = 0, stdout = "", stderr = "" }, child)
  end)

  it("knows busted's in specs", function()
    local spec = 'describe("x", function() it("y", function() assert.equal(1, 1) end) end)'
    assert.equal(0, run({ ["a_spec.lua"] = spec }, { "a_spec.lua" }).code)
    assert.same({}, findings(spec))
    assert.equal(0, run({ ["a_spec.lua"] = "pending 'x'" }, { "a_spec.lua" }).code)
    assert.equal(1, #findings "pending 'x'")
  end)
end)

describe("luaws check", function()
  it("finds errors in the syntax, with line and column", function()
    assert.same({ "2:11: unexpected symbol near '='" }, findings "\nlocal x = = 1")
    assert.same({ "3:2: 'end' expected (to close 'if' at line 1) near <eof>" }, findings "if x then\n\n ")
    assert.same({ "1:5: malformed number near '1x'" }, findings "x = 1x")
  end)

  it("says nothing of a script without faults", function()
    local child = run { ["a.lua"] = "print 'x'" }
    assert.same({ code = 0, signal = 0, stdout = "", stderr = "" }, child)
  end)

  it("runs nothing", function()
    local folder = server.folder { ["a.lua"] = "io.open('ran', 'w'):close() require 'b'",
                                   ["b.lua"] = "io.open('ran', 'w'):close()" }
    process.run("/usr/bin/env", { "-C", folder, BIN, "check", "a.lua" })
    assert.is_nil(uv.fs_stat(folder .. "/ran"))
  end)

  it("counts lines and columns as people do", function()
    assert.same({ "3:3: undefined global 'a'" }, findings "\r\n\r\n  a()\r\n")
    assert.same({ "3:3: undefined global 'a'" }, findings "\r\r  a()\r")
    assert.same({ "1:1: undefined global 'a'" }, findings "\xEF\xBB\xBFa()")
    assert.same({ "2:1: undefined global 'a'" }, findings "#!/usr/bin/luaws\na()")
    assert.same({ "2:1: undefined global 'a'" }, findings "\xEF\xBB\xBF#!/usr/bin/luaws\na()")
    assert.same({ '1:15: undefined global \'a\'' }, findings 'local x = "ä" a(x)')
    assert.same({ "1:14: undefined global 'a'" }, findings 'local x="\\0" a(x)')
    assert.same({}, findings "#!/usr/bin/luaws")
    assert.same({}, findings "")
  end)

  it("reads stdin, and several files", function()
    local path = server.folder { ["a.lua"] = "a()", ["b.lua"] = "b = = 1", ["-c.lua"] = "c()" }
    local script = ("cd '%s' && '%s' check - <a.lua; '%s' check b.lua -- -c.lua"):format(path, BIN, BIN)
    local child = process.run("/bin/sh", { "-c", script }, TIMEOUT)
    assert.equal("stdin:1:1: undefined global 'a'\nb.lua:1:5: unexpected symbol near '='\n"
      .. "-c.lua:1:1: undefined global 'c'\n", child.stdout)
    assert.equal(1, child.code)
  end)

  it("shows the lines on a terminal", function()
    local folder = server.folder { ["a.lua"] = "local x = 1\na(x)\n" }
    local t = terminal.start { "check", folder .. "/a.lua" }
    t:await(function(lines) return table.concat(lines, "\n"):find("> 2 | a(x)", 1, true) end)
    assert.equal(1, t:awaitExit())
  end)

  it("says what is wrong with its command line, and with files", function()
    local function assertRefused(message, words)
      local child = run({ ["a.lua"] = "a()", ["b.lua"] = ("-- x\n"):rep(300000) }, words)
      assert.equal(2, child.code)
      assert.equal("luaws check: " .. message .. "\n", child.stderr)
      return child
    end
    assertRefused("a file is missing (see luaws check --help)", {})
    assertRefused("unknown option '--fix' (see luaws check --help)", { "--fix", "a.lua" })
    assertRefused("can't read c.lua: No such file or directory", { "c.lua" })
    assertRefused("can't read .: it is a folder, name the files in it: ./*.lua", { "." })
    assertRefused("can't read /tmp/: it is a folder, name the files in it: /tmp/*.lua", { "/tmp/" })
    assertRefused("can't read b.lua: more than 1 MiB", { "b.lua" })
    local child = assertRefused("can't read \\x1b[0m: No such file or directory", { "\27[0m", "a.lua" })
    assert.equal("a.lua:1:1: undefined global 'a'\n", child.stdout)
    assert.truthy(run({}, { "--help" }).stdout:find("^usage: luaws check FILE"))
  end)

  it("stands whatever is in a file", function()
    local bytes = {}
    for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
    for _, text in ipairs { table.concat(bytes), "\27Lua" .. table.concat(bytes), "x = " .. ("("):rep(100000),
      "x = " .. ("{"):rep(190) .. ("}"):rep(190) .. " = 1" } do
      local child = run { ["a.lua"] = text }
      assert.equal(1, child.code, child.stderr)
      assert.truthy(child.stdout:find("^a%.lua:%d+:%d+: [^%c]+\n$"), child.stdout)
    end
    local lines = {}
    for i = 1, 5000 do lines[i] = ("a%d = a%d"):format(i, i + 1) end
    local shared = { PRELUDE .. "local A0 = {}" } -- each has the one before twice
    for i = 1, 45 do shared[i + 1] = ("A%d = setmetatable(A%d, { __index = A%d })"):format(i, i - 1, i - 1) end
    shared[#shared + 1] = "luaws.WebSocketServer.new(A45)"
    for _, text in ipairs {
      "x = _G" .. (".b"):rep(50000) .. "()", "x = _G" .. (".b()"):rep(50000), "x = 1" .. ("+1"):rep(50000),
      "x = " .. ("{"):rep(190) .. ("}"):rep(190), table.concat(lines, "\n") .. " a5001 = 1",
      table.concat(shared, "\n"),
      'local luaws = require "luaws" local C C = luaws.class("C", C) luaws.WebSocketServer.new(C.new())',
    } do
      local child = run { ["a.lua"] = text }
      assert.same({ code = 0, signal = 0, stdout = "", stderr = "" }, child)
    end
  end)

  it("ends a list that would be too long", function()
    local child = run { ["a.lua"] = ("a() "):rep(1000) }
    assert.equal(100, select(2, child.stdout:gsub("\n", "")))
    assert.equal("luaws check: a.lua: there is more\n", child.stderr)
  end)

  it("finds nothing in the examples, the specs and luaws's own modules", function()
    local paths = {}
    for _, folder in ipairs { "examples", "spec", "bench", "lua" } do
      for _, path in ipairs(filesBelow(folder, "%.lua$")) do paths[#paths + 1] = path end
    end
    assert.is_true(#paths > 150)
    local child = process.run(BIN, { "check", table.unpack(paths) }, 10 * TIMEOUT)
    assert.equal("", child.stdout .. child.stderr)
    assert.equal(0, child.code)
  end)

  it("finds nothing in the documentation", function()
    local files, words, pieces = {}, {}, {}
    local paths = filesBelow("docs", "%.md$")
    paths[#paths + 1] = "README.md"
    for _, path in ipairs(paths) do
      for _, block in ipairs(markdown.read(path).blocks) do
        local notes = table.concat(block.notes, "\n")
        if block.info == "lua" and notes:find("compile", 1, true) then -- a piece; "slips" has faults on purpose
          pieces[#pieces + 1] = not notes:find("slips", 1, true) and PRELUDE .. block.text or nil
        elseif block.info == "lua" then
          local name = ("%s-%d%s.lua"):format(path:gsub("/", "-"), block.line, notes:find("spec") and "_spec" or "")
          files[name] = block.text
          words[#words + 1] = name
        end
      end
    end
    assert.is_true(#words > 30)
    for _, word in ipairs(words) do assert.equal("", run(files, { word }).stdout) end
    assert.is_true(#pieces > 5)
    for _, piece in ipairs(pieces) do
      local lines = table.concat(findings(piece), "\n") .. "\n"
      assert.equal("", (lines:gsub("%d+:%d+: undefined global [^\n]*\n", ""):gsub("^\n$", "")), piece)
    end
  end)
end)
