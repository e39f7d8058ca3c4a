-- src/http/tunnel.c: a way through a proxy, and what src/http/reply.c reads of the answer.

local opening = require("probe").opening

local TUNNEL = { host = "example.com", port = 443 }

-- What the answer means, fed whole and byte by byte: true and what is left behind it; false, its status, and the
-- hint at why; or the progress and the failure.
local function judge(bytes, ends)
  local results = {}
  for i, width in ipairs { #bytes, 1 } do
    local reply = opening.newReply(true)
    local progress, at = "more", 0
    while progress == "more" and at < #bytes do
      local used
      progress, used = reply:feed(bytes:sub(at + 1, at + width))
      at = at + used
    end
    if progress == "more" and ends then progress = reply:finish() end
    if progress == "complete" then
      local isOpen, hint = opening.isTunnel(reply)
      results[i] = isOpen and { true, bytes:sub(at + 1), reply:parts().body }
        or { false, reply:parts().status, hint }
    else
      results[i] = { progress, reply:failure() }
    end
  end
  assert.same(results[1], results[2])
  return table.unpack(results[1])
end

local function head(...) return table.concat({ ... }, "\r\n") .. "\r\n\r\n" end

describe("http_tunnel_write", function()
  it("asks for host and port, also where the port is the scheme's own", function()
    assert.equal("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", opening.writeTunnel(TUNNEL))
    assert.equal("CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
      opening.writeTunnel { host = "[::1]", port = 80 })
  end)

  it("introduces itself to the proxy", function()
    assert.equal("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nProxy-Authorization: Basic dTpw\r\n\r\n",
      opening.writeTunnel { host = "a", port = 1, authorization = "Basic dTpw" })
  end)

  it("leaves nothing behind where there is too little room", function()
    local tunnel = { host = "a", port = 1, authorization = "Basic dTpw" }
    local size = #opening.writeTunnel(tunnel)
    for max = 0, size - 1 do assert.is_nil(opening.writeTunnel(tunnel, max)) end
    assert.equal(size, #opening.writeTunnel(tunnel, size))
  end)
end)

describe("the answer to CONNECT", function()
  it("opens the tunnel with any 2xx, whatever it says of a body", function()
    for _, status in ipairs { "200 Connection established", "200 ", "201 Created", "299 x" } do
      for _, line in ipairs { "Via: 1.1 proxy", "Content-Length: 5", "Transfer-Encoding: chunked",
                              "Transfer-Encoding: gzip", "Connection: close" } do
        local bytes = head("HTTP/1.1 " .. status, line)
        assert.same({ true, "", "" }, { judge(bytes) })
        assert.same({ true, "\x16\3\1", "" }, { judge(bytes .. "\x16\3\1") })
      end
    end
    assert.is_true(judge(head("HTTP/1.0 200 OK")))
    assert.is_true(judge(head("HTTP/1.1 103 Early Hints") .. head("HTTP/1.1 200 OK")))
  end)

  it("has another body than that of another answer to nothing else", function()
    local reply = opening.newReply()
    assert.equal("more", (reply:feed(head("HTTP/1.1 200 OK", "Content-Length: 5"))))
  end)

  it("opens none with any other status", function()
    local function refusal(status) return { judge(head(("HTTP/1.1 %d x"):format(status), "Content-Length: 0")) } end
    for _, status in ipairs { 101, 300, 302, 400, 500, 502, 504, 599 } do
      assert.same({ false, status, "" }, refusal(status))
    end
    for status, hint in pairs {
      [407] = " (give user and password in its URL: http://user:password@host:port)",
      [403] = " (it doesn't allow that host or port)", [404] = " (is it a proxy?)", [405] = " (is it a proxy?)",
      [501] = " (is it a proxy?)",
    } do
      assert.same({ false, status, hint }, refusal(status))
    end
  end)

  it("is read with its body, for so long that it is over", function()
    assert.equal("more", (judge(head("HTTP/1.1 403 x", "Content-Length: 5") .. "late")))
    assert.is_false((judge(head("HTTP/1.1 403 x", "Content-Length: 5") .. "later")))
    assert.is_false((judge(head("HTTP/1.1 403 x", "Content-Length: 5") .. "late", true)))
  end)

  it("must be an answer", function()
    assert.same({ "bad", "malformed status line" }, { judge("SSH-2.0-OpenSSH_9.2\r\n") })
    assert.same({ "bad", "control character" }, { judge("\x15\3\1\0\2\2\x46\r\n") })
    assert.same({ "bad", "no answer" }, { judge("", true) })
    assert.same({ "bad", "the answer broke off" }, { judge("HTTP/1.1 200 OK\r\n", true) })
    assert.same({ "bad", "too many header lines" }, { judge("HTTP/1.1 200 OK\r\n" .. ("X: y\r\n"):rep(101)) })
    assert.same({ "bad", "header lines too long" }, { judge("HTTP/1.1 200 OK\r\nX: " .. ("y"):rep(20000)) })
  end)
end)
