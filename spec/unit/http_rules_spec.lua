-- src/http/rules.c: what a head must obey beyond llhttp's grammar. http_request_spec goes through
-- the rules on the wire; here are the results that it can't see.

local http = require("probe").http

describe("http_rules_split_line", function()
  it("takes a request line apart", function()
    assert.same({ "GET", "/a?b", false }, { http.splitLine("GET /a?b HTTP/1.1") })
    assert.same({ "POST", "http://a/", true }, { http.splitLine("POST http://a/ HTTP/1.0") })
    assert.same({ "OPTIONS", "*", false }, { http.splitLine("OPTIONS * HTTP/1.1") })
  end)

  it("tells what is wrong, the version first, then the method", function()
    for line, expected in pairs {
      [""] = { 400, "malformed request line" },
      [" "] = { 400, "malformed request line" },
      ["  "] = { 400, "malformed request line" },
      ["  HTTP/1.1"] = { 400, "malformed method" },
      ["GET  HTTP/1.1"] = { 400, "malformed request line" },
      ["GET /"] = { 400, "malformed request line" },
      ["GET / HTTP/1.2"] = { 505, "only HTTP/1.0 and HTTP/1.1 are supported" },
      ["get # HTTP/2.0"] = { 505, "only HTTP/1.0 and HTTP/1.1 are supported" },
      ["get # HTTP/1.1"] = { 400, "method not in capital letters" },
      ["G(T # HTTP/1.1"] = { 400, "malformed method" },
      ["CONNECT a:1 HTTP/1.1"] = { 501, "unsupported method" },
      ["GET /a#b HTTP/1.1"] = { 400, "fragment in the request target" },
      ["GET /\x7f HTTP/1.1"] = { 400, "unencoded character in the request target" },
      ["GET /\t HTTP/1.1"] = { 400, "unencoded character in the request target" },
      ["GET /%g?# HTTP/1.1"] = { 400, "fragment in the request target" },
      ["GET /%g? HTTP/1.1"] = { 400, "bad percent-encoding in the path" },
    } do
      assert.same({ nil, table.unpack(expected) }, { http.splitLine(line) }, line)
    end
  end)
end)

describe("http_rules_split_absolute", function()
  it("takes authority and origin form apart", function()
    for target, expected in pairs {
      ["http://a/"] = { "a", "/" }, ["http://a"] = { "a", "" }, ["http://a?b/c"] = { "a", "?b/c" },
      ["https://A:1/b/c?d"] = { "A:1", "/b/c?d" }, ["HTTP://[::1]:80/"] = { "[::1]:80", "/" },
    } do
      assert.same(expected, { http.splitAbsolute(target) }, target)
    end
  end)

  it("refuses other schemes and malformed hosts", function()
    for target, text in pairs {
      [""] = "malformed request target", ["*"] = "malformed request target",
      ["a:80"] = "malformed request target", ["ftp://a/"] = "malformed request target",
      ["http:/a"] = "malformed request target", ["http://"] = "malformed host in the request target",
      ["http:///"] = "malformed host in the request target",
      ["http://:80/"] = "malformed host in the request target",
      ["http://u@a/"] = "malformed host in the request target",
    } do
      assert.same({ nil, 400, text }, { http.splitAbsolute(target) }, target)
    end
  end)
end)

describe("http_rules_check_headers", function()
  local function check(...) return { http.checkHeaders({ { "Host", "a" }, ... }) } end

  it("tells whether the client waits for a 100", function()
    assert.same({ false }, check())
    assert.same({ false }, check({ "Content-Length", "1" }))
    assert.same({ true }, check({ "expect", "100-continue" }))
    assert.same({ false }, { http.checkHeaders({ { "Expect", "100-continue" } }, true) })
  end)

  it("tells what is wrong", function()
    local chunked = { "Transfer-Encoding", "chunked" }
    assert.same({ false }, check(chunked))
    assert.same({ nil, 400, "two Host headers" }, check({ "HOST", "a" }))
    assert.same({ nil, 400, "no Host header" }, { http.checkHeaders({}) })
    assert.same({ nil, 400, "malformed Host header" }, { http.checkHeaders({ { "Host", "a b" } }) })
    assert.same({ nil, 400, "two Content-Length headers" },
                check({ "Content-Length", "1" }, { "content-length", "1" }))
    assert.same({ nil, 400, "Content-Length with Transfer-Encoding" },
                check({ "Content-Length", "1" }, chunked))
    assert.same({ nil, 400, "Transfer-Encoding in HTTP/1.0" }, { http.checkHeaders({ chunked }, true) })
    assert.same({ nil, 400, "malformed Transfer-Encoding" }, check(chunked, chunked))
    assert.same({ nil, 501, "only the transfer coding \"chunked\" is supported" },
                check({ "Transfer-Encoding", "gzip" }, chunked))
    assert.same({ nil, 417, "only \"Expect: 100-continue\" is supported" }, check({ "Expect", "x" }))
  end)
end)
