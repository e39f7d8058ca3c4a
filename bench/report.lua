-- The text that the bench ends with, in Markdown: about the run, the goals, the table. What it
-- works on are sections, one a line: { line =, peers =, results = } with a list of measurements
-- for each peer's name.

local figures = require "bench.figures"
local judge = require "bench.judge"
local stats = require "bench.stats"

local report = {}

local function grouped(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

function report.formatCost(value, unit)
  if unit == "B" or unit == "/s" then
    return grouped(value) .. (unit == "B" and " B" or unit)
  end
  return (value < 1000 and ("%.3g"):format(value) or grouped(value)) .. " us"
end

local function percent(share)
  return share and ("%.0f %%"):format(100 * share) or ""
end

-- A failed line's figures say nothing.
local function row(line, cost, peer, results, ours)
  local function typical(field, format)
    local value = figures.median(results, field)
    return value and (type(format) == "string" and format:format(value) or format(value)) or ""
  end
  if figures.failures(results) > 0 then
    return { cost.title, peer.name, "failed", "", "", "", "", "", "", "", "" }
  end
  local value = figures.median(results, cost.field)
  local isSteady, spread = figures.isSteady(results, cost.field)
  local ratio = peer.name ~= "luaws" and ours and figures.costRatio(ours, results, cost)
  return {
    cost.title,
    peer.name,
    report.formatCost(value, cost.unit) .. (isSteady and "" or " ?"),
    percent(spread),
    ratio and ("%.2f"):format(ratio) or "",
    cost.unit == "B" and typical("connections", grouped) .. " open"
      or typical("rate", grouped) .. "/s",
    typical("p50_us", grouped),
    typical("p99_us", grouped),
    typical("p999_us", grouped),
    typical("server_cpu", percent) .. (judge.hadTime(line, results) and " *" or ""),
    typical("own_cpu", percent),
  }
end

local HEAD = {
  "line", "server", "cost", "spread", "luaws / it", "rate",
  "p50 us", "p99 us", "p99.9 us", "server CPU", "generator CPU",
}

-- The first `texts` columns are flush left.
local function formatTable(head, rows, texts)
  local widths, out = {}, {}
  for _, cells in ipairs { head, table.unpack(rows) } do
    for i, cell in ipairs(cells) do
      widths[i] = math.max(widths[i] or 3, #cell)
    end
  end
  local function write(cells)
    local padded = {}
    for i, cell in ipairs(cells) do
      local blanks = (" "):rep(widths[i] - #cell)
      padded[i] = i <= texts and cell .. blanks or blanks .. cell
    end
    out[#out + 1] = "| " .. table.concat(padded, " | ") .. " |\n"
  end
  local rule = {}
  for i, width in ipairs(widths) do
    rule[i] = ("-"):rep(width - 1) .. (i <= texts and "-" or ":")
  end
  write(head)
  write(rule)
  for _, cells in ipairs(rows) do
    write(cells)
  end
  return table.concat(out)
end

-- Costs of all servers on all lines.
local function formatResults(sections)
  local rows = {}
  for _, section in ipairs(sections) do
    local ours = section.results.luaws
    for _, cost in ipairs(section.line.costs) do
      for _, peer in ipairs(section.peers) do
        local results = section.results[peer.name]
        local isKnown = results
          and (figures.median(results, cost.field) or figures.failures(results) > 0)
        if isKnown then
          rows[#rows + 1] = row(section.line, cost, peer, results, ours)
        end
      end
    end
  end
  return formatTable(HEAD, rows, 2), rows
end

local FIELDS = {
  rate = "throughput", p50_us = "p50", p99_us = "p99", p999_us = "p99.9",
}

-- What a figure of a line is called.
local function titleOf(line, field)
  for _, cost in ipairs(line.costs) do
    if cost.field == field then
      return cost.title
    end
  end
  return line.costs[1].title .. ": " .. (FIELDS[field] or field)
end

local function formatGoal(goal, value)
  if not value then
    return ""
  elseif goal.by == "difference" then
    return ("%+.3g us"):format(value)
  elseif goal.against or goal.base then
    return ("%.2f"):format(value)
  end
  return report.formatCost(value, goal.by == "worst" and "us" or "B")
end

-- The goals that were run, or "" where none was.
local function formatGoals(verdicts)
  local rows = {}
  for _, verdict in ipairs(verdicts) do
    local goal = verdict.goal
    if verdict.text ~= "not run" then
      rows[#rows + 1] = {
        titleOf(verdict.section.line, verdict.field),
        goal.against or verdict.base and verdict.base.line.costs[1].title or "",
        verdict.text,
        formatGoal(goal, verdict.value),
        (goal.least and "at least " or "") .. formatGoal(goal, goal.most or goal.least),
        formatGoal(goal, goal.stretch),
      }
    end
  end
  local head = { "goal", "against", "result", "measured", "at most", "better still" }
  return #rows > 0 and formatTable(head, rows, 3) or ""
end

-- How much others have used of the cores: the median and the worst, and how many rounds had more
-- than is good; nil where nothing is known.
local function disturbance(sections)
  local shares, disturbed = {}, 0
  for _, section in ipairs(sections) do
    for _, results in pairs(section.results) do
      for _, result in ipairs(results) do
        shares[#shares + 1] = result.other
        disturbed = disturbed + (figures.isDisturbed(result) and 1 or 0)
      end
    end
  end
  if #shares == 0 then
    return nil
  end
  local text = "Other programs had %s of a core (median), more than %s in %d of %d measurements."
  return text:format(percent(stats.median(shares)), percent(figures.DISTURBED), disturbed, #shares)
end

-- Without repetitions, in order.
local function unique(list, field)
  local texts, known = {}, {}
  for _, item in ipairs(list) do
    local text = tostring(item[field])
    texts[#texts + 1] = not known[text] and text or nil
    known[text] = true
  end
  return table.concat(texts, ", ")
end

local function formatHead(newest, peers, sections)
  local runs, versions = newest.runs, {}
  for _, peer in ipairs(peers) do
    local texts = newest.versions[peer.name]
    versions[#versions + 1] = texts and table.concat(texts, ", ")
  end
  local text = {
    ("%s; sources at %s."):format(unique(runs, "date"), unique(runs, "commit")),
    ("%s; %s; %s."):format(unique(runs, "machine"), unique(runs, "kernel"),
      unique(runs, "pinning")),
    table.concat(versions, "; ") .. ".",
    ("Rounds: %s or more, of %s s or more. %s"):format(unique(runs, "rounds"),
      unique(runs, "duration"), disturbance(sections) or ""),
  }
  return table.concat(text, "\n") .. "\n"
end

local function formatNotes(rows)
  local text = {
    "Cost: the server's CPU time for one message, connect or delivery, its memory for one",
    "connection, or what the line names; medians. luaws / it: the ratio of the costs; below 1",
    "luaws is ahead.",
  }
  local marks = ""
  for _, cells in ipairs(rows) do
    marks = marks .. cells[3] .. cells[10]
  end
  if marks:find("?", 1, true) then
    text[#text + 1] = ("?: not measured: fewer than three rounds, or quartiles over %s apart.")
      :format(percent(figures.SPREAD_MAX))
  end
  if marks:find("*", 1, true) then
    text[#text + 1] = "*: the server had time to spare: generator or other programs set the rate."
  end
  return table.concat(text, "\n") .. "\n"
end

-- The tables, as texts: `head`, `goals` ("" where none was run), `results`, `notes`. `newest` as
-- samples.newest returns it, `peers` those that have results, `verdicts` as judge.verdicts returns
-- them.
function report.parts(newest, peers, sections, verdicts)
  local results, rows = formatResults(sections)
  return {
    head = formatHead(newest, peers, sections),
    goals = formatGoals(verdicts),
    results = results,
    notes = formatNotes(rows),
  }
end

-- For the terminal.
function report.text(parts)
  local goals = parts.goals ~= "" and parts.goals .. "\n" or ""
  return parts.head .. "\n" .. goals .. parts.results .. "\n" .. parts.notes
end

-- For the page for users.
function report.page(parts, picture)
  local format = "![luaws's cost divided by that of other servers, as bars](%s)\n\n%s\n%s"
    .. "### All figures\n\n%s\n%s"
  local goals = parts.goals ~= "" and "### What we aim for\n\n" .. parts.goals .. "\n" or ""
  return format:format(picture, parts.head, goals, parts.results, parts.notes)
end

return report
