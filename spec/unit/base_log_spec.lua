-- src/base/log: what is written to stderr, for people and for programs.

local probe = require "probe"
local base = probe.base

local TIME = "^%d%d:%d%d:%d%d%.%d%d%d "

-- The entry in text, without its time.
local function text(entry)
  if type(entry) == "string" then entry = { text = entry } end
  local written = base.log(entry)
  assert.matches(TIME, written)
  return (written:gsub(TIME, ""))
end

-- The entry in JSON, decoded; it is one line.
local function json(entry)
  if type(entry) == "string" then entry = { text = entry } end
  entry.format = "json"
  local written = base.log(entry)
  assert.matches("^[^\n]+\n$", written)
  local value, message = probe.json.json.decode(written)
  assert.is_truthy(value, message)
  return value, written
end

describe("the log", function()
  it("writes from its level on", function()
    local levels = { "debug", "info", "warn", "error" }
    for t, threshold in ipairs { "debug", "info", "warn", "error", "off" } do
      for l, level in ipairs(levels) do
        local written = base.log { threshold = threshold, level = level, text = "x" }
        assert.equal(l >= t, written ~= "", threshold .. " " .. level)
        assert.equal(l >= t, base.isLogged(threshold, level))
      end
    end
    assert.equal("", base.log { level = "off", text = "x" })
  end)
end)

describe("the log in text", function()
  it("is a line with time and level", function()
    assert.equal("info  hello\n", text "hello")
    assert.equal("debug hello\n", text { level = "debug", text = "hello" })
    assert.equal("warn  hello\n", text { level = "warn", text = "hello" })
    assert.equal("error hello\n", text { level = "error", text = "hello" })
    assert.equal("info  \n", text "")
  end)

  it("has fields, quoted where needed", function()
    assert.equal("info  x  n=-42  f=1.5  yes=true  no=false  s=plain:8080\n", text {
      text = "x", fields = { { "n", -42 }, { "f", 1.5 }, { "yes", true }, { "no", false }, { "s", "plain:8080" } },
    })
    for value, shown in pairs {
      [""] = '""', ["a b"] = '"a b"', ['a"b'] = '"a\\"b"', ["a=b"] = '"a=b"', ["a\\b"] = '"a\\\\b"', ["é"] = '"é"',
      ["a\nb"] = '"a\\nb"', ["\27[31m"] = '"\\u001b[31m"',
    } do
      assert.equal("info  x  k=" .. shown .. "\n", text { text = "x", fields = { { "k", value } } })
    end
    assert.equal("info  x  i=inf  n=nan\n",
                 (text { text = "x", fields = { { "i", 1 / 0 }, { "n", 0 / 0 } } }:gsub("%-nan", "nan")))
  end)

  it("keeps line breaks, indented, so that no line looks like an entry", function()
    assert.equal("info  one\n  two\n  three\n", text "one\ntwo\nthree")
    assert.equal("info  error\n    in f\n", text "error\n\tin f" )
  end)

  it("makes control characters visible", function()
    assert.equal("info  \\x1b[31m\\x00\\x07\\x7f\\x0d\n", text "\27[31m\0\a\x7f\r")
    assert.equal("info  \\x9b31m\n", text "\u{9b}31m")
    assert.equal("info  x  \\x1b[0m=1\n", text { text = "x", fields = { { "\27[0m", 1 } } })
  end)

  it("keeps UTF-8 and shows the bytes of what isn't", function()
    assert.equal("info  é€\u{1f639}\u{a0}\n", text "é€\u{1f639}\u{a0}")
    for bad, shown in pairs {
      ["\xff"] = "\\xff", ["\xc3"] = "\\xc3", ["\xe2\x82"] = "\\xe2\\x82", ["\xed\xa0\x80"] = "\\xed\\xa0\\x80",
      ["\xc0\xaf"] = "\\xc0\\xaf", ["\xf4\x90\x80\x80"] = "\\xf4\\x90\\x80\\x80", ["\x80"] = "\\x80",
      ["\xe0\x80\x80"] = "\\xe0\\x80\\x80", ["\xf0\x80\x80\x80"] = "\\xf0\\x80\\x80\\x80", ["\xf5\x80"] = "\\xf5\\x80",
    } do
      assert.equal("info  a" .. shown .. "b\n", text("a" .. bad .. "b"))
      assert.equal("info  " .. shown .. "\n", text(bad))
    end
  end)

  it("is coloured on a terminal alone", function()
    assert.is_nil(base.log({ level = "error", text = "x" }):find("\27"))
    local function onTerminal(level) return base.log { level = level, text = "x", terminal = true } end
    local has, why = pcall(onTerminal, "info")
    if not has and tostring(why):find "can't open a place" then pending("no pseudo-terminal is to be had here") end
    assert.matches("^%S+ \27%[31merror x\27%[0m\r?\n$", onTerminal "error")
    assert.matches("^%S+ \27%[33mwarn  x\27%[0m\r?\n$", onTerminal "warn")
    assert.matches("^%S+ info  x\r?\n$", onTerminal "info")
    assert.matches("^%S+ \27%[2mdebug x\27%[0m\r?\n$", onTerminal "debug")
  end)
end)

describe("the log in JSON", function()
  it("is one object a line", function()
    local entry, written = json { level = "warn", text = "hello", fields = {
      { "n", -42 }, { "f", 1.5 }, { "yes", true }, { "no", false }, { "s", "a b" },
    } }
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", entry.time)
    entry.time = nil
    assert.same({ level = "warn", message = "hello", n = -42, f = 1.5, yes = true, no = false, s = "a b" }, entry)
    assert.matches('^{"time":"[^"]+","level":"warn","message":"hello","n":%-42,"f":1.5,"yes":true,"no":false,', written)
  end)

  it("gives every text back as it was", function()
    for _, message in ipairs {
      "", "a\nb\tc", '"\\/', "\0\1\27\x7f", "é€\u{1f639}", "\u{85}\u{9b}", ("x"):rep(100000), "\r\n",
    } do
      assert.equal(message, json(message).message)
      assert.equal(message, json { text = "x", fields = { { "k", message } } }.k)
    end
    assert.equal(1, json { text = "x", fields = { { 'a"\n', 1 } } }['a"\n'])
  end)

  it("replaces what isn't UTF-8", function()
    assert.equal("a\u{fffd}b", json("a\xffb").message)
    assert.equal("\u{fffd}\u{fffd}\u{fffd}", json("\xed\xa0\x80").message)
    assert.equal("\u{fffd}", json { text = "x", fields = { { "k", "\xe9" } } }.k)
  end)

  it("writes null for numbers that JSON hasn't", function()
    local entry = json { text = "x", fields = { { "i", 1 / 0 }, { "m", -1 / 0 }, { "n", 0 / 0 } } }
    for _, key in ipairs { "i", "m", "n" } do assert.equal(probe.json.null, entry[key]) end
  end)
end)

describe("an entry that is far too long", function()
  local bytes = { "x", "\0", "\xff", "é" }

  it("is cut, and ends its line", function()
    for _, byte in ipairs(bytes) do
      local long = byte:rep(2 << 20)
      for _, entry in ipairs {
        { text = long }, { text = long, fields = { { "k", long } } },
        { text = "x", fields = { { "k", long }, { "l", long } } },
      } do
        local written = text(entry)
        assert.is_true(#written <= 1 << 20)
        assert.equal("\n", written:sub(-1))
      end
    end
  end)

  it("is still JSON", function()
    for _, byte in ipairs(bytes) do
      local long = byte:rep(2 << 20)
      assert.is_true(#json(long).message > 100000)
      local entry = json { text = long, fields = { { "k", long }, { "l", 1 } } }
      assert.equal(byte == "\xff" and "\u{fffd}" or byte, entry.message:match(utf8.charpattern))
      local fields = {}
      for i = 1, 16 do fields[i] = { "key" .. i, i % 2 == 0 and i or long } end
      assert.equal("x", json { text = "x", fields = fields }.message)
    end
  end)
end)
