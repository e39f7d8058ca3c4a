-- src/http/wsurl.c: what a client connects to, and proxies on the way there.

local wsurl = require("probe").wsurl

local function parts(url)
  local u, why = wsurl.read(url)
  assert.is_table(u, ("%q: %s"):format(url, why))
  return { u.secure, u.host, u.port, u.target, u.authorization }
end

local function assertRefused(url, why, read)
  local u, text = (read or wsurl.read)(url)
  assert.is_nil(u, ("%q"):format(url))
  assert.equal(why, text, ("%q"):format(url))
end

local function basic(url) return parts(url)[5] end

describe("http_wsurl_read", function()
  it("takes a URL apart", function()
    assert.same({ false, "example.com", 80, "/" }, parts("ws://example.com"))
    assert.same({ true, "example.com", 443, "/" }, parts("wss://example.com"))
    assert.same({ false, "a", 8080, "/chat?x=1&y=%zz?/" }, parts("ws://a:8080/chat?x=1&y=%zz?/"))
    assert.same({ true, "A.b-c_d.example.", 1, "/a%20b//c;d=(e)'*$!&,+~@:" },
      parts("WSS://A.b-c_d.example.:1/a%20b//c;d=(e)'*$!&,+~@:"))
  end)

  it("has the scheme's port where none is named", function()
    for url, port in pairs { ["ws://a"] = 80, ["wss://a"] = 443, ["Ws://a:"] = 80, ["wSs://a:/"] = 443,
                             ["ws://a:443"] = 443, ["wss://a:00080"] = 80, ["ws://a:65535"] = 65535 } do
      assert.equal(port, parts(url)[3], url)
    end
  end)

  it("asks for / where there is no path", function()
    for url, target in pairs { ["ws://a"] = "/", ["ws://a/"] = "/", ["ws://a?"] = "/?", ["ws://a?x=/"] = "/?x=/",
                               ["ws://a/?x"] = "/?x", ["ws://a//"] = "//", ["ws://a:1?@:["] = "/?@:[" } do
      assert.equal(target, parts(url)[4], url)
    end
  end)

  it("keeps an IPv6 address in its brackets", function()
    assert.same({ false, "[::1]", 80, "/" }, parts("ws://[::1]"))
    assert.same({ true, "[2001:DB8::1.2.3.4]", 9000, "/x" }, parts("wss://[2001:DB8::1.2.3.4]:9000/x"))
    for host, why in pairs {
      ["[::1"] = 'no "]" behind the IPv6 address', ["["] = 'no "]" behind the IPv6 address',
      ["[::1]a"] = 'something between "]" and the port', ["[::1]]"] = 'something between "]" and the port',
      ["[]"] = "no IPv6 address between the brackets", ["[1.2.3.4]"] = "no IPv6 address between the brackets",
      ["[::1%25lo]"] = "no IPv6 address between the brackets", ["[a]:80"] = "no IPv6 address between the brackets",
      ["[:::]"] = "no IPv6 address between the brackets",
    } do
      assertRefused("ws://" .. host .. "/", why)
    end
    for _, host in ipairs { "::1", "::1:8080", "fe80::1", "a:1:2", ":::" } do
      assertRefused("ws://" .. host,
        'more than one ":" in the host: an IPv6 address needs brackets, as in ws://[::1]:8080')
    end
  end)

  it("makes an Authorization of the user info", function()
    for info, plain in pairs {
      ["user:password"] = "dXNlcjpwYXNzd29yZA==", ["user"] = "dXNlcjo=", ["user:"] = "dXNlcjo=",
      ["us%65r:pass%40%3aword"] = "dXNlcjpwYXNzQDp3b3Jk", [":p"] = "OnA=", [":"] = "Og==", ["a:b:c"] = "YTpiOmM=",
      ["%C3%A9:%e2%82%AC"] = "w6k64oKs",
    } do
      assert.equal("Basic " .. plain, basic("ws://" .. info .. "@a"), info)
    end
    assert.equal("Basic YStiOmM=", basic("ws://a+b:c@[::1]:80/@"))
    assert.is_nil(basic("ws://@a"))
    assert.is_nil(basic("ws://a/@b?c@d"))
    for info, why in pairs {
      ["a@b"] = "two @ in it: in user and password it is written %40",
      ["%"] = "bad percent-encoding in user or password: a % is written %25",
      ["a:%4"] = "bad percent-encoding in user or password: a % is written %25",
      ["a%3Ab:c"] = "a colon in the user, where none may be",
      ["a%0D%0aX: y"] = "a blank in it: percent-encode it as %20",
      ["a%0D%0aX"] = "a control character in the user or the password",
      ["a:b%00"] = "a control character in the user or the password",
      ["a:%7f"] = "a control character in the user or the password",
    } do
      assertRefused("ws://" .. info .. "@host/", why)
    end
  end)

  it("refuses other schemes, and says which one is meant", function()
    assertRefused("http://a/", "http:// is for pages: use ws://")
    assertRefused("HTTPS://a/", "https:// is for pages: use wss://")
    for _, url in ipairs { "", "w", "ws:", "ws:/", "ws:a", "ws:/a", "wsss://a", "a", "/chat", "//a/", "localhost:8080",
                           "ftp://a", " ws://a", "ws ://a", "\0ws://a" } do
      assertRefused(url, "it must begin with ws:// or wss://")
    end
  end)

  it("refuses a URL without host", function()
    for _, url in ipairs { "ws://", "wss://", "ws:///", "ws:///chat", "ws://:80", "ws://?x", "ws://u@",
                           "ws://u:p@:1/" } do
      assertRefused(url, "no host")
    end
  end)

  it("refuses hosts that can't be names", function()
    for _, host in ipairs { "a%41", "a,b", "a;b", "a\\b", "a*", "a!", "$a", "(a)", "a=b", "a~", "a|b", "<a>", "{a}",
                            "]", "a[b]", "a\"b" } do
      assertRefused("ws://" .. host .. "/", "a character in the host that host names don't have")
    end
    local long = ("x"):rep(63) .. "."
    assert.equal(253, #parts("ws://" .. long:rep(4):sub(1, 253))[2])
    assertRefused("ws://" .. long:rep(4):sub(1, 254), "a host name of more than 253 characters")
  end)

  it("refuses ports that can't be", function()
    for _, port in ipairs { "0", "65536", "00", "99999999999999999999", "-1", "+1", "8o", "80a", "0x50", "8.0" } do
      assertRefused("ws://a:" .. port .. "/", "the port must be a number from 1 to 65535")
    end
  end)

  it("refuses a fragment", function()
    for _, url in ipairs { "ws://a#", "ws://a/#b", "ws://a/b?c#d", "ws://u@a#@b/" } do
      assertRefused(url, "a fragment (#), which WebSockets don't have: percent-encode a # as %23")
    end
  end)

  it("refuses what must be encoded", function()
    for _, place in ipairs { "ws://%s@a/", "ws://a%sb/", "ws://a:1%s", "ws://a/b%sc", "ws://a/b?c%s" } do
      local function at(text) return place:gsub("%%s", { ["%s"] = text }) end
      assertRefused((at(" ")), "a blank in it: percent-encode it as %20")
      for _, char in ipairs { "\0", "\t", "\r", "\n", "\31", "\127" } do
        assertRefused((at(char)), "a control character in it: percent-encode it")
      end
    end
    assertRefused("ws://b\xc3\xbccher.example/",
      "a character beyond ASCII in the host or the user: write the host in punycode (xn--...), "
      .. "percent-encode the user")
    for _, url in ipairs { "ws://a/\xc3\xa9", "ws://a/?\xff", "ws://a?\x80" } do
      assertRefused(url, "a character beyond ASCII in it: percent-encode its UTF-8")
    end
    for _, path in ipairs { "%", "a%4", "%zz", "%00" } do
      assertRefused("ws://a/" .. path, "bad percent-encoding in the path: a % itself is written %25")
    end
  end)

  it("bounds a URL", function()
    local url = "ws://a/?"
    url = url .. ("x"):rep(65536 - #url)
    assert.equal(65536 - #"ws://a", #parts(url)[4])
    assertRefused(url .. "x", "longer than 64 KiB")
    local user = "ws://" .. ("x"):rep(65536 - #"ws://@a") .. "@a"
    assert.equal(#"Basic " + 87376, #basic(user))
  end)
end)

describe("http_wsurl_read_proxy", function()
  local function proxy(url)
    local u = assert(wsurl.readProxy(url))
    assert.equal("/", u.target)
    return { u.secure, u.host, u.port, u.authorization }
  end

  it("takes a proxy's URL apart", function()
    assert.same({ false, "proxy", 80 }, proxy("http://proxy"))
    assert.same({ true, "proxy", 443 }, proxy("HTTPS://proxy/"))
    assert.same({ false, "[::1]", 3128, "Basic dTpw" }, proxy("http://u:p@[::1]:3128/"))
  end)

  it("takes it for http without a scheme", function()
    assert.same({ false, "proxy", 80 }, proxy("proxy"))
    assert.same({ false, "proxy.example", 3128, "Basic dTpw" }, proxy("u:p@proxy.example:3128/"))
    assert.same({ false, "[::1]", 1 }, proxy("[::1]:1"))
  end)

  it("refuses all else", function()
    for _, url in ipairs { "ws://proxy", "wss://proxy", "socks5://proxy", "://proxy", "a/http://proxy" } do
      assertRefused(url, "a proxy's must begin with http:// or https://", wsurl.readProxy)
    end
    for _, url in ipairs { "http://proxy/x", "http://proxy//", "http://proxy?x", "http://proxy/?" } do
      assertRefused(url, "a proxy's has no path", wsurl.readProxy)
    end
    for _, url in ipairs { "", "http://:80", ":80", "//proxy", "/" } do
      assertRefused(url, url == "//proxy" and "a proxy's has no path" or "no host", wsurl.readProxy)
    end
    assertRefused("http:/proxy", "a proxy's has no path", wsurl.readProxy)
    assertRefused("http://a:0", "the port must be a number from 1 to 65535", wsurl.readProxy)
    assertRefused("http://a/#", "a fragment (#), which WebSockets don't have: percent-encode a # as %23",
      wsurl.readProxy)
  end)
end)
