-- src/http/condition.c: conditional requests and ranges, RFC 9110 sections 13 and 14.

local http = require("probe").http

local MODIFIED = 784111777
local FILE = { size = 1000, mtime = MODIFIED * 1000000000 + 5, inode = 7 }
local NOW = MODIFIED + 86400
local ETAG = http.staticEtag(FILE)
local DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
local BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
local AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"

local function answer(lines, options)
  options = options or {}
  local request = http.newRequest()
  local bytes = (options.method or "GET") .. " /a HTTP/1.1\r\nHost: a\r\n"
  for _, line in ipairs(lines) do bytes = bytes .. line .. "\r\n" end
  assert(request:feed(bytes .. "\r\n") == "complete")
  local status, _, offset, length =
    http.staticRespond(request, options.file or FILE, "text/css", options.now or NOW, true)
  return { status, offset, length }
end

local function status(...) return answer({ ... })[1] end

describe("If-None-Match", function()
  it("gives 304 when it lists the ETag, weak or strong", function()
    for _, value in ipairs {
      ETAG, "W/" .. ETAG, "*", '"a", ' .. ETAG, '"a",W/"b" , W/' .. ETAG .. ', "c"', ", ," .. ETAG, '"a,b",' .. ETAG,
      '"",' .. ETAG,
    } do
      assert.equal(304, status("If-None-Match: " .. value), value)
      assert.equal(304, answer({ "If-None-Match: " .. value }, { method = "HEAD" })[1])
    end
    assert.equal(304, status('If-None-Match: "a"', "If-None-Match: " .. ETAG))
  end)

  it("gives the file otherwise", function()
    for _, value in ipairs { "", '"a"', 'W/"a"', ETAG:sub(2), ETAG:sub(1, -2), ETAG:upper() .. "x", "w/" .. ETAG,
                             "W/", '"', '"a', "**", "x " .. ETAG, '"' .. ETAG .. '"' } do
      assert.equal(200, status("If-None-Match: " .. value), value)
    end
  end)

  it("overrules If-Modified-Since", function()
    assert.equal(200, status('If-None-Match: "a"', "If-Modified-Since: " .. AFTER))
    assert.equal(304, status("If-None-Match: " .. ETAG, "If-Modified-Since: " .. BEFORE))
  end)
end)

describe("If-Modified-Since", function()
  it("gives 304 unless the file is newer", function()
    assert.equal(304, status("If-Modified-Since: " .. DATE))
    assert.equal(304, status("If-Modified-Since: " .. AFTER))
    assert.equal(200, status("If-Modified-Since: " .. BEFORE))
    assert.equal(304, status("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"))
    assert.equal(304, status("If-Modified-Since: Sun Nov  6 08:49:37 1994"))
    assert.equal(200, status("If-Modified-Since: Wed, 31 Dec 1969 00:00:00 GMT"))
  end)

  it("is ignored when it comes twice", function()
    assert.equal(200, status("If-Modified-Since: " .. DATE, "If-Modified-Since: " .. DATE))
  end)

  it("is ignored when it is no date", function()
    for _, value in ipairs { "", "x", "784111777", DATE .. ", " .. DATE } do
      assert.equal(200, status("If-Modified-Since: " .. value))
    end
  end)
end)

describe("If-Match", function()
  it("gives 412 unless it lists the ETag, strong", function()
    for _, value in ipairs { ETAG, "*", '"a", ' .. ETAG } do
      assert.equal(200, status("If-Match: " .. value))
    end
    for _, value in ipairs { '"a"', "W/" .. ETAG, "", "x" } do
      assert.equal(412, status("If-Match: " .. value))
    end
  end)

  it("comes first, and overrules If-Unmodified-Since", function()
    assert.equal(412, status('If-Match: "a"', "If-None-Match: " .. ETAG))
    assert.equal(304, status("If-Match: " .. ETAG, "If-None-Match: " .. ETAG))
    assert.equal(200, status("If-Match: " .. ETAG, "If-Unmodified-Since: " .. BEFORE))
  end)
end)

describe("If-Unmodified-Since", function()
  it("gives 412 when the file is newer", function()
    assert.equal(412, status("If-Unmodified-Since: " .. BEFORE))
    assert.equal(200, status("If-Unmodified-Since: " .. DATE))
    assert.equal(200, status("If-Unmodified-Since: " .. AFTER))
    assert.equal(200, status("If-Unmodified-Since: rubbish"))
    assert.equal(412, status("If-Unmodified-Since: " .. BEFORE, "If-None-Match: " .. ETAG))
  end)
end)

describe("Range", function()
  local function range(value, ...) return answer({ "Range: " .. value, ... }) end

  it("gives one part", function()
    for value, expected in pairs {
      ["bytes=0-0"] = { 0, 1 }, ["bytes=0-999"] = { 0, 1000 }, ["bytes=0-"] = { 0, 1000 },
      ["bytes=999-"] = { 999, 1 }, ["bytes=10-19"] = { 10, 10 }, ["bytes=990-2000"] = { 990, 10 },
      ["bytes=-1"] = { 999, 1 }, ["bytes=-1000"] = { 0, 1000 }, ["bytes=-5000"] = { 0, 1000 },
      ["BYTES=1-2"] = { 1, 2 }, ["bytes= 1-2"] = { 1, 2 }, ["bytes=0001-0002"] = { 1, 2 },
      ["bytes=1-18446744073709551615"] = { 1, 999 }, ["bytes=1-99999999999999999999999"] = { 1, 999 },
      ["bytes=-99999999999999999999999"] = { 0, 1000 }, ["bytes=5-5"] = { 5, 1 },
    } do
      assert.same({ 206, expected[1], expected[2] }, range(value), value)
    end
  end)

  it("gives 416 when it lies outside", function()
    for _, value in ipairs { "bytes=1000-", "bytes=1000-1000", "bytes=5000-6000", "bytes=-0", "bytes=-000",
                             "bytes=99999999999999999999999-", "bytes=18446744073709551615-",
                             "bytes=18446744073709551615-18446744073709551616" } do
      assert.equal(416, range(value)[1], value)
      assert.equal(0, range(value)[3])
    end
  end)

  it("is ignored when it is malformed, of another unit, or several", function()
    for _, value in ipairs { "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=2-1", "bytes=1000-999",
                             "bytes=1", "bytes=1-2-3", "bytes=--1", "bytes=1 - 2", "bytes:1-2", "lines=1-2",
                             "1-2", "bytes=0-0,5-6", "bytes=0-0,", "bytes=,0-0", "bytes=0x1-2", "bytes=+1-2",
                             "bytes =1-2", "bytes=1.0-2" } do
      assert.same({ 200, 0, 1000 }, range(value), value)
    end
    assert.same({ 200, 0, 1000 }, range("bytes=0-1", "Range: bytes=0-1"))
    assert.same({ 200, 0, 1000 }, range("bytes=0-1", "If-Range: " .. ETAG, "If-Range: " .. ETAG))
  end)

  it("has its way with an empty file", function()
    local options = { file = { size = 0, mtime = 0, inode = 1 } }
    assert.same({ 416, 0, 0 }, answer({ "Range: bytes=0-" }, options))
    assert.same({ 416, 0, 0 }, answer({ "Range: bytes=-0" }, options))
    assert.same({ 200, 0, 0 }, answer({ "Range: bytes=-5" }, options))
    assert.same({ 200, 0, 0 }, answer({}, options))
  end)

  it("comes after the conditions", function()
    assert.equal(304, range("bytes=0-1", "If-None-Match: " .. ETAG)[1])
    assert.equal(412, range("bytes=0-1", 'If-Match: "a"')[1])
    assert.equal(206, range("bytes=0-1", "If-Match: " .. ETAG)[1])
  end)

  it("is followed with If-Range when the file is still the same", function()
    for _, value in ipairs { ETAG, DATE, "Sunday, 06-Nov-94 08:49:37 GMT" } do
      assert.equal(206, range("bytes=0-1", "If-Range: " .. value)[1], value)
      assert.equal(416, range("bytes=1000-", "If-Range: " .. value)[1], value)
    end
    for _, value in ipairs { "W/" .. ETAG, '"a"', BEFORE, AFTER, "", "x", "*", ETAG .. ', "a"' } do
      assert.same({ 200, 0, 1000 }, range("bytes=0-1", "If-Range: " .. value), value)
      assert.same({ 200, 0, 1000 }, range("bytes=1000-", "If-Range: " .. value), value)
    end
  end)

  it("doesn't trust a date within the second that it names", function()
    local lines = { "Range: bytes=0-1", "If-Range: " .. DATE }
    assert.equal(200, answer(lines, { now = MODIFIED })[1])
    assert.equal(206, answer(lines, { now = MODIFIED + 1 })[1])
  end)
end)
