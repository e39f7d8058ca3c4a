-- src/http/response.c: heads of responses.

local http = require("probe").http

local TIME = 784111777
local DATE = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

describe("http_status_text", function()
  it("knows the statuses of RFC 9110 and its relatives", function()
    for status, text in pairs {
      [100] = "Continue", [101] = "Switching Protocols", [200] = "OK", [204] = "No Content",
      [206] = "Partial Content", [301] = "Moved Permanently", [304] = "Not Modified",
      [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
      [405] = "Method Not Allowed", [412] = "Precondition Failed", [413] = "Content Too Large",
      [414] = "URI Too Long", [416] = "Range Not Satisfiable", [417] = "Expectation Failed",
      [426] = "Upgrade Required", [429] = "Too Many Requests",
      [431] = "Request Header Fields Too Large", [500] = "Internal Server Error",
      [501] = "Not Implemented", [503] = "Service Unavailable",
      [505] = "HTTP Version Not Supported",
    } do
      assert.equal(text, http.statusText(status))
    end
  end)

  it("calls all others unknown", function()
    for _, status in ipairs { 0, -1, 99, 299, 306, 420, 499, 599, 1000 } do
      assert.equal("Unknown", http.statusText(status))
    end
  end)
end)

describe("what a script may put into a header", function()
  it("is a name that is a token", function()
    for _, name in ipairs { "X", "X-Custom_1", "set-cookie" } do
      assert.is_true(http.headerNameIsValid(name))
    end
    for _, name in ipairs { "", "X Y", "X:", "X\r\n", "X\0", "Caf\xc3\xa9", "(X)" } do
      assert.is_false(http.headerNameIsValid(name))
    end
  end)

  it("is a value without control characters", function()
    for c = 0, 255 do
      local control = c < 0x20 and c ~= 9 or c == 0x7f
      for _, value in ipairs { "%", "a%", "%a", "a%b" } do
        assert.equal(not control, http.headerValueIsValid((value:gsub("%%", { ["%"] = string.char(c) }))))
      end
    end
    assert.is_true(http.headerValueIsValid(""))
    assert.is_false(http.headerValueIsValid("a\r\nX-Evil: 1"))
  end)

  it("is none of luaws's own", function()
    for name in ("Content-Length Transfer-Encoding Connection Upgrade Date Sec-WebSocket-Accept "
      .. "Sec-WebSocket-Protocol Sec-WebSocket-Extensions Sec-WebSocket-Version"):gmatch "%S+" do
      assert.is_true(http.headerIsReserved(name), name)
      assert.is_true(http.headerIsReserved(name:lower()), name)
      assert.is_true(http.headerIsReserved(name:upper()), name)
      assert.is_false(http.headerIsReserved(name .. "s"), name)
    end
    for name in ("Content-Type Set-Cookie X WWW-Authenticate Content-Lengt"):gmatch "%S+" do
      assert.is_false(http.headerIsReserved(name), name)
    end
    assert.is_false(http.headerIsReserved(""))
  end)
end)

describe("a response's head", function()
  it("is status line, headers, end", function()
    assert.equal("HTTP/1.1 200 OK\r\nX: y\r\nEmpty: \r\n" .. DATE
      .. "Content-Length: 12\r\nConnection: keep-alive\r\n\r\n",
      http.responseHead(200, { { "X", "y" }, { "Empty", "" } }, TIME, 12, true))
    assert.equal("HTTP/1.1 799 Unknown\r\n" .. DATE .. "Content-Length: 0\r\nConnection: close\r\n\r\n",
                 http.responseHead(799, {}, TIME, 0, false))
  end)

  it("may leave the length out", function()
    assert.equal("HTTP/1.1 204 No Content\r\n" .. DATE .. "Connection: close\r\n\r\n",
                 http.responseHead(204, {}, TIME, nil, false))
  end)

  it("holds any length", function()
    local head = http.responseHead(200, {}, TIME, -2, false) -- UINT64_MAX - 1
    assert.matches("Content%-Length: 18446744073709551614\r\n", head)
  end)

  it("doesn't pass the buffer's ceiling", function()
    local head = http.responseHead(200, { { "X", "y" } }, TIME, 12, true)
    for max = 0, #head - 1 do
      assert.same({ nil, "too big" }, { http.responseHead(200, { { "X", "y" } }, TIME, 12, true, max) })
    end
    assert.equal(head, http.responseHead(200, { { "X", "y" } }, TIME, 12, true, #head))
  end)
end)

describe("http_response_text", function()
  local HEAD = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    .. "X-Content-Type-Options: nosniff\r\n"

  it("writes a whole response of one line", function()
    assert.equal(HEAD .. DATE .. "Content-Length: 17\r\nConnection: close\r\n\r\ntwo Host headers\n",
                 http.responseText(400, "two Host headers", nil, TIME, false, false))
  end)

  it("adds headers", function()
    assert.equal(HEAD .. "Allow: GET\r\nX: y\r\n" .. DATE
      .. "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nno\n",
      http.responseText(400, "no", "Allow: GET\r\nX: y\r\n", TIME, true, false))
  end)

  it("leaves out the body alone for HEAD", function()
    local whole = http.responseText(404, "not found", nil, TIME, true, false)
    assert.equal((whole:gsub("not found\n$", "")),
                 http.responseText(404, "not found", nil, TIME, true, true))
  end)

  it("doesn't pass the buffer's ceiling", function()
    local whole = http.responseText(400, "no", "A: b\r\n", TIME, true, false)
    for max = 0, #whole - 1 do
      assert.same({ nil, "too big" },
                  { http.responseText(400, "no", "A: b\r\n", TIME, true, false, max) })
    end
    assert.equal(whole, http.responseText(400, "no", "A: b\r\n", TIME, true, false, #whole))
  end)
end)
