-- The end of a connection while its handler still answers: what goes out before the close frame, and how long it
-- may take.

local uv = require "luv"
local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

local QUICK = 0.5 -- a closing handshake beside a script that is stuck

-- A message that is a Lua chunk is run with ws; others are echoed.
local ANSWERING = [[
  local uv = require "luv"
  function spin(seconds)
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

    it("messages that take long together are", function()
      c:write(text("spin(0.01) ws:send 'worked'"):rep(50) .. ending[2])
      for _ = 1, 50 do assert.equal("worked", c:receive()) end
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
      c:write(text("ws:send(('x'):rep(8 * 1024 * 1024)) say 'sent'") .. ending[2])
      c:halfClose()
      s:expectLines("sent")
      c:resume()
      assert.equal(8 * 1024 * 1024, #c:receive())
      expectEnd()
    end)

    it("nothing is waited for while the script is stuck, and onTerminate follows when it is not", function()
      local stuck = client.open(s, "/ws")
      stuck:send("say 'spins' spin(1)")
      s:expectLines("spins")
      local start = uv.hrtime()
      c:write(text("too late!") .. ending[2])
      c:expectFail(ending.code)
      local took = (uv.hrtime() - start) / 1e9
      assert.is_true(took < async.seconds(QUICK), ("it took %.3f s"):format(took))
      s:expectLines(ending.terminate)
    end)

    it("nor for a callback that waits", function()
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
      stuck:send("say 'spins' spin(0.3)")
      s:expectLines("spins")
      c:write(text("answer me!") .. ending[2])
      c:flush()
      c:reset()
      s:expectLines((ending.terminate:gsub("true$", "false")))
      stuck:send("say 'and that was all'")
      s:expectLines("and that was all")
    end)
  end)
end

describe("the peer's close", function()
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
    c:send("ws:send(('x'):rep(8 * 1024 * 1024)) say 'sent'")
    s:expectLines("sent")
    c:sendClose(4000)
    c:halfClose()
    c:resume()
    assert.equal(8 * 1024 * 1024, #c:receive())
    c:expectFail(4000)
    s:expectLines("terminate 4000 nil true")
  end)
end)
