-- The table as a picture: an SVG of bars, one for each server on each line, as long as luaws's cost
-- divided by that server's. Its colours can be read on a light and on a dark page.

local figures = require "bench.figures"

local plot = {}

local WIDTH = 900
local TITLES, NAMES, RATIOS = 330, 375, 422 -- where these columns end
local LEFT = 430 -- where the bars begin
local UNIT = 228 -- pixels for a ratio of 1
local END = 2 -- longer bars are cut off
local TOP = 66 -- what stands above the bars
local BAR, STEP, GAP = 12, 16, 14 -- a bar, from bar to bar, between lines
local CHARACTERS, LINE = 48, 16 -- a title's line: as many characters at most; its height
local TEXT, RULE = "#6e7781", "#8b949e"

local COLOURS = {
  bun = "#d9822b", floor = "#8b949e", ws = "#c9566b", go = "#3a9fbf", nginx = "#4c9f5f",
  base = "#8a6fc4",
}
local OTHER = "#5a7fc0"

function plot.escape(text)
  return (text:gsub("[%c&<>\"']", function(c)
    return ("&#%d;"):format(c:byte() < 32 and 32 or c:byte())
  end))
end

-- `%s` takes text, escaped; numbers are for `%d` and `%g`.
local function markup(format, ...)
  local values = { ... }
  for i, value in ipairs(values) do
    values[i] = type(value) == "string" and plot.escape(value) or value
  end
  return format:format(table.unpack(values))
end

-- The bars: { title =, bars = { { server =, ratio =, isSteady =, goal = } } } for each cost.
local function collect(sections, goals)
  local groups = {}
  for _, section in ipairs(sections) do
    local ours = section.results.luaws
    for i, cost in ipairs(ours and section.line.costs or {}) do
      local group = { title = cost.title, bars = {} }
      for _, peer in ipairs(section.peers) do
        local theirs = section.results[peer.name]
        local ratio = peer.name ~= "luaws" and theirs and figures.costRatio(ours, theirs, cost)
        if ratio and figures.failures(ours) + figures.failures(theirs) == 0 then
          local bar = { server = peer.name, ratio = ratio }
          bar.isSteady = figures.isSteady(ours, cost.field)
            and figures.isSteady(theirs, cost.field)
          for _, goal in ipairs(goals) do
            local isIts = goal.line == section.line.name and goal.against == peer.name
              and goal.by == nil and (goal.field or i == 1 and cost.field) == cost.field
            bar.goal = isIts and goal.most or bar.goal
          end
          group.bars[#group.bars + 1] = bar
        end
      end
      groups[#groups + 1] = #group.bars > 0 and group or nil
    end
  end
  return groups
end

local function drawBar(out, bar, y)
  local length = math.max(0, math.min(bar.ratio, END)) * UNIT
  local colour = COLOURS[bar.server] or OTHER
  local ratio = (bar.ratio < 9.995 and "%.2f" or "%.0f"):format(bar.ratio)
  local text = '<text x="%d" y="%d" text-anchor="end">%s</text>'
  out[#out + 1] = markup(text, NAMES, y + BAR - 2, bar.server)
  out[#out + 1] = markup(text, RATIOS, y + BAR - 2, (bar.isSteady and "" or "? ") .. ratio)
  out[#out + 1] = ('<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>')
    :format(LEFT, y, length, BAR, colour)
  if bar.ratio > END then -- the end shows that it goes on
    out[#out + 1] = ('<path d="M%d %d l6 %d l-6 %d z" fill="%s"/>')
      :format(LEFT + END * UNIT, y, BAR // 2, BAR // 2, colour)
  end
  if bar.goal and bar.goal <= END then
    out[#out + 1] = ('<path d="M%.1f %d v%d" stroke="%s" stroke-width="2"/>')
      :format(LEFT + bar.goal * UNIT, y - 2, BAR + 4, TEXT)
  end
end

-- Breaks a title into lines, at blanks.
local function wrap(title)
  local lines = {}
  for word in title:gmatch "%S+" do
    local last = lines[#lines]
    if last and #last + 1 + #word <= CHARACTERS then
      lines[#lines] = last .. " " .. word
    else
      lines[#lines + 1] = word
    end
  end
  return lines
end

-- Returns where the next one may begin.
local function drawGroup(out, group, y)
  local lines = wrap(group.title)
  local height = math.max(#group.bars * STEP, #lines * LINE)
  for i, line in ipairs(lines) do
    local middle = y + (height - #lines * LINE) / 2 + i * LINE - 6
    out[#out + 1] = markup('<text x="%d" y="%g" text-anchor="end" font-size="13">%s</text>',
      TITLES, middle, line)
  end
  local top = y + (height - #group.bars * STEP) // 2
  for i, bar in ipairs(group.bars) do
    drawBar(out, bar, top + (i - 1) * STEP)
  end
  return y + height + GAP
end

local function drawScale(out, bottom)
  for tick = 0, END, 0.5 do
    local x = LEFT + tick * UNIT
    local isOne = tick == 1
    out[#out + 1] = ('<path d="M%g %d V%d" stroke="%s" stroke-opacity="%g" stroke-width="%g"/>')
      :format(x, TOP - 8, bottom, RULE, isOne and 1 or 0.35, isOne and 1.5 or 1)
    out[#out + 1] = ('<text x="%g" y="%d" text-anchor="middle">%g</text>'):format(x, TOP - 13, tick)
  end
end

-- The picture of these sections (as in report.lua), with a tick where a goal is.
function plot.svg(sections, goals)
  local out, bars, y = {}, {}, TOP
  for _, group in ipairs(collect(sections, goals)) do
    y = drawGroup(bars, group, y)
  end
  local height = y + 4
  out[1] = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"')
    :format(WIDTH, height, WIDTH, height)
    .. (' role="img" font-family="system-ui, sans-serif" font-size="11" fill="%s">'):format(TEXT)
  out[2] = "<title>luaws's cost divided by that of other servers</title>"
  out[3] = '<text x="0" y="18" font-size="16" font-weight="600">'
    .. "luaws's cost divided by each server's: shorter is better</text>"
  out[4] = '<text x="0" y="36" font-size="13">CPU time for one message, or memory for one '
    .. "connection. Left of 1 luaws needs less. A small upright line is the goal.</text>"
  drawScale(out, y - GAP + 4)
  table.move(bars, 1, #bars, #out + 1, out)
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

return plot
