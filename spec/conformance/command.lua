-- luaws-spec --conformance URL: the suite against any echo server; --client COMMAND: any client.
-- Returns passed, failed.

local catalogue = require "spec.conformance.catalogue"
local clients = require "spec.conformance.clients"
local report = require "spec.conformance.report"
local runner = require "spec.conformance.runner"

local USAGE = [[
usage: luaws-spec --conformance ws://host:port/path [options]
       luaws-spec --conformance --client COMMAND [options]

COMMAND is started in a shell, with "on" or "off" as one more argument: whether to offer
permessage-deflate. What it has to be is in spec/conformance/clients.lua.

  --only NAME     a case or a section (6.4), and no other; may be given again
  --slowly        byte by byte
  --compressed    permessage-deflate in every case
  --full          sections 12 and 13 with as many messages as Autobahn sends
  --out FILE      the outcome of each case, as in spec/conformance/results
  --list          the cases, with what each says of the server; runs none

or: luaws-spec --conformance --compare [name...]
                  luaws and the other servers of spec/conformance/peers.lua, or those named: writes
                  spec/conformance/results and the table in docs/conformance.md]]

local VALUES = { ["--only"] = true, ["--out"] = true, ["--client"] = true }
local FLAGS = { ["--slowly"] = "slowly", ["--compressed"] = "compressed", ["--full"] = "full", ["--list"] = "list" }

local command = {}

local function refuse(message)
  io.stderr:write("luaws-spec: ", message, "\n", USAGE, "\n")
  os.exit(2)
end

local function parse(arguments)
  local parsed = { only = {} }
  local i = 1
  while i <= #arguments do
    local argument = arguments[i]
    if FLAGS[argument] then
      parsed[FLAGS[argument]] = true
    elseif VALUES[argument] then
      i = i + 1
      if not arguments[i] then refuse(argument .. " needs a value") end
      if argument == "--only" then
        table.insert(parsed.only, arguments[i])
      else
        parsed[argument:sub(3)] = arguments[i]
      end
    elseif argument:match("^%-") or parsed.url then
      refuse("unknown option " .. argument)
    else
      parsed.url = argument
    end
    i = i + 1
  end
  return parsed
end

local function writeFile(path, text)
  local file, err = io.open(path, "w")
  if not file then refuse(err) end
  file:write(text)
  file:close()
end

local function list(cases)
  for _, case in ipairs(cases) do print(case.name, case.about) end
  return #cases, 0
end

local function findTarget(parsed)
  if parsed.client then
    return { clients = clients.start({ client = parsed.client }, parsed.compressed and "on" or "off") }
  end
  if not parsed.url then refuse("which server? a URL is missing") end
  local target, wrong = runner.parseUrl(parsed.url)
  if not target then refuse(wrong) end
  return target
end

-- May wait.
function command.run(arguments)
  if arguments[1] == "--compare" then
    return require "spec.conformance.compare".run(table.move(arguments, 2, #arguments, 1, {}))
  end
  local parsed = parse(arguments)
  local cases = catalogue.load(parsed.only, parsed.client and "client")
  if #cases == 0 then refuse("no case has such a name") end
  if parsed.list then return list(cases) end
  local target = findTarget(parsed)
  target.slowly, target.compressed, target.full = parsed.slowly, parsed.compressed, parsed.full
  local results = runner.run(cases, target)
  if target.clients then target.clients:stop() end
  for _, line in ipairs(report.complaints(results)) do print(line) end
  if parsed.out then writeFile(parsed.out, report.text({ { title = "outcome", results = results } },
    parsed.client or parsed.url)) end
  local counts = runner.count(results)
  print(("%d non-strict, %d skipped"):format(counts["non-strict"], counts.skipped))
  return counts.passed, counts.failed
end

return command
