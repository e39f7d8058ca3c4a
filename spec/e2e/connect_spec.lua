-- `luaws connect` in a pipe: what it sends, what it prints, how it ends.

local build = require "spec.support.build"
local certificates = require "spec.support.certificates"
local peer = require "spec.support.peer"
local server = require "spec.support.server"
local readFile = require("spec.support.files").read

local ECHO = [[
  serve({
    onOpen = function(_, ws) say("open", ws.protocol) end,
    onMessage = function(_, ws, e) say("message", #e.data, e.isBinary) ws:send(e.data, e.isBinary) end,
    onTerminate = function(_, ws, e) say("end", e.code, e.reason) end,
  }, { path = "/", maxPayload = 16777216, protocols = { "v1", "v2" } })
]]

local function url(s, path)
  return ("ws%s://127.0.0.1:%d%s"):format(s.tls and "s" or "", s.port, path or "/")
end

-- luaws connect with these words behind it, and what it reads.
local function launch(input, ...)
  return server.launch({ "connect", ... }, { input = input })
end

-- The same, run to its end.
local function connect(input, ...)
  local child = launch(input, ...)
  child:awaitExit()
  return child
end

local function assertRun(child, code, stdout, stderr)
  assert.same({ code = code, stdout = stdout, stderr = stderr },
    { code = child.code, stdout = child.stdout, stderr = child.stderr })
end

describe("luaws connect in a pipe", function()
  it("prints each message as a line and ends with 0 after so many", function()
    local s = server.start(ECHO, { tls = false })
    assertRun(connect("hi\n", url(s), "--count", "1"), 0, "hi\n", "")
    s:expectLines("open nil", "message 2 false", "end 1000 nil")
  end)

  it("prints no more than so many", function()
    local s = server.start(ECHO, { tls = false })
    assertRun(connect("1\n2\n3\n4\n", url(s), "--count=2"), 0, "1\n2\n", "")
  end)

  it("sends each line as it is: no commands, empty ones too, the last one without its newline", function()
    local s = server.start(ECHO, { tls = false })
    local lines = "/quit\n\n//x\n tab\t\r\nÄ\nlast"
    assertRun(connect(lines, url(s), "--count", "6"), 0, lines .. "\n", "")
  end)

  it("waits at the end of stdin until nothing has come for a while", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, e)
        for i = 1, 3 do luaws.sleep(0.3) ws:send(e.data .. i) end
      end, onTerminate = function(_, ws, e) say("end", e.code) end }, { path = "/" })
    ]], { tls = false })
    assertRun(connect("a", url(s)), 0, "a1\na2\na3\n", "")
    s:expectLines("end 1000")
    assertRun(connect("a", url(s), "--wait", "0"), 0, "", "")
    s:expectLines("end 1000")
  end)

  it("waits for ever if it is told to, until the server closes", function()
    local s = server.start([[
      serve({ onOpen = function(_, ws)
        luaws.sleep(1.5)
        ws:send "late"
        ws:terminate(1000, "enough")
      end, onMessage = function() end }, { path = "/" })
    ]], { tls = false })
    assertRun(connect("", url(s), "--wait", "forever"), 0, "late\n", "")
    assertRun(connect("", url(s), "--count", "2"), 1, "late\n",
      "luaws: closed with code 1000: enough, after 1 of 2 messages\n")
  end)

  it("writes binary messages as they are, and sends all of stdin as one", function()
    local s = server.start(ECHO, { tls = false })
    local bytes = "\0\255\n\27[31m\r\n" .. ("x"):rep(100000)
    assertRun(connect(bytes, url(s), "--binary", "--count", "1"), 0, bytes, "")
    s:expectLines("open nil", "message " .. #bytes .. " true")
  end)

  it("lays JSON out with --json, and leaves alone what is none", function()
    local s = server.start(ECHO, { tls = false })
    assertRun(connect('{"b":[1.0,{}],"a":null}\n{x\n', url(s), "--json", "--count", "2"), 0,
      '{\n  "b": [\n    1.0,\n    {}\n  ],\n  "a": null\n}\n{x\n', "")
  end)

  it("has no colours, and lets through what the server sends", function()
    local s = server.start(ECHO, { tls = false })
    assertRun(connect("\27[31m\127\n", url(s), "--count", "1"), 0, "\27[31m\127\n", "")
  end)

  it("tells a line that is no UTF-8, and sends nothing further", function()
    local s = server.start(ECHO, { tls = false })
    assertRun(connect("good\nb\255d\nx\n", url(s), "--wait", "0"), 1, "",
      "luaws: line 2 of stdin is not sent: it is not valid UTF-8\n")
    s:expectLines("open nil", "message 4 false", "end 1000 nil")
  end)

  it("sends the headers, the origin, the subprotocols and the offer of compression", function()
    local s = server.start([[
      serve(nil, { path = "/", protocols = { "v1", "v2" }, origins = "*", compression = true }, {
        onConnection = function(_, _, event)
          local h = event.request.headers
          say(h["x-a"], table.concat(h["x-b"], "+"), h.origin)
          say(h["sec-websocket-protocol"], h["sec-websocket-extensions"])
          return { onOpen = function(_, ws) ws:send(ws.protocol) end, onMessage = function() end }
        end })
    ]], { tls = false })
    assertRun(connect("", url(s), "-H", "X-A: 1", "--header", "X-B: 2", "--header=X-B: 3",
      "--origin", "https://o.example", "--subprotocol", "v2", "--subprotocol", "v1", "--compression", "--count", "1"),
      0, "v1\n", "")
    s:expectLines("1 2+3 https://o.example")
    assert.matches("^v2, ?v1 permessage%-deflate", (s:line()))
  end)

  it("reads slowly what the server doesn't take, and loses nothing of it", function()
    local lines, size = build.pick(3000, 30), build.pick(5000, 50)
    local s = server.start([[
      local count, bytes = 0, 0
      serve({ onMessage = function(_, ws, e)
        count, bytes = count + 1, bytes + #e.data
        if count % 100 == 0 then luaws.sleep(0.01) end
      end, onTerminate = function() say(count, bytes) end }, { path = "/" })
    ]], { tls = false })
    assertRun(connect((("x"):rep(size - 1) .. "\n"):rep(lines), url(s), "--wait", "0"), 0, "", "")
    s:expectLines(("%d %d"):format(lines, lines * (size - 1)))
  end)

  it("ends with 1 when nobody reads what it writes", function()
    local s = server.start([[
      serve({ onOpen = function(_, ws) for _ = 1, 3 do ws:send "x" luaws.sleep(0.1) end end,
        onMessage = function() end, onTerminate = function(_, _, e) say(e.code) end }, { path = "/" })
    ]], { tls = false })
    local child = server.run(nil, { program = { "connect", url(s), "--wait", "forever" }, closeStdout = true })
    assert.same({ 1, "luaws: can't write to stdout: Broken pipe\n" }, { child.code, child.stderr })
    s:expectLines("1001")
  end)

  it("closes politely at a signal", function()
    local s = server.start(ECHO, { tls = false })
    for _, signal in ipairs { "sigint", "sigterm", "sighup" } do
      local child = launch("x\n", url(s), "--wait", "forever")
      child:expectLines("x")
      child:signalProcess(signal)
      child:awaitExit()
      assertRun(child, 0, "x\n", "")
      s:expectLines("open nil", "message 1 false", "end 1001 nil")
    end
  end)
end)

describe("luaws connect ends", function()
  local function close(code, reason, ...)
    local s = server.start(([[
      serve({ onOpen = function(_, ws) ws:send "x" ws:%s end, onMessage = function() end }, { path = "/" })
    ]]):format(code == "destroy" and "destroy()" or ("terminate(%s, %q)"):format(code, reason)), { tls = false })
    return connect("", url(s), "--wait", "forever", ...)
  end

  it("with 0 after a normal close by the server", function()
    assertRun(close(1000, "bye"), 0, "x\n", "")
  end)

  it("with 0 when the server goes away", function()
    local s = server.start(ECHO, { tls = false })
    local child = launch("x\n", url(s), "--wait", "forever")
    child:expectLines("x")
    s:stop()
    child:awaitExit()
    assertRun(child, 0, "x\n", "")
  end)

  it("with 1 and the code after another one, sanitised", function()
    assertRun(close(3000, "bye \27[31m\nnow"), 1, "x\n", "luaws: closed with code 3000: bye \\x1b[31m\\nnow\n")
  end)

  it("with 1 when the connection is lost", function()
    local child = close("destroy")
    assert.equal(1, child.code)
    assert.equal("luaws: the connection is lost\n", child.stderr)
  end)

  it("with 1 and the cause when the server breaks the protocol", function()
    local p = peer.listen()
    local child = launch("", p.url .. "/")
    p:open():write("\x83\x00")
    child:awaitExit()
    assert.equal(1, child.code)
    assert.matches("^luaws: .+\n$", child.stderr)
  end)
end)

describe("luaws connect can't connect", function()
  it("to a closed port, and says why on stderr", function()
    local child = connect("x\n", "ws://127.0.0.1:1/")
    assert.equal(1, child.code)
    assert.equal("", child.stdout)
    assert.matches("^luaws: .*connection refused\n$", child.stderr)
  end)

  it("through a proxy that isn't there", function()
    local child = connect("x\n", "ws://127.0.0.1:1/", "--proxy", "http://127.0.0.1:2")
    assert.equal(1, child.code)
    assert.matches("^luaws: .*proxy.*127%.0%.0%.1:2.*\n$", child.stderr)
  end)

  it("to a path that has no WebSocket server", function()
    local s = server.start(ECHO, { tls = false })
    local child = connect("x\n", url(s, "/none"))
    assert.equal(1, child.code)
    assert.matches("^luaws: .*404.*\n$", child.stderr)
  end)

  it("with a URL that is none, or one of http", function()
    for _, bad in ipairs { "http://127.0.0.1/", "ws://", "ws://a b/", "127.0.0.1:80" } do
      local child = connect("x\n", bad)
      assert.equal(1, child.code)
      assert.matches("^luaws: malformed URL: .+\n$", child.stderr)
    end
  end)

  it("in time, when the server doesn't answer", function()
    local p = peer.listen { read = false }
    local child = connect("x\n", p.url .. "/", "--timeout", "0.2")
    assert.equal(1, child.code)
    assert.matches("^luaws: .+\n$", child.stderr)
  end)

  it("with a wrong command line: 2, and a hint", function()
    assertRun(connect("", "--nonsense"), 2, "", "luaws: unknown option '--nonsense' (see luaws connect --help)\n")
    assertRun(connect(""), 2, "", "luaws: a URL is missing (see luaws connect --help)\n")
    local child = connect("", "ws://127.0.0.1:1/", "--header", "Host: x")
    assert.equal(2, child.code)
    assert.matches("^luaws: .*Host", child.stderr)
  end)
end)

describe("luaws connect over TLS", function()
  local s

  setup(function() s = server.start(ECHO, { tls = true }) end)

  it("believes in --ca", function()
    assertRun(connect("hi\n", url(s), "--count", "1", "--ca", certificates.ca), 0, "hi\n", "")
  end)

  it("refuses a certificate that nobody vouches for", function()
    local child = connect("hi\n", url(s), "--count", "1")
    assert.equal(1, child.code)
    assert.equal("", child.stdout)
    assert.matches("^luaws: .*certificate.*\n$", child.stderr)
  end)

  it("believes anything with --insecure", function()
    assertRun(connect("hi\n", url(s), "--count", "1", "--insecure"), 0, "hi\n", "")
  end)

  it("says which file is missing", function()
    local child = connect("hi\n", url(s), "--ca", "/nonexistent/ca.pem")
    assert.equal(1, child.code)
    assert.truthy(child.stderr:find("/nonexistent/ca.pem", 1, true), child.stderr)
  end)
end)

-- The options that a text names.
local function optionsIn(text)
  local names = {}
  for name in text:gmatch("%f[-]%-%-%l[%l-]+") do names[name] = true end
  return names
end

describe("luaws connect --help", function()
  it("goes to stdout", function()
    local child = connect("", "--help")
    assert.equal(0, child.code)
    assert.equal("", child.stderr)
    assert.matches("^usage: luaws connect ", child.stdout)
  end)

  it("has the options that the manual and the documentation have", function()
    local said = optionsIn(connect("", "--help").stdout)
    assert.truthy(said["--count"])
    local manual = readFile("man/luaws.1"):gsub("\\", ""):match("\n%.SH CONNECT\n(.-)\n%.SH ")
    assert.same(said, optionsIn(manual))
    local page = readFile("docs/connect.md"):match("\n## Options\n(.-)\n## ")
    assert.same(said, optionsIn(page))
  end)
end)
