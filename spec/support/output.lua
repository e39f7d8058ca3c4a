-- busted's output handler for luaws-spec: a line for each file, a block for each failure, at the
-- end what was skipped and what failed. The last line (N passed, N failed) is runner.c's.

local busted = require "busted"
local runner = require "runner"
local async = require "spec.support.async"

local SLOW = tonumber(os.getenv "LUAWS_SPEC_SLOW" or "") or math.huge
local TEST_SECONDS = 240 -- a test that takes longer doesn't wait, it hangs: see async.lua

local output = {}

local passed, failed = 0, 0
local file = { passed = 0, failed = 0 } -- the running one
local skippedTests, failures = {}, {}
local failedElements = {} -- counted ones: a test may fail twice, in itself and in its finally

local function fullName(element)
  local names = {}
  while element and element.descriptor ~= "file" and element.descriptor ~= "suite" do
    table.insert(names, 1, tostring(element.name or element.descriptor))
    element = busted.parent(element)
  end
  return table.concat(names, " ")
end

-- file:line and the full name; an error at the top of a file has the file's name alone.
local function title(element, trace)
  trace = element.trace or trace
  local name = fullName(element)
  if name == "" or not trace or not trace.short_src then return element.name or "?" end
  return ("%s:%d: %s"):format(trace.short_src, trace.currentline, name)
end

local function indent(text)
  return (tostring(text):gsub("%s+$", ""):gsub("[^\n]+", "  %0"))
end

local function write(...)
  io.write(...)
  io.flush()
end

-- The traceback down to the spec's own function; what lies below is busted.
local function specTraceback(trace)
  local lines = {}
  for line in ((trace and trace.traceback) or ""):gmatch("[^\n]+") do
    if line:find("/busted/", 1, true) or line:find("xpcall", 1, true) then break end
    if line:find("_spec.lua", 1, true) or line:find("spec/support", 1, true) then
      lines[#lines + 1] = line:gsub("^%s+", "  ")
    end
  end
  return table.concat(lines, "\n")
end

local function report(what)
  runner.progress(passed, failed, what, math.ceil(async.seconds(TEST_SECONDS)))
end

local function onFileStart(element)
  file = { name = element.name, passed = 0, failed = 0, start = busted.monotime() }
  report("loading " .. element.name)
  return nil, true
end

local function onFileEnd()
  if file.passed + file.failed > 0 then
    write(("%-52s %4d %s %7.2f s\n"):format(file.name, file.passed,
      file.failed > 0 and ("passed, %d failed"):format(file.failed) or "passed",
      busted.monotime() - file.start))
  end
  return nil, true
end

local function onTestStart(element)
  element.began = busted.monotime()
  report(title(element))
  return nil, true
end

local function onTestEnd(element, _, status)
  local took = busted.monotime() - element.began
  if took > SLOW then write(("%7.2f s  %s\n"):format(took, title(element))) end
  if status == "success" then
    passed = passed + 1
    file.passed = file.passed + 1
  elseif status == "pending" then
    skippedTests[#skippedTests + 1] = title(element)
      .. (element.skipReason and (" (" .. element.skipReason .. ")") or "")
  end
  return nil, true
end

local function onPending(element, _, message)
  element.skipReason = type(message) == "string" and message:gsub("^[^\n]-:%d+: ", "") or nil
  return nil, true
end

local function onFailure(element, _, message, trace)
  local where = title(element, trace)
  if not failedElements[element] then
    failedElements[element] = element.descriptor == "it"
    failed = failed + 1
    file.failed = file.failed + 1
    failures[#failures + 1] = where
  end
  write("\nFAILED ", where, "\n", indent(message or "no message"), "\n")
  local below = specTraceback(trace)
  if below ~= "" then write(indent(below), "\n") end
  write("\n")
  report(where)
  return nil, true
end

local function onSuiteStart(_, run, runs)
  failedElements = {}
  if runs and runs > 1 then write(("run %d of %d\n"):format(run, runs)) end
  return nil, true
end

local function printList(heading, lines)
  if #lines == 0 then return end
  write("\n", heading, "\n")
  for _, line in ipairs(lines) do write("  ", line, "\n") end
end

-- After busted has ended: the summary; true when nothing failed and something ran.
function output.finish()
  printList("skipped:", skippedTests)
  printList("failed:", failures)
  write("\n")
  runner.progress(passed, failed, "the end")
  return failed == 0
end

function output.subscribe()
  busted.subscribe({ "suite", "start" }, onSuiteStart)
  busted.subscribe({ "file", "start" }, onFileStart)
  busted.subscribe({ "file", "end" }, onFileEnd)
  busted.subscribe({ "test", "start" }, onTestStart)
  busted.subscribe({ "test", "end" }, onTestEnd)
  busted.subscribe({ "pending" }, onPending)
  busted.subscribe({ "failure" }, onFailure)
  busted.subscribe({ "error" }, onFailure)
end

return setmetatable(output, { __call = function() return output end })
