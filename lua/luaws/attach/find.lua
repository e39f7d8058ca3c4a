-- Where the consoles of this user lie: src/cli/gate.h says how they come there.

local uv = require "luv"

local PATH_MAX = 107 -- bytes of a unix socket's path

-- The folders that sockets lie in by default.
local function folders()
  local runtime = os.getenv("XDG_RUNTIME_DIR") or ""
  local found = { ("/tmp/luaws-%d"):format(uv.getuid()) }
  if runtime:sub(1, 1) == "/" then table.insert(found, 1, runtime .. "/luaws") end
  return found
end

local function isRunning(pid)
  local ok, _, name = uv.kill(pid, 0)
  return ok ~= nil or name == "EPERM"
end

-- Adds the sockets of a folder that is this user's own: { pid =, path = } each.
local function list(folder, found)
  local info = uv.fs_lstat(folder)
  if not info or info.type ~= "directory" or info.uid ~= uv.getuid() then return end
  local scan = uv.fs_scandir(folder)
  for name in function() return scan and uv.fs_scandir_next(scan) end do
    local pid = math.tointeger(tonumber(name:match("^(%d+)%.sock$")))
    if pid and isRunning(pid) then
      found[#found + 1] = { pid = pid, path = folder .. "/" .. name }
    end
  end
end

local function listAll()
  local found = {}
  for _, folder in ipairs(folders()) do list(folder, found) end
  return found
end

-- Only a socket of one's own: what is typed is run by whoever has made it.
local function check(path)
  if #path > PATH_MAX then
    return nil, ("the path of a socket has at most %d bytes: %s"):format(PATH_MAX, path)
  end
  local info, err = uv.fs_lstat(path)
  if not info then return nil, ("%s: %s"):format(path, err:gsub("^%u+: ([^:]*).*", "%1")) end
  if info.type ~= "socket" then return nil, path .. " is no socket" end
  if info.uid ~= uv.getuid() then
    return nil, ("%s belongs to user %d, who alone can attach"):format(path, info.uid)
  end
  return path
end

local function pick(found)
  if #found == 1 then return check(found[1].path) end
  if #found == 0 then
    return nil, "no luaws that was started with --attach is running"
  end
  local pids = {}
  for i, one in ipairs(found) do pids[i] = tostring(one.pid) end
  return nil, "several luaws are running with --attach: " .. table.concat(pids, ", ")
end

-- The path of the socket that a person means: by a process ID, a path, or nil for the only one. Or
-- nil and what is wrong.
return function(word)
  local pid = word and math.tointeger(tonumber(word:match("^%d+$")))
  if word and not pid then return check(word) end
  local found = {}
  for _, one in ipairs(listAll()) do
    if not pid or one.pid == pid then found[#found + 1] = one end
  end
  if pid and #found == 0 then
    return nil, ("no luaws with process ID %d is running with --attach"):format(pid)
  end
  return pick(found)
end
