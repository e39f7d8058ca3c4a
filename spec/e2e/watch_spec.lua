-- --watch: the script is reloaded when it is saved, in whatever way, and goes on as it is when that fails. What a
-- reload does to a script is reload_spec.lua's.

local uv = require "luv"
local async = require "spec.support.async"
local client = require "spec.support.client"
local files = require "spec.support.files"
local process = require "spec.support.process"
local server = require "spec.support.server"

-- A server on /chat that answers each message with this word before it.
local function answering(word, rest)
  return ([[
    local luaws = require "luaws"
    local Chat = luaws.class "Chat"
    function Chat:onMessage(ws, event) ws:send(%q .. event.data) end
    luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/chat" })
    %s
  ]]):format(word, rest or "")
end

-- The same in two files.
local MAIN = [[
  local luaws = require "luaws"
  local Chat = require "chat"
  luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/chat" })
]]
local function chat(word)
  return ([[
    local Chat = require("luaws").class "Chat"
    function Chat:onMessage(ws, event) ws:send(%q .. event.data) end
    return Chat
  ]]):format(word)
end

-- Runs main.lua of these files with --watch. Returns the server, and a function that writes a file of its folder.
local function start(contents, options)
  options = options or {}
  options.args = options.args or { "--watch" }
  local folder = server.folder(contents)
  local s = server.startFile(folder .. "/main.lua", options)
  s.folder = folder
  return s, function(name, text) files.write(folder .. "/" .. name, text) end
end

local function says(c, word)
  c:send("x")
  assert.equal(word .. "x", (c:receive()))
end

local function generations(s)
  return select(2, s.stderr:gsub("%(generation %d+, in", ""))
end

local function awaitGeneration(s, n)
  s:awaitLog(("(generation %d, in "):format(n))
end

describe("a save", function()
  it("of the script counts at once for who is connected", function()
    local s, save = start({ ["main.lua"] = answering "one " })
    local c = client.open(s, "/chat")
    says(c, "one ")
    save("main.lua", answering "two ")
    s:awaitLog("reloaded main.lua (generation 2, in ")
    says(c, "two ")
    says(client.open(s, "/chat"), "two ")
  end)

  it("of a module counts as well, in whatever folder of the project it is", function()
    local s, save = start({ ["main.lua"] = MAIN:gsub('"chat"', '"parts.small.chat"'),
      ["parts/small/chat.lua"] = chat "one " })
    local c = client.open(s, "/chat")
    says(c, "one ")
    save("parts/small/chat.lua", chat "two ")
    s:awaitLog("reloaded parts/small/chat.lua (generation 2, in ")
    says(c, "two ")
  end)

  it("of a module counts that a callback has required later", function()
    local s, save = start({ ["later/word.lua"] = "return 'one '", ["main.lua"] = [[
      local luaws = require "luaws"
      local Chat = luaws.class "Chat"
      function Chat:onMessage(ws, event) ws:send(require("later.word") .. event.data) end
      luaws.WebSocketServer.new({ onConnection = function() return Chat.new() end }, { path = "/chat" })
    ]] })
    local c = client.open(s, "/chat")
    says(c, "one ")
    async.eventually(function()
      save("later/word.lua", "return 'two '")
      async.sleep(0.1)
      return generations(s) > 0
    end)
    says(c, "two ")
  end)

  it("counts for a module that is new", function()
    local s, save = start({ ["main.lua"] = answering "one " })
    save("chat.lua", chat "two ")
    save("main.lua", MAIN)
    awaitGeneration(s, 2)
    local c = client.open(s, "/chat")
    says(c, "two ")
    save("chat.lua", chat "three ")
    awaitGeneration(s, 3)
    says(c, "three ")
  end)

  it("by an editor that puts a new file in the place counts, again and again", function()
    local s, save = start({ ["main.lua"] = answering "0 " })
    local c = client.open(s, "/chat")
    local path = s.folder .. "/main.lua"
    for i = 1, 3 do
      if i % 2 == 0 then os.rename(path, path .. "~") end
      save("main.lua.new", answering(i .. " "))
      os.rename(path .. ".new", path)
      awaitGeneration(s, i + 1)
      says(c, i .. " ")
    end
  end)

  it("in a folder that was replaced counts", function()
    local s, save = start({ ["main.lua"] = MAIN:gsub('"chat"', '"parts.chat"'), ["parts/chat.lua"] = chat "one " })
    local c = client.open(s, "/chat")
    assert(os.execute(("cp -r %s/parts %s/new && rm -r %s/parts && mv %s/new %s/parts"):format(
      s.folder, s.folder, s.folder, s.folder, s.folder)))
    awaitGeneration(s, 2)
    save("parts/chat.lua", chat "two ")
    awaitGeneration(s, 3)
    says(c, "two ")
  end)

  it("of what is none of the script's files is nothing", function()
    local s, save = start({ ["main.lua"] = answering "one ", ["notes.txt"] = "", ["unused.lua"] = "" })
    local names = { "notes.txt", "unused.lua", ".main.lua.swp", "main.lua~", "4913" }
    for _, name in ipairs(names) do save(name, "error") end
    async.sleep(0.3)
    save("main.lua", answering "two ")
    awaitGeneration(s, 2)
    assert.equal(1, generations(s))
  end)

  it("ten times in a second is few reloads, and the last one counts", function()
    local s, save = start({ ["main.lua"] = answering "0 " })
    local c = client.open(s, "/chat")
    for i = 1, 10 do
      save("main.lua", answering(i .. " "))
      async.sleep(0.1) -- what an impatient person does
    end
    async.eventually(function()
      c:send("x")
      return c:receive() == "10 x"
    end)
    assert.is_true(generations(s) <= 7, s.stderr)
    assert.is_nil(s.stderr:find("error", 1, true))
  end)
end)

describe("a file", function()
  it("that leaves nothing to do while it is edited ends nothing but its servers", function()
    local s, save = start({ ["main.lua"] = answering "one " })
    local c = client.open(s, "/chat")
    save("main.lua", "-- " .. answering("one "):gsub("\n", "\n-- "))
    s:awaitLog("path '/chat' is closed: the new script doesn't make it")
    c:expectClose(1001)
    save("main.lua", answering "two ")
    awaitGeneration(s, 3)
    s.port = tonumber(s.stderr:match(".*127%.0%.0%.1:(%d+)"))
    says(client.open(s, "/chat"), "two ")
  end)

  it("whose permissions change counts", function()
    local s = start({ ["main.lua"] = answering "one " })
    assert(uv.fs_chmod(s.folder .. "/main.lua", 256)) -- 0400
    awaitGeneration(s, 2)
    assert(uv.fs_chmod(s.folder .. "/main.lua", 420)) -- 0644
    awaitGeneration(s, 3)
  end)

  it("that is half written, or empty, is waited for; servers live on", function()
    local s, save = start({ ["main.lua"] = answering "one " })
    local c = client.open(s, "/chat")
    save("main.lua", "")
    s:awaitLog("main.lua is gone, or empty: the old code goes on (generation 1) until it is back")
    says(c, "one ")
    local text = answering "two "
    save("main.lua", text:sub(1, #text // 2))
    s:awaitLog("save again to retry")
    says(c, "one ")
    save("main.lua", text)
    awaitGeneration(s, 2)
    says(c, "two ")
  end)

  it("that is written in many pieces is loaded when it is whole", function()
    local s = start({ ["main.lua"] = answering "one " })
    local c = client.open(s, "/chat")
    local text = answering "two "
    local file <close> = assert(io.open(s.folder .. "/main.lua", "w"))
    for i = 1, #text, 40 do
      file:write(text:sub(i, i + 39))
      file:flush()
    end
    awaitGeneration(s, 2)
    says(c, "two ")
  end)

  it("that is removed leaves the old code in place until it is there again, be it as it was", function()
    local s = start({ ["main.lua"] = answering "one " })
    local c = client.open(s, "/chat")
    local path = s.folder .. "/main.lua"
    os.rename(path, s.folder .. "/elsewhere")
    s:awaitLog("main.lua is gone, or empty")
    says(c, "one ")
    os.rename(s.folder .. "/elsewhere", path)
    awaitGeneration(s, 2)
    says(c, "one ")
  end)

  it("that is a module, and is removed for good with what required it, is no matter", function()
    local s, save = start({ ["main.lua"] = MAIN, ["chat.lua"] = chat "one " })
    os.remove(s.folder .. "/chat.lua")
    save("main.lua", answering "two ")
    awaitGeneration(s, 2)
    says(client.open(s, "/chat"), "two ")
  end)
end)

describe("a broken save", function()
  it("is shown once with its place; the old code goes on, the next save counts", function()
    local s, save = start({ ["main.lua"] = MAIN, ["chat.lua"] = chat "one " })
    local c = client.open(s, "/chat")
    save("chat.lua", "local Chat = require('luaws').class 'Chat'\nlocal x = = 1\nreturn Chat\n")
    s:awaitLog("the old code goes on (generation 1); save again to retry")
    assert.matches("error [^\n]*chat.lua:2: unexpected symbol near '='\n", s.stderr)
    assert.truthy(s.stderr:find("    > 2 | local x = = 1\n", 1, true), s.stderr)
    says(c, "one ")
    save("chat.lua", chat "two ")
    awaitGeneration(s, 2)
    says(c, "two ")
    assert.equal(1, select(2, s.stderr:gsub("unexpected symbol", "")))
  end)

  it("for want of a module counts when that is there, in a folder that is new, too", function()
    local s, save = start({ ["main.lua"] = answering "one " })
    save("main.lua", MAIN:gsub('"chat"', '"new.folder.chat"'))
    s:awaitLog("save again to retry")
    assert(os.execute(("mkdir -p %s/new/folder"):format(s.folder)))
    save("new/folder/chat.lua", chat "two ")
    awaitGeneration(s, 2)
    says(client.open(s, "/chat"), "two ")
  end)

  it("counts when a module is right again that only the new code requires", function()
    local s, save = start({ ["main.lua"] = answering "one " })
    save("chat.lua", "error 'not yet'")
    save("main.lua", MAIN)
    s:awaitLog("not yet")
    s:awaitLog("save again to retry")
    save("chat.lua", chat "two ")
    awaitGeneration(s, 2)
    says(client.open(s, "/chat"), "two ")
  end)

  it("is an entry of its own with --log-format json", function()
    local s, save = start({ ["main.lua"] = answering "one " },
      { args = { "--watch", "--log-format", "json" }, lines = 0 })
    s:awaitLog("serving")
    save("main.lua", "x = = 1\n")
    s:awaitLog("save again")
    assert.truthy(s.stderr:find('"generation":1}', 1, true), s.stderr)
    save("main.lua", answering "two ")
    s:awaitLog('"generation":2,"ms":')
  end)
end)

describe("a script that fails at its start", function()
  for what, text in pairs({ ["doesn't compile"] = "x = = 1", ["raises"] = "error 'no'", ["lacks a module"] = MAIN }) do
    for _, workers in ipairs({ 1, 2 }) do
      it(("because it %s gets another try with each save (workers: %d)"):format(what, workers), function()
        local s, save = start({ ["main.lua"] = text }, { workers = workers, lines = 0 })
        s:awaitLog("the script has not started: save again to retry")
        assert.equal(1, select(2, s.stderr:gsub("luaws: ", "")), s.stderr)
        if text == MAIN then
          save("chat.lua", chat "one ")
        else
          save("main.lua", "error 'not yet'")
          s:awaitLog("not yet")
          save("main.lua", answering "one ")
        end
        awaitGeneration(s, 2)
        -- The last one: workers may not have agreed at once, and each attempt takes a port of its own.
        s.port = tonumber(s.stderr:match(".*127%.0%.0%.1:(%d+)"))
        local c = client.open(s, "/chat")
        says(c, "one ")
        save("main.lua", answering "two ")
        awaitGeneration(s, 3)
        says(client.open(s, "/chat"), "two ")
      end)
    end
  end

  it("is the end without --watch, and where there is no such file", function()
    assert.equal(1, server.run("error 'no'").code)
    assert.equal(1, process.run(os.getenv("LUAWS_BIN"), { "--watch", "nosuch.lua" }).code)
  end)
end)

describe("--watch=FOLDER", function()
  it("reloads modules there, what else is in Lua there, and what is new there", function()
    local s, save = start({ ["bin/main.lua"] = ([[
      package.path = "FOLDER/lib/?.lua;" .. package.path
      local word = dofile "FOLDER/lib/more/word.lua"
      local luaws = require "luaws"
      local base = require "base"
      luaws.WebSocketServer.new({ onConnection = function() return base end }, { path = "/chat" })
      base.word = word
    ]]), ["lib/base.lua"] = "return { onMessage = function(self, ws, event) ws:send(self.word .. event.data) end }",
      ["lib/more/word.lua"] = "return 'one '", ["main.lua"] = "" }, { args = { "--watch=nowhere" }, lines = 0 })
    assert.equal(1, (s:awaitExit()))
    assert.matches("nowhere", s.stderr)
    local folder = s.folder
    save("bin/main.lua", (files.read(folder .. "/bin/main.lua"):gsub("FOLDER", folder)))
    s = server.startFile(folder .. "/bin/main.lua", { args = { "--watch=" .. folder } })
    local c = client.open(s, "/chat")
    says(c, "one ")
    save("lib/more/word.lua", "return 'two '")
    awaitGeneration(s, 2)
    says(c, "two ")
    for i = 1, 20 do save(("lib/more/m%02d.lua"):format(i), "return 1") end
    async.eventually(function() return s.stderr:find(" and %d+ more %(generation ") end)
    local before = generations(s)
    assert(uv.fs_mkdir(folder .. "/lib/later", 493))
    async.eventually(function()
      save("lib/later/new.lua", "return 1")
      async.sleep(0.1)
      return generations(s) > before
    end)
    says(c, "two ")
    before = generations(s)
    save("lib/base.lua", (files.read(folder .. "/lib/base.lua"):gsub("self.word", "%0:upper()")))
    async.eventually(function() return generations(s) > before end)
    says(c, "TWO ")
  end)
end)

describe("where watching isn't possible", function()
  for name, advice in pairs({ ENOSPC = "max_user_watches", EMFILE = "max_user_instances" }) do
    it(("(%s) a warning says what to do, once, and SIGHUP reloads"):format(name), function()
      local s, save = start({ ["main.lua"] = MAIN:gsub('"chat"', '"parts.chat"'), ["parts/chat.lua"] = chat "one " },
        { faults = "uv_fs_event_start:" .. name })
      local c = client.open(s, "/chat")
      s:awaitLog(advice)
      save("parts/chat.lua", chat "two ")
      s:signalProcess("sighup")
      s:awaitLog("reloaded on SIGHUP (generation 2, in ")
      says(c, "two ")
      assert.equal(1, select(2, s.stderr:gsub("can't watch", "")))
    end)
  end
end)

describe("SIGHUP", function()
  it("leaves all as it is while the script is empty", function()
    local s, save = start({ ["main.lua"] = answering "one " }, { args = {} })
    local c = client.open(s, "/chat")
    save("main.lua", "")
    s:signalProcess("sighup")
    s:awaitLog("main.lua is empty")
    says(c, "one ")
    save("main.lua", answering "two ")
    s:signalProcess("sighup")
    awaitGeneration(s, 2)
    says(c, "two ")
  end)

  it("follows a link to another release, of script, modules and pages", function()
    local function release(word)
      return answering(word, ([[
        local extra = pcall(require, "extra_%s") and require "extra_%s"
        function Chat:onMessage(ws, event) ws:send((extra or "none ") .. event.data) end
        luaws.webServer:start({ root = "." })
      ]]):format(word, word))
    end
    local folder = server.folder({
      ["one/main.lua"] = release "1", ["one/page.txt"] = "one",
      ["two/main.lua"] = release "2", ["two/page.txt"] = "two", ["two/extra_2.lua"] = "return 'two '",
    })
    assert(uv.fs_symlink(folder .. "/one", folder .. "/current"))
    local s = server.startFile(folder .. "/current/main.lua")
    local c = client.open(s, "/chat")
    says(c, "none ")
    assert.equal("one", client.get(s, "/page.txt").body)
    assert(uv.fs_symlink(folder .. "/two", folder .. "/next"))
    assert(os.rename(folder .. "/next", folder .. "/current"))
    s:signalProcess("sighup")
    awaitGeneration(s, 2)
    says(c, "two ")
    assert.equal("two", client.get(s, "/page.txt").body)
    files.write(folder .. "/two/extra_2.lua", "return 'three '")
    s:signalProcess("sighup")
    awaitGeneration(s, 3)
    says(c, "three ")
  end)

  it("reloads the script, also without --watch, and says how it went", function()
    local s, save = start({ ["main.lua"] = answering "one " }, { args = {} })
    local c = client.open(s, "/chat")
    save("main.lua", answering "two ")
    s:signalProcess("sighup")
    s:awaitLog("reloaded on SIGHUP (generation 2, in ")
    says(c, "two ")
    save("main.lua", "error 'no'")
    s:signalProcess("sighup")
    s:awaitLog("the old code goes on (generation 2); SIGHUP tries again")
    says(c, "two ")
  end)
end)

describe("several workers", function()
  -- Says which worker answers, and of which generation.
  local function workers(word, rest)
    return answering(word, ([[
      function Chat:onMessage(ws, event) ws:send(%q .. luaws.workerIndex .. " " .. luaws.generation) end
      %s
    ]]):format(word, rest or ""))
  end

  -- A connection to each worker: index -> client.
  local function connectAll(s, count)
    local all, found = {}, 0
    return async.eventually(function()
      local c = client.open(s, "/chat")
      c:send("who")
      local index = tonumber(c:receive():match("(%d+) %d+$"))
      if not all[index] then found = found + 1 end
      all[index] = c
      return found == count and all
    end)
  end

  local function allSay(all, word, generation)
    for index, c in pairs(all) do
      c:send("x")
      assert.equal(("%s%d %d"):format(word, index, generation), (c:receive()))
    end
  end

  it("reload together, and say so once", function()
    local s, save = start({ ["main.lua"] = workers "one " }, { workers = 3 })
    local all = connectAll(s, 3)
    save("main.lua", workers "two ")
    awaitGeneration(s, 2)
    allSay(all, "two ", 2)
    s:signalProcess("sighup")
    awaitGeneration(s, 3)
    allSay(all, "two ", 3)
    assert.equal(2, generations(s))
  end)

  it("reload all when one of them asks for it", function()
    local s, save = start({ ["main.lua"] = workers("one ", [[
      function Chat:onMessage(ws, event)
        if event.data == "reload" then assert(luaws.reload()) end
        ws:send("one " .. luaws.workerIndex .. " " .. luaws.generation)
      end
    ]]) }, { workers = 3, args = {} })
    local all = connectAll(s, 3)
    save("main.lua", workers "two ")
    all[2]:send("reload")
    all[2]:receive()
    s:awaitLog("reloaded by the script (generation 2, in ")
    allSay(all, "two ", 2)
  end)

  it("reload none of them when one can't, which is told once", function()
    local s, save = start({ ["main.lua"] = workers "one " }, { workers = 3 })
    local all = connectAll(s, 3)
    save("main.lua", workers("two ", "if luaws.workerIndex == 2 then error 'not me' end"))
    s:awaitLog("save again to retry")
    allSay(all, "one ", 1)
    save("main.lua", workers("three ", "error 'nobody'"))
    s:awaitLog("nobody")
    async.eventually(function() return select(2, s.stderr:gsub("save again to retry", "")) == 2 end)
    allSay(all, "one ", 1)
    assert.equal(1, select(2, s.stderr:gsub(": not me\n", "")))
    assert.equal(1, select(2, s.stderr:gsub(": nobody\n", "")))
    save("main.lua", workers "four ")
    awaitGeneration(s, 2)
    allSay(all, "four ", 2)
  end)

  it("reload none of them while one is stuck, and go on serving", function()
    local s, save = start({ ["main.lua"] = workers("one ", [[
      function Chat:onMessage(ws, event)
        if event.data == "spin" then
          print "spins"
          repeat until os.remove(arg[0] .. ".go")
        end
        ws:send("one " .. luaws.workerIndex .. " " .. luaws.generation)
      end
    ]]) }, { workers = 3, args = {} })
    local all = connectAll(s, 3)
    all[2]:send("spin")
    s:expectLines("spins")
    save("main.lua", workers "two ")
    s:signalProcess("sighup")
    allSay({ all[1], [3] = all[3] }, "one ", 1)
    s:awaitLog("worker 2 has not come to the reload within 5 s")
    s:awaitLog("the old code goes on (generation 1); SIGHUP tries again")
    allSay({ all[1], [3] = all[3] }, "one ", 1)
    save("main.lua.go", "")
    assert.equal("one 2 1", (all[2]:receive()))
    s:signalProcess("sighup")
    awaitGeneration(s, 2)
    allSay(all, "two ", 2)
  end)

  it("go on without one whose script has ended", function()
    local function inFirst(word)
      return "if require('luaws').workerIndex == 1 then\n" .. workers(word) .. "\nend"
    end
    local s, save = start({ ["main.lua"] = inFirst "one " }, { workers = 3, args = {} })
    local c = client.open(s, "/chat")
    save("main.lua", inFirst "two ")
    s:signalProcess("sighup")
    awaitGeneration(s, 2)
    allSay({ c }, "two ", 2)
  end)
end)

describe("docs/reload.md", function()
  it("shows what tools/transcript.lua prints", function()
    local function level(text)
      return (text:gsub("%d%d:%d%d:%d%d%.%d+", "TIME"):gsub("in [%d.]+ ms", "in MS ms"))
    end
    local child = process.run(os.getenv("LUAWS_BIN"), { "tools/transcript.lua" })
    assert.equal(0, child.code, child.stderr)
    local shown = files.read("docs/reload.md"):match("```text\n(%$ luaws %-%-watch.-)```")
    assert.equal(level(shown), level(child.stdout))
  end)
end)
