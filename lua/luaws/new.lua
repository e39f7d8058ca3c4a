-- `luaws new`: writes a small project to begin with; main.c starts it (see "luaws new" in
-- src/README.md).

local luaws = require "luaws"
local uv = require "luv"
local text = require "luaws.connect.text"
local texts = require "luaws.texts"

local EXIT_FAILURE, EXIT_USAGE = 1, 2
local NAME_MAX = 64
local FOLDER_MODE, FILE_MODE = tonumber("755", 8), tonumber("644", 8)

local HELP = [[
usage: luaws new NAME
       luaws new --annotations

Writes a small project into a new folder NAME: a server, a page, tests, and what editors want to
know. It runs and passes its tests as it is. What is there already is never written over.

  --annotations  prints the annotations of luaws for editors (lua-language-server) instead
  --help         prints this

Exit codes: 0 when it is written, 1 when it can't be, 2 for a wrong command line.
]]

-- Folders, which end in "/", and files: what they are called, what they are made of, what they are
-- for.
local PROJECT = {
  { "server.lua", "new/project/server.lua", "who may come in, and where it serves" },
  { "chat.lua", "new/project/chat.lua", "how one connection is handled" },
  { "public/" },
  { "public/index.html", "new/project/public/index.html", "the page" },
  { "spec/" },
  { "spec/chat_spec.lua", "new/project/spec/chat_spec.lua", "the tests" },
  { "README.md", "new/project/README.md", "how to run and test it" },
  { ".luacheckrc", "new/project/luacheckrc", "for luacheck, which needs no more: luacheck ." },
  { ".luarc.json", "new/project/luarc.json", "for editors with lua-language-server" },
  { ".luaws/" },
  { ".luaws/luaws.lua", "meta.lua", "what these know of luaws" },
  { ".luaws/luaws/" },
  { ".luaws/luaws/testing.lua", "new/project/testing.lua", "and of luaws.testing" },
  { ".gitignore", "new/project/gitignore", "certificates and keys stay out" },
}

local function complain(message)
  io.stderr:write("luaws new: ", text.sanitiseLine(message), "\n")
end

-- What is wrong with a name, or nil. It is a folder's, a title, and one day perhaps part of a
-- module's name.
local function findFault(name)
  if name:find("[/\\]") then
    return "is a path: go to the folder where the project shall lie, and name it"
  elseif not name:find("^%a[%w_-]*$") then
    return "must begin with a letter, and have letters, digits, - and _ alone"
  end
  if #name > NAME_MAX then return ("is longer than %d letters"):format(NAME_MAX) end
end

local function writeFile(path, content)
  local fd, err = uv.fs_open(path, "wx", FILE_MODE)
  if not fd then return nil, err end
  local written
  written, err = uv.fs_write(fd, content)
  local isClosed, closeErr = uv.fs_close(fd)
  if written ~= #content then return nil, err or "no room" end
  return isClosed, closeErr
end

-- "no such file or directory" out of "ENOENT: no such file or directory: chat"
local function why(err)
  return err:match("^E%u+: ([^:]*)") or err
end

-- Removes what has been made, newest first.
local function undo(made)
  for i = #made, 1, -1 do
    local remove = made[i]:find("/$") and uv.fs_rmdir or uv.fs_unlink
    remove(made[i])
  end
end

-- true, or nil and what is wrong: then nothing is left.
local function write(name)
  local folder = name .. "/"
  local ok, err, code = uv.fs_mkdir(name, FOLDER_MODE)
  if code == "EEXIST" then
    return nil, ("there is a '%s' here already: nothing is written"):format(name)
  elseif not ok then
    return nil, ("can't make '%s': %s"):format(name, why(err))
  end
  local made = { folder }
  for _, part in ipairs(PROJECT) do
    local path, source = folder .. part[1], part[2]
    if source then
      ok, err = writeFile(path, (texts[source]:gsub("PROJECT", name)))
    else
      ok, err = uv.fs_mkdir(path, FOLDER_MODE)
    end
    made[#made + 1] = path
    if not ok then
      undo(made)
      return nil, ("can't write '%s': %s (nothing is left)"):format(path, why(err))
    end
  end
  return true
end

local function tell(name)
  local lines, width = { name .. " is there:", "" }, 0
  for _, part in ipairs(PROJECT) do width = math.max(width, #name + 1 + #part[1]) end
  for _, part in ipairs(PROJECT) do
    local path = name .. "/" .. part[1]
    if part[2] then lines[#lines + 1] = "  " .. path .. (" "):rep(width - #path + 2) .. part[3] end
  end
  local steps = {
    "", "Next:", "", "  cd " .. name,
    "  luaws --watch server.lua   # then open http://127.0.0.1:8080/ in two windows",
    "  luaws test                 # runs spec/; needs busted: apt-get install lua-busted", "",
  }
  io.stdout:write(table.concat(lines, "\n"), "\n", table.concat(steps, "\n"))
end

local new = {}

local function refuse(exitCode, message)
  complain(message)
  luaws.exit(exitCode)
end

local function make(name)
  local fault = findFault(name)
  if fault then return refuse(EXIT_USAGE, ("'%s' %s"):format(name, fault)) end
  local ok, err = write(name)
  if not ok then return refuse(EXIT_FAILURE, err) end
  tell(name)
end

local PRINTED = { ["--help"] = HELP, ["-h"] = HELP, ["--annotations"] = texts["meta.lua"] }

-- Does what the words of the command line say.
function new.run(_, word, more)
  local wrong
  if not word then
    wrong = "a name is missing"
  elseif more then
    wrong = "one name is enough: '" .. more .. "'"
  elseif PRINTED[word] then
    return io.stdout:write(PRINTED[word])
  elseif word:find("^%-") then
    wrong = "unknown option '" .. word .. "'"
  end
  if wrong then return refuse(EXIT_USAGE, wrong .. " (see luaws new --help)") end
  make(word)
end

return new
