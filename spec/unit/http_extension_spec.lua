-- src/http/extension.c: the grammar of Sec-WebSocket-Extensions, RFC 6455 section 9.1.

local extensions = require("probe").negotiation.extensions

describe("http_extension_check and the iterators", function()
  it("take lists of extensions with parameters, over repeated headers", function()
    for _, case in ipairs {
      { {}, {} },
      { { "a" }, { { "a", {} } } },
      { { "a, b,c" }, { { "a", {} }, { "b", {} }, { "c", {} } } },
      { { "a", "b, c" }, { { "a", {} }, { "b", {} }, { "c", {} } } },
      { { "a; b" }, { { "a", { { "b" } } } } },
      { { "a; b=1;c ; d=x" }, { { "a", { { "b", "1" }, { "c" }, { "d", "x" } } } } },
      { { "a; b=1, a; b=2", "a;b" }, { { "a", { { "b", "1" } } }, { "a", { { "b", "2" } } }, { "a", { { "b" } } } } },
      { { "a\t;\t b\t =\t 1 \t, \tc" }, { { "a", { { "b", "1" } } }, { "c", {} } } },
      { { "!#$%&'*+-.^_`|~09azAZ" }, { { "!#$%&'*+-.^_`|~09azAZ", {} } } },
      { { 'a; b="x"' }, { { "a", { { "b", "x" } } } } },
      { { 'a; b="x" ; c = "y" , d' }, { { "a", { { "b", "x" }, { "c", "y" } } }, { "d", {} } } },
      { { 'a; b="\\x\\y"' }, { { "a", { { "b", "\\x\\y" } } } } },
      { { ",a" }, { { "a", {} } } },
      { { "a," }, { { "a", {} } } },
      { { "a,,b" }, { { "a", {} }, { "b", {} } } },
      { { " , ,a, ,b , ," }, { { "a", {} }, { "b", {} } } },
      { { "", "a", " " }, { { "a", {} } } },
    } do
      assert.same({ case[2] }, { extensions(case[1]) }, table.concat(case[1], " | "))
    end
  end)

  it("refuse what isn't one", function()
    for _, value in ipairs {
      "", " ", ",", ", ,", ";", ";a", "=", "a b", "a;", "a; ", "a;;b", "a;b=", "a; b= ", "a; =1", "a; b==1", "a; b=1 2",
      "a=1", "a; b c", "a; b=1;", "a, b;", "a/b", "a@b", "(a)", '"a"', "a; \"b\"", "a; b=\"", "a; b=\"c", "a; b=\"\"",
      'a; b=" "', 'a; b=" c"', 'a; b="c "', 'a; b="c d"', 'a; b="c,d"', 'a; b="c;d"', 'a; b="c"d', 'a; b="c""d"',
      'a; b=c"d"', 'a; b="\\"', 'a; b="\\""', 'a; b="\\\\"', 'a; b="c\\', 'a; b="c\\ "', "a; b='c d'", "caf\xc3\xa9",
      "a; b=\xff", 'a; b="\xff"', "a\0", "a; b=\0", "a\127",
    } do
      assert.same({ nil, "malformed" }, { extensions { value } }, value)
      assert.same({ nil, "malformed" }, { extensions { "x, " .. value .. ", y; z z" } }, value)
    end
    assert.same({ nil, "malformed" }, { extensions { "", "" } })
    assert.same({ nil, "malformed" }, { extensions { "a", "b;" } })
  end)

  it("are bounded", function()
    local all = {}
    for i = 1, 64 do all[i] = { "e" .. i, {} } end
    local function list(first, last)
      local names = {}
      for i = first, last do names[#names + 1] = "e" .. i end
      return table.concat(names, ", ")
    end
    assert.same({ all }, { extensions { list(1, 64) } })
    assert.same({ all }, { extensions { list(1, 30), list(31, 64) } })
    assert.same({ nil, "too many" }, { extensions { list(1, 65) } })
    assert.same({ nil, "too many" }, { extensions { list(1, 64), "x" } })
    assert.equal(1, #extensions { (","):rep(16000) .. "a" })
    assert.equal(1, #extensions { "a" .. ("; b"):rep(4000) })
  end)
end)
