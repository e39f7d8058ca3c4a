-- luaws attach, and what comes to the socket that --attach opens.

local uv = require "luv"
local async = require "spec.support.async"
local build = require "spec.support.build"
local process = require "spec.support.process"
local server = require "spec.support.server"

local BIN = os.getenv("LUAWS_BIN")
local NOBODY = 65534

local SCRIPT = [[
  calls = 0
  luaws.every(100, function() end)
]]

-- A server whose socket is at `s.socket`.
local function start(script, options)
  options = options or {}
  local folder = server.folder()
  options.args = { "--attach=" .. folder .. "/console" }
  local s = server.start(script or SCRIPT, options)
  s.socket = folder .. "/console"
  return s
end

local function attach(target, input, env)
  return server.run(nil, { program = { "attach", target }, input = input, env = env })
end

local function frame(kind, text) return string.pack("<s4", kind .. (text or "")) end

-- A guest that says what it likes: guest:send(bytes); guest:receive() -> kind, text, nil at the end.
local function connect(path)
  local guest = { frames = async.queue(), pipe = uv.new_pipe(false) }
  local err = async.await(function(done) guest.pipe:connect(path, done) end)
  async.defer(function() if not guest.pipe:is_closing() then guest.pipe:close() end end)
  local rest = ""
  function guest:read()
    self.pipe:read_start(function(_, data)
      if not data then return guest.frames:close() end
      rest = rest .. data
      while #rest >= 4 and #rest >= 4 + string.unpack("<I4", rest) do
        local whole, at = string.unpack("<s4", rest)
        guest.frames:push(whole:sub(1, 1), whole:sub(2))
        rest = rest:sub(at)
      end
    end)
  end
  if not err then guest:read() end
  function guest:send(bytes) self.pipe:write(bytes) end
  function guest:receive() return self.frames:pop() end
  return guest, err
end

local function open(path)
  local guest = connect(path)
  guest:send(frame("O", "luaws 1"))
  assert.equal("G", (guest:receive()))
  assert.same({ "P", ">" }, { guest:receive() })
  return guest
end

-- It is shown out, and the server goes on.
local function assertDismissed(s, guest, why)
  assert.same({ "B", why }, { guest:receive() })
  assert.is_nil((guest:receive()))
  local good = open(s.socket)
  good:send(frame("L", "1 + 1"))
  assert.same({ "T", "2\n" }, { good:receive() })
end

-- To the end of the test.
local function lock(folder)
  local stdin, stdout = uv.new_pipe(false), uv.new_pipe(false)
  local args = { folder, "sh", "-c", "echo; exec cat" }
  local handle = assert(uv.spawn("flock", { args = args, stdio = { stdin, stdout } }, function() end))
  async.defer(function()
    for _, one in ipairs { stdin, stdout, handle } do one:close() end
  end)
  async.await(function(done)
    stdout:read_start(function()
      stdout:read_stop()
      done()
    end)
  end)
end

local function modeOf(path) return ("%o"):format(uv.fs_lstat(path).mode & 511) end

describe("luaws attach in a pipe", function()
  it("runs lines in the server's script, and shows what they print and give", function()
    local s = start()
    local child = attach(s.socket, "calls = calls + 1\nprint('calls', calls)\ncalls\nfor i = 1, 2 do\nprint(i)\nend\n")
    assert.equal("calls\t1\n1\n1\n2\n", child.stdout)
    assert.equal("", child.stderr)
    assert.equal(0, child.code)
    assert.equal("", s.stdout)
    assert.equal("1\n", attach(s.socket, "calls\n").stdout)
  end)

  it("ends with code 1 when a line has failed, or a chunk isn't whole", function()
    local s = start()
    local child = attach(s.socket, "error 'broken'\n'on'\n")
    assert.same({ "luaws: console:1: broken\n", '"on"\n', 1 }, { child.stderr, child.stdout, child.code })
    child = attach(s.socket, "if true then")
    assert.same({ "luaws: the last chunk is not finished\n", 1 }, { child.stderr, child.code })
  end)

  it("ends with code 1 when the server does", function()
    local s = start()
    local child = attach(s.socket, "luaws.exit() luaws.sleep(100)\n")
    assert.equal("luaws: luaws has ended\n", child.stderr)
    assert.equal(1, child.code)
    s:awaitExit()
  end)

  it("passes what is longer than a frame's usual read", function()
    local s = start()
    local child = attach(s.socket, ("x = ('x'):rep(%d) print(x)\n"):format(300000))
    assert.equal(300001, #child.stdout)
    child = attach(s.socket, "print(('xyä'):rep(500000))\n")
    assert.equal(("xyä"):rep(500000) .. "\n", child.stdout)
    child = attach(s.socket, "print(#'" .. ("y"):rep(500000) .. "')\n")
    assert.equal("500000\n", child.stdout)
    child = attach(s.socket, "x = '" .. ("y"):rep(1024 * 1024) .. "'\n'on'\n")
    assert.equal("luaws: a line of more than 1 MiB is left out\n", child.stderr)
    assert.same({ '"on"\n', 1 }, { child.stdout, child.code })
  end)

  it("finds the server by its process ID, or as the only one", function()
    for _, runtime in ipairs({ server.folder(), "" }) do
      local env = { XDG_RUNTIME_DIR = runtime }
      local folder = server.folder({ ["script.lua"] = "require 'luaws'.every(100, print)" })
      local s = server.launch({ "--attach", folder .. "/script.lua" }, { env = env })
      s:awaitLog("the console's socket is ")
      local place = runtime ~= "" and runtime .. "/luaws" or "/tmp/luaws-" .. uv.getuid()
      assert.truthy(s.stderr:find(("%s/%d.sock"):format(place, s.pid), 1, true), s.stderr)
      assert.equal("700", modeOf(place))
      assert.equal("600", modeOf(("%s/%d.sock"):format(place, s.pid)))
      assert.equal("2\n", attach(tostring(s.pid), "1 + 1\n", env).stdout)
      if runtime ~= "" then assert.equal("2\n", attach(nil, "1 + 1\n", env).stdout) end
      s:stop()
      assert.is_nil(uv.fs_lstat(("%s/%d.sock"):format(place, s.pid)))
    end
  end)

  it("says why it can't connect", function()
    local folder = server.folder({ file = "" })
    local function assertRefused(target, message, code)
      local child = attach(target, "1\n", { XDG_RUNTIME_DIR = folder })
      assert.equal("luaws: " .. message:gsub("FOLDER", folder) .. "\n", child.stderr)
      assert.equal(code or 1, child.code)
    end
    assertRefused("1", "no luaws with process ID 1 is running with --attach")
    assertRefused("FOLDER/none" and folder .. "/none", "FOLDER/none: no such file or directory")
    assertRefused(folder .. "/file", "FOLDER/file is no socket")
    local long = folder .. "/" .. ("x"):rep(108)
    assertRefused(long, "the path of a socket has at most 107 bytes: " .. long)
    assertRefused("--nonsense", "luaws attach takes one process ID or path (see luaws attach --help)", 2)
  end)
end)

describe("the console's socket", function()
  it("lets several in, whose lines don't wait for each other", function()
    local s = start()
    local first, second = open(s.socket), open(s.socket)
    first:send(frame("L", "luaws.sleep(100)"))
    second:send(frame("L", "_ = nil shared = 7 print 'mine'"))
    assert.same({ "T", "mine\n" }, { second:receive() })
    assert.same({ "P", ">" }, { second:receive() })
    first:send(frame("I"))
    assert.same({ "E", "luaws: console:1: interrupted\n" }, { first:receive() })
    assert.same({ "P", ">!" }, { first:receive() })
    assert.same({ "P", ">" }, { first:receive() })
    first:send(frame("L", "shared"))
    assert.same({ "T", "7\n" }, { first:receive() })
  end)

  it("completes", function()
    local s = start()
    local guest = open(s.socket)
    guest:send(frame("C", "x = string.re"))
    assert.same({ "N", "\trep reverse" }, { guest:receive() })
    guest:send(frame("C", "luaws.webServer:sta"))
    assert.same({ "N", "rt\tstart" }, { guest:receive() })
    guest:send(frame("C", "("))
    assert.same({ "N", "\t" }, { guest:receive() })
  end)

  it("cancels the line of a guest who goes", function()
    local s = start()
    local guest = open(s.socket)
    guest:send(frame("L", "print 'waits' local _, err = pcall(luaws.sleep, 100) io.write(err, '\\n')"))
    assert.same({ "T", "waits\n" }, { guest:receive() })
    guest.pipe:close()
    assert.matches("cancelled", (s:line()))
  end)

  it("runs no second line while one runs", function()
    local s = start()
    local guest = open(s.socket)
    guest:send(frame("L", "luaws.sleep(100)") .. frame("L", "1"))
    assert.same({ "E", "luaws: not run: the line before has not ended\n" }, { guest:receive() })
    assert.same({ "P", ">!" }, { guest:receive() })
  end)

  it("shows out who says something else", function()
    local s = start()
    local strange = "it isn't 'luaws attach' of this version that has connected"
    for bytes, why in pairs {
      ["GET / HTTP/1.1\r\n\r\n"] = "a request that is too long, or none",
      [("\0"):rep(64)] = "a request that is too long, or none",
      ["\255\255\255\255L"] = "a request that is too long, or none",
      [frame("O", "luaws 2")] = strange,
      [frame("L", "1")] = strange,
      [frame("O", "luaws 1") .. frame("O", "luaws 1")] = strange,
      [frame("O", "luaws 1") .. frame("Z", "")] = "a request of no known kind",
      [frame("O", "luaws 1") .. frame("X", "")] = "a request of no known kind",
      [frame("O", "luaws 1") .. frame("L", "luaws.sleep(100)") .. frame("I"):rep(20)] = "too many requests at a time",
      [frame("O", "luaws 1") .. "\2\0\16\0L"] = "a request that is too long, or none",
    } do
      local guest = connect(s.socket)
      guest:send(bytes)
      assertDismissed(s, guest, why)
    end
  end)

  it("sends frames of a bounded size, in whole characters", function()
    local s = start()
    local guest = open(s.socket)
    guest:send(frame("L", "print(('xyä'):rep(700000))"))
    local texts, sum = {}, 0
    for kind, text in guest.receive, guest do
      if kind == "P" then break end
      texts[#texts + 1] = text
      sum = sum + #text
      assert.is_true(#text <= 1024 * 1024 and utf8.len(text) ~= nil)
    end
    assert.same({ 3, 2800001 }, { #texts, sum })
    guest:send(frame("L", [[print(("\x80"):rep(2000000))]])) -- there is no character to cut at
    sum = 0
    for kind, text in guest.receive, guest do
      if kind == "P" then break end
      sum = sum + #text
      assert.is_true(#text <= 1024 * 1024)
    end
    assert.equal(2000001, sum)
  end)

  it("takes frames byte by byte", function()
    local s = start()
    local guest = connect(s.socket)
    for byte in (frame("O", "luaws 1") .. frame("L", "1 + 1")):gmatch(".") do guest:send(byte) end
    assert.equal("G", (guest:receive()))
    assert.equal("P", (guest:receive()))
    assert.same({ "T", "2\n" }, { guest:receive() })
  end)

  it("shows out who says nothing", function()
    local s = start()
    assertDismissed(s, connect(s.socket), "it has said nothing")
  end)

  it("has room for sixteen", function()
    local s = start()
    local guests = {}
    for i = 1, 16 do guests[i] = open(s.socket) end
    assert.same({ "B", "too many are attached already" }, { connect(s.socket):receive() })
    guests[1].pipe:close()
    async.eventually(function()
      local guest = connect(s.socket)
      guest:send(frame("O", "luaws 1"))
      return guest:receive() == "G"
    end)
  end)

  it("leaves out what a guest doesn't read, and says how much", function()
    local s = start()
    local guest = open(s.socket)
    guest.pipe:read_stop()
    guest:send(frame("L", "for i = 1, 400 do print(('x'):rep(99999)) luaws.sleep(0) end io.write 'done\\n'"))
    s:expectLines("done")
    local memory = s:memory()
    if async.seconds(1) == 1 then assert.is_true(memory < 150, memory) end
    guest:read()
    local kind, text
    repeat kind, text = guest:receive() until kind ~= "T"
    assert.equal("E", kind)
    assert.matches("^luaws: %d+ bytes are left out\n$", text)
    s:stop()
  end)

  it("loses no byte of what a line prints that isn't counted", function()
    local s = start()
    local guest = open(s.socket)
    guest.pipe:read_stop()
    guest:send(frame("L", [[
      for i = 1, 400 do print(('x'):rep(99999)) print(i) if i % 9 == 0 then luaws.sleep(0) end end io.write 'done\n']]))
    assert.equal("done", s:line(60))
    guest:read()
    local shown, left = 0, 0
    for kind, text in guest.receive, guest do
      if kind == "P" then break end
      shown = shown + (kind == "T" and #text or 0)
      left = left + (tonumber(text:match("^luaws: (%d+) bytes are left out\n$")) or 0)
    end
    local all = 400 * 100000
    for i = 1, 400 do all = all + #tostring(i) + 1 end
    assert.equal(all, shown + left)
    assert.is_true(left > 0)
  end)

  it("costs little memory while a guest doesn't read, however short the texts are", function()
    if build.isTiny or async.seconds(1) > 1 then pending("what memory a slow build takes says nothing") end
    local s = start()
    local guest = open(s.socket)
    guest.pipe:read_stop()
    local before = s:memory()
    guest:send(frame("L", [[
      for i = 1, 2e5 do print() luaws.sleep(0) end
      for i = 1, 1e6 do print() if i % 1e4 == 0 then luaws.sleep(0) end end io.write 'done\n']]))
    assert.equal("done", s:line(60))
    assert.is_true(s:memory() - before < 40, s:memory() - before)
    s:stop()
  end)

  it("costs a server nothing that wakes its worker", function()
    if build.isTiny then pending("a worker in a tiny build is never asleep") end
    local s = start()
    open(s.socket)
    assert.equal("0\n", attach(s.socket, "local n = 0 require 'luv'.walk(function() n = n + 1 end) print(n)\n").stdout)
  end)
end)

describe("the socket's place", function()
  local function assertFails(path, message, prepare)
    local folder = server.folder({ ["script.lua"] = "require 'luaws'.every(100, print)" })
    if prepare then prepare(folder) end
    path = path:gsub("FOLDER", folder)
    local child = server.run(nil, { program = { "--attach=" .. path, folder .. "/script.lua" } })
    assert.equal(1, child.code)
    assert.equal("luaws: the console's socket: " .. message:gsub("FOLDER", folder) .. "\n", child.stderr)
  end

  it("must be a folder, and no link to one", function()
    assertFails("FOLDER/none/x", "FOLDER/none: No such file or directory")
    assertFails("FOLDER/script.lua/x", "FOLDER/script.lua is no folder, or a link to one")
    assertFails("FOLDER/link/x", "FOLDER/link is no folder, or a link to one", function(folder)
      uv.fs_mkdir(folder .. "/real", 448)
      uv.fs_symlink(folder .. "/real", folder .. "/link")
    end)
  end)

  it("must be one's own, and nobody else's to write to", function()
    if uv.getuid() ~= 0 then assertFails("/x", "/ belongs to another user") end
    assertFails("FOLDER/open/x", "others may write to FOLDER/open (chmod 700 it)", function(folder)
      uv.fs_mkdir(folder .. "/open", 448)
      uv.fs_chmod(folder .. "/open", 511)
    end)
  end)

  it("of the default must be nobody else's to look into", function()
    local runtime = server.folder({ ["script.lua"] = "" })
    uv.fs_mkdir(runtime .. "/luaws", 493)
    local child = server.run(nil, { program = { "--attach", runtime .. "/script.lua" },
      env = { XDG_RUNTIME_DIR = runtime } })
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("others may look into " .. runtime .. "/luaws (chmod 700 it)", 1, true))
  end)

  it("isn't waited for when another process keeps its folder locked", function()
    local s = start()
    lock(s.socket:match "^(.*)/")
    s:stop()
    assert.is_nil(uv.fs_lstat(s.socket))
    assertFails("FOLDER/console", "another process keeps the folder of FOLDER/console locked", lock)
  end)

  it("has a bounded length", function()
    assertFails("FOLDER/" .. ("x"):rep(100),
      "its path is longer than 107 bytes (choose one with --attach=PATH)")
  end)

  it("is no file, link or socket of somebody else's", function()
    assertFails("FOLDER/script.lua", "FOLDER/script.lua is there already, and is something else")
    assertFails("FOLDER/link", "FOLDER/link is there already, and is something else", function(folder)
      uv.fs_symlink("/nonexistent", folder .. "/link")
    end)
  end)

  it("is taken over from a server that was killed, never from one that lives", function()
    local s = start()
    local child = server.run(nil, { program = { "--attach=" .. s.socket, "-e", "luaws = require 'luaws'" } })
    assert.equal("luaws: the console's socket: somebody listens on " .. s.socket .. " already\n", child.stderr)
    assert.equal("2\n", attach(s.socket, "1 + 1\n").stdout)
    s:kill()
    assert.equal("socket", uv.fs_lstat(s.socket).type)
    child = attach(s.socket, "1 + 1\n")
    assert.equal("luaws: " .. s.socket .. ": nobody listens there\n", child.stderr)
    child = server.run(nil, { program = { "--attach=" .. s.socket, "-e", "print 'runs'" } })
    assert.equal("runs\n", child.stdout)
    assert.is_nil(uv.fs_lstat(s.socket))
  end)

  it("is left alone at the end if it is another one by then", function()
    local s = start()
    uv.fs_unlink(s.socket)
    local other = uv.new_pipe(false)
    other:bind(s.socket)
    s:stop()
    assert.equal("socket", uv.fs_lstat(s.socket).type)
    other:close()
  end)
end)

describe("a system call that fails", function()
  it("at the start ends luaws with the reason", function()
    local folder = server.folder({ ["script.lua"] = "require 'luaws'.every(100, print)" })
    for rule, reason in pairs { ["bind:EACCES"] = "Permission denied", ["listen:EADDRINUSE"] = "Address already in use",
                                ["socket:EMFILE"] = "Too many open files" } do
      local child = server.run(nil, { faults = rule,
        program = { "--attach=" .. folder .. "/console", folder .. "/script.lua" } })
      assert.equal(1, child.code, rule)
      assert.truthy(child.stderr:find(("luaws: the console's socket: %s/console: %s"):format(folder, reason), 1, true),
        child.stderr)
      assert.is_nil(uv.fs_lstat(folder .. "/console"))
    end
  end)

  it("lets nobody in whom the kernel doesn't know, and others later", function()
    local s = start(nil, { faults = "getsockopt:EIO@1" })
    assert.is_nil((connect(s.socket):receive()))
    s:awaitLog("warn  the console's socket: who connects: ")
    assert.equal("2\n", attach(s.socket, "1 + 1\n").stdout)
  end)

  it("is tried again after a while", function()
    local s = start(nil, { faults = "accept4:EMFILE@1" })
    assert.equal("2\n", attach(s.socket, "1 + 1\n").stdout)
    s:awaitLog("the console's socket: Too many open files")
    assert.equal(1, select(2, s.stderr:gsub("the console's socket: Too many open files", "")))
  end)
end)

describe("another user", function()
  local function isPossible()
    return uv.getuid() == 0 and process.run("/bin/sh", { "-c", "command -v setpriv" }).code == 0
  end

  -- A server that runs as nobody.
  local function startAsNobody()
    local folder = server.folder({ ["script.lua"] = "require 'luaws'.every(100, print)" })
    uv.fs_chown(folder, NOBODY, NOBODY)
    local log = folder .. "/log"
    local command = ('exec setpriv --reuid=%d --regid=%d --clear-groups "$0" "$@" 2>%s'):format(NOBODY, NOBODY, log)
    local handle
    handle = assert(uv.spawn("/bin/sh", {
      args = { "-c", command, BIN, "--attach=" .. folder .. "/console", folder .. "/script.lua" },
    }, function() handle:close() end))
    async.defer(function()
      handle:kill "sigterm"
      async.eventually(function() return handle:is_closing() end)
    end)
    async.eventually(function() return uv.fs_lstat(folder .. "/console") end)
    return folder .. "/console", log
  end

  it("is refused by the server before a byte is read, root, too", function()
    if not isPossible() then pending("only root can be somebody else, with setpriv") end
    local path, log = startAsNobody()
    local guest, err
    async.eventually(function()
      guest, err = connect(path)
      return not err
    end)
    guest:send(frame("O", "luaws 1"))
    assert.is_nil((guest:receive()))
    async.eventually(function()
      local file <close> = io.open(log)
      return file:read("a"):find("warn  the console refuses user 0, who isn't the one it runs as", 1, true)
    end)
  end)

  it("doesn't attach to somebody else's socket", function()
    if not isPossible() then pending("only root can be somebody else, with setpriv") end
    local path = startAsNobody()
    local child = attach(path, "1\n")
    assert.equal(("luaws: %s belongs to user %d, who alone can attach\n"):format(path, NOBODY), child.stderr)
    assert.equal(1, child.code)
  end)
end)
