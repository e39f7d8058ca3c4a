-- --memory-limit: what a script wants beyond it is an error in one callback; the server goes on.

local async = require "spec.support.async"
local build = require "spec.support.build"
local client = require "spec.support.client"
local server = require "spec.support.server"

local LIMIT = 24 -- MiB

local function limited(code, options)
  options = options or {}
  options.args = { "--memory-limit", LIMIT .. "M" }
  local s = server.start(([[
    kept = {}
    local Hungry = luaws.class "Hungry"
    function Hungry:onMessage(ws, event)
      if event.data == "ok?" then return ws:send "ok" end
      %s
    end
    function Hungry:onError(ws, event)
      local e = event.errors[1]
      ws:send(("%%s %%s %%s"):format(e.componentSignature, e.errCode, e.message))
    end
    serve(Hungry.new())
  ]]):format(code), options)
  return s, client.open(s, "/")
end

-- Where memory is full for good, onError may still find room for its answer, or may not.
local function pingsBack(c)
  c:sendFrame({ opcode = client.PING, payload = "there?" })
  local frame = c:receiveFrame(60)
  while frame.opcode == client.TEXT do
    assert.matches("^LUAW 7 .*not enough memory", frame.payload)
    frame = c:receiveFrame(60)
  end
  assert.same({ client.PONG, "there?" }, { frame.opcode, frame.payload })
end

local BOMBS = {
  ["a table that grows"] = "local t = {} while true do t[#t + 1] = { #t } end",
  ["a string that doubles"] = "local x = 'x' while true do x = x .. x end",
  ["string.rep"] = "local x = ('x'):rep(1 << 30)",
  ["string.rep beyond all"] = "local x = ('x'):rep(math.maxinteger // 2)",
  ["table.concat"] = "local x, t = ('x'):rep(100000), {} for i = 1, 1000 do t[i] = x end table.concat(t)",
  ["string.format"] = "local x = ('x'):rep(1 << 20) for i = 1, 100 do x = ('%s%s'):format(x, x) end",
  ["string.gsub"] = "local x = ('x'):rep(1 << 16):gsub('x', ('y'):rep(1 << 16))",
  ["deep recursion"] =
    "local function f(n) local a, b, c, d, e = n, n, n, n, n return 1 + f(n + 1) + a + b + c + d + e end f(1)",
  ["coroutines"] = "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
  ["a wrapped coroutine"] = "coroutine.wrap(function() local t = {} while true do t[#t + 1] = { #t } end end)()",
  ["closures"] = "local t = {} while true do local x = #t t[x + 1] = function() return x end end",
  ["load"] = "local t = {} while true do t[#t + 1] = assert(load('return ' .. #t)) end",
  ["decoding JSON"] = "luaws.json.decode('[' .. ('{},'):rep(1 << 20) .. '0]')",
}

describe("--memory-limit", function()
  for what, code in pairs(BOMBS) do
    it("makes " .. what .. " an error in the callback, and there is room again", function()
      local s, c = limited(code)
      for _ = 1, 2 do
        c:send("go")
        local message = c:receive(60)
        local isOwn = message:match("^LUAW 7 .*script%.lua:%d+: not enough memory: Lua may have 24 MiB %(%-%-mem")
        assert.truthy(isOwn or what == "load" or message:match("too large") or message:match("overflow"), message)
        c:send("ok?")
        assert.equal("ok", (c:receive()))
      end
      s:awaitLog("error Hungry:onMessage, connection 1 from 127.0.0.1")
    end)
  end

  it("says where, with the source and the way there", function()
    local s, c = limited("local t = {} while true do t[#t + 1] = { #t } end")
    c:send("go")
    c:receive()
    s:awaitLog("  stack traceback:")
    assert.matches("    > 5 |       local t = {} while true do", s.stderr)
    assert.matches("script.lua:5: in method 'onMessage'", s.stderr)
  end)

  it("leaves a callback that catches the error to go on", function()
    local s, c = limited([[
      local results = {}
      for i = 1, 5 do
        local ok, message = pcall(function() local t = {} while true do t[#t + 1] = { #t } end end)
        results[i] = tostring(ok) .. " " .. message
      end
      ws:send(table.concat(results, ", "))]])
    c:send("go")
    assert.equal(("false not enough memory, "):rep(5):sub(1, -3), (c:receive(60)))
    assert.not_matches("error", s.stderr)
  end)

  it("fails every callback that needs more, as long as it is full, and none afterwards", function()
    local _, c = limited([[
      if event.data == "fill" then while true do kept[#kept + 1] = ("x"):rep(1000000) .. #kept end end
      if event.data == "free" then kept = {} return ws:send "freed" end
      ws:send(#("x"):rep(4000000) .. " there")]])
    c:send("fill")
    assert.matches("^LUAW 7", (c:receive(60)))
    c:send("more")
    assert.matches("^LUAW 7", (c:receive(60)))
    c:send("free")
    assert.equal("freed", (c:receive(60)))
    async.eventually(function()
      c:send("more")
      return c:receive(60) == "4000000 there"
    end)
  end)

  it("refuses connections with 503 while it is full, with a line in the log; those that are there stay", function()
    local s, c = limited([[
      if event.data == "fill" then
        pcall(function() while true do kept[#kept + 1] = ("x"):rep(10000) .. #kept end end)
        pcall(function() while true do kept[#kept + 1] = ("x"):rep(100) .. #kept end end)
        return
      end
      kept = {}
      ws:send "freed"]])
    c:send("fill")
    pingsBack(c)
    local statuses = {}
    for _ = 1, 30 do
      local status = select(2, client.handshake(s, "/")).status
      statuses[status] = (statuses[status] or 0) + 1
    end
    assert.same({ [503] = 30 }, statuses)
    s:awaitLog("refusing connections with 503: Lua has nearly all of the 24.0 MiB that it may have")
    c:send("free")
    repeat until c:receive(60) == "freed"
    async.eventually(function() return select(2, client.handshake(s, "/")).status == 101 end)
  end)

  it("is no end of the server when timers or tasks fill it for good", function()
    for _, code in ipairs { "luaws.after(1000, print)", "luaws.spawn(print, ('x'):rep(100000) .. math.random())" } do
      local s, c = limited("while true do " .. code .. " end", { closeStdout = true })
      c:send("go")
      s:awaitLog("error Hungry:onMessage, connection 1 from 127.0.0.1", 60)
      s:awaitLog("not enough memory")
      pingsBack(c)
      c:drop()
    end
  end)

  it("survives thousands of connections: some are refused, none is forgotten", function()
    local count = build.pick(3000, 200)
    local s = server.start([[
      local Keeper = luaws.class "Keeper"
      function Keeper:constructor() self.memory = ("x"):rep(20000) .. tostring(self) end
      function Keeper:onMessage(ws, event) ws:send(event.data) end
      serve({}, nil, { onConnection = function() return Keeper.new() end, onError = function() end })
    ]], { args = { "--memory-limit", "16M" } })
    local open, refused = {}, 0
    for _ = 1, count do
      local c, response = client.handshake(s, "/")
      if response.status == 101 then
        open[#open + 1] = c
      else
        assert.is_true(response.status == 503 or response.status == 500, response.status)
        refused = refused + 1
        c:drop()
        if refused == 50 then break end
      end
    end
    if count > 1000 then assert.equal(50, refused) end
    assert.is_true(#open > 100, #open)
    for i = 1, #open, 50 do
      open[i]:send("x")
      assert.equal("x", (open[i]:receive()))
    end
    for _, c in ipairs(open) do c:drop() end
    async.eventually(function() return select(2, client.handshake(s, "/")).status == 101 end)
  end)

  it("counts what a message is decoded to: onError is told, and the next message comes", function()
    local s = server.start([[
      serve({
        onMessage = function(_, ws, event) ws:send(#event.data) end,
        onError = function(_, ws, event)
          local e = event.errors[1]
          ws:send { e.componentSignature, e.errCode, e.message }
        end,
      }, { dataType = "object", maxPayload = 8 << 20 })
    ]], { args = { "--memory-limit", LIMIT .. "M" } })
    local c = client.open(s, "/")
    for _ = 1, 2 do
      c:send("[" .. ("{},"):rep(1 << 20) .. "0]")
      assert.matches('^%["LUAW",7,"a message of 3145731 bytes: not enough memory: Lua may have 24 MiB', (c:receive(60)))
      c:send "[1]"
      assert.equal("1", (c:receive(60)))
    end
    s:awaitLog("warn  a message of 3145731 bytes: not enough memory")
    s:assertPeakBelow(80)
  end)

  it("is each worker's own", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        kept = ("x"):rep(5 << 20)
        ws:send(#kept)
      end }, { dataType = "object" })
    ]], { args = { "--memory-limit", "16M" }, workers = 2 })
    for _ = 1, 4 do
      local c = client.open(s, "/")
      c:send("1")
      assert.equal(tostring(5 << 20), (c:receive()))
    end
  end)

  it("ends a script that needs more at its start", function()
    local child = server.run("local t = {}\nwhile true do t[#t + 1] = {} end", { args = { "--memory-limit", "2M" } })
    assert.equal(1, child.code)
    assert.matches("^luaws: %S+script.lua:2: not enough memory: Lua may have 2.0 MiB %(%-%-memory", child.stderr)
    assert.matches("\n  > 2 | while true do", child.stderr)
  end)

  it("takes sizes with K, M and G, and says what is wrong with others", function()
    for _, size in ipairs { "64M", "64m", "1G", "2048K", "2097152", "1024G" } do
      assert.equal(0, server.run("os.exit(0)", { args = { "--memory-limit", size } }).code, size)
    end
    for _, size in ipairs { "", "0", "M", "-1M", "64MB", "64 M", "1.5G", "0x10M", "1023K", "1025G", "16777216T",
                            "99999999999999999999", "18014398509481985M", "64M64M", "+64M" } do
      local child = server.run("os.exit(0)", { args = { "--memory-limit", size } })
      assert.equal(2, child.code, size)
      assert.truthy(child.stderr:find(("--memory-limit wants a size from 1M to 1024G, as 64M, got '%s'"):format(size),
        1, true), child.stderr)
    end
  end)
end)
