-- src/reactor/files.c: opening files, never outside the root.

local uv = require "luv"
local reactor = require("probe").reactor
local async = require "spec.support.async"

local function write(path, content)
  local file = assert(io.open(path, "w"))
  file:write(content)
  file:close()
end

local function removeAll(path)
  local stat = uv.fs_lstat(path)
  if stat and stat.type == "directory" then
    for name in uv.fs_scandir_next, uv.fs_scandir(path) do removeAll(path .. "/" .. name) end
    uv.fs_rmdir(path)
  elseif stat then
    uv.fs_unlink(path)
  end
end

describe("files beneath a root", function()
  local base, root
  before_each(function()
    base = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/luaws-files-XXXXXX"))
    async.defer(removeAll, base)
    root = base .. "/root"
    assert(uv.fs_mkdir(root, 493))
    assert(uv.fs_mkdir(root .. "/sub", 493))
    assert(uv.fs_mkdir(base .. "/outside", 493))
    write(root .. "/page.html", "a page")
    write(root .. "/sub/index.html", "an index")
    write(base .. "/outside/secret", "a secret")
    write(base .. "/root2", "a neighbour")
  end)

  local function open(name, isFolder) return reactor.openFile(root, name, isFolder) end

  it("are opened by their names", function()
    assert.same({ "a page", 6 }, { open "page.html" })
    assert.same({ "an index", 8 }, { open "sub/index.html" })
  end)

  it("stand for their folder as index.html", function()
    assert.same({ "an index", 8 }, { open("sub", true) })
    assert.same({ nil, "folder" }, { open "sub" })
    assert.same({ nil, "none" }, { open("", true) })
  end)

  it("are missed where there is nothing", function()
    assert.same({ nil, "none" }, { open "nothing" })
    assert.same({ nil, "none" }, { open "page.html/below" })
    assert.same({ nil, "none" }, { open(("x"):rep(300)) })
    assert.same({ nil, "none" }, { open("page.html", true) })
  end)

  it("may be links within the root", function()
    assert(uv.fs_symlink("page.html", root .. "/link"))
    assert(uv.fs_symlink("sub", root .. "/folder"))
    assert(uv.fs_symlink(root .. "/page.html", root .. "/absolute"))
    assert.same({ "a page", 6 }, { open "link" })
    assert.same({ "an index", 8 }, { open "folder/index.html" })
    assert.same({ "a page", 6 }, { open "absolute" })
  end)

  it("are never outside, by links to files, folders, neighbours of the same beginning", function()
    assert(uv.fs_symlink("../outside/secret", root .. "/relative"))
    assert(uv.fs_symlink(base .. "/outside/secret", root .. "/absolute"))
    assert(uv.fs_symlink("../outside", root .. "/folder"))
    assert(uv.fs_symlink(base .. "/root2", root .. "/neighbour"))
    assert(uv.fs_symlink("loop", root .. "/loop"))
    for _, name in ipairs { "relative", "absolute", "folder/secret", "neighbour", "loop" } do
      assert.same({ nil, "none" }, { open(name) }, name)
    end
  end)

  it("are regular files", function()
    assert(os.execute("mkfifo " .. root .. "/fifo"))
    assert.same({ nil, "none" }, { open "fifo" }) -- and it doesn't hang
  end)

  it("need a root that is there", function()
    local content, message = reactor.openFile(base .. "/missing", "x")
    assert.is_nil(content)
    assert.matches("^root '.*/missing': No such file or directory$", message)
  end)
end)
