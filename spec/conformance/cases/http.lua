-- HTTP as RFC 9110 and 9112 have it, under a server that is asked to switch to WebSocket: what is in doubt must be
-- refused, or two readers of the same bytes could disagree about them. Most requests here are a handshake that
-- would succeed but for the one thing that the case is about, so that 101 betrays who has not looked.

local request = require "spec.conformance.request"
local section = require "spec.conformance.section"
local with, without, line = request.with, request.without, request.line

local ENDS = true
local MARK = "mark-of-the-suite"

-- Refused with one of these, after which the connection ends.
local function refused(statuses, lenient)
  return { status = statuses, lenient = lenient, ends = ENDS }
end

local UPGRADED = { status = 101 }
local BAD = refused({ 400 })
-- The RFC lets a recipient repair it, which luaws doesn't.
local DOUBTFUL = refused({ 400 }, { 101 })

local cases, begin, addCase = section.new("http", "HTTP")
cases.role = "server"

local function add(about, bytes, answer, fields)
  local case = { request = bytes, answer = answer }
  if answer == UPGRADED then case.closes = 1000 end
  for name, value in pairs(fields or {}) do case[name] = value end
  addCase(about, case)
end

local LUAWS = { only = "luaws" }

-- The rows of a list.
local function each(list)
  local i = 0
  return function()
    i = i + 1
    if list[i] then return table.unpack(list[i]) end
  end
end

begin "line" -- RFC 9112 sections 2.2, 2.3, 3

add("a plain handshake succeeds", with(), UPGRADED)
add("an empty line before the request is ignored", "\r\n" .. with(), { status = 101, lenient = { 400 } })
add("a target in absolute form is taken", line("GET http://%HOST%%PATH% HTTP/1.1"), UPGRADED)
for text, what in each({
  { "GET  %PATH% HTTP/1.1", "two blanks before the target" },
  { "GET %PATH%  HTTP/1.1", "two blanks behind the target" },
  { "GET\t%PATH%\tHTTP/1.1", "tabs" }, { " GET %PATH% HTTP/1.1", "a blank at its start" },
  { "GET %PATH% HTTP/1.1 ", "a blank at its end" },
}) do
  add("a request line with " .. what .. " is refused", line(text), refused({ 400, 505 }, { 101 }))
end
for text, what in each({
  { "GET %PATH%", "no version" }, { "GET", "a method alone" }, { "GET %PATH% a HTTP/1.1", "a blank in the target" },
  { "GET %PATH% http/1.1", "a version in small letters" }, { "GET %PATH% HTTP/1,1", "a comma in the version" },
  { "GET %PATH% HTTP/11", "a version without a point" }, { "GET %PATH% HTTP/1.1.1", "a version in three parts" },
  { "GET %PATH% HTTP/a.b", "letters for a version" }, { "GET %PATH% HTTX/1.1", "another protocol" },
  { "G(T %PATH% HTTP/1.1", "a method that is no token" },
}) do
  add("a request line with " .. what .. " is refused", line(text), refused({ 400, 404, 405, 501, 505 }))
end
for text, what in each({
  { "GET example.com HTTP/1.1", "a host alone" }, { "GET example.com:80 HTTP/1.1", "an authority alone" },
  { "GET ?x HTTP/1.1", "a query alone" }, { "GET * HTTP/1.1", "an asterisk" },
  { "GET http:// HTTP/1.1", "an absolute form without a host" }, { "GET %PATH%\x7f HTTP/1.1", "DEL" },
  { "GET %PATH%#a HTTP/1.1", "a fragment" }, { "GET %PATH%\xff HTTP/1.1", "an 8-bit byte" },
  { "GET ftp://%HOST%%PATH% HTTP/1.1", "another scheme" }, { "GET http://u@%HOST%%PATH% HTTP/1.1", "user info" },
  { "GET %PATH%%zz HTTP/1.1", "bad percent-encoding" }, { "GET %PATH%%0 HTTP/1.1", "half a percent-encoding" },
  { "GET %PATH%a%00b HTTP/1.1", "an encoded NUL" },
}) do
  add("a target with " .. what .. " is refused", line(text), refused({ 400, 404, 426 }, { 101 }))
end
for _, version in ipairs({ "0.9", "1.2", "2.0", "3.7" }) do
  -- A server may take 1.2 for 1.1, and need not look at what is higher.
  local lenient = version ~= "0.9" and { 101 } or nil
  add("version " .. version .. " is refused", line("GET %PATH% HTTP/" .. version), refused({ 505, 400 }, lenient))
end
for method, what in each({
  { "POST", "POST" }, { "HEAD", "HEAD" }, { "OPTIONS", "OPTIONS" }, { "BREW", "a method that is unknown" },
  { "get", "a method in small letters" }, { "SOURCE", "a method of ICE" }, { "PLAY", "a method of RTSP" },
}) do
  add("a handshake with " .. what .. " is refused", line(method .. " %PATH% HTTP/1.1"),
    refused({ 400, 404, 405, 426, 501 }))
end
add("CONNECT is refused", line("CONNECT %HOST% HTTP/1.1"), refused({ 400, 404, 405, 426, 501 }))
add("the preface of HTTP/2 is refused", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused({ 400, 405, 501, 505 }))
add("the start of TLS is refused", "\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03" .. ("\x11"):rep(40), BAD, LUAWS)
add("OPTIONS * is answered", request.text("OPTIONS * HTTP/1.1", "Host: %HOST%"),
  { status = { 200, 204 }, headers = { allow = "GET" } }, LUAWS)

begin "header" -- RFC 9112 section 5, RFC 9110 section 5

add("names are read in any case, values without the blanks around them",
  with({ Upgrade = "uPGRADE:\twebsocket \t", Connection = "CONNECTION:Upgrade" }), UPGRADED)
add("8-bit bytes may stand in a value", with("X: caf\xc3\xa9 \xff"), UPGRADED)
add("a value may be empty", with("X:"), UPGRADED)
for text, what in each({
  { "X : y", "a blank before its colon" }, { "X\t: y", "a tab before its colon" }, { "X", "no colon" },
  { ": y", "no name" }, { "X y: z", "a blank in its name" }, { "X\x01: y", "a control character in its name" },
  { "X(: y", "a bracket in its name" }, { "X\xff: y", "an 8-bit name" }, { "X: a\0b", "a NUL" },
  { "X: a\x01b", "a control character" }, { "X: a\x7fb", "DEL" }, { "X: a\rb", "a carriage return alone" },
}) do
  -- Other control characters a server may hold to be safe (RFC 9110 section 5.5).
  local lenient = (text:find("a\x01b", 1, true) or text:find("\x7f", 1, true)) and { 101 } or nil
  add("a header line with " .. what .. " is refused", with(text), refused({ 400 }, lenient))
end
add("a header line that goes on in the next one, behind a blank, is refused", with("X: a\r\n b"), DOUBTFUL)
add("a header line that goes on in the next one, behind a tab, is refused", with("X: a\r\n\tb"), DOUBTFUL)
add("a first header line that begins with a blank is refused",
  (with():gsub("\r\nHost", "\r\n Host")), DOUBTFUL)
add("a line feed alone ends no header line", with("X: a\nY: b"), DOUBTFUL)
add("a line feed alone ends no request line", (with():gsub("\r\n", "\n", 1)), refused({ 400, 505 }, { 101 }))
add("a line feed alone ends no head", (with():gsub("\r\n\r\n$", "\r\n\n")), DOUBTFUL)

begin "host" -- RFC 9112 section 3.2

add("no Host is refused", without("Host"), BAD)
add("no Host is refused beside an absolute target", without("Host", "GET http://%HOST%%PATH% HTTP/1.1"), BAD)
add("two Hosts are refused", with("Host: other.example"), BAD)
add("two equal Hosts are refused", with("host: %HOST%"), BAD)
for _, host in ipairs({ "a b", "a/b", "u@a", "a:b", "a:1:2", "[::1", "a, b", "a\\b", "<a>" }) do
  add(("the Host %q is refused"):format(host), with({ Host = "Host: " .. host }), DOUBTFUL)
end
for _, host in ipairs({ "example.com", "example.com:8080", "[::1]", "[::1]:80", "192.0.2.1", "a_b-c.d" }) do
  add(("the Host %q is taken"):format(host), with({ Host = "Host: " .. host }), UPGRADED)
end

begin "length" -- RFC 9112 section 6.3

add("Content-Length: 0 is no body", with("Content-Length: 0"), UPGRADED)
for _, value in ipairs({ "+5", "-1", "0x5", "5a", "1 1", "5;", "1.0", "\"5\"", "", "99999999999999999999999" }) do
  add(("Content-Length: %s is refused"):format(value), with("Content-Length: " .. value), refused({ 400, 413 }))
end
add("two different lengths are refused", with("Content-Length: 5\r\nContent-Length: 6") .. "hello!", BAD)
add("two different lengths in a list are refused", with("Content-Length: 5, 6") .. "hello!", BAD)
add("two equal lengths are refused", with("Content-Length: 0\r\nContent-Length: 0"), DOUBTFUL)
add("two equal lengths in a list are refused", with("Content-Length: 0, 0"), DOUBTFUL)

begin "smuggling" -- RFC 9112 sections 6.1, 6.3, 11.2: the catalogue of CL.TE, TE.CL and TE.TE

local SMUGGLED = "GET /" .. MARK .. " HTTP/1.1\r\nHost: %HOST%\r\n\r\n"
local CHUNKED = "Transfer-Encoding: chunked"

-- The connection must end behind the one answer: what was smuggled gets none.
for about, lines in each({
  { "a length and chunks", "Content-Length: 5\r\n" .. CHUNKED },
  { "chunks and a length", CHUNKED .. "\r\nContent-Length: 5" },
  { "chunks and a length of 0", CHUNKED .. "\r\nContent-Length: 0" },
  { "a length with a blank before its colon", "Content-Length : 5\r\n" .. CHUNKED },
  { "a coding with a blank before its colon", "Content-Length: 5\r\nTransfer-Encoding : chunked" },
  { "a coding with a tab before its colon", "Content-Length: 5\r\nTransfer-Encoding\t: chunked" },
  { "a coding behind a blank", "Content-Length: 5\r\n " .. CHUNKED },
  { "a coding behind a carriage return", "Content-Length: 5\r\nX: y\r" .. CHUNKED },
  { "a coding with a vertical tab", "Content-Length: 5\r\nTransfer-Encoding:\vchunked" },
  { "a coding with a NUL", "Content-Length: 5\r\nTransfer-Encoding: chunked\0" },
  { "the coding xchunked", "Transfer-Encoding: xchunked" },
  { "the coding identity", "Transfer-Encoding: identity" },
  { "chunked, then identity", "Transfer-Encoding: chunked, identity" },
  { "chunked, then identity, in two lines", CHUNKED .. "\r\nTransfer-Encoding: identity" },
  { "chunked, then gzip", "Transfer-Encoding: chunked, gzip" },
  { "chunked twice", "Transfer-Encoding: chunked, chunked" },
  { "a quoted coding", "Transfer-Encoding: \"chunked\"" },
  { "a coding with a parameter", "Transfer-Encoding: chunked;x=y" },
}) do
  -- Chunks may overrule a length.
  local lenient = lines:find("Length: ", 1, true) and lines:find(CHUNKED, 1, true) and { 101 } or nil
  add("refused, and what stands behind gets no answer: " .. about,
    with(lines) .. "0\r\n\r\n" .. SMUGGLED, refused({ 400, 501 }, lenient))
end
add("a coding before chunked is refused", with("Transfer-Encoding: gzip, chunked") .. "0\r\n\r\n",
  refused({ 501, 400 }, { 101 }))
add("chunks in HTTP/1.0 are refused",
  request.text("POST %PATH% HTTP/1.0", "Host: %HOST%", CHUNKED) .. "0\r\n\r\n" .. SMUGGLED,
  refused({ 400, 404, 405, 426, 501 }))

begin "chunk" -- RFC 9112 section 7.1. Other servers answer before they have read the body.

local POST = request.text("POST %PATH% HTTP/1.1", "Host: %HOST%", CHUNKED)
for bytes, what in each({
  { "\r\n", "without a size" }, { "g\r\n", "with a size of letters" }, { "-1\r\n", "with a negative size" },
  { "+1\r\na\r\n", "with a plus" }, { "0x1\r\na\r\n", "with a size as in C" }, { " 1\r\na\r\n", "behind a blank" },
  { "1 \r\na\r\n", "with a blank behind its size" }, { "1\na\r\n", "whose size ends in a line feed alone" },
  { "1\r\na\n", "that ends in a line feed alone" }, { "1\r\nab\r\n", "longer than its size" },
  { "2\r\na\r\n0", "shorter than its size" }, { "fffffffffffffffff\r\n", "with a size beyond 64 bits" },
  { "1;\0\r\na\r\n", "with a NUL in its extension" }, { "0\r\nX : y\r\n\r\n", "with a malformed trailer" },
  { "0\r\n X: y\r\n\r\n", "with a folded trailer" },
}) do
  add("a chunk " .. what .. " is refused", POST .. bytes .. "0\r\n\r\n", BAD, LUAWS)
end
add("chunks with a sum beyond the largest body are refused", POST .. "ffffffffffffffff\r\n", refused({ 413 }), LUAWS)
add("chunks with extensions and trailers are read",
  POST .. "1;a=\"b;c\"\r\nx\r\n0;y\r\nX: y\r\nHost: z\r\n\r\n", { status = 426 }, LUAWS)
add("chunk extensions beyond 16 KiB are refused", POST .. "1;" .. ("x"):rep(17000) .. "\r\n", BAD, LUAWS)

begin "limit"

add("10,000 header lines are refused", with(("X: y\r\n"):rep(10000) .. "X: y"), refused({ 431, 400, 413 }))
add("a header line of 1 MiB is refused", with("X: " .. ("y"):rep(1 << 20)), refused({ 431, 400, 413 }))
add("a request line of 1 MiB is refused", line("GET %PATH%" .. ("x"):rep(1 << 20) .. " HTTP/1.1"),
  refused({ 414, 431, 400, 413 }))
-- Which are allowed is each server's own affair.
add("a request line of 8193 bytes is refused", line("GET /" .. ("x"):rep(8193 - #"GET / HTTP/1.1") .. " HTTP/1.1"),
  refused({ 414 }), LUAWS)
add("a request line of 8192 bytes is taken", line("GET /" .. ("x"):rep(8192 - #"GET / HTTP/1.1") .. " HTTP/1.1"),
  UPGRADED, LUAWS)
add("101 header lines are refused", with(("X: y\r\n"):rep(95) .. "X: y"), refused({ 431 }), LUAWS)
add("100 header lines are taken", with(("X: y\r\n"):rep(94) .. "X: y"), UPGRADED, LUAWS)
add("more than 16 KiB of header lines are refused", with(("X: " .. ("y"):rep(1000) .. "\r\n"):rep(17) .. "X: y"),
  refused({ 431 }), LUAWS)

begin "connection" -- RFC 9112 section 9.3. What a plain request gets is each server's own affair.

local PLAIN = request.text("GET %PATH% HTTP/1.1", "Host: %HOST%")
local BODY = request.text("POST %PATH% HTTP/1.1", "Host: %HOST%", "Content-Length: 5") .. "hello"

-- Sends it all at once; the answers must have these statuses, the last one says that it is, and nothing follows.
local function pipeline(about, bytes, statuses)
  addCase(about, { only = "luaws",
    run = function(t)
      local c = t:connect()
      c:write(request.fill(bytes, t.target, c.host), t.target.slowly)
      for i, expected in ipairs(statuses) do
        local status, method = math.abs(expected), expected < 0 and "HEAD" or nil
        local answer = c:response(method)
        if answer.status ~= status then t:fail("answer %d: expected %d, got %d", i, status, answer.status) end
        if i == #statuses then
          local connection = answer.headers.connection
          if type(connection) == "table" then connection = table.concat(connection, ", ") end
          if not connection:find("close", 1, true) then t:fail("Connection: %s in the last answer", connection) end
        end
      end
      c:expectEof()
    end })
end

local CLOSE = request.text("GET %PATH% HTTP/1.1", "Host: %HOST%", "Connection: x, Close")
pipeline("requests at once are answered in order, to the one that says close",
  PLAIN .. BODY .. PLAIN .. CLOSE .. PLAIN, { 426, 426, 426, 426 })
pipeline("bodies belong to their request, whatever they hold",
  request.text("POST %PATH% HTTP/1.1", "Host: %HOST%", "Content-Length: " .. #CLOSE) .. CLOSE
    .. POST .. "5\r\nGET /\r\n0\r\n\r\n" .. CLOSE, { 426, 426, 426 })
pipeline("HEAD is answered without a body",
  request.text("HEAD %PATH% HTTP/1.1", "Host: %HOST%") .. CLOSE, { -426, 426 })
pipeline("an error ends the connection behind its answer", PLAIN .. "GET / HTTP/1.1\r\n\r\n" .. PLAIN, { 426, 400 })
pipeline("a refused handshake ends it",
  PLAIN .. with({ ["Sec-WebSocket-Version"] = "Sec-WebSocket-Version: 8" }) .. PLAIN,
  { 426, 426 })
pipeline("HTTP/1.0 ends it", PLAIN .. request.text("GET %PATH% HTTP/1.0") .. PLAIN, { 426, 426 })
pipeline("HTTP/1.0 with keep-alive doesn't",
  request.text("GET %PATH% HTTP/1.0", "Connection: keep-alive") .. CLOSE, { 426, 426 })
pipeline("close and keep-alive together end it",
  request.text("GET %PATH% HTTP/1.1", "Host: %HOST%", "Connection: keep-alive", "Connection: close") .. PLAIN, { 426 })

add("Expect: 100-continue is answered before the body comes",
  request.text("POST %PATH% HTTP/1.1", "Host: %HOST%", "Expect: 100-continue", "Content-Length: 5"),
  { status = 100 }, LUAWS)
add("another expectation is refused", with("Expect: the-unexpected"), refused({ 417 }, { 101 }))

begin "reflection"

-- What comes back of a request that is refused could be read as a header or a page.
for about, bytes in each({
  { "a target", request.text("GET /" .. MARK .. "%0d%0aX:%20y HTTP/1.1", "Host: %HOST%", "Host: a") },
  { "a method", request.text(MARK:upper() .. " / HTTP/1.1", "Host: %HOST%") },
  { "a header's name", with(MARK .. "\0: x") },
  { "a header's value", with("X: " .. MARK .. "\rX-More: y") },
  { "a Host", with({ Host = "Host: " .. MARK .. " x" }) },
  { "a key", with({ ["Sec-WebSocket-Key"] = "Sec-WebSocket-Key: " .. MARK }) },
  { "a version", with({ ["Sec-WebSocket-Version"] = "Sec-WebSocket-Version: " .. MARK }) },
}) do
  addCase("nothing of " .. about .. " is in the answer", {
    run = function(t)
      local c = t:connect()
      c:write(request.fill(bytes, t.target, c.host), t.target.slowly)
      local answered, head = pcall(c.readUntil, c, "\r\n\r\n")
      if not answered then return t:nonStrict("no answer") end
      local all = head .. c:read(math.tointeger(head:lower():match("\r\ncontent%-length: (%d+)") or 0))
      if all:lower():find(MARK, 1, true) then t:fail("it is in %q", all:sub(1, 300)) end
      if not all:match("^HTTP/1%.[01] [45]%d%d ") then t:nonStrict("no refusal: %q", all:match("^[^\r]*")) end
    end })
end

return cases
