-- Writes the seeds of targets whose inputs can't be typed: lua5.4 fuzz/seeds.lua, from the root of
-- the tree. What it writes is committed; with --check it only says whether that is up to date.
-- The layout of an input stands at the head of its target, fuzz/<target>.c.

local seeds = {} -- path -> bytes

local function seed(target, name, ...)
  local path = "fuzz/seeds/" .. target .. "/" .. name
  assert(not seeds[path], path)
  seeds[path] = table.concat { ... }
end

local pack, char = string.pack, string.char

-- Frames of RFC 6455 -------------------------------------------------------------------------------

local FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
local CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
local KEY = "\x37\xfa\x21\x3d"

local function mask(payload, key)
  local i = 0
  return (payload:gsub(".", function(c)
    i = i % 4 + 1
    return char(c:byte() ~ key:byte(i))
  end))
end

-- `bits`: of the length's form; nil: the shortest. `length`: what the header says of it.
local function header(first, length, masked, bits)
  local high = masked and 0x80 or 0
  bits = bits or length <= 125 and 7 or length <= 65535 and 16 or 64
  if bits == 7 then return char(first, high | length) end
  return char(first, high | (bits == 16 and 126 or 127)) .. pack(bits == 16 and ">I2" or ">I8", length)
end

local function frame(masked, first, payload, bits)
  if not masked then return header(first, #payload, false, bits) .. payload end
  return header(first, #payload, true, bits) .. KEY .. mask(payload, KEY)
end

local function body(code, reason) return pack(">I2", code) .. (reason or "") end

-- ws_session: role and limits, how it is cut, the wire. Each wire comes for both roles, in the
-- limits that it needs.
local PAYLOAD = { [0] = 0, [1] = 1, [100] = 2, [125] = 3, [126] = 4, [1000] = 5, [65536] = 6, most = 7 }
local FRAGMENTS = { [1] = 0, [2] = 1, [3] = 2, most = 3 }

local function session(name, wire, limits)
  limits = limits or {}
  for role, is_client in pairs { server = false, client = true } do
    local settings = PAYLOAD[limits.payload or "most"] << 1 | FRAGMENTS[limits.fragments or "most"] << 4
    if is_client then settings = settings | 1 end
    local function f(...) return frame(not is_client, ...) end
    seed("ws_session", role .. "-" .. name, char(settings), "\1\2\3", wire(f, is_client))
  end
end

session("text", function(f) return f(FIN | TEXT, "Hello") .. f(FIN | TEXT, "") end)
session("binary", function(f) return f(FIN | BINARY, "\0\1\xff") end)
session("text-utf8", function(f) return f(FIN | TEXT, ("Grüße, κόσμε, 世界 🎉. "):rep(6)) end)
session("fragments", function(f)
  return f(TEXT, "Hel") .. f(FIN | PING, "in between") .. f(CONTINUATION, "") ..
    f(FIN | CONTINUATION, "lo") .. f(BINARY, "a") .. f(FIN | PONG, "") .. f(FIN | CONTINUATION, "b")
end)
session("fragments-of-a-character", function(f)
  return f(TEXT, "\xf0") .. f(CONTINUATION, "\x9f\x8e") .. f(FIN | CONTINUATION, "\x89")
end)
session("fragments-too-many", function(f) return f(BINARY, "a") .. f(CONTINUATION, "b") .. f(CONTINUATION, "c") end,
  { fragments = 2 })
session("fragments-too-big", function(f) return f(BINARY, ("x"):rep(99)) .. f(FIN | CONTINUATION, "yz") end,
  { payload = 100 })
session("length-16", function(f) return f(FIN | TEXT, ("0123456789"):rep(30)) end, { payload = 1000 })
session("length-64-cut", function(_, is_client) return header(FIN | BINARY, 1 << 62, not is_client) end)
session("length-64-too-big", function(_, is_client) return header(FIN | BINARY, 1 << 62, not is_client) end,
  { payload = 1000 })
session("length-negative", function(_, is_client) return header(FIN | BINARY, -1, not is_client, 64) end)
session("length-16-not-minimal", function(f) return f(FIN | TEXT, "abc", 16) end)
session("length-64-not-minimal", function(f) return f(FIN | TEXT, "abc", 64) end)
session("too-big", function(f) return f(FIN | TEXT, ("x"):rep(101)) end, { payload = 100 })
session("empty-limit", function(f) return f(FIN | TEXT, "") .. f(FIN | PING, "p") .. f(FIN | TEXT, "x") end,
  { payload = 0 })
session("ping-pong", function(f)
  return f(FIN | PING, "") .. f(FIN | PING, ("p"):rep(125)) .. f(FIN | PONG, "nobody asked")
end)
session("ping-too-long", function(f) return f(FIN | PING, ("p"):rep(126)) end)
session("ping-fragmented", function(f) return f(PING, "p") .. f(FIN | CONTINUATION, "q") end)
session("close", function(f) return f(FIN | CLOSE, body(1000, "bye")) .. f(FIN | TEXT, "after it") end)
session("close-empty", function(f) return f(TEXT, "unfinished") .. f(FIN | CLOSE, "") end)
session("close-one-byte", function(f) return f(FIN | CLOSE, "\3") end)
session("close-code-1005", function(f) return f(FIN | CLOSE, body(1005)) end)
session("close-code-4999", function(f) return f(FIN | CLOSE, body(4999, ("r"):rep(123))) end)
session("close-reason-not-utf8", function(f) return f(FIN | CLOSE, body(1000, "\xce\xba\xe1\xbd")) end)
session("text-not-utf8", function(f) return f(FIN | TEXT, "caf\xe9 au lait") end)
session("text-not-utf8-fragment", function(f) return f(TEXT, "\xed\xa0") .. f(FIN | CONTINUATION, "\x80") end)
session("text-unfinished-character", function(f) return f(FIN | TEXT, "\xe2\x82") end)
session("reserved-bits", function(f) return f(FIN | RSV1 | TEXT, "x") .. f(FIN | RSV2 | RSV3 | PING, "") end)
session("reserved-opcode", function(f) return f(FIN | TEXT, "x") .. f(FIN | 3, "y") end)
session("reserved-control", function(f) return f(FIN | 0xb, "y") end)
session("continuation-of-nothing", function(f) return f(FIN | CONTINUATION, "x") end)
session("interrupted-message", function(f) return f(TEXT, "x") .. f(FIN | BINARY, "y") end)
session("masked-wrong", function(_, is_client) return frame(is_client, FIN | TEXT, "Hello") end)

-- Compressed, the examples of RFC 7692 section 7.2.3 among them. `bits`: of the window and, with
-- 0x80, context takeover.
local function packed(name, wire, bits, payload)
  local settings = PAYLOAD[payload or "most"] << 1 | FRAGMENTS.most << 4 | 0x40
  local client = wire(function(...) return frame(false, ...) end)
  local server = wire(function(...) return frame(true, ...) end)
  seed("ws_session", "server-deflate-" .. name, char(settings, bits or 0x86), "\1\2\3", server)
  seed("ws_session", "client-deflate-" .. name, char(settings | 1, bits or 0x86), "\1\2\3", client)
end

local HELLO = "\xf2\x48\xcd\xc9\xc9\x07\0"
-- 300,000 zeros.
local BOMB = "\xec\xc1\x01\x0d\0\0\0\xc2\xa0\xf7\x4f\x6d\x0f\x07\x14" .. ("\0"):rep(290) .. "\xfc\x18\0"

packed("hello", function(f) return f(FIN | RSV1 | TEXT, HELLO) .. f(FIN | TEXT, "plain") end)
packed("fragments", function(f)
  return f(RSV1 | TEXT, HELLO:sub(1, 3)) .. f(FIN | PING, "p") .. f(FIN | CONTINUATION, HELLO:sub(4))
end)
packed("takeover", function(f) return f(FIN | RSV1 | TEXT, HELLO) .. f(FIN | RSV1 | TEXT, "\xf2\0\x11\0\0") end)
packed("no-takeover", function(f) return f(FIN | RSV1 | TEXT, HELLO) .. f(FIN | RSV1 | TEXT, "\xf2\0\x11\0\0") end, 6)
packed("takeover-small-window", function(f)
  return f(FIN | RSV1 | TEXT, HELLO) .. f(FIN | RSV1 | TEXT, "\xf2\0\x11\0\0")
end, 0x80)
packed("stored", function(f) return f(FIN | RSV1 | BINARY, "\0\5\0\xfa\xffHello\0") end)
packed("final-block", function(f)
  return f(FIN | RSV1 | BINARY, "\xf3\x48\xcd\xc9\xc9\x07\0\0") .. f(FIN | RSV1 | BINARY, "\xf3\x48\xcd\xc9\xc9\x07\0")
end)
packed("two-blocks", function(f)
  return f(FIN | RSV1 | TEXT, "\xf2\x48\5\0\0\0\xff\xff\xca\xc9\xc9\x07\0")
end)
packed("empty", function(f) return f(FIN | RSV1 | TEXT, "\0") .. f(FIN | RSV1 | TEXT, "") end)
packed("corrupt", function(f) return f(FIN | RSV1 | TEXT, "\xff\xff\xff") end)
packed("cut", function(f) return f(FIN | RSV1 | TEXT, HELLO:sub(1, 3)) end)
packed("not-utf8", function(f) return f(FIN | RSV1 | TEXT, "\0\2\0\xfd\xffa\xff\0") end)
packed("unfinished-character", function(f) return f(FIN | RSV1 | TEXT, "\0\2\0\xfd\xffa\xc3\0") end)
packed("too-big", function(f) return f(FIN | RSV1 | BINARY, BOMB) end, nil, 1000)
packed("limit-0", function(f) return f(FIN | RSV1 | TEXT, HELLO) end, nil, 0)
packed("bomb", function(f) return f(RSV1 | BINARY, BOMB) end, nil, 65536)
packed("too-long", function(_) return header(RSV1 | FIN | BINARY, 1 << 40, true) end)
packed("ping", function(f) return f(FIN | RSV1 | PING, "") end)
packed("continuation", function(f) return f(RSV1 | TEXT, HELLO) .. f(FIN | RSV1 | CONTINUATION, "") end)
packed("reserved-2", function(f) return f(FIN | RSV1 | RSV2 | TEXT, HELLO) end)

-- ws_messages: role, limits and skips; after how many events the session closes, and three bytes for
-- the cuts; frames as fuzz/support/script.c chooses them.
local function messages(name, choices, settings, closes)
  seed("ws_messages", "server-" .. name, char(settings or 0, closes or 0), "\2\3\4", choices)
  seed("ws_messages", "client-" .. name, char((settings or 0) | 1, closes or 0), "\2\3\4", choices)
end

messages("whole", "\x50Hello\x31\0\1\2\x36pin\x27po\x59\0\0bye")
messages("fragments", "\x32Hel\x36pin\x14\x6c\x15o\x13a\x04\x05\x08")
messages("close-raw", "\x28\x03\xe8\x50after")
messages("close-bad", "\x28\x03\xed")
messages("text-not-utf8", "\x50caf\xe9x")
messages("first-byte", "\x3a\xc1abc")
messages("masked-wrong", "\x3babc")
messages("long-16", "\x3c\x82abc")
messages("long-64", "\x3d\x82abc")
messages("cut", "\x5e\x82Hello\x03")
messages("huge", "\x0f\x82\x00")
messages("huge-positive", "\x0f\x82\x01")
messages("borders", "\xb1abc\xc1abc\xd1abc\xe1abc\xf1abc")
messages("too-big", "\x51Hello\x61Hello!", 6 << 1)
messages("too-many-fragments", "\x12a\x14b\x15c", 2 << 4)
messages("closes", "\x51Hello\x36pin\x51Hello\x36pin\x59\0\0bye", 0, 2)
messages("closes-and-fails", "\x51Hello\x33abc\x51Hello", 0, 1)
messages("skipped", "\x50Hello\x32Hel\x25lo\x60Hello!", 0x40)

-- With compression: what was agreed on and how the peer compresses stands behind the settings, and
-- behind each data frame how it is packed.
local function packed_messages(name, choices, bits, how)
  for role, settings in pairs { server = 0x80, client = 0x81 } do
    seed("ws_messages", role .. "-deflate-" .. name, char(settings, bits or 0x66, how or 6), "\0\2\3\4", choices)
  end
end

packed_messages("whole", "\x50Hello\0\x50Hello\0\x50plain\1\x36pin\x59\0\0bye")
packed_messages("no-takeover", "\x50Hello\0\x50Hello\0", 0x6e)
packed_messages("takes-over-wrongly", "\x50Hello\0\x50Hello\x40", 0x6e)
packed_messages("fragments", "\x32Hel\0\x36pin\x24lo\2\x34abc\4\x35xyz\4")
packed_messages("final-blocks", "\x32Hel\6\x35abc\6\x50Hello\6")
packed_messages("resets", "\x50Hello\0\x50Hello\x20")
packed_messages("raw", "\x51\0\5\0\xfa\xff\x08")
packed_messages("flipped", "\x50Hello\x10\3")
packed_messages("stored", "\xa1\x30abcdefgh\0", nil, 0)
packed_messages("fixed", "\xd1abc\0\xe1abc\0", nil, 49)
packed_messages("window-small", "\xf1abcdefghijklmnopqrstuvwxyz\0\x51abcde\0", 0)
packed_messages("window-too-large", "\xf1abcdefghijklmnopqrstuvwxyz\0\xe1abcde\0", 0x60)
packed_messages("not-utf8", "\x50caf\xe9x\0")

-- ws_deflate: for each of two connections its window and takeover, levels and threshold, role; then
-- messages: whose and how often repeated, how long, the bytes.
for name, first in pairs { takeover = "\x16\x66\0", ["no-takeover"] = "\x06\x66\1", ["window-9"] = "\x10\x61\0",
  ["level-0"] = "\x13\x00\1", threshold = "\x05\xe9\0" } do
  seed("ws_deflate", name, first, "\x06\x36\1", "\x34\x05Hello", "\x32\x05Hello", "\x35\x05Hello",
    "\x40\x0bHello world", "\x66\x14abcdefghijklmnopqrst", "\x00\x00", "\x58\x14abcdefghijklmnopqrst",
    "\x59\x14abcdefghijklmnopqrst", "\x6c\x14abcdefghijklmnopqrst")
end
seed("ws_deflate", "long", "\x16\x66\0", "\x06\x36\1", "\x34\x05Hello", "\x70\x14abcdefghijklmnopqrst")
seed("ws_deflate", "long-noise", "\x16\x66\0", "\x06\x36\1", "\x30\x05Hello", "\x78\x14abcdefghijklmnopqrst")
seed("ws_deflate", "long-noise-first", "\x06\x66\0", "\x16\x36\1", "\x79\x0babcdefghijk", "\x7c\x0babcdefghijk")

-- ws_frame, ws_close, ws_mask, ws_utf8 -------------------------------------------------------------

for bits, length in pairs { [7] = 5, [16] = 300, [64] = 70000 } do
  seed("ws_frame", "length-" .. bits, header(FIN | TEXT, length, false, bits))
  seed("ws_frame", "length-" .. bits .. "-masked", header(FIN | BINARY, length, true, bits), KEY)
  seed("ws_frame", "length-" .. bits .. "-short", header(FIN | BINARY, 5, true, bits), KEY)
end
seed("ws_frame", "length-negative", header(RSV1 | TEXT, -1, true, 64), KEY)

seed("ws_close", "empty")
seed("ws_close", "one-byte", "\3")
for _, code in ipairs { 999, 1000, 1005, 1014, 2999, 3000, 4999 } do seed("ws_close", "code-" .. code, body(code)) end
seed("ws_close", "reason", body(1000, "Grüße"))
seed("ws_close", "reason-not-utf8", body(1000, "\xff"))

seed("ws_mask", "short", KEY, "\0\0\0\1", "\0", "\0", "abc")
seed("ws_mask", "steps", KEY, "\0\0\0\3", "\4", "\xe3", ("0123456789abcdef"):rep(5))
seed("ws_mask", "zero-key", "\0\0\0\0", "\0\0\0\0", "\0", "\1", ("Grüße "):rep(12))

local function utf8_seed(name, text, times)
  seed("ws_utf8", name, pack(">I4", 0x1300 + (times or 1) - 1), text)
end
utf8_seed("ascii", ("The quick brown fox. "):rep(8))
utf8_seed("mixed", "Grüße, κόσμε, 世界 🎉. ", 6)
utf8_seed("borders", "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}", 4)
utf8_seed("surrogate", ("x"):rep(61) .. "\xed\xa0\x80" .. ("y"):rep(40))
utf8_seed("overlong", ("é"):rep(40) .. "\xc0\xaf")
utf8_seed("overlong-3", ("é"):rep(40) .. "\xe0\x80\xaf")
utf8_seed("overlong-4", ("é"):rep(40) .. "\xf0\x80\x80\xaf")
utf8_seed("too-large", ("世"):rep(30) .. "\xf4\x90\x80\x80")
utf8_seed("cut", ("🎉"):rep(20) .. "\xf0\x9f\x8e")
utf8_seed("tail-alone", ("x"):rep(64) .. "\x80")
utf8_seed("ascii-after-others", ("é"):rep(16) .. ("x"):rep(200))

-- Offers and answers of permessage-deflate: the server's and the client's policy, then values of
-- headers, a line each.
local LARGE, SMALL, LARGE_NO_TAKEOVER, SMALL_NO_TAKEOVER = "\x84", "\x85", "\x06", "\0"
local PMD = "permessage-deflate"
for name, lines in pairs {
  bare = PMD,
  browser = PMD .. "; client_max_window_bits",
  all = PMD .. "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10" ..
    "; client_max_window_bits=\"12\"",
  several = "x-other; a=b, " .. PMD .. "; server_max_window_bits=8, " .. PMD .. ";client_max_window_bits=8",
  ["several-lines"] = PMD .. "; server_max_window_bits=7\n" .. PMD .. "; unknown\n\n" .. PMD,
  twice = PMD .. "; server_no_context_takeover; server_no_context_takeover",
  ["with-value"] = PMD .. "; client_no_context_takeover=1",
  ["bits-missing"] = PMD .. "; server_max_window_bits",
  ["bits-bad"] = PMD .. "; client_max_window_bits=016",
  ["bits-quoted"] = PMD .. "; client_max_window_bits=\"1\\0\"",
  malformed = PMD .. ";;",
  ["malformed-quote"] = PMD .. "; a=\"b c",
  ["too-many"] = ("a,"):rep(65),
  ["answer-too-large"] = PMD .. "; server_no_context_takeover; client_max_window_bits=15",
  ["answer-8"] = PMD .. "; server_no_context_takeover; server_max_window_bits=8; client_max_window_bits=8",
  ["answer-client-too-large"] = PMD .. "; server_max_window_bits=9; client_max_window_bits=15",
  ["answer-chosen-twice"] = PMD .. ", " .. PMD,
} do
  seed("http_deflate", name, LARGE, LARGE, lines)
  seed("http_deflate", name .. "-small", SMALL, SMALL_NO_TAKEOVER, lines)
  seed("http_deflate", name .. "-small-window", LARGE_NO_TAKEOVER, SMALL, lines)
end

-- Topics, JSON -------------------------------------------------------------------------------------

seed("mailbox_topic", "topic", "chat.room.42")
seed("mailbox_topic", "pattern", "chat.*.>")
seed("mailbox_topic", "rest-inside", "chat.>.x")
seed("mailbox_topic", "star-beside", "chat.a*")
seed("mailbox_topic", "empty-segment", "chat..x")
seed("mailbox_topic", "dot-at-end", "chat.")
seed("mailbox_topic", "blank", "chat room")
seed("mailbox_topic", "longest", ("a."):rep(127) .. "b")
seed("mailbox_topic", "too-long", ("a."):rep(127) .. "bc")

-- Subscribes, searches, unsubscribes, leaves: see step and read_topic.
seed("reactor_topics", "exact", "\x00\x01\0\1", "\x08\x01\0\1", "\x03\x01\0\1", "\x06\x01\0\1", "\x03\x01\0\1", "\x0f")
seed("reactor_topics", "patterns", "\x00\x01\0\4", "\x08\x01\0\6", "\x10\x00\6", "\x18\x01\4\4", "\x03\x01\0\1",
  "\x03\x00\0", "\x03\x02\0\1\2", "\x0f\x17\x1f\x07")
seed("reactor_topics", "raw", "\x00\xe7long.er", "\x03\xe7long.er", "\x00\xe2\0\0")

for name, text in pairs {
  integer = "-123", largest = "9223372036854775807", beyond = "9223372036854775808", fraction = "0.1",
  exponent = "1e23", ["digits-many"] = "0." .. ("123456789"):rep(100), smallest = "4.9406564584124654e-324",
  ["out-of-range"] = "1e400", zero = "-0", ["leading-zero"] = "01", ["no-digit"] = "1.e5",
  ["exponent-long"] = "1e99999999999999999999", ["half-way"] = "9007199254740993",
} do
  seed("script_number", name, text)
end
for name, number in pairs { third = 1 / 3, large = 1.7976931348623157e308, tiny = 2.2250738585072014e-308,
  million = 1e6, power = 1e22, negative = -0.5 } do
  seed("script_number", "double-" .. name, pack(">d", number))
end

-- Values as push_value of script_value.c makes them.
seed("script_value", "scalars", "\x08\x08\x00\x11\x72\x03\x03abc\x04", pack(">i8", -5), "\x05", pack(">d", 0.25))
seed("script_value", "object", "\x0b\x03\x01a\x02\x02bc\x0a\x02\x12\x22\x01z\x0a\x00")
seed("script_value", "mixed-keys", "\x0d\x04\x02\x12\x07\x01a\x12\x01\x12")
seed("script_value", "gap", "\x0d\x02\x0a\x12\x1a\x12")
seed("script_value", "string-not-utf8", "\x03\x02a\xff")
seed("script_value", "nan", "\x05", pack(">d", 0 / 0))
seed("script_value", "blob", "\x08\x01\x06\x02ab")
seed("script_value", "function", "\x08\x01\x07")
seed("script_value", "cycle", "\x08\x01\x0f")
seed("script_value", "deepest", "\x0e\x80\x12")
seed("script_value", "too-deep", "\x0e\x81\x12")

assert(loadfile "fuzz/seeds_http.lua")(seed)
assert(loadfile "fuzz/seeds_tls.lua")(seed)

-- Writing ------------------------------------------------------------------------------------------

local stale = 0
for path, bytes in pairs(seeds) do
  local file = io.open(path, "rb")
  local old = file and file:read "a"
  if file then file:close() end
  if old ~= bytes then
    stale = stale + 1
    if arg[1] == "--check" then
      print(path .. " is not what fuzz/seeds.lua writes")
    else
      assert(os.execute("mkdir -p " .. path:match "^(.*)/"))
      file = assert(io.open(path, "wb"))
      file:write(bytes)
      file:close()
    end
  end
end
if arg[1] == "--check" then os.exit(stale == 0) end
print(stale .. " seeds written")
