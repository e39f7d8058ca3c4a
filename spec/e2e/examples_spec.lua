-- Each example is run as its comment says, and used.

local uv = require "luv"
local dkjson = require "dkjson"
local async = require "spec.support.async"
local client = require "spec.support.client"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

local function receiveJson(c)
  local text, isBinary = c:receive()
  assert.is_false(isBinary)
  return dkjson.decode(text)
end

local function sendJson(c, value)
  c:send(dkjson.encode(value))
end

describe("examples/uppercase.lua", function()
  it("sends back what comes, in upper case", function()
    local s = server.startFile("examples/uppercase.lua")
    for _, path in ipairs({ "/", "/any/path" }) do
      local c = client.open(s, path)
      c:send("hello, Wörld 1")
      assert.equal("HELLO, WöRLD 1", c:receive())
      c:close(1000)
    end
  end)
end)

describe("examples/chat.lua", function()
  local s

  before_each(function() s = server.startFile("examples/chat.lua", { lines = 2 }) end)
  after_each(function() s:finish() end)

  local function join(name)
    return client.open(s, "/chat?name=" .. name)
  end

  it("prints the address to open and serves the page there", function()
    assert.truthy(s.stderr:find(("luaws: open http://127.0.0.1:%d/\n"):format(s.port), 1, true), s.stderr)
    local answer = client.get(s, "/")
    assert.equal(200, answer.status)
    assert.equal("text/html; charset=utf-8", answer.headers["content-type"])
    assert.truthy(answer.body:find("<title>Chat</title>", 1, true))
    assert.falsy(answer.body:find("https?://[^w]"), "no external resource")
    assert.falsy(answer.body:find("innerHTML", 1, true))
  end)

  it("welcomes, tells who joins and leaves, and passes messages to all", function()
    local ann = join("Ann")
    assert.same({ type = "welcome", name = "Ann", people = { "Ann" } }, receiveJson(ann))
    local ben = join("Ben")
    assert.same({ type = "welcome", name = "Ben", people = { "Ann", "Ben" } }, receiveJson(ben))
    assert.same({ type = "join", name = "Ben", people = { "Ann", "Ben" } }, receiveJson(ann))
    sendJson(ben, { text = "  hi,\nAnn\t<script> " })
    for _, c in ipairs({ ann, ben }) do
      assert.same({ type = "message", name = "Ben", text = "hi,\nAnn <script>" }, receiveJson(c))
    end
    ben:reset()
    assert.same({ type = "leave", name = "Ben", people = { "Ann" } }, receiveJson(ann))
  end)

  it("makes names that are taken unlike", function()
    local names = {}
    for i = 1, 3 do names[i] = receiveJson(join("Ann")).name end
    assert.same({ "Ann", "Ann 2", "Ann 3" }, names)
  end)

  it("refuses who says no proper name", function()
    for _, query in ipairs({
      "", "?name=", "?name=%20%20", "?name=" .. ("x"):rep(25), "?name=%ff", "?name=a&name=b",
    }) do
      local _, answer = client.handshake(s, "/chat" .. query)
      assert.equal(400, answer.status, query)
      assert.truthy(answer.body:find("name", 1, true))
    end
    assert.equal(("ä"):rep(24), receiveJson(join(("%C3%A4"):rep(24))).name)
  end)

  it("ignores what is no message of the chat", function()
    local ann = join("Ann")
    receiveJson(ann)
    for _, bad in ipairs({ "", "{", "[]", "1", "null", '"x"', '{"text":1}', '{"text":""}', '{"text":"   "}', "{}" }) do
      ann:send(bad)
    end
    sendJson(ann, { text = ("x"):rep(2001) })
    sendJson(ann, { text = "fine" })
    assert.equal("fine", receiveJson(ann).text)
  end)

  it("says goodbye when it is stopped", function()
    local ann = join("Ann")
    receiveJson(ann)
    s:signalProcess("sigterm")
    ann:expectClose(1001)
    assert.equal(0, (s:awaitExit()))
  end)
end)

describe("examples/json.lua", function()
  local c

  before_each(function() c = client.open(server.startFile("examples/json.lua"), "/rpc") end)

  it("answers requests with results", function()
    c:send('{"id":1,"method":"add","params":[2,3]}')
    assert.same({ id = 1, result = 5 }, receiveJson(c))
    c:send('{"id":"x","method":"echo","params":[null,[],{},1.0,"a"]}')
    local reply = c:receive()
    assert.truthy(reply:find('"result":[null,[],{},1.0,"a"]', 1, true), reply)
  end)

  it("answers what can't be done with errors", function()
    for _, request in ipairs({
      '{"id":1,"method":"none"}', '{"id":1}', '{"id":1,"method":"add","params":["a"]}',
      '{"id":1,"method":"wait","params":[]}', '{"id":1,"method":"add","params":[1e308,1e308]}',
    }) do
      c:send(request)
      local reply = receiveJson(c)
      assert.equal(1, reply.id)
      assert.truthy(reply.error, request)
      assert.falsy(reply.error:find(".lua", 1, true), reply.error)
    end
    for _, request in ipairs({ "[]", "1", "{}", "no json" }) do
      c:send(request)
      assert.truthy(receiveJson(c).error, request)
    end
  end)

  it("lets quick requests overtake slow ones", function()
    c:send('{"id":1,"method":"wait","params":[0.05]}')
    c:send('{"id":2,"method":"add","params":[1]}')
    assert.equal(2, receiveJson(c).id)
    assert.same({ id = 1, result = "waited" }, receiveJson(c))
  end)
end)

describe("examples/files.lua", function()
  it("answers an upload with its size and CRC-32, and the file", function()
    local c = client.open(server.startFile("examples/files.lua"), "/files")
    local large = ("0123456789abcdef"):rep(20000)
    for _, row in ipairs({
      { "hello world", "0d4a1185" }, { "", "00000000" }, { "\0\255\128", "81dda740" }, { large },
    }) do
      c:sendBinary(row[1])
      local told = receiveJson(c)
      assert.equal(#row[1], told.size)
      if row[2] then assert.equal(row[2], told.crc32) end
      local data, isBinary = c:receive()
      assert.is_true(isBinary and data == row[1])
    end
  end)
end)

describe("examples/rooms.lua", function()
  local s

  before_each(function() s = server.startFile("examples/rooms.lua") end)
  after_each(function() s:finish() end)

  it("keeps rooms apart; the name comes in the query or a cookie", function()
    local ann = client.open(s, "/rooms/kitchen?user=ann")
    assert.equal("ann comes in", ann:receive())
    local ben = client.open(s, "/rooms/kitchen", { Cookie = "theme=dark; user=ben" })
    assert.equal("ben comes in", ben:receive())
    assert.equal("ben comes in", ann:receive())
    local eve = client.open(s, "/rooms/the%20hall?user=eve")
    assert.equal("eve comes in", eve:receive())
    ann:send("soup?")
    assert.equal("ann: soup?", ben:receive())
    assert.equal("ann: soup?", ann:receive())
    ben:close(1000)
    assert.equal("ben leaves", ann:receive())
    eve:ping() -- and nothing of all that before the pong
  end)

  it("refuses who says no name with 401 and WWW-Authenticate", function()
    for _, path in ipairs({ "/rooms/kitchen", "/rooms/kitchen?user=", "/rooms/kitchen?user=a%20b" }) do
      local _, answer = client.handshake(s, path)
      assert.equal(401, answer.status)
      assert.truthy(answer.headers["www-authenticate"]:find("realm", 1, true))
    end
    assert.equal(404, (select(2, client.handshake(s, "/rooms?user=ann"))).status)
  end)
end)

describe("examples/topics.lua", function()
  it("passes messages to those who have subscribed", function()
    local s = server.startFile("examples/topics.lua")
    local ann, ben = client.open(s, "/"), client.open(s, "/")
    ann:send("+ weather.*")
    assert.equal("ok weather.*", ann:receive())
    ann:send("+ news.>")
    assert.equal("ok weather.* news.>", ann:receive())
    ben:send("weather.berlin It is raining")
    ben:send("sports Nobody hears this")
    ben:send("news.world.today Nothing new")
    assert.equal("weather.berlin: It is raining", ann:receive())
    assert.equal("news.world.today: Nothing new", ann:receive())
    ann:send("- news.>")
    ann:send("+ x")
    assert.equal("ok weather.* x", ann:receive())
  end)

  it("survives what is no topic", function()
    local c = client.open(server.startFile("examples/topics.lua"), "/")
    for _, line in ipairs({ "+ a..b", "- a.", "a.* message", "+ " .. ("x"):rep(300) }) do
      c:send(line)
      assert.truthy(c:receive():find("^! no topic: "), line)
    end
    c:send("nonsense")
    assert.truthy(c:receive():find("^! "))
    for i = 1, 100 do
      c:send("+ topic" .. i)
      c:receive()
    end
    c:send("+ one.more")
    assert.equal("! too many topics", c:receive())
  end)
end)

describe("examples/secure.lua", function()
  local s

  before_each(function()
    s = server.startFile("examples/secure.lua", { lines = 2, args = { "--tls-self-signed" } })
  end)

  local function ask(c, message)
    sendJson(c, message)
    return receiveJson(c)
  end

  it("serves its page over https", function()
    assert.truthy(s.stderr:find(("luaws: open https://127.0.0.1:%d/\n"):format(s.port), 1, true), s.stderr)
    local answer = client.get(s, "/")
    assert.equal(200, answer.status)
    assert.truthy(answer.body:find("<title>A secret</title>", 1, true))
    assert.falsy(answer.body:find("https?://[^w]"), "no external resource")
    assert.falsy(answer.body:find("innerHTML", 1, true))
  end)

  it("shows a secret once, and tells who has kept it", function()
    local ann, ben = client.open(s, "/secrets"), client.open(s, "/secrets")
    local kept = ask(ann, { keep = "the cat is called Ada" }).kept
    assert.truthy(kept:match("^%x+$") and #kept == 32, kept)
    assert.same({ secret = "the cat is called Ada" }, ask(ben, { open = kept }))
    assert.same({ opened = kept }, receiveJson(ann))
    assert.same({ gone = true }, ask(ben, { open = kept }))
    assert.same({ gone = true }, ask(ann, { open = "" }))
    assert.not_equal(kept, ask(ann, { keep = "another" }).kept)
  end)

  it("hands a secret out when who has kept it is gone", function()
    local ann, ben = client.open(s, "/secrets"), client.open(s, "/secrets")
    local kept = ask(ann, { keep = "left behind" }).kept
    ann:close(1000)
    assert.same({ secret = "left behind" }, ask(ben, { open = kept }))
  end)

  it("drops what is no secret, and goes on", function()
    local c = client.open(s, "/secrets")
    for _, text in ipairs({ "1", "[]", '{"keep":""}', '{"keep":1}', '{"open":[]}' }) do c:send(text) end
    sendJson(c, { keep = ("x"):rep(4001) })
    assert.same({ gone = true }, ask(c, { open = "none" }))
  end)

  it("does not start without TLS", function()
    local run = server.run(nil, { program = { "--port", "0", "examples/secure.lua" } })
    assert.equal(1, run.code)
    assert.truthy(run.stderr:find("secrets want TLS: luaws --tls-self-signed", 1, true), run.stderr)
  end)
end)

describe("examples/client.lua", function()
  local function run(...)
    return server.run(nil, { program = { "examples/client.lua", ... } })
  end

  it("introduces itself, prints what comes, and the close", function()
    local p = peer.listen()
    local url = p.url .. "/chat"
    local running = async.spawn(run, url, "secret", "hello", "again")
    local c = p:open()
    assert.equal("/chat", c.request.path)
    assert.equal("secret", c.request.headers["x-token"])
    assert.equal("theme=dark; language=en", c.request.headers.cookie)
    assert.equal("hello", (c:receive()))
    assert.equal("again", (c:receive()))
    c:send("welcome")
    c:sendBinary("\0\255\128")
    c:close(4000, "enough")
    local child = running:join()
    assert.equal(0, child.code, child.stderr)
    assert.equal(("connected to %s\nreceived: welcome\nreceived: 3 bytes\nclosed: 4000 enough\n"):format(url),
      child.stdout)
  end)

  it("prints what has gone wrong", function()
    local p = peer.listen()
    p:close()
    local child = run(p.url, "secret")
    assert.equal(0, child.code, child.stderr)
    assert.truthy(child.stdout:find("^error: .*connection refused.*\nclosed: 1006 \n$"), child.stdout)
  end)

  it("says how it is used, and what is wrong with a URL", function()
    local child = run("ws://localhost/")
    assert.equal(2, child.code)
    assert.truthy(child.stderr:find("^usage: "), child.stderr)
    child = run("http://localhost/", "secret")
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("use ws://", 1, true), child.stderr)
  end)
end)

describe("examples/in_worker.lua", function()
  it("has its server in a worker, which other calls stop and start again", function()
    local s = server.startFile("examples/in_worker.lua", { lines = 2 })
    local control = client.open(s, "/control")
    local ann, ben = client.open(s, "/chat"), client.open(s, "/chat")
    for _, c in ipairs({ ann, ben }) do
      assert.equal("Welcome on the chat! It runs in WebSocketServer", c:receive())
    end
    assert.equal("2", control:ask("count"))
    ann:send("hi")
    assert.equal("hi", ben:receive())
    assert.equal("it runs already", control:ask("start"))
    assert.equal("stopped", control:ask("stop"))
    for _, c in ipairs({ ann, ben }) do c:expectClose(1001) end
    async.eventually(function() return control:ask("start") == "started" end)
    local cid = client.open(s, "/chat")
    cid:receive()
    assert.equal("killed", control:ask("kill"))
    cid:expectClose(1001)
    assert.equal("started", control:ask("start"))
    client.open(s, "/chat"):receive()
    assert.equal("start, stop, count or kill?", control:ask("what?"))
  end)
end)

describe("examples/worker.lua", function()
  it("hashes in other threads, while other clients are served", function()
    local s = server.startFile("examples/worker.lua")
    local busy = { client.open(s, "/"), client.open(s, "/"), client.open(s, "/") }
    local other = client.open(s, "/")
    for _, c in ipairs(busy) do c:send("hash 10000000 secret") end
    for i = 1, 20 do
      other:send("echo " .. i)
      assert.equal("echo " .. i, other:receive())
    end
    for _, c in ipairs(busy) do assert.equal(0, c.size) end -- nobody has an answer yet
    local expected = busy[1]:receive(90)
    assert.matches("^%x+$", expected)
    for i = 2, 3 do assert.equal(expected, (busy[i]:receive(90))) end
    other:send("hash 1 a")
    assert.equal("af63dc4c8601ec8c", other:receive())
    other:send("hash 100000001 a")
    assert.equal("at most 100000000 rounds", other:receive())
  end)
end)

describe("the examples", function()
  it("are all run here", function()
    -- relay: by relay_spec.
    local tested = { uppercase = 1, chat = 1, json = 1, files = 1, rooms = 1, topics = 1, secure = 1, client = 1,
                     relay = 1, in_worker = 1, worker = 1 }
    local scan = uv.fs_scandir("examples")
    while scan do
      local name = uv.fs_scandir_next(scan)
      if not name then break end
      local base = name:match("^(.*)%.lua$")
      assert.truthy(not base or tested[base], name .. " has no spec")
    end
  end)
end)
