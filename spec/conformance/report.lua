-- The outcomes of runs as text, for people and for spec/conformance/results.
--
-- report.line(result) -> "6.4.1 non-strict: it fails only when ... (a text ...)"
-- report.complaints(results) -> such a line for each that failed or is non-strict
-- report.countLines(run) -> an array: "plain; Autobahn's catalogue: 301 passed, 0 non-strict, 0 failed, 216 skipped",
--     then the same of our own cases; report.parseCountLine(line)
-- report.text(runs, heading) -> the heading, the lines of counts of each run ({ title =, results = }), a table with a
--     column for each, then what did not pass

local runner = require "spec.conformance.runner"

local report = {}

local COLUMN = 12

function report.line(result)
  return ("%s %s: %s (%s)"):format(result.name, result.outcome, result.note or "", result.about)
end

-- Autobahn's cases have its numbers for names.
local function isAutobahns(result)
  return result.name:find("^%d") ~= nil
end

local GROUPS = { { "Autobahn's catalogue", true }, { "our own", false } }

function report.countLines(run)
  local lines = {}
  for _, group in ipairs(GROUPS) do
    local results = {}
    for _, result in ipairs(run.results) do
      if isAutobahns(result) == group[2] then results[#results + 1] = result end
    end
    local counts = runner.count(results)
    if #results > 0 then
      lines[#lines + 1] = ("%s; %s: %d passed, %d non-strict, %d failed, %d skipped"):format(run.title, group[1],
        counts.passed, counts["non-strict"], counts.failed, counts.skipped)
    end
  end
  return lines
end

function report.parseCountLine(line)
  local title, group, passed, nonStrict, failed, skipped =
    line:match("^(.-); (.-): (%d+) passed, (%d+) non%-strict, (%d+) failed, (%d+) skipped$")
  return { title = title, group = group, passed = passed, ["non-strict"] = nonStrict, failed = failed,
    skipped = skipped }
end

local function row(name, runs, i)
  local words = { ("%-16s"):format(name) }
  for _, run in ipairs(runs) do words[#words + 1] = ("%-" .. COLUMN .. "s"):format(run.results[i].outcome) end
  return (table.concat(words, " "):gsub("%s+$", ""))
end

function report.complaints(results)
  local lines = {}
  for _, result in ipairs(results) do
    if result.outcome == "failed" or result.outcome == "non-strict" then lines[#lines + 1] = report.line(result) end
  end
  return lines
end

function report.text(runs, heading)
  local lines = { heading }
  for _, run in ipairs(runs) do table.move(report.countLines(run), 1, #GROUPS, #lines + 1, lines) end
  lines[#lines + 1] = ""
  for i, result in ipairs(runs[1].results) do lines[#lines + 1] = row(result.name, runs, i) end
  for _, run in ipairs(runs) do
    local notes = report.complaints(run.results)
    if #notes > 0 then lines[#lines + 1] = ("\n%s\n\n%s"):format(run.title, table.concat(notes, "\n")) end
  end
  return table.concat(lines, "\n") .. "\n"
end

return report
