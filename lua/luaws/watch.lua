-- --watch: the script is reloaded when one of its files is saved, and pages of a root are refreshed
-- when one of theirs is. This decides when; what a reload is, is luaws.reload's business.
--
-- Editors save in several steps, and some by putting a new file in the old one's place: so changes
-- only say that it is time to look, a moment later, and what counts is how the files look then.

local luaws = require "luaws"
local uv = require "luv"
local files = require "luaws.watch.files"
local folders = require "luaws.watch.folders"
local pages = require "luaws.watch.pages"
local reload = require "luaws.reload"

-- Milliseconds.
local QUIET = 50   -- without a further change, before looking
local LATEST = 300 -- from the first change on, however many follow
local APART = 400  -- between two reloads
local AWAY = 200   -- for a file to come back that an editor replaces
local TICK = 0.01  -- s: file systems' clocks are no finer
local GONE = 1000  -- before one that is gone or empty is worth a word

local SHOWN = 5 -- files that are named, of many

local HELP = {
  ENOSPC = "the system's limit of watched folders is reached "
    .. "(sudo sysctl fs.inotify.max_user_watches=524288 raises it)",
  EMFILE = "the limit of descriptors, or of programs that watch, is reached "
    .. "(ulimit -n, sudo sysctl fs.inotify.max_user_instances=1024 raise them)",
  TOO_MANY = "there are more than %d folders below it, the rest isn't watched (name a smaller one)",
}

local watch = {}

local native              -- what C provides
local sources = files.new()
local known = {}          -- paths as the script's files are opened -> without links, absolute
local spots               -- folders.lua's
local browsers            -- pages.lua's
local timer
local touched = {}        -- paths of Lua files that nobody has loaded yet, but that have changed
local shown = {}          -- paths of pages' files that have changed
local firstChange         -- when the first change came that wasn't looked at; nil: there is none
local missingSince        -- when a file was first found missing; nil: all are there
local missingTold = ""    -- those that were told
local reloadedAt = 0
local readSince = 0       -- by the clock: files have been read since then, at the earliest
local hasFailed = false   -- the last reload
local sought = {}         -- paths of modules that it has not found
local complained = {}     -- folders' problems that were told

local function now()
  return uv.hrtime() / 1e6
end

-- As files are dated: seconds since 1970.
local function clock()
  local seconds, microseconds = uv.gettimeofday()
  return seconds + microseconds / 1e6
end

-- For people: from the script's folder on.
local function nameOf(path)
  local folder = native.folder == "/" and "/" or native.folder .. "/"
  if path:sub(1, #folder) == folder then return path:sub(#folder + 1) end
  return path
end

local function namesOf(paths)
  local names = {}
  for i = 1, math.min(#paths, SHOWN) do names[i] = nameOf(paths[i]) end
  local more = #paths > SHOWN and (" and %d more"):format(#paths - SHOWN) or ""
  return table.concat(names, ", ") .. more
end

local function onProblem(path, name, detail)
  local kind = name == "TOO_MANY" and path or name
  if complained[kind] then return end
  complained[kind] = true
  local help = HELP[name] and HELP[name]:format(detail) or detail
  luaws.log.warn(("can't watch %s: %s; SIGHUP reloads all the same"):format(path, help))
end

local function isBelow(folder, path)
  return folder ~= nil and path:sub(1, #folder + 1) == folder .. "/"
end

-- Whether a change of this file can be one of the script's.
local function concerns(path)
  if sources:has(path) then return true end
  local isLua = path:match("%.lua$") and not path:match("/%.[^/]*$")
  return isLua and (hasFailed or isBelow(native.tree, path))
end

local look -- function

local function schedule()
  local time = now()
  firstChange = firstChange or time
  local due = math.max(math.min(time + QUIET, firstChange + LATEST), reloadedAt + APART)
  timer:start(math.ceil(math.max(due - time, 1)), 0, look)
end

local function onChange(path)
  local isSource = concerns(path)
  if isSource and not sources:has(path) then touched[path] = true end
  local isHidden = path:match("/%.[^/]*$") or path:match("~$")
  local isPage = not isSource and not isHidden and browsers:isPart(path)
  if isPage then shown[path] = true end
  if isSource or isPage or spots.isStale then schedule() end
end

-- Which folders there are to watch.
local function aim()
  local wanted, trees = {}, {}
  for path in pairs(sources.stamps) do wanted[folders.parent(path)] = true end
  for path in pairs(sought) do wanted[folders.parent(path)] = true end
  if native.tree then trees[native.tree] = true end
  for root in pairs(browsers.roots) do trees[root] = true end
  spots:want(wanted, trees)
  return spots:update()
end

local function findSources()
  local paths = {}
  for _, path in ipairs(reload.files()) do
    local whole = uv.fs_realpath(path)
    if whole then
      paths[#paths + 1] = whole
    else -- gone for the moment: the name that it is known by has to do
      paths[#paths + 1] = known[path]
    end
    known[path] = whole or known[path]
  end
  if sources:set(paths, readSince) then schedule() end
end

-- Where require has looked in vain, by its own words.
local function findSought(why)
  sought = {}
  for path in why:gmatch("no file '([^']+%.lua)'") do
    path = path:gsub("^%./", "")
    if path:sub(1, 1) ~= "/" then path = uv.cwd() .. "/" .. path end
    if isBelow(native.folder, path) or isBelow(native.tree, path) then sought[path] = true end
  end
end

-- Says once which files are missing. That they are there again, be it as they were, is a change.
local function tellMissing(missing)
  local names = namesOf(missing)
  if names == missingTold then return end
  missingTold = names
  for _, path in ipairs(missing) do sources:forget(path) end
  local is, it = "is", "it is"
  if #missing > 1 then is, it = "are", "they are" end
  luaws.log.warn(("%s %s gone, or empty: the old code goes on (generation %d) until %s back")
    :format(names, is, luaws.generation, it))
end

-- Whether there is something to reload, and all that is needed for it. A module may have gone for
-- good, with what has required it.
local function isReady(changed, missing)
  if #missing == 0 then
    missingSince, missingTold = nil, ""
    return #changed > 0
  end
  local isWaiting = #changed == 0
  for _, path in ipairs(missing) do isWaiting = isWaiting or path == native.script end
  missingSince = missingSince or now()
  local left = missingSince + (isWaiting and GONE or AWAY) - now()
  if left > 0 then
    timer:start(math.ceil(left), 0, look)
  elseif isWaiting then
    tellMissing(missing)
  end
  return left <= 0 and not isWaiting
end

function look()
  firstChange = nil
  local isNew = aim()
  if next(shown) then
    browsers:refresh(shown)
    shown = {}
  end
  local changed, missing = sources:compare()
  for path in pairs(touched) do
    if uv.fs_stat(path) then changed[#changed + 1] = path end
  end
  -- What was put into a folder before it was watched hasn't been told.
  if isNew and hasFailed and #changed == 0 then changed = { native.script } end
  if not isReady(changed, missing) then return end
  touched = {}
  sources:accept()
  reloadedAt, readSince = now(), clock() - TICK
  native.reload(namesOf(changed))
end

-- For C -----------------------------------------------------------------------------------------

-- Before the script runs. `functions` has: folder, script, tree (of --watch=FOLDER; nil: none):
-- paths; refreshPath; webs(): see pages.lua; reload(what): asks for one; age: seconds since the
-- program's start, when other workers may have read the script already.
function watch.start(functions)
  native = functions
  timer = uv.new_timer()
  timer:unref()
  browsers = pages.new(native.refreshPath, native.webs)
  spots = folders.new(onChange, onProblem)
  readSince = clock() - native.age
  findSources()
  aim()
end

-- A web server has started, or has other settings.
function watch.onWeb()
  browsers:update()
  aim()
  browsers:open()
end

-- The script requires further files, the first of them at that time.
function watch.onFiles(time)
  readSince = tonumber(time)
  findSources()
  aim()
end

-- A reload is over; `why` it has failed.
function watch.onReload(why)
  hasFailed = why ~= nil
  findSought(why or "")
  reloadedAt = now()
  findSources()
  aim()
  for path in pairs(sought) do -- it may have come since it was looked for
    if uv.fs_stat(path) then onChange(path) end
  end
end

return watch
