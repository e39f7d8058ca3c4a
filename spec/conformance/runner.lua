-- Runs many cases, several at a time: each has a connection of its own, and they wait more than they work.
--
-- runner.run(cases, target) -> results: an array of { name =, about =, outcome =, note = } in the order of the cases
-- runner.count(results) -> { passed =, ["non-strict"] =, failed =, skipped = }
-- runner.parseUrl("ws://host:port/path") -> target (judge.lua), or nil, what is wrong

local uv = require "luv"
local async = require "spec.support.async"
local judge = require "spec.conformance.judge"

local runner = {}

local AT_ONCE = 16
local PATIENCE = 600 -- seconds for all

function runner.run(cases, target)
  local results, started = {}, 0
  local function work()
    while started < #cases do
      started = started + 1
      local i = started
      local case = cases[i]
      local verdict = judge.run(case, target)
      results[i] = { name = case.name, about = case.about, outcome = verdict.outcome, note = verdict.note }
    end
  end
  local tasks = {}
  for i = 1, math.min(AT_ONCE, #cases) do tasks[i] = async.spawn(work) end
  for _, task in ipairs(tasks) do task:join(PATIENCE) end
  return results
end

function runner.count(results)
  local counts = { passed = 0, ["non-strict"] = 0, failed = 0, skipped = 0 }
  for _, result in ipairs(results) do counts[result.outcome] = counts[result.outcome] + 1 end
  return counts
end

local function addressOf(host)
  local found = uv.getaddrinfo(host, nil, { socktype = "stream" })
  return found and found[1] and found[1].addr
end

function runner.parseUrl(url)
  local host, port, path = url:match("^ws://([^/:]+):?(%d*)(/?.*)$")
  if not host then host, port, path = url:match("^ws://%[([^%]]+)%]:?(%d*)(/?.*)$") end
  if not host then return nil, "not a URL of the form ws://host:port/path: " .. url end
  local address = addressOf(host)
  if not address then return nil, "no such host: " .. host end
  return { host = address, port = math.tointeger(tonumber(port)) or 80, path = path ~= "" and path or "/" }
end

return runner
