-- The page for users has one block that the bench writes; the rest of it is written by hand.

local docs = {
  BEGIN = "<!-- bench: begin; make bench writes what stands up to the end -->",
  END = "<!-- bench: end -->",
}

-- Where the block begins and ends; nil unless there is exactly one.
local function find(page)
  local _, first = page:find(docs.BEGIN .. "\n", 1, true)
  local last = first and page:find(docs.END, first, true)
  if not last or page:find(docs.BEGIN, first, true) or page:find(docs.END, last + 1, true) then
    return nil
  end
  return first, last
end

-- The page with `block` in place of what stood between the markers; nil and a message where they
-- aren't there once each, in order.
function docs.replace(page, block)
  local first, last = find(page)
  if not first then
    return nil, ("needs one line '%s' and, further down, one '%s'"):format(docs.BEGIN, docs.END)
  end
  return page:sub(1, first) .. block .. page:sub(last)
end

-- What stands between the markers.
function docs.block(page)
  local first, last = find(page)
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
