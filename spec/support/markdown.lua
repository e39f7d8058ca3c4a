-- Reads a Markdown page as far as the specs of the documentation need it:
--
--   local page = markdown.read("docs/api.md")
--
--   page.headings   { { text =, anchor =, line = }, ... }; page.anchors[anchor] is true
--   page.blocks     the fenced code blocks: { info = "lua", text =, line =, notes = { "run: server", ... } };
--                   notes are the HTML comments in the lines right above
--   page.links      { { target = "docs/api.md#json", line = }, ... }, pictures included
--   page.tables     { { heading =, line =, rows = { { cell, ... }, ... } }, ... }, without the head
--   page.codes      inline code: { { text =, line = }, ... }
--
-- markdown.codes(text) lists the inline code in a piece of text.

local markdown = {}

-- As GitHub makes them of headings.
local function anchorOf(text, taken)
  local anchor = text:gsub("`", ""):gsub("%[(.-)%]%(.-%)", "%1"):lower():gsub("[^%w%s_-]", ""):gsub("%s", "-")
  local count = taken[anchor] or 0
  taken[anchor] = count + 1
  return count == 0 and anchor or anchor .. "-" .. count
end

function markdown.codes(text)
  local found = {}
  for code in text:gmatch("`([^`]+)`") do found[#found + 1] = code end
  return found
end

local function splitRow(line)
  local cells = {}
  local inner = line:gsub("\\|", "\0"):match("^%s*|(.*)|%s*$")
  for cell in (inner .. "|"):gmatch("([^|]*)|") do
    cells[#cells + 1] = cell:gsub("\0", "|"):match("^%s*(.-)%s*$")
  end
  return cells
end

local function addLinks(page, line, number)
  local text = line:gsub("`[^`]*`", "")
  for target in text:gmatch("%]%(([^%s)]+)%)") do page.links[#page.links + 1] = { target = target, line = number } end
  for target in text:gmatch('<img [^>]*src="([^"]+)"') do
    page.links[#page.links + 1] = { target = target, line = number }
  end
end

local function addCodes(page, line, number)
  for _, text in ipairs(markdown.codes(line)) do page.codes[#page.codes + 1] = { text = text, line = number } end
end

function markdown.parse(text)
  local page = { headings = {}, anchors = {}, blocks = {}, links = {}, tables = {}, codes = {} }
  local taken, notes = {}, {}
  local block, rows, heading
  local number = 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local isRow = not block and line:match("^|.*|%s*$")
    if not isRow then rows = nil end
    if block then
      if line:match("^```%s*$") then
        block.text = table.concat(block, "\n") .. "\n"
        block = nil
      else
        block[#block + 1] = line
      end
    elseif line:match("^```") then
      block = { info = line:match("^```(%S*)"), line = number, notes = notes }
      page.blocks[#page.blocks + 1] = block
      notes = {}
    elseif line:match("^<!%-%- .* %-%->$") then
      notes[#notes + 1] = line:match("^<!%-%- (.*) %-%->$")
    else
      notes = {}
      if isRow and not rows then -- the head
        rows = {}
        page.tables[#page.tables + 1] = { heading = heading, line = number, rows = rows }
      elseif isRow and not line:match("^[|%s:-]+$") then
        rows[#rows + 1] = splitRow(line)
      end
      local title = line:match("^#+%s+(.-)%s*$")
      if title then
        heading = title
        local anchor = anchorOf(title, taken)
        page.headings[#page.headings + 1] = { text = title, anchor = anchor, line = number }
        page.anchors[anchor] = true
      end
      addLinks(page, line, number)
      addCodes(page, line, number)
    end
  end
  if block then error(("the code block of line %d is not closed"):format(block.line), 2) end
  return page
end

function markdown.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  local page = markdown.parse(text)
  page.path = path
  return page
end

return markdown
