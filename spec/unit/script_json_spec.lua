-- src/script/json: what RFC 8259 accepts and refuses, what Lua values become, and back.

local json = require("probe").json
local encode, decode = json.json.encode, json.json.decode
local null = json.null

local function assertAccepted(text, label)
  local value, message = json.decodeExactly(text)
  assert(value ~= nil, ("%s: refused: %s"):format(label or text, message))
  return value
end

local function assertRefused(text, label)
  local value, message = json.decodeExactly(text)
  assert.is_nil(value, (label or text) .. ": accepted")
  assert.matches("^line %d+, column %d+: .+", message)
  return message
end

-- Calls `f`, which stands on one line with the call of this, and returns the message of the error that
-- it raises, checked to have that line's position.
local function misuse(f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  local position = ("spec/unit/script_json_spec.lua:%d: "):format(debug.getinfo(f, "S").linedefined)
  assert.equal(position, message:sub(1, #position))
  return message:sub(#position + 1)
end

-- Compares by type too: 1 and 1.0 differ, as do 0.0 and -0.0.
local function same(a, b)
  if math.type(a) ~= math.type(b) or type(a) ~= type(b) then return false end
  if math.type(a) == "float" then return string.pack("d", a) == string.pack("d", b) end
  if type(a) ~= "table" then return a == b end
  if getmetatable(a) ~= getmetatable(b) then return false end
  for key, value in next, a do
    if not same(value, rawget(b, key)) then return false end
  end
  for key in next, b do
    if rawget(a, key) == nil then return false end
  end
  return true
end

local function assertSame(expected, actual, label)
  if not same(expected, actual) then assert.same(expected, actual, label) end
  assert.is_true(same(expected, actual), label)
end

-- The cases of the published suites (JSONTestSuite), category by category: what must be accepted,
-- what must be refused, and what luaws decides where the RFC leaves it open.

local ACCEPTED = {
  structure = {
    "[]", "{}", "[ ]", "{ }", " [1]", "[1] ", "[[]]", "[[],[[]]]", "[null]", "[1,null]",
    "[1,null,null,null,2]", '[""]',
    "[true]", "[false]", '["a",1,{}]', "[1\n]", "\n\t\r [] \n\t\r ", '{"a":[]}', '{"":0}', '{"a":1,"b":2}',
    '{"a":"b","a":"c"}',
    '{"a":"b","a":"b"}', '{"min": -1.0e+28, "max": 1.0e+28}', '{"x":[{"id": "xxx"}], "id": "xxx"}',
    '{"a":\n"b"\n}', '[[] ]',
    '{"foo\\u0000bar": 42}', '{"title":"\\u041f\\u043e\\u043b"}',
  },
  ["lonely values"] = { "false", "true", "null", "42", "-0.1", '"asd"', '""', '" "', " 7 ", "-0", "1e0" },
  numbers = {
    "[123e65]", "[0e+1]", "[0e1]", "[ 4]",
    "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    "[20e1]", "[-0]", "[-123]", "[-1]", "[-0.0]", "[1E22]", "[1E-2]", "[1E+2]", "[123e45]", "[123.456e78]",
    "[1e-2]", "[1e+2]",
    "[123]", "[123.456789]", "[0]", "[0.5]", "[10]", "[0e0]", "[0E-0]", "[1e-400]",
    "[0e99999999999999999999]",
    "[-1e-99999999999999999999]", "[123123123123123123123123123123]", "[-123123123123123123123123123123]",
    "[0.4e-7]",
  },
  strings = {
    [==["\u0060\u012a\u12AB"]==], [==["\uD801\udc37"]==], [==["\ud83d\ude39\ud83d\udc8d"]==],
    [==["\"\\\/\b\f\n\r\t"]==],
    [==["\\u0000"]==], [==["\""]==], '["a/*b*/c/*d//e"]', [==["\\a"]==], [==["\\n"]==], [==["\u0012"]==],
    [==["\uFFFF"]==],
    '["asd"]', '[ "asd"]', [==["\uDBFF\uDFFF"]==], [==["new\u00A0line"]==], '["\u{10ffff}"]', '["\u{ffff}"]',
    [==["\u0000"]==],
    [==["\u002c"]==], '["\u{3c0}"]', '["\u{1bfff}"]', '["asd "]', '" "', [==["\uD834\uDd1e"]==],
    [==["\u0821"]==],
    [==["\u0123"]==], '["\u{2028}"]', '["\u{2029}"]', [==["\u0061\u30af\u30EA\u30b9"]==], '["new\u{a0}line"]',
    '["\x7f"]', [==["\uA66D"]==],
    [==["\u005C"]==], '["\u{2342}\u{308}\u{20e3}"]', [==["\u200B"]==], [==["\u2064"]==], [==["\uFDD0"]==],
    [==["\uFFFE"]==],
    [==["\u0022"]==], '["\u{20ac}\u{1d11e}"]', '["a\x7fa"]', [==["\uDBFF\uDFFE"]==], '["\u{feff}"]',
  },
}

local REFUSED = {
  structure = {
    "", " ", "[", "]", "{", "}", "[1", "[1,", "[,", "[,1]", "[1,]", "[1,,]", "[1,,2]", "[,,]", '["x",,]',
    "[1 true]", "[1 2]", '["x"', '["x"]]',
    '["":1]', "[3[4]]", "[1:2]", '["a",\n4\n,1,', "[*]", "[   , \"\"]", "[][]", "[]]", "[]1", "[1]x", "{]",
    "[}", "[{", "[{]", "[{}",
    '{"a":"b"', '{"a"', '{"a"}', '{"a":', '{"a" "b"}', '{"a",1}', '{"a"::1}', '{"a":1,}', '{"a":1,,"b":2}',
    '{"a":1 "b":2}', "{,}", "{1:1}", "{a:1}",
    "{null:1}", "{'a':0}", '{"id":0,}', '{"id":0,,,,,}', '{"a":"b",,"c":"d"}', '{"a":true} "x"', '{"a":"b"}#',
    '{"a":"b"}/**/', '{"a":"b"}//',
    '{"a":/*comment*/"b"}', '{"a":1}}', '{"a', "{[1]:2}", '{"x", null}', "{,", '{"', "{9999E9999:1}",
    '{"a": 1 b}', "\f[]", "[\v1]", "[1\0]", "\0",
    "[\f1]", "\u{2060}[]", "\u{a0}[]", "<null>", "[<null>]", "*", "$", "#", "[1]//", "/**/", "// x\n1",
    "[True]", "abc", "-", "--", "\xef\xbb\xbf[]", "\xef\xbb\xbf",
    "\xef\xbb{}", "\xff\xfe[\0]\0", "\0[\0]", "[\xff]", "\xe9", "[\xe5", "(1)", "[1;2]", "=", "{\"a\"=1}",
    "'x'", "`x`", "é",
  },
  ["lonely words"] = {
    "nul", "nulll", "tru", "truee", "fals", "falsee", "True", "FALSE", "Null", "NULL", "NaN", "nan",
    "Infinity", "-Infinity", "Inf", "undefined", "nil",
    "true false", "truetrue", "[nul]", "[tru", "[fals]", "[truth]", "t", "n", "f", "none",
  },
  numbers = {
    "[-]", "-", "[+1]", "+1", "[++1234]", "[.5]", ".5", "[-.5]", "[1.]", "[-1.]", "[0.]", "[1.e1]", "[0.e1]",
    "[.2e-3]", "[1e]", "[1e+]", "[1E-]", "[0e]", "[0E+]",
    "[0.3e]", "[0.3e+]", "[1.0e]", "[1.0e-]", "[2.e3]", "[2.e+3]", "[-01]", "[012]", "01", "00", "-00",
    "[-012]", "[0x1]", "[0x42]", "0X1F", "[0b1]", "[1_000]", "[1,000.5,]",
    "[1 000]", "[1eE2]", "[1e1.5]", "[1.2.3]", "[1..2]", "[1+2]", "[0.1.2]", "[- 1]", "[-a]", "[1a]", "[1ea]",
    "[1.a]", "[-foo]", "[1.8011670033376514H-308]", "[1.2a-3]",
    "[1/2]", "[\u{ff11}]", "[123\xe5]", "[1e1\xe5]", "[0\xe5]", "[1l]", "[1f]", "[--2]", "[-2.]", "[1-2]",
    "[1e--2]", "[-NaN]", "[0e+-1]", "[1. ]", "[\xef\xbc\x91]", "[e1]", "[-e1]",
  },
  ["numbers out of range"] = {
    "[1e400]", "[-1e400]", "[123.456e789]", "[1e999999999999999999999999]",
    "[0.4e00669999999999999999999999999999999999]", "[-1e+9999]",
    "[1.8e308]", "[1" .. ("0"):rep(310) .. "]",
  },
  strings = {
    '"', '["]', '["a]', '"asd', '["asd\\"]', "['a']", '[\\n]', '["\\"]', '["\\', '["\\x00"]', '["\\a"]',
    '["\\v"]', "[\"\\'\"]", '["\\0"]', '["\\ "]', '["\\\u{1f300}"]', '["\\\xe5"]',
    '["\\\t"]', '["\\\n"]', '["\t"]', '["a\nb"]', '["\r"]', '["\0"]', '["a\0a"]', '["\x1f"]', '["\x01"]',
    '["\b"]', '["\\u"]', '["\\u1"]', '["\\u12"]', '["\\u123"]', '["\\u00A"]', '["\\u00G0"]',
    '["\\U0041"]', '["\\u{41}"]', '["\\u+041"]', '["\\u 041"]', '["\\u-041"]', '["\\uqqqq"]', '"\\u', '"\\u1',
    '"\\u12345', '["a"b"]', '["\\"x\\"', "\\u0020\"x\"", '["\u{9}"]', 'a"b"', '"x""y"', '["\\x41"]',
  },
  ["lone surrogates"] = {
    [==["\uD800"]==], [==["\uDFAA"]==], [==["\uD800\n"]==], [==["\uD800\uD800"]==], [==["\uD800\u"]==],
    [==["\uD800\u1"]==], [==["\uD800\u1x"]==], [==["\uD800\\u"]==], [==["\uDd1ea"]==],
    [==["\uD888\u1234"]==], [==["\uD800\uD800\n"]==], [==["\uDd1e\uD834"]==], [==["\ud800abc"]==],
    [==["\uDC00\uD800"]==], [==["\uDADA"]==], [==["\uDBFF\u0041"]==],
  },
  ["invalid UTF-8"] = {
    '["\xff"]', '["\xe5"]', '["\xc3"]', '["\x81"]', '["\x80"]', '["\xc0\xaf"]', '["\xe0\xff"]',
    '["\xed\xa0\x80"]', '["\xed\xbf\xbf"]', '["\xf4\xbf\xbf\xbf"]', '["\xfc\x83\xbf\xbf\xbf\xbf"]',
    '["\xfc\x80\x80\x80\x80\x80"]', '["\xe6\x97\xa5\xd1\x88\xfa"]', '["\xf0\x80\x80\xaf"]',
    '["\xf5\x80\x80\x80"]', '["\xfe"]', '["abcdefgh\xffabcdefgh"]', '{"\xb9":"0"}', '["\xe2\x82"]',
    '["\xe9a"]',
    '["\\u0041\xff"]', '["\xff\\n"]', '["\xe2\\u0082\xac"]',
  },
}

describe("luaws.json.decode", function()
  for category, texts in pairs(ACCEPTED) do
    it("accepts: " .. category, function()
      for _, text in ipairs(texts) do assertAccepted(text) end
    end)
  end

  for category, texts in pairs(REFUSED) do
    it("refuses: " .. category, function()
      for _, text in ipairs(texts) do assertRefused(text, ("%q"):format(text)) end
    end)
  end

  it("refuses every beginning of a text", function()
    local text = [==[{"a":[1,-2.5e+3,true,null,"x\u00e9\ud83d\ude39é"],"b":{}}]==]
    assertAccepted(text)
    for i = 0, #text - 1 do assertRefused(text:sub(1, i)) end
  end)

  it("refuses a second value after every text", function()
    for _, texts in pairs(ACCEPTED) do
      for _, text in ipairs(texts) do assertRefused(text .. " 1") end
    end
  end)

  it("gives Lua's values", function()
    assertSame(true, decode("true"))
    assertSame(false, decode("false"))
    assert.equal(null, decode("null"))
    assertSame("", decode('""'))
    assertSame({ a = { b = { ["1"] = 1 } } }, decode '{"a":{"b":{"1":1}}}')
    local value = decode('{"list":[1,"x",true,null,[],{}],"object":{"":{}}}')
    assert.same({ list = { 1, "x", true, null, {}, {} }, object = { [""] = {} } }, value)
  end)

  it("keeps integers of 64 bits as integers", function()
    for text, value in pairs {
      ["0"] = 0, ["-0"] = 0, ["7"] = 7, ["-7"] = -7, ["9007199254740993"] = 9007199254740993,
      ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
      ["1000000000000000000"] = 1000000000000000000, ["-9223372036854775807"] = -math.maxinteger,
    } do
      assertSame(value, decode(text), text)
    end
  end)

  it("makes floats of all other numbers", function()
    for text, value in pairs {
      ["9223372036854775808"] = 2.0 ^ 63, ["-9223372036854775809"] = -2.0 ^ 63,
      ["18446744073709551615"] = 2.0 ^ 64,
      ["99999999999999999999"] = 1e20, ["1.0"] = 1.0, ["-0.0"] = -0.0, ["0e5"] = 0.0, ["-0e5"] = -0.0,
      ["1e2"] = 100.0,
      ["12E-1"] = 1.2, ["0.1"] = 0.1, ["3.141592653589793"] = 3.141592653589793, ["1e22"] = 1e22,
      ["1e23"] = 1e23,
      ["9007199254740993.0"] = 9007199254740992.0, ["9007199254740993e0"] = 9007199254740992.0,
      ["2.2250738585072014e-308"] = 2.2250738585072014e-308, ["5e-324"] = 5e-324, ["2e-324"] = 0.0,
      ["1e-400"] = 0.0,
      ["-1e-400"] = -0.0, ["1.7976931348623157e308"] = 1.7976931348623157e308,
      ["17976931348623157e292"] = 1.7976931348623157e308,
      ["0.000001"] = 1e-6, ["123456789012345678901234567890.5e-10"] = 12345678901234567890.0,
      ["1" .. ("0"):rep(400) .. "e-400"] = 1.0, ["0." .. ("0"):rep(400) .. "1e401"] = 1.0,
      ["1." .. ("0"):rep(900) .. "1"] = 1.0,
    } do
      assertSame(value, decode(text), text)
    end
  end)

  it("rounds to the nearest float, however many digits say which side of the middle", function()
    -- 2^53 + 1 lies in the middle between two doubles: to the even one, unless a digit follows.
    local middle = "9007199254740993"
    assertSame(2.0 ^ 53, decode(middle .. "." .. ("0"):rep(1000)))
    assertSame(2.0 ^ 53 + 2, decode(middle .. "." .. ("0"):rep(1000) .. "1"))
    assertSame(2.0 ^ 53 + 2, decode(middle .. ("0"):rep(1000) .. "1e-1001"))
    assertSame(2.0 ^ 53, decode(middle .. ("0"):rep(1001) .. "e-1001"))
  end)

  it("resolves escapes", function()
    assertSame('"\\/\b\f\n\r\t', decode [==["\"\\\/\b\f\n\r\t"]==])
    assertSame("\0\x12A\u{e9}\u{7ff}\u{800}\u{ffff}", decode [==["\u0000\u0012\u0041\u00e9\u07FF\u0800\uffff"]==])
    assertSame("\u{10000}\u{1f639}\u{10ffff}", decode [==["\ud800\udc00\uD83D\uDE39\uDBFF\uDFFF"]==])
    assertSame(("x\n"):rep(5000), decode('"' .. ("x\\n"):rep(5000) .. '"'))
  end)

  it("finds the end of a string at every offset", function()
    for length = 0, 40 do
      local plain = ("x"):rep(length)
      assertSame(plain, json.decodeExactly('"' .. plain .. '"'))
      assertSame(plain .. "\n" .. plain, json.decodeExactly('"' .. plain .. "\\n" .. plain .. '"'))
      assertSame(plain .. "é" .. plain, json.decodeExactly('"' .. plain .. "é" .. plain .. '"'))
      assertRefused('"' .. plain .. "\n" .. plain .. '"')
      assertRefused('"' .. plain .. "\xff" .. plain .. '"')
      assertRefused('"' .. plain)
    end
  end)

  it("lets the last of equal keys count, however many there are", function()
    assertSame({ a = 2 }, decode '{"a":1,"a":2}')
    local text, expected = {}, {}
    for i = 1, 200 do
      text[i] = ('"k%d":%d'):format(i % 30, i)
      expected["k" .. i % 30] = i
    end
    assertSame(expected, decode("{" .. table.concat(text, ",") .. "}"))
  end)

  it("keeps the order of arrays of every length", function()
    for length = 0, 70 do
      local expected = json.array()
      for i = 1, length do expected[i] = i * 10 end
      assertSame(expected, decode("[" .. table.concat(expected, ",") .. "]"))
    end
  end)

  it("takes 128 levels and no more", function()
    local function nested(open, close, levels) return open:rep(levels) .. "1" .. close:rep(levels) end
    assertAccepted(nested("[", "]", 128))
    assertAccepted(nested('{"a":', "}", 128))
    assertAccepted(nested('[{"a":', "}]", 64))
    assert.matches("column 129: nested deeper than 128 levels", assertRefused(nested("[", "]", 129)))
    assertRefused(nested('{"a":', "}", 129))
    assertRefused(nested("[", "]", 100000))
    assertRefused(("["):rep(100000))
    assertRefused(('{"":'):rep(100000))
    assertRefused(('[{"":'):rep(50000))
    assertAccepted("[" .. ("[],"):rep(100000) .. "[]]")
  end)

  it("takes wide values on a deep stack of arrays", function()
    local row = ("1,"):rep(15)
    local value = assertAccepted(("[" .. row):rep(128) .. "1" .. ("]"):rep(128))
    for _ = 1, 127 do
      assert.equal(16, #value)
      value = value[16]
    end
    assert.equal(1, value[16])
  end)

  it("says where and what is wrong", function()
    for text, message in pairs {
      ["{\n  \"a\": 1,\n  \"b\" }"] = "line 3, column 7: expected ':' after a key, got '}'",
      [""] = "line 1, column 1: expected a value, got the end of the text",
      ["[1,]"] = "line 1, column 4: expected a value, got ']'",
      ["[1 2]"] = "line 1, column 4: expected ',' or ']' after a value, got '2'",
      ['{"a":1 "b":2}'] = "line 1, column 8: expected ',' or '}' after a value, got '\"'",
      ["{a:1}"] = "line 1, column 2: expected a key in quotes, got 'a'",
      ['{"a":1,}'] = "line 1, column 8: expected a key in quotes, got '}'",
      ["[1]\nx"] = "line 2, column 1: expected nothing after the value, got 'x'",
      ["nil"] = "line 1, column 1: expected a value, got 'nil'",
      ["[undefined]"] = "line 1, column 2: expected a value, got 'undefined'",
      ["[\0]"] = "line 1, column 2: expected a value, got byte 0x00",
      ["[\u{ff11}]"] = "line 1, column 2: expected a value, got byte 0xef",
      ["[\"é\", x]"] = "line 1, column 7: expected a value, got 'x'",
      ["01"] = "line 1, column 2: a number must not begin with 0",
      ["-x"] = "line 1, column 2: expected a digit, got 'x'",
      ["1."] = "line 1, column 3: expected a digit, got the end of the text",
      ["1e+]"] = "line 1, column 4: expected a digit, got ']'",
      ["[1e400]"] = "line 1, column 7: this number is too large",
      ['"a\nb"'] = "line 1, column 3: control character 0x0a in a string: it must be escaped",
      ['"a\\xb"'] = "line 1, column 3: unknown escape \\x in a string",
      ['"a\\\nb"'] = "line 1, column 3: unknown escape in a string",
      ['"\\u12"'] = "line 1, column 2: expected four hex digits after \\u",
      ['"ab\\ud800x"'] = "line 1, column 4: \\ud800 is half a character (a lone surrogate)",
      ['["a", "é\xffb"]'] = "line 1, column 9: invalid UTF-8 in a string",
      ['"\xe2\x82"'] = "line 1, column 2: invalid UTF-8 in a string",
      ['"abc'] = "line 1, column 5: a string without its closing quote",
      ['"abc\\'] = "line 1, column 6: a string without its closing quote",
      ["\xef\xbb\xbf1"] = "line 1, column 1: a byte order mark is no JSON",
    } do
      local value, got = decode(text)
      assert.is_nil(value, text)
      assert.equal(message, got)
    end
  end)

  it("raises when it isn't given a string", function()
    assert.equal("luaws.json.decode: must be a string, got no value", misuse(function() decode() end))
    assert.equal("luaws.json.decode: must be a string, got number 42", misuse(function() decode(42) end))
    assert.equal("luaws.json.decode: must be a string, got table", misuse(function() decode({}) end))
  end)
end)

describe("luaws.json.encode", function()
  it("writes each kind without blanks", function()
    assert.equal("true", encode(true))
    assert.equal("false", encode(false))
    assert.equal("null", encode(null))
    assert.equal('"x"', encode("x"))
    assert.equal('""', encode(""))
    assert.equal("{}", encode({}))
    assert.equal("[]", encode(json.array()))
    assert.equal("[]", encode(json.array {}))
    assert.equal("[1,2,3]", encode { 1, 2, 3 })
    assert.equal('[[],{},null,"a",true]', encode { json.array(), {}, null, "a", true })
    assert.equal('{"a":{"b":[{"c":1}]}}', encode { a = { b = { { c = 1 } } } })
    assert.equal('{"":""}', encode { [""] = "" })
    assert.equal('{"1":2}', encode { ["1"] = 2 })
  end)

  it("writes integers as they are", function()
    for text, value in pairs {
      ["0"] = 0, ["-1"] = -1, ["1234567890"] = 1234567890, ["9007199254740993"] = 9007199254740993,
      ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
    } do
      assert.equal(text, encode(value))
    end
  end)

  it("writes floats as short as they read back", function()
    for text, value in pairs {
      ["0.0"] = 0.0, ["-0.0"] = -0.0, ["1.0"] = 1.0, ["-1.0"] = -1.0, ["0.1"] = 0.1, ["-2.5"] = -2.5,
      ["100.25"] = 100.25, ["3.141592653589793"] = math.pi,
      ["0.30000000000000004"] = 0.1 + 0.2, ["123456789.12345678"] = 123456789.12345678, ["1e-07"] = 1e-7,
      ["1e+22"] = 1e22, ["1e+300"] = 1e300,
      ["999999999999999.0"] = 999999999999999.0, ["1e+15"] = 1e15,
      ["1234567890123456.0"] = 1234567890123456.0, ["9007199254740992.0"] = 2.0 ^ 53,
      ["5e-324"] = 5e-324, ["1.7976931348623157e+308"] = 1.7976931348623157e308, ["0.0001"] = 0.0001,
      ["0.00012345"] = 0.00012345,
      ["33.333333333333336"] = 100 / 3, ["9.223372036854776e+18"] = 2.0 ^ 63,
      ["12345678901234568.0"] = 12345678901234567.0,
    } do
      assert.equal(text, encode(value))
    end
  end)

  it("escapes what must be and nothing else", function()
    assert.equal([==["\"\\/\b\f\n\r\t"]==], encode('"\\/\b\f\n\r\t'))
    assert.equal([==["\u0000\u0001\u000b\u001f]==] .. '\x7f"', encode("\0\1\v\x1f\x7f"))
    assert.equal('"\u{e9}\u{2028}\u{1f639}<>&\'"', encode("\u{e9}\u{2028}\u{1f639}<>&'"))
    assert.equal([==[{"a\"\n":1}]==], encode { ['a"\n'] = 1 })
    for length = 0, 40 do
      local plain = ("x"):rep(length)
      local text = '"' .. plain .. "\\n" .. plain .. "é" .. plain .. '"'
      assert.equal(text, encode(plain .. "\n" .. plain .. "é" .. plain))
    end
  end)

  it("finds arrays whatever way they were built", function()
    local backwards = {}
    for i = 50, 1, -1 do backwards[i] = i end
    local shrunk = {}
    for i = 1, 100 do shrunk[i] = i end
    for i = 51, 100 do shrunk[i] = nil end
    local hashed = { [3] = 3, [1] = 1, [2] = 2 }
    local cleared = { x = 1, 1, 2, 3 }
    cleared.x = nil
    local expected = {}
    for i = 1, 50 do expected[i] = i end
    local text = "[" .. table.concat(expected, ",") .. "]"
    assert.equal(text, encode(backwards))
    assert.equal(text, encode(shrunk))
    assert.equal("[1,2,3]", encode(hashed))
    assert.equal("[1,2,3]", encode(cleared))
    assert.equal("[[1,[2]]]", encode { [1] = { [2] = { [1] = 2 }, [1] = 1 } })
    assert.equal('[1]', encode { [1.0] = 1 })
  end)

  it("sends decoded arrays and objects back as they came", function()
    for _, text in ipairs {
      "[]", "{}", "[[],{}]", '{"a":[]}', '{"a":{}}', "[[[]]]", "[null]", "1.0", "-0.0", "1", '[1,1.0,"1"]',
    } do
      assert.equal(text, encode(decode(text)))
    end
    local list = decode("[]")
    list[1] = "x"
    assert.equal('["x"]', encode(list))
  end)

  it("calls no metamethod", function()
    local function forbidden() error("called") end
    local meta = { __name = "Thing" }
    for _, event in ipairs { "index", "len", "pairs", "tostring", "eq" } do meta["__" .. event] = forbidden end
    assert.equal('{"a":1}', encode(setmetatable({ a = 1 }, meta)))
    assert.equal("[1,2]", encode(setmetatable({ 1, 2 }, meta)))
  end)

  it("raises at the caller's line, with the way to what is no JSON", function()
    local cycle = {}
    cycle.self = cycle
    local deep = 1
    for _ = 1, 129 do deep = { deep } end
    for _, case in ipairs {
      { nil, "nil is no JSON" },
      { print, "a function is no JSON" },
      { coroutine.create(print), "a thread is no JSON" },
      { io.stdout, "a FILE* is no JSON" },
      { json.blob "x", "a blob is no JSON" },
      { 0 / 0, "NaN is no JSON" },
      { 1 / 0, "an infinite number is no JSON" },
      { { -1 / 0 }, "at [1]: an infinite number is no JSON" },
      { "a\xff", "a string with invalid UTF-8 is no JSON" },
      { "\xed\xa0\x80", "a string with invalid UTF-8 is no JSON" },
      { { a = { ["\xff"] = 1 } }, "at .a: a key with invalid UTF-8 is no JSON" },
      { { ["\xff"] = 1 }, "a key with invalid UTF-8 is no JSON" },
      { { list = { 1, 2, { name = print } } }, "at .list[3].name: a function is no JSON" },
      { { ["a b"] = { [""] = print } }, 'at ["a b"][""]: a function is no JSON' },
      { { ["a\n\t\"" .. ("x"):rep(40)] = print },
        'at ["a???' .. ("x"):rep(28) .. '..."]: a function is no JSON' },
      { { [0] = 1 }, "a table with the key 0 is neither array nor object" },
      { { [-1] = 1 }, "a table with the key -1 is neither array nor object" },
      { { [1.5] = 1 }, "a table with the key 1.5 is neither array nor object" },
      { { 1, 2, [1.5] = 1 }, "a table with the key 1.5 is neither array nor object" },
      { { 1, 2, [0] = 1 }, "a table with the key 0 is neither array nor object" },
      { { 1, 2, [-3] = 1 }, "a table with the key -3 is neither array nor object" },
      { { 1, 2, x = 1 }, "an array with the key 'x' is no JSON" },
      { { a = { 1, x = 2 } }, "at .a: an array with the key 'x' is no JSON" },
      { { 1, [3] = 3 }, "an array with [3] lacks [2]" },
      { { [2] = 3 }, "an array with [2] lacks [1]" },
      { { a = { { [1000000000] = 1 } } }, "at .a[1]: an array with [1000000000] lacks [1]" },
      { { [math.maxinteger] = 1 }, "an array with [9223372036854775807] lacks [1]" },
      { { [true] = 1 }, "a key that is a boolean is no JSON" },
      { { [{}] = 1 }, "a key that is a table is no JSON" },
      { { 1, [print] = 1 }, "a key that is a function is no JSON" },
      { json.array { x = 1 }, "an array with the key 'x' is no JSON" },
      { json.array { [2] = 1 }, "an array with [2] lacks [1]" },
      { cycle, "at .self.self.self.self.self.self.self.self...: nested deeper than 128 levels (a cycle?)" },
      { deep, "at [1][1][1][1][1][1][1][1]...: nested deeper than 128 levels (a cycle?)" },
    } do
      assert.equal("luaws.json.encode: " .. case[2], misuse(function() encode(case[1]) end))
    end
  end)

  it("works on after an error", function()
    for _ = 1, 100 do assert.has_error(function() encode { "kept?", { x = print } } end) end
    assert.equal('{"a":1}', encode { a = 1 })
  end)

  it("counts levels, not tables", function()
    local row = {}
    for i = 1, 1000 do row[i] = { { x = i } } end
    assert.same(row, decode(encode(row)))
  end)

  it("writes 128 levels", function()
    local deep = 1
    for _ = 1, 128 do deep = { deep } end
    assert.equal(("["):rep(128) .. "1" .. ("]"):rep(128), encode(deep))
  end)

  it("writes megabytes", function()
    local text = ("0123456789\n"):rep(100000)
    assert.equal('"' .. text:gsub("\n", "\\n") .. '"', encode(text))
  end)
end)

describe("json_encode", function()
  it("appends to what is in the buffer", function()
    local result, text = json.encodeInto("before:", 100, { 1, 2 })
    assert.equal(0, result)
    assert.equal("before:[1,2]", text)
  end)

  it("takes back what it has written when the value is no JSON", function()
    local result, text, message = json.encodeInto("before:", 100, { 1, { print } })
    assert.equal(-5002, result)
    assert.equal("before:", text)
    assert.equal("at [2][1]: a function is no JSON", message)
  end)

  it("stops at the ceiling of the buffer, and not before it", function()
    local value = { 1, { a = "x\n\u{e9}" }, true, false, null, 1.5, 123, json.array(), {} }
    local full = encode(value)
    for max = 0, #full - 1 do
      local result, text, message = json.encodeInto("", max, value)
      assert.equal(-5001, result, max)
      assert.equal("", text)
      assert.equal(("the JSON text would be larger than %d bytes"):format(max), message)
    end
    local result, text = json.encodeInto("", #full, value)
    assert.equal(0, result)
    assert.equal(full, text)
  end)
end)

describe("JSON there and back", function()
  local state
  local function random(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return (state >> 33) % n
  end

  local function randomString()
    local parts = {}
    for i = 1, random(12) do
      local kind = random(6)
      parts[i] = kind == 0 and utf8.char(random(0x80)) or kind == 1 and utf8.char(0x80 + random(0x700))
        or kind == 2 and utf8.char(0xe000 + random(0x1fff)) or kind == 3 and utf8.char(0x10000 + random(0xfffff))
        or ("abcdefghijklmnop"):sub(1, random(16))
    end
    return table.concat(parts)
  end

  local function randomFloat()
    local bits = random(1 << 31) << 33 ~ random(1 << 31) << 10 ~ random(1 << 31)
    local value = string.unpack("d", string.pack("j", bits))
    if value ~= value or value - value ~= 0 then return 0.5 end
    return value
  end

  local function randomValue(depth)
    local kind = random(depth > 4 and 7 or 10)
    if kind == 0 then return null end
    if kind == 1 then return random(2) == 0 end
    if kind == 2 then return random(1 << 31) << 33 ~ random(1 << 31) end
    if kind == 3 then return random(2000) - 1000 end
    if kind == 4 then return randomFloat() end
    if kind == 5 then return (random(2000000) - 1000000) / 10 ^ random(8) end
    if kind == 6 then return randomString() end
    local t = kind == 7 and json.array() or {}
    for i = 1, random(depth == 0 and 40 or 8) do
      t[kind == 7 and i or randomString()] = randomValue(depth + 1)
    end
    return t
  end

  it("gives the same value: hundreds of random ones", function()
    state = 20250101
    for i = 1, 500 do
      local value = randomValue(0)
      local text = encode(value)
      assertSame(value, json.decodeExactly(text), i)
      assertSame(value, (decode(" " .. text .. "\n")), i)
    end
  end)

  it("gives the same float, which no shorter text does", function()
    state = 42
    for _ = 1, 20000 do
      local value = random(2) == 0 and randomFloat() or (random(1 << 31) - (1 << 30)) / 10.0 ^ random(12)
      local text = encode(value)
      if not same(value, decode(text)) then assertSame(value, decode(text), text) end
      if not text:find("[.e]") then error(text .. " would come back as an integer") end
      local digits = text:gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", ""):gsub("0+$", "")
      local shorter = ("%%.%dg"):format(#digits - 1):format(value)
      if #digits > 1 and tonumber(shorter) == value then error(text .. ": " .. shorter .. " is shorter") end
    end
  end)

  it("does not depend on the locale", function()
    local locale
    for _, name in ipairs { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8" } do
      locale = locale or os.setlocale(name, "numeric")
    end
    if not locale then return pending("no locale with another decimal point is installed") end
    finally(function() os.setlocale("C") end)
    for _, value in ipairs { 0.5, 1e-300, math.pi, 1e300, 123456789.12345678 } do
      local text = encode(value)
      assert.is_nil(text:find(","))
      assertSame(value, decode(text))
    end
  end)
end)

describe("luaws.null", function()
  it("is a value of its own", function()
    assert.equal("null", tostring(null))
    assert.is_truthy(null)
    assert.equal(null, decode("[null]")[1])
    assert.not_equal(null, nil)
  end)
end)

describe("luaws.array", function()
  it("marks a table and returns it", function()
    local t = { 1 }
    assert.equal(t, json.array(t))
    assert.equal(t, json.array(t))
    assert.equal(getmetatable(t), getmetatable(decode("[]")))
    assert.equal(getmetatable(t), getmetatable(json.array()))
  end)

  it("refuses what is no plain table", function()
    for _, case in ipairs {
      { 42, "must be a table, got number 42" },
      { "x", "must be a table, got string 'x'" },
      { setmetatable({}, {}), "the table has a metatable" },
    } do
      assert.equal("luaws.array: " .. case[2], misuse(function() json.array(case[1]) end))
    end
  end)
end)

describe("luaws.blob", function()
  local blob = json.blob

  it("holds bytes", function()
    local bytes = "a\0\xff" .. ("x"):rep(1000)
    local b = blob(bytes)
    assert.equal("userdata", type(b))
    assert.equal(bytes, tostring(b))
    assert.equal(#bytes, #b)
    assert.equal(bytes, json.bytesOf(b))
    assert.equal(0, #blob "")
    assert.equal("", tostring(blob ""))
    assert.equal(b, blob(b))
  end)

  it("compares and concatenates by its bytes", function()
    assert.is_true(blob "x" == blob "x")
    assert.is_false(blob "x" == blob "y")
    assert.is_false(blob "x" == null)
    assert.equal("abcd1", blob "ab" .. blob "cd" .. 1)
    assert.equal("abcd", "ab" .. blob "cd")
    assert.equal("attempt to concatenate blob and table", misuse(function() return blob "x" .. {} end))
    assert.equal("attempt to concatenate nil and blob", misuse(function() return nil .. blob "x" end))
  end)

  it("refuses what is no string", function()
    for _, value in ipairs { 42, true, {}, null } do
      assert.matches("^luaws.blob: must be a string, got ", misuse(function() blob(value) end))
    end
    assert.equal("luaws.blob: must be a string, got nil", misuse(function() blob() end))
  end)

  it("is told from everything else", function()
    for _, value in ipairs { "x", 1, {}, null, io.stdout, print } do assert.is_nil(json.bytesOf(value)) end
  end)

  it("keeps its bytes alive", function()
    local blobs = {}
    for i = 1, 100 do blobs[i] = blob(("%d"):format(i):rep(100)) end
    collectgarbage()
    for i = 1, 100 do assert.equal(("%d"):format(i):rep(100), tostring(blobs[i])) end
  end)
end)
