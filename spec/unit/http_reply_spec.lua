-- src/http/reply.c: a server's answer, read. Every answer here is fed whole, byte by byte and in two pieces
-- at every place; the outcome must be the same each time, to the byte.

local opening = require("probe").opening

-- The outcome of feeding `bytes` in pieces that end where step(at) says; `ends`: then comes the FIN.
local function outcome(bytes, ends, step)
  local reply = opening.newReply()
  assert.is_false(reply:hasBegun())
  local progress, at = "more", 0
  while at < #bytes and progress == "more" do
    local piece = bytes:sub(at + 1, step(at))
    local used
    progress, used = reply:feed(piece)
    assert(used <= #piece)
    if progress == "more" then assert(used == #piece, "bytes were left though more is wanted") end
    at = at + used
  end
  assert.equal(#bytes > 0, reply:hasBegun())
  if ends and progress == "more" then progress = reply:finish() end
  local r = progress == "complete" and reply:parts() or {}
  assert.equal(progress == "bad", reply:failure() ~= nil)
  r.progress, r.used, r.why = progress, at, reply:failure()
  return r
end

local function read(bytes, ends)
  local whole = outcome(bytes, ends, function() return #bytes end)
  assert.same(whole, outcome(bytes, ends, function(at) return at + 1 end), "byte by byte")
  local stride = math.max(1, #bytes // 100)
  for cut = 1, #bytes - 1, stride do
    local halves = outcome(bytes, ends, function(at) return at < cut and cut or #bytes end)
    assert.same(whole, halves, "cut at " .. cut)
  end
  return whole
end

local function head(...) return table.concat({ ... }, "\r\n") .. "\r\n\r\n" end

local function assertComplete(bytes, ends)
  local r = read(bytes, ends)
  assert.equal("complete", r.progress, ("%q: %s"):format(bytes:sub(1, 200), r.why))
  return r
end

local function assertBad(bytes, why, ends)
  local r = read(bytes, ends)
  assert.equal("bad", r.progress, ("%q"):format(bytes:sub(1, 200)))
  if why then assert.equal(why, r.why) end
  return r
end

local SWITCH = head("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")

describe("http/reply", function()
  it("reads a 101 to its empty line, and leaves the frames behind it", function()
    for _, frames in ipairs { "", "\x81\x02hi", "HTTP/1.1 200 OK\r\n\r\n", "\0\0\0" } do
      local r = assertComplete(SWITCH .. frames)
      assert.equal(#SWITCH, r.used)
      assert.same({ 101, "Switching Protocols", false, "" }, { r.status, r.reason, r.http10, r.body })
      assert.same({ { "Upgrade", "websocket" }, { "Connection", "Upgrade" } }, r.headers)
    end
  end)

  it("takes a 101 for over whatever it says of a body", function()
    for _, line in ipairs { "Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: 0" } do
      local bytes = head("HTTP/1.1 101 x", line)
      assert.equal(#bytes, assertComplete(bytes .. "\x81\x02hi").used)
    end
  end)

  it("wants more until then", function()
    for i = 0, #SWITCH - 1 do assert.equal("more", outcome(SWITCH:sub(1, i), false,
        function() return i end).progress) end
  end)

  describe("a status line", function()
    it("may have any status from 200 on, an empty reason, 8-bit bytes in it, or HTTP/1.0", function()
      for line, expected in pairs {
        ["HTTP/1.1 200 OK"] = { 200, "OK", false }, ["HTTP/1.0 404 Not Found"] = { 404, "Not Found", true },
        ["HTTP/1.1 599 "] = { 599, "", false }, ["HTTP/1.1 403 caf\xe9\tx  y"] = { 403, "caf\xe9\tx  y", false },
        ["HTTP/1.1 304  x"] = { 304, " x", false },
      } do
        local r = assertComplete(head(line, "Content-Length: 0"))
        assert.same(expected, { r.status, r.reason, r.http10 })
      end
    end)

    it("is refused when it is malformed", function()
      for _, line in ipairs {
        "", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 200", "HTTP/1.1  200 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 20 OK",
        "HTTP/1.1 20a OK", "HTTP/1.1 +20 OK", "HTTP/1.1 099 x", "HTTP/1.1 000 x", "HTTP/1.1 600 x", "HTTP/1.1 999 x",
        "HTTP/1.2 200 OK", "HTTP/2.0 200 OK", "HTTP/0.9 200 OK", "HTTP/1.10 200 OK", "http/1.1 200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK", " HTTP/1.1 200 OK", "HTTP/ 200 OK", "ICY 200 OK", "RTSP/1.0 200 OK", "200 OK", "<html>",
        "GET / HTTP/1.1", "\x15\x03\x01", "SSH-2.0-OpenSSH_9.2",
      } do
        assertBad(head(line, "Content-Length: 0"))
      end
      assertBad("HTTP/1.1 101\r\n", "malformed status line")
    end)

    it("may be 8 KiB long", function()
      local reason = ("x"):rep(8192 - #"HTTP/1.1 200 ")
      assert.equal(reason, assertComplete(head("HTTP/1.1 200 " .. reason, "Content-Length: 0")).reason)
      assertBad(head("HTTP/1.1 200 x" .. reason), "status line too long")
      assert.equal(8193, assertBad(("x"):rep(100000), "status line too long").used)
    end)
  end)

  it("refuses headers as a request's are", function()
    for _, line in ipairs {
      ": x", "Name", "Name : x", "Na me: x", " folded", "X: a\r\n b", "X: a\rb", "X: a\nb", "X: a\0b",
      "N\xc3\xa9: x",
      "Content-Length: 1\r\nContent-Length: 1", "Content-Length: +1", "Content-Length: 5, 5", "Content-Length: ",
      "Content-Length: 1\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 1",
      "Content-Length: 99999999999999999999",
    } do
      assertBad(head("HTTP/1.1 200 OK", line))
      assertBad(head("HTTP/1.1 101 x", "Upgrade: websocket", line))
    end
    local lines = {}
    for i = 1, 100 do lines[i] = "X" .. i .. ": y" end
    assert.equal(100, #assertComplete(head("HTTP/1.1 101 x", table.unpack(lines))).headers)
    lines[101] = "X: y"
    assertBad(head("HTTP/1.1 101 x", table.unpack(lines)), "too many header lines")
    assertBad("HTTP/1.1 101 x\r\nX: " .. ("y"):rep(100000), "header lines too long")
    local fill = ("y"):rep(16384 - #"X: \r\n")
    assert.equal(fill, assertComplete(head("HTTP/1.1 101 x", "X: " .. fill)).headers[1][2])
  end)

  it("passes over interim answers, not over too many", function()
    local hints = head("HTTP/1.1 103 Early Hints", "Link: </a>", "Content-Length: 7")
    local r = assertComplete(head("HTTP/1.1 100 Continue") .. hints .. hints .. SWITCH .. "\x81")
    assert.equal(101, r.status)
    assert.equal(2, #r.headers)
    assert.equal(#SWITCH + #head("HTTP/1.1 100 Continue") + 2 * #hints, r.used)
    assertComplete(hints:rep(16) .. SWITCH)
    assertBad(hints:rep(17) .. SWITCH, "too many interim answers")
    assertBad(hints, "the answer broke off", true)
  end)

  describe("the body of a refusal", function()
    it("is read by its length", function()
      local bytes = head("HTTP/1.1 403 Forbidden", "Content-Length: 5")
      local r = assertComplete(bytes .. "later and more")
      assert.same({ 403, "later", #bytes + 5 }, { r.status, r.body, r.used })
      assert.equal("", assertComplete(head("HTTP/1.1 403 x", "Content-Length: 0")).body)
    end)

    it("is read in chunks", function()
      local bytes = head("HTTP/1.1 403 Forbidden", "Transfer-Encoding: Chunked")
        .. "3;x=y\r\nlat\r\n2\r\ner\r\n0\r\nX: y\r\n\r\n"
      local r = assertComplete(bytes .. "rest")
      assert.same({ "later", #bytes }, { r.body, r.used })
      for _, rest in ipairs { "x\r\n", "3\r\nlate\r\n", "3\nlat", "1\r\na\r\n0\r\nX : y\r\n\r\n", "-1\r\n", "\r\n" } do
        assertBad(head("HTTP/1.1 403 x", "Transfer-Encoding: chunked") .. rest)
      end
    end)

    it("is read up to the end of the connection, when nothing says where it ends", function()
      local bytes = head("HTTP/1.1 502 Bad Gateway", "Connection: close")
      assert.equal("more", read(bytes .. "later").progress)
      assert.equal("later", assertComplete(bytes .. "later", true).body)
      assert.equal("", assertComplete(bytes, true).body)
    end)

    it("is cut short by the end of the connection", function()
      assert.equal("la", assertComplete(head("HTTP/1.1 403 x", "Content-Length: 5") .. "la", true).body)
      assert.equal("la", assertComplete(head("HTTP/1.1 403 x", "Transfer-Encoding: chunked") .. "5\r\nla", true).body)
    end)

    it("is kept up to 1 KiB, and the answer is complete with that", function()
      local text = ("x"):rep(1000) .. ("y"):rep(1000)
      for _, case in ipairs {
        { head("HTTP/1.1 403 x", "Content-Length: 2000"), text }, { head("HTTP/1.1 403 x"), text },
        { head("HTTP/1.1 403 x", "Content-Length: 18446744073709551615"), text },
        { head("HTTP/1.1 403 x", "Transfer-Encoding: chunked"), "7d0\r\n" .. text .. "\r\n" },
        { head("HTTP/1.1 403 x", "Transfer-Encoding: chunked"), "ffffffffffffffff\r\n" .. text .. "\r\n" },
        { head("HTTP/1.1 403 x", "Transfer-Encoding: chunked"), "400\r\n" .. text:sub(1, 1024) .. "\r\n1\r\nz" },
      } do
        local r = assertComplete(case[1] .. case[2])
        assert.equal(text:sub(1, 1024), r.body)
      end
      assert.equal(1024, #assertComplete(head("HTTP/1.1 403 x", "Content-Length: 1024") .. text).body)
    end)

    it("is none with 204 and 304, and none that is read in another coding", function()
      for _, line in ipairs { "Content-Length: 5", "Transfer-Encoding: chunked" } do
        for _, status in ipairs { 204, 205, 304 } do
          local bytes = head("HTTP/1.1 " .. status .. " x", line)
          assert.equal(#bytes, assertComplete(bytes .. "later").used)
        end
      end
      for _, coding in ipairs { "gzip", "gzip, chunked", "chunked\r\nTransfer-Encoding: gzip", "x" } do
        local bytes = head("HTTP/1.1 403 x", "Transfer-Encoding: " .. coding)
        local r = assertComplete(bytes .. "later", true)
        assert.same({ "", #bytes }, { r.body, r.used })
      end
    end)
  end)

  it("tells what has gone wrong when the connection ends before an answer", function()
    assertBad("", "no answer", true)
    assertBad("HTTP/1.1 101 Swi", "the answer broke off", true)
    assertBad(SWITCH:sub(1, -2), "the answer broke off", true)
  end)
end)
