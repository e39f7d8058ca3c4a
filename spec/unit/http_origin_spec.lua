-- src/http/origin.c: which pages may connect.

local http = require("probe").http

local WELL_FORMED = {
  "https://example.com", "http://localhost", "http://localhost:3000", "https://*.example.com",
  "https://*.example.com:8443", "https://a.*.c", "https://*", "http://127.0.0.1:80", "http://[::1]",
  "http://[::1]:8080", "HTTPS://Example.COM", "chrome-extension://abcdefgh", "tauri://localhost",
  "a+b-c.d://x_y", "https://example.com:443", "*", "null",
}

local MALFORMED = {
  "", "example.com", "//example.com", "://example.com", "https:", "https:/", "https://", "https:///",
  "https://example.com/", "https://example.com/path", "https://example.com?x", "https://example.com#x",
  "https://u@example.com", "https://example.com:", "https://example.com:x", "https://example.com:65536",
  "https://*example.com", "https://ex*.com", "https://**.com", "https://.com", "https://a..b", "https://a.",
  "https://a b", "1http://a", "ht tp://a", "https://caf\xc3\xa9", "https://a%41", "https://[::1", "https://[*]",
  "https://a\0", "Null", "NULL", " *", "* ", "**", "https://a,https://b", "https//a", "https://a:*", "*://a",
}

describe("http_origin_pattern_is_valid", function()
  it("takes origins as browsers write them, labels of '*', \"*\" and \"null\"", function()
    for _, pattern in ipairs(WELL_FORMED) do
      assert.is_true(http.originPatternIsValid(pattern), pattern)
    end
  end)

  it("refuses everything else", function()
    for _, pattern in ipairs(MALFORMED) do
      assert.is_false(http.originPatternIsValid(pattern), pattern)
    end
  end)
end)

describe("http_origin_matches", function()
  local function check(pattern, matching, others)
    for _, origin in ipairs(matching) do
      assert.is_true(http.originMatches(origin, { pattern }), pattern .. " and " .. origin)
    end
    for _, origin in ipairs(others) do
      assert.is_false(http.originMatches(origin, { pattern }), pattern .. " and " .. origin)
    end
  end

  it("compares scheme, host and port", function()
    check("https://example.com", { "https://example.com", "HTTPS://EXAMPLE.com", "https://example.com:443" },
          { "http://example.com", "https://example.com:8443", "https://www.example.com",
            "https://example.com.evil.com", "https://evilexample.com", "https://example.co", "example.com",
            "https://example.com/", "https://example.com.", "https://u@example.com", "", "null", "https://" })
    check("http://localhost:3000", { "http://localhost:3000" },
          { "http://localhost", "http://localhost:300", "http://localhost:30000", "http://localhost:" })
    check("http://a:80", { "http://a", "http://a:80" }, { "https://a", "http://a:443", "https://a:80" })
    check("http://a:443", { "http://a:443" }, { "http://a", "https://a", "https://a:443" })
    check("http://[::1]:8080", { "http://[::1]:8080" }, { "http://[::1]", "http://[::2]:8080", "http://a:8080" })
  end)

  it("takes '*' for exactly one label", function()
    check("https://*.example.com", { "https://a.example.com", "https://A.Example.com", "https://x-1.example.com" },
          { "https://example.com", "https://.example.com", "https://a.b.example.com", "https://a.example.org",
            "https://evil.com/.example.com", "https://a.example.com.evil.com", "https://a.example.com:8443",
            "http://a.example.com", "https://aexample.com", "https://[::1]" })
    check("https://a.*.c", { "https://a.b.c" }, { "https://a.c", "https://a.b.b.c", "https://a..c" })
    check("http://*", { "http://localhost" }, { "http://a.b", "http://[::1]", "https://localhost" })
    check("http://*:8080", { "http://localhost:8080" }, { "http://localhost" })
  end)

  it("takes \"*\" for all, and \"null\" for itself alone", function()
    check("*", { "https://a", "null", "", "rubbish" }, {})
    check("null", { "null" }, { "", "Null", "https://null", "https://a" })
    check("https://*", {}, { "null" })
  end)

  it("looks at each pattern", function()
    local patterns = { "https://a", "http://*.b", "null" }
    for origin, expected in pairs { ["https://a"] = true, ["http://x.b"] = true, ["null"] = true,
                                    ["https://b"] = false } do
      assert.equal(expected, http.originMatches(origin, patterns))
    end
    assert.is_false(http.originMatches("https://a", {}))
  end)
end)

describe("http_origin_is_same_host", function()
  it("compares host names, whatever case and ports", function()
    for _, pair in ipairs {
      { "http://localhost:8080", "localhost:8080" }, { "http://localhost", "localhost:8080" },
      { "https://Example.com", "example.COM" }, { "http://[::1]:3000", "[::1]:8080" },
      { "http://[FE80::A]", "[fe80::a]" }, { "http://127.0.0.1:1", "127.0.0.1" }, { "http://a", "a:" },
    } do
      assert.is_true(http.originIsSameHost(pair[1], pair[2]), table.concat(pair, " "))
    end
  end)

  it("refuses all others", function()
    for _, pair in ipairs {
      { "http://a", "b" }, { "null", "a" }, { "null", "null" }, { "", "" }, { "http://", "" }, { "http://a", "" },
      { "http://a.b", "b" }, { "http://b", "a.b" }, { "http://a.b", "a" }, { "a", "a" }, { "http://a/", "a" },
      { "http://[::1]", "::1" }, { "http://[::1]", "[::2]" }, { "http://127.0.0.1", "localhost" },
      { "http://a b", "a b" }, { "http://a", "a b" }, { "http://u@a", "a" }, { "http://a", "a:b" }, { "*", "*" },
    } do
      assert.is_false(http.originIsSameHost(pair[1], pair[2]), table.concat(pair, " "))
    end
  end)
end)
