-- The files of a script's project: which of its modules come from there, and their chunks when they
-- are read again.
--
-- A searcher of luaws's own stands in the place of Lua's for Lua files. It does the same, and takes
-- notes.

local SEARCHER = 3 -- in package.searchers: behind package.preload and luaws's own modules

local modules = {}

local native         -- src/script/lib_reload.c
local folder, tree   -- the project's: absolute, with a slash at the end; the second may be nil
local notes = {}     -- name -> { file =, isOurs =, isLate = first required by a callback }
local compiled       -- file -> chunk, while the script is read again
local before         -- what notes were before that
local tried = {}     -- set of the files that were opened since the last commit
local isTold = false -- of what was opened since modules.files
local inside = {}    -- path -> whether it lies in the folder

local function isBelow(above, path)
  return above ~= nil and path:sub(1, #above) == above
end

-- Whether a path is one of the project's files.
function modules.isOurs(path)
  local is = inside[path]
  if is == nil then
    local whole = native.resolve(path)
    is = whole ~= nil and (isBelow(folder, whole) or isBelow(tree, whole))
    inside[path] = is
  end
  return is
end

local function load(file)
  local chunk = compiled and compiled[file]
  if not chunk then return loadfile(file) end
  compiled[file] = nil
  return chunk
end

local function search(name)
  local file, why = package.searchpath(name, package.path)
  if not file then return why end
  tried[file] = true
  if not isTold then
    isTold = true
    native.tellOfFiles()
  end
  local chunk, message = load(file)
  if not chunk then
    error(("error loading module '%s' from file '%s':\n\t%s"):format(name, file, message), 0)
  end
  notes[name] = { file = file, isOurs = modules.isOurs(file), isLate = native.isCallback() }
  return chunk, file
end

-- What lies in there. What doesn't may do by now; and a link may lead elsewhere than before.
local function lookAround()
  local was = folder
  folder = native.findFolder():gsub("/*$", "/")
  for path, is in pairs(inside) do
    if not is or folder ~= was then inside[path] = nil end
  end
end

function modules.open(functions)
  native = functions
  tree = native.tree and native.tree:gsub("/*$", "/")
  lookAround()
  package.searchers[SEARCHER] = search
end

-- The names of the project's modules that are loaded, in order.
function modules.names()
  local names = {}
  for name, note in pairs(notes) do
    if note.isOurs and package.loaded[name] ~= nil then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- The paths of the script and of its project's modules, as they have been opened, and of those that
-- an attempt in vain has opened. Whoever asks is told when there are others: native.tellOfFiles.
function modules.files()
  isTold = false
  local files = { native.script }
  for _, name in ipairs(modules.names()) do files[#files + 1] = notes[name].file end
  for file in pairs(tried) do
    if modules.isOurs(file) then files[#files + 1] = file end
  end
  return files
end

-- What a full disk, or a copy that has just begun, leaves of a script would end all servers.
local function loadScript()
  if native.isEmpty(native.script) then return nil, native.script .. " is empty" end
  return loadfile(native.script)
end

-- Compiles the script and all modules of the project anew. Returns the chunks of -e (or nil) and of
-- the script; or nil, message. A module whose file has gone will be missed when it is required.
function modules.compile()
  tried = {}
  local code, message
  if native.code then
    code, message = _G.load(native.code, "=(command line)")
    if not code then return nil, message end
  end
  local script
  script, message = loadScript()
  if not script then return nil, message end
  lookAround()
  local chunks = {}
  for _, name in ipairs(modules.names()) do
    local file = package.searchpath(name, package.path)
    if file and modules.isOurs(file) then
      chunks[file], message = loadfile(file)
      if not chunks[file] then return nil, message end
    end
  end
  compiled = chunks
  return script, code
end

-- The next generation is going to require what it needs: forgets the project's modules. Returns the
-- names of those that callbacks had required.
function modules.begin()
  before = notes
  local late = {}
  for _, name in ipairs(modules.names()) do
    package.loaded[name] = nil
    if notes[name].isLate then late[#late + 1] = name end
  end
  notes = {}
  for name, note in pairs(before) do
    if not note.isOurs then notes[name] = note end
  end
  return late
end

-- Whether there is still a file for a module.
function modules.exists(name)
  return package.searchpath(name, package.path) ~= nil
end

-- What a callback had required stays so.
function modules.setLate(name)
  if notes[name] then notes[name].isLate = true end
end

function modules.commit()
  compiled, before, tried = nil, nil, {}
end

function modules.rollback()
  if before then notes = before end
  compiled, before = nil, nil
end

return modules
