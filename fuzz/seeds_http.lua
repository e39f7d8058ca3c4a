-- The seeds of HTTP's targets; fuzz/seeds.lua runs this with its `seed`.

local seed = ...

local function head(...) return table.concat({ ... }, "\r\n") .. "\r\n\r\n" end

-- http_request: which largest body, three bytes for the cuts, the wire.
local BODY = { [0] = "\0", [1] = "\1", [5] = "\2", [100] = "\3", [65536] = "\4", most = "\7" }

local function request(name, wire, body)
  seed("http_request", name, BODY[body or 65536], "\1\2\3", wire)
end

local function get(...) return head("GET / HTTP/1.1", "Host: a", ...) end
local function line(text) return head(text, "Host: a") end
local function post(...) return head("POST / HTTP/1.1", "Host: a", ...) end
local function chunked(rest) return post("Transfer-Encoding: chunked") .. rest end

request("line-empty-before", "\r\n\r\n" .. get())
request("line-empty-too-many", ("\r\n"):rep(6))
request("line-too-long", "GET /" .. ("x"):rep(8300))
request("line-without-version", line("GET /"))
request("line-two-blanks", line("GET  / HTTP/1.1"))
request("line-lower-case", line("get / HTTP/1.1"))
request("line-no-token", line("G(T / HTTP/1.1"))
request("line-unknown-method", line("BREW / HTTP/1.1"))
request("line-connect", line("CONNECT a:1 HTTP/1.1"))
request("line-rtsp", line("PLAY / HTTP/1.1"))
request("line-version-2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
request("line-version-0.9", line("GET / HTTP/0.9"))
request("line-version-letters", line("GET / HTTP/a.b"))
request("target-asterisk", line("OPTIONS * HTTP/1.1"))
request("target-asterisk-of-get", line("GET * HTTP/1.1"))
request("target-authority", line("GET a:80 HTTP/1.1"))
request("target-fragment", line("GET /#a HTTP/1.1"))
request("target-8-bit", line("GET /\xff HTTP/1.1"))
request("target-bad-encoding", line("GET /%zz HTTP/1.1"))
request("target-half-encoding", line("GET /%4 HTTP/1.1"))
request("target-nul", line("GET /a%00 HTTP/1.1"))
request("target-bad-query", line("GET /%41?%zz HTTP/1.1"))
request("target-absolute-no-path", line("GET http://b:81?x=/ HTTP/1.1"))
request("target-absolute-https", head("GET HTTPS://b/x/y HTTP/1.0", "X: y"))
request("target-absolute-user", line("GET http://u@b/ HTTP/1.1"))
request("target-scheme", line("GET ftp://a/ HTTP/1.1"))
request("target-llhttp", line("GET http:/// HTTP/1.1"))

request("header-folded", get("X: a", " b"))
request("header-no-name", get(": x"))
request("header-no-colon", get("X"))
request("header-blank-before-colon", get("X : y"))
request("header-control", get("X: a\1b"))
request("header-carriage-return", get("X: a\rb"))
request("header-line-feed", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n")
request("header-8-bit", get("X: caf\xe9 \xff"))
request("header-tabs", get("X:\ta\tb\t"))
request("headers-100", head("GET http://b/ HTTP/1.0", ("X: y\r\n"):rep(99) .. "X: y"))
request("headers-101", get(("X: y\r\n"):rep(99) .. "X: y"))
request("headers-too-long", get("X: " .. ("y"):rep(16400)))
request("host-none", head("GET / HTTP/1.1", "X: y"))
request("host-two", get("Host: b"))
request("host-malformed", head("GET / HTTP/1.1", "Host: a b"))
request("host-ipv6", head("GET / HTTP/1.1", "Host: [1:2::ffff:1.2.3.4]:80"))
request("http10", head("GET / HTTP/1.0"))
request("http10-keep-alive", head("GET / HTTP/1.0", "Connection: x, Keep-Alive"))
request("close", get("Connection: x", "Connection: y, close"))

request("length-too-large", post("Content-Length: 6") .. "hello!", 5)
request("length-malformed", post("Content-Length: 5a"))
request("length-beyond", post("Content-Length: 99999999999999999999"))
request("length-zero", post("Content-Length: 0") .. "rest")
request("length-and-chunks", post("Content-Length: 5", "Transfer-Encoding: chunked"))
request("chunks-and-length", post("Transfer-Encoding: chunked", "Content-Length: 5"))
request("length-twice", post("Content-Length: 5", "Content-Length: 5"))
request("coding-none", post("Transfer-Encoding:"))
request("coding-identity", post("Transfer-Encoding: identity"))
request("coding-twice", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"))
request("coding-parameter", post("Transfer-Encoding: gzip;q=1, chunked"))
request("coding-http10", head("POST / HTTP/1.0", "Transfer-Encoding: chunked"))
request("continue", post("Expect: 100-Continue", "Content-Length: 5") .. "hello")
request("continue-chunks", post("Expect: 100-continue", "Transfer-Encoding: chunked") .. "1\r\na\r\n0\r\n\r\n")
request("expect-else", post("Expect: magic"))

request("chunk-extension", chunked("1;a=\"b\\\"\";c\r\nx\r\n0;d\r\n\r\n"))
request("chunk-extensions-too-long", chunked("1;" .. ("x"):rep(16500)))
request("chunk-no-size", chunked("\r\n"))
request("chunk-too-large", chunked("5\r\nhello\r\n1\r\n!\r\n"), 5)
request("chunk-beyond", chunked("fffffffffffffffff\r\n"), "most")
request("chunk-longer", chunked("1\r\nab\r\n"))
request("chunk-line-feed", chunked("1\na"))
request("trailers", chunked("1\r\na\r\n0\r\nX: y\r\nHost: z\r\n\r\nrest"))
request("trailer-folded", chunked("0\r\n X: y\r\n\r\n"))
request("trailer-malformed", chunked("0\r\nX : y\r\n\r\n"))
request("trailers-101", chunked("0\r\n" .. ("X: y\r\n"):rep(101) .. "\r\n"))

-- A handshake with changes: a line of the usual ones replaced, or left out by false.
local function upgrade(name, changes, line_, rest)
  local usual = { Upgrade = "websocket", Connection = "Upgrade", ["Sec-WebSocket-Version"] = "13",
    ["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ==" }
  local lines = { line_ or "GET /chat HTTP/1.1", "Host: a" }
  for _, key in ipairs { "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key" } do
    local value = changes[key]
    if value == nil then value = usual[key] end
    if value then lines[#lines + 1] = key .. ": " .. value end
  end
  for _, text in ipairs(changes) do lines[#lines + 1] = text end
  request("upgrade-" .. name, head(table.unpack(lines)) .. (rest or ""))
end

upgrade("early-frame", {}, nil, "\x81\x80\0\0\0\0")
upgrade("protocols", { "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c" })
upgrade("protocol-malformed", { "Sec-WebSocket-Protocol: a b" })
upgrade("protocol-twice", { "Sec-WebSocket-Protocol: a, b, a" })
upgrade("protocols-65", { "Sec-WebSocket-Protocol: a0" .. (", x"):rep(1) .. (function()
  local list = {}
  for i = 1, 65 do list[i] = ", p" .. i end
  return table.concat(list)
end)() })
upgrade("origin", { "Origin: https://a" })
upgrade("origin-two", { "Origin: https://a", "Origin: https://b" })
upgrade("extensions-malformed", { "Sec-WebSocket-Extensions: a b" })
upgrade("extensions-65", { "Sec-WebSocket-Extensions: a" .. (",a"):rep(65) })
upgrade("lists", { Upgrade = "h2c, WebSocket", Connection = "keep-alive,\tUPGRADE" })
upgrade("else", { Upgrade = "h2c" })
upgrade("post", {}, "POST /chat HTTP/1.1")
upgrade("http10", {}, "GET /chat HTTP/1.0")
upgrade("no-connection", { Connection = "keep-alive" })
upgrade("body", { "Content-Length: 1" }, nil, "x")
upgrade("version-none", { ["Sec-WebSocket-Version"] = false })
upgrade("version-two", { "Sec-WebSocket-Version: 13" })
upgrade("version-8", { ["Sec-WebSocket-Version"] = "8" })
upgrade("version-malformed", { ["Sec-WebSocket-Version"] = "13a" })
upgrade("version-leading-zero", { ["Sec-WebSocket-Version"] = "013" })
upgrade("key-none", { ["Sec-WebSocket-Key"] = false })
upgrade("key-two", { "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" })
upgrade("key-short", { ["Sec-WebSocket-Key"] = "x" })
upgrade("key-malformed", { ["Sec-WebSocket-Key"] = "dGhl!HNhbXBsZSBub25jZQ==" })

-- http_reply: whether the connection ends, three bytes for the cuts, the wire.
local function reply(name, wire) seed("http_reply", name, "\0\1\2\3", wire) end
local function reply_to_end(name, wire) seed("http_reply", name, "\1\1\2\3", wire) end

local SWITCH = { "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade" }
local ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

-- A 101 with further lines, or lines in the place of the first three.
local function switch(name, lines, first)
  local all = table.move(SWITCH, 1, 3, 1, {})
  for i, text in pairs(first or {}) do all[i] = text end
  reply("switch-" .. name, head(table.unpack(table.move(lines, 1, #lines, #all + 1, all))) .. "\x81\2hi")
end

switch("plain", { ACCEPT })
switch("protocol", { ACCEPT, "Sec-WebSocket-Protocol: superchat" })
switch("protocol-unknown", { ACCEPT, "Sec-WebSocket-Protocol: x" })
switch("protocol-two", { ACCEPT, "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat" })
switch("deflate", { ACCEPT, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover" })
switch("extension-unknown", { ACCEPT, "Sec-WebSocket-Extensions: x-unknown" })
switch("accept-none", {})
switch("accept-two", { ACCEPT, ACCEPT })
switch("accept-wrong", { ACCEPT:upper() })
switch("no-upgrade", { ACCEPT }, { [2] = "Upgrade: h2c" })
switch("no-connection", { ACCEPT }, { [3] = "Connection: close" })
switch("http10", { ACCEPT }, { "HTTP/1.0 101 x" })
switch("folded", { " x" })
reply("interim", head("HTTP/1.1 100 Continue") .. head("HTTP/1.1 103 Early Hints", "Link: </a>") .. head(SWITCH[1]))
reply("interim-too-many", head("HTTP/1.1 103 Early Hints"):rep(17))
reply("status-malformed", head("HTTP/1.1 2000 OK"))
reply("status-600", head("HTTP/1.1 600 x"))
reply("status-version", head("HTTP/2.0 200 OK"))
reply("status-letters", head("HTTP/1.1 2x0 OK"))
reply("status-too-long", "HTTP/1.1 200 " .. ("x"):rep(8200))
reply("header-malformed", head("HTTP/1.1 200 OK", "X : y"))
reply("headers-too-many", head("HTTP/1.1 200 OK", ("X: y\r\n"):rep(101)))
reply("length", head("HTTP/1.1 403 Forbidden", "Content-Length: 5") .. "laterrest")
reply("length-none", head("HTTP/1.1 403 Forbidden", "Content-Length: 0"))
reply("length-large", head("HTTP/1.1 403 Forbidden", "Content-Length: 2000") .. ("x"):rep(1100))
reply("length-twice", head("HTTP/1.1 403 Forbidden", "Content-Length: 5", "Content-Length: 5"))
reply("length-and-chunks", head("HTTP/1.1 403 Forbidden", "Content-Length: 5", "Transfer-Encoding: chunked"))
reply("length-and-gzip", head("HTTP/1.1 403 x", "Transfer-Encoding: gzip", "Content-Length: 5"))
reply("gzip-and-length", head("HTTP/1.1 403 x", "Content-Length: 5", "Transfer-Encoding: gzip"))
reply("chunks", head("HTTP/1.1 403 Forbidden",
  "Transfer-Encoding: chunked") .. "3;x\r\nlat\r\n2\r\ner\r\n0\r\nX: y\r\n\r\n")
reply("chunks-large", head("HTTP/1.1 403 x", "Transfer-Encoding: chunked") .. "7d0\r\n" .. ("x"):rep(1100))
reply("chunks-malformed", head("HTTP/1.1 403 x", "Transfer-Encoding: chunked") .. "x\r\n")
reply("coding-unknown", head("HTTP/1.1 403 x", "Transfer-Encoding: gzip"))
reply("no-content", head("HTTP/1.1 204 No Content", "Content-Length: 5"))
reply_to_end("to-the-end", head("HTTP/1.1 502 Bad Gateway") .. "later")
reply_to_end("cut-in-head", "HTTP/1.1 101 Switch")
reply_to_end("nothing", "")

local function tunnel(name, wire) seed("http_reply", "tunnel-" .. name, "\2", "\1\2\3", wire) end
tunnel("open", head("HTTP/1.1 200 Connection established", "Content-Length: 5") .. "\x16\3\1")
tunnel("refused", head("HTTP/1.1 407 Proxy Authentication Required", "Content-Length: 5") .. "later")
tunnel("forbidden", head("HTTP/1.1 403 caf\xe9", "Content-Length: 0"))
for _, status in ipairs { 404, 405, 501, 502 } do
  tunnel("answer-" .. status, head("HTTP/1.0 " .. status .. " ", "Content-Length: 0"))
end

-- http_opening: the port; then lines: host, target, subprotocols, extensions, headers.
local function opening(name, port, ...) seed("http_opening", name, string.pack(">I2", port), table.concat({ ... },
  "\n")) end
opening("plain", 80, "server.example.com", "/chat")
opening("whole", 8080, "[::1]", "/chat?a=%zz&b", "chat.v2,chat.v1", "permessage-deflate; client_max_window_bits",
  "Origin:https://a", "Cookie: a=1; b=2", "X:")
opening("protocol-malformed", 80, "a", "/", "a b")
opening("protocol-twice", 80, "a", "/", "a,a")
opening("header-malformed", 80, "a", "/", "", "", "X Y:z")
opening("header-reserved", 80, "a", "/", "", "", "hOST:z")
opening("header-control", 80, "a", "/", "", "", "X:a\rb")
opening("extension-control", 80, "a", "/", "", "a\rb")
opening("extension-malformed", 80, "a", "/", "", "a b")
opening("host-malformed", 80, "a b", "/")
opening("port-none", 0, "a", "/")
opening("target-malformed", 80, "a", "/a b")
opening("target-relative", 80, "a", "chat")
opening("target-too-long", 80, "a", "/" .. ("x"):rep(8300))

-- http_response: status, settings, time, length; header lines.
local function response(name, status, settings, lines, length)
  seed("http_response", name, string.pack(">I2BI4I4", status - 100, settings, 784111777, length or 0), lines or "")
end
response("ok", 200, 1, "Content-Type:text/plain\nX:y\nX:z", 5)
response("close", 404, 0)
response("head-only", 403, 2, "", 10)
response("no-content", 204, 1)
response("not-modified", 304, 1)
response("reset-content", 205, 1)
response("switching", 101, 1)
response("interim", 103, 1)
response("unknown-status", 299, 1)
response("headers-refused", 200, 1, "Content-Length:5\nA B:c\nA:b\rc\nno colon")
response("far-future", 500, 0xf9)

-- http_url: any text.
for name, text in pairs {
  path = "/a/b%20c/", query = "/a?b=c&d&&=e&f=%zz+g", ["nothing"] = "", ["encoded"] = "%41%e2%82%ac%00",
  ["half"] = "/%4",
  ["bad-digits"] = "%zz", authority = "example.com:8080", ["authority-ipv6"] = "[1:2::3]:80",
  ["ipv6-ipv4"] = "[::1.2.3.4]",
  ["ipv6-full"] = "[1:2:3:4:5:6:7:8]", ["ipv6-two-gaps"] = "[1::2::3]", ["ipv6-long-group"] = "[12345::]",
  ["ipv6-open"] = "[::1", ["ipv4-padded"] = "[::01.2.3.4]", ["ipv4-short"] = "[::1.2.3]",
  ["ipv4-large"] = "[::256.1.1.1]",
  ["port-large"] = "a:65536", ["port-letters"] = "a:b", ["port-long"] = "a:123456", user = "u@a", list = "a, b ,,\tc",
  ["request-line"] = "GET /a?b HTTP/1.1", ["request-line-absolute"] = "POST http://a/b HTTP/1.0",
  ["absolute"] = "https://a:1/b?c", ["absolute-no-path"] = "http://a?b", ["absolute-no-host"] = "http://",
  ["absolute-nul"] = "http://a/%00", ["segments"] = "//a//",
} do
  seed("http_url", name, text)
end

-- http_wsurl: a URL.
for name, text in pairs {
  plain = "ws://example.com", secure = "WSS://a:9000/chat?x=1", ["no-path"] = "ws://a?x", ipv6 = "wss://[::1]:80/",
  user = "ws://user:pass%40word@a/", ["user-alone"] = "ws://u@a", ["user-colon"] = "ws://a%3ab:c@d",
  ["user-control"] = "ws://a:%0d%0a@b", ["user-bad"] = "ws://%4@a", ["user-at"] = "ws://a@b@c",
  proxy = "http://u:p@a:1", ["proxy-secure"] = "https://[::1]/", ["proxy-path"] = "http://a/b",
  ["no-host"] = "ws://:80", fragment = "ws://a/#b", ["port-zero"] = "ws://a:0", ["port-large"] = "ws://a:65536",
  ["host-beyond-ascii"] = "ws://\xc3\xa9/", ["path-beyond-ascii"] = "ws://a/\xc3\xa9", blank = "ws://a/ ",
  control = "ws://a/\0", ["host-strange"] = "ws://a%41", ["host-long"] = "ws://" .. ("x"):rep(254),
  ["ipv6-open"] = "ws://[::1", ["ipv6-tail"] = "ws://[::1]a", ["ipv6-bad"] = "ws://[a]", ["ipv6-bare"] = "ws://::1/",
  ["path-bad"] = "ws://a/%zz", ["scheme-none"] = "a:80",
} do
  seed("http_wsurl", name, text)
end

-- http_noproxy: a port, a host, the list.
for name, parts in pairs {
  star = { "a", "b,*" }, domain = { "www.example.com", "x .example.com," }, starred = { "a.b", "*.b" },
  stop = { "a.b.", "B." }, ["near-miss"] = { "ab.c", "b.c" }, v4 = { "10.0.0.1", "10.0.0.1" },
  range = { "10.0.0.1", "a,10.0.0.0/8" }, v6 = { "[::1]", "::1" }, ["v6-range"] = { "[2001:db8::1]", "2001:db8::/32" },
  port = { "a", "a:81,a:80" }, ["v6-port"] = { "[::1]", "[::1]:80" }, ["port-bad"] = { "a", "a:65536" },
  ["ip-of-name"] = { "1.10.0.0.1", "10.0.0.1" }, ["prefix-bad"] = { "10.0.0.1", "10.0.0.0/33" },
} do
  seed("http_noproxy", name, "\0\80", table.concat(parts, "\n"))
end

-- http_origin: an Origin, a Host, allowed values.
local function origin(name, ...) seed("http_origin", name, table.concat({ ... }, "\n")) end
origin("same-host", "https://a.example:8443", "A.example:80", "*")
origin("listed", "http://a.example", "b", "https://a.example", "http://A.EXAMPLE:80", "http://*.example")
origin("starred", "https://a.b.example", "b", "https://*.example", "https://*.b.example", "https://*.*.*",
  "https://a*b.c")
origin("null", "null", "null", "null", "x")
origin("ipv6", "http://[::1]:81", "[::1]", "http://[::1]:81", "http://*.x:81")
origin("own-port", "https://a:443", "a:443", "https://a", "http://a")
origin("malformed", "https:/a", "a b", "://a", "1x://a", "x+y-z.1://a", "https://", "https://a:", "https://a..b", "")
origin("no-scheme", "a", "a", "a")

-- http_date: a time; a text.
local function date(name, text, time) seed("http_date", name, string.pack(">I8", time or 784111777), text) end
date("imf", "Sun, 06 Nov 1994 08:49:37 GMT")
date("rfc850", "Sunday, 06-Nov-94 08:49:37 GMT", 1750000000)
date("rfc850-past", "Sunday, 06-Nov-94 08:49:37 GMT", 253402300800)
date("asctime", "Sun Nov  6 08:49:37 1994")
date("asctime-two-digits", "Sun Nov 16 08:49:37 1994")
date("leap", "Thu, 29 Feb 2024 23:59:60 GMT", 1709164800)
date("no-leap", "Thu, 29 Feb 2023 00:00:00 GMT")
date("before-1970", "Mon, 01 Jan 0000 00:00:00 GMT", 0)
date("last", "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799)
date("impossible", "Sun, 32 Nov 1994 24:60:61 GMT", -1)
date("cut", "Sun, 06 Nov 1994 08:4")
date("no-month", "Sun, 06 Foo 1994 08:49:37 GMT")

-- http_static: a path; header lines.
local ETAG = '"7-3e8-ae1c3d1d2be7a00"'
local function static(name, path, ...) seed("http_static", name, table.concat({ path, ... }, "\n")) end
static("file", "/a/b%20c/d.html")
static("folder", "/a/")
static("no-extension", "/a.b/c")
static("upper-case-extension", "/a.PNG")
static("dots", "/%2e%2e/etc/passwd")
static("hidden", "/a/.b")
static("encoded-slash", "/a%2fb")
static("backslash", "/a\\b")
static("nul", "/a%00")
static("bad-encoding", "/%zz")
static("empty-segment", "//a")
static("relative", "a")
static("nothing", "")
static("long", "/" .. ("x"):rep(5000))
static("long-folder", "/" .. ("x/"):rep(2100))
static("range", "/a", "Range: bytes=10-19")
static("range-suffix", "/a", "Range: bytes=-5")
static("range-suffix-large", "/a", "Range: bytes=-5000")
static("range-suffix-nothing", "/a", "Range: bytes=-0")
static("range-open", "/a", "Range: BYTES=0-")
static("range-outside", "/a", "Range: bytes=99999999999999999999-")
static("range-backwards", "/a", "Range: bytes=2-1")
static("range-several", "/a", "Range: bytes=0-1,2-3")
static("range-other-unit", "/a", "Range: lines=1-2")
static("range-no-dash", "/a", "Range: bytes=1")
static("range-letters", "/a", "Range: bytes=a-b")
static("range-twice", "/a", "Range: bytes=0-1", "Range: bytes=0-1")
static("if-range", "/a", "Range: bytes=0-1", "If-Range: " .. ETAG)
static("if-range-old", "/a", "Range: bytes=0-1", "If-Range: \"x\"")
static("if-range-date", "/a", "Range: bytes=0-1", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT")
static("if-none-match", "/a", "If-None-Match: \"a\", W/" .. ETAG)
static("if-none-match-other", "/a", "If-None-Match: \"a\" , x")
static("if-none-match-cut", "/a", "If-None-Match: \"a")
static("if-none-match-any", "/a", "If-None-Match: *")
static("if-match", "/a", "If-Match: \"a\"")
static("if-match-weak", "/a", "If-Match: W/" .. ETAG)
static("if-match-same", "/a", "X: y", "If-Match: " .. ETAG)
static("if-modified-since", "/a", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT")
static("if-modified-since-before", "/a", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT")
static("if-unmodified-since", "/a", "If-Unmodified-Since: Sun Nov  6 08:49:36 1994", "Range: bytes=0-")
static("header-malformed", "/a", "X")

-- http_pattern: two patterns; a path. The others are files.
seed("http_pattern", "captures", "/rooms/:room/*\n/:a/:b/:c/d\n/rooms/a%2Fb/c/d")
seed("http_pattern", "literals", "/a/chat\n/a/char\n/a/char")
seed("http_pattern", "literal-begins-other", "/a\n/ab\n/ab")
