-- Watched folders. The system tells of what happens in a folder, not of what happens in those below
-- it, and a watch ends with its folder: so there is a watch for each folder that is wanted and
-- there, and for the nearest one above it where it isn't.

local uv = require "luv"

local MOST = 2000 -- folders of one tree: who names the root of the disk is told so

-- Folders with thousands of others in them, which nobody edits.
local SKIPPED = { node_modules = true, lua_modules = true }

local Folders = {}
Folders.__index = Folders

local function join(folder, name)
  return folder == "/" and "/" .. name or folder .. "/" .. name
end

local function parent(path)
  local above = path:match("^(.*)/[^/]*$")
  return above ~= "" and above or "/"
end

-- Of a folder: tells it from another one of that name; nil where there is none.
local function identify(path)
  local stat = uv.fs_stat(path)
  if stat and stat.type == "directory" then return ("%d:%d"):format(stat.dev, stat.ino) end
  return nil
end

local function scan(folder)
  local request = uv.fs_scandir(folder)
  return function()
    if not request then return nil end
    return uv.fs_scandir_next(request)
  end
end

-- Whether a folder of a tree belongs to it. Links don't: they might lead round in a circle.
local function isPart(name, kind)
  return kind == "directory" and name:sub(1, 1) ~= "." and not SKIPPED[name]
end

-- Adds the nearest folder that is there.
local function addNearest(needed, path)
  local id = identify(path)
  while not id and path ~= "/" do
    path = parent(path)
    id = identify(path)
  end
  needed[path] = id
  return path
end

function Folders:addTree(needed, root)
  local found = { addNearest(needed, root) }
  if found[1] ~= root then return end
  for _, folder in ipairs(found) do -- which grows meanwhile
    for name, kind in scan(folder) do
      if isPart(name, kind) then
        if #found >= MOST then return self.onProblem(root, "TOO_MANY", MOST) end
        local below = join(folder, name)
        local id = identify(below)
        if id then
          needed[below] = id
          found[#found + 1] = below
        end
      end
    end
  end
end

function Folders:stop(path)
  local watched = self.watched[path]
  self.watched[path] = nil
  if watched and not watched.handle:is_closing() then watched.handle:close() end
end

-- Of one of our folders. What is about the folder itself comes under its own name.
function Folders:tell(path, name, isRename)
  local watched = self.watched[path]
  if not watched then return end
  if isRename and name == path:match("[^/]*$") then
    watched.isDead = true
    self.isStale = true
  end
  local changed = name and join(path, name) or path
  if isRename and self:isFolderNews(changed) then self.isStale = true end
  self.onChange(changed)
end

-- Whether a name that has come or gone is that of a folder.
function Folders:isFolderNews(path)
  if self.watched[path] or identify(path) then return true end
  for folder in pairs(self.wanted) do
    if folder:sub(1, #path + 1) == path .. "/" then return true end
  end
  return false
end

function Folders:start(path, id)
  local handle, message, name = uv.new_fs_event()
  local ok = handle
  if handle then
    handle:unref() -- a script that has nothing else to wait for ends
    ok, message, name = handle:start(path, {}, function(err, changed, events)
      if not err then self:tell(path, changed, events.rename) end
    end)
    if not ok then handle:close() end
  end
  if ok then
    self.watched[path] = { handle = handle, id = id }
  elseif name ~= "ENOENT" and name ~= "ENOTDIR" then -- gone this very moment: news will follow
    self.onProblem(path, name, message)
  end
end

-- From now on: these folders, and these with all below them. Sets of absolute paths.
function Folders:want(wanted, trees)
  for path in pairs(wanted) do
    if not self.wanted[path] then self.isStale = true end
  end
  for path in pairs(trees) do
    if not self.trees[path] then self.isStale = true end
  end
  self.wanted, self.trees = wanted, trees
end

-- Watches what is there now, where that may have changed since the last time. True if it has: of
-- what happened in a folder just before, nothing will be told.
function Folders:update()
  if not self.isStale then return false end
  self.isStale = false
  local needed = {}
  for path in pairs(self.wanted) do addNearest(needed, path) end
  for path in pairs(self.trees) do self:addTree(needed, path) end
  for path, watched in pairs(self.watched) do
    if needed[path] ~= watched.id or watched.isDead then self:stop(path) end
  end
  for path, id in pairs(needed) do
    if not self.watched[path] then self:start(path, id) end
  end
  return true
end

local folders = {}

-- onChange(path): something of that name has come, gone or changed in one of the folders.
-- onProblem(path, name, detail): one can't be watched, by libuv's name of the error; TOO_MANY: a
-- tree has more than `detail` folders.
function folders.new(onChange, onProblem)
  return setmetatable({
    onChange = onChange, onProblem = onProblem, watched = {}, wanted = {}, trees = {},
  }, Folders)
end

folders.parent = parent

return folders
