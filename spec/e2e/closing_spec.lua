-- The end of a connection while its handler still answers: what goes out before the close frame, and how long it
-- may take.

local attempts = require "spec.support.attempts"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

local QUICK = 0.5 -- seconds for a closing handshake beside a script that is stuck

-- The scripts' LARGE is more than the kernel keeps for who doesn't read. It is sent as binary, so that a slow build
-- has little to do for it.
local LARGE = 5 * 1024 * 1024

-- A message that is a Lua chunk is run with ws; others are echoed.
local ANSWERING = [[
  local uv = require "luv"
  LARGE = ("x"):rep(5 * 1024 * 1024)
  function compute(seconds)
    local stop = uv.hrtime() + seconds * 1e9
    while uv.hrtime() < stop do end
  end
  local Handler = {}
  Handler.__index = Handler
  function Handler:onMessage(ws, event)
    local code = load("local ws = ... " .. event.data)
    if code then code(ws) else ws:send(event.data) end
  end
  function Handler:onTerminate(ws, event) say("terminate", event.code, event.reason, event.wasClean) end
  serve(Handler, { closeTimeout = 3, path = "/ws" })
]]

local function text(payload)
  return client.frame({ opcode = client.TEXT, payload = payload })
end

local ENDS = {
  { "the peer's close", client.frame({ opcode = client.CLOSE, payload = client.closePayload(4000, "bye") }),
    code = 4000, terminate = "terminate 4000 bye true" },
  { "a mistake of the peer's", client.frame({ opcode = 3 }), code = 1002, terminate = "terminate 1002 nil false" },
}

for _, ending in ipairs(ENDS) do
  describe("before the answer to " .. ending[1], function()
    local s, c

    before_each(function()
      s = server.start(ANSWERING)
      c = client.open(s, "/ws")
    end)

    local function expectEnd()
      c:expectFail(ending.code)
      s:expectLines(ending.terminate)
    end

    for _, slowly in ipairs({ false, true }) do
      it("the message before it is answered" .. (slowly and ", byte by byte" or ""), function()
        c:write(text("answer me!") .. ending[2], slowly)
        assert.equal("answer me!", c:receive())
        expectEnd()
      end)
    end

    it("a thousand messages are", function()
      local frames = {}
      for i = 1, 1000 do frames[i] = text(i .. "!") end
      c:write(table.concat(frames) .. ending[2])
      for i = 1, 1000 do assert.equal(i .. "!", c:receive()) end
      expectEnd()
    end)

    it("what is sent to several at once goes out to this one, too", function()
      local other = client.open(s, "/ws")
      c:write(text("for _, each in ipairs(ws.wss.connections) do each:send 'to all' end ws.wss:broadcast 'more'")
        .. ending[2])
      for _, each in ipairs({ c, other }) do assert.same({ "to all", "more" }, each:receiveMany(2)) end
      expectEnd()
    end)

    it("an answer that the kernel doesn't take at once is sent whole, also to a peer that half-closes", function()
      c:pause()
      c:write(text("ws:send(LARGE, true) say 'sent'") .. ending[2])
      c:halfClose()
      s:expectLines("sent")
      c:resume()
      assert.equal(LARGE, #c:receive())
      expectEnd()
    end)

    it("a callback that waits isn't waited for", function()
      c:write(text("say(luaws.sleep(60))") .. ending[2])
      c:expectFail(ending.code)
      s:expectLines("nil closed", ending.terminate)
    end)

    it("terminate comes too late", function()
      if build.isTiny then pending("it comes before the peer's close frame has been read") end
      c:write(text("ws:send 'bye' ws:terminate(3000)") .. ending[2])
      assert.equal("bye", c:receive())
      expectEnd()
    end)

    it("a connection that is lost meanwhile is told of once, as not clean", function()
      local stuck = client.open(s, "/ws")
      stuck:send("spin()")
      s:expectLines("spins")
      c:write(text("answer me!") .. ending[2])
      c:flush()
      for _ = 1, 20 do stuck:ping() end -- until all of it has been read, be it three bytes at a time
      c:reset()
      s:release()
      s:expectLines((ending.terminate:gsub("true$", "false")))
      stuck:send("say 'and that was all'")
      s:expectLines("and that was all")
    end)
  end)
end

describe("a script that is stuck", function()
  it("isn't waited for where answers may be due, and not at all elsewhere; onTerminate follows when it goes on",
    function()
      local s = server.start(ANSWERING)
      local stuck, ended, idle, expected = client.open(s, "/ws"), {}, {}, {}
      for i = 1, attempts.COUNT do
        idle[i] = client.open(s, "/ws")
        idle[i]:send("answered long ago")
        assert.equal("answered long ago", idle[i]:receive())
      end
      for i in ipairs(ENDS) do ended[i] = client.open(s, "/ws") end
      stuck:send("spin()")
      s:expectLines("spins")
      attempts.within(QUICK, "the close of an idle connection", function(i)
        expected[i] = "terminate 4000 nil true"
        return attempts.time(idle[i].close, idle[i], 4000)
      end)
      for i, ending in ipairs(ENDS) do ended[i]:write(text("too late!") .. ending[2]) end
      for i, ending in ipairs(ENDS) do
        ended[i]:expectFail(ending.code)
        expected[#expected + 1] = ending.terminate
      end
      s:release()
      local lines = {}
      for i = 1, #expected do lines[i] = s:line() end
      table.sort(lines)
      table.sort(expected)
      assert.same(expected, lines)
    end)
end)

describe("the peer's close", function()
  it("waits for a script that is only slow", function()
    local s = server.start(ANSWERING)
    attempts.below(1, "answers that it hasn't waited for", function()
      local c, count = client.open(s, "/ws"), 0
      c:write(text("compute(0.1) ws:send 'worked'"):rep(15) .. ENDS[1][2]) -- each in time, all together not
      local frame = c:receiveFrame()
      while frame.opcode == client.TEXT do
        assert.equal("worked", frame.payload)
        count = count + 1
        frame = c:receiveFrame()
      end
      assert.same({ client.CLOSE, client.closePayload(4000, "bye") }, { frame.opcode, frame.payload })
      s:expectLines(ENDS[1].terminate)
      return 15 - count
    end)
  end)

  it("is told with its reason whole, a NUL in it, and answered so", function()
    local s = server.start([[
      serve({ onMessage = function() end, onTerminate = function(_, _, event)
        say(("%q"):format(event.reason))
      end })
    ]])
    local c = client.open(s, "/")
    c:sendClose(4000, "a\0b")
    c:expectFail(4000, "a\0b")
    s:expectLines('"a\\0b"')
  end)

  it("that comes while a large answer goes out ends it behind that, though the peer half-closes", function()
    local s = server.start(ANSWERING)
    local c = client.open(s, "/ws")
    c:pause()
    c:send("ws:send(LARGE, true) say 'sent'")
    s:expectLines("sent")
    c:sendClose(4000)
    c:halfClose()
    c:resume()
    assert.equal(LARGE, #c:receive())
    c:expectFail(4000)
    s:expectLines("terminate 4000 nil true")
  end)
end)

describe("onTerminate comes once, with the code of the close begun first, when the peer", function()
  local COUNTING = [[
    local opened, terminated = 0, 0
    LARGE = ("x"):rep(5 * 1024 * 1024)
    local Handler = {}
    Handler.__index = Handler
    function Handler:onOpen() opened = opened + 1 end
    function Handler:onMessage(ws, event)
      local code = load("local ws = ... " .. event.data)
      if code then code(ws) else ws:send(event.data) end
    end
    function Handler:onTerminate(ws, event)
      terminated = terminated + 1
      say("terminate", event.code, event.wasClean)
    end
    function count(ws) ws:send(opened .. " opened, " .. terminated .. " terminated") end
    serve(Handler, { closeTimeout = %g, path = "/ws" })
  ]]
  local s, opened

  local function start(closeTimeout)
    s, opened = server.start(COUNTING:format(closeTimeout)), 0
  end

  local function startImpatient() start(0.3) end -- for clients that do nothing

  before_each(function() s = nil end)

  local function open()
    if not s then start(60) end
    opened = opened + 1
    return client.open(s, "/ws")
  end

  local function openUnread()
    local c = open()
    c.stream:recv_buffer_size(65536)
    c:pause()
    return c
  end

  local function expectOnce(line)
    s:expectLines(line)
    local c = open()
    c:send("count(ws)")
    assert.equal(("%d opened, %d terminated"):format(opened, opened - 1), c:receive())
    c:close(1000)
    s:expectLines("terminate 1000 true")
  end

  local WIRE = client.frame({ opcode = client.TEXT, fin = false, payload = "Hel" })
    .. client.frame({ opcode = client.PING, payload = "p" })
    .. client.frame({ opcode = client.CONTINUATION, payload = ("lo"):rep(70) })

  for how, leave in pairs({
    ["resets"] = function(c) c:reset() end, ["ends"] = function(c) c:drop() end,
    ["half-closes"] = function(c) c:halfClose() end,
  }) do
    it(how .. " its socket, wherever in a message", function()
      for cut = 0, 40 do
        local c = open()
        c:write(WIRE:sub(1, cut))
        leave(c)
        s:expectLines("terminate 1006 false")
      end
      local c = open()
      c:close(4000)
      expectOnce("terminate 4000 true")
    end)
  end

  it("resets it wherever in its close frame", function()
    local close = client.frame({ opcode = client.CLOSE, payload = client.closePayload(4000, "bye") })
    for cut = 0, #close - 1 do
      local c = open()
      c:write(close:sub(1, cut))
      c:reset()
      s:expectLines("terminate 1006 false")
    end
    local c = open()
    c:write(close, true)
    c:expectFail(4000)
    expectOnce("terminate 4000 true")
  end)

  it("never answers our close", function()
    startImpatient()
    local c = open()
    c:send("ws:terminate(3000)")
    c:expectCloseFrame(3000)
    expectOnce("terminate 3000 false")
  end)

  it("never answers our close, and goes on sending", function()
    startImpatient()
    local c = open()
    c:write(text("ws:terminate(3000)") .. text("more"):rep(1000))
    c:expectCloseFrame(3000)
    c:write(text("and more"):rep(1000) .. client.frame({ opcode = client.PING, payload = "p" }))
    expectOnce("terminate 3000 false")
  end)

  it("never reads, and we close", function()
    startImpatient()
    local c = openUnread()
    c:send("ws:send(LARGE, true) ws:terminate(3000)")
    expectOnce("terminate 3000 false")
  end)

  it("never reads, and closes", function()
    startImpatient()
    local c = openUnread()
    c:write(text("ws:send(LARGE, true)"))
    c:sendClose(4000)
    expectOnce("terminate 4000 false")
  end)

  it("never reads, and breaks the protocol", function()
    startImpatient()
    local c = openUnread()
    c:write(text("ws:send(LARGE, true)") .. client.frame({ opcode = 3 }))
    expectOnce("terminate 1002 false")
  end)

  it("breaks the protocol after our close", function()
    local c = open()
    c:send("ws:terminate(3000)")
    c:expectCloseFrame(3000)
    c:sendFrame({ opcode = 3 })
    c:expectEof()
    expectOnce("terminate 3000 false")
  end)

  it("sends a bad close frame after our close", function()
    local c = open()
    c:send("ws:terminate(3000)")
    c:expectCloseFrame(3000)
    c:sendClose(1006)
    c:expectEof()
    expectOnce("terminate 3000 false")
  end)

  it("half-closes behind the answer to our close", function()
    local c = open()
    c:send("ws:terminate(3000)")
    c:expectCloseFrame(3000)
    c:sendClose(3000)
    c:halfClose()
    c:expectEof()
    expectOnce("terminate 3000 true")
  end)

  it("half-closes instead of answering our close", function()
    local c = open()
    c:send("ws:terminate(3000)")
    c:expectCloseFrame(3000)
    c:halfClose()
    expectOnce("terminate 3000 false")
  end)
end)
