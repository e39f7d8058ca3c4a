-- Counts the instructions of every line under callgrind, prints a table and compares it with
-- budgets.lua. `make bench-instructions` starts it in the root of the repository, with the names of
-- lines as arguments, or none for all. bench/README.md says what is counted.

local OUT = "build/instructions"
local PROGRAM = os.getenv "PROGRAM" or "build/release/luaws-instructions"
local BUDGETS = "bench/instructions/budgets.lua"
local TOLERANCE = 0.05
local PARTS = { "reactor", "worker" }

-- An empty environment: where the stack begins has a part in the seed of Lua's hashes.
local COUNT = [[printf '%%s\n' %s | xargs -P "$(nproc)" -I LINE env -i PATH="$PATH" valgrind
  --tool=callgrind --collect-atstart=no --callgrind-out-file=%s/LINE
  --log-file=%s/LINE.log %s LINE >%s/output.log 2>&1]]

local function shell(command)
  local pipe = assert(io.popen((command:gsub("\n", " "))))
  local output = pipe:read "a"
  return output, pipe:close() == true
end

local function listLines()
  local text, names = shell(PROGRAM .. " --lines"), {}
  for name in text:gmatch "%S+" do
    names[#names + 1] = name
  end
  return names
end

local function measure(names)
  shell(("rm -rf %s && mkdir -p %s"):format(OUT, OUT))
  local _, ok = shell(COUNT:format(table.concat(names, " "), OUT, OUT, PROGRAM, OUT))
  if not ok then
    error(("counting has failed; see %s/*.log"):format(OUT), 0)
  end
end

-- Instructions per message. The dump gets the part's name, for callgrind_annotate.
local function readDump(name, i)
  local path = ("%s/%s.%d"):format(OUT, name, i)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  local line, part, messages = text:match "desc: Trigger: Client Request: (%S+) (%S+) (%d+)"
  local total = text:match "\ntotals: (%d+)"
  if line ~= name or part ~= PARTS[i] or not total then
    error(path .. " is no dump of " .. name, 0)
  end
  os.rename(path, ("%s/%s.%s"):format(OUT, name, part))
  return total // messages
end

local function judge(count, budget)
  if not budget then
    return "no budget", true
  elseif count > budget * (1 + TOLERANCE) then
    return ("OVER BUDGET by %.1f %%"):format(100 * (count / budget - 1)), false
  elseif count < budget * (1 - TOLERANCE) then
    return ("%.1f %% under: lower the budget"):format(100 * (1 - count / budget)), true
  end
  return "", true
end

local function sortedKeys(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- A figure a line, so that changes of different parts don't meet.
local function writeBudgets(budgets)
  local file = assert(io.open(BUDGETS, "w"))
  file:write [[
-- Instructions per message, by compiler, processor and Lua, part and line; what is more than 5 %
-- over fails. `make bench-instructions UPDATE=1` writes what it has counted.

return {
]]
  for _, platform in ipairs(sortedKeys(budgets)) do
    file:write(('  ["%s"] = {\n'):format(platform))
    for _, part in ipairs(PARTS) do
      file:write(("    %s = {\n"):format(part))
      for _, line in ipairs(sortedKeys(budgets[platform][part])) do
        file:write(("      %s = %d,\n"):format(line, budgets[platform][part][line]))
      end
      file:write "    },\n"
    end
    file:write "  },\n"
  end
  file:write "}\n"
  file:close()
end

local function main()
  local names = #arg > 0 and arg or listLines()
  local platform = shell(PROGRAM .. " --platform"):gsub("%s+$", "")
  local budgets = dofile(BUDGETS)
  local known = budgets[platform]
  local updates = os.getenv "UPDATE" == "1"
  budgets[platform] = known or { reactor = {}, worker = {} }
  measure(names)
  print(("Instructions per message (%s); the kernel's are not counted.\n"):format(platform))
  print "| line | part | instructions | budget | |\n| --- | --- | ---: | ---: | --- |"
  local isGood = true
  for _, name in ipairs(names) do
    for i, part in ipairs(PARTS) do
      local count = readDump(name, i)
      local budget = budgets[platform][part][name]
      local verdict, ok = judge(count, budget)
      print(("| %s | %s | %d | %s | %s |"):format(name, part, count, budget or "-", verdict))
      isGood = isGood and ok
      budgets[platform][part][name] = count
    end
  end
  if updates then
    writeBudgets(budgets)
  elseif not known then
    print(("\nnotice: %s has no budgets yet (UPDATE=1 writes them)"):format(platform))
  end
  return isGood or updates
end

local ok, result = pcall(main)
if not ok then
  io.stderr:write("bench-instructions: ", tostring(result), "\n")
end
os.exit(ok and result, true)
