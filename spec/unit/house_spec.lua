-- The rules of the house that a machine can check: which layer may include what, how files open.

local uv = require "luv"
local process = require "spec.support.process"
local readFile = require("spec.support.files").read

-- layer -> the layers it may include, and the libraries from outside
local LAYERS = {
  base = { layers = {}, libraries = {} },
  ws = { layers = { "base" }, libraries = { "zlib" } },
  http = { layers = { "base" }, libraries = { "llhttp", "openssl" } },
  net = { layers = { "base" }, libraries = { "libuv", "openssl" } },
  mailbox = { layers = { "base" }, libraries = { "libuv" } },
  reactor = { layers = { "base", "ws", "http", "net", "mailbox" }, libraries = { "libuv" } },
  script = { layers = { "base", "ws", "http", "mailbox" },
             libraries = { "lua", "luv", "libuv" } },
  crew = { layers = { "base", "mailbox", "reactor", "script" }, libraries = { "libuv" } },
  cli = { layers = { "base" }, libraries = { "libedit" } },
}

-- header -> library; what matches nothing is the C library
local LIBRARIES = {
  { "^zlib%.h$", "zlib" },
  { "^llhttp%.h$", "llhttp" },
  { "^openssl/", "openssl" },
  { "^uv%.h$", "libuv" },
  { "^uv/", "libuv" },
  { "^lua%.h$", "lua" },
  { "^lauxlib%.h$", "lua" },
  { "^lualib%.h$", "lua" },
  { "^luv/", "luv" },
  { "^histedit%.h$", "libedit" },
  { "^editline/", "libedit" },
}

-- Arithmetic needs no socket, thread, file or signal.
local IMPURE_HEADERS = {
  "^sys/socket%.h$", "^sys/uio%.h$", "^sys/stat%.h$", "^sys/time%.h$", "^sys/epoll%.h$", "^poll%.h$",
  "^netinet/", "^arpa/", "^netdb%.h$", "^pthread%.h$", "^threads%.h$", "^signal%.h$", "^fcntl%.h$",
  "^unistd%.h$",
}
local PURE = { "ws", "http" }
local CLOCKS = { "clock_gettime", "gettimeofday", "time%(NULL%)", "time%(0%)" }

local LONG_FILE = 500
local LONG_FUNCTION = 80

-- What lies in the folder: name -> "file", "directory"...; read to its end, so that nothing is kept.
local function listFolder(path)
  local scan = assert(uv.fs_scandir(path))
  local kinds = {}
  for name, kind in function() return uv.fs_scandir_next(scan) end do kinds[name] = kind end
  return kinds
end

local function sourcesOf(layer)
  local files = {}
  for name in pairs(listFolder("src/" .. layer)) do
    if name:match("%.[ch]$") then files[#files + 1] = "src/" .. layer .. "/" .. name end
  end
  table.sort(files)
  return files
end

local function allSources()
  local files = {}
  for layer in pairs(LAYERS) do
    for _, path in ipairs(sourcesOf(layer)) do files[#files + 1] = path end
  end
  table.sort(files)
  return files
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function libraryOf(header)
  for _, rule in ipairs(LIBRARIES) do
    if header:match(rule[1]) then return rule[2] end
  end
  return nil
end

-- Lines of the file that include something it may not, as "line: header".
local function forbiddenIncludes(text, layer)
  local rule = LAYERS[layer]
  local found = {}
  local number = 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local own = line:match('^%s*#%s*include%s+"([^"]+)"')
    local outside = line:match("^%s*#%s*include%s+<([^>]+)>")
    local folder = own and own:match("^([^/]+)/")
    if folder and folder ~= layer and not contains(rule.layers, folder) then
      found[#found + 1] = number .. ": " .. own
    end
    if own and not folder and own ~= "luaws_version.h" then
      found[#found + 1] = number .. ": " .. own .. " (name its folder)"
    end
    local library = outside and libraryOf(outside)
    if library and not contains(rule.libraries, library) then
      found[#found + 1] = number .. ": " .. outside
    end
  end
  return found
end

-- Lengths of the functions in a file as clang-format leaves it: from a line that ends in "{" at the
-- margin to the "}" at the margin.
local function longFunctions(text)
  local found = {}
  local number, start, name = 0, nil, nil
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if not start and line:match("^[%a_].*%)%s*{$") then
      start, name = number, line:match("([%w_]+)%(")
    elseif start and line == "}" then
      if number - start > LONG_FUNCTION then
        found[#found + 1] = ("%s (%d lines)"):format(name, number - start)
      end
      start = nil
    end
  end
  return found
end

local function countLines(text)
  return select(2, text:gsub("\n", ""))
end

describe("the layers", function()
  it("are the folders of src", function()
    for name, kind in pairs(listFolder("src")) do
      if kind == "directory" then assert.is_table(LAYERS[name], "src/" .. name) end
    end
  end)

  for layer in pairs(LAYERS) do
    it(layer .. " includes only what it may", function()
      for _, path in ipairs(sourcesOf(layer)) do
        assert.same({}, forbiddenIncludes(readFile(path), layer), path)
      end
    end)
  end

  for _, layer in ipairs(PURE) do
    it(layer .. " is arithmetic: no socket, thread, file or clock", function()
      for _, path in ipairs(sourcesOf(layer)) do
        local text = readFile(path)
        for header in text:gmatch("#%s*include%s+<([^>]+)>") do
          for _, pattern in ipairs(IMPURE_HEADERS) do
            assert.is_nil(header:match(pattern), path .. " includes " .. header)
          end
        end
        for _, pattern in ipairs(CLOCKS) do
          assert.is_nil(text:match("[^%w_]" .. pattern), path .. " reads a clock")
        end
      end
    end)
  end

  it("are checked by a check that can fail", function()
    local text = '// why\n#include <uv.h>\n#include "script/vm.h"\n#include "ws/frame.h"\n'
    assert.same({ "3: script/vm.h" }, forbiddenIncludes(text, "reactor"))
    assert.same({ "2: uv.h", "3: script/vm.h" }, forbiddenIncludes(text, "ws"))
    assert.same({ "1: frame.h (name its folder)" }, forbiddenIncludes('#include "frame.h"', "ws"))
  end)
end)

describe("a source file", function()
  it("opens with why it exists", function()
    for _, path in ipairs(allSources()) do
      if path:match("%.c$") then
        assert.is_truthy(readFile(path):match("^// %S"), path .. " opens with a comment")
      end
    end
    for _, path in ipairs({ "src/main.c", "src/threads.c", "src/staff.c" }) do
      assert.is_truthy(readFile(path):match("^// %S"), path .. " opens with a comment")
    end
  end)

  it("that is a header has a guard of its name, then its contract", function()
    for _, path in ipairs(allSources()) do
      local folder, name = path:match("^src/(.-)/(.-)%.h$")
      if name then
        local guard = (folder .. "_" .. name .. "_H"):upper()
        local opening = "^#ifndef " .. guard .. "\n#define " .. guard .. "\n\n//"
        assert.is_truthy(readFile(path):match(opening), path)
      end
    end
  end)

  -- A long one is a notice, not a failure: there may be a reason, and the reader should hear of it.
  it("is short, and so are its functions", function()
    for _, path in ipairs(allSources()) do
      local text = readFile(path)
      local lines = countLines(text)
      if lines > LONG_FILE then print(("notice: %s has %d lines"):format(path, lines)) end
      for _, long in ipairs(longFunctions(text)) do print("notice: " .. path .. ": " .. long) end
    end
    local long = "int f(void) {\n" .. ("  g();\n"):rep(LONG_FUNCTION + 1) .. "}\n"
    assert.same({ ("f (%d lines)"):format(LONG_FUNCTION + 2) }, longFunctions(long))
  end)
end)

describe("the tree", function()
  it("is as tools/lint wants it", function()
    if not uv.fs_stat(".git") then pending("no git repository: its files aren't known") end
    local run = process.run("tools/lint", {}, 150)
    assert(run.code == 0, run.stdout .. run.stderr)
    io.write(run.stdout)
  end)
end)

describe("the binary", function()
  local BIN = os.getenv("LUAWS_BIN")

  it("holds every Lua module of luaws but the one for editors", function()
    for file in pairs(listFolder("lua/luaws")) do
      local name = file:match("^(.*)%.lua$")
      if name and name ~= "meta" then
        local module = name == "init" and "luaws" or "luaws." .. name
        local run = process.run(BIN, { "-e", ("package.path = '' require %q"):format(module) })
        assert(run.code == 0, run.stderr)
      end
    end
  end)

  it("has in its manual every option of --help", function()
    local manual = readFile("man/luaws.1"):gsub("\\", "")
    local run = process.run(BIN, { "--help" })
    assert.equal(0, run.code)
    local count = 0
    for option in run.stdout:gmatch("%f[-]%-%-[%a-]+") do
      count = count + 1
      assert.is_truthy(manual:find(option, 1, true), option)
    end
    assert.is_true(count >= 5, run.stdout)
  end)
end)
