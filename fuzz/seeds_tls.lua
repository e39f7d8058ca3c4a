-- The seeds of fuzz/net_tls.c; fuzz/seeds.lua runs this with its `seed`.

local seed = ...

local pack, char = string.pack, string.char
local CUTS = "\1\2\3"
local HONEST, ASKS, ONLY_13, CLIENT_12, UPDATES, SHOWS, ENDS, SLOW = 1, 2, 4, 8, 16, 32, 64, 128

-- What an honest client sends, and what is done to it.
local FLIP, DROP, INSERT, FIN = 0, 1, 2, 3

local function damage(at, how, byte) return pack(">I2", at) .. char(how, byte or 0) end

local function honest(name, mode, ...)
  seed("net_tls", "honest-" .. name, char(HONEST | mode), CUTS, ...)
end

honest("1.3", 0)
honest("1.3-slow", SLOW)
honest("1.3-update", UPDATES)
honest("1.3-certificate", ASKS | SHOWS)
honest("1.3-no-certificate", ASKS)
honest("1.2", CLIENT_12)
honest("1.2-slow", CLIENT_12 | SLOW)
honest("1.2-update", CLIENT_12 | UPDATES)
honest("1.2-certificate", CLIENT_12 | ASKS | SHOWS)
honest("too-old", CLIENT_12 | ONLY_13)
for _, mode in ipairs { 0, CLIENT_12 } do
  local version = mode == 0 and "1.3" or "1.2"
  honest(version .. "-first-byte", mode, damage(0, FLIP, 1))
  honest(version .. "-plain", mode, damage(0, FLIP, 0x51))
  honest(version .. "-hello", mode, damage(60, FLIP, 0xff))
  honest(version .. "-end-early", mode, damage(100, FIN))
  honest(version .. "-answer", mode, damage(300, FLIP, 1), damage(301, DROP))
  honest(version .. "-end-behind", mode, damage(390, FIN))
  honest(version .. "-inserted", mode, damage(5, INSERT, 0), damage(330, INSERT, 23))
end

-- What somebody sends who can't know the keys.
local function garbage(name, bytes, mode)
  seed("net_tls", "garbage-" .. name, char(mode or ENDS), CUTS, bytes)
end

local ALERT, HANDSHAKE, DATA = 21, 22, 23

local function record(kind, bytes, version) return char(kind) .. (version or "\3\1") .. pack(">s2", bytes) end
local function message(kind, bytes) return char(kind) .. pack(">s3", bytes) end
local function extension(kind, bytes) return pack(">I2s2", kind, bytes) end
local function list(bytes) return pack(">s2", bytes) end

local function name(text) return extension(0, list("\0" .. pack(">s2", text))) end
local function alpn(...)
  local names = {}
  for i, protocol in ipairs { ... } do names[i] = pack("s1", protocol) end
  return extension(16, list(table.concat(names)))
end

local GROUPS = extension(10, list "\0\23\0\29")
local SIGNATURES = extension(13, list "\4\3\8\4")
local POINT = "\x09" .. ("\0"):rep(31) -- x25519's base
local SHARE = extension(51, list("\0\29" .. list(POINT)))
local VERSIONS_13 = extension(43, "\2\3\4")
local SUITES_13, SUITES_12 = "\x13\1\x13\2\x13\3", "\xc0\x2b\xc0\x2f"

local function hello(suites, extensions, version)
  return message(1, (version or "\3\3") .. ("r"):rep(32) .. "\0" .. list(suites) .. "\1\0" .. list(extensions))
end

local modern = hello(SUITES_13, VERSIONS_13 .. GROUPS .. SIGNATURES .. SHARE .. name "localhost")
local old = hello(SUITES_12, GROUPS .. SIGNATURES .. name "localhost")
garbage("hello-1.3", record(HANDSHAKE, modern))
garbage("hello-1.3-waits", record(HANDSHAKE, modern), 0)
garbage("hello-1.3-then-data", record(HANDSHAKE, modern) .. record(DATA, ("x"):rep(40), "\3\3"))
garbage("hello-1.3-twice", record(HANDSHAKE, modern) .. record(HANDSHAKE, modern))
garbage("hello-1.3-retry", record(HANDSHAKE, hello(SUITES_13, VERSIONS_13 .. GROUPS .. SIGNATURES
  .. extension(51, list "")):rep(2)))
garbage("hello-1.2", record(HANDSHAKE, old))
garbage("hello-1.2-certificate-wanted", record(HANDSHAKE, old) .. record(HANDSHAKE, message(11, "\0\0\0")), ENDS | ASKS)
garbage("hello-1.2-key", record(HANDSHAKE, old) .. record(HANDSHAKE, message(16, "\32" .. POINT), "\3\3")
  .. record(20, "\1", "\3\3") .. record(HANDSHAKE, ("x"):rep(40), "\3\3"))
garbage("hello-1.1", record(HANDSHAKE, hello(SUITES_12, GROUPS .. SIGNATURES, "\3\2")))
garbage("hello-in-pieces", record(HANDSHAKE, modern:sub(1, 50)) .. record(HANDSHAKE, modern:sub(51)))
garbage("hello-one-byte-records", (modern:gsub(".", function(c) return record(HANDSHAKE, c) end)))
garbage("hello-alpn", record(HANDSHAKE, hello(SUITES_12, GROUPS .. SIGNATURES .. alpn("h2", "http/1.1"))))
garbage("hello-alpn-none", record(HANDSHAKE, hello(SUITES_12, GROUPS .. SIGNATURES .. alpn "h2")))
garbage("hello-name-empty", record(HANDSHAKE, hello(SUITES_12, GROUPS .. SIGNATURES .. name "")))
garbage("hello-name-dot", record(HANDSHAKE, hello(SUITES_12, GROUPS .. SIGNATURES .. name "a.b.")))
garbage("hello-name-cut", record(HANDSHAKE, hello(SUITES_12, GROUPS .. extension(0, "\0\9\0\0\9ab"))))
garbage("hello-no-suite", record(HANDSHAKE, hello("\0\5", GROUPS)))
garbage("hello-too-long", record(HANDSHAKE, message(1, ("x"):rep(16000))))
garbage("hello-announced-long", record(HANDSHAKE, "\1\xff\xff\xff" .. ("x"):rep(100)))
garbage("record-too-long", "\22\3\1\x48\1" .. ("x"):rep(300))
garbage("record-empty", record(HANDSHAKE, ""):rep(40))
garbage("record-data-first", record(DATA, "hello"))
garbage("record-alert", record(ALERT, "\2\40"))
garbage("record-warnings", record(ALERT, "\1\90"):rep(20))
garbage("record-strange-version", record(HANDSHAKE, modern, "\3\xde"))
garbage("sslv2-hello", "\x80\x2e\1\3\3\0\x15\0\0\0\x10\1\0\x80\2\0\x80\3\0\x80" .. ("c"):rep(16))
garbage("http", "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
garbage("ssh", "SSH-2.0-OpenSSH_9.2\r\n")
garbage("nothing", "")
garbage("nothing-waits", "", 0)
