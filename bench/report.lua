-- The table that the bench ends with: medians, spreads and ratios of what the generator reported.

local stats = require "stats"

local SPREAD_MAX = 0.1 -- quartiles further apart: the line counts as not measured
local BUSY = 0.9 -- of a core: a server below it had time to spare

local report = {}

local function grouped(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

function report.formatCost(value, unit)
  return unit == "B" and grouped(value) .. " B" or ("%.3g us"):format(value)
end

-- The values of a field in a list of results, without those of failed runs.
local function pick(results, field)
  local values = {}
  for _, result in ipairs(results) do
    values[#values + 1] = result.errors == 0 and result[field] or nil
  end
  return values
end

-- How many of the runs failed.
function report.failures(results)
  return #results - #pick(results, "errors")
end

local function percent(share)
  return share and ("%.0f %%"):format(100 * share) or ""
end

local function row(line, cost, peer, results, reference)
  local costs = pick(results, cost.field)
  local function typical(field, format)
    local value = stats.median(pick(results, field))
    return value and (type(format) == "string" and format:format(value) or format(value)) or ""
  end
  if report.failures(results) > 0 or #costs == 0 then
    return { cost.title, peer.name, "failed", "", "", "", "", "", "", "", "" }
  end
  local spread = stats.spread(costs)
  local share = typical("server_cpu", percent)
  local isWaiting = share ~= "" and not line.paced
    and stats.median(pick(results, "server_cpu")) < BUSY
  local ratio = reference and stats.ratio(reference, costs)
  local unsure = spread and spread > SPREAD_MAX and " ?" or ""
  return {
    cost.title,
    peer.name,
    report.formatCost(stats.median(costs), cost.unit) .. unsure,
    percent(spread),
    ratio and ("%.2f"):format(ratio) or "",
    cost.unit == "B" and typical("connections", grouped) .. " open"
      or typical("rate", grouped) .. "/s",
    typical("p50_us", grouped),
    typical("p99_us", grouped),
    typical("p999_us", grouped),
    share .. (isWaiting and " *" or ""),
    typical("own_cpu", percent),
  }
end

local HEAD = {
  "line", "server", "cost", "spread", "luaws / it", "rate",
  "p50 us", "p99 us", "p99.9 us", "server CPU", "generator CPU",
}

local function printTable(rows)
  local widths = {}
  for _, cells in ipairs { HEAD, table.unpack(rows) } do
    for i, cell in ipairs(cells) do
      widths[i] = math.max(widths[i] or 0, #cell)
    end
  end
  local function write(cells)
    local padded = {}
    for i, cell in ipairs(cells) do
      local blanks = (" "):rep(widths[i] - #cell)
      padded[i] = i <= 2 and cell .. blanks or blanks .. cell
    end
    print("| " .. table.concat(padded, " | ") .. " |")
  end
  local rule = {}
  for i, width in ipairs(widths) do
    rule[i] = ("-"):rep(width - 1) .. (i <= 2 and "-" or ":")
  end
  write(HEAD)
  write(rule)
  for _, cells in ipairs(rows) do
    write(cells)
  end
end

local function printHead(about)
  local versions = {}
  for i, peer in ipairs(about.peers) do
    versions[i] = peer.versionText
  end
  print(os.date "!%Y-%m-%d %H:%M UTC; " .. about.machine .. ".")
  print(table.concat(versions, "; ") .. ".")
  print(("ROUNDS=%g DURATION=%g.\n"):format(about.rounds, about.duration))
end

local function printNotes(rows)
  print "\nCost: the server's CPU time for one message, connect or delivery, or its memory for one"
  print "connection; medians. luaws / it: the ratio of the costs, below 1 where luaws is ahead."
  local text = ""
  for _, cells in ipairs(rows) do
    text = text .. cells[3] .. cells[10]
  end
  if text:find("?", 1, true) then
    print(("?: quartiles more than %s apart, so this counts as not measured."):format(
      percent(SPREAD_MAX)))
  end
  if text:find("*", 1, true) then
    print "*: the server had time to spare: something else set the rate."
  end
end

-- `sections`: in order, { line =, peers =, results = } with a list of the generator's results for
-- each peer's name. `about`: machine (text), peers, rounds, duration.
function report.print(sections, about)
  local rows = {}
  for _, section in ipairs(sections) do
    for _, cost in ipairs(section.line.costs) do
      local ours = section.results.luaws or {}
      local costs = report.failures(ours) == 0 and pick(ours, cost.field) or {}
      for _, peer in ipairs(section.peers) do
        local reference = peer.name ~= "luaws" and #costs > 0 and costs
        rows[#rows + 1] = row(section.line, cost, peer, section.results[peer.name], reference)
      end
    end
  end
  printHead(about)
  printTable(rows)
  printNotes(rows)
end

return report
