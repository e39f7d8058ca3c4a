-- Autobahn's section 6: what is UTF-8 and what isn't, after Markus Kuhn's stress test, and how soon that is noticed.

local frame = require "spec.conformance.frame"
local text, continuation = frame.text, frame.continuation

local MORE = { fin = false }
local MIXED = "Hello-µ@ßöäüàá-UTF-8!!"
local KOSME = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5" -- eleven bytes, of two and three a character
local SURROGATE = KOSME .. "\xed\xa0\x80edited"
local BEYOND = { KOSME, "\xf4\x90\x80\x80", "edited" } -- U+110000: wrong from the second byte on

local section = { title = "UTF-8" }

local function add(name, about, case)
  table.move(case, 1, #case, 3)
  case[1], case[2] = name, about
  table.insert(section, case)
end

local function echoes(name, about, frames, payload)
  add(name, about, { send = frames, expect = { text(payload) }, closes = 1000 })
end

echoes("6.1.1", "an empty text comes back", { text("") }, "")
echoes("6.1.2", "an empty text in three fragments comes back",
  { text("", MORE), continuation("", MORE), continuation("") }, "")
echoes("6.1.3", "a text between two empty fragments comes back",
  { text("", MORE), continuation("middle frame payload", MORE), continuation("") }, "middle frame payload")

echoes("6.2.1", "a text with characters of two bytes comes back", { text(MIXED) }, MIXED)
echoes("6.2.2", "the same in two fragments, cut between characters, comes back",
  { text(MIXED:sub(1, 14), MORE), continuation(MIXED:sub(15)) }, MIXED)
echoes("6.2.3", "the same in fragments of one byte comes back", frame.fragments(frame.TEXT, MIXED, 1), MIXED)
echoes("6.2.4", "a text of Greek in fragments of one byte comes back", frame.fragments(frame.TEXT, KOSME, 1), KOSME)

add("6.3.1", "a text with a surrogate fails the connection", { send = { text(SURROGATE) }, fails = 1007 })
add("6.3.2", "the same in fragments of one byte fails the connection",
  { send = frame.fragments(frame.TEXT, SURROGATE, 1), fails = 1007 })

-- Fail fast: the rest of the message need not come.

local function addFailFast(number, about, parts)
  add("6.4." .. number, about .. " fails the connection at once", {
    { send = { text(parts[1], MORE) }, alive = true },
    { send = { continuation(parts[2], MORE) } },
    late = { continuation(parts[3]) }, fails = 1007,
  })
end

local function addFailFastWithin(number, about, parts)
  local whole = text(table.concat(parts))
  local first, second = -#parts[2] - #parts[3], -#parts[3]
  add("6.4." .. number, about .. " fails the connection at once", {
    { send = { frame.part(whole, 1, first - 1) }, quiet = 0.1 },
    { send = { frame.part(whole, first, second - 1) } },
    late = { frame.part(whole, second) }, fails = 1007,
  })
end

local whole = table.concat(BEYOND)
local AT_THE_BYTE = { whole:sub(1, 12), whole:sub(13, 13), whole:sub(14) }
addFailFast(1, "a second fragment with a character beyond U+10FFFF", BEYOND)
addFailFast(2, "a second fragment of the one byte that makes a character impossible", AT_THE_BYTE)
addFailFastWithin(3, "the middle of a frame, a character beyond U+10FFFF,", BEYOND)
addFailFastWithin(4, "the middle of a frame, the byte that makes a character impossible,", AT_THE_BYTE)

-- Families of sequences

local function range(first, last, each)
  local bytes = {}
  for byte = first, last do bytes[#bytes + 1] = string.char(byte) .. (each or "") end
  return table.concat(bytes)
end

local function prefixes(sequence)
  local all = {}
  for i = 1, #sequence do all[i] = sequence:sub(1, i) end
  return all
end

local INCOMPLETE = {
  "\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
  "\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
}

-- U+FFFE, U+FFFF, U+1FFFE ... U+10FFFF
local function nonCharacters()
  local all = {}
  for plane = 0, 16 do
    for last = 0xfffe, 0xffff do all[#all + 1] = utf8.char(plane << 16 | last) end
  end
  return all
end

-- number, what they are, sequences; which are valid is asked of Lua
local FAMILIES = {
  { 5, "some text", {
    "hello$world", "hello\xc2\xa2world", "hello\xe2\x82\xacworld", "hello\xf0\xa4\xad\xa2world", KOSME } },
  { 6, "a beginning of a text", prefixes(KOSME) },
  { 7, "the first character of a length", { "\0", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80" } },
  { 8, "the first sequence of five or six bytes", { "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80" } },
  { 9, "the last character of a length", { "\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf" } },
  { 10, "the last sequence of four, five or six bytes", {
    "\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf" } },
  { 11, "another boundary", {
    "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80" } },
  { 12, "unexpected continuation bytes", {
    "\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf",
    range(0x80, 0xbe) } },
  { 13, "lonely first bytes", {
    range(0xc0, 0xde, " "), range(0xe0, 0xee, " "), range(0xf0, 0xf6, " "), range(0xf8, 0xfa, " "),
    range(0xfc, 0xfc, " ") } },
  { 14, "a sequence whose last byte is missing", INCOMPLETE },
  { 15, "ten sequences whose last byte is missing", { table.concat(INCOMPLETE) } },
  { 16, "impossible bytes", { "\xfe", "\xff", "\xfe\xfe\xff\xff" } },
  { 17, "an overlong slash", {
    "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf" } },
  { 18, "the last overlong sequence of a length", {
    "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf" } },
  { 19, "an overlong NUL", {
    "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80" } },
  { 20, "a surrogate", {
    "\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf" } },
  { 21, "a pair of surrogates", {
    "\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
    "\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf" } },
  { 22, "a code point that is no character", nonCharacters() },
  { 23, "a special", {
    "\u{fff9}", "\u{fffa}", "\u{fffb}", "\u{fffc}", "\u{fffd}", "\u{fffe}", "\u{ffff}" } },
}

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

for _, family in ipairs(FAMILIES) do
  local number, about, sequences = table.unpack(family)
  for i, sequence in ipairs(sequences) do
    local name = ("6.%d.%d"):format(number, i)
    local what = ("%s, 0x%s,"):format(about, hex(sequence))
    if utf8.len(sequence) then
      echoes(name, what .. " comes back", { text(sequence) }, sequence)
    else
      add(name, what .. " fails the connection", { send = { text(sequence) }, fails = 1007 })
    end
  end
end

return section
