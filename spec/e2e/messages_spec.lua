-- Messages in and out, by kind of value and dataType.

local client = require "spec.support.client"
local server = require "spec.support.server"

local ECHO = [[ serve({ onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end }) ]]

-- A server whose handler sends EXPRESSION when a message comes, and prints what send returned.
local function sending(expression, dataType)
  return server.start(([[
    local blob, null, array = luaws.blob, luaws.null, luaws.array
    serve({ onMessage = function(_, ws) say(pcall(ws.send, ws, %s)) end }, { dataType = %s })
  ]]):format(expression, dataType and ("%q"):format(dataType) or "nil"))
end

describe("an echo", function()
  local s, c

  before_each(function()
    s = server.start(ECHO)
    c = client.open(s, "/")
  end)

  after_each(function()
    c:drop()
    s:finish()
  end)

  it("returns text as text and binary as binary", function()
    c:send("grün")
    assert.same({ "grün", false }, { c:receive() })
    c:sendBinary("\0\255\128")
    assert.same({ "\0\255\128", true }, { c:receive() })
  end)

  it("keeps every length around the borders of the frame header", function()
    for _, length in ipairs({ 0, 1, 3, 4, 125, 126, 127, 65535, 65536, 1024 * 1024 }) do
      local text = ("abcdefg"):rep(length // 7 + 1):sub(1, length)
      c:send(text)
      local data, isBinary = c:receive()
      assert.is_true(data == text, "length " .. length .. " came back as " .. #data)
      assert.is_false(isBinary)
    end
  end)

  it("keeps all bytes of binary messages under any mask", function()
    local all = {}
    for i = 0, 255 do all[i + 1] = string.char(i) end
    local bytes = table.concat(all):rep(5)
    for _, mask in ipairs({ "\0\0\0\0", "\255\255\255\255", "\1\2\3\4" }) do
      c:sendFrame({ opcode = client.BINARY, payload = bytes, mask = mask })
      assert.is_true(c:receive() == bytes)
    end
  end)

  it("reads frames byte by byte", function()
    c:write(client.frame({ opcode = client.TEXT, payload = ("ä"):rep(80) }), true)
    assert.equal(("ä"):rep(80), c:receive())
  end)

  it("reads many frames out of one packet", function()
    local frames = {}
    for i = 1, 500 do frames[i] = client.frame({ opcode = client.TEXT, payload = "m" .. i }) end
    c:write(table.concat(frames))
    local messages = c:receiveMany(500)
    for i = 1, 500 do assert.equal("m" .. i, messages[i]) end
  end)

  it("joins fragments, with control frames between them", function()
    c:sendFrame({ opcode = client.TEXT, fin = false, payload = "one " })
    c:sendFrame({ opcode = client.PING, payload = "between" })
    c:sendFrame({ opcode = client.CONTINUATION, fin = false, payload = "" })
    c:sendFrame({ opcode = client.PONG })
    c:sendFrame({ opcode = client.CONTINUATION, payload = "two" })
    local pong = c:receiveFrame()
    assert.same({ client.PONG, "between" }, { pong.opcode, pong.payload })
    assert.same({ "one two", false }, { c:receive() })
  end)

  it("takes characters that are cut by a fragment's end", function()
    local text = "κόσμε\u{10ffff}"
    for cut = 0, #text do
      c:sendFrame({ opcode = client.TEXT, fin = false, payload = text:sub(1, cut) })
      c:sendFrame({ opcode = client.CONTINUATION, payload = text:sub(cut + 1) })
      assert.equal(text, c:receive())
    end
  end)

  it("gives fragments the kind of their first frame", function()
    c:sendFrame({ opcode = client.BINARY, fin = false, payload = "\255" })
    c:sendFrame({ opcode = client.CONTINUATION, payload = "\254" })
    assert.same({ "\255\254", true }, { c:receive() })
  end)

  it("answers pings with their payload, also empty and full ones", function()
    for _, data in ipairs({ "", "x", ("p"):rep(125) }) do c:ping(data) end
  end)

  it("ignores pongs that nobody asked for", function()
    c:sendFrame({ opcode = client.PONG, payload = "unasked" })
    c:send("then")
    assert.equal("then", c:receive())
  end)
end)

describe("send", function()
  -- value, then under text, blob, object: what arrives, "t" or "b" before it; false: it raises
  local KINDS = {
    { "'text'", "t:text", "b:text", "t:text" },
    { "'text', true", "b:text", "b:text", "b:text" },
    { "'text', false", "t:text", "t:text", "t:text" },
    { "''", "t:", "b:", "t:" },
    { "'\\255', true", "b:\255", "b:\255", "b:\255" },
    { "blob '\\255\\0'", "b:\255\0", "b:\255\0", "b:\255\0" },
    { "blob ''", "b:", "b:", "b:" },
    { "{ a = 1 }", 't:{"a":1}', 't:{"a":1}', 't:{"a":1}' },
    { "{}", "t:{}", "t:{}", "t:{}" },
    { "array {}", "t:[]", "t:[]", "t:[]" },
    { "{ 1, 2.5, 'x', null, true }", 't:[1,2.5,"x",null,true]', 't:[1,2.5,"x",null,true]',
      't:[1,2.5,"x",null,true]' },
    { "42", false, false, "t:42" },
    { "0.1", false, false, "t:0.1" },
    { "true", false, false, "t:true" },
    { "false", false, false, "t:false" },
    { "null", false, false, "t:null" },
  }

  for column, dataType in ipairs({ "text", "blob", "object" }) do
    for _, row in ipairs(KINDS) do
      local expected = row[column + 1]
      it(("of %s under %s %s"):format(row[1], dataType, expected and "sends" or "raises"), function()
        local s = sending(row[1], dataType)
        local c = client.open(s, "/")
        c:send("{}")
        if expected then
          local data, isBinary = c:receive()
          assert.equal(expected, (isBinary and "b:" or "t:") .. data)
          assert.truthy(s:line():match("^true true %d+$"))
        else
          local line = s:line()
          assert.truthy(line:match("^false .-script%.lua:") or line:match("^false "), line)
          c:ping()
        end
      end)
    end
  end

  it("returns true and the bytes that wait", function()
    local s = sending("'hi'")
    local c = client.open(s, "/")
    c:send("go")
    assert.equal("hi", c:receive())
    local amount = s:line():match("^true true (%d+)$")
    assert.truthy(math.tointeger(tonumber(amount)))
  end)

  local RAISING = {
    ["nil"] = "nil",
    ["nothing"] = "",
    ["a function"] = "print",
    ["a coroutine"] = "coroutine.create(print)",
    ["invalid UTF-8 as text"] = "'\\xff'",
    ["invalid UTF-8 at the end of a text"] = "('a'):rep(100) .. '\\xc3'",
    ["a surrogate as text"] = "'\\xed\\xa0\\x80'",
    ["an overlong form as text"] = "'\\xc0\\xaf'",
    ["a table with a function"] = "{ a = { b = print } }",
    ["a cyclic table"] = "cyclic",
    ["a table 129 deep"] = "deep(129)",
    ["NaN in a table"] = "{ 0/0 }",
    ["infinity in a table"] = "{ a = -1/0 }",
    ["a mixture of keys"] = "{ 1, 2, a = 3 }",
    ["a gap"] = "{ [1] = 1, [3] = 3 }",
    ["a boolean key"] = "{ [true] = 1 }",
    ["a float key"] = "{ [1.5] = 1 }",
    ["a key from 0"] = "{ [0] = 1 }",
    ["invalid UTF-8 in a table"] = "{ a = '\\xff' }",
    ["a key of invalid UTF-8"] = "{ ['\\xff'] = 1 }",
    ["a blob in a table"] = "{ luaws.blob 'x' }",
  }

  for what, expression in pairs(RAISING) do
    it("raises for " .. what .. ", at the caller's line, and nothing is sent", function()
      local s = server.start(([[
        cyclic = {}; cyclic.me = cyclic
        function deep(n) local t = {} for _ = 2, n do t = { t } end return t end
        serve({ onMessage = function(_, ws)
          local ok, err = pcall(function()
            ws:send(%s)
          end)
          say(ok, err)
          ws:send "after"
        end })
      ]]):format(expression))
      local c = client.open(s, "/")
      c:send("go")
      assert.equal("after", c:receive())
      assert.truthy(s:line():match("^false .*script%.lua:5: "))
    end)
  end

  it("raises when `binary` is neither true nor false", function()
    for _, value in ipairs({ "1", "'b'", "{}" }) do
      local s = sending("'text', " .. value)
      client.open(s, "/"):send("go")
      assert.truthy(s:line():match("^false .*binary"))
    end
  end)

  it("names in the message what came and what was expected", function()
    local s = sending("print")
    local c = client.open(s, "/")
    c:send("go")
    assert.truthy(s:line():find("function", 1, true))
  end)

  it("sends a table that is exactly 128 deep", function()
    local s = server.start([[
      local function deep(n) local t = {} for _ = 2, n do t = { t } end return t end
      serve({ onMessage = function(_, ws) ws:send(deep(128)) end })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    assert.equal(("["):rep(127) .. "{}" .. ("]"):rep(127), c:receive())
  end)

  it("keeps the order of many sends and sizes", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        for i = 1, 300 do ws:send(i .. ":" .. ("x"):rep(i * 37 % 2000)) end
      end })
    ]])
    local c = client.open(s, "/")
    c:send("go")
    for i, message in ipairs(c:receiveMany(300)) do
      assert.equal(i .. ":" .. ("x"):rep(i * 37 % 2000), message)
    end
  end)

  it("raises when it is called wrongly: with a dot, or on another object", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws)
        say(pcall(ws.send, "text"))
        say(pcall(ws.send, ws.wss, "text"))
        say(pcall(ws.send))
      end })
    ]])
    client.open(s, "/"):send("go")
    for _ = 1, 3 do assert.truthy(s:line():match("^false .*WebSocketConnection")) end
  end)
end)

describe("event of onMessage", function()
  it("has type, data and isBinary, and belongs to the script", function()
    local s = server.start([[
      local kept = {}
      serve({ onMessage = function(_, ws, event)
        kept[#kept + 1] = event
        event.mine = #kept
        if #kept == 3 then
          for _, e in ipairs(kept) do say(e.type, e.data, e.isBinary, e.mine) end
        end
      end })
    ]])
    local c = client.open(s, "/")
    c:send("a")
    c:sendBinary("b")
    c:send("c")
    s:expectLines("message a false 1", "message b true 2", "message c false 3")
  end)

  it("has a Lua string under text and blob, whatever the frame", function()
    for _, dataType in ipairs({ "text", "blob" }) do
      local s = server.start(([[
        serve({ onMessage = function(_, _, event) say(math.type(event.data), type(event.data), event.isBinary) end },
          { dataType = %q })
      ]]):format(dataType))
      local c = client.open(s, "/")
      c:send("1")
      c:sendBinary("\255")
      s:expectLines("nil string false", "nil string true")
    end
  end)

  it("is decoded from JSON under object, also when binary", function()
    local s = server.start([[
      serve({ onMessage = function(_, _, event)
        local data = event.data
        say(type(data), math.type(data), data == luaws.null, event.isBinary, type(data) == "table" and data.a)
      end }, { dataType = "object" })
    ]])
    local c = client.open(s, "/")
    c:send('{"a":"b"}')
    c:sendBinary('{"a":2}')
    c:send("1")
    c:send("1.0")
    c:send("null")
    c:send('"s"')
    c:send(" true ")
    s:expectLines("table nil false false b", "table nil false true 2", "number integer false false false",
      "number float false false false")
    assert.truthy(s:line():match("nil true false false$"))
    s:expectLines("string nil false false false", "boolean nil false false false")
  end)

  it("comes back unchanged under object", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send({ event.data }) end }, { dataType = "object" })
    ]])
    local c = client.open(s, "/")
    for _, json in ipairs({
      "[]", "{}", "[[],{}]", "9223372036854775807", "-9223372036854775808", "1.5", "0.1", "1e+300", "null",
      "true", '"\\"\\\\ä"', "[null,null]", '{"a":[1,2,{"b":null}]}', "[1,[2,[3]]]",
    }) do
      c:send(json)
      assert.equal("[" .. json .. "]", c:receive())
    end
    c:send("1.0")
    assert.truthy(c:receive():match("^%[1%.0%]$"), "a float stays a float")
  end)

  it("that isn't JSON goes to onError and is dropped; the connection goes on", function()
    local s = server.start([[
      serve({
        onMessage = function(_, ws, event) ws:send(event.data) end,
        onError = function(_, ws, event)
          say(event.type, #event.errors >= 1, event.errors[1].componentSignature, math.type(event.errors[1].errCode),
            event.errors[1].message)
        end,
      }, { dataType = "object" })
    ]])
    local c = client.open(s, "/")
    for _, bad in ipairs({ "", "{", "[1,]", "nul", "01", "'a'", '{"a":}', "1 2", "NaN" }) do
      c:send(bad)
      assert.truthy(s:line():match("^error true LUAW integer .+"), bad)
    end
    c:sendBinary('"\255"')
    assert.truthy(s:line():match("^error true LUAW integer .+"))
    c:send(("["):rep(129) .. ("]"):rep(129))
    assert.truthy(s:line():match("^error true LUAW integer .+"))
    c:send('{"still":"here"}')
    assert.equal('{"still":"here"}', c:receive())
  end)
end)

describe("luaws.json", function()
  local function evaluate(code)
    local child = server.run("local luaws = require 'luaws'\nlocal json = luaws.json\n" .. code, { workers = 1 })
    assert.equal(0, child.code, child.stderr)
    return child.stdout
  end

  it("encodes without blanks and decodes to the same", function()
    assert.equal('{"a":[1,2.5,null,"x"]}\n',
      evaluate([[print(json.encode({ a = { 1, 2.5, luaws.null, "x" } }))]]))
    assert.equal("integer float true array [] {}\n", evaluate([[
      local t = json.decode('{"i":3,"f":3.0,"n":null,"e":[],"o":{}}')
      print(math.type(t.i) .. " " .. math.type(t.f) .. " " .. tostring(t.n == luaws.null) .. " array "
        .. json.encode(t.e) .. " " .. json.encode(t.o))
    ]]))
  end)

  it("tells what is wrong with a text by nil and a message, with a value by raising or nil", function()
    assert.truthy(evaluate([[print(json.decode("{"))]]):match("^nil\t.*line 1, column"))
    assert.truthy(evaluate([[print(pcall(json.decode, 1))]]):match("^false\t"))
    assert.truthy(evaluate([[print(pcall(json.encode, print))]]):match("function"))
  end)

  it("has luaws.array, luaws.null and luaws.blob", function()
    assert.equal("[] [1] true\n", evaluate([[
      print(json.encode(luaws.array {}) .. " " .. json.encode(luaws.array { 1 }) .. " "
        .. tostring(luaws.null == json.decode "null"))
    ]]))
    assert.equal("3 a\0b a\0bc true false\n", evaluate([[
      local blob = luaws.blob "a\0b"
      print(#blob .. " " .. tostring(blob) .. " " .. blob .. "c" .. " " .. tostring(blob == luaws.blob "a\0b") .. " "
        .. tostring(blob == luaws.blob "x"))
    ]]))
    assert.truthy(evaluate([[print(pcall(luaws.blob, 1))]]):match("^false"))
    assert.truthy(evaluate([[print(pcall(luaws.array, 1))]]):match("^false"))
  end)
end)

describe("ping", function()
  it("sends a ping at once, with data", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event)
        ws:ping()
        ws:ping(event.data)
        say(pcall(ws.ping, ws, ("x"):rep(126)))
        say(pcall(ws.ping, ws, {}))
      end })
    ]])
    local c = client.open(s, "/")
    c:send("data")
    assert.same({ fin = true, opcode = client.PING, payload = "" }, c:receiveFrame())
    assert.same({ fin = true, opcode = client.PING, payload = "data" }, c:receiveFrame())
    assert.truthy(s:line():match("^false .*125"))
    assert.truthy(s:line():match("^false "))
  end)
end)
