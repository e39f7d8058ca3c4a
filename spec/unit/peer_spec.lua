-- spec/support/peer.lua, a server for specs of clients, with spec/support/client.lua on the other side.

local async = require "spec.support.async"
local client = require "spec.support.client"
local peer = require "spec.support.peer"

describe("a peer", function()
  it("talks with a client, and ends as a server does", function()
    local p = peer.listen()
    local task = async.spawn(function()
      local c = p:open({ ["Sec-WebSocket-Protocol"] = "v1" })
      assert.same({ "/chat?a=b", "v1" }, { c.request.path, c.request.headers["sec-websocket-protocol"] })
      c:send("hello")
      assert.equal("hi", c:receive())
      c:close(4000, "bye")
    end)
    local c = client.open(p, "/chat?a=b", { ["Sec-WebSocket-Protocol"] = "v1" })
    assert.equal("v1", c.answer.headers["sec-websocket-protocol"])
    assert.equal("hello", c:receive())
    c:sendFrame({ opcode = client.TEXT, payload = "hi", mask = "\1\2\3\4" })
    c:expectCloseFrame(4000, "bye")
    c:sendClose(4000)
    c:expectEof()
    c:drop()
    task:join()
  end)

  for _, row in ipairs({
    { "a client that doesn't mask", { mask = false }, "must mask" },
    { "a reserved bit", { rsv = 1 }, "reserved bits" },
  }) do
    it("doesn't let " .. row[1] .. " pass", function()
      local p = peer.listen()
      local task = async.spawn(function() p:open():receive() end)
      local c = client.open(p)
      c:sendFrame({ opcode = client.TEXT, payload = "x", mask = row[2].mask, rsv = row[2].rsv })
      local ok, err = pcall(task.join, task)
      assert.is_false(ok)
      assert.truthy(tostring(type(err) == "table" and err.message or err):find(row[3], 1, true))
    end)
  end

  it("doesn't let a key pass that comes twice in turn", function()
    local p = peer.listen()
    local task = async.spawn(function()
      local c = p:open()
      c:receive()
      c:receive()
    end)
    client.open(p):send("one"):send("two")
    assert.is_false((pcall(task.join, task)))
  end)

  for _, row in ipairs({
    { "Sec-WebSocket-Key", "short" }, { "Sec-WebSocket-Version", "8" }, { "Upgrade", "h2c" }, { "Connection", "close" },
    { "Host", false }, { "Content-Length", "0" },
  }) do
    it("doesn't let a handshake pass with " .. row[1] .. ": " .. tostring(row[2]), function()
      local p = peer.listen()
      local task = async.spawn(function() p:open() end)
      local c = client.connect(p)
      c:sendRequest({ headers = client.upgradeHeaders({ [row[1]] = row[2] }) })
      assert.is_false((pcall(task.join, task)))
    end)
  end
end)
