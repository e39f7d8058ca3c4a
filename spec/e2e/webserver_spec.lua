-- luaws.webServer and WebServer.new: pages, requests, addresses, start and stop.

local uv = require "luv"
local async = require "spec.support.async"
local client = require "spec.support.client"
local server = require "spec.support.server"

-- A server of the static files of a folder, with these further settings.
local function static(files, settings)
  local root = server.folder(files)
  local s = server.start(([[
    assert(luaws.webServer:start { root = %q, %s })
    serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/ws" })
  ]]):format(root, settings or ""))
  return s, root
end

describe("static files", function()
  it("come with type, length, validators and date", function()
    local s = static({ ["a.txt"] = "hello\n" })
    local answer = client.get(s, "/a.txt")
    assert.equal(200, answer.status)
    assert.equal("hello\n", answer.body)
    assert.equal("6", answer.headers["content-length"])
    assert.equal("text/plain; charset=utf-8", answer.headers["content-type"]:lower())
    assert.truthy(answer.headers.etag:match('^"[^"]+"$'))
    assert.truthy(answer.headers["last-modified"]:match("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$"))
    assert.truthy(answer.headers.date:match("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$"))
    assert.equal("nosniff", answer.headers["x-content-type-options"])
    assert.equal("bytes", answer.headers["accept-ranges"])
  end)

  it("have the type of their extension", function()
    local types = {
      ["a.html"] = "text/html; charset=utf-8", ["a.css"] = "text/css; charset=utf-8",
      ["a.js"] = "text/javascript; charset=utf-8", ["a.mjs"] = "text/javascript; charset=utf-8",
      ["a.json"] = "application/json", ["a.svg"] = "image/svg+xml", ["a.png"] = "image/png",
      ["a.jpg"] = "image/jpeg", ["a.wasm"] = "application/wasm", ["a.woff2"] = "font/woff2",
      ["A.HTML"] = "text/html; charset=utf-8", ["a.unheard"] = "application/octet-stream",
      ["noextension"] = "application/octet-stream",
    }
    local files = {}
    for name in pairs(types) do files[name] = name end
    local s = static(files)
    for name, kind in pairs(types) do
      local answer = client.get(s, "/" .. name)
      assert.equal(name, answer.body)
      assert.equal(kind, answer.headers["content-type"], name)
    end
  end)

  it("are found by decoded paths, with a query or none", function()
    local s = static({ ["with space.txt"] = "1", ["grün.txt"] = "2", ["sub/b.txt"] = "3", ["100%.txt"] = "4" })
    assert.equal("1", client.get(s, "/with%20space.txt").body)
    assert.equal("2", client.get(s, "/gr%C3%BCn.txt?x=1").body)
    assert.equal("3", client.get(s, "/sub/b.txt").body)
    assert.equal("3", client.get(s, "/s%75b/b.txt").body)
    assert.equal("4", client.get(s, "/100%25.txt").body)
    assert.equal(404, client.get(s, "/with+space.txt").status)
    assert.equal(400, client.get(s, "/100%.txt").status)
  end)

  it("of a folder are its index.html; without the slash comes a redirect", function()
    local s = static({ ["index.html"] = "root", ["sub/index.html"] = "sub", ["empty/x.txt"] = "x" })
    assert.equal("root", client.get(s, "/").body)
    assert.equal("root", client.get(s, "/?a=b").body)
    assert.equal("sub", client.get(s, "/sub/").body)
    local answer = client.get(s, "/sub?x=1")
    assert.is_true(answer.status == 301 or answer.status == 302 or answer.status == 308)
    assert.equal("/sub/?x=1", answer.headers.location)
    assert.equal(404, client.get(s, "/empty/").status)
  end)

  it("that are not there are 404", function()
    local s = static({ ["a.txt"] = "a" })
    for _, path in ipairs({ "/b.txt", "/a.txt/", "/a.txt/b", "/sub/a.txt", "/A.TXT", "/index.html", "/" }) do
      assert.equal(404, client.get(s, path).status, path)
    end
  end)

  it("are changed on the disk from one request to the next", function()
    local s, root = static({ ["a.txt"] = "old" })
    local old = client.get(s, "/a.txt")
    assert.equal("old", old.body)
    local file = io.open(root .. "/a.txt", "w")
    file:write("newer")
    file:close()
    local new = client.get(s, "/a.txt")
    assert.equal("newer", new.body)
    assert.not_equal(old.headers.etag, new.headers.etag)
    os.remove(root .. "/a.txt")
    assert.equal(404, client.get(s, "/a.txt").status)
  end)

  it("answer HEAD like GET, without the body", function()
    local s = static({ ["a.txt"] = "hello", ["index.html"] = "i" })
    local c = client.connect(s)
    c:sendRequest({ method = "HEAD", path = "/a.txt" })
    local answer = c:response("HEAD")
    assert.equal(200, answer.status)
    assert.equal("5", answer.headers["content-length"])
    c:sendRequest({ path = "/a.txt" }) -- the connection is in step
    assert.equal("hello", c:response().body)
    c:sendRequest({ method = "HEAD", path = "/none" })
    assert.equal(404, c:response("HEAD").status)
    c:sendRequest({ path = "/" })
    assert.equal("i", c:response().body)
  end)

  it("refuse any other method with 405 and Allow", function()
    local s = static({ ["a.txt"] = "hello" })
    for _, method in ipairs({ "POST", "PUT", "DELETE", "OPTIONS" }) do
      local answer = client.request(s, { method = method, path = "/a.txt", body = "x" })
      assert.equal(405, answer.status, method)
      assert.truthy(answer.headers.allow:match("GET") and answer.headers.allow:match("HEAD"))
    end
    assert.equal(404, client.request(s, { method = "POST", path = "/none" }).status)
  end)

  it("large ones arrive whole, also to a slow reader", function()
    local text = {}
    for i = 1, 300000 do text[i] = ("%07d\n"):format(i) end
    text = table.concat(text)
    local s = static({ ["large.txt"] = text })
    local c = client.connect(s)
    c:sendRequest({ path = "/large.txt" })
    c:pause()
    assert.equal(200, client.get(s, "/large.txt").status)
    c:resume()
    assert.is_true(c:response().body == text)
    local c2 = client.connect(s)
    c2:sendRequest({ method = "HEAD", path = "/large.txt" })
    assert.equal(tostring(#text), c2:response("HEAD").headers["content-length"])
    local empty = static({ ["empty.txt"] = "" })
    local answer = client.get(empty, "/empty.txt")
    assert.same({ 200, "", "0" }, { answer.status, answer.body, answer.headers["content-length"] })
  end)
end)

describe("a file that shrinks while it is sent", function()
  it("ends its connection, so that nobody takes the part for the whole", function()
    local s, root = static({ ["large.bin"] = ("x"):rep(40000000), ["a.txt"] = "a" })
    local c = client.connect(s)
    c:sendRequest({ path = "/large.bin" })
    c:readUntil("\r\n\r\n")
    c:pause()
    local file = assert(uv.fs_open(root .. "/large.bin", "r+", 0))
    assert(uv.fs_ftruncate(file, 1000))
    uv.fs_close(file)
    c:resume()
    assert.is_true(#c:readAll() < 40000000)
    assert.equal("a", client.get(s, "/a.txt").body)
  end)
end)

describe("conditional requests", function()
  it("are answered with 304 while nothing has changed", function()
    local s = static({ ["a.txt"] = "hello" })
    local first = client.get(s, "/a.txt")
    for _, headers in ipairs({
      { ["If-None-Match"] = first.headers.etag },
      { ["If-None-Match"] = '"other", W/' .. first.headers.etag },
      { ["If-None-Match"] = "*" },
      { ["If-Modified-Since"] = first.headers["last-modified"] },
    }) do
      local answer = client.get(s, "/a.txt", headers)
      assert.equal(304, answer.status)
      assert.equal(first.headers.etag, answer.headers.etag)
    end
    assert.equal(200, client.get(s, "/a.txt", { ["If-None-Match"] = '"other"' }).status)
    assert.equal(200, client.get(s, "/a.txt", {
      ["If-None-Match"] = '"other"', ["If-Modified-Since"] = first.headers["last-modified"],
    }).status)
    assert.equal(412, client.get(s, "/a.txt", { ["If-Match"] = '"other"' }).status)
  end)
end)

describe("ranges", function()
  local BODY = "0123456789"
  local ROWS = {
    { "bytes=0-3", "0123", "bytes 0-3/10" }, { "bytes=4-", "456789", "bytes 4-9/10" },
    { "bytes=-3", "789", "bytes 7-9/10" }, { "bytes=0-0", "0", "bytes 0-0/10" },
    { "bytes=5-100", "56789", "bytes 5-9/10" }, { "bytes=-100", BODY, "bytes 0-9/10" },
  }

  it("give a part with 206", function()
    local s = static({ ["a.txt"] = BODY })
    for _, row in ipairs(ROWS) do
      local answer = client.get(s, "/a.txt", { Range = row[1] })
      assert.same({ 206, row[2], row[3] }, { answer.status, answer.body, answer.headers["content-range"] })
    end
  end)

  it("that can't be give 416, malformed or several ones the whole file", function()
    local s = static({ ["a.txt"] = BODY })
    for _, range in ipairs({ "bytes=10-", "bytes=20-30", "bytes=-0" }) do
      local answer = client.get(s, "/a.txt", { Range = range })
      assert.equal(416, answer.status, range)
      assert.equal("bytes */10", answer.headers["content-range"])
    end
    for _, range in ipairs({
      "bytes=3-1", "bytes=a-b", "lines=0-1", "bytes=", "bytes=0-1,3-4", "bytes=99999999999999999999-",
    }) do
      local answer = client.get(s, "/a.txt", { Range = range })
      assert.is_true(answer.status == 200 and answer.body == BODY or answer.status == 416, range)
    end
  end)

  it("respect If-Range, and don't count for HEAD's body", function()
    local s = static({ ["a.txt"] = BODY })
    local etag = client.get(s, "/a.txt").headers.etag
    assert.equal(206, client.get(s, "/a.txt", { Range = "bytes=0-1", ["If-Range"] = etag }).status)
    assert.equal(200, client.get(s, "/a.txt", { Range = "bytes=0-1", ["If-Range"] = '"other"' }).status)
  end)
end)

describe("the root folder", function()
  it("is never left, by whatever path", function()
    local s, root = static({ ["a.txt"] = "a", ["sub/b.txt"] = "b" })
    local outside = server.folder({ ["secret.txt"] = "top secret" })
    local name = outside:match("[^/]+$")
    for _, path in ipairs({
      "/../" .. name .. "/secret.txt", "/sub/../../" .. name .. "/secret.txt", "/%2e%2e/" .. name .. "/secret.txt",
      "/%2e%2e%2f" .. name .. "%2fsecret.txt", "/..%2f" .. name .. "/secret.txt", "//" .. outside .. "/secret.txt",
      "/" .. outside .. "/secret.txt", "/sub/..", "/..", "/.", "/./a.txt", "/sub/./b.txt", "/sub//b.txt",
      "/..\\" .. name .. "\\secret.txt", "/a.txt%00", "/a.txt%00.html", "/sub/%2e%2e/a.txt", "/%2e/a.txt",
      "/%c0%ae%c0%ae/" .. name .. "/secret.txt", "/...", "/" .. ("../"):rep(50) .. "etc/passwd",
    }) do
      local answer = client.get(s, path)
      assert.is_true(answer.status == 404 or answer.status == 400, path .. " gave " .. answer.status)
      assert.falsy(answer.body:find("top secret", 1, true))
    end
    assert.equal("a", client.get(s, "/a.txt").body)
    assert.truthy(root)
  end)

  it("is not left by symbolic links, to files or folders, absolute or relative", function()
    local s, root = static({ ["a.txt"] = "a", ["sub/b.txt"] = "b" })
    local outside = server.folder({ ["secret.txt"] = "top secret" })
    uv.fs_symlink(outside .. "/secret.txt", root .. "/file.txt")
    uv.fs_symlink(outside, root .. "/folder")
    uv.fs_symlink("../../" .. outside:match("[^/]+$"), root .. "/sub/up")
    uv.fs_symlink("loop", root .. "/loop")
    for _, path in ipairs({ "/file.txt", "/folder/secret.txt", "/sub/up/secret.txt", "/loop", "/loop/a" }) do
      assert.equal(404, client.get(s, path).status, path)
    end
    assert.equal("a", client.get(s, "/a.txt").body)
  end)

  it("may have links that stay inside", function()
    local s, root = static({ ["a.txt"] = "a", ["sub/b.txt"] = "b" })
    uv.fs_symlink("sub/b.txt", root .. "/link.txt")
    uv.fs_symlink("sub", root .. "/folder")
    uv.fs_symlink(root .. "/a.txt", root .. "/absolute.txt")
    assert.equal("b", client.get(s, "/link.txt").body)
    assert.equal("b", client.get(s, "/folder/b.txt").body)
    assert.equal("a", client.get(s, "/absolute.txt").body)
  end)

  it("shows no hidden files, folders or special files", function()
    local s, root = static({ [".secret"] = "x", [".git/config"] = "x", ["sub/.htpasswd"] = "x" })
    os.execute(("mkfifo '%s/pipe'"):format(root))
    for _, path in ipairs({ "/.secret", "/.git/config", "/sub/.htpasswd", "/sub/", "/pipe" }) do
      assert.equal(404, client.get(s, path).status, path)
    end
  end)

  it("starts at the script's folder when it is relative", function()
    local folder = server.folder({
      ["page/index.html"] = "here",
      ["script.lua"] = [[
        local luaws = require "luaws"
        assert(luaws.webServer:start { root = "page" })
        luaws.WebSocketServer.new({ onConnection = print }, { path = "/ws" })
      ]],
    })
    local s = server.startFile(folder .. "/script.lua", { cwd = "/" })
    assert.equal("here", client.get(s, "/").body)
  end)

  it("that is none makes start fail, with its name", function()
    local child = server.run([[
      local luaws = require "luaws"
      print(luaws.webServer:start { root = "no-such-folder" })
    ]])
    assert.truthy(child.stdout:match("^nil\t.*no%-such%-folder"), child.stdout .. child.stderr)
  end)
end)

describe("onRequest", function()
  -- A web server whose onRequest has this body.
  local function answering(body, settings)
    return server.start(([[
      local kept = {}
      local handler = {}
      function handler:onRequest(web, event)
        local request = event.request
        %s
      end
      function luaws.onError(event) say("error", event.errors[1].message:match "(%%w+)$") end
      assert(luaws.webServer:start { handler = handler, %s })
      serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/ws" })
    ]]):format(body, settings or ""))
  end

  it("answers with a table or a string", function()
    local s = answering([[
      if request.path == "/string" then return "text" end
      return { status = 201, headers = { ["Content-Type"] = "text/x", ["X-A"] = { "1", "2" } }, body = "made" }
    ]])
    local answer = client.get(s, "/table")
    assert.same({ 201, "made", "text/x", "4" },
      { answer.status, answer.body, answer.headers["content-type"], answer.headers["content-length"] })
    assert.same({ "1", "2" }, answer.headers["x-a"])
    answer = client.get(s, "/string")
    assert.same({ 200, "text" }, { answer.status, answer.body })
  end)

  it("has defaults for what the table leaves out", function()
    local s = answering([[ return request.path == "/status" and { status = 404 } or {} ]])
    assert.same({ 200, "" }, { client.get(s, "/").status, client.get(s, "/").body })
    assert.equal(404, client.get(s, "/status").status)
  end)

  it("may answer with a status that has no body, and the connection goes on", function()
    local s = answering([[ return { status = tonumber(request.query.status) or 200, headers = { A = "b" } } ]])
    local c = client.connect(s)
    for status, length in pairs({ [200] = "0", [204] = false, [205] = "0", [304] = false }) do
      c:sendRequest({ path = "/?status=" .. status })
      local head = c:readUntil("\r\n\r\n"):lower()
      assert.equal(tostring(status), head:match("^http/1.1 (%d+)"))
      assert.equal(length, head:match("content%-length: (%d+)\r\n") or false)
      assert.is_nil(head:find("content-type", 1, true))
    end
    assert.equal("", c:peek())
  end)

  it("passes on 8-bit values, both ways", function()
    local s = answering([[ return { headers = { ["X-Back"] = request.headers["x-there"] } } ]])
    assert.equal("caf\xe9 \xff", client.get(s, "/", { ["X-There"] = "caf\xe9 \xff" }).headers["x-back"])
  end)

  it("is never asked for a path that is encoded badly; of a bad query it decides", function()
    local s = answering([[ return request.path ]])
    for _, path in ipairs({ "/%", "/%zz", "/a%0", "/a%00b", "/%00" }) do
      local answer = client.get(s, path)
      assert.same({ 400, "bad percent-encoding in the path\n" }, { answer.status, answer.body })
    end
    assert.equal("/%2e%2E/%2f/%ff", client.get(s, "/%2e%2E/%2f/%ff?%zz=%00").body)
  end)

  it("is given the request with its body", function()
    local s = answering([[
      say(event.type, request.method, request.path, request.url, request.query.a, request.headers["x-h"],
        request.remoteAddress, request.secure, #request.body, next(request.params), web == luaws.webServer)
      return request.body
    ]])
    local body = ("x"):rep(100000) .. "\0\255"
    local answer = client.request(s, { method = "PUT", path = "/p?a=1", headers = { ["X-H"] = "h" }, body = body })
    assert.is_true(answer.body == body)
    s:expectLines(("request PUT /p /p?a=1 1 h 127.0.0.1 %s 100002 nil true"):format(s.tls ~= nil))
  end)

  it("reads chunked bodies and answers Expect: 100-continue", function()
    local s = answering([[ return request.body ]])
    local c = client.connect(s)
    c:sendRequest({ method = "POST", headers = { ["Transfer-Encoding"] = "chunked" } })
    c:write("5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n")
    assert.equal("hello world", c:response().body)
    c:sendRequest({ method = "POST", headers = { Expect = "100-continue", ["Content-Length"] = "4" } })
    assert.equal(100, c:response().status)
    c:write("body")
    assert.equal("body", c:response().body)
  end)

  it("that returns nil leaves the request to the static files, then 426, then 404", function()
    local root = server.folder({ ["a.txt"] = "a" })
    local s = answering([[ say(request.path) ]], ("root = %q"):format(root))
    assert.equal("a", client.get(s, "/a.txt").body)
    assert.equal(426, client.get(s, "/ws").status)
    assert.equal(404, client.get(s, "/none").status)
    s:expectLines("/a.txt", "/ws", "/none")
  end)

  it("is asked before the static files, and never for an upgrade", function()
    local root = server.folder({ ["a.txt"] = "file" })
    local s = answering([[ say(request.path) return "handler" ]], ("root = %q"):format(root))
    assert.equal("handler", client.get(s, "/a.txt").body)
    client.open(s, "/ws")
    assert.equal(404, (select(2, client.handshake(s, "/other"))).status)
    assert.equal("handler", client.get(s, "/ws").body)
    s:expectLines("/a.txt", "/ws")
  end)

  it("that raises gives 500 without details, tells luaws.onError, and goes on", function()
    local s = answering([[ if request.path == "/bad" then error "details" end return "fine" ]])
    local answer = client.get(s, "/bad")
    assert.equal(500, answer.status)
    assert.falsy(answer.body:find("details", 1, true))
    s:expectLines("error details")
    assert.equal("fine", client.get(s, "/good").body)
  end)

  for what, returned in pairs({
    ["a number"] = "42", ["true"] = "true", ["a bad status"] = "{ status = 42 }", ["101"] = "{ status = 101 }",
    ["a bad body"] = "{ body = {} }", ["a line break in a header"] = "{ headers = { A = 'b\\r\\nC: d' } }",
    ["a header that luaws writes"] = "{ headers = { ['Content-Length'] = '1' } }",
    ["headers that are none"] = "{ headers = 42 }", ["a NUL in a header"] = "{ headers = { A = 'b\\0c' } }",
    ["a line break in a header's name"] = "{ headers = { ['A\\r\\nB'] = 'c' } }",
    ["204 with a body"] = "{ status = 204, body = 'x' }", ["205 with a body"] = "{ status = 205, body = 'x' }",
    ["304 with a body"] = "{ status = 304, body = 'x' }", ["100"] = "{ status = 100 }",
    ["too many headers"] = "{ headers = { A = { ('x'):rep(40000), ('x'):rep(40000) } } }",
  }) do
    it("that returns " .. what .. " gives 500 and is told", function()
      local s = answering("return " .. returned)
      assert.equal(500, client.get(s, "/").status)
      assert.truthy(s:line():match("^error"))
    end)
  end

  it("may wait, other requests go on, and pipelined ones are answered in order", function()
    local s = answering([[
      if request.path == "/slow" then luaws.await(function(done) release = done end) end
      if request.path == "/release" then release() end
      return request.path
    ]])
    local c = client.connect(s)
    c:write(c:requestText({ path = "/slow" }) .. c:requestText({ path = "/2" }) .. c:requestText({ path = "/3" }))
    assert.equal("/other", client.get(s, "/other").body)
    assert.equal("/release", client.get(s, "/release").body)
    for _, path in ipairs({ "/slow", "/2", "/3" }) do assert.equal(path, c:response().body) end
  end)

  it("keeps a long pipeline behind a request that waits in the socket, and in order", function()
    local s = answering([[
      if request.path == "/slow" then luaws.await(function(done) release = done end) end
      if request.path == "/release" then release() end
      return request.query.n or ""
    ]])
    local c = client.connect(s)
    c:sendRequest({ path = "/slow" })
    local texts = {}
    for i = 1, 5000 do texts[i] = c:requestText({ path = "/?n=" .. i }) end
    c:write(table.concat(texts))
    assert.equal("", client.get(s, "/other").body)
    client.get(s, "/release")
    c:response()
    for i = 1, 5000 do assert.equal(tostring(i), c:response().body) end
  end)

  it("answers each request that came before the client's FIN", function()
    local s = answering([[
      if request.path == "/1" then luaws.await(function(done) release = done end) end
      if request.path == "/release" then release() end
      return request.path
    ]])
    for _, rest in ipairs({ "", "GET /half" }) do
      local c = client.connect(s)
      c:sendRequest({ path = "/1" })
      c:write("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") -- answered without the script
      for i = 2, 3 do c:sendRequest({ path = "/" .. i }) end
      c:write(rest)
      c:halfClose()
      client.get(s, "/release")
      assert.equal("/1", c:response().body)
      assert.equal(204, c:response().status)
      for _, path in ipairs({ "/2", "/3" }) do assert.equal(path, c:response().body) end
      c:expectEof()
    end
  end)

  it("answers HEAD without the body", function()
    local s = answering([[ return "four" ]])
    local c = client.connect(s)
    c:sendRequest({ method = "HEAD" })
    local answer = c:response("HEAD")
    assert.equal("4", answer.headers["content-length"])
    c:sendRequest({})
    assert.equal("four", c:response().body)
  end)

  it("survives a client that leaves before the answer", function()
    local s = answering([[
      if request.path == "/slow" then say "asked" luaws.await(function(done) release = done end) say "answered" end
      if request.path == "/release" then release() end
      return ("x"):rep(1000000)
    ]])
    local c = client.connect(s)
    c:sendRequest({ path = "/slow" })
    s:expectLines("asked")
    c:reset()
    client.get(s, "/release")
    s:expectLines("answered")
    client.get(s, "/")
  end)
end)

describe("connections of HTTP", function()
  it("are kept alive for further requests", function()
    local s = static({ ["a.txt"] = "a" })
    local c = client.connect(s)
    for _ = 1, 5 do
      c:sendRequest({ path = "/a.txt" })
      assert.equal("a", c:response().body)
    end
    c:sendRequest({ path = "/none" })
    assert.equal(404, c:response().status)
    c:sendRequest({ path = "/ws", headers = client.upgradeHeaders() })
    client.assertUpgraded(c:response())
    c:send("upgraded")
    assert.equal("upgraded", c:receive())
  end)

  it("end when the client asks for it, or speaks HTTP/1.0 without keep-alive", function()
    local s = static({ ["a.txt"] = "a" })
    local c = client.connect(s)
    c:sendRequest({ path = "/a.txt", headers = { Connection = "close" } })
    local answer = c:response()
    assert.equal("close", answer.headers.connection:lower())
    c:expectEof()
    c = client.connect(s)
    c:sendRequest({ path = "/a.txt", version = "1.0" })
    assert.equal("a", c:response().body)
    c:expectEof()
    c = client.connect(s)
    c:sendRequest({ path = "/a.txt", version = "1.0", headers = { Connection = "keep-alive" } })
    assert.equal("keep-alive", c:response().headers.connection:lower())
    c:sendRequest({ path = "/a.txt", version = "1.0" })
    assert.equal("a", c:response().body)
  end)

  it("take pipelined requests", function()
    local s = static({ ["a.txt"] = "a", ["b.txt"] = "b" })
    local c = client.connect(s)
    local text = c:requestText({ path = "/a.txt" }) .. c:requestText({ path = "/b.txt" })
    c:write(text:rep(50))
    for _ = 1, 50 do
      assert.equal("a", c:response().body)
      assert.equal("b", c:response().body)
    end
  end)

  it("take the absolute form of a request", function()
    local s = static({ ["a.txt"] = "a" })
    local c = client.connect(s)
    c:write(("GET http://%s/a.txt?x=1 HTTP/1.1\r\nHost: %s\r\n\r\n"):format(c.host, c.host))
    assert.equal("a", c:response().body)
    for _, target in ipairs({ "ftp://a/a.txt", "http://", "http:///a.txt", "http://a b/", "*" }) do
      assert.equal(400, client.request(s, { path = target }).status, target)
    end
  end)

  it("answer HEAD without a body, whatever is wrong with it", function()
    local s = static({ ["a.txt"] = "a" })
    for _, text in ipairs({ "HEAD / HTTP/2.0\r\n", "HEAD /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n",
                            "HEAD /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n" }) do
      local c = client.connect(s)
      c:write(text)
      assert.is_true(c:response("HEAD").status >= 400)
      c:expectEof()
    end
  end)

  it("are told what the whole server can, by OPTIONS", function()
    local s = static({ ["a.txt"] = "a" })
    local c = client.connect(s)
    c:write("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" .. c:requestText({ path = "/a.txt" }))
    local answer = c:response()
    assert.same({ 204, "GET, HEAD, OPTIONS" }, { answer.status, answer.headers.allow })
    assert.is_nil(answer.headers["content-length"])
    assert.equal("a", c:response().body)
  end)

  it("are answered what they asked before an error, or Connection: close, and nothing behind it", function()
    local s = static({ ["a.txt"] = "a", ["b.txt"] = "b" })
    local function pipeline(middle)
      local c = client.connect(s)
      local post = c:requestText({ method = "POST", path = "/none", body = "GET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n" })
      c:write(c:requestText({ path = "/a.txt" }) .. post .. c:requestText({ method = "HEAD", path = "/a.txt" })
        .. middle .. c:requestText({ path = "/b.txt" }))
      assert.equal("a", c:response().body)
      assert.equal(404, c:response().status)
      assert.equal("1", c:response("HEAD").headers["content-length"])
      local answer = c:response()
      local connection = answer.headers.connection
      assert.equal("close", type(connection) == "table" and connection[#connection] or connection)
      c:expectEof()
      return answer.status
    end
    local good = "GET /a.txt HTTP/1.1\r\nHost: a\r\n"
    assert.equal(200, pipeline(good .. "Connection: x\r\nConnection: y, Close\r\n\r\n"))
    assert.equal(200, pipeline("GET /a.txt HTTP/1.0\r\n\r\n"))
    assert.equal(400, pipeline(good .. "Host: a\r\n\r\n"))
    assert.equal(400, pipeline(good .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
    assert.equal(501, pipeline(good .. "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"))
    assert.equal(426, pipeline("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
      .. "Sec-WebSocket-Version: 14\r\n\r\n"))
    assert.equal(417, pipeline(good .. "Expect: magic\r\n\r\n"))
    assert.equal(505, pipeline("GET /a.txt HTTP/1.2\r\nHost: a\r\n\r\n"))
  end)

  it("are told 417 when they expect what can't be", function()
    local s = static({ ["a.txt"] = "a" })
    assert.equal(417, client.get(s, "/a.txt", { Expect = "a-miracle" }).status)
  end)

  it("ignore empty lines before a request, and read it byte by byte", function()
    local s = static({ ["a.txt"] = "a" })
    local c = client.connect(s)
    c:write("\r\n" .. c:requestText({ path = "/a.txt" }), true)
    assert.equal("a", c:response().body)
  end)
end)

describe("handshakeTimeout", function()
  it("ends connections that send no whole head in time, also a byte at a time", function()
    local s = static({ ["a.txt"] = "a" }, "handshakeTimeout = 1")
    local silent, slow = client.connect(s), client.connect(s)
    slow:write("GET / HTTP/1.1\r\n")
    local task = async.spawn(function()
      while not slow.ended do
        slow:write("X")
        async.sleep(0.02)
      end
    end)
    silent:readAll()
    slow:readAll()
    task:join()
    assert.equal("a", client.get(s, "/a.txt").body)
  end)
end)

describe("handshakeTimeout of a further request", function()
  it("runs from its first byte", function()
    local s = static({ ["a.txt"] = "a" }, "handshakeTimeout = 1, keepAliveTimeout = 60")
    local c = client.connect(s)
    c:sendRequest({ path = "/a.txt" })
    assert.equal("a", c:response().body)
    c:write("GET /a.txt HT")
    c:readAll()
  end)

  it("is not wound up again by empty lines before it", function()
    local s = static({ ["a.txt"] = "a" }, "handshakeTimeout = 1, keepAliveTimeout = 60")
    local c = client.connect(s)
    c:sendRequest({ path = "/a.txt" })
    assert.equal("a", c:response().body)
    local task = async.spawn(function()
      for _ = 1, 5 do -- the fifth would be answered with 400
        if c.ended then return end
        c:write("\r\n")
        async.sleep(async.seconds(0.4))
      end
    end)
    assert.equal("", (c:readAll()))
    task:join()
  end)
end)

describe("keepAliveTimeout", function()
  it("ends connections that are idle between requests, not ones that wait for an answer", function()
    local s = server.start([[
      assert(luaws.webServer:start { keepAliveTimeout = 0.2, handler = { onRequest = function(_, _, event)
        if event.request.path == "/slow" then luaws.sleep(0.6) end
        return "ok"
      end } })
      serve({ onMessage = function() end }, { path = "/ws" })
    ]])
    local idle, slow = client.connect(s), client.connect(s)
    slow:sendRequest({ path = "/slow" })
    idle:sendRequest({ path = "/" })
    assert.equal("ok", idle:response().body)
    idle:expectEof()
    assert.equal("ok", slow:response().body)
  end)
end)

describe("maxBody", function()
  it("refuses a larger body with 413, by its length or as soon as its chunks exceed it", function()
    local s = server.start([[
      assert(luaws.webServer:start { maxBody = 1000, handler = { onRequest = function(_, _, event)
        return tostring(#event.request.body)
      end } })
      serve({ onMessage = function() end }, { path = "/ws" })
    ]])
    assert.equal("1000", client.request(s, { method = "POST", body = ("x"):rep(1000) }).body)
    assert.equal(413, client.request(s, { method = "POST", body = ("x"):rep(1001) }).status)
    local c = client.connect(s)
    c:sendRequest({ method = "POST", headers = { ["Content-Length"] = "99999999999" } })
    assert.equal(413, c:response().status)
    c = client.connect(s)
    c:sendRequest({ method = "POST", headers = { ["Transfer-Encoding"] = "chunked" } })
    c:write("3e8\r\n" .. ("x"):rep(1000) .. "\r\n1\r\nx\r\n")
    assert.equal(413, c:response().status)
  end)

  it("is 1 MiB by default", function()
    local s = server.start([[
      assert(luaws.webServer:start { handler = { onRequest = function(_, _, e) return tostring(#e.request.body) end } })
      serve({ onMessage = function() end }, { path = "/ws" })
    ]])
    assert.equal("1048576", client.request(s, { method = "POST", body = ("x"):rep(1048576) }).body)
    local c = client.connect(s)
    c:sendRequest({ method = "POST", headers = { ["Content-Length"] = "1048577" } })
    assert.equal(413, c:response().status)
  end)
end)

describe("a WebServer", function()
  local function printed(script)
    local child = server.run("local luaws = require 'luaws'\n" .. script, { noPort = true })
    assert.equal(0, child.code, child.stderr)
    return child.stdout
  end

  it("tells host, port, url and whether it runs", function()
    local out = printed([[
      local web = luaws.WebServer.new { port = 0 }
      print(web.isRunning, web.host)
      print(web:start())
      print(web.isRunning, web.host, web.port > 0, web.url == "http://127.0.0.1:" .. web.port .. "/")
      print(web:start())
      web:stop()
      print(web.isRunning)
    ]])
    assert.equal("false\t127.0.0.1\ntrue\ntrue\t127.0.0.1\ttrue\ttrue\ntrue\nfalse\n", out)
  end)

  it("is 127.0.0.1:8080 unless told otherwise", function()
    assert.equal("127.0.0.1\t8080\tfalse\n", printed([[
      print(luaws.webServer.host, luaws.webServer.port, luaws.webServer.isRunning)
    ]]))
  end)

  it("refuses another address while it runs, and takes new settings", function()
    local out = printed([[
      local web = luaws.WebServer.new { port = 0 }
      assert(web:start())
      print(web:start { port = web.port })
      print(web:start { keepAliveTimeout = 1 })
      print(web:start { port = web.port - 1 })
      print(web:start { host = "127.0.0.2" })
      print(web.isRunning)
      web:stop()
    ]])
    local refusal = "nil\talready running on [^\n]*\n"
    assert.truthy(out:match("^true\ntrue\n" .. refusal .. refusal .. "true\n$"), out)
  end)

  it("applies root and handler while it runs", function()
    local root = server.folder({ ["a.txt"] = "a" })
    local s = server.start(([[
      serve({ onMessage = function(_, ws, event)
        assert(luaws.webServer:start { root = %q, handler = { onRequest = function(_, _, e)
          if e.request.path == "/h" then return "h" end
        end } })
        ws:send "done"
      end }, { path = "/ws" })
    ]]):format(root))
    assert.equal(404, client.get(s, "/a.txt").status)
    local c = client.open(s, "/ws")
    c:send("go")
    assert.equal("done", c:receive())
    assert.equal("a", client.get(s, "/a.txt").body)
    assert.equal("h", client.get(s, "/h").body)
  end)

  it("on a port in use can't start; the message names the address", function()
    local s = static({})
    local out = printed(("print(luaws.WebServer.new({ port = %d }):start())"):format(s.port))
    assert.truthy(out:match("^nil\t[^\n]*" .. s.port), out)
    assert.truthy(out:find("in use", 1, true), out)
  end)

  it("with a bad host can't start", function()
    for _, host in ipairs({ "256.1.1.1", "no such host", "", "unix:", "unix:/no/such/folder/x.sock", "203.0.113.1" }) do
      local out = printed(("print(luaws.WebServer.new({ port = 0, host = %q }):start())"):format(host))
      assert.truthy(out:match("^nil\t[^\n]+\n$"), host .. " gave " .. out)
    end
  end)

  it("listens on IPv6 and names it in brackets", function()
    local s = server.start([[
      local web = luaws.WebServer.new { host = "::1", port = 0, handler = { onRequest = function(_, _, event)
        return event.request.remoteAddress end } }
      local ok, err = web:start()
      say(ok, err)
      say(web.url)
      serve({ onMessage = function() end })
    ]])
    local started = s:line()
    if started:match("^nil") then pending("this machine has no ::1") end
    local port = tonumber(s:line():match("^http://%[::1%]:(%d+)/$"))
    local c = client.connect(port, "::1")
    c:sendRequest({})
    assert.equal("::1", c:response().body)
  end)

  it("on all of IPv6 takes IPv4 too, and names those clients as usual", function()
    local s = server.start([[
      local web = luaws.WebServer.new { host = "::", port = 0, handler = { onRequest = function(_, _, event)
        return event.request.remoteAddress end } }
      say(web:start())
      say(web.port)
      serve({ onMessage = function() end })
    ]])
    if s:line():match("^nil") then pending("this machine has no IPv6") end
    assert.equal("127.0.0.1", client.get(tonumber(s:line()), "/").body)
  end)

  it("listens on a unix socket, and takes the file away at the end", function()
    local folder = server.folder()
    local path = folder .. "/luaws.sock"
    local script = ([[
      local web = luaws.WebServer.new { host = "unix:%s", handler = { onRequest = function(_, _, event)
        return "address " .. event.request.remoteAddress .. " port " .. tostring(event.request.remotePort) end } }
      say(web:start())
      say(web.host, web.url)
      serve({ onMessage = function(_, ws, event) ws:send(event.data) end }, { path = "/ws", web = web })
    ]]):format(path)
    local s = server.start(script)
    s:expectLines("true")
    assert.truthy(s:line():find("unix:" .. path, 1, true))
    local c = client.open(path, "/ws")
    c:send("hi")
    assert.equal("hi", c:receive())
    c:close(1000)
    assert.truthy(client.get(path, "/"))
    s:stop()
    assert.is_nil((uv.fs_stat(path)))
  end)

  it("takes over the socket file that a killed one has left, not that of a living one", function()
    local path = server.folder() .. "/luaws.sock"
    local script = ([[
      local web = luaws.WebServer.new { host = "unix:%s" }
      say(web:start())
      serve({ onMessage = function() end })
    ]]):format(path)
    local first = server.start(script)
    first:expectLines("true")
    local second = server.start(script)
    assert.truthy(second:line():match("^nil .*in use"))
    first:kill()
    assert.truthy(uv.fs_stat(path))
    local third = server.start(script)
    third:expectLines("true")
    assert.equal(404, client.get(path, "/").status)
  end)

  it("stop terminates its servers and stops listening; start begins again", function()
    local s = server.start([[
      local control = luaws.WebServer.new { port = 0, handler = { onRequest = function(_, _, event)
        local web = luaws.webServer
        if event.request.path == "/stop" then web:stop() end
        if event.request.path == "/start" then say(web:start()) say(web.port) end
        return tostring(web.isRunning)
      end } }
      assert(control:start())
      say(control.port)
      serve({ onMessage = function() end, onTerminate = function(_, _, event) say("terminate", event.code) end },
        { path = "/ws" }, { onTerminate = function(_, wss) say("server", wss.terminated) end })
    ]])
    local control = tonumber(s:line())
    local c = client.open(s, "/ws")
    client.get(control, "/stop")
    c:expectClose(1001)
    s:expectLines("terminate 1001", "server true")
    async.eventually(function() return client.isRefused(s) end, nil, "the port to be closed")
    assert.equal("false", client.get(control, "/").body)
    client.get(control, "/start")
    s:expectLines("true")
    local port = tonumber(s:line())
    assert.equal(404, client.get({ port = port, tls = s.tls }, "/ws").status)
  end)

  it("stop waits for its clients as long as it is told", function()
    local s = server.start([[
      serve({ onMessage = function(_, _, event)
        luaws.webServer:stop(tonumber(event.data))
        say(luaws.webServer.isRunning)
      end, onTerminate = function(_, _, event) say("terminate", event.code, event.wasClean) end },
        { path = "/ws", closeTimeout = 60 })
    ]])
    local c = client.open(s, "/ws")
    c:send("0.1")
    c:expectCloseFrame(1001)
    s:expectLines("false", "terminate 1001 false")
    assert.equal(0, (s:awaitExit()))
  end)

  it("refuses a bad timeout, and another object", function()
    local out = printed([[
      for _, bad in ipairs { -1, "x", true, 0/0 } do print(pcall(luaws.webServer.stop, luaws.webServer, bad)) end
      print(pcall(luaws.webServer.stop))
    ]])
    assert.equal(5, select(2, out:gsub("false\t[^\n]+\n", "")), out)
  end)

  it("ends plain connections when it stops, also idle ones", function()
    local s = static({ ["a.txt"] = "a" })
    local c = client.connect(s)
    c:sendRequest({ path = "/a.txt" })
    c:response()
    s:signalProcess("sigterm")
    c:expectEof()
    assert.equal(0, (s:awaitExit()))
  end)
end)
