-- examples/relay.lua: what one side says the other side hears, and neither is heard faster than the other one listens.

local uv = require "luv"
local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local peer = require "spec.support.peer"
local server = require "spec.support.server"

local MIB = 1024 * 1024

local function start(upstream)
  return server.startFile("examples/relay.lua", { scriptArgs = { upstream.url } })
end

-- A client of the relay, and the server behind it, which is a peer of this spec's.
local function connect(s, upstream, path, headers, answer)
  local opening = async.spawn(client.open, s, path or "/", headers)
  local behind = upstream:open(answer)
  return opening:join(), behind
end

describe("examples/relay.lua", function()
  local upstream, s

  before_each(function()
    upstream = peer.listen()
    s = start(upstream)
  end)

  it("passes messages of both kinds both ways, in order", function()
    local c, behind = connect(s, upstream)
    local large = ("x"):rep(build.pick(200000, 300))
    for from, to in pairs { [c] = behind, [behind] = c } do
      for _, text in ipairs { "one", "", "zwölf", large } do
        from:send(text)
        from:sendBinary(text .. "\xff")
      end
      for _, text in ipairs { "one", "", "zwölf", large } do
        assert.same({ text, false }, { to:receive() })
        assert.same({ text .. "\xff", true }, { to:receive() })
      end
    end
  end)

  it("passes on path, query and subprotocols, and the answer to those", function()
    local _, behind = connect(s, upstream, "/a/b%20c?x=1&y", { ["Sec-WebSocket-Protocol"] = "chat.v2, chat.v1" },
      { ["Sec-WebSocket-Protocol"] = "chat.v1" })
    assert.equal("/a/b%20c?x=1&y", behind.request.path)
    assert.equal("chat.v2, chat.v1", behind.request.headers["sec-websocket-protocol"])
  end)

  it("closes one side when the other one does, behind what has been said", function()
    local c, behind = connect(s, upstream)
    c:send("last words")
    c:sendClose(4001, "tired")
    assert.equal("last words", behind:receive())
    behind:expectClose(4001, "tired")
    c:expectCloseFrame(4001, "tired")
    c:expectEof()

    c, behind = connect(s, upstream)
    behind:send("last words")
    behind:sendClose(1000)
    assert.equal("last words", c:receive())
    c:expectClose(1000)
    behind:expectCloseFrame(1000)
  end)

  it("tells one side that the other one is lost, or leaves without a good word", function()
    for _, leave in ipairs { function(side) side:reset() end, function(side) side:sendClose(1001) end } do
      local c, behind = connect(s, upstream)
      leave(c)
      behind:expectClose(4000, "the other side has gone")
      c, behind = connect(s, upstream)
      leave(behind)
      c:expectClose(4000, "the other side has gone")
    end
    local c, behind = connect(s, upstream)
    c:sendClose() -- without a code
    behind:expectClose(1000)
  end)

  it("leaves the server behind when the client doesn't wait for its answer", function()
    local c = client.connect(s)
    c:sendRequest({ headers = client.upgradeHeaders() })
    local behind = upstream:accept()
    behind:readRequest()
    c:reset()
    behind:readAll() -- to its end
  end)

  it("refuses a client with 502 when the server behind can't be reached", function()
    upstream:close()
    local _, answer = client.handshake(s, "/")
    assert.equal(502, answer.status)
    s:awaitLog("connection refused")
  end)
end)

-- A number, so that nothing can be missing, twice, or out of order, and what fills up.
local FILL = ("0123456789abcdef"):rep(build.pick(4096, 8))
local function message(i) return ("%08d"):format(i) .. FILL end

local COUNT = build.pick(32 * MIB // #FILL, 200)

-- Says all messages, as fast as they are taken; .sent counts those that are out of this process.
local function gush(from)
  local source = { sent = 0 }
  local sayNext
  function sayNext()
    if source.sent == COUNT then return end
    local frame = { opcode = client.BINARY, payload = message(source.sent + 1) }
    local bytes = getmetatable(from) == client.Client and client.frame(frame) or peer.frame(frame)
    from.stream:write(bytes, function(err)
      if err then return end
      source.sent = source.sent + 1
      sayNext()
    end)
  end
  sayNext()
  return source
end

-- Waits until the source hasn't got rid of anything for a while: everything between is full.
local function awaitStall(source)
  local last
  repeat
    last = source.sent
    async.sleep(async.seconds(0.3))
  until source.sent == last
  return last
end

local function assertAllArrive(to)
  for i = 1, COUNT do
    local data, isBinary = to:receive(30)
    assert.is_true(isBinary)
    if data ~= message(i) then error(("message %d has come in the place of %d"):format(data:sub(1, 8), i)) end
  end
end

describe("examples/relay.lua between a fast source and a slow sink", function()
  for _, direction in ipairs { "from the server to the client", "from the client to the server" } do
    it("loses nothing and stays small, " .. direction, function()
      local upstream = peer.listen()
      local s = start(upstream)
      local c, behind = connect(s, upstream)
      local from, to = behind, c
      if direction:find("^from the client") then from, to = c, behind end
      from:send("warm")
      assert.equal("warm", (to:receive()))

      local before = s:memory()
      s:resetPeak()
      to:pause()
      local source = gush(from)
      local stalled = awaitStall(source)
      if not build.isTiny then assert.is_true(stalled < COUNT, "the source was not held up") end
      to:resume()
      assertAllArrive(to)
      local _, peak = s:memory()
      if async.seconds(1) == 1 then -- a sanitizer's own memory says nothing
        assert.is_true(peak - before < 8, ("it took %.1f MiB more"):format(peak - before))
      end
      assert.equal(COUNT, source.sent)
      to:send("and back")
      assert.equal("and back", (from:receive()))
    end)
  end

  it("is no slower for others meanwhile", function()
    local upstream = peer.listen()
    local s = start(upstream)
    local c, behind = connect(s, upstream)
    c:pause()
    awaitStall(gush(behind))
    local other, otherBehind = connect(s, upstream)
    for i = 1, 20 do
      other:send("ping " .. i)
      assert.equal("ping " .. i, (otherBehind:receive()))
      otherBehind:send("pong " .. i)
      assert.equal("pong " .. i, (other:receive()))
    end
    uv.update_time()
    c:reset()
    behind:drop()
  end)
end)
