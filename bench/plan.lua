-- Who takes part in what: sections (see report.lua), to be measured or from the file of samples.

local plan = {}

-- Those of `list` whose names stand in `names`; by default those without `default = false`. What
-- isn't known is an error.
function plan.choose(list, names)
  local chosen, byName, known = {}, {}, {}
  for i, item in ipairs(list) do
    byName[item.name], known[i] = item, item.name
    chosen[#chosen + 1] = item.default ~= false and item or nil
  end
  -- Some shells export LINES, the height of the terminal.
  if not names or tonumber(names) then
    return chosen
  end
  chosen = {}
  for name in names:gmatch "[^%s,]+" do
    chosen[#chosen + 1] = byName[name]
      or error(("there is no '%s', but %s"):format(name, table.concat(known, ", ")), 0)
  end
  return chosen
end

-- Whether a line is about this peer: it can do it, and isn't left out.
local function takesPart(peer, line)
  local isNamed = not line.peers or peer.name == "luaws" or peer.name == "base"
  for _, name in ipairs(line.peers or {}) do
    isNamed = isNamed or name == peer.name
  end
  return isNamed and peer.modes[line.mode]
end

-- Sections of these lines without any results yet.
function plan.sections(lines, peers)
  local sections = {}
  for i, line in ipairs(lines) do
    local section = { line = line, peers = {}, results = {}, rounds = 0 }
    for _, peer in ipairs(peers) do
      if takesPart(peer, line) then
        table.insert(section.peers, peer)
        section.results[peer.name] = {}
      end
    end
    sections[i] = section
  end
  return sections
end

-- Sections of those lines that have results (`results[line][server]`), and the peers that have any.
function plan.measured(results, lines, peers)
  local sections, present, isPresent = {}, {}, {}
  for _, line in ipairs(lines) do
    local section = { line = line, peers = {}, results = results[line.name] }
    for _, peer in ipairs(section.results and peers or {}) do
      if section.results[peer.name] then
        table.insert(section.peers, peer)
        isPresent[peer.name] = true
      end
    end
    sections[#sections + 1] = #section.peers > 0 and section or nil
  end
  for _, peer in ipairs(peers) do
    present[#present + 1] = isPresent[peer.name] and peer or nil
  end
  return sections, present
end

return plan
