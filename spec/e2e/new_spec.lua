-- `luaws new`: a project that runs and passes its tests as it is, and nothing that was there is touched.

local uv = require "luv"
local client = require "spec.support.client"
local dkjson = require "dkjson"
local process = require "spec.support.process"
local server = require "spec.support.server"
local files = require "spec.support.files"

local BIN = os.getenv("LUAWS_BIN")
local FILES = {
  ".gitignore", ".luacheckrc", ".luarc.json", ".luaws/luaws.lua", ".luaws/luaws/testing.lua",
  "README.md", "chat.lua", "public/index.html", "server.lua", "spec/chat_spec.lua",
}

local function luaws(folder, ...)
  return process.run("/usr/bin/env", { "-C", folder, BIN, ... }, 60)
end

-- Relative to the folder.
local function listBelow(folder)
  local list = files.below(folder)
  for i, path in ipairs(list) do list[i] = path:sub(#folder + 2) end
  return list
end

local function newProject(name)
  local folder = server.folder()
  local child = luaws(folder, "new", name)
  assert.equal(0, child.code, child.stderr)
  assert.equal("", child.stderr)
  return folder .. "/" .. name, child.stdout
end

describe("luaws new", function()
  it("writes a project, and says what to type next", function()
    local folder, said = newProject "Chat-1_b"
    assert.same(FILES, listBelow(folder))
    for _, name in ipairs(FILES) do
      assert.truthy(said:find("  Chat-1_b/" .. name .. " ", 1, true), name)
      assert.falsy(files.read(folder .. "/" .. name):find("PROJECT", 1, true), name)
    end
    local places = {}
    for path in said:gmatch("\n  (Chat%-1_b/%S+ +)%S") do places[#path] = path end
    assert.equal(1, #require "spec.support.sorted"(places), said) -- what they are for stands in one column
    assert.truthy(said:find("cd Chat-1_b\n  luaws --watch server.lua", 1, true), said)
    assert.truthy(files.read(folder .. "/README.md"):find("# Chat-1_b", 1, true))
  end)

  it("writes tests that pass", function()
    local folder = newProject "chat"
    local child = luaws(folder, "test", "--output", "plainTerminal")
    assert.equal(0, child.code, child.stdout .. child.stderr)
    assert.truthy(child.stdout:find("^%+%+%+%+\n4 successes / 0 failures / 0 errors"), child.stdout)
  end)

  it("writes tests that fail when the chat does otherwise", function()
    local folder = newProject "chat"
    local path = folder .. "/chat.lua"
    files.write(path, (files.read(path):gsub('"is here"', '"is there"')))
    assert.equal(1, luaws(folder, "test").code)
  end)

  it("writes what luaws check finds nothing in, and no lua-language-server can miss", function()
    local folder = newProject "chat"
    local child = luaws(folder, "check", "server.lua", "chat.lua", "spec/chat_spec.lua")
    assert.same({ code = 0, signal = 0, stdout = "", stderr = "" }, child)
    local settings = assert(dkjson.decode(files.read(folder .. "/.luarc.json")))
    assert.equal("Lua 5.4", settings["runtime.version"])
    assert.equal(".luaws", settings["workspace.library"][1])
    local annotations = files.read "lua/luaws/meta.lua"
    assert.equal(annotations, files.read(folder .. "/.luaws/luaws.lua"))
    assert.equal(annotations, luaws(folder, "new", "--annotations").stdout)
  end)

  it("writes what luacheck finds nothing in", function()
    local folder = newProject "chat"
    local child = process.run("/usr/bin/env", { "-C", folder, "luacheck", "--no-color", "." }, 60)
    assert.equal(0, child.code, child.stdout .. child.stderr)
    assert.truthy(child.stdout:find("Total: 0 warnings / 0 errors in 3 files", 1, true), child.stdout)
  end)

  it("writes a server that serves the page and the chat, from whatever folder", function()
    local folder = newProject "chat"
    local s = server.startFile(folder .. "/server.lua", { lines = 2, cwd = "/" })
    local page = client.get(s, "/")
    assert.equal(200, page.status)
    assert.truthy(page.body:find("<title>chat</title>", 1, true))
    local ann, ben = client.open(s, "/chat?name=Ann"), client.open(s, "/chat?name=Ben")
    assert.same({ from = "Ben", text = "is here" }, (dkjson.decode((ann:receive()))))
    ben:send '{"text": "<b>hi"}'
    assert.same({ from = "Ben", text = "<b>hi" }, (dkjson.decode((ann:receive()))))
    client.open(s, "/chat?name=" .. ("%F0%9F%98%80"):rep(24))
    for _, name in ipairs { "%FF", ("a"):rep(25), "a&name=b", "" } do
      local _, answer = client.handshake(s, "/chat?name=" .. name)
      assert.equal(400, answer.status, name)
    end
  end)

  it("touches nothing that is there", function()
    local folder = server.folder { ["chat/server.lua"] = "mine", ["file"] = "mine" }
    for _, name in ipairs { "chat", "file" } do
      local child = luaws(folder, "new", name)
      assert.equal(1, child.code)
      assert.equal(("luaws new: there is a '%s' here already: nothing is written\n"):format(name), child.stderr)
      assert.equal("", child.stdout)
      assert.same({ "chat/server.lua", "file" }, listBelow(folder))
    end
    assert.equal("mine", files.read(folder .. "/chat/server.lua"))
  end)

  it("says why there can be no folder", function()
    local child = luaws("/proc", "new", "chat")
    assert.equal("luaws new: can't make 'chat': no such file or directory\n", child.stderr)
    assert.equal(1, child.code)
  end)

  it("leaves nothing behind when it can't write all", function()
    local folder = server.folder()
    local script = ("cd '%s' && trap '' XFSZ && ulimit -f 8 && exec '%s' new chat"):format(folder, BIN)
    local child = process.run("/bin/sh", { "-c", script }, 60)
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("^luaws new: [^\n]+ %(nothing is left%)\n$"), child.stderr)
    assert.same({}, listBelow(folder))
    assert.is_nil(uv.fs_stat(folder .. "/chat"))
  end)

  it("says what is wrong with a name, and with its command line", function()
    local path = "is a path: go to the folder where the project shall lie, and name it"
    local letters = "must begin with a letter, and have letters, digits, - and _ alone"
    local folder = server.folder()
    local function assertRefused(message, ...)
      local child = luaws(folder, "new", ...)
      assert.equal(2, child.code)
      assert.equal("luaws new: " .. message .. "\n", child.stderr)
      assert.same({}, listBelow(folder))
    end
    for name, fault in pairs {
      ["a/b"] = path, ["/tmp/a"] = path, ["a/"] = path, ["a\\b"] = path, ["../a"] = path, ["."] = letters,
      [".."] = letters, ["1a"] = letters, ["a b"] = letters, ["a.b"] = letters, ["caf\xC3\xA9"] = letters,
      ["%s"] = letters, [("a"):rep(65)] = "is longer than 64 letters",
    } do
      assertRefused(("'%s' %s"):format(name, fault), name)
    end
    assertRefused([['\x1b[0m' ]] .. letters, "\27[0m")
    assertRefused("'' " .. letters, "")
    assertRefused("a name is missing (see luaws new --help)")
    assertRefused("one name is enough: 'b' (see luaws new --help)", "a", "b")
    assertRefused("unknown option '--force' (see luaws new --help)", "--force")
    assert.truthy(luaws(folder, "new", "--help").stdout:find("^usage: luaws new NAME"))
  end)
end)
