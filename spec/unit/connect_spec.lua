-- The parts of `luaws connect` that are arithmetic: lua/luaws/connect/*.lua.

local json = require("probe").json.json
local arguments = require "luaws.connect.arguments"
local command = require "luaws.connect.command"
local newView = require "luaws.connect.view"
local pretty = require "luaws.connect.pretty"
local text = require "luaws.connect.text"

local function plain(_, s) return s end
local function marked(what, s) return "<" .. what .. ":" .. s .. ">" end

describe("the arguments of luaws connect", function()
  it("are options and a URL, in any order", function()
    local options = arguments.parse { "-H", "A: 1", "ws://x", "--count", "3", "--header=a:  b c ", "--json",
                                      "--subprotocol", "v2", "--subprotocol", "v1", "--timeout", "0.5", "--wait", "0",
                                      "--insecure", "--ca", "ca.pem", "--cert", "c.pem", "--key", "k.pem", "--proxy",
                                      "http://p:1", "--compression", "--binary", "--origin", "https://o" }
    assert.same({
      url = "ws://x", headers = { A = "1", a = "b c", Origin = "https://o" }, count = 3, json = true,
      subprotocols = { "v2", "v1" }, timeout = 0.5, wait = 0, insecure = true, ca = "ca.pem", cert = "c.pem",
      key = "k.pem", proxy = "http://p:1", compression = true, binary = true,
    }, options)
  end)

  it("may repeat a header", function()
    assert.same({ X = { "1", "2", "3" } },
      arguments.parse({ "u", "-H", "X: 1", "-H", "X: 2", "-H", "X:3" }).headers)
  end)

  it("end their options with --", function()
    assert.equal("-u", arguments.parse({ "--", "-u" }).url)
  end)

  it("know for ever", function()
    assert.equal(math.huge, arguments.parse({ "u", "--wait", "forever" }).wait)
  end)

  it("need no URL for --help, which names every option", function()
    assert.is_true(arguments.parse({ "--help" }).help)
    for _, name in ipairs { "header", "origin", "subprotocol", "compression", "timeout", "count", "wait", "binary",
                            "json", "insecure", "ca", "cert", "key", "proxy", "help" } do
      assert.truthy(arguments.HELP:find("--" .. name, 1, true), name)
      local _, wrong = arguments.parse { "--" .. name, "1", "u" }
      assert.falsy((wrong or ""):find("unknown", 1, true), name)
    end
    for line in arguments.HELP:gmatch "[^\n]+" do assert.is_true(#line <= 100, line) end
  end)

  for words, expected in pairs {
    [""] = "a URL is missing",
    ["u v"] = "one URL is enough: 'v'",
    ["--nonsense u"] = "unknown option '--nonsense'",
    ["-x u"] = "unknown option '-x'",
    ["u --count"] = "option '--count' wants a value",
    ["u --json=1"] = "option '--json' takes no value",
    ["u --count 0"] = "--count wants a number from 1, got '0'",
    ["u --count 1e3"] = "--count wants a number from 1, got '1e3'",
    ["u --timeout 0"] = "--timeout wants seconds, got '0'",
    ["u --timeout nan"] = "--timeout wants seconds, got 'nan'",
    ["u --wait -1"] = "--wait wants seconds or 'forever', got '-1'",
    ["u --wait inf"] = "--wait wants seconds or 'forever', got 'inf'",
    ["u --header X"] = "--header wants 'NAME: VALUE', got 'X'",
    ["u --header :v"] = "--header wants 'NAME: VALUE', got ':v'",
    ["u --header a/b:v"] = "--header wants 'NAME: VALUE', got 'a/b:v'",
    ["u --header a:b\rc"] = "--header wants 'NAME: VALUE', got 'a:b\rc'",
    ["u --origin="] = "--origin wants an origin, got ''",
    ["u --subprotocol a,b"] = "--subprotocol wants a name, got 'a,b'",
    ["u --key k"] = "--key wants --cert, too",
    ["u --cert c"] = "--cert wants --key, too",
  } do
    it(("that are wrong are told: %q"):format(words), function()
      local words_ = {}
      for word in words:gmatch "[^ ]+" do words_[#words_ + 1] = word end
      local options, wrong = arguments.parse(words_)
      assert.is_nil(options)
      assert.equal(expected, wrong)
    end)
  end
end)

describe("what is typed", function()
  local function read(line) return table.pack(command.read(line)) end

  it("is a message, but for a slash", function()
    assert.same({ "send", "hello /x", n = 2 }, read "hello /x")
    assert.same({ "send", " /x", n = 2 }, read " /x")
    assert.same({ "send", "/x", n = 2 }, read "//x")
    assert.same({ "send", "/", n = 2 }, read "//")
    assert.same({ "nothing", n = 1 }, read "")
  end)

  it("is a command with one", function()
    assert.same({ "ping", "", n = 2 }, read "/ping")
    assert.same({ "ping", "a b", n = 2 }, read "/ping  a b ")
    assert.same({ "close", n = 1 }, read "/close")
    assert.same({ "close", 3000, nil, n = 3 }, read "/close 3000")
    assert.same({ "close", 3000, "a b", n = 3 }, read "/close 3000 a b")
    assert.same({ "binary", "a file", n = 2 }, read "/binary a file")
    assert.same({ "help", n = 1 }, read "/help")
    assert.same({ "close", n = 1 }, read "/quit ")
  end)

  it("is told when it is neither", function()
    assert.same({ nil, "there is no /x (see /help; to send it, begin with two slashes)", n = 2 }, read "/x y")
    assert.same({ nil, "there is no / (see /help; to send it, begin with two slashes)", n = 2 }, read "/")
    assert.same({ nil, "/close wants a code, got 'bye'", n = 2 }, read "/close bye")
    assert.same({ nil, "/binary wants a file", n = 2 }, read "/binary")
  end)

  it("is helped with by a line for each command", function()
    for name in command.HELP:gmatch "/(%l+)" do
      local _, wrong = command.read("/" .. name)
      assert.falsy((wrong or ""):find("there is no", 1, true), name)
    end
  end)
end)

describe("text on a terminal", function()
  it("keeps what people write", function()
    local all = "Tab\tand\nnewline, ÄÖÜ, 漢字, 🙂, שלום, e\u{301}\u{200d}"
    assert.equal(all, text.sanitise(all))
  end)

  it("shows control characters, and does not act upon them", function()
    assert.equal("\\x1b[31mred\\x1b[0m", text.sanitise "\27[31mred\27[0m")
    assert.equal("\\x00\\x07\\x08\\x0d\\x7f", text.sanitise "\0\a\b\r\127")
    assert.equal("\\u{9b}31m\\u{80}", text.sanitise "\u{9b}31m\u{80}")
    for byte = 0, 31 do
      local shown = text.sanitise(string.char(byte))
      assert.equal(byte == 9 or byte == 10, shown == string.char(byte))
    end
  end)

  it("shows what would turn the order of letters round", function()
    assert.equal("\\u{202e}evil\\u{2066}\\u{200f}\\u{61c}\\u{2028}",
      text.sanitise "\u{202e}evil\u{2066}\u{200f}\u{61c}\u{2028}")
  end)

  it("shows bytes that are no UTF-8", function()
    assert.equal("a\\xffb\\x9b\\xc3", text.sanitise "a\xffb\x9b\xc3")
    assert.equal("\\xed\\xa0\\x80", text.sanitise "\xed\xa0\x80")
    assert.equal("ä\\x80ö", text.sanitise "ä\x80ö")
  end)

  it("can be kept to a line", function()
    assert.equal("a\\nb", text.sanitiseLine "a\nb")
  end)

  it("shows bytes in rows of 16, up to a number of them", function()
    assert.equal("00000000  00 41 42 1b ff " .. (" "):rep(34) .. ".AB..", text.hexdump("\0AB\27\255", 100))
    assert.equal("00000000  " .. ("61 "):rep(16) .. " " .. ("a"):rep(16) .. "\n00000010  "
      .. "62 " .. (" "):rep(45) .. " b", text.hexdump(("a"):rep(16) .. "b", 100))
    assert.equal("00000000  " .. ("61 "):rep(16) .. " " .. ("a"):rep(16) .. "\n... 3 bytes more",
      text.hexdump(("a"):rep(19), 16))
    assert.equal("", text.hexdump("", 16))
  end)
end)

describe("JSON in lines", function()
  it("keeps keys in order and numbers as they are", function()
    assert.equal('{\n  "b": 1.50,\n  "a": [\n    1e3,\n    -0,\n    12345678901234567890\n  ]\n}',
      pretty(' {"b":1.50,"a":[1e3,-0, 12345678901234567890]}\n', plain))
  end)

  it("is short where there is nothing", function()
    assert.equal("[\n  {},\n  [],\n  \"\"\n]", pretty("[{ },[\n],\"\"]", plain))
  end)

  it("leaves strings alone", function()
    local s = [["a \" { [ , : \\"]]
    assert.equal("[\n  " .. s .. ",\n  " .. s .. "\n]", pretty("[" .. s .. "," .. s .. "]", plain))
  end)

  it("colours what is what", function()
    assert.equal('{\n  <key:"a">: <string:"b:">,\n  <key:"c">: <number:-1>,\n  <key:"d">: [\n    <word:true>,\n'
      .. '    <word:null>\n  ]\n}', pretty('{"a":"b:","c" : -1,"d":[true,null]}', marked))
    assert.equal("<number:5>", pretty("5", marked))
    assert.equal("<word:false>", pretty(" false ", marked))
  end)

  it("is the same JSON", function()
    local source = '[1,2.5,{"b":"x\\n"},[],{},null,"\\\\"]'
    assert.equal(source, json.encode(json.decode(pretty(source, plain))))
  end)
end)

describe("a message", function()
  local decode = json.decode

  it("is itself in a pipe, with a newline behind text", function()
    local view = newView { decode = false }
    assert.equal("a\27[31m\n", view:message("a\27[31m", false))
    assert.equal("\0\255", view:message("\0\255", true))
  end)

  it("is sanitised on a terminal", function()
    local view = newView { isScreen = true }
    assert.equal("a\\x1b[31m\nb\n", view:message("a\27[31m\nb", false))
    assert.equal("<binary, 1 byte>\n" .. text.hexdump("\27", 16) .. "\n", view:message("\27", true))
    assert.equal("<binary, no bytes>\n", view:message("", true))
  end)

  it("has a mark where people talk, and its lines stand below each other", function()
    local view = newView { isScreen = true, isTalk = true }
    assert.equal("< a\n  b\n", view:message("a\nb", false))
    assert.equal("< <binary, 2 bytes>\n  " .. text.hexdump("ab", 16) .. "\n", view:message("ab", true))
  end)

  it("has colours when they are wanted", function()
    local view = newView { isScreen = true, isTalk = true, hasColours = true }
    assert.equal("\27[36m<\27[0m \27[36ma\27[0m\n", view:message("a", false))
    assert.equal("a\n", newView { hasColours = true }:message("a", false))
  end)

  it("is laid out when it is JSON and that is wanted", function()
    assert.equal("[\n  1\n]\n", newView { decode = decode }:message("[1]", false))
    assert.equal("< [\n    1\n  ]\n", newView { isScreen = true, isTalk = true, decode = decode }:message("[1]", false))
    assert.equal("[1\n", newView { decode = decode }:message("[1", false))
    assert.equal("[1]", newView { decode = decode }:message("[1]", true))
    assert.equal('[\n  "\\u{9b}"\n]\n', newView { isScreen = true, decode = decode }:message('["\u{9b}"]', false))
  end)
end)
