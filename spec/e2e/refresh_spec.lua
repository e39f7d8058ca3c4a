-- What --watch does to served pages: they get a line that loads them again when a file under the root changes.

local async = require "spec.support.async"
local client = require "spec.support.client"
local files = require "spec.support.files"
local server = require "spec.support.server"

local PAGE = "<!doctype html><title>a</title>" .. ("x"):rep(100000)

-- A server of the static files in a folder; `args` before the script.
local function static(contents, args)
  local root = server.folder(contents)
  return server.start(([[ assert(luaws.webServer:start { root = %q }) ]]):format(root), { args = args }), root
end

local function tailOf(s, page)
  local body = client.get(s, "/").body
  assert.equal(page, body:sub(1, #page))
  return body:sub(#page + 1)
end

describe("a page served with --watch", function()
  local s, tail

  before_each(function()
    s = static({ ["index.html"] = PAGE, ["empty.HTM"] = "", ["a.txt"] = "text\n" }, { "--watch" })
    tail = tailOf(s, PAGE)
  end)

  it("has one line more, a script, and its length", function()
    assert.matches("^\n<script>[^\n]*</script>\n$", tail)
    local answer = client.get(s, "/")
    assert.equal(tostring(#PAGE + #tail), answer.headers["content-length"])
    assert.equal(tail, client.get(s, "/empty.HTM").body)
  end)

  it("is alone in that: other files are as they are", function()
    local answer = client.get(s, "/a.txt")
    assert.equal("text\n", answer.body)
    assert.equal("5", answer.headers["content-length"])
  end)

  it("has the same head when only that is asked for", function()
    local whole = client.get(s, "/")
    local head = client.request(s, { method = "HEAD", path = "/" })
    assert.equal("", head.body)
    for _, name in ipairs({ "content-length", "etag", "last-modified", "content-type" }) do
      assert.equal(whole.headers[name], head.headers[name], name)
    end
  end)

  it("comes in ranges of the whole, script included", function()
    local whole = PAGE .. tail
    local size = #whole
    for _, range in ipairs({
      { 0, 0 }, { 10, 19 }, { #PAGE - 5, #PAGE + 4 }, { #PAGE - 1, #PAGE - 1 }, { #PAGE, #PAGE },
      { #PAGE + 3, size - 1 }, { size - 1, size - 1 }, { 1, size - 1 },
    }) do
      local first, last = range[1], range[2]
      local answer = client.get(s, "/", { Range = ("bytes=%d-%d"):format(first, last) })
      assert.equal(206, answer.status)
      assert.equal(whole:sub(first + 1, last + 1), answer.body)
      assert.equal(("bytes %d-%d/%d"):format(first, last, size), answer.headers["content-range"])
    end
    assert.equal(whole:sub(-7), client.get(s, "/", { Range = "bytes=-7" }).body)
    assert.equal(416, client.get(s, "/", { Range = ("bytes=%d-"):format(size) }).status)
  end)

  it("keeps its validators", function()
    local etag = client.get(s, "/").headers.etag
    assert.equal(304, client.get(s, "/", { ["If-None-Match"] = etag }).status)
    assert.equal(206, client.get(s, "/", { ["If-Range"] = etag, Range = "bytes=0-1" }).status)
    assert.equal(412, client.get(s, "/", { ["If-Match"] = '"other"' }).status)
  end)

  it("follows others on one connection", function()
    local c = client.connect(s)
    for _ = 1, 3 do
      c:sendRequest({ path = "/" })
      assert.equal(PAGE .. tail, c:response("GET").body)
      c:sendRequest({ path = "/a.txt" })
      assert.equal("text\n", c:response("GET").body)
    end
  end)
end)

describe("a page served without --watch", function()
  it("is as it is, under another ETag", function()
    local s, root = static({ ["index.html"] = PAGE })
    local answer = client.get(s, "/")
    assert.equal(PAGE, answer.body)
    local watched = server.start(([[ assert(luaws.webServer:start { root = %q }) ]]):format(root),
      { args = { "--watch" } })
    local other = client.get(watched, "/")
    assert.equal(answer.headers["last-modified"], other.headers["last-modified"])
    assert.not_equal(answer.headers.etag, other.headers.etag)
  end)
end)

describe("where pages listen with --watch", function()
  local PATH = "/.luaws/refresh"

  -- It is there a moment after the web server is.
  local function listen(s, headers)
    return async.eventually(function()
      local c, answer = client.handshake(s, PATH, headers)
      if answer.status == 101 then return c end
      assert.equal(404, answer.status)
      c:drop()
    end, nil, "pages to have somewhere to listen")
  end

  -- Writes a file until the listener hears of it: what happens in a folder before it is watched isn't told.
  local function refreshes(c, path)
    for i = 1, 100 do
      files.write(path, ("x"):rep(i))
      local ok, text = pcall(c.receive, c, 0.3)
      if ok then return assert.equal("refresh", text) end
    end
    error("it has never refreshed", 2)
  end

  it("is what the page's script asks for", function()
    local s = static({ ["index.html"] = "" }, { "--watch" })
    assert.truthy(client.get(s, "/").body:find(PATH, 1, true))
  end)

  it("a message comes when a file under the root is written, made, put in place or removed", function()
    local s, root = static({ ["index.html"] = PAGE, ["sub/a.css"] = "a {}" }, { "--watch" })
    local c = listen(s)
    files.write(root .. "/sub/a.css", "b {}")
    assert.equal("refresh", c:receive())
    files.write(root .. "/new.js", "1")
    assert.equal("refresh", c:receive())
    files.write(root .. "/.hidden", "1")
    os.rename(root .. "/.hidden", root .. "/index.html")
    assert.equal("refresh", c:receive())
    os.remove(root .. "/new.js")
    assert.equal("refresh", c:receive())
  end)

  it("a message comes of folders that were made later, or made again", function()
    local s, root = static({ ["index.html"] = PAGE, ["sub/deep/a.css"] = "" }, { "--watch" })
    local c = listen(s)
    os.execute(("rm -r %s/sub && mkdir -p %s/sub/deep/new"):format(root, root))
    refreshes(c, root .. "/sub/deep/a.css")
    refreshes(c, root .. "/sub/deep/new/b.css")
  end)

  it("nothing comes of hidden files and of editors' copies", function()
    local s, root = static({ ["index.html"] = PAGE }, { "--watch" })
    local c, other = listen(s), server.folder({ ["index.html"] = "1" })
    files.write(root .. "/.index.html.swp", "1")
    files.write(root .. "/index.html~", "1")
    files.write(root .. "/.index.html.swp", "2")
    assert(os.rename(other .. "/index.html", root .. "/index.html")) -- one event, however slow this is
    assert.equal("refresh", c:receive())
    c:ping("nothing more")
  end)

  it("is there for each web server with a root, also one that starts later or gets another root", function()
    local one, two = server.folder({ ["a.txt"] = "" }), server.folder({ ["a.txt"] = "" })
    local s = server.start(([[
      web = luaws.WebServer.new { port = 0, root = %q }
      serve({ onMessage = function(_, ws, event)
        if event.data == "start" then assert(web:start()) else assert(web:start { root = %q }) end
        ws:send(tostring(web.port))
      end }, { path = "/do" })
    ]]):format(one, two), { args = { "--watch" }, tls = false })
    local to = client.open(s, "/do")
    to:send("start")
    local c = listen({ port = tonumber((to:receive())) }, { Origin = "http://elsewhere.example" })
    refreshes(c, one .. "/a.txt")
    to:send("move")
    to:receive()
    refreshes(c, two .. "/b.txt")
    assert.equal(404, select(2, client.handshake(s, PATH)).status)
  end)

  it("is told by one worker of several", function()
    local root = server.folder({ ["a.txt"] = "" })
    local s = server.start(([[ assert(luaws.webServer:start { root = %q }) ]]):format(root),
      { args = { "--watch" }, workers = 3, ioThreads = 2 })
    local clients = {}
    for i = 1, 4 do clients[i] = listen(s) end
    files.write(root .. "/a.txt", "1")
    for _, c in ipairs(clients) do assert.equal("refresh", c:receive()) end
  end)

  it("is no start line, keeps no script running, and isn't there without --watch", function()
    local watched, plain = static({}, { "--watch" }), static({})
    listen(watched)
    assert.is_nil(watched.stderr:find(".luaws", 1, true))
    assert.equal(404, select(2, client.handshake(plain, PATH)).status)
    assert.equal(0, server.run([[ require("luaws").sleep(0.01) ]], { args = { "--watch" } }).code)
  end)
end)
