-- A page for users with one block that a program writes; the rest of it is written by hand. The
-- markers here are those of the bench.

local docs = {
  BEGIN = "<!-- bench: begin; make bench writes what stands up to the end -->",
  END = "<!-- bench: end -->",
}

-- Where the block begins and ends; nil unless there is exactly one.
local function find(page, begin, ending)
  local _, first = page:find(begin .. "\n", 1, true)
  local last = first and page:find(ending, first, true)
  if not last or page:find(begin, first, true) or page:find(ending, last + 1, true) then
    return nil
  end
  return first, last
end

-- The page with `block` in place of what stood between the markers; nil and a message where they
-- aren't there once each, in order. `begin`, `ending`: other markers than the bench's.
function docs.replace(page, block, begin, ending)
  begin, ending = begin or docs.BEGIN, ending or docs.END
  local first, last = find(page, begin, ending)
  if not first then
    return nil, ("needs one line '%s' and, further down, one '%s'"):format(begin, ending)
  end
  return page:sub(1, first) .. block .. page:sub(last)
end

-- What stands between the markers.
function docs.block(page, begin, ending)
  local first, last = find(page, begin or docs.BEGIN, ending or docs.END)
  return first and page:sub(first + 1, last - 1)
end

-- Writes a file as a whole or not at all.
function docs.writeFile(path, text)
  local file = assert(io.open(path .. ".new", "w"))
  file:write(text)
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

return docs
