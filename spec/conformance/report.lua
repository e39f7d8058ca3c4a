-- The outcomes of runs as text, for people and for spec/conformance/results.
--
-- report.line(result) -> "6.4.1 non-strict: it fails only when ... (a text ...)"
-- report.text(runs [, heading]) -> a table with a column for each run ({ title =, results = }), then the notes

local report = {}

local COLUMN = 12

function report.line(result)
  return ("%s %s: %s (%s)"):format(result.name, result.outcome, result.note or "", result.about)
end

local function countLine(run)
  local counts = {}
  for _, result in ipairs(run.results) do counts[result.outcome] = (counts[result.outcome] or 0) + 1 end
  return ("%s: %d passed, %d non-strict, %d failed, %d skipped"):format(run.title, counts.passed or 0,
    counts["non-strict"] or 0, counts.failed or 0, counts.skipped or 0)
end

local function row(name, runs, i)
  local words = { ("%-16s"):format(name) }
  for _, run in ipairs(runs) do words[#words + 1] = ("%-" .. COLUMN .. "s"):format(run.results[i].outcome) end
  return (table.concat(words, " "):gsub("%s+$", ""))
end

local function isNoted(result)
  return result.outcome == "failed" or result.outcome == "non-strict"
end

function report.text(runs, heading)
  local lines = { heading }
  for _, run in ipairs(runs) do lines[#lines + 1] = countLine(run) end
  lines[#lines + 1] = ""
  for i, result in ipairs(runs[1].results) do lines[#lines + 1] = row(result.name, runs, i) end
  for _, run in ipairs(runs) do
    local notes = {}
    for _, result in ipairs(run.results) do
      if isNoted(result) then notes[#notes + 1] = report.line(result) end
    end
    if #notes > 0 then lines[#lines + 1] = ("\n%s\n\n%s"):format(run.title, table.concat(notes, "\n")) end
  end
  return table.concat(lines, "\n") .. "\n"
end

return report
