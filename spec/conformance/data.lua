-- What the cases of permessage-deflate send: data of the kinds that Autobahn uses, made here, the same in each run.
--
-- data.cutter(kind, size) -> a function that returns the next `size` bytes at each call, around and around; text is
--     cut between characters and filled up
-- data.isText(kind)

local data = {}

local SIZE = 192 * 1024

local WORDS = {
  "Habe", "nun", "ach", "die", "Wissenschaft", "und", "leider", "auch", "Welt", "durchaus", "studiert", "mit", "heißem",
  "Bemühn", "da", "steh", "ich", "Tor", "so", "klug", "als", "wie", "zuvor", "heiße", "Gelehrter", "gar", "ziehe",
  "schon", "an", "Jahr", "herauf", "herab", "quer", "krumm", "Schüler", "Nase", "herum", "sehe", "daß", "wir", "nichts",
  "wissen", "können", "das", "will", "mir", "schier", "Herz", "verbrennen", "über", "größer", "Geister", "Mund",
}

-- Numbers that look random and are the same everywhere.
local function generator(seed)
  local state = seed
  return function(limit)
    state = (state * 6364136223846793005 + 1442695040888963407) & math.maxinteger
    return (state >> 24) % limit
  end
end

local function fill(make)
  local parts, size = {}, 0
  repeat
    parts[#parts + 1] = make(#parts + 1)
    size = size + #parts[#parts]
  until size >= SIZE
  return table.concat(parts)
end

local function sentence(random)
  local words = {}
  for i = 1, 5 + random(10) do words[i] = WORDS[random(#WORDS) + 1] end
  return table.concat(words, " ")
end

local make = {}

function make.json(random)
  return fill(function(i)
    return ('{"id":%d,"name":"%s","tags":["%s","%s"],"price":%d.%02d,"active":%s,"note":"%s €"},\n'):format(i,
      WORDS[random(#WORDS) + 1], WORDS[random(#WORDS) + 1], WORDS[random(#WORDS) + 1], random(1000), random(100),
      random(2) == 0 and "true" or "false", sentence(random))
  end)
end

-- Grey: slopes with some noise.
function make.bitmap(random)
  return "BM" .. fill(function(row)
    local line = {}
    for x = 1, 512 do line[x] = string.char((row // 2 + x // 3 + random(6)) % 256) end
    return table.concat(line)
  end)
end

function make.prose(random)
  return fill(function() return sentence(random) .. (random(3) == 0 and ".\n\n" or ",\n") end)
end

function make.html(random)
  return fill(function(i)
    return ('<div class="row" id="r%d">\n  <a href="/seite/%d">%s</a>\n  <p>%s.</p>\n</div>\n'):format(i, random(5000),
      WORDS[random(#WORDS) + 1], sentence(random))
  end)
end

-- Like a PDF: a little structure around what doesn't compress.
function make.document(random)
  return "%PDF-1.4\n" .. fill(function(i)
    local stream = {}
    for j = 1, 4000 do stream[j] = string.char(random(256)) end
    return ("%d 0 obj\n<< /Length 4000 /Filter /FlateDecode >>\nstream\n%s\nendstream\nendobj\n"):format(i,
      table.concat(stream))
  end)
end

local made = {}

local function bytesOf(kind)
  made[kind] = made[kind] or make[kind](generator(#kind))
  return made[kind]
end

function data.isText(kind)
  return kind == "json" or kind == "html"
end

-- The longest beginning of at most `size` bytes that ends with a character.
local function cutText(bytes, size)
  local last = size
  while last < #bytes and bytes:byte(last + 1) & 0xc0 == 0x80 do last = last - 1 end
  return bytes:sub(1, last)
end

function data.cutter(kind, size)
  local bytes, at = bytesOf(kind), 1
  return function()
    local piece = bytes:sub(at, at + size + 3)
    if #piece < size + 4 then piece = piece .. bytes:sub(1, size + 4 - #piece) end
    local cut = data.isText(kind) and cutText(piece, size) or piece:sub(1, size)
    at = (at - 1 + #cut) % #bytes + 1
    return cut .. ("."):rep(size - #cut)
  end
end

return data
