-- src/script/request: the table that onConnection and onRequest get.

local probe = require "probe"

local function request(fields)
  fields.method = fields.method or "GET"
  fields.target = fields.target or "/"
  fields.address = fields.address or "127.0.0.1"
  return probe.request.push(fields)
end

local function query(text) return request { target = "/x?" .. text }.query end

describe("event.request", function()
  it("has all its fields, and none besides", function()
    assert.same({
      headers = { host = "localhost:8080" }, query = { name = "ryan" }, url = "/status?name=ryan", path = "/status",
      params = {}, method = "GET", protocols = {}, remoteAddress = "::1", remotePort = 50000, secure = false,
    }, request {
      target = "/status?name=ryan", address = "::1", port = 50000, headers = { { "Host", "localhost:8080" } },
    })
  end)

  it("has a body when there can be one", function()
    assert.equal("", request { withBody = true }.body)
    assert.equal("a\0b", request { method = "POST", body = "a\0b", withBody = true }.body)
    assert.is_nil(request { body = "x" }.body)
  end)

  it("tells of TLS", function()
    assert.is_true(request { secure = true }.secure)
  end)

  it("tells of the client's certificate, when there is one", function()
    local facts = { { "subject", "CN=ann" }, { "subjectAltName", "" } }
    local r = request { secure = true, headers = { { "Host", "localhost" } }, certificate = facts }
    assert.same({ subject = "CN=ann", subjectAltName = "" }, r.peerCertificate)
    assert.same({ host = "localhost" }, r.headers)
    assert.is_nil(request { secure = true }.peerCertificate)
  end)

  it("has an empty address and port 0 for a unix socket", function()
    local r = request { address = "" }
    assert.equal("", r.remoteAddress)
    assert.equal(0, r.remotePort)
  end)

  it("keeps url and path as they were sent", function()
    local r = request { target = "/a%20b/%zz?x=%20&y=?" }
    assert.equal("/a%20b/%zz?x=%20&y=?", r.url)
    assert.equal("/a%20b/%zz", r.path)
    assert.same({ x = " ", y = "?" }, r.query)
  end)

  it("is a table of its own each time", function()
    local fields = { headers = { { "A", "1" } } }
    local one, two = request(fields), request(fields)
    one.headers.a = "changed"
    one.query.x = 1
    assert.equal("1", two.headers.a)
    assert.same({}, two.query)
  end)

  it("can be sent as JSON", function()
    local r = request { headers = { { "A", "1" }, { "A", "2" } }, target = "/x?q=1" }
    local copy = probe.json.json.decode(probe.json.json.encode(r))
    assert.same({ "1", "2" }, copy.headers.a)
    assert.equal("[]", probe.json.json.encode(copy.protocols))
    assert.equal("{}", probe.json.json.encode(copy.params))
  end)
end)

describe("event.request.headers", function()
  local headers = request {
    headers = {
      { "HOST", "h" }, { "User-Agent", "curl" }, { "X-A", "1" }, { "x-a", "2" }, { "X-B", "" }, { "x-A", "3" },
    },
  }.headers

  it("has lower-case names", function()
    local names = {}
    for name in pairs(headers) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "host", "user-agent", "x-a", "x-b" }, names)
    assert.equal("curl", headers["user-agent"])
    assert.equal("", headers["x-b"])
  end)

  it("finds other spellings", function()
    assert.equal("h", headers.Host)
    assert.equal("curl", headers["User-Agent"])
    assert.equal("curl", headers["USER-AGENT"])
    assert.is_nil(headers["User_Agent"])
    assert.is_nil(headers.missing)
    assert.is_nil(headers.Missing)
    assert.is_nil(headers[1])
    assert.is_nil(headers[{}])
  end)

  it("has an array for a name that is repeated, in the order sent", function()
    assert.same({ "1", "2", "3" }, headers["x-a"])
    assert.same({ "1", "2", "3" }, headers["X-A"])
  end)

  it("takes names and values that fill the head", function()
    local name, value = ("N"):rep(8000), ("v"):rep(8000)
    assert.equal(value, request { headers = { { name, value } } }.headers[("n"):rep(8000)])
  end)
end)

describe("event.request.query", function()
  it("is always a table", function()
    assert.same({}, request { target = "/x" }.query)
    assert.same({}, query "")
    assert.same({}, query "&&&")
  end)

  it("decodes names and values", function()
    assert.same({ name = "Ann Lee", city = "Zürich", ["a b"] = "+", nul = "\0" },
                query "name=Ann+Lee&city=Z%C3%BCrich&a%20b=%2b&nul=%00")
    assert.same({ a = "b=c", d = "", e = "", [""] = "x" }, query "a=b=c&d=&e&=x")
  end)

  it("has an array for a name that is repeated", function()
    assert.same({ a = { "1", "2", "3" }, b = "x" }, query "a=1&b=x&a=2&%61=3")
  end)

  it("leaves a bad percent-encoding as it stands", function()
    assert.same({ a = "%", b = "%2", c = "%zz+x", ["%q"] = "1", d = "ok é" }, query "a=%&b=%2&c=%zz+x&%q=1&d=ok+%c3%a9")
  end)

  it("gathers a hundred thousand equal names in a time that only grows with them", function()
    local function seconds(count)
      local text = ("a=1&"):rep(count)
      local before = os.clock()
      assert.equal(count, #query(text).a)
      return os.clock() - before
    end
    seconds(1000)
    local few = seconds(10000)
    assert.is_true(seconds(100000) < 40 * few + 0.05)
  end)
end)

describe("event.request.params", function()
  local function params(pattern, target) return request { pattern = pattern, target = target }.params end

  it("come from the pattern, decoded", function()
    assert.same({ room = "blue room" }, params("/rooms/:room", "/rooms/blue%20room?x=1"))
    assert.same({ a = "+", b = "\0" }, params("/:a/x/:b", "/+/x/%00"))
    assert.same({ ["*"] = "a/b c" }, params("/files/*", "/files/a/b%20c"))
  end)

  it("are always a table", function()
    assert.same({}, params(nil, "/x"))
    assert.same({}, params("/x", "/x"))
    assert.same({}, params("/:a", "/%zz"))
  end)

  it("hold values as long as a path can be", function()
    local long = ("x"):rep(8000)
    assert.same({ a = long }, params("/:a", "/" .. long))
  end)
end)

describe("event.request.protocols", function()
  local function protocols(...)
    local headers = {}
    for i, value in ipairs { ... } do
      headers[i] = { i % 2 == 1 and "Sec-WebSocket-Protocol" or "sec-websocket-PROTOCOL", value }
    end
    headers[#headers + 1] = { "Sec-WebSocket-Version", "13" }
    return request { headers = headers }.protocols
  end

  it("are those offered, in order, over repeated headers", function()
    assert.same({}, protocols())
    assert.same({ "chat" }, protocols "chat")
    assert.same({ "chat.v2", "chat.v1", "json" }, protocols("chat.v2,chat.v1", " json\t"))
    assert.same({ "a", "b" }, protocols("a , ,b,", ""))
  end)
end)
