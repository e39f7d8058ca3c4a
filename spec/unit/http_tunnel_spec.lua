-- src/http/tunnel.c: a way through a proxy, and what src/http/reply.c reads of the answer.

local opening = require("probe").opening

local TUNNEL = { host = "example.com", port = 443 }

-- What the answer means to TUNNEL, fed whole and byte by byte: true and what is left behind the answer; or
-- false, code and text.
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
      results[i] = { opening.checkTunnel(TUNNEL, reply) }
      if results[i][1] then
        assert.equal("", reply:parts().body)
        results[i][2] = bytes:sub(at + 1)
      end
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
        assert.same({ true, "" }, { judge(bytes) })
        assert.same({ true, "\x16\3\1" }, { judge(bytes .. "\x16\3\1") })
      end
    end
    assert.is_true(judge(head("HTTP/1.0 200 OK")))
    assert.is_true(judge(head("HTTP/1.1 103 Early Hints") .. head("HTTP/1.1 200 OK")))
  end)

  it("has another body than that of another answer to nothing else", function()
    local reply = opening.newReply()
    assert.equal("more", (reply:feed(head("HTTP/1.1 200 OK", "Content-Length: 5"))))
  end)

  it("refuses it with any other status, which the error names", function()
    local function refusal(line, ...) return select(2, judge(head("HTTP/1.1 " .. line, "Content-Length: 0", ...))) end
    assert.same({ 407, "no tunnel to example.com:443: it answered 407 Proxy Authentication Required "
        .. "(give user and password in its URL: http://user:password@host:port)" },
      { refusal("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="x"') })
    assert.same({ 403, "no tunnel to example.com:443: it answered 403 Forbidden (it doesn't allow that host or port)" },
      { refusal("403 Forbidden") })
    for _, status in ipairs { 404, 405, 501 } do
      assert.same({ status, ("no tunnel to example.com:443: it answered %d (is it a proxy?)"):format(status) },
        { refusal(status .. " ") })
    end
    for _, status in ipairs { 300, 302, 400, 500, 502, 504, 599 } do
      assert.same({ status, ("no tunnel to example.com:443: it answered %d x"):format(status) },
        { refusal(status .. " x") })
    end
    assert.same({ 101, "no tunnel to example.com:443: it answered 101 x" }, { refusal("101 x") })
  end)

  it("is quoted in printable ASCII, and not without end", function()
    local _, _, text = judge(head("HTTP/1.1 502 caf\xe9\t\xc3\xa9", "Content-Length: 0"))
    assert.equal("no tunnel to example.com:443: it answered 502 caf????", text)
    _, _, text = judge(head("HTTP/1.1 502 " .. ("x"):rep(1000), "Content-Length: 0"))
    assert.equal("no tunnel to example.com:443: it answered 502 " .. ("x"):rep(63), text)
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
