-- Reading the script again: a transaction between two events. src/script/reload.h says what
-- prepare, commit and rollback are for the rest of the worker; here is what they do to the Lua
-- state.
--
--   local ok, message = reload.prepare()   true: the new generation stands beside the old one. nil:
--                                          it can't. One of these must follow before any handler
--                                          runs; when it has failed or raised, the second one:
--   reload.commit()                        it takes over; true, and what there is to say of that
--   reload.rollback()                      all is as it was
--
-- What stands between them, and tells people, is src/script/vote.c. There is always memory for
-- commit and rollback, and prepare may fail anywhere for want of it: what it changes is noted
-- before it is changed.

local native, core = ...

local classes = require "luaws.reload.classes"
local merge = require "luaws.reload.merge"
local modules = require "luaws.reload.modules"
local excerpt = require "luaws.excerpt"

local reload = { files = modules.files, isOurs = modules.isOurs }

local SAVED_MAX = 1000 -- fields of a table that is saved in case a script writes to it

local LIBRARIES = {
  "string", "table", "math", "io", "os", "debug", "coroutine", "utf8", "package",
}

core.generation = 1

local pristine = {} -- _G before any script
local initial       -- package.path and the like, as the script finds them
local persisted = {}
local attempt       -- what prepare has left for commit and rollback

-- luaws.persist -----------------------------------------------------------------------------------

-- luaws.persist(name, init) -> the value of that name; at first init, or what it returns
function core.persist(name, init)
  if type(name) ~= "string" then
    error(("luaws.persist: expected a name (a string), got a %s"):format(type(name)), 2)
  end
  if persisted[name] == nil then
    local value = init
    if type(init) == "function" then value = init() end
    if value == nil then
      error(("luaws.persist: nothing is kept as '%s', and there is no value to begin with")
        :format(name), 2)
    end
    if persisted[name] == nil then persisted[name] = value end
  end
  return persisted[name]
end

-- What is left alone ------------------------------------------------------------------------------

local function copy(t)
  local result = {}
  for key, value in next, t do result[key] = value end
  return result
end

local function restore(t, saved)
  for key in next, t do
    if saved[key] == nil then rawset(t, key, nil) end
  end
  for key, value in next, saved do rawset(t, key, value) end
end

-- Tables that belong to no generation of the script.
local function keptTables()
  local kept = {
    [_G] = true, [core] = true, [classes.parents] = true, [classes.children] = true,
    [package.loaded] = true, [package.preload] = true, [package.searchers] = true,
    [debug.getregistry()] = true,
  }
  local function keep(value)
    local kind = type(value)
    if kind == "table" or kind == "function" then kept[value] = true end
  end
  local own = {}
  for _, name in ipairs(modules.names()) do own[name] = true end
  for name, value in next, package.loaded do
    if not own[name] then keep(value) end
  end
  for _, value in next, persisted do keep(value) end
  for key, value in next, pristine do
    if rawequal(rawget(_G, key), value) then keep(value) end
  end
  return kept
end

-- Whether functions of a source, as debug.getinfo has it, are the script's or its modules'. So are
-- those that luaws.class has made for it.
local function isOurs(source)
  if source == "=luaws/class.lua" then return true end
  if source:sub(1, 1) == "@" then return modules.isOurs(source:sub(2)) end
  return source ~= "=[C]" and source:sub(1, 7) ~= "=luaws/"
end

local function newMerge()
  return merge.new(keptTables(), isOurs)
end

-- What a generation has made by assigning to globals and by its modules.
local function visitScript(m)
  for _, name in ipairs(modules.names()) do m:visit(package.loaded[name]) end
  for key, value in next, _G do
    if not rawequal(pristine[key], value) then m:visit(value) end
  end
  m:visit(core.onError)
end

-- The main chunk has returned for the first time.
function reload.noteLoaded()
  local m = newMerge()
  visitScript(m)
  for _, wss in ipairs(native.servers()) do m:visit(wss.handler) end
  m:sweep()
  m:remember()
end

-- What a failed attempt must not change -----------------------------------------------------------

-- Saves what a top level usually writes to: global variables, libraries, classes and modules.
local function save()
  local saved = {}
  local function add(t, isWhole)
    if type(t) ~= "table" or saved[t] then return end
    local fields, count = {}, 0
    for key, value in next, t do
      count = count + 1
      if count > SAVED_MAX and not isWhole then return end
      fields[key] = value
    end
    saved[t] = { fields = fields, metatable = debug.getmetatable(t) }
  end
  add(_G, true)
  add(package.loaded, true)
  add(persisted, true)
  for _, name in ipairs(LIBRARIES) do add(_G[name]) end
  add(package.preload)
  add(package.searchers)
  add(debug.getmetatable(""))
  for _, name in ipairs(modules.names()) do add(package.loaded[name]) end
  for key, value in next, _G do
    if not rawequal(pristine[key], value) then add(value) end
  end
  classes.eachKnown(add)
  for _, wss in ipairs(native.servers()) do add(wss.handler) end
  return saved
end

local function restoreAll(saved)
  for t, was in next, saved do
    restore(t, was.fields)
    debug.setmetatable(t, was.metatable)
  end
end

-- The new run finds what the first one has found; its globals are still there.
local function begin()
  local state = {
    saved = save(), globals = copy(_G), loaded = copy(package.loaded), onError = core.onError,
    generation = core.generation, merge = false, told = false, methods = false, stale = false,
    late = false, mark = 0,
  }
  state.mark = native.begin()
  attempt = state
  core.onError = nil
  core.generation = core.generation + 1
  classes.begin()
  attempt.late = modules.begin()
  package.path, package.cpath = initial.path, initial.cpath
  restore(package.searchers, initial.searchers)
end

-- Errors for people -------------------------------------------------------------------------------

-- A message with what stands at the place that it names, and the traceback if there is any.
local function explain(value, traceback)
  local ok, message = pcall(tostring, value)
  if not ok then
    message = ("(error object is a %s value whose __tostring raises)"):format(type(value))
  end
  local file, line = message:match("([^\n\t:]+):(%d+): ")
  local lines = file and excerpt(file, tonumber(line))
  local parts = { message }
  if lines then parts[#parts + 1] = lines end
  if traceback and traceback ~= "" then parts[#parts + 1] = traceback end
  return table.concat(parts, "\n")
end

-- Raises with a place, for `conclude`.
local function refuse(file, line, format, ...)
  local place = file and ("%s:%d: "):format(file, line) or ""
  error(place .. format:format(...), 0)
end

-- Two generations become one ----------------------------------------------------------------------

local function pairAll(m)
  classes.findMoved()
  classes.eachFresh(function(class)
    local former = classes.former(class)
    if former then m:pair(former, class) end
  end)
  for _, name in ipairs(modules.names()) do
    local old = attempt.loaded[name]
    if old ~= nil then m:pair(old, package.loaded[name]) end
  end
  for _, taken in ipairs(native.takenServers()) do m:pair(taken[1].handler, taken[2]) end
  for _, taken in ipairs(native.takenHandlers()) do m:pair(taken[1], taken[2]) end
  if attempt.onError and core.onError then m:pair(attempt.onError, core.onError) end
  for key, value in next, _G do
    local old = attempt.globals[key]
    if old ~= nil and not rawequal(old, value) then m:pairVariables(old, value) end
  end
  m:pairAll()
end

local function replaceVariables(m)
  for _, t in ipairs({ _G, package.loaded }) do
    for key, value in next, t do
      local old = m.former[value]
      if old then rawset(t, key, old) end
    end
  end
end

-- Where a handler's class, or else its methods, are written.
local function placeOf(handler, method)
  local class = debug.getmetatable(handler)
  local file, line = classes.place(class)
  if file then return ("class %s"):format(class.__name), file, line end
  local info = type(method) == "function" and debug.getinfo(method, "S")
  if info and info.what ~= "C" then return "the handler", info.short_src, info.linedefined end
  return "the handler"
end

-- As src/script/args.h has it.
local function isCallable(value)
  local metatable = debug.getmetatable(value)
  return type(value) == "function" or metatable ~= nil and type(metatable.__call) == "function"
end

-- Live connections whose handlers have no onMessage already: nothing of ours.
local function noteLacking()
  local lacking = {}
  for _, wss in ipairs(native.servers()) do
    for _, ws in ipairs(wss.connections) do
      local method = ws.handler.onMessage
      lacking[ws] = not isCallable(method) or nil
      attempt.methods[ws] = method
    end
  end
  return lacking
end

local function checkServers()
  local handlers = {}
  for _, wss in ipairs(native.servers()) do handlers[wss] = wss.handler end
  for _, taken in ipairs(native.takenServers()) do handlers[taken[1]] = taken[2] end
  for wss, handler in pairs(handlers) do
    if not isCallable(handler.onConnection) then
      local what, file, line = placeOf(handler)
      refuse(file, line, "%s has no onConnection any more, and handles %s", what, tostring(wss))
    end
  end
end

local function noteTold(ws, handler)
  if handler.onReload ~= nil then attempt.told[#attempt.told + 1] = ws end
end

-- Every live connection can go on. Notes whose onReload is to be called, and which go on with the
-- functions that they have.
local function checkConnections(m, lacking)
  local stale = {}
  for _, wss in ipairs(native.servers()) do
    for _, ws in ipairs(wss.connections) do
      local handler = ws.handler
      m:renew(handler)
      local method = handler.onMessage
      if not isCallable(method) then
        if not lacking[ws] then
          local what, file, line = placeOf(handler, attempt.methods[ws])
          refuse(file, line, "%s has no onMessage any more, and connection %d has to go on with it",
            what, ws.id)
        end
      elseif not m.seen[method] then
        local info = debug.getinfo(method, "S")
        if isOurs(info.source) then
          local place = ("%s:%d"):format(info.short_src, info.linedefined)
          stale[place] = (stale[place] or 0) + 1
        end
      end
      noteTold(ws, handler)
    end
  end
  for _, ws in ipairs(native.clients()) do
    m:renew(ws.handler)
    noteTold(ws, ws.handler)
  end
  attempt.stale = stale
end

local function conclude()
  local m = newMerge()
  attempt.merge, attempt.told, attempt.methods = m, {}, {}
  local lacking = noteLacking()
  pairAll(m)
  m:mergeAll()
  visitScript(m)
  for _, new in ipairs(m.news) do m:visit(new) end
  native.map(function(value)
    m:visit(value)
    return m:current(value)
  end)
  m:sweep()
  replaceVariables(m)
  core.onError = m:current(core.onError)
  checkServers()
  checkConnections(m, lacking)
end

-- The transaction ---------------------------------------------------------------------------------

local function run(script, code)
  local ok, value, traceback = native.runScript(code, script)
  for _, name in ipairs(attempt.late) do
    if not ok then break end
    if package.loaded[name] == nil and modules.exists(name) then
      ok, value, traceback = native.run(require, name)
      if ok then modules.setLate(name) end
    end
  end
  return ok, value, traceback
end

local function prepare()
  local why = native.refusal()
  if why then return nil, why end
  local script, code = modules.compile()
  if not script then return nil, explain(code) end
  begin()
  local ok, value, traceback = run(script, code)
  if ok then ok, value, traceback = native.run(conclude) end -- the script's metamethods run in it
  if not ok then return nil, explain(value, traceback) end
  return true
end

function reload.prepare()
  local ok, done, why = pcall(prepare)
  if not ok then return nil, explain(done) end
  return done, why
end

local function plural(count, noun)
  return ("%d %s%s"):format(count, noun, count == 1 and "" or "s")
end

local function noteStale(notes)
  for place, count in pairs(attempt.stale) do
    notes[#notes + 1] = ("%s with old functions: the onMessage of %s is made anew for each " ..
      "handler, or has no counterpart"):format(plural(count, "connection"), place)
  end
  if attempt.merge:isCut() then
    notes[#notes + 1] = "the script holds more data than is looked through: some objects may " ..
      "keep old functions"
  end
end

-- Over all workers, without those of luaws's own servers.
local function countConnections()
  local count = 0
  for _, wss in ipairs(native.servers()) do
    if not (wss.path or ""):find("^/%.luaws/") then count = count + wss.connectionCount end
  end
  return count
end

function reload.commit()
  local notes = native.commit()
  noteStale(notes)
  classes.commit(function(class) return attempt.merge:current(class) end)
  modules.commit()
  attempt.merge:remember()
  attempt.merge:handOn()
  for _, ws in ipairs(attempt.told) do native.tell(ws) end
  table.sort(notes)
  local count = #modules.names()
  local text = count > 0 and (": %s, "):format(plural(count, "module")) or ": "
  text = text .. plural(countConnections(), "connection")
  for _, note in ipairs(notes) do text = text .. "\n  " .. note end
  attempt = nil
  return true, text
end

function reload.rollback()
  modules.rollback()
  if not attempt then return end
  if attempt.merge then attempt.merge:undo() end
  native.rollback(attempt.mark)
  restoreAll(attempt.saved)
  core.onError = attempt.onError
  core.generation = attempt.generation
  classes.rollback(merge.handOn)
  attempt = nil
end

modules.open(native)
pristine = copy(_G)
initial = { path = package.path, cpath = package.cpath, searchers = copy(package.searchers) }

return reload
