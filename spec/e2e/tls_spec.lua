-- What users see of TLS in the server: settings, certificates, their renewal, who may connect and how.

local uv = require "luv"
local async = require "spec.support.async"
local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local process = require "spec.support.process"
local server = require "spec.support.server"

server.isPlain = true

local ECHO = [[
  assert(luaws.webServer:start { handler = { onRequest = function(_, web, event)
    local request = event.request
    local certificate = request.peerCertificate
    if request.path == "/reload" then return tostring(select(2, web:reloadTLS()) or "reloaded") end
    return ("%s %s %s"):format(request.headers.host and web.url:match "^%a+", request.secure,
      certificate and certificate.subject)
  end } })
  serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/chat" })
]]

local function copyFile(from, to)
  assert(uv.fs_copyfile(from, to .. ".new"))
  assert(uv.fs_rename(to .. ".new", to))
end

-- A folder with cert.pem and key.pem, and a function that puts another pair there.
local function pairFolder(pair)
  local folder = server.folder()
  local function put(other)
    copyFile(other.cert, folder .. "/cert.pem")
    copyFile(other.key, folder .. "/key.pem")
  end
  put(pair)
  return folder, put, { cert = folder .. "/cert.pem", key = folder .. "/key.pem" }
end

-- The pairs of these names, in Lua.
local function literal(...)
  local fields = {}
  for _, name in ipairs({ ... }) do
    fields[#fields + 1] = ("%s = { cert = %q, key = %q }"):format(name, certificates[name].cert, certificates[name].key)
  end
  return "{ " .. table.concat(fields, ", ") .. " }"
end

-- A web server with the setting `tls`, a piece of Lua in which with(name, more) is a pair with further fields. `body`
-- is another piece: what it answers, of `request`.
local function serveTls(tls, body)
  local s = server.start(([[
    local certificates, ca = %s, %q
    local function with(name, more)
      local all = certificates[name]
      for k, v in pairs(more or {}) do all[k] = v end
      return all
    end
    assert(luaws.webServer:start { tls = %s, handler = { onRequest = function(_, _, event)
      local request = event.request
      return tostring(%s)
    end } })
  ]]):format(literal("server", "other", "wildcard", "renewed"), certificates.ca, tls, body or "request.secure"))
  s.tls = {}
  return s
end

local function with(s, tls)
  return { port = s.port, tls = tls }
end

-- Why there was no connection; nil: there was one.
local function failure(s, tls)
  local ok, err = pcall(function()
    client.get(with(s, tls), "/")
  end)
  return not ok and err or nil
end

local function shown(s, tls)
  return client.connect(with(s, tls or {})).stream:facts().fingerprint
end

local function fingerprint(name)
  return certificates.fingerprint(certificates[name].cert)
end

describe("TLS", function()
  it("carries pages and WebSockets on one port, in versions 1.2 and 1.3", function()
    local s = server.start(ECHO, { tls = true })
    for _, version in ipairs({ "1.2", "1.3" }) do
      local to = with(s, { minVersion = version, maxVersion = version })
      local c = client.connect(to)
      assert.equal("TLSv" .. version, c.stream:facts().version)
      c:sendRequest({})
      assert.equal("https true nil", c:response().body)
      local ws = client.open(to, "/chat")
      ws:send("hello")
      assert.equal("hello", ws:receive())
      ws:close(1000)
    end
  end)

  it("serves static files", function()
    local root = server.folder({ ["index.html"] = "<title>here</title>", ["big.bin"] = ("0123456789"):rep(50000) })
    local s = server.start("assert(luaws.webServer:start {})", { tls = true, args = { "--root", root } })
    assert.equal("<title>here</title>", client.get(s, "/").body)
    assert.equal(("0123456789"):rep(50000), client.get(s, "/big.bin").body)
    assert.equal("456", client.get(s, "/big.bin", { Range = "bytes=4-6" }).body)
  end)

  it("comes byte by byte", function()
    local s = server.start(ECHO, { tls = true })
    local c = client.connect(s)
    c:write(c:requestText({ path = "/chat", headers = client.upgradeHeaders() }), true)
    client.assertUpgraded(c:response())
    c:write(client.frame({ opcode = client.TEXT, payload = "slowly" }), true)
    assert.equal("slowly", c:receive())
  end)

  it("is no version before 1.2, and with minVersion 1.3 no other", function()
    local s = server.start(ECHO, { tls = true })
    assert.truthy(failure(s, { maxVersion = "1.0" }))
    assert.truthy(failure(s, { maxVersion = "1.1" }))
    s = serveTls("with('server', { minVersion = '1.3' })")
    assert.truthy(failure(s, { maxVersion = "1.2" }))
    assert.is_nil(failure(s, {}))
    s:awaitLog("no TLS with 127.0.0.1: ")
  end)

  it("agrees on http/1.1, and on nothing else", function()
    local s = server.start(ECHO, { tls = true })
    assert.equal("http/1.1", client.connect(with(s, { alpn = { "h2", "http/1.1" } })).stream:facts().alpn)
    assert.is_nil(client.connect(with(s, {})).stream:facts().alpn)
    assert.match("no application protocol", failure(s, { alpn = { "h2" } }))
  end)

  it("uses the ciphers that it is told to", function()
    local s = serveTls("with('server', { ciphers = 'TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384' })")
    local function cipher(version) return client.connect(with(s, { maxVersion = version })).stream:facts().cipher end
    assert.equal("TLS_CHACHA20_POLY1305_SHA256", cipher("1.3"))
    assert.equal("ECDHE-ECDSA-AES256-GCM-SHA384", cipher("1.2"))
    assert.truthy(failure(s, { suites = "TLS_AES_128_GCM_SHA256", minVersion = "1.3" }))
  end)

  it("resumes sessions, in both versions and on any thread", function()
    local s = server.start(ECHO, { tls = true, ioThreads = 3 })
    for _, version in ipairs({ "1.2", "1.3" }) do
      local options = { minVersion = version, maxVersion = version }
      for i = 1, 6 do
        local c = client.connect(with(s, options))
        assert.equal(i > 1, c.stream:facts().isResumed, version)
        c:sendRequest({})
        c:response()
        options.ticket = assert(c.stream:ticket())
        c:drop()
      end
    end
  end)

  it("says to plain HTTP what it wants", function()
    local s = server.start(ECHO, { tls = true })
    for _, path in ipairs({ "/", "/chat" }) do
      local answer = client.get(s.port, path, path == "/chat" and client.upgradeHeaders() or nil)
      assert.equal(400, answer.status)
      assert.truthy(answer.body:find("https://", 1, true), answer.body)
    end
  end)

  it("takes any beginning that is none for what it is, and goes on", function()
    local s = server.start(ECHO, { tls = true })
    local open = client.open(s, "/chat")
    local c = client.connect({ port = s.port, tls = true })
    local hello = require "probe".tls.context({}):engine("localhost")
    hello:handshake()
    local bytes = hello:take()
    c:drop()
    local garbage = { "", "\0", "\22\3\1", "\22\3\1\0\5hello", ("\xff"):rep(20000), "SSH-2.0-x\r\n", bytes:sub(1, 100),
      bytes .. bytes, bytes:sub(1, 50) .. ("\0"):rep(#bytes - 50), "\22\3\1\x40\1" .. ("x"):rep(0x4001),
      "\21\3\3\0\2\2\40", "\20\3\3\0\1\1", "\23\3\3\0\5hello" }
    for i = 1, #bytes, 17 do garbage[#garbage + 1] = bytes:sub(1, i - 1) .. "\xa5" .. bytes:sub(i + 1) end
    for _, text in ipairs(garbage) do
      local raw = client.connect(s.port)
      raw:write(text)
      raw:halfClose()
      raw:readAll()
    end
    open:send("still here")
    assert.equal("still here", open:receive())
    assert.equal("https true nil", client.get(s, "/").body)
  end)

  it("is ended by close_notify from luaws, and from the client", function()
    local s = server.start(ECHO, { tls = true })
    local c = client.open(s, "/chat")
    c:close(1000) -- asserts that the EOF has one before it
    local kept = client.connect(s)
    kept:sendRequest({ headers = { Connection = "close" } })
    assert.equal(200, kept:response().status)
    kept:expectEof()
    local lost = client.open(s, "/chat")
    lost.stream.under:shutdown()
    lost:readAll()
  end)
end)

describe("secure", function()
  it("is what a trusted proxy says of its client, else what the connection is", function()
    local s = server.start([[
      assert(luaws.webServer:start { trustProxy = "127.0.0.1", handler = { onRequest = function(_, _, event)
        return event.request.remoteAddress .. " " .. tostring(event.request.secure)
      end } })
    ]], { tls = true })
    local function ask(headers) return client.get(s, "/", headers).body end
    assert.equal("127.0.0.1 true", ask())
    assert.equal("192.0.2.1 true", ask({ ["X-Forwarded-For"] = "192.0.2.1" }))
    assert.equal("192.0.2.1 true", ask({ ["X-Forwarded-For"] = "192.0.2.1", ["X-Forwarded-Proto"] = "https" }))
    assert.equal("192.0.2.1 false", ask({ ["X-Forwarded-For"] = "192.0.2.1", ["X-Forwarded-Proto"] = "http" }))
  end)

  it("pages of the same host may open a WebSocket, others may not", function()
    local s = server.start(ECHO, { tls = true })
    local host = "localhost:" .. s.port
    local function status(origin)
      return (select(2, client.handshake(s, "/chat", { Origin = origin, Host = host }))).status
    end
    assert.equal(101, status("https://localhost:" .. s.port))
    assert.equal(101, status("https://localhost"))
    assert.equal(403, status("https://elsewhere.example"))
  end)
end)

describe("the setting tls", function()
  local function complaint(tls)
    local run = server.run(([[
      local luaws = require "luaws"
      local ok, err = pcall(luaws.WebServer.new, { tls = %s })
      print(ok and "fine" or err)
    ]]):format(tls), { workers = 1 })
    assert.equal(0, run.code, run.stderr)
    return run.stdout:gsub("\n$", "")
  end

  it("is checked, and complaints name what is wrong", function()
    local at = "WebServer.new: option 'tls'"
    for tls, expected in pairs({
      ["'cert.pem'"] = at .. " must be a table with cert and key, or false, got string 'cert.pem'",
      ["true"] = at .. " must be a table with cert and key, or false, got true",
      ["{}"] = at .. ": option 'cert' is missing: the certificate, in PEM",
      ["{ cert = 'x' }"] = at .. ": option 'key' is missing: the certificate's private key",
      ["{ cert = 'x', key = 1 }"] = at .. ": option 'key' must be a string, got number 1",
      ["{ cert = '', key = 'x' }"] = at .. ": option 'cert' must be the path of a PEM file, or its text",
      ["{ cert = 'x', kee = 'x' }"] = at .. ": unknown option 'kee' (did you mean 'key'?)",
      ["{ cert = 'x', key = 'x', minVersion = 1.3 }"] =
        at .. ": option 'minVersion' must be '1.2' or '1.3', got number 1.3",
      ["{ cert = 'x', key = 'x', minVersion = '1.1' }"] =
        at .. ": option 'minVersion' must be '1.2' or '1.3', got string '1.1'",
      ["{ cert = 'x', key = 'x', verify = true }"] =
        at .. ": option 'verify' must be 'none', 'optional' or 'required', got true",
      ["{ cert = 'x', key = 'x', verify = 'required' }"] =
        at .. ": option 'verify' needs 'ca': whose signature clients' certificates must bear",
      ["{ default = {} }"] = at .. ": 'default': option 'cert' is missing: the certificate, in PEM",
      ["{ ['a.example'] = { cert = 'x' }, default = 'x' }"] = true, -- which of the two is found first isn't said
      ["{ ['192.0.2.1'] = {} }"] =
        at .. ": a client can't ask for string '192.0.2.1' (it can for 'example.com', '*.example.com')",
      ["{ ['https://a'] = {} }"] =
        at .. ": a client can't ask for string 'https://a' (it can for 'example.com', '*.example.com')",
      ["{ ['*'] = {} }"] = at .. ": a client can't ask for string '*' (it can for 'example.com', '*.example.com')",
      ["{ {} }"] = at .. ": certificates have server names, got the key number 1",
      ["{ cert = 'x', key = {} }"] = true,
      ["{ ['A.b'] = { cert = 'x', key = 'x' }, ['a.B'] = { cert = 'x', key = 'x' } }"] =
        at .. ": 'a.b' comes twice: names differ by more than upper and lower case",
      ["false"] = "fine",
      ["{ cert = 'x', key = 'x', ca = 'x', ciphers = 'x', minVersion = '1.3', verify = 'none' }"] = "fine",
      ["{ ['*.a-b.example'] = { cert = 'x', key = 'x' }, localhost = { cert = 'x', key = 'x' } }"] = "fine",
    }) do
      local said = complaint(tls)
      if expected == true then
        assert.not_equal("fine", said, tls)
      else
        assert.equal(expected, (said:gsub("^[^ ]+:%d+: ", "")), tls)
      end
    end
  end)

  it("takes paths from the script's folder on, and texts", function()
    local folder = server.folder({ ["script.lua"] = [[
      local luaws = require "luaws"
      assert(luaws.webServer:start { port = 0, tls = { cert = "tls/cert.pem", key = "tls/key.pem" } })
      local function read(name) return "\n  " .. io.open("tls/" .. name):read "a" end
      local web = luaws.WebServer.new { port = 0, tls = { cert = read "cert.pem", key = read "key.pem" } }
      assert(web:start())
      print(luaws.webServer.url, web.url)
      for _, url in ipairs { luaws.webServer.url, web.url } do assert(url:match "^https://127.0.0.1:%d+/$") end
      luaws.exit()
    ]], ["tls/cert.pem"] = certificates.text(certificates.server.cert),
        ["tls/key.pem"] = certificates.text(certificates.server.key) })
    local run = server.run(nil, { program = { folder .. "/script.lua" }, cwd = folder })
    assert.equal(0, run.code, run.stderr)
    run = server.run(nil, { program = { folder .. "/script.lua" }, cwd = "/" })
    assert.falsy(run.stderr:find("tls/cert.pem", 1, true) and run.stderr:find("can't read the", 1, true), run.stderr)
  end)

  it("shows each client the certificate of the name that it asks for", function()
    local s = serveTls([[{
      default = with("server"), ["other.example"] = with("other"), ["*.Example.com"] = with("wildcard"),
      ["b.example.com"] = with("renewed"),
    }]])
    assert.equal(fingerprint("server"), shown(s))
    assert.equal(fingerprint("server"), shown(s, { name = "127.0.0.1" })) -- an address is no name
    assert.equal(fingerprint("server"), shown(s, { name = "unknown.example", ca = false }))
    assert.equal(fingerprint("other"), shown(s, { name = "other.example" }))
    assert.equal(fingerprint("other"), shown(s, { name = "OTHER.example" }))
    assert.equal(fingerprint("wildcard"), shown(s, { name = "a.example.com" }))
    assert.equal(fingerprint("renewed"), shown(s, { name = "b.example.com", ca = false }))
    assert.equal(fingerprint("server"), shown(s, { name = "a.b.example.com", ca = false }))
    assert.equal(fingerprint("server"), shown(s, { name = "example.com", ca = false }))
  end)

  it("without a default refuses who asks for another name", function()
    local s = serveTls([[{ ["other.example"] = with("other") }]])
    assert.equal(fingerprint("other"), shown(s, { name = "other.example" }))
    assert.match("unrecognized name", failure(s, { name = "localhost" }))
    assert.match("unrecognized name", failure(s, { name = "127.0.0.1" }))
    s:awaitLog("there is no certificate for the name that the client asks for")
  end)

  it("may have rules for one name alone", function()
    local s = serveTls([[{ default = with("server"), ["other.example"] = with("other", { minVersion = "1.3" }) }]])
    assert.is_nil(failure(s, { maxVersion = "1.2" }))
    assert.truthy(failure(s, { maxVersion = "1.2", name = "other.example" }))
  end)
end)

describe("certificates of clients", function()
  local TELL = "request.peerCertificate and request.peerCertificate.subject or 'nobody'"

  local function who(s, tls)
    return client.get(with(s, tls), "/").body
  end

  -- TLS 1.3 tells the client only after its handshake.
  local function refused(s, tls)
    for _, version in ipairs({ "1.2", "1.3" }) do
      local all = { maxVersion = version }
      for name, value in pairs(tls) do all[name] = value end
      assert.truthy(failure(s, all), version)
    end
  end

  it("are not asked for unless the settings say so", function()
    assert.equal("nobody", who(serveTls("with('server')", TELL), certificates.client))
    assert.equal("nobody", who(serveTls("with('server', { ca = ca, verify = 'none' })", TELL),
      certificates.client))
  end)

  it("may be left out when they are optional, but not be bad", function()
    local s = serveTls("with('server', { ca = ca, verify = 'optional' })", TELL)
    assert.equal("nobody", who(s, {}))
    assert.equal("CN=client,O=Specs", who(s, certificates.client))
    refused(s, certificates.stranger)
    refused(s, certificates.expired)
    refused(s, certificates.future)
    refused(s, certificates.selfSigned)
  end)

  it("are required with ca alone", function()
    local s = serveTls("with('server', { ca = io.open(ca):read 'a' })", TELL)
    assert.equal("CN=client,O=Specs", who(s, certificates.client))
    refused(s, {})
    refused(s, certificates.stranger)
    assert.equal("CN=client,O=Specs", who(s, certificates.client))
  end)

  it("are described to the script, for requests and WebSockets, also after a resumption", function()
    local s = serveTls("with('server', { ca = ca })", [[(function()
      local lines = {}
      for name, value in pairs(request.peerCertificate) do lines[#lines + 1] = name .. "=" .. value end
      table.sort(lines)
      return table.concat(lines, "\n")
    end)()]])
    local options = { cert = certificates.client.cert, key = certificates.client.key }
    local bodies = {}
    for i = 1, 2 do
      local c = client.connect(with(s, options))
      assert.equal(i == 2, c.stream:facts().isResumed)
      c:sendRequest({})
      bodies[i] = c:response().body
      options.ticket = c.stream:ticket()
    end
    assert.equal(bodies[1], bodies[2])
    local text = certificates.text(certificates.client.cert)
    local serial = process.run("openssl", { "x509", "-in", certificates.client.cert, "-noout", "-serial" }).stdout
    local body = bodies[1]
    assert.truthy(body:find("fingerprint256=" .. fingerprint("client"), 1, true), body)
    assert.truthy(body:find("issuer=CN=Authority,O=Specs", 1, true), body)
    assert.truthy(body:find("subject=CN=client,O=Specs", 1, true), body)
    assert.truthy(body:find("subjectAltName=email:client@example.com", 1, true), body)
    assert.truthy(body:find("serialNumber=" .. serial:match("=(%x+)"), 1, true), body)
    assert.truthy(body:match("validFrom=%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ\n"), body)
    assert.truthy(body:match("validTo=%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$"), body)
    assert.truthy(body:find("pem=" .. text, 1, true), body)
  end)
end)

describe("certificates", function()
  -- The certificate in use changes between these.
  local function startWith(folder, options)
    options = options or {}
    options.args = { "--tls-cert", folder .. "/cert.pem", "--tls-key", folder .. "/key.pem" }
    local s = server.start(ECHO, options)
    s.tls = {}
    return s
  end

  for name, reload in pairs({
    ["by web:reloadTLS()"] = function(s) return client.get(s, "/reload").body end,
    ["on SIGHUP"] = function(s)
      local _, before = s.stderr:gsub("the certificates ", "")
      s:signalProcess("sighup")
      async.eventually(function() return select(2, s.stderr:gsub("the certificates ", "")) > before end)
      return s.stderr:match(".*the certificates ([^\n]*)\n"):match("^in use stay: (.*)") or "reloaded"
    end,
  }) do
    it("are read again " .. name .. "; a bad pair leaves the old one; open connections notice nothing", function()
      local folder, put = pairFolder(certificates.server)
      local s = startWith(folder)
      local old = client.open(s, "/chat")
      put(certificates.renewed)
      assert.equal(fingerprint("server"), shown(s)) -- not by itself
      assert.equal("reloaded", reload(s))
      assert.equal(fingerprint("renewed"), shown(s))
      for bad, why in pairs({ mismatched = "key", expired = "expired", future = "not yet valid" }) do
        put(certificates[bad])
        local said = reload(s)
        assert.truthy(said:find(why, 1, true), said)
        assert.truthy(said:find(folder, 1, true), said)
        assert.equal(fingerprint("renewed"), shown(s))
      end
      put(certificates.server)
      os.remove(folder .. "/key.pem")
      assert.truthy(reload(s):find("key.pem", 1, true))
      put(certificates.other)
      assert.equal("reloaded", reload(s))
      assert.equal(fingerprint("other"), shown(s, { name = "other.example" }))
      old:send("still the same")
      assert.equal("still the same", old:receive())
      old:close(1000)
    end)
  end

  it("are read again by one of several workers, for all threads", function()
    local folder, put = pairFolder(certificates.server)
    local s = startWith(folder, { workers = 3, ioThreads = 3 })
    put(certificates.renewed)
    s:signalProcess("sighup")
    s:awaitLog("the certificates have been read again")
    for _ = 1, 12 do assert.equal(fingerprint("renewed"), shown(s)) end
    s:signalProcess("sighup")
    async.eventually(function() return select(2, s.stderr:gsub("have been read again", "")) >= 2 end)
    s:stop()
    assert.equal(2, select(2, s.stderr:gsub("have been read again", "")), s.stderr)
  end)

  it("of several web servers stand each alone", function()
    local first, putFirst, one = pairFolder(certificates.server)
    local _, putSecond, two = pairFolder(certificates.server)
    local s = server.start(([[
      for _, tls in ipairs { { cert = %q, key = %q }, { cert = %q, key = %q } } do
        local web = luaws.WebServer.new { port = 0, tls = tls }
        assert(web:start())
        say(web.port)
      end
      assert(luaws.WebServer.new({ port = 0 }):start())
    ]]):format(one.cert, one.key, two.cert, two.key), { workers = 1 })
    local ports = { tonumber(s:line()), tonumber(s:line()) }
    putFirst(certificates.mismatched)
    putSecond(certificates.renewed)
    s:signalProcess("sighup")
    s:awaitLog("the certificates have been read again")
    s:awaitLog("the certificates in use stay: ")
    assert.equal(fingerprint("server"), shown({ port = ports[1] }))
    assert.equal(fingerprint("renewed"), shown({ port = ports[2] }))
    assert.truthy(s.stderr:find(first, 1, true))
  end)

  it("can be others when a running web server is started again, but TLS comes and goes only by a stop", function()
    local s = server.start(([[
      local certificates = %s
      local web = luaws.WebServer.new { port = 0, tls = certificates.server,
        handler = { onRequest = function(_, web, event)
          local path = event.request.path:sub(2)
          return tostring(select(2, web:start { tls = certificates[path] or false }) or "started")
        end } }
      assert(web:start())
      say(web.port)
      local plain = luaws.WebServer.new { port = 0 }
      assert(plain:start())
      say((select(2, plain:start { tls = certificates.server }):gsub("%%d+", "N")))
      say((select(2, plain:reloadTLS()):gsub("%%d%%d%%d+", "N")))
      plain:stop()
      say((select(2, plain:reloadTLS()):gsub("%%d%%d%%d+", "N")))
      say(plain:start { tls = certificates.server }, (plain.url:gsub("%%d%%d%%d+", "N")))
    ]]):format(literal("server", "renewed", "mismatched")), { workers = 1 })
    s.port, s.tls = tonumber(s:line()), {}
    s:expectLines("already running on http://N.N.N.N:N/",
      "http://N.0.0.1:N/ has no certificates: it doesn't speak TLS", "http://N.0.0.1:0/ is not running",
      "true https://N.0.0.1:N/")
    assert.equal("started", client.get(s, "/renewed").body)
    assert.equal(fingerprint("renewed"), shown(s))
    assert.truthy(client.get(s, "/mismatched").body:find("key", 1, true))
    assert.equal(fingerprint("renewed"), shown(s))
    assert.equal("started", client.get(s, "/server").body)
    assert.equal(fingerprint("server"), shown(s))
    assert.truthy(client.get(s, "/none").body:find("already running on https://", 1, true))
  end)
end)

describe("the command line", function()
  local SERVER = [[
    local luaws = require "luaws"
    luaws.WebSocketServer.new({ onConnection = function() end }, { path = "/chat" })
  ]]

  local function run(...)
    local folder = server.folder({ ["script.lua"] = SERVER })
    local arguments = { "--port", "0", ... }
    arguments[#arguments + 1] = folder .. "/script.lua"
    return server.run(nil, { program = arguments })
  end

  it("--tls-cert and --tls-key have the last word, from the working directory on", function()
    local folder = pairFolder(certificates.renewed)
    local s = server.start(([[
      luaws.webServer:start { tls = { cert = %q, key = %q } }
      serve({ onMessage = print }, { path = "/chat" })
      say(luaws.webServer.url, luaws.webServer)
    ]]):format(certificates.server.cert, certificates.server.key),
      { cwd = folder, args = { "--tls-cert", "cert.pem", "--tls-key=key.pem" } })
    assert.equal(fingerprint("renewed"), shown(s))
    local url = ("https://127.0.0.1:%d/"):format(s.port)
    s:expectLines(("%s WebServer: %s (running)"):format(url, url))
    assert.truthy(s.stderr:find(("luaws: serving wss://127.0.0.1:%d/chat\n"):format(s.port), 1, true), s.stderr)
  end)

  it("--tls-self-signed makes a certificate and tells its fingerprint", function()
    local s = server.start(ECHO, { args = { "--tls-self-signed" } })
    local c = client.connect(with(s, { ca = false }))
    local facts = c.stream:facts()
    assert.truthy(s.stderr:find("SHA-256 fingerprint is " .. facts.fingerprint .. "\n", 1, true), s.stderr)
    assert.truthy(s.stderr:find("--insecure", 1, true))
    assert.equal("https true nil", client.get(with(s, { ca = false }), "/").body)
    assert.equal("reloaded", client.get(with(s, { ca = false }), "/reload").body) -- the same again
    assert.equal(facts.fingerprint, shown(s, { ca = false }))
    local other = server.start(ECHO, { args = { "--tls-self-signed" } })
    assert.not_equal(facts.fingerprint, shown(other, { ca = false }))
  end)

  it("refuses half of a pair, and both kinds at once", function()
    for _, arguments in ipairs({ { "--tls-cert", "x" }, { "--tls-key", "x" },
      { "--tls-cert", "x", "--tls-key", "x", "--tls-self-signed" } }) do
      local child = run(table.unpack(arguments))
      assert.equal(2, child.code)
      assert.truthy(child.stderr:find("--tls-", 1, true), child.stderr)
    end
  end)

  it("names a bad certificate or key, and ends with 1", function()
    local folder = server.folder({ ["empty.pem"] = "", ["text.pem"] = "no certificate\n",
      ["half.pem"] = certificates.text(certificates.server.cert):sub(1, 300) })
    local cert, key = certificates.server.cert, certificates.server.key
    for _, case in ipairs({
      { folder .. "/none.pem", key, "none.pem", "No such file" },
      { cert, folder .. "/none.key", "none.key", "No such file" },
      { folder, key, folder },
      { folder .. "/empty.pem", key, "empty.pem", "PEM" },
      { folder .. "/text.pem", key, "text.pem", "PEM" },
      { folder .. "/half.pem", key, "half.pem" },
      { key, key, key, "certificate" },
      { cert, cert, cert, "key" },
      { certificates.mismatched.cert, certificates.mismatched.key, certificates.mismatched.key, "key" },
      { certificates.expired.cert, certificates.expired.key, certificates.expired.cert, "expired" },
      { certificates.future.cert, certificates.future.key, certificates.future.cert, "not yet valid" },
      { cert, certificates.encrypted.key, certificates.encrypted.key, "password" },
    }) do
      local child = run("--tls-cert", case[1], "--tls-key", case[2])
      assert.equal(1, child.code, child.stderr)
      for i = 3, #case do assert.truthy(child.stderr:find(case[i], 1, true), case[i] .. ": " .. child.stderr) end
    end
  end)

  it("an unreadable key is named", function()
    if uv.getuid() == 0 then pending("root reads everything") end
    local folder = pairFolder(certificates.server)
    assert(uv.fs_chmod(folder .. "/key.pem", 0))
    local child = run("--tls-cert", folder .. "/cert.pem", "--tls-key", folder .. "/key.pem")
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("key.pem: ", 1, true), child.stderr)
  end)
end)

describe("other programs", function()
  local function isMissing(program)
    return process.run("/bin/sh", { "-c", "command -v " .. program }).code ~= 0
  end

  local function shell(text, ...)
    return process.run("/bin/sh", { "-c", text, "sh", ... }, 60)
  end

  it("openssl s_client sees version, ALPN and resumption", function()
    local s = server.start(ECHO, { tls = true })
    local script = [[
      folder=$1 port=$2 ca=$3; shift 3
      printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:$port -servername localhost -CAfile "$ca" -verify_return_error \
          -alpn http/1.1 -ign_eof "$@" 2>&1
    ]]
    for version, name in pairs({ ["-tls1_2"] = "TLSv1.2", ["-tls1_3"] = "TLSv1.3" }) do
      local ticket = server.folder() .. "/session"
      local first = shell(script, "-", tostring(s.port), certificates.ca, version, "-sess_out", ticket).stdout
      assert.truthy(first:find("New, " .. name .. ", Cipher is ", 1, true), first)
      assert.truthy(first:find("ALPN protocol: http/1.1", 1, true), first)
      assert.truthy(first:find("Verification: OK", 1, true), first)
      assert.truthy(first:find("https true nil", 1, true), first)
      local second = shell(script, "-", tostring(s.port), certificates.ca, version, "-sess_in", ticket).stdout
      assert.truthy(second:find("Reused, " .. name, 1, true), second)
    end
  end)

  it("curl asks over https", function()
    if isMissing("curl") then pending("curl is not installed") end
    local s = server.start(ECHO, { tls = true })
    local run = process.run("curl", { "--silent", "--show-error", "--cacert", certificates.ca,
      ("https://localhost:%d/"):format(s.port) })
    assert.equal(0, run.code, run.stderr)
    assert.equal("https true nil", run.stdout)
    run = process.run("curl", { "--silent", ("https://localhost:%d/"):format(s.port) })
    assert.equal(60, run.code) -- it doesn't know the authority
    s = server.start(ECHO, { args = { "--tls-self-signed" } })
    assert.equal("https true nil",
      process.run("curl", { "--silent", "--insecure", ("https://127.0.0.1:%d/"):format(s.port) }).stdout)
  end)

  it("sslscan finds no weak version, cipher or feature", function()
    if isMissing("sslscan") then pending("sslscan is not installed") end
    local s = server.start(ECHO, { tls = true })
    local run = process.run("sslscan", { "--no-colour", "--xml=-", "127.0.0.1:" .. s.port }, 60)
    local xml = run.stdout
    local versions, ciphers = {}, 0
    for kind, version, isOn in xml:gmatch('<protocol type="(%a+)" version="([%d.]+)" enabled="(%d)"') do
      versions[kind .. version] = isOn
    end
    assert.same({ ssl2 = "0", ssl3 = "0", ["tls1.0"] = "0", ["tls1.1"] = "0", ["tls1.2"] = "1", ["tls1.3"] = "1" },
      versions, xml)
    for version, cipher in xml:gmatch('<cipher [^>]*sslversion="TLSv([%d.]+)"[^>]*cipher="([^"]+)"') do
      ciphers = ciphers + 1
      local isStrong = version == "1.3" or cipher:match("^ECDHE%-.*GCM") or cipher:match("^ECDHE%-.*CHACHA20")
      assert.truthy(isStrong, version .. " " .. cipher)
    end
    assert.is_true(ciphers >= 4, xml)
    assert.falsy(xml:find('strength="weak"', 1, true) or xml:find('strength="null"', 1, true)
      or xml:find('strength="anonymous"', 1, true), xml)
    assert.truthy(xml:find('<renegotiation supported="0"', 1, true), xml)
    assert.falsy(xml:find('<compression supported="1"', 1, true), xml)
    assert.falsy(xml:find('vulnerable="1"', 1, true), xml)
  end)
end)
