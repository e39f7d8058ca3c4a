-- All cases, in order, checked for their form.
--
-- catalogue.load([wanted [, role]]) -> an array of cases; `wanted`: names of cases or sections ("6.4", "2.5"), nil:
--     all; `role`: "server" (nil), "client": the cases in which such a one is judged

local catalogue = {}

-- In spec/conformance/cases.
local FILES = {
  "framing", "pings", "reserved", "opcodes", "fragmentation", "utf8", "close", "large", "compression",
  "http", "handshake", "requests", "replies", "extension", "lifecycle", "hostile",
}

local FIELDS = {
  send = true, chop = true, expect = true, also = true, lenient = true, closes = true, fails = true,
  unanswered = true, late = true, offer = true, request = true, answer = true, run = true, slowly = true, only = true,
  quiet = true, alive = true, rounds = true, message = true, patience = true,
  role = true, path = true, reply = true, drops = true, refuses = true,
  protocols = true, told = true, mayRefuse = true, mayAccept = true,
}

local function check(case, file)
  local name = case[1]
  assert(type(name) == "string" and type(case[2]) == "string", "a case in " .. file .. " has no name or sentence")
  for field in pairs(case) do
    assert(type(field) == "number" or FIELDS[field], ("case %s: unknown field %s"):format(name, tostring(field)))
  end
  assert(case.closes or case.fails or case.run or case.answer or case.refuses, "case " .. name .. " expects no end")
end

-- Its stages are the array part behind name and sentence; a case without is its own stage.
local function addStages(case)
  case.stages = table.move(case, 3, #case, 1, {})
  if #case.stages == 0 then case.stages[1] = case end
end

local function isWanted(case, wanted, role)
  if case.role ~= nil and case.role ~= role then return false end
  if not wanted or #wanted == 0 then return true end
  for _, prefix in ipairs(wanted) do
    if case.name == prefix or case.name:sub(1, #prefix + 1) == prefix .. "." then return true end
  end
  return false
end

function catalogue.load(wanted, role)
  local cases, seen = {}, {}
  for _, file in ipairs(FILES) do
    local section = dofile("spec/conformance/cases/" .. file .. ".lua")
    for _, case in ipairs(section) do
      check(case, file)
      assert(not seen[case[1]], "two cases with the name " .. case[1])
      seen[case[1]] = true
      case.name, case.about, case.section = case[1], case[2], section.title
      case.role = case.role or section.role
      addStages(case)
      if isWanted(case, wanted, role or "server") then cases[#cases + 1] = case end
    end
  end
  return cases
end

return catalogue
