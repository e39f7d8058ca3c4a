-- trustProxy: who a client is behind a proxy, and that nobody else may say so.

local uv = require "luv"
local async = require "spec.support.async"
local client = require "spec.support.client"
local markdown = require "spec.support.markdown"
local server = require "spec.support.server"

server.isPlain = true

local FORGED = { ["X-Forwarded-For"] = "192.0.2.1", ["X-Forwarded-Proto"] = "https" }

-- Answers each request, and each message, with who it thinks the client is. `settings` of the web server, `options`
-- of the WebSocket server at /ws.
local function start(settings, options, startOptions)
  return server.start(([[
    local function tell(request)
      return ("%%s %%d %%s"):format(request.remoteAddress, request.remotePort, request.secure)
    end
    assert(luaws.webServer:start { handler = { onRequest = function(_, web, event)
      if event.request.path == "/trust" then
        assert(web:start(assert(load("return " .. event.request.body))()))
      end
      return tell(event.request)
    end }, %s })
    serve(nil, { path = "/ws", %s }, { onConnection = function(_, _, event)
      local said = tell(event.request)
      return { onMessage = function(_, ws) ws:send(ws.remoteAddress .. " " .. said) end }
    end })
  ]]):format(settings or "", options or ""), startOptions)
end

local function asked(c, headers)
  c:sendRequest({ headers = headers })
  return c:response().body
end

local function trust(s, settings)
  assert.equal(200, client.request(s, { method = "POST", path = "/trust", body = settings }).status)
end

describe("without trustProxy", function()
  it("nothing that a client says about its address is believed", function()
    local s = start()
    local c = client.connect(s)
    local port = c.stream:getsockname().port
    local own = ("127.0.0.1 %d false"):format(port)
    assert.equal(own, asked(c))
    for name, value in pairs({
      ["X-Forwarded-For"] = "192.0.2.1", ["X-Forwarded-Proto"] = "https", ["X-Real-IP"] = "192.0.2.1",
      Forwarded = "for=192.0.2.1;proto=https", ["X-Forwarded-Port"] = "1", ["X-Forwarded-Host"] = "example.com",
    }) do
      assert.equal(own, asked(c, { [name] = value }), name)
    end
  end)
end)

describe("trustProxy", function()
  it("lets a proxy tell each request's address and scheme", function()
    local s = start("trustProxy = '127.0.0.1'")
    local c = client.connect(s)
    assert.equal("192.0.2.1 0 true", asked(c, FORGED))
    assert.equal("2001:db8::1 443 false",
                 asked(c, { ["X-Forwarded-For"] = { "6.6.6.6", "[2001:DB8::1]:443, 127.0.0.1" } }))
    local port = c.stream:getsockname().port
    assert.equal(("127.0.0.1 %d false"):format(port), asked(c)) -- the next request is another client's
    assert.equal(("127.0.0.1 %d false"):format(port),
                 asked(c, { Forwarded = "for=192.0.2.1;proto=https", ["X-Real-IP"] = "192.0.2.1" }))
  end)

  it("lets it tell a connection's", function()
    local s = start("trustProxy = { '10.0.0.0/8', '127.0.0.0/24' }")
    local c = client.open(s, "/ws", FORGED)
    c:send("who?")
    assert.equal("192.0.2.1 192.0.2.1 0 true", c:receive())
  end)

  it("believes nobody else, in whatever they say", function()
    local s = start("trustProxy = { '127.0.0.1', '192.0.2.0/24', '::1' }")
    local function own(c) return ("127.0.0.2 %d false"):format(c.stream:getsockname().port) end
    local c = client.connectFrom("127.0.0.2", s)
    assert.equal(own(c), asked(c, FORGED))
    assert.equal(own(c), asked(c, { ["X-Forwarded-For"] = "127.0.0.1" }))
    local ws = client.connectFrom("127.0.0.2", s)
    local headers = client.upgradeHeaders(FORGED)
    headers.Host = ws.host
    ws:sendRequest({ path = "/ws", headers = headers })
    assert.equal(101, ws:response().status)
    ws:send("who?")
    assert.equal("127.0.0.2 " .. own(ws), ws:receive())
  end)

  it("works over unix sockets", function()
    local path = server.folder() .. "/socket"
    local function who(trusted)
      local s = start("trustProxy = " .. trusted, nil, { noPort = true, args = { "--host", "unix:" .. path } })
      local answers = { client.get(path, "/", FORGED).body, client.get(path, "/").body }
      s:stop()
      return answers
    end
    assert.same({ "192.0.2.1 0 true", " 0 false" }, who("'unix:'"))
    assert.same({ " 0 false", " 0 false" }, who("{ '0.0.0.0/0', '::/0' }"))
  end)

  it("is what maxConnectionsPerAddress counts", function()
    local s = start("trustProxy = '127.0.0.1'", "maxConnectionsPerAddress = 2")
    local function open(address)
      local c, answer = client.handshake(s, "/ws", { ["X-Forwarded-For"] = address })
      return answer.status, c
    end
    local status, first = open("192.0.2.1")
    assert.equal(101, status)
    assert.equal(101, (open("::ffff:192.0.2.1, 127.0.0.1"))) -- the same address
    assert.equal(429, (open("192.0.2.1:99")))
    assert.equal(101, (open("192.0.2.2")))
    first:close(1000)
    async.eventually(function() return open("6.6.6.6, 192.0.2.1") == 101 end, nil, "a place to be free")
    assert.equal(429, (open("192.0.2.1")))
  end)

  it("doesn't let an untrusted client slip past maxConnectionsPerAddress", function()
    local s = start(nil, "maxConnectionsPerAddress = 1")
    local kept = client.open(s, "/ws", { ["X-Forwarded-For"] = "192.0.2.1" })
    local _, answer = client.handshake(s, "/ws", { ["X-Forwarded-For"] = "192.0.2.2" })
    assert.equal(429, answer.status)
    kept:close(1000)
  end)

  for _, threads in ipairs({ {}, { ioThreads = 2 } }) do
    it(("changes on a running server (%d I/O threads)"):format(threads.ioThreads or 1), function()
      local s = start(nil, nil, threads)
      local function believed()
        for _ = 1, 8 do -- whichever thread it is
          local body = client.get(s, "/", FORGED).body
          if body ~= "192.0.2.1 0 true" then return false, body end
        end
        return true
      end
      assert.is_false((believed()))
      trust(s, "{ trustProxy = { '127.0.0.1' } }")
      assert.is_true(believed())
      trust(s, "{ keepAliveTimeout = 3 }") -- stays as it was
      assert.is_true(believed())
      trust(s, "{ trustProxy = { '::1' } }")
      assert.is_false((believed()))
      trust(s, "{ trustProxy = '127.0.0.1' }")
      assert.is_true(believed())
      trust(s, "{ trustProxy = false }")
      assert.is_false((believed()))
      trust(s, "{ trustProxy = {} }")
      assert.is_false((believed()))
    end)
  end

  it("must be addresses and ranges", function()
    local child = server.run([[
      local luaws = require "luaws"
      for _, bad in ipairs { "localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80" } do
        print(select(2, pcall(function() luaws.WebServer.new { trustProxy = { "::1", bad } } end)))
      end
      print(select(2, pcall(function() luaws.webServer:start { trustProxy = 42 } end)))
    ]])
    local lines = {}
    for line in child.stdout:gmatch("[^\n]+") do lines[#lines + 1] = line:match("^%S+script%.lua:%d: (.*)$") end
    local option = "WebServer.new: option 'trustProxy'"
    assert.same({
      option .. ": 'localhost' is no address (like 10.0.0.1, 10.0.0.0/8, 2001:db8::/32 or unix:)",
      option .. ": '10.0.0.1/8' is no range: bits behind its prefix are set",
      option .. ": '10.0.0.0/33' has a bad prefix: 0 to 32 bits",
      option .. ": '10.0.0.1:80' is no address (like 10.0.0.1, 10.0.0.0/8, 2001:db8::/32 or unix:)",
      "start: option 'trustProxy' must be an array of strings, or false, got number 42",
    }, lines, child.stdout .. child.stderr)
  end)
end)

describe("the configuration of nginx in docs/api.md", function()
  local NGINX = "/usr/sbin/nginx"
  local WRAP = [[
    daemon off; worker_processes 1; pid %s/nginx.pid; error_log %s/error.log;
    events { worker_connections 64; }
    http {
      access_log off;
      client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
      %s
    }
  ]]

  local function snippet()
    for _, block in ipairs(markdown.read("docs/api.md").blocks) do
      if block.info == "nginx" then return block.text end
    end
  end

  -- On a socket that is bound here already: nginx takes it over.
  local function startNginx(s)
    local tcp = uv.new_tcp()
    tcp:bind("127.0.0.1", 0)
    tcp:listen(16, function() end)
    local port = tcp:getsockname().port
    local own = snippet():gsub("listen 443 ssl;", ("listen 127.0.0.1:%d;"):format(port)):gsub("ssl_[^;]+;", "")
      :gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. s.port)
    local folder = server.folder()
    local file = assert(io.open(folder .. "/nginx.conf", "w"))
    file:write(WRAP:format(folder, folder, folder, folder, folder, folder, folder, own))
    file:close()
    local ended = false
    local handle
    handle = uv.spawn(NGINX, {
      args = { "-p", folder, "-e", folder .. "/error.log", "-c", folder .. "/nginx.conf" }, env = { "NGINX=3;" },
      stdio = { nil, nil, 2, tcp },
    }, function() ended = true handle:close() end)
    tcp:close()
    async.defer(function()
      handle:kill("sigterm")
      async.eventually(function() return ended end, nil, "the end of nginx")
    end)
    return { port = port }
  end

  it("tells who the client is, over HTTP and WebSocket, whatever the client says", function()
    if not uv.fs_stat(NGINX) then return pending "nginx isn't installed" end
    local s = start("trustProxy = '127.0.0.1'")
    local proxy = startNginx(s)
    assert.equal("127.0.0.1 0 false", client.get(proxy, "/").body)
    local c = client.connectFrom("127.0.0.3", proxy)
    assert.equal("127.0.0.3 0 false", asked(c, FORGED))
    local ws = client.connectFrom("127.0.0.3", proxy)
    local headers = client.upgradeHeaders({ ["X-Forwarded-For"] = "192.0.2.1", Origin = "http://" .. ws.host })
    ws:sendRequest({ path = "/ws", headers = headers })
    assert.equal(101, ws:response().status)
    ws:send("who?")
    assert.equal("127.0.0.3 127.0.0.3 0 false", ws:receive())
  end)
end)
