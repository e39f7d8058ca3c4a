-- Cases with names of our own: a section's prefix, a group, a number.
--
--   local cases, begin, add = section.new("lifecycle", "Lifecycle")
--   begin "order"
--   add("echoes come in order", { send = ..., expect = ... })     lifecycle.order.1
--   return cases

local section = {}

function section.new(prefix, title)
  local cases = { title = title }
  local group, number

  local function begin(name)
    group, number = name, 0
  end

  -- `case`: its fields and stages, as README.md says; it gets its name and `about`.
  local function add(about, case)
    number = number + 1
    table.move(case, 1, #case, 3)
    case[1], case[2] = ("%s.%s.%d"):format(prefix, group, number), about
    cases[#cases + 1] = case
  end

  return cases, begin, add
end

return section
