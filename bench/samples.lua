-- The file of all measurements, build/bench/samples.jsonl: one flat JSON object a line, so that an
-- interrupted run keeps what it has, and a line measured again later replaces its older figures.
-- Of each line only the newest run counts. Kinds of records:
-- { run =, line =, server =, round =, errors =, ... } a measurement;
-- { run =, about = 1, date =, machine =, ... } what a run was;
-- { run =, version =, server = } what a server of it was.

local samples = {}

local FIRST = { "run", "line", "server", "round", "mode" }

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return ("\\u%04x"):format(c:byte())
  end) .. '"'
end

function samples.encode(record)
  local keys, members, isFirst = {}, {}, {}
  for _, key in ipairs(FIRST) do
    isFirst[key] = true
    keys[#keys + 1] = record[key] ~= nil and key or nil
  end
  local rest = {}
  for key in pairs(record) do
    rest[#rest + 1] = not isFirst[key] and key or nil
  end
  table.sort(rest)
  table.move(rest, 1, #rest, #keys + 1, keys)
  for i, key in ipairs(keys) do
    local value = record[key]
    local text = type(value) == "string" and quote(value) or ("%.14g"):format(value)
    members[i] = ('"%s":%s'):format(key, text)
  end
  return "{" .. table.concat(members, ",") .. "}"
end

-- Strings are those of `encode` and of the generator: no quote or backslash stands in them as such.
local function readValue(text, place)
  local number, last = text:match("^([%d.eE+-]+)()", place)
  if number then
    return tonumber(number), last
  end
  local quoted, behind = text:match('^"([^"]*)"()', place)
  return quoted and quoted:gsub("\\u00(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end), behind
end

-- nil for what is no flat object of numbers and strings, as a line that was cut short.
function samples.decode(text)
  local record, place = {}, text:match "^{()"
  while place and text:sub(place, place) ~= "}" do
    local key, start = text:match('^"([%w_]+)":()', place)
    if not key then
      return nil
    end
    record[key], place = readValue(text, start)
    place = place and text:match("^,?()", place)
  end
  return place and record
end

-- All records of a file, of runs; none where there is no file.
function samples.read(path)
  local records, file = {}, io.open(path)
  if not file then
    return records
  end
  for text in file:lines() do
    local record = samples.decode(text)
    records[#records + 1] = record and math.type(record.run) and record or nil
  end
  file:close()
  return records
end

-- The number of a run that begins now: later than all in `records`.
function samples.newRun(records)
  local run = os.time()
  for _, record in ipairs(records) do
    run = math.max(run, record.run + 1)
  end
  return run
end

local function newestRuns(records)
  local runOf = {}
  for _, record in ipairs(records) do
    if record.line then
      runOf[record.line] = math.max(runOf[record.line] or 0, record.run)
    end
  end
  return runOf
end

-- What counts of `records`: `results[line][server]`, lists of measurements; `runs`, what the runs
-- were that they are from, oldest first; `versions[server]`, a list of texts without repetitions.
function samples.newest(records)
  local newest = { results = {}, runs = {}, versions = {} }
  local runOf, counts = newestRuns(records), {}
  for _, run in pairs(runOf) do
    counts[run] = true
  end
  for _, record in ipairs(records) do
    if record.line and record.run == runOf[record.line] then
      local servers = newest.results[record.line] or {}
      newest.results[record.line] = servers
      servers[record.server] = servers[record.server] or {}
      table.insert(servers[record.server], record)
    elseif record.version and counts[record.run] then
      local texts = newest.versions[record.server] or {}
      newest.versions[record.server] = texts
      texts[#texts + 1] = not texts[record.version] and record.version or nil
      texts[record.version] = true
    elseif record.about and counts[record.run] then
      table.insert(newest.runs, record)
    end
  end
  return newest
end

return samples
