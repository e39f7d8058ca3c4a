local http = require("probe").http

-- Every request here is fed whole, byte by byte and in two pieces at every place; the outcome must
-- be the same each time, to the byte.

local function feed(request, bytes, step)
  local progress, at, continued = "more", 0, nil
  while at < #bytes and (progress == "more" or progress == "continue") do
    local piece = bytes:sub(at + 1, step(at))
    local used
    progress, used = request:feed(piece)
    assert(used <= #piece)
    if progress == "more" then assert(used == #piece, "bytes were left though more is wanted") end
    at = at + used
    if progress == "continue" then
      assert(not continued, "told to continue twice")
      continued = at
    end
  end
  return progress, at, continued
end

local function outcome(request, bytes, step)
  local progress, used, continued = feed(request, bytes, step)
  local r = { progress = progress, used = used, continued = continued }
  local status, text = request:failure()
  assert((progress == "bad") == (status ~= 0), "what is bad has a status, and nothing else")
  if progress == "bad" then
    r.status, r.text = status, text
  elseif progress == "complete" then
    r.method, r.target = request:method(), request:target()
    r.headers, r.body = request:headers(), request:body()
    r.http10, r.keepAlive = request:isHttp10(), request:keepAlive()
  end
  r.begun = request:hasBegun()
  return r
end

-- The places to cut at: all of them, or some hundred in what is long.
local function cuts(length)
  local places = {}
  local stride = length > 2000 and length // 100 or 1
  for i = 1, length - 1, stride do places[#places + 1] = i end
  for i = math.max(1, length - 20), length - 1 do places[#places + 1] = i end
  return places
end

local function read(bytes, maxBody)
  local function run(step) return outcome(http.newRequest(maxBody), bytes, step) end
  local whole = run(function() return #bytes end)
  assert.same(whole, run(function(at) return at + 1 end), "byte by byte")
  for _, cut in ipairs(cuts(#bytes)) do
    local halves = run(function(at) return at < cut and cut or #bytes end)
    assert.same(whole, halves, "cut at " .. cut)
  end
  return whole
end

local function request(...)
  return table.concat({ ... }, "\r\n") .. "\r\n\r\n"
end

local function get(...) return request("GET / HTTP/1.1", "Host: a", ...) end

local function line(text) return text .. "\r\nHost: a\r\n\r\n" end

local function assertBad(bytes, status, text, maxBody)
  local r = read(bytes, maxBody)
  assert.equal("bad", r.progress, ("%q"):format(bytes:sub(1, 200)))
  assert.equal(status, r.status, ("%q: %s"):format(bytes:sub(1, 200), r.text))
  if text then assert.equal(text, r.text) end
  return r
end

local function assertComplete(bytes, maxBody)
  local r = read(bytes, maxBody)
  assert.equal("complete", r.progress, ("%q: %s"):format(bytes:sub(1, 200), r.text))
  return r
end

describe("http/request", function()
  describe("a head", function()
    it("is complete at its empty line", function()
      local bytes = request("GET /chat?x=1 HTTP/1.1", "Host: example.com:8080", "Accept:  */* \t",
                            "X-Empty:", "x-empty:  ")
      local r = assertComplete(bytes)
      assert.equal(#bytes, r.used)
      assert.equal("GET", r.method)
      assert.equal("/chat?x=1", r.target)
      assert.same({ { "Host", "example.com:8080" }, { "Accept", "*/*" }, { "X-Empty", "" },
                    { "x-empty", "" } }, r.headers)
      assert.equal("", r.body)
      assert.is_false(r.http10)
      assert.is_true(r.keepAlive)
      assert.is_nil(r.continued)
    end)

    it("wants more until then", function()
      local bytes = get("Accept: */*")
      for i = 0, #bytes - 1 do
        local fresh = http.newRequest()
        assert.equal("more", (fresh:feed(bytes:sub(1, i))))
      end
    end)

    it("leaves what follows to the next request", function()
      local bytes = get()
      local r = assertComplete(bytes .. "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n")
      assert.equal(#bytes, r.used)
    end)

    it("of an upgrade leaves early frames untouched", function()
      for _, connection in ipairs { "Upgrade", "keep-alive, Upgrade", "keep-alive" } do
        local bytes = get("Upgrade: websocket", "Connection: " .. connection)
        assert.equal(#bytes, assertComplete(bytes .. "\x81\x80\0\0\0\0").used)
      end
    end)

    it("may hold any method of HTTP", function()
      for method in ("GET HEAD POST PUT DELETE OPTIONS TRACE PATCH PROPFIND M-SEARCH"):gmatch "%S+" do
        local r = assertComplete(request(method .. " / HTTP/1.1", "Host: a"))
        assert.equal(method, r.method)
      end
    end)

    it("may be HTTP/1.0, with or without a Host", function()
      local r = assertComplete(request("GET / HTTP/1.0", "Accept: */*"))
      assert.is_true(r.http10)
      assert.is_false(r.keepAlive)
      assert.is_true(assertComplete(request("GET / HTTP/1.0", "Host: a")).http10)
    end)

    it("may be preceded by a few empty lines", function()
      for n = 0, 4 do
        local bytes = ("\r\n"):rep(n) .. get()
        assert.equal(#bytes, assertComplete(bytes).used)
      end
      assertBad(("\r\n"):rep(5) .. get(), 400)
      assert.equal(10, assertBad(("\r\n"):rep(1000), 400).used)
    end)

    it("lets 8-bit bytes pass in values", function()
      local r = assertComplete(get("X-Name: \x80\xff caf\xc3\xa9"))
      assert.equal("\x80\xff caf\xc3\xa9", r.headers[2][2])
    end)

    it("lets any name pass that is a token", function()
      local r = assertComplete(get("!#$%&'*+-.^_`|~aZ09: x"))
      assert.equal("!#$%&'*+-.^_`|~aZ09", r.headers[2][1])
    end)
  end)

  describe("a request line", function()
    it("is refused when it is malformed", function()
      for _, text in ipairs {
        "GET", "GET ", "GET /", "GET / ", " GET / HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ", "GET / a HTTP/1.1", "GET /\tHTTP/1.1", "GET / HTTP", "GET / HTTP/",
        "GET / HTTP/1", "GET / HTTP/1.", "GET / HTTP/11", "GET / HTTP/1.1.1", "GET / HTTP/a.b",
        "GET / http/1.1", "GET / HTTP/1,1", "GET / XTTP/1.1", "GET / RTSP/1.0", "GET / ICE/1.0",
        "get / HTTP/1.1", "Get / HTTP/1.1", "G(T / HTTP/1.1", "GET\t/ HTTP/1.1", "/ / HTTP/1.1",
        "hello", "hello world today",
      } do
        assertBad(line(text), 400)
      end
    end)

    it("is refused for a version that is not 1.0 or 1.1", function()
      for _, version in ipairs { "0.9", "1.2", "1.9", "2.0", "3.0", "9.9" } do
        assertBad(line("GET / HTTP/" .. version), 505)
      end
      assertBad("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
    end)

    it("is refused for a method that is not HTTP's", function()
      for method in ("FOO GE GETX GET_ CONNECT SOURCE PRI DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN "
        .. "GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH"):gmatch "%S+" do
        assertBad(line(method .. " / HTTP/1.1"), 501, "unsupported method")
      end
      assertBad(line("CONNECT example.com:80 HTTP/1.1"), 501)
    end)

    it("is refused for a target that is not a path or an absolute URL", function()
      for _, target in ipairs {
        "*", "a", "example.com", "example.com:80", "?x", "http:", "http:/", "http:///", "http://",
        "http://?x", "ftp://a/", "ws://a/", "HTTP//a", "http://u@a/", "http://u:p@a/", "http://a:b/",
        "http://a:99999/", "http://[::1/", "http://a%zz/", "/#", "/a#b", "/a?b#c", "#", "http://a#b",
        "/\x80", "/caf\xc3\xa9", "/\xff",
      } do
        assertBad(line("GET " .. target .. " HTTP/1.1"), 400)
      end
    end)

    it("may have any other character in its target", function()
      local target = "/"
      for c = 0x21, 0x7e do
        if not ("#%?"):find(string.char(c), 1, true) then target = target .. string.char(c) end
      end
      target = target .. target:gsub("^/", "?") .. "?"
      assert.equal(target, assertComplete(line("GET " .. target .. " HTTP/1.1")).target)
      assert.equal("//a", assertComplete(line("GET //a HTTP/1.1")).target)
    end)

    it("is refused for a path that is encoded badly, or has a NUL in it; the query is free", function()
      for _, path in ipairs { "/%", "/%4", "/a%zzb", "/%g0", "/%0g", "/a/%%41", "/%/", "/%?x", "/%4?1", "/%00",
                              "/a%00b", "http://a/%zz", "http://a/%00?x" } do
        assertBad(line("GET " .. path .. " HTTP/1.1"), 400, "bad percent-encoding in the path")
      end
      for _, target in ipairs { "/%41", "/%2f%2F", "/%c0%ae%c0%ae/%ff", "/%2e%2e/%2E", "/?%", "/a?%zz%00", "/?%?%" } do
        assert.equal(target, assertComplete(line("GET " .. target .. " HTTP/1.1")).target)
      end
    end)

    it("may ask OPTIONS of the whole server, and no other method of it", function()
      local r = assertComplete(line("OPTIONS * HTTP/1.1"))
      assert.equal("*", r.target)
      assert.equal("OPTIONS", r.method)
      for _, target in ipairs { "**", "*/", "*?x", "/*" } do
        local text = line("OPTIONS " .. target .. " HTTP/1.1")
        if target == "/*" then assertComplete(text) else assertBad(text, 400) end
      end
      for _, method in ipairs { "GET", "HEAD", "POST", "TRACE" } do
        assertBad(line(method .. " * HTTP/1.1"), 400, "malformed request target")
      end
    end)

    it("may be 8 KiB long", function()
      local room = 8192 - #"GET  HTTP/1.1"
      local target = "/" .. ("x"):rep(room - 1)
      assert.equal(target, assertComplete(line("GET " .. target .. " HTTP/1.1")).target)
      local r = assertBad(line("GET " .. target .. "x HTTP/1.1"), 414)
      assert.equal(8193, r.used)
      assertBad(("x"):rep(100000), 414)
    end)
  end)

  describe("a control character", function()
    it("is refused wherever it stands, at once", function()
      for c = 0, 0x7f do
        if (c < 0x20 or c == 0x7f) and not ("\t\r\n"):find(string.char(c), 1, true) then
          for _, before in ipairs { "", "G", "GET /", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHo",
                                    "GET / HTTP/1.1\r\nHost: a" } do
            local r = assertBad(before .. string.char(c) .. " more", 400, "control character")
            assert.equal(#before + 1, r.used)
          end
        end
      end
    end)

    it("is how TLS on a plain port shows", function()
      assert.equal(1, assertBad("\x16\x03\x01\x02\x00\x01", 400).used)
    end)
  end)

  describe("a line end", function()
    it("is carriage return and line feed, nothing else", function()
      for _, bytes in ipairs {
        "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      } do
        assertBad(bytes, 400, "line feed without carriage return")
      end
      for _, bytes in ipairs {
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "\rGET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\r",
      } do
        assertBad(bytes, 400, "carriage return without line feed")
      end
    end)
  end)

  describe("a header line", function()
    it("is refused when it is malformed", function()
      for _, text in ipairs {
        ": x", ":", "Name", "Name x", "Na me: x", "Name : x", "Name\t: x", "N(me: x", "N\xc3\xa9: x",
        "\"Name\": x", "Name;: x", " Name: x", "\tName: x", " ", "  folded", "@: x", "[: x",
      } do
        assertBad(get(text), 400)
      end
      assertBad(request("GET / HTTP/1.1", " Host: a"), 400)
    end)

    it("is never folded", function()
      assertBad(get("X: a", " b"), 400, "header line that begins with a blank")
      assertBad(get("X: a", "\tb"), 400, "header line that begins with a blank")
    end)

    it("may come 100 times", function()
      local lines = { "GET / HTTP/1.1", "Host: a" }
      for i = 1, 99 do lines[#lines + 1] = "X" .. i .. ": y" end
      assert.equal(100, #assertComplete(request(table.unpack(lines))).headers)
      lines[#lines + 1] = "X: y"
      local before = #table.concat(lines, "\r\n", 1, #lines - 1) + 2
      local r = assertBad(request(table.unpack(lines)), 431, "too many header lines")
      assert.equal(before + 1, r.used)
    end)

    it("may fill 16 KiB with all others", function()
      local host = "Host: a\r\n"
      local fill = 16384 - #host - #"X: \r\n"
      local r = assertComplete("GET / HTTP/1.1\r\n" .. host .. "X: " .. ("y"):rep(fill) .. "\r\n\r\n")
      assert.equal(fill, #r.headers[2][2])
      assertBad("GET / HTTP/1.1\r\n" .. host .. "X: " .. ("y"):rep(fill + 1) .. "\r\n\r\n", 431,
                "header lines too long")
      local two = fill // 2
      assertBad("GET / HTTP/1.1\r\n" .. host .. "X: " .. ("y"):rep(two) .. "\r\nY: "
        .. ("y"):rep(two) .. "\r\n\r\n", 431)
      local exact = "GET / HTTP/1.1\r\n" .. host .. "X: " .. ("y"):rep(fill - 1)
      assertBad(exact .. "\r\nZ", 431)
      assertBad("GET / HTTP/1.1\r\n" .. ("x"):rep(100000), 431)
    end)

    it("may fill 16 KiB behind a request line of 8 KiB", function()
      local target = "/" .. ("x"):rep(8192 - #"GET / HTTP/1.1")
      local fill = ("y"):rep(16384 - #"Host: a\r\nX: \r\n")
      local r = assertComplete(request("GET " .. target .. " HTTP/1.1", "Host: a", "X: " .. fill))
      assert.equal(target, r.target)
      assert.equal(fill, r.headers[2][2])
    end)
  end)

  describe("the Host", function()
    it("must come once in HTTP/1.1", function()
      assertBad(request("GET / HTTP/1.1", "Accept: */*"), 400, "no Host header")
      assertBad("GET / HTTP/1.1\r\n\r\n", 400, "no Host header")
      assertBad(get("Host: a"), 400, "two Host headers")
      assertBad(get("HOST: b"), 400, "two Host headers")
      assertBad(request("GET / HTTP/1.0", "Host: a", "host: a"), 400, "two Host headers")
      assertBad(request("GET http://a/ HTTP/1.1", "Accept: */*"), 400, "no Host header")
      assertBad(request("GET http://a/ HTTP/1.1", "Host: a", "Host: a"), 400, "two Host headers")
    end)

    it("must be a host with or without a port", function()
      for _, host in ipairs { "a", "a.b", "A-b_c.d", "127.0.0.1:80", "[::1]", "[::1]:8080", "a:", "",
                              "localhost:65535", "%41", "[::]:1", "[1:2:3:4:5:6:7:8]",
                              "[::ffff:127.0.0.1]" } do
        assertComplete(request("GET / HTTP/1.1", "Host: " .. host))
      end
      for _, host in ipairs { "a b", "a/b", "a:b", "a:1:2", "u@a", "::1", "[::1", "::1]", "[]",
                              "[x]", "a:65536", "a:123456", "a:-1", "a?b", "a#b", "a\\b", "%4", "a\xff",
                              "<a>", "\"a\"", "[::1]a", "[::1]]", "a[::1]", "[:]", "[1:2]", "[::1::]",
                              "[fe80::1%25eth0]", "%00", "a, b" } do
        assertBad(request("GET / HTTP/1.1", "Host: " .. host), 400)
      end
    end)

    it("is overruled by an absolute target", function()
      for target, expected in pairs {
        ["http://b/"] = { "/", "b" }, ["HTTPS://b:81/x/y?z=1"] = { "/x/y?z=1", "b:81" },
        ["http://b"] = { "/", "b" }, ["http://b:80?x=/"] = { "/?x=/", "b:80" },
        ["http://[::1]?"] = { "/?", "[::1]" }, ["http://b//c"] = { "//c", "b" },
      } do
        local whole = http.newRequest()
        whole:feed(request("GET " .. target .. " HTTP/1.1", "X: y", "hOsT: a"))
        assert.equal(expected[2], whole:header("Host"))
        local r = assertComplete(request("GET " .. target .. " HTTP/1.1", "X: y", "hOsT: a"))
        assert.equal(expected[1], r.target)
        assert.same({ { "X", "y" }, { "hOsT", expected[2] } }, r.headers)
        r = assertComplete(request("GET " .. target .. " HTTP/1.0", "X: y"))
        assert.equal(expected[1], r.target)
        assert.same({ { "X", "y" }, { "Host", expected[2] } }, r.headers)
      end
    end)

    it("fits in beside 100 other headers", function()
      local lines = { "GET http://b/ HTTP/1.0" }
      for i = 1, 100 do lines[#lines + 1] = "X" .. i .. ": y" end
      local r = assertComplete(request(table.unpack(lines)))
      assert.same({ "Host", "b" }, r.headers[101])
    end)
  end)

  describe("a body", function()
    it("is read by its length, whatever the method", function()
      for _, method in ipairs { "POST", "GET", "HEAD", "PUT" } do
        local head = request(method .. " / HTTP/1.1", "Host: a", "Content-Length: 5")
        local r = assertComplete(head .. "he\0\r\nrest")
        assert.equal("he\0\r\n", r.body)
        assert.equal(#head + 5, r.used)
      end
    end)

    it("may be empty", function()
      for _, length in ipairs { "0", "000" } do
        local bytes = get("Content-Length: " .. length)
        assert.equal(#bytes, assertComplete(bytes .. "x").used)
      end
    end)

    it("may come with an upgrade", function()
      local r = assertComplete(get("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 3")
        .. "abc\x81\x80")
      assert.equal("abc", r.body)
      r = assertComplete(get("Upgrade: websocket", "Connection: Upgrade",
                             "Transfer-Encoding: chunked") .. "3\r\nabc\r\n0\r\n\r\n\x81\x80")
      assert.equal("abc", r.body)
    end)

    it("is refused from its announced length", function()
      local head = get("Content-Length: 10")
      assert.equal("0123456789", assertComplete(head .. "0123456789", 10).body)
      local r = assertBad(head .. "0123456789", 413, "body too large", 9)
      assert.equal(#head, r.used)
      assertBad(get("Content-Length: 18446744073709551615"), 413)
      assertBad(get("Content-Length: 1"), 413, nil, 0)
      assertComplete(get("Content-Length: 0"), 0)
    end)

    it("is refused when its length is malformed", function()
      for _, length in ipairs { "", "-1", "+1", "1 1", "1,1", "0x5", "5a", "1.0", "1e3", "\"5\"",
                                "18446744073709551616", "99999999999999999999999999", "\xb2", "5, 5", "5,", ",5",
                                "5;", "5\x0b", "+0", "-0", "0x0", "0b1", "1_0", "five", "1\t1" } do
        assertBad(get("Content-Length: " .. length) .. "x", 400)
      end
    end)

    it("is refused when its end is ambiguous", function()
      assertBad(get("Content-Length: 1", "Content-Length: 1") .. "x", 400)
      assertBad(get("Content-Length: 1", "Content-Length: 2") .. "x", 400)
      assertBad(get("Content-Length: 0", "content-length: 0"), 400)
      assertBad(get("Content-Length: 1", "Transfer-Encoding: chunked") .. "0\r\n\r\n", 400)
      assertBad(get("Transfer-Encoding: chunked", "Content-Length: 1") .. "0\r\n\r\n", 400)
      assertBad(get("Transfer-Encoding: chunked", "Content-Length: 0") .. "0\r\n\r\n", 400)
      assertBad(request("POST / HTTP/1.0", "Transfer-Encoding: chunked") .. "0\r\n\r\n", 400)
    end)

    it("is refused in another transfer coding", function()
      for _, coding in ipairs { "gzip, chunked", "gzip,deflate\t,\tCHUNKED", "x-y;q=1, chunked" } do
        assertBad(get("Transfer-Encoding: " .. coding) .. "0\r\n\r\n", 501,
                  "only the transfer coding \"chunked\" is supported")
      end
      assertBad(get("Transfer-Encoding: gzip", "Transfer-Encoding: chunked") .. "0\r\n\r\n", 501)
    end)

    it("is refused when its end can't be found, for \"chunked\" doesn't come last and once", function()
      for _, coding in ipairs {
        "gzip", "identity", "chunked, gzip", "chunked, identity", "chunked, chunked", "chunked;q=1", "chunked;",
        "xchunked", "chunkedx", "x chunked", "\"chunked\"", "chunked\"", ",chunked", "chunked,", "gzip,,chunked",
        ",", "", "chunked chunked", "chun ked", "ch\xfcnked", "chunked, gzip, chunked", "(chunked)", "chunked\xa0",
      } do
        assertBad(get("Transfer-Encoding: " .. coding) .. "0\r\n\r\n", 400, "malformed Transfer-Encoding")
      end
      local function two(a, b) return get("Transfer-Encoding: " .. a, "transfer-encoding: " .. b) .. "0\r\n\r\n" end
      for _, bytes in ipairs { two("chunked", "chunked"), two("chunked", "gzip"), two("chunked", "identity"),
                               two("", "chunked"), two("chunked", ""), two("gzip", "deflate") } do
        assertBad(bytes, 400, "malformed Transfer-Encoding")
      end
    end)

    it("is not smuggled in by a name that is almost right", function()
      for _, name in ipairs {
        "Transfer-Encoding ", "Transfer-Encoding\t", " Transfer-Encoding", "\tTransfer-Encoding", "Transfer-Encoding\0",
        "Transfer-Encoding\x0b", "Transfer\xadEncoding", "Transfer Encoding", "Content-Length ", "\"Content-Length\"",
        "Content-Length\x0c",
      } do
        assertBad(get(name .. ": chunked") .. "0\r\n\r\n", 400)
      end
      for _, name in ipairs { "Transfer_Encoding", "X-Transfer-Encoding", "Transfer-Encodings", "TransferEncoding",
                              "Content_Length", "ContentLength" } do
        local bytes = get(name .. ": 5")
        assert.equal(#bytes, assertComplete(bytes .. "0\r\n\r\n").used)
      end
      for _, text in ipairs {
        "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: chunked\x0b", "X: y\rTransfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked", "Transfer-Encoding:\r\n chunked", "Transfer-Encoding: chunked\r\n ",
        "Transfer-Encoding\r\n: chunked",
      } do
        assertBad(get(text) .. "0\r\n\r\n", 400)
      end
    end)
  end)

  describe("a chunked body", function()
    local head = get("Transfer-Encoding: chunked")

    it("is put together", function()
      for _, name in ipairs { "chunked", "Chunked", "CHUNKED", " \tchunked  " } do
        local bytes = get("Transfer-Encoding:" .. name)
          .. "5\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n00000f\r\nabcdefghijklm\r\n\r\n0\r\n\r\n"
        local r = assertComplete(bytes .. "GET")
        assert.equal("hello 0123456789abcdefghijklm\r\n", r.body)
        assert.equal(#bytes, r.used)
      end
      assert.equal("", assertComplete(head .. "0\r\n\r\n").body)
    end)

    it("may have extensions, up to 16 KiB of them", function()
      assert.equal("ab", assertComplete(head .. "1;a\r\na\r\n1;x=y;z=\"q;\\\"\";\r\nb\r\n0;end\r\n\r\n").body)
      local room = 16384 + 16 - #"1;"
      assert.equal("a", assertComplete(head .. "1;" .. ("x"):rep(room) .. "\r\na\r\n0\r\n\r\n").body)
      local r = assertBad(head .. "1;" .. ("x"):rep(room + 100) .. "\r\na\r\n0\r\n\r\n", 400,
                          "chunk extensions too long")
      assert.equal(#head + 16384 + 16 + 1, r.used)
      local chunk = "1;" .. ("x"):rep(1022) .. "\r\na\r\n"
      assertComplete(head .. chunk:rep(16) .. "0\r\n\r\n")
      assertBad(head .. chunk:rep(17) .. "0\r\n\r\n", 400, "chunk extensions too long")
    end)

    it("is refused when it is malformed", function()
      for _, rest in ipairs {
        "\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1 \r\na\r\n", "1\t\r\n", ";\r\n", "1;\0\r\n",
        "1\na\r\n", "1\r\na\n", "1\r\nab\r\n", "1\r\na0\r\n", "1\r\na\r\r\n", "1\r\na \r\n", "2\r\na\r\n\r\n0",
        "fffffffffffffffff\r\n", "1\ra\r\n",
      } do
        assertBad(head .. rest .. "0\r\n\r\n", 400)
      end
    end)

    it("is refused as soon as it is announced to be too large", function()
      assert.equal("0123456789", assertComplete(head .. "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", 10).body)
      local before = head .. "5\r\n01234\r\n6\r\n"
      local r = assertBad(before .. "567890\r\n0\r\n\r\n", 413, "body too large", 10)
      assert.equal(#before, r.used)
      assertBad(head .. "ffffffffffffffff\r\n", 413, nil, 10)
      assertBad(head .. "1\r\n", 413, nil, 0)
      assertComplete(head .. "0\r\n\r\n", 0)
    end)

    it("may have trailers, which are dropped", function()
      local bytes = head .. "1\r\na\r\n0\r\nX-Sum: 1\r\nHost: evil\r\nConnection: close\r\n\r\n"
      local r = assertComplete(bytes .. "rest")
      assert.equal(#bytes, r.used)
      assert.same({ { "Host", "a" }, { "Transfer-Encoding", "chunked" } }, r.headers)
      assert.is_true(r.keepAlive)
    end)

    it("has its trailers bounded like headers", function()
      local fill = 16384 - #"X: \r\n"
      assertComplete(head .. "0\r\nX: " .. ("y"):rep(fill) .. "\r\n\r\n")
      assertBad(head .. "0\r\nX: " .. ("y"):rep(fill + 1) .. "\r\n\r\n", 431)
      assertComplete(head .. "0\r\n" .. ("X: y\r\n"):rep(100) .. "\r\n")
      assertBad(head .. "0\r\n" .. ("X: y\r\n"):rep(101) .. "\r\n", 431, "too many header lines")
    end)

    it("has its trailers checked like headers", function()
      for _, trailer in ipairs { "X", ": x", " X: y", "\tX: y", "X y: z", "X : y", "X\0: y", "X: \0" } do
        assertBad(head .. "0\r\n" .. trailer .. "\r\n\r\n", 400)
      end
    end)
  end)

  describe("Expect", function()
    it("asks to continue at the end of the head", function()
      for _, value in ipairs { "100-continue", "100-Continue" } do
        local first = get("Expect: " .. value, "Content-Length: 3")
        local r = assertComplete(first .. "abc")
        assert.equal(#first, r.continued)
        assert.equal("abc", r.body)
      end
      local first = get("Expect: 100-continue", "Transfer-Encoding: chunked")
      local r = assertComplete(first .. "1\r\na\r\n0\r\n\r\n")
      assert.equal(#first, r.continued)
      assert.equal("a", r.body)
    end)

    it("is of no consequence without a body and in HTTP/1.0", function()
      assert.is_nil(assertComplete(get("Expect: 100-continue")).continued)
      assert.is_nil(assertComplete(get("Expect: 100-continue", "Content-Length: 0")).continued)
      local r = assertComplete(request("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 1")
        .. "a")
      assert.is_nil(r.continued)
      assertComplete(request("GET / HTTP/1.0", "Expect: magic"))
    end)

    it("is refused when it expects anything else", function()
      for _, value in ipairs { "magic", "", "100-continue, magic", "100" } do
        assertBad(get("Expect: " .. value), 417)
      end
      assertBad(get("Expect: 100-continue", "Expect: 100-continue"), 417)
    end)

    it("does not get a 100 for a body that is too large", function()
      local r = assertBad(get("Expect: 100-continue", "Content-Length: 11"), 413, nil, 10)
      assert.is_nil(r.continued)
    end)
  end)

  describe("what is asked about it", function()
    it("finds headers in any case, the first of several", function()
      local r = http.newRequest()
      r:feed(get("X-One: 1", "x-one: 2", "X-Empty:"))
      assert.equal("1", r:header("X-ONE"))
      assert.equal("", r:header("x-empty"))
      assert.is_nil(r:header("x-on"))
      assert.is_nil(r:header("x-ones"))
    end)

    it("finds tokens in lists, over repeated headers", function()
      local r = http.newRequest()
      r:feed(get("List: a, B ,,\tc", "List: d", "Other: e", "Empty:"))
      for _, token in ipairs { "a", "A", "b", "c", "d" } do assert.is_true(r:hasToken("list", token)) end
      for _, token in ipairs { "e", "ab", "a, B", "" , "aa" } do
        assert.equal(token == "", r:hasToken("list", token))
      end
      assert.is_false(r:hasToken("none", "a"))
    end)

    it("tells whether the connection may be kept", function()
      for _, case in ipairs {
        { "1.1", nil, true }, { "1.1", "close", false }, { "1.1", "keep-alive", true },
        { "1.1", "Close", false }, { "1.1", "keep-alive, close", false }, { "1.1", "Upgrade", true },
        { "1.0", nil, false }, { "1.0", "keep-alive", true }, { "1.0", "Keep-Alive, x", true },
        { "1.0", "close", false }, { "1.0", "keep-alive, close", false },
      } do
        local version, connection, expected = table.unpack(case, 1, 3)
        local lines = { "GET / HTTP/" .. version, "Host: a" }
        if connection then lines[3] = "Connection: " .. connection end
        assert.equal(expected, assertComplete(request(table.unpack(lines))).keepAlive)
      end
    end)

    it("knows the method of a bad request, once its line has come", function()
      for bytes, expected in pairs {
        [line("HEAD / HTTP/2.0")] = "HEAD", [line("HEAD * HTTP/1.1")] = "HEAD", [line("POST /%zz HTTP/1.1")] = "POST",
        [request("HEAD / HTTP/1.1", "Host: a b")] = "HEAD", [line("HEAD /")] = "", ["HEAD / HTTP/1.1\n"] = "",
      } do
        local r = http.newRequest()
        assert.equal("bad", (r:feed(bytes)))
        assert.equal(expected, r:method())
      end
    end)

    it("tells whether it has begun", function()
      local r = http.newRequest()
      assert.is_false(r:hasBegun())
      r:feed("\r\n")
      assert.is_false(r:hasBegun())
      r:feed("G")
      assert.is_true(r:hasBegun())
      r:feed("ET / HTTP/1.1\r\n")
      assert.is_true(r:hasBegun())
    end)
  end)

  it("serves requests one after the other", function()
    local r = http.newRequest(8)
    local all = {
      get(), request("POST /2 HTTP/1.1", "Host: b", "Content-Length: 3") .. "abc",
      request("POST http://c/3 HTTP/1.1", "Host: b", "Transfer-Encoding: chunked", "Connection: close")
        .. "3\r\nabc\r\n0\r\n\r\n",
      get("Content-Length: 9"), get("Upgrade: websocket", "Connection: Upgrade"), "\0", get(),
    }
    local expected = { "/", "/2", "/3", 413, "/", 400, "/" }
    for round = 1, 3 do
      local bytes, found = table.concat(all), {}
      while #bytes > 0 do
        local progress, used = r:feed(bytes:sub(1, round == 1 and -1 or 7))
        bytes = bytes:sub(used + 1)
        if progress == "complete" then found[#found + 1] = r:target() end
        if progress == "bad" then found[#found + 1] = (r:failure()) end
        if progress ~= "more" then
          r:reset()
          assert.is_false(r:hasBegun())
        end
      end
      assert.same(expected, found)
    end
  end)

  it("takes nothing from nothing", function()
    local r = http.newRequest()
    assert.same({ "more", 0 }, { r:feed("") })
    assert.is_false(r:hasBegun())
  end)
end)
