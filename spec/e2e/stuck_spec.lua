-- While the script computes, the reactor goes on: pongs, closing handshakes, pages and refusals stay quick.

local uv = require "luv"
local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

-- The issue says 100 ms; five times that leaves room for a busy machine.
local QUICK = 0.5
local SPIN = 3

local function timed(what, action)
  local start = uv.hrtime()
  action()
  local took = (uv.hrtime() - start) / 1e9
  assert.is_true(took < async.seconds(QUICK), ("%s took %.3f s"):format(what, took))
end

describe("a script that computes for 3 s", function()
  it("holds back no pong, closing handshake, static file or 404 of other connections", function()
    local root = server.folder({ ["a.txt"] = "a" })
    local s = server.start(([[
      local uv = require "luv"
      assert(luaws.webServer:start { root = %q })
      serve({ onMessage = function(_, ws)
        say "spins"
        local stop = uv.hrtime() + %d * 1e9
        while uv.hrtime() < stop do end
        ws:send "done"
      end, onTerminate = function(_, _, event) say("terminate", event.code) end }, { path = "/ws" })
    ]]):format(root, SPIN))
    local stuck, pings, closes = client.open(s, "/ws"), client.open(s, "/ws"), client.open(s, "/ws")
    local idle = client.connect(s)
    stuck:send("spin")
    s:expectLines("spins")
    local start = uv.hrtime()
    timed("a pong", function() pings:ping("p") end)
    timed("the stuck connection's pong", function()
      stuck:sendFrame({ opcode = client.PING, payload = "s" })
      assert.equal("s", stuck:receiveFrame().payload)
    end)
    timed("a closing handshake", function() closes:close(4000) end)
    timed("a static file", function() assert.equal("a", client.get(s, "/a.txt").body) end)
    timed("a 404", function() assert.equal(404, client.get(s, "/none").status) end)
    timed("a 404 on an open connection", function()
      idle:sendRequest({ path = "/none" })
      assert.equal(404, idle:response().status)
    end)
    timed("a refused upgrade", function()
      assert.equal(404, (select(2, client.handshake(s, "/none"))).status)
    end)
    timed("a malformed frame", function()
      pings:sendFrame({ opcode = 3 })
      pings:expectFail(1002)
    end)
    assert.is_true((uv.hrtime() - start) / 1e9 < SPIN, "all of that while it was spinning")
    assert.equal("done", stuck:receive())
    local ended = { [s:line()] = true, [s:line()] = true }
    assert.same({ ["terminate 4000"] = true, ["terminate 1002"] = true }, ended)
  end)

  it("is sent no more than it can hold: senders wait, and nothing is lost", function()
    local count = build.pick(600, 20)
    local s = server.start(([[
      local uv = require "luv"
      local count, bytes = 0, 0
      serve({ onMessage = function(_, ws, event)
        if event.data == "spin" then
          say "spins"
          local stop = uv.hrtime() + 1.5e9
          while uv.hrtime() < stop do end
          return
        end
        count, bytes = count + 1, bytes + #event.data
        if count == %d then say("all", bytes) end
      end }, { path = "/ws" })
    ]]):format(4 * count))
    local stuck, clients = client.open(s, "/ws"), {}
    for i = 1, count do clients[i] = client.open(s, "/ws") end
    stuck:send("spin")
    s:expectLines("spins")
    local frame = client.frame({ opcode = client.BINARY, payload = ("x"):rep(60000) })
    for _, c in ipairs(clients) do c:write(frame:rep(4)) end -- 144 MB in all
    assert.equal("all " .. 4 * count * 60000, (s:line(30)))
    s:assertPeakBelow(115)
  end)

  it("stops no clock: pings go out, the dead are dropped, the slow are cut off, and it hears of that later", function()
    local s = server.start([[
      local uv = require "luv"
      assert(luaws.webServer:start { handshakeTimeout = 0.3, keepAliveTimeout = 0.3 })
      serve({ onMessage = function(_, ws, event)
        if event.data ~= "spin" then return ws:send(event.data) end
        say "spins"
        local stop = uv.hrtime() + 3e9
        while uv.hrtime() < stop do end
        say "done"
      end, onTerminate = function(_, ws, event) say("terminate", event.code, ws.path) end,
      }, { path = "/:who", pingInterval = 0.2, pongTimeout = 0.4, answerTimeout = 0.5 })
    ]], { workers = 1 })
    local stuck, alive, dead = client.open(s, "/stuck"), client.open(s, "/alive"), client.open(s, "/dead")
    local keptAlive = client.connect(s)
    keptAlive:sendRequest({ path = "/a/b" })
    assert.equal(404, keptAlive:response().status)
    stuck:send("spin")
    s:expectLines("spins")
    local start = uv.hrtime()
    local silent, asking = client.connect(s), client.connect(s)
    asking:sendRequest({ path = "/late", headers = client.upgradeHeaders() })
    local answers = async.spawn(function()
      repeat
        local frame = alive:receiveFrame()
        assert.is_true(frame.opcode == client.PING or frame.opcode == client.TEXT)
        if frame.opcode == client.PING then alive:sendFrame({ opcode = client.PONG, payload = frame.payload }) end
        if frame.opcode == client.PING then stuck:sendFrame({ opcode = client.PONG, payload = frame.payload }) end
      until frame.payload == "still here"
    end)
    assert.equal("\x89\0", (dead:readAll()))
    silent:expectEof()
    keptAlive:expectEof()
    assert.equal(503, asking:response().status)
    assert.is_true((uv.hrtime() - start) / 1e9 < 3, "all of that while it was spinning")
    alive:send("still here")
    answers:join()
    local told = { s:line(), s:line(), s:line() }
    table.sort(told)
    assert.same({ "done", "terminate 1006 /dead", "terminate 1006 /late" }, told)
  end)

  it("is told of no more requests than it can hold: others get 503, and a line in the log says so", function()
    if build.isTiny then pending("90 MB, 3 bytes at a time") end
    local s = server.start([[
      local uv = require "luv"
      assert(luaws.webServer:start { handler = { onRequest = function(_, _, event)
        return event.request.method == "POST" and "taken" or nil
      end } })
      serve({ onMessage = function()
        say "spins"
        repeat until uv.fs_stat(arg[0] .. ".go")
      end }, { path = "/ws" })
    ]])
    client.open(s, "/ws"):send("spin")
    s:expectLines("spins")
    local text = client.connect(s):requestText({ method = "POST", body = ("x"):rep(1024 * 1024) })
    local clients = {}
    for i = 1, 90 do clients[i] = client.connect(s):write(text) end
    s:awaitLog("refused a request with 503")
    assert.equal(503, select(2, client.handshake(s, "/ws")).status)
    assert(io.open(s.folder .. "/script.lua.go", "w")):close()
    local counts = { [200] = 0, [503] = 0 }
    for _, c in ipairs(clients) do
      local status = c:response().status
      counts[status] = counts[status] + 1
    end
    assert.is_true(counts[200] > 50 and counts[503] > 10, counts[200] .. " taken, " .. counts[503] .. " refused")
    async.eventually(function() return select(2, client.handshake(s, "/ws")).status == 101 end)
  end)

  it("does not let clients be accepted and forgotten: a new one is answered when it is done", function()
    local s = server.start([[
      local uv = require "luv"
      serve({ onMessage = function()
        say "spins"
        local stop = uv.hrtime() + 0.5e9
        while uv.hrtime() < stop do end
      end }, { path = "/ws" })
    ]])
    local stuck = client.open(s, "/ws")
    stuck:send("spin")
    s:expectLines("spins")
    client.open(s, "/ws")
  end)
end)
