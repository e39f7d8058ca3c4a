-- src/http/proxies.c: who is trusted, and what X-Forwarded-For and -Proto mean then.

local http = require("probe").http
local proxies = require("probe").proxies

local PEER = "10.0.0.1"

-- A request with these headers: { { name, value }, ... }.
local function request(headers)
  local lines = { "GET / HTTP/1.1", "Host: a" }
  for _, header in ipairs(headers) do lines[#lines + 1] = header[1] .. ": " .. header[2] end
  local r = http.newRequest()
  assert.equal("complete", (r:feed(table.concat(lines, "\r\n") .. "\r\n\r\n")))
  return r
end

local function correct(trusted, headers, peer, secure)
  return table.unpack(proxies.correct(trusted, request(headers), { peer or PEER, 4711, secure or false }))
end

-- Who is it, when these values come in X-Forwarded-For?
local function client(trusted, ...)
  local headers = {}
  for i, value in ipairs { ... } do headers[i] = { i % 2 == 0 and "x-forwarded-for" or "X-Forwarded-For", value } end
  local address, port = correct(trusted, headers)
  return address, port
end

describe("http_proxies_check", function()
  it("takes addresses, ranges and unix sockets", function()
    for _, entry in ipairs {
      "127.0.0.1", "0.0.0.0", "255.255.255.255", "10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "10.1.2.128/25", "::",
      "2001:db8::/32", "2001:DB8::/32", "::/0", "fe80::/10", "2001:db8::1/128", "::ffff:10.0.0.1", "::1",
      "::ffff:10.0.0.0/104", "1:2:3:4:5:6:7:8", "unix:",
    } do
      assert.is_nil(proxies.check(entry), entry)
    end
  end)

  it("refuses others", function()
    for _, entry in ipairs {
      "", " ", "localhost", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1:80", "[::1]",
      "::1%lo", ":::", "1:2:3:4:5:6:7:8:9", "unix:/run/x", "unix", "10.0.0.*", "10.0.0.1-10.0.0.9", "10.0.0.1\0", "/8",
      "::g", "0x7f.0.0.1", "2130706433", ("1"):rep(100),
    } do
      assert.equal("is no address (like 10.0.0.1, 10.0.0.0/8, 2001:db8::/32 or unix:)", proxies.check(entry), entry)
    end
    for _, prefix in ipairs { "", "33", "-1", "08", "+8", "8 ", " 8", "x", "8/8", "1e1", "255.0.0.0", "4294967304" } do
      assert.equal("has a bad prefix: 0 to 32 bits", proxies.check("10.0.0.0/" .. prefix), prefix)
    end
    for _, prefix in ipairs { "", "129", "-1", "032", "ffff::", "99999" } do
      assert.equal("has a bad prefix: 0 to 128 bits", proxies.check("2001:db8::/" .. prefix), prefix)
    end
    for _, entry in ipairs { "10.0.0.1/8", "10.0.0.1/0", "10.1.2.129/25", "2001:db8::1/32", "::1/127", "::1/0" } do
      assert.equal("is no range: bits behind its prefix are set", proxies.check(entry), entry)
    end
  end)
end)

describe("http_proxies_correct", function()
  it("believes nobody who isn't trusted", function()
    local headers = { { "X-Forwarded-For", "192.0.2.1" }, { "X-Forwarded-Proto", "https" } }
    for _, trusted in ipairs { {}, { "10.0.0.2" }, { "10.0.0.0/32" }, { "192.0.2.1" }, { "::/0" }, { "unix:" },
                               { "11.0.0.0/8" }, { "::a00:1" }, { "10.0.0.2/31", "9.0.0.0/8" } } do
      assert.same({ PEER, 4711, false }, { correct(trusted, headers) }, trusted[1])
    end
    assert.same({ "", 4711, false }, { correct({ "0.0.0.0/0", "::/0" }, headers, "") })
    assert.same({ "2001:db8::1", 4711, false }, { correct({ "0.0.0.0/0", "2001:db8::2/127" }, headers, "2001:db8::1") })
  end)

  it("believes who is", function()
    local headers = { { "X-Forwarded-For", "192.0.2.1" }, { "X-Forwarded-Proto", "https" } }
    for _, trusted in ipairs { { PEER }, { "10.0.0.0/8" }, { "0.0.0.0/0" }, { "10.0.0.0/31" }, { "::1", "10.0.0.1/32" },
                               { "::ffff:10.0.0.1" }, { "::ffff:10.0.0.0/104" } } do
      assert.same({ "192.0.2.1", 0, true }, { correct(trusted, headers) }, trusted[1])
    end
    assert.same({ "192.0.2.1", 0, true }, { correct({ "unix:" }, headers, "") })
    for _, trusted in ipairs { { "2001:db8::1" }, { "2001:db8::/32" }, { "2001:db8::/127" }, { "::/0" },
                               { "2000::/3" } } do
      assert.same({ "192.0.2.1", 0, true }, { correct(trusted, headers, "2001:db8::1") }, trusted[1])
    end
  end)

  it("leaves what no header says", function()
    assert.same({ PEER, 4711, false }, { correct({ PEER }, {}) })
    assert.same({ PEER, 4711, true }, { correct({ PEER }, { { "X-Forwarded-Proto", "https" } }) })
    assert.same({ "192.0.2.1", 0, false }, { correct({ PEER }, { { "X-Forwarded-For", "192.0.2.1" } }) })
    assert.same({ "192.0.2.1", 0, true }, { correct({ PEER }, { { "X-Forwarded-For", "192.0.2.1" } }, PEER, true) })
    assert.same({ PEER, 4711, false },
                { correct({ PEER }, { { "Forwarded", "for=192.0.2.1;proto=https" }, { "X-Real-IP", "192.0.2.2" },
                                      { "X-Forwarded", "192.0.2.3" }, { "X_Forwarded_For", "192.0.2.4" } }) })
  end)

  it("goes from the right to the first address that isn't trusted", function()
    local trusted = { "10.0.0.0/8", "2001:db8:1::/48" }
    for _, case in ipairs {
      { "192.0.2.1", "192.0.2.1" },
      { "192.0.2.1", "192.0.2.2, 192.0.2.1" },
      { "192.0.2.1", "192.0.2.1, 10.0.0.2" },
      { "192.0.2.1", "192.0.2.1, 10.0.0.3, 10.0.0.2" },
      { "192.0.2.1", "6.6.6.6, 192.0.2.1,10.0.0.2" },
      { "192.0.2.1", "10.9.9.9, 192.0.2.1, 10.0.0.2" },
      { "192.0.2.1", "6.6.6.6", "192.0.2.1" },
      { "192.0.2.1", "6.6.6.6", "10.6.6.6, 192.0.2.1, 10.0.0.3", "10.0.0.2" },
      { "192.0.2.1", "unknown, 192.0.2.1", "2001:db8:1::5" },
      { "2001:db8::7", "6.6.6.6,2001:db8::7 , 10.0.0.2" },
      { "10.0.0.3", "10.0.0.3, 10.0.0.2" }, -- all trusted: the first of them
      { "10.0.0.3", "10.0.0.3", "10.0.0.2" },
    } do
      assert.equal(case[1], (client(trusted, table.unpack(case, 2))), table.concat(case, " | ", 2))
    end
  end)

  it("goes no further than something that is no address", function()
    local trusted = { "10.0.0.0/8" }
    for _, bad in ipairs {
      "", "unknown", "_hidden", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4:", "1.2.3.4:x",
      "1.2.3.4:65536", "1.2.3.4:080", "1.2.3.4:-1", "1.2.3.4 5", "[1.2.3.4]", "[1.2.3.4]:80", "[::1", "::1]", "[::1]x",
      "[::1]80", "[::1]:", "[::1]:65536", "[]", "[", "]", ":", "::1%eth0", "[::1%25eth0]", "fe80::1%1", "\"1.2.3.4\"",
      "for=1.2.3.4", "1.2.3.4;x", "unix:", "1:2:3:4:5:6:7:8:9", ("1"):rep(2000), "1.2.3.4\xc3\xa9", ":80", "[:80]:80",
    } do
      assert.equal(PEER, (client(trusted, bad)), bad)
      assert.equal(PEER, (client(trusted, "192.0.2.1, " .. bad)), bad)
      assert.equal("10.0.0.2", (client(trusted, "192.0.2.1, " .. bad .. ", 10.0.0.2")), bad)
      assert.equal("10.0.0.2", (client(trusted, "192.0.2.1", bad, "10.0.0.2")), bad)
      assert.equal("192.0.2.1", (client(trusted, bad .. ", 192.0.2.1")), bad)
    end
    local address, port = client(trusted, "192.0.2.1, x, 10.0.0.2:99")
    assert.same({ "10.0.0.2", 99 }, { address, port })
    address, port = client(trusted, "x")
    assert.same({ PEER, 4711 }, { address, port })
  end)

  it("reads every form of an address, and writes one", function()
    for _, case in ipairs {
      { "192.0.2.1:1234", "192.0.2.1", 1234 },
      { "192.0.2.1:0", "192.0.2.1", 0 },
      { "192.0.2.1:65535", "192.0.2.1", 65535 },
      { "2001:DB8:0:0::1", "2001:db8::1", 0 },
      { "[2001:db8::1]", "2001:db8::1", 0 },
      { "[2001:db8::1]:8080", "2001:db8::1", 8080 },
      { "::ffff:192.0.2.1", "192.0.2.1", 0 },
      { "[::ffff:192.0.2.1]:80", "192.0.2.1", 80 },
      { "::ffff:c000:201", "192.0.2.1", 0 },
      { "2001:db8::1:80", "2001:db8::1:80", 0 },
      { "::", "::", 0 },
    } do
      assert.same({ case[2], case[3] }, { client({ PEER }, case[1]) }, case[1])
    end
    assert.equal("10.0.0.9", (client({ PEER, "10.0.0.2" }, "10.0.0.9, ::ffff:10.0.0.2"))) -- the same address
  end)

  it("takes the scheme from one header with one scheme", function()
    local function scheme(...)
      local headers = {}
      for i, value in ipairs { ... } do headers[i] = { "X-Forwarded-Proto", value } end
      return select(3, correct({ PEER }, headers)), select(3, correct({ PEER }, headers, PEER, true))
    end
    for _, value in ipairs { "https", "wss", "HTTPS", "Wss" } do
      assert.same({ true, true }, { scheme(value) }, value)
    end
    for _, value in ipairs { "http", "ws", "HTTP" } do assert.same({ false, false }, { scheme(value) }, value) end
    for _, value in ipairs { "", "https, http", "http, https", "https,", "httpss", "http s", "1", "on", "\"https\"" } do
      assert.same({ false, true }, { scheme(value) }, value)
    end
    assert.same({ false, true }, { scheme("https", "https") })
    assert.same({ false, true }, { scheme("http", "https") })
  end)

  it("has bounded work with the longest of lists", function()
    local hops = ("10.0.0.1,"):rep(1700)
    assert.equal("10.0.0.1", (client({ "10.0.0.0/8" }, hops .. "10.0.0.1")))
    assert.equal(PEER, (client({ "10.0.0.0/8" }, hops)))
    assert.equal("192.0.2.1", (client({ "10.0.0.0/8" }, "192.0.2.1," .. hops .. "10.0.0.1")))
  end)
end)
