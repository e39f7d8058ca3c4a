-- src/http/url.c: request targets taken apart.

local http = require("probe").http

describe("http_url_split", function()
  it("splits at the first question mark", function()
    for target, expected in pairs {
      ["/"] = { "/" }, ["/a/b"] = { "/a/b" }, ["/a?x=1"] = { "/a", "x=1" }, ["/a?"] = { "/a", "" },
      ["/?a?b?"] = { "/", "a?b?" }, ["?x"] = { "", "x" }, [""] = { "" }, ["/%3Fx?y"] = { "/%3Fx", "y" },
    } do
      assert.same(expected, { http.urlSplit(target) })
    end
  end)
end)

describe("http_url_decode", function()
  it("decodes every byte in either case", function()
    for c = 0, 255 do
      assert.equal("a" .. string.char(c) .. "b", http.urlDecode(("a%%%02xb"):format(c)))
      assert.equal(string.char(c), http.urlDecode(("%%%02X"):format(c)))
    end
  end)

  it("leaves all others as they are", function()
    for c = 0, 255 do
      local char = string.char(c)
      if char ~= "%" then assert.equal(char, http.urlDecode(char)) end
    end
    assert.equal("", http.urlDecode(""))
    assert.equal("%", http.urlDecode("%25"))
    assert.equal("%41", http.urlDecode("%2541"))
  end)

  it("makes a blank of a plus in queries alone", function()
    assert.equal("a+b", http.urlDecode("a+b"))
    assert.equal("a b ", http.urlDecode("a+b+", true))
    assert.equal("+", http.urlDecode("%2B", true))
  end)

  it("refuses a percent sign without two hex digits", function()
    for _, text in ipairs { "%", "%4", "%g1", "%1g", "%%41", "a%", "a%4", "%4%41", "%-1", "% 1", "%0x",
                            "%+1", "%\0\0" } do
      assert.same({ nil, "invalid" }, { http.urlDecode(text) })
      assert.same({ nil, "invalid" }, { http.urlDecode(text, true) })
    end
  end)

  it("doesn't pass the buffer's ceiling", function()
    assert.equal("abc", http.urlDecode("abc", false, 3))
    assert.same({ nil, "too big" }, { http.urlDecode("abcd", false, 3) })
  end)
end)

describe("http_url_next_segment", function()
  it("yields what stands behind each slash", function()
    for path, expected in pairs {
      ["/"] = { "" }, ["/a"] = { "a" }, ["/a/"] = { "a", "" }, ["/a/b"] = { "a", "b" },
      ["//"] = { "", "" }, ["/a//b"] = { "a", "", "b" }, ["/%2F/x"] = { "%2F", "x" }, [""] = {},
    } do
      assert.same(expected, http.urlSegments(path))
    end
  end)
end)

describe("http_url_next_pair", function()
  it("yields names and values, still encoded", function()
    for query, expected in pairs {
      [""] = {}, ["&"] = {}, ["&&&"] = {}, ["a"] = { { "a", "" } }, ["a="] = { { "a", "" } },
      ["a=1"] = { { "a", "1" } }, ["a=1&b=2"] = { { "a", "1" }, { "b", "2" } },
      ["a=1&a=2"] = { { "a", "1" }, { "a", "2" } }, ["&a&&b=&"] = { { "a", "" }, { "b", "" } },
      ["=x"] = { { "", "x" } }, ["="] = { { "", "" } }, ["a=b=c"] = { { "a", "b=c" } },
      ["a%3D=%26"] = { { "a%3D", "%26" } }, ["a+b=c+d"] = { { "a+b", "c+d" } }, ["a;b=c"] = { { "a;b", "c" } },
      ["a=?"] = { { "a", "?" } },
    } do
      assert.same(expected, http.urlPairs(query), query)
    end
  end)
end)

describe("http_url_split_authority", function()
  it("splits host and port", function()
    for text, expected in pairs {
      [""] = { "" }, ["a"] = { "a" }, ["a:1"] = { "a", "1" }, ["a:"] = { "a", "" }, [":80"] = { "", "80" },
      ["a.b-c_d~e"] = { "a.b-c_d~e" }, ["[::1]"] = { "[::1]" }, ["[::1]:80"] = { "[::1]", "80" },
      ["[::FFFF:127.0.0.1]:65535"] = { "[::FFFF:127.0.0.1]", "65535" }, ["a%2d"] = { "a%2d" },
      ["a:00080"] = { "a", "00080" }, ["1.2.3.4:5"] = { "1.2.3.4", "5" }, ["!$&'()*+,;="] = { "!$&'()*+,;=" },
      ["[::]"] = { "[::]" }, ["[1::]"] = { "[1::]" }, ["[1:2:3:4:5:6:7:8]"] = { "[1:2:3:4:5:6:7:8]" },
      ["[1:2:3:4:5:6:7::]:1"] = { "[1:2:3:4:5:6:7::]", "1" }, ["[::2:3:4:5:6:7:8]"] = { "[::2:3:4:5:6:7:8]" },
      ["[ABCD:ef01::0012]"] = { "[ABCD:ef01::0012]" },
      ["[1:2:3:4:5:6:0.10.200.255]"] = { "[1:2:3:4:5:6:0.10.200.255]" },
      ["[1:2:3:4:5::1.2.3.4]"] = { "[1:2:3:4:5::1.2.3.4]" }, ["[::1.2.3.4]"] = { "[::1.2.3.4]" },
    } do
      assert.same(expected, { http.urlSplitAuthority(text) }, text)
    end
  end)

  it("refuses what is malformed", function()
    for _, text in ipairs {
      "a b", "a/", "/a", "a?b", "a#b", "u@a", "a:b", "a:1:2", "a:65536", "a:000080", "a:-1", "a: 1", "a:1 ",
      "[", "]", "[]", "[:", "[::1", "::1]", "::1", "[::1]a", "[::1]]", "[[::1]]", "a[::1]", "[a]", "[g::1]",
      "[::1%25eth0]", "[12]", "a%", "a%4", "a%zz", "a%00", "a\\b", "a\"b", "<a>", "a|b", "a^b", "a`b", "{a}",
      "a\0", "a\r", "\x80", "caf\xc3\xa9",
      "[:]", "[:::]", "[1:]", "[:1]", "[1::2::3]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[::12345]",
      "[1:2:3:4:5:6:7:8::]", "[::1:2:3:4:5:6:7:8]", "[1:2:3:4::5:6:7:8]", "[::1:]", "[1.2.3.4]", "[::1.2.3]",
      "[::1.2.3.4.5]", "[::256.1.1.1]", "[::01.2.3.4]", "[::1.2.3.4:5]", "[1:2:3:4:5:6:7:1.2.3.4]",
      "[1:2:3:4:5:6::1.2.3.4]", "[::1.2..4]", "[::1.2.3.]", "[::.1.2.3]", "[v1.x]", "[::g]",
    } do
      assert.is_false(http.urlSplitAuthority(text), text)
    end
  end)
end)
