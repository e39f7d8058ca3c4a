-- src/http/pattern.c: path patterns, matched and put in order.

local http = require("probe").http

local function new(path)
  local pattern, why = http.newPattern(path)
  return assert(pattern, why)
end

describe("http_pattern_new", function()
  it("keeps the text", function()
    for _, path in ipairs { "/", "/chat", "/rooms/:room", "/files/*", "/%61" } do
      assert.equal(path, new(path):text())
    end
    assert.is_nil(new(nil):text())
  end)

  it("says what is malformed", function()
    for path, expected in pairs {
      [""] = "must start with '/'",
      ["chat"] = "must start with '/'",
      [":room"] = "must start with '/'",
      ["*"] = "must start with '/'",
      [" /chat"] = "must start with '/'",
      ["/:"] = "has a ':' without a name",
      ["/a/:/b"] = "has a ':' without a name",
      ["/:a/:a"] = "has the same name twice",
      ["/:a/x/:b/*/:a"] = "has the same name twice",
      ["/a*"] = "has a '*' that is not a whole segment",
      ["/*a"] = "has a '*' that is not a whole segment",
      ["/a/**"] = "has a '*' that is not a whole segment",
      ["/*.js/b"] = "has a '*' that is not a whole segment",
      ["/:a*"] = "has a name that is not letters, digits and '_'",
      ["/:1a"] = "has a name that is not letters, digits and '_'",
      ["/:a-b"] = "has a name that is not letters, digits and '_'",
      ["/:a:b"] = "has a name that is not letters, digits and '_'",
      ["/:caf\xc3\xa9"] = "has a name that is not letters, digits and '_'",
      ["/:a%62"] = "has a name that is not letters, digits and '_'",
      ["/a?"] = "must not have a '?': a path ends before the query",
      ["/a?b=:c"] = "must not have a '?': a path ends before the query",
      ["/a#b"] = "must not have a '#': a path ends before the fragment",
      ["/a\0"] = "has a control character",
      ["/\n"] = "has a control character",
      ["/:a\x7f"] = "has a control character",
      ["/%00"] = "has a control character",
      ["/a%0a"] = "has a control character",
      ["/a%7Fb"] = "has a control character",
      ["/%"] = "has a '%' without two hex digits",
      ["/a%4/b"] = "has a '%' without two hex digits",
      ["/100%"] = "has a '%' without two hex digits",
      [("/a"):rep(33)] = "has more than 32 segments",
      [("/"):rep(33)] = "has more than 32 segments",
    } do
      assert.same({ nil, expected }, { http.newPattern(path) }, path)
    end
  end)

  it("takes 32 segments", function()
    assert.same({}, new(("/a"):rep(32)):match(("/a"):rep(32)))
    local path, names = "", {}
    for i = 1, 32 do
      path = path .. "/:n" .. i
      names["n" .. i] = tostring(i)
    end
    assert.same(names, new(path):match((path:gsub(":n", ""))))
  end)
end)

describe("http_pattern_match", function()
  local function check(cases)
    for _, case in ipairs(cases) do
      local path, request, expected = case[1], case[2], case[3]
      local what = ("%s against %s"):format(path, request)
      assert.same(expected, new(path):match(request), what)
      assert.equal(expected ~= false, new(path):match(request, false), what)
    end
  end

  it("compares literals with decoded segments", function()
    check {
      { "/", "/", {} }, { "/", "", false }, { "/", "//", false }, { "/", "/a", false },
      { "/chat", "/chat", {} }, { "/chat", "/chat/", false }, { "/chat/", "/chat/", {} },
      { "/chat/", "/chat", false }, { "/chat", "/Chat", false }, { "/chat", "/cha", false },
      { "/chat", "/chatt", false }, { "/chat", "/chat/x", false }, { "/chat", "chat", false },
      { "/chat", "/%63hat", {} }, { "/chat", "/%43hat", false }, { "/a/b", "/a%2Fb", false },
      { "/a b", "/a%20b", {} }, { "/caf\xc3\xa9", "/caf%C3%A9", {} }, { "/a//b", "/a//b", {} },
      { "/a//b", "/a/b", false }, { "/a+b", "/a+b", {} }, { "/a+b", "/a%20b", false },
      { "/a:b", "/a:b", {} }, { "/.", "/.", {} }, { "/a", "/b/../a", false }, { "/a", "/a%00", false },
    }
  end)

  it("decodes the pattern too", function()
    check {
      { "/caf%C3%A9", "/caf%c3%a9", {} }, { "/a%2Fb", "/a%2fb", {} }, { "/a%2Fb", "/a/b", false },
      { "/%3Aroom", "/:room", {} }, { "/%3Aroom", "/x", false }, { "/%2A", "/*", {} },
      { "/%2A", "/x", false }, { "/%25", "/%25", {} }, { "/a%3F", "/a%3F", {} },
    }
  end)

  it("gives names one segment each, decoded and not empty", function()
    check {
      { "/rooms/:room", "/rooms/lobby", { room = "lobby" } }, { "/rooms/:room", "/rooms", false },
      { "/rooms/:room", "/rooms/", false }, { "/rooms/:room", "/rooms/a/b", false },
      { "/rooms/:room", "/rooms/a/", false }, { "/rooms/:room/", "/rooms/a/", { room = "a" } },
      { "/rooms/:room", "/rooms/a%2Fb", { room = "a/b" } }, { "/rooms/:room", "/rooms/%20+", { room = " +" } },
      { "/rooms/:room", "/rooms/%00", { room = "\0" } }, { "/rooms/:room", "/rooms/:room", { room = ":room" } },
      { "/:a/x/:b_2", "/1/x/2", { a = "1", b_2 = "2" } }, { "/:a/x/:b", "/1/y/2", false },
      { "/:_", "/..", { _ = ".." } }, { "/:a/:A", "/1/2", { a = "1", A = "2" } },
    }
  end)

  it("lets a star stand for one segment, unnamed", function()
    check {
      { "/a/*/c", "/a/b/c", {} }, { "/a/*/c", "/a//c", false }, { "/a/*/c", "/a/b/b/c", false },
      { "/a/*/c", "/a/c", false }, { "/*/", "/x/", {} }, { "/*/", "/x", false },
      { "/*/:b", "/x/y", { b = "y" } },
    }
  end)

  it("lets a star that is last stand for the rest", function()
    check {
      { "/files/*", "/files/a", { ["*"] = "a" } }, { "/files/*", "/files/a/b", { ["*"] = "a/b" } },
      { "/files/*", "/files/a/b/", { ["*"] = "a/b/" } }, { "/files/*", "/files/", { ["*"] = "" } },
      { "/files/*", "/files", false }, { "/files/*", "/file/a", false },
      { "/files/*", "/files//", { ["*"] = "/" } }, { "/files/*", "/files/a%20b/c%2Fd", { ["*"] = "a b/c/d" } },
      { "/*", "/", { ["*"] = "" } }, { "/*", "/a/b", { ["*"] = "a/b" } },
      { "/:a/*", "/1/2/3", { a = "1", ["*"] = "2/3" } }, { "/*/*", "/1/2/3", { ["*"] = "2/3" } },
      { "/:a/*", "//2", false },
    }
  end)

  it("matches every path when there is none", function()
    for _, path in ipairs { "/", "/a", "/a/b/", "//", "/%20" } do
      assert.same({}, new(nil):match(path))
    end
  end)

  it("refuses a bad encoding wherever it stands", function()
    for _, pattern in ipairs { "/a", "/:a", "/*", "/a/b" } do
      for _, path in ipairs { "/%", "/a%", "/%zz", "/a/b/%4", "/%4/a", "/b/%G0" } do
        assert.same({ nil, "invalid" }, { new(pattern):match(path) })
        assert.same({ nil, "invalid" }, { new(pattern):match(path, false) })
      end
    end
    assert.same({ nil, "invalid" }, { new(nil):match("/%") })
  end)

  it("doesn't pass the buffer's ceiling", function()
    assert.same({ a = "12345", b = "6" }, new("/:a/:b"):match("/12345/6", 6))
    assert.same({ nil, "too big" }, { new("/:a/:b"):match("/12345/6", 5) })
    assert.same({}, new("/a"):match("/a", 0))
  end)

  it("is not slowed down by long paths", function()
    local long = ("/a"):rep(4096)
    assert.is_false(new(("/*"):rep(31) .. "/b"):match(long))
    assert.equal(long:sub(2), new("/*"):match(long)["*"])
  end)
end)

describe("http_pattern_compare", function()
  -- From the most to the least specific; none matches the same requests as another.
  local ORDER = {
    "/", "/a/", "/a", "/a/b/c", "/a/b", "/a/b/:x", "/a/b/*", "/a/:x/", "/a/:x/c", "/a/:x", "/a/:x/:y", "/a/:x/*",
    "/a/*", "/b", "/:x/b", "/:x/:y", "/:x/*", "/:x", "/*",
  }

  it("puts patterns in a total order", function()
    for _, a in ipairs(ORDER) do
      for _, b in ipairs(ORDER) do
        local x, y = new(a), new(b)
        local order = http.patternCompare(x, y)
        assert.equal(-order, http.patternCompare(y, x), a .. " and " .. b)
        assert.equal(a == b, order == 0, a .. " and " .. b)
        for _, c in ipairs(ORDER) do
          if order < 0 and http.patternCompare(y, new(c)) < 0 then
            assert.equal(-1, http.patternCompare(x, new(c)), table.concat({ a, b, c }, " "))
          end
        end
      end
    end
  end)

  it("puts the more specific one first", function()
    for _, pair in ipairs {
      { "/a/b", "/a/:x" }, { "/a/:x", "/a/*" }, { "/a/b", "/a/*" }, { "/a/*", "/:x/b" },
      { "/a/:x/c", "/a/:x/:y" }, { "/a/:x", "/*" }, { "/a/b/*", "/a/*" }, { "/a/:x/*", "/a/*" },
      { "/a/*/c", "/a/*" }, { "/rooms/new", "/rooms/:room" }, { "/a/", "/a/*" }, { "/:x", "/*" },
    } do
      assert.equal(-1, http.patternCompare(new(pair[1]), new(pair[2])), table.concat(pair, " "))
    end
    for _, path in ipairs { "/", "/a", "/:x", "/a/*", "/:x/*" } do
      assert.equal(-1, http.patternCompare(new(path), new(nil)))
      assert.equal(1, http.patternCompare(new(nil), new(path)))
    end
  end)

  it("finds those that match the same requests", function()
    for _, pair in ipairs {
      { "/chat", "/chat" }, { "/chat", "/%63hat" }, { "/:a", "/:b" }, { "/rooms/:a/x", "/rooms/:b/x" },
      { "/:a/x", "/*/x" }, { "/a/*", "/a/*" }, { "/*" }, {},
    } do
      assert.equal(0, http.patternCompare(new(pair[1]), new(pair[2])))
      assert.equal(0, http.patternCompare(new(pair[2]), new(pair[1])))
    end
  end)

  it("never takes two for the same that a request tells apart", function()
    local requests = {}
    for _, first in ipairs { "a", "b", "c", "" } do
      requests[#requests + 1] = "/" .. first
      for _, second in ipairs { "a", "b", "c", "", "a/b" } do
        requests[#requests + 1] = "/" .. first .. "/" .. second
      end
    end
    local segments = { "a", "b", "", ":x", "*" }
    local patterns = {}
    for _, first in ipairs(segments) do
      patterns[#patterns + 1] = "/" .. first
      for _, second in ipairs(segments) do
        if first .. second ~= ":x:x" then patterns[#patterns + 1] = "/" .. first .. "/" .. second end
      end
    end
    for _, a in ipairs(patterns) do
      for _, b in ipairs(patterns) do
        local x, y = new(a), new(b)
        local only = { a = false, b = false, both = false }
        for _, request in ipairs(requests) do
          local inA, inB = x:match(request, false), y:match(request, false)
          only.a = only.a or inA and not inB
          only.b = only.b or inB and not inA
          only.both = only.both or inA and inB
        end
        local order = http.patternCompare(x, y)
        local what = a .. " and " .. b
        if not only.a and not only.b then assert.equal(0, order, what) end
        if only.a or only.b then assert.not_equal(0, order, what) end
        if only.both and only.b and not only.a then assert.equal(-1, order, what) end
      end
    end
  end)
end)
