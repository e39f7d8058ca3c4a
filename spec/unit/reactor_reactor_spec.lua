-- src/reactor: a whole reactor whose worker is an echo in C. What is counted is the data path.

local uv = require "luv"
local reactor = require("probe").reactor
local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"

local CONNECTIONS, EACH = 100, 100

-- An echo that serves whenever something comes. Its counters are in the table returned.
local function startEcho(clocks)
  local echo = reactor.echo(clocks)
  local counters = {}
  local function serve()
    counters.messages, counters.events, counters.commands, counters.allocations = echo:serve(0)
  end
  local poll = assert(uv.new_poll(echo:fd()))
  serve() -- leaves its mailbox asleep, so that what comes makes fd readable
  poll:start("r", serve)
  async.defer(function()
    poll:stop()
    poll:close()
    echo:close()
  end)
  return echo, counters
end

describe("the data path", function()
  it("crosses in few blocks, without an allocation a message", function()
    if build.isTiny then pending("a turn reads 3 bytes") end
    local echo, counters = startEcho()
    local frames, echoes = {}, {}
    for i = 1, EACH do
      local text = ("message %3d"):format(i)
      frames[i] = client.frame { opcode = client.TEXT, payload = text }
      echoes[i] = text
    end
    local bytes, clients = table.concat(frames), {}
    for i = 1, CONNECTIONS do clients[i] = client.open(echo:port(), "/") end
    local function round()
      for _, c in ipairs(clients) do c:write(bytes) end
      for _, c in ipairs(clients) do assert.same(echoes, c:receiveMany(EACH)) end
    end
    round() -- pays for what is allocated once
    local before = {}
    for name, value in pairs(counters) do before[name] = value end
    round()
    assert.equal(CONNECTIONS * EACH, counters.messages - before.messages)
    assert.is_true(counters.events - before.events <= 200, "blocks of events")
    assert.is_true(counters.commands - before.commands <= 200, "blocks of commands")
    assert.is_true(counters.allocations - before.allocations <= 200, "allocations")
  end)
end)

-- No setting changes these clocks: 30 s and 60 s for users.
describe("the clock of a request's body", function()
  it("ends it with 408, however it trickles", function()
    local c = client.connect(startEcho({ requestTimeout = 300 }):port())
    c:sendRequest({ method = "POST", headers = { ["Content-Length"] = "1000" } })
    local task = async.spawn(function()
      while not c.ended do
        c:write("x")
        async.sleep(0.02)
      end
    end)
    assert.equal(408, c:response().status)
    c:readAll()
    task:join()
  end)
end)

describe("the clock of onRequest", function()
  it("answers with 503, and ends the connection", function()
    local c = client.connect(startEcho({ requestTimeout = 100 }):port())
    c:sendRequest({ path = "/wait" })
    assert.equal(503, c:response().status)
    c:expectEof()
  end)
end)

describe("the clock of a response", function()
  local SIZE = 20000000 -- more than the kernel takes

  it("drops a client that takes nothing", function()
    local c = client.connect(startEcho({ responseTimeout = 200 }):port())
    c:pause()
    local start = uv.hrtime()
    c:sendRequest({ path = "/bytes/" .. SIZE })
    repeat -- who doesn't read sees the reset when it writes
      async.sleep(0.02)
      local err = async.await(function(done) c.stream:write("x", done) end)
    until err
    assert.is_true(uv.hrtime() - start > 0.19e9)
  end)

  it("leaves one alone that takes a little, again and again", function()
    local c = client.connect(startEcho({ responseTimeout = 2000 }):port())
    c:sendRequest({ path = "/bytes/" .. SIZE })
    c:readUntil("\r\n\r\n")
    local got, start = 0, uv.hrtime()
    while got < SIZE do
      c:pause()
      async.sleep(0.23)
      c:resume()
      local n = math.min(2000000, SIZE - got)
      c:read(n)
      got = got + n
    end
    assert.is_true(uv.hrtime() - start > 2.2e9)
  end)
end)

describe("the clock of a lingering connection", function()
  it("ends it though the peer sends no FIN, also where closeTimeout is off", function()
    local port = startEcho({ lingerTimeout = 200 }):port()
    local plain, failed = client.connect(port), client.open(port, "/")
    plain:sendRequest({ path = "/bytes/10", headers = { Connection = "close" } })
    failed:sendFrame({ opcode = 3 })
    for _, c in ipairs({ plain, failed }) do
      c:readAll() -- their FIN has come; ours doesn't go
      local err
      repeat
        async.sleep(0.02)
        err = async.await(function(done) c.stream:write("x", done) end)
      until err
    end
  end)
end)
