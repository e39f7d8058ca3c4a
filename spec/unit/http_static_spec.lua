-- src/http/static.c: static files as arithmetic. Conditions and ranges are in http_condition_spec.

local http = require("probe").http

describe("http_static_path", function()
  it("turns paths into names of files and folders", function()
    for path, expected in pairs {
      ["/"] = { "", true }, ["/index.html"] = { "index.html", false }, ["/chat/"] = { "chat", true },
      ["/chat/app.js"] = { "chat/app.js", false }, ["/a/b/c/"] = { "a/b/c", true },
      ["/a%20b/c%C3%A9"] = { "a b/c\xc3\xa9", false }, ["/%61"] = { "a", false }, ["/a+b"] = { "a+b", false },
      ["/a.b.c"] = { "a.b.c", false }, ["/a..b"] = { "a..b", false }, ["/a."] = { "a.", false },
      ["/a.."] = { "a..", false }, ["/-"] = { "-", false }, ["/~x"] = { "~x", false }, ["/a:b"] = { "a:b", false },
      ["/%25"] = { "%", false }, ["/%252e%252e"] = { "%2e%2e", false }, ["/*"] = { "*", false },
    } do
      assert.same(expected, { http.staticPath(path) }, path)
    end
  end)

  it("serves nothing outside the folder, and nothing hidden", function()
    for _, path in ipairs {
      "", "a", "..", "*", "//", "//etc/passwd", "/a//b", "///", "/.", "/..", "/./", "/../", "/a/.", "/a/..",
      "/a/../b", "/a/./b", "/../../etc/passwd", "/%2e", "/%2E%2e", "/%2e%2e/etc", "/.%2e/x", "/%2e./x",
      "/..%2fetc", "/%2e%2e%2fetc", "/a%2fb", "/%2Fetc", "/a%2F", "/a\\b", "/..\\..\\x", "/%5c", "/a%5C..%5cb",
      "/.git/config", "/.htaccess", "/a/.ssh/id", "/...", "/.well-known/x", "/..a", "/%2egit",
    } do
      assert.same({ nil, "closed" }, { http.staticPath(path) }, path)
    end
  end)

  it("refuses bad encodings and NULs wherever they stand", function()
    for _, path in ipairs { "/%", "/a%2", "/%zz", "/a/%g0/b", "/%00", "/a%00.html", "/a\0b", "/../%00", "%",
                            "/.git/%", "/a//%zz" } do
      assert.same({ nil, "invalid" }, { http.staticPath(path) }, path)
    end
  end)

  it("doesn't pass the buffer's ceiling", function()
    assert.same({ "ab/cd", false }, { http.staticPath("/ab/cd", 6) })
    for max = 0, 5 do
      assert.same({ nil, "too big" }, { http.staticPath("/ab/cd", max) })
    end
    assert.same({ nil, "too big" }, { http.staticPath("/", 0) })
  end)
end)

describe("http_static_type", function()
  it("goes by the extension, in any case", function()
    local text = "; charset=utf-8"
    for name, expected in pairs {
      ["index.html"] = "text/html" .. text, ["a/b.HTM"] = "text/html" .. text, ["a.css"] = "text/css" .. text,
      ["a.js"] = "text/javascript" .. text, ["a.min.js"] = "text/javascript" .. text,
      ["a.mjs"] = "text/javascript" .. text, ["a.json"] = "application/json", ["a.js.map"] = "application/json",
      ["a.txt"] = "text/plain" .. text, ["a.md"] = "text/markdown" .. text, ["a.xml"] = "application/xml",
      ["a.svg"] = "image/svg+xml", ["a.png"] = "image/png", ["a.jpg"] = "image/jpeg", ["a.JPEG"] = "image/jpeg",
      ["a.gif"] = "image/gif", ["a.webp"] = "image/webp", ["a.avif"] = "image/avif", ["favicon.ico"] = "image/x-icon",
      ["a.woff"] = "font/woff", ["a.woff2"] = "font/woff2", ["a.ttf"] = "font/ttf", ["a.otf"] = "font/otf",
      ["a.wasm"] = "application/wasm", ["a.mp3"] = "audio/mpeg", ["a.mp4"] = "video/mp4", ["a.webm"] = "video/webm",
      ["a.ogg"] = "audio/ogg", ["a.wav"] = "audio/wav", ["a.pdf"] = "application/pdf", ["a.zip"] = "application/zip",
      ["a.tar.gz"] = "application/gzip", ["a.csv"] = "text/csv" .. text, ["a.lua"] = "text/plain" .. text,
      ["a.webmanifest"] = "application/manifest+json",
    } do
      assert.equal(expected, http.staticType(name), name)
    end
  end)

  it("calls all others bytes", function()
    for _, name in ipairs { "", "a", "html", "a.", "a.htmlx", "a.xyz", "a.html/b", "a.html/", ".", "a.html." } do
      assert.equal("application/octet-stream", http.staticType(name), name)
    end
  end)
end)

describe("http_static_etag", function()
  it("is strong and differs with size, time and file", function()
    local function etag(size, mtime, inode)
      return http.staticEtag { size = size, mtime = mtime, inode = inode }
    end
    local base = etag(100, 1000000000, 5)
    assert.matches('^"[%x-]+"$', base)
    assert.equal(base, etag(100, 1000000000, 5))
    local seen = { [base] = true }
    for _, other in ipairs { etag(101, 1000000000, 5), etag(100, 1000000001, 5), etag(100, 1000000000, 6),
                             etag(0, 0, 0), etag(5, 1000000000, 100), etag(100, -1, 5) } do
      assert.is_nil(seen[other])
      seen[other] = true
    end
  end)

  it("holds the largest numbers", function()
    local f = ("f"):rep(16)
    assert.equal(('"%s-%s-%s"'):format(f, f, f), http.staticEtag { size = -1, mtime = -1, inode = -1 })
  end)
end)

describe("http_static_respond", function()
  local FILE = { size = 1000, mtime = 784111777 * 1000000000 + 999999999, inode = 7 }
  local NOW = 784200000
  local ETAG = http.staticEtag(FILE)
  local VALIDATORS = "ETag: " .. ETAG .. "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    .. "Accept-Ranges: bytes\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n"
    .. "Date: Mon, 07 Nov 1994 09:20:00 GMT\r\n"

  local function respond(method, header, file, now, max)
    local request = http.newRequest()
    assert(request:feed(method .. " /a HTTP/1.1\r\nHost: a\r\n" .. (header or "") .. "\r\n") == "complete")
    return { http.staticRespond(request, file or FILE, "text/css", now or NOW, true, max) }
  end

  it("answers GET with the whole file", function()
    assert.same({ 200, "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\n" .. VALIDATORS
      .. "Content-Length: 1000\r\nConnection: keep-alive\r\n\r\n", 0, 1000 }, respond("GET"))
  end)

  it("answers HEAD with the same head and nothing to send", function()
    assert.same({ 200, respond("GET")[2], 0, 0 }, respond("HEAD"))
    assert.same({ 200, respond("GET")[2], 0, 0 }, respond("HEAD", "Range: bytes=0-1\r\n"))
  end)

  it("answers a range with that part", function()
    assert.same({ 206, "HTTP/1.1 206 Partial Content\r\nContent-Type: text/css\r\n"
      .. "Content-Range: bytes 10-19/1000\r\n" .. VALIDATORS
      .. "Content-Length: 10\r\nConnection: keep-alive\r\n\r\n", 10, 10 },
      respond("GET", "Range: bytes=10-19\r\n"))
  end)

  it("answers an impossible range with the size", function()
    local answer = respond("GET", "Range: bytes=1000-\r\n")
    assert.same({ 416, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */1000\r\n" .. VALIDATORS
      .. "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n" }, { answer[1], answer[2] })
    assert.equal(0, answer[4])
  end)

  it("answers 304 and 412 without content", function()
    for method in ("GET HEAD"):gmatch "%a+" do
      assert.same({ 304, "HTTP/1.1 304 Not Modified\r\n" .. VALIDATORS .. "Connection: keep-alive\r\n\r\n", 0, 0 },
                  respond(method, "If-None-Match: " .. ETAG .. "\r\n"))
      assert.same({ 412, "HTTP/1.1 412 Precondition Failed\r\n" .. VALIDATORS
        .. "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n", 0, 0 },
        respond(method, "If-Match: \"other\"\r\n"))
    end
  end)

  it("never says that a file is of the future", function()
    local now = 784111777 - 3600
    local answer = respond("GET", nil, nil, now)
    assert.matches("Last%-Modified: Sun, 06 Nov 1994 07:49:37 GMT\r\n", answer[2])
    assert.matches("Last%-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
                   respond("GET", nil, { size = 1, mtime = -5000000000, inode = 1 })[2])
  end)

  it("answers for an empty and for the largest file", function()
    local answer = respond("GET", nil, { size = 0, mtime = 0, inode = 1 })
    assert.same({ 200, 0, 0 }, { answer[1], answer[3], answer[4] })
    assert.matches("Content%-Length: 0\r\n", answer[2])
    answer = respond("GET", "Range: bytes=-1\r\n", { size = math.maxinteger, mtime = 0, inode = 1 })
    assert.equal(206, answer[1])
    assert.matches("Content%-Range: bytes 9223372036854775806%-9223372036854775806/9223372036854775807\r\n",
                   answer[2])
    assert.same({ math.maxinteger - 1, 1 }, { answer[3], answer[4] })
  end)

  it("leaves nothing behind when the head doesn't fit", function()
    local whole = respond("GET", "Range: bytes=10-19\r\n")[2]
    for max = 0, #whole - 1, 7 do
      assert.same({ nil, "too big", 0 }, respond("GET", "Range: bytes=10-19\r\n", nil, nil, max))
    end
    assert.equal(206, respond("GET", "Range: bytes=10-19\r\n", nil, nil, #whole)[1])
  end)
end)
