-- Looks over busted's shoulder. What has been opened in a test is closed when it is over, as a part
-- of the test, so that what goes wrong in that is the test's own failure. The command line gets an
-- option, and says where specs find their modules.

local TIMEOUT = "30" -- s

-- Runs `call` in the place of what the module returns, which it gets as its first argument.
local function replace(module, call)
  local original = require(module)
  package.loaded[module] = function(...) return call(original, ...) end
end

-- Whether a frame is of the specs' own: not of C, luaws, busted or what comes with that.
local function isSpecs(frame)
  local path = frame.source:match("^@(.*)")
  return path and not path:find("[/\\]busted[/\\]") and not path:find("[/\\]luassert[/\\]")
    and not path:find("[/\\]mediator%.lua$")
end

-- busted's core with what it runs bracketed.
local function followCore(newCore, bench)
  local core = newCore()
  local safe = core.safe
  bench.follow(core)

  local function runOwn(descriptor, run, element, onOver)
    local results = table.pack(safe(descriptor, function()
      bench.run(run)
      bench.rest()
      if onOver then onOver() end
    end, element))
    bench.rest()
    return table.unpack(results, 1, results.n)
  end

  local function runTest(descriptor, run, element)
    local isOver = false
    local results = table.pack(runOwn(descriptor, run, element, function()
      isOver = true
      bench.endTest(element, true)
    end))
    if not isOver then bench.endTest(element, false) end
    return table.unpack(results, 1, results.n)
  end

  -- `run` is the spec's own function, or busted's around that and its hooks.
  function core.safe(descriptor, run, element)
    local isOwn = run == element.run
    if descriptor == "it" and isOwn then return runTest(descriptor, run, element) end
    if isOwn or descriptor == "finally" then return runOwn(descriptor, run, element) end
    if descriptor ~= "it" then return safe(descriptor, run, element) end
    return safe(descriptor, function()
      run()
      bench.endTest(element, true) -- what hooks have opened
    end, element)
  end

  -- What has raised has no time any more, but busted has, to say so.
  local getTrace = core.getTrace
  function core.getTrace(element, level, message)
    bench.rest()
    local from = level or 3
    local first = from
    local frame = debug.getinfo(first, "S")
    while frame and not isSpecs(frame) do -- it is the spec's line that is wanted
      first = first + 1
      frame = debug.getinfo(first, "S")
    end
    local trace = getTrace(element, (frame and first or from) + 1, message)
    local frames = trace.traceback and trace.traceback:gsub("\n%s+luaws/[^\n]*", "")
    trace.traceback = frame and frames or ""
    if not frame and element.descriptor == "file" then
      trace.short_src, trace.currentline = element.name, 1
    end
    return trace
  end

  local rewrite = core.rewriteMessage
  function core.rewriteMessage(element, message, trace)
    local kind = (debug.getmetatable(message) or {}).__type
    local text = rewrite(element, message, trace)
    return kind == "pending" and text or text .. bench.describeOutput()
  end

  for _, descriptor in ipairs { "describe", "file" } do
    core.subscribe({ descriptor, "end" }, function(element)
      bench.endScope(element)
      return nil, true
    end, { priority = 1 })
  end
  return core
end

-- Where `require` of a spec looks first, besides the working directory: in the folder above that of
-- the specs. A file's own folder counts as well.
local function findFolders(roots)
  local folders = {}
  for _, root in ipairs(roots) do
    local folder = root:match("^(.-)/*$")
    local isFile = folder:find("%.lua$")
    local own = folder:match("^(.*)/[^/]*$") or "."
    if isFile then folders[#folders + 1] = own end
    local above = isFile and own or folder
    folders[#folders + 1] = above == "." and ".." or above:match("^(.*)/[^/]*$") or "."
  end
  return folders
end

-- luacov's hook is the runner's alone at first: handlers, timers and tasks run in other coroutines.
local function followCoverage(newLoader)
  local load = newLoader()
  return function(...)
    local ok, err = load(...)
    if ok then require "luaws.testing.native".shareHook() end
    return ok, err
  end
end

local function parseWith(cli, bench, args)
  local parsed, err = cli:parse(args)
  if not parsed then return nil, err end
  local seconds = tonumber(parsed.timeout)
  if not seconds or seconds <= 0 then
    return nil, "luaws test: --timeout wants seconds, got '" .. tostring(parsed.timeout) .. "'"
  end
  bench.timeout = seconds
  bench.addFolders(findFolders(parsed.ROOT))
  bench.begin(parsed.verbose)
  return parsed
end

local function followCommandLine(newCli, bench, options)
  local newParser = require "cliargs.core"
  package.loaded["cliargs.core"] = function()
    local parser = newParser()
    parser:option("--timeout=SECONDS", "how long a test, or a hook, may take", TIMEOUT)
    return parser
  end
  local cli = newCli(options)
  package.loaded["cliargs.core"] = newParser
  return {
    set_name = function() return cli:set_name("luaws test") end,
    set_silent = function() return cli:set_silent("luaws test") end,
    parse = function(_, args) return parseWith(cli, bench, args) end,
  }
end

-- Before busted.runner is called. `bench` is luaws.testing.bench.
return function(bench)
  replace("busted.core", function(newCore) return followCore(newCore, bench) end)
  replace("busted.modules.luacov", followCoverage)
  replace("busted.modules.cli", function(newCli, options)
    return followCommandLine(newCli, bench, options)
  end)
end
