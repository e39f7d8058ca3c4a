-- A script under test. It runs as `luaws script.lua` would run it, but in an environment of its
-- own: its globals, its modules, its arg and package, and a luaws whose web server is its own. What
-- is outside the project is shared: Lua's libraries, installed modules.

local luaws = require "luaws"
local bench = require "luaws.testing.bench"
local excerpt = require "luaws.excerpt"

local PATIENCE = 1 -- s: for a main chunk that goes on waiting when it has made its servers

local Script = {}
Script.__index = Script

-- As they are before any spec runs.
local GLOBALS = {}
for name, value in pairs(_G) do GLOBALS[name] = value end

-- Where installed modules are: all of Lua's folders but those that start where we are.
local function installedPath()
  local templates = {}
  for template in package.path:gmatch("[^;]+") do
    if template:sub(1, 2) ~= "./" then templates[#templates + 1] = template end
  end
  return table.concat(templates, ";")
end

local INSTALLED = installedPath()

-- Modules -----------------------------------------------------------------------------------------

local loading -- the script whose module `require` is about to look for

-- The file of a module of the project's; nil for all others.
local function findModule(self, name)
  if package.preload[name] or name:find("^luaws%f[.\0]") then return nil end
  local path = package.searchpath(name, self.environment.package.path)
  return path ~= package.searchpath(name, INSTALLED) and path or nil
end

local function search(name)
  local self = loading
  local path = self and findModule(self, name)
  if not path then return nil end
  local chunk, err = loadfile(path, "bt", self.environment)
  if not chunk then
    error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, err), 0)
  end
  return chunk, path
end

table.insert(package.searchers, 2, search)

-- Through Lua's own require, which lets nobody wait.
local function requireModule(self, name)
  local kept = package.loaded[name]
  package.loaded[name] = nil
  loading = self
  local results = table.pack(pcall(require, name))
  package.loaded[name] = kept
  if not results[1] then error(results[2], 0) end
  self.loaded[name] = results[2]
  return table.unpack(results, 2, results.n)
end

-- What the script sees as package.loaded[name].
local function findLoaded(self, name)
  local known = self.loaded[name]
  if known ~= nil or type(name) ~= "string" or findModule(self, name) then return known end
  return package.loaded[name]
end

local function makeRequire(self)
  return function(name)
    local known = self.loaded[name]
    if known ~= nil then return known end
    if type(name) == "string" and findModule(self, name) then return requireModule(self, name) end
    return require(name)
  end
end

-- luaws -------------------------------------------------------------------------------------------

local function track(self, web, wss)
  table.insert(self.servers, { wss = wss, web = web })
  return wss
end

local function newWebServer(self, settings)
  local web = luaws.WebServer.new(settings)
  self.native.prepareWeb(web, self.folder, self.isSecure)
  table.insert(self.webs, web)
  return web
end

local function withWeb(self, options)
  if options ~= nil and type(options) ~= "table" then return options end
  local settings = setmetatable({}, getmetatable(options))
  for name, value in pairs(options or {}) do settings[name] = value end
  if settings.web == nil then settings.web = self.module.webServer end
  return settings
end

-- A class of luaws's with another `new`.
local function derive(class, new)
  return setmetatable({ new = new }, { __index = class })
end

local function exit(self, code)
  self.onExit(code or 0)
  for _, server in ipairs(self.servers) do server.wss:terminate() end
end

-- What one script keeps is not there for the next test.
local function persist(self, name, init)
  if type(name) ~= "string" then return luaws.persist(name) end -- raises
  if self.persisted[name] == nil then
    local value = init
    if type(init) == "function" then value = init() end
    if value == nil then return luaws.persist(name) end -- raises
    self.persisted[name] = value
  end
  return self.persisted[name]
end

-- Workers by name look for modules where the script does, and go with it.
local function withWorkers(self, call)
  return function(name, ...)
    self.native.setWorkerPath(self.environment.package.path)
    if type(name) == "string" and name ~= luaws.workerName then self.workers[name] = true end
    return call(name, ...)
  end
end

local function makeModule(self)
  local module = {
    generation = 1,
    exit = function(code) exit(self, code) end,
    reload = function() return nil, "a script under test isn't reloaded" end,
    persist = function(name, init) return persist(self, name, init) end,
    callWorker = withWorkers(self, luaws.callWorker),
    askWorker = withWorkers(self, luaws.askWorker),
    WebServer = derive(luaws.WebServer, function(settings) return newWebServer(self, settings) end),
    WebSocketServer = derive(luaws.WebSocketServer, function(handler, options)
      local settings = withWeb(self, options)
      local wss = luaws.WebSocketServer.new(handler, settings)
      return track(self, settings.web, wss)
    end),
  }
  module.webServer = newWebServer(self, {})
  return setmetatable(module, {
    __index = luaws,
    __newindex = function(_, key, value)
      local ok, err = pcall(function() luaws[key] = value end)
      if not ok then error(err:gsub("^[^\n]-:%d+: ", ""), 2) end
    end,
    __pairs = function()
      local all = {}
      for name, value in pairs(luaws) do all[name] = value end
      for name, value in pairs(module) do all[name] = value end
      return next, all, nil
    end,
  })
end

-- The environment ---------------------------------------------------------------------------------

local function addGlobals(self, environment)
  environment._G = environment
  environment.package = setmetatable({
    path = ("%s/?.lua;%s/?/init.lua;%s"):format(self.folder, self.folder, package.path),
    loaded = setmetatable({}, {
      __index = function(_, name) return findLoaded(self, name) end,
      __newindex = self.loaded,
    }),
  }, { __index = package })
  environment.require = makeRequire(self)
  environment.print = bench.printer(self.output)
  function environment.load(chunk, name, mode, env)
    return load(chunk, name, mode, env == nil and environment or env)
  end
  function environment.loadfile(path, mode, env)
    return loadfile(path, mode, env == nil and environment or env)
  end
  function environment.dofile(path)
    local chunk, err = loadfile(path, "bt", environment)
    if not chunk then error(err, 0) end
    return chunk()
  end
end

local function makeEnvironment(self, args)
  local environment = {}
  for name, value in pairs(GLOBALS) do environment[name] = value end
  self.environment = environment
  addGlobals(self, environment)
  environment.arg = table.move(args, 1, #args, 1, { [-1] = arg[0], [0] = self.path })
end

-- Running it --------------------------------------------------------------------------------------

local function describeError(err)
  local text = tostring(err)
  local file, line = text:match("^([^\n]-):(%d+): ")
  local lines = file and excerpt(file, math.tointeger(tonumber(line)))
  return lines and text .. "\n" .. lines or text
end

-- Runs the main chunk in a task of its own. Returns when it has returned, or waits and has servers.
local function run(self, chunk, args)
  local results
  local timer
  luaws.await(function(done)
    luaws.spawn(function()
      self.native.enter(self.scope)
      results = table.pack(xpcall(chunk, describeError, table.unpack(args)))
      done()
    end)
    timer = luaws.every(PATIENCE, function()
      if #self.servers > 0 then done() end
    end)
  end)
  timer:cancel()
  if results and not results[1] then error(results[2], 0) end
end

-- Ends what its main chunk has started; its servers must have ended.
function Script:finish()
  for name in pairs(self.workers) do luaws.killWorker(name) end
  self.native.finish(self.scope)
  if self.module.onError then luaws.onError = nil end
end

-- Runs the script; `options` has args, an array, and tls: true. Raises what its main chunk raises.
-- A script: `servers`, an array of { wss =, web = }, grows when it makes one; `webs`, its web
-- servers; `output`, what it prints, in lines. `onMade` gets it before it runs, and gives it a
-- function onExit(code), for luaws.exit.
return function(path, options, onMade)
  local native = require "luaws.testing.native"
  local chunk, err = loadfile(path)
  if not chunk then error(describeError(err), 0) end
  local self = setmetatable({
    native = native, scope = native.newScope(), isSecure = options.tls,
    path = path, folder = path:match("^(.*)/[^/]*$") or ".",
    servers = {}, webs = {}, loaded = {}, output = {}, persisted = {}, workers = {},
  }, Script)
  local args = options.args or {}
  makeEnvironment(self, args)
  self.module = makeModule(self)
  self.loaded.luaws = self.module
  debug.setupvalue(chunk, 1, self.environment)
  onMade(self)
  run(self, chunk, args)
  return self
end
