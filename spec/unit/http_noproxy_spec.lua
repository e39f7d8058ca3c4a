-- src/http/noproxy.c: NO_PROXY.

local wsurl = require("probe").wsurl

local function has(list, host, port) return wsurl.noproxyHas(list, host, port or 80) end

local function assertHas(list, hosts)
  for _, host in ipairs(hosts) do assert.is_true(has(list, host), list .. " has " .. host) end
end

local function assertLacks(list, hosts)
  for _, host in ipairs(hosts) do assert.is_false(has(list, host), list .. " lacks " .. host) end
end

describe("http_noproxy_has", function()
  it("finds nothing in an empty list", function()
    for _, list in ipairs { "", " ", ",", ", ,\t,", ".", "*.", ":", ":80" } do
      assertLacks(list, { "a", "a.", "10.0.0.1", "[::1]", "localhost" })
    end
  end)

  it("finds every host under *", function()
    for _, list in ipairs { "*", "a,*", " * ", "b *,c" } do
      assertHas(list, { "a", "www.example.com", "10.0.0.1", "[::1]" })
    end
    assertLacks("**", { "a" })
    assertLacks("*a", { "a", "ba" })
  end)

  it("finds a name and those below it, on the boundary of a label", function()
    for _, list in ipairs { "example.com", ".example.com", "*.example.com", "EXAMPLE.com", "example.com.",
                            "x, example.com", "x example.com,", "\texample.com\t" } do
      assertHas(list, { "example.com", "www.example.com", "a.b.EXAMPLE.COM", "example.com.", "www.example.com." })
      assertLacks(list, { "notexample.com", "example.com.evil", "com", "xample.com", "example.co", "wwwexample.com",
                          "10.0.0.1" })
    end
    assertHas("localhost", { "localhost", "LOCALHOST", "a.localhost" })
    assertLacks("localhost", { "127.0.0.1", "[::1]" })
  end)

  it("finds addresses, by value", function()
    assertHas("10.0.0.1", { "10.0.0.1" })
    assertLacks("10.0.0.1", { "10.0.0.10", "10.0.0.2", "1.10.0.0.1", "a" })
    assertLacks("0.0.1", { "10.0.0.1" })
    assertLacks(".0.0.1", { "10.0.0.1" })
    for _, list in ipairs { "::1", "[::1]", "0:0::1", "a,::1" } do
      assertHas(list, { "[::1]", "[0:0:0:0:0:0:0:1]" })
      assertLacks(list, { "[::2]", "a.b", "127.0.0.1" })
    end
    assertHas("::ffff:10.0.0.1", { "10.0.0.1" })
  end)

  it("finds addresses in ranges", function()
    assertHas("10.0.0.0/8", { "10.0.0.1", "10.255.255.255", "[::ffff:10.1.2.3]" })
    assertLacks("10.0.0.0/8", { "11.0.0.1", "[::a00:1]", "ten.example" })
    assertHas("10.1.2.3/8", { "10.200.0.1" }) -- bits behind the prefix don't count
    assertHas("192.0.2.128/25", { "192.0.2.128", "192.0.2.255" })
    assertLacks("192.0.2.128/25", { "192.0.2.127" })
    assertHas("2001:db8::/32", { "[2001:db8::1]", "[2001:db8:ffff::]" })
    assertLacks("2001:db8::/32", { "[2001:db9::1]", "10.0.0.1" })
    assertHas("0.0.0.0/0", { "10.0.0.1" })
    assertLacks("0.0.0.0/0", { "[::1]" })
    for _, list in ipairs { "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "[10.0.0.0/8]", "10.0.0.0/8:80" } do
      assertLacks(list, { "10.0.0.0", "10.0.0.1" })
    end
  end)

  it("minds a port", function()
    for _, case in ipairs {
      { "a:8080", "a" }, { ".a:8080", "b.a" }, { "*.a:8080", "b.a" }, { "10.0.0.1:8080", "10.0.0.1" },
      { "[::1]:8080", "[::1]" }, { "x,a:80,a:8080", "a" },
    } do
      assert.is_true(has(case[1], case[2], 8080), case[1])
      assert.is_false(has(case[1], case[2], 8081), case[1])
    end
    assert.is_true(has("a:", "a", 1))
    for _, list in ipairs { "a:65536", "a:x", "a:80:80", "a:-1", "a:080" } do assert.is_false(has(list, "a"), list) end
  end)

  it("passes over what it doesn't understand", function()
    for _, junk in ipairs { "http://a", "[", "]", "[a", "a/b", "\1", "\xff", "%", "a%zz", "[::1", "::1:80:",
                            "<local>" } do
      assert.is_true(has(junk .. ",good", "good"), junk)
      assert.is_false(has(junk, "good"), junk)
    end
  end)
end)
