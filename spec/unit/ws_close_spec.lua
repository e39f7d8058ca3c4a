-- src/ws/close.c: close codes and bodies, RFC 6455 sections 5.5.1 and 7.4.

local ws = require("probe").ws

local function isOnTheWire(code)
  return (code >= 1000 and code <= 1003) or (code >= 1007 and code <= 1014)
    or (code >= 3000 and code <= 4999)
end

local function body(code, reason)
  return string.pack(">I2", code) .. (reason or "")
end

describe("ws_close_code_is_valid", function()
  it("knows the codes that may be sent, of 0 to 5000 and 65535", function()
    for code = 0, 5000 do
      assert.equal(isOnTheWire(code), ws.closeCodeIsValid(code))
    end
    assert.is_false(ws.closeCodeIsValid(65535))
  end)
end)

describe("ws_close_code_is_for_scripts", function()
  it("allows 1000 and 3000 to 4999", function()
    for code = -1, 5000 do
      assert.equal(code == 1000 or (code >= 3000 and code <= 4999),
        ws.closeCodeIsForScripts(code))
    end
    assert.is_false(ws.closeCodeIsForScripts(1000 + (1 << 32)))
    assert.is_false(ws.closeCodeIsForScripts(math.mininteger))
  end)
end)

describe("ws_close_parse", function()
  it("reads an empty body as 1005", function()
    local code, reason = ws.parseClose("")
    assert.equal(1005, code)
    assert.equal("", reason)
  end)

  it("refuses a body of one byte", function()
    assert.same({ nil, "invalid" }, { ws.parseClose("\x03") })
  end)

  it("reads every code that may be sent and refuses the others", function()
    for code = 0, 5000 do
      local expected = isOnTheWire(code) and { code, "why" } or { nil, "invalid" }
      assert.same(expected, { ws.parseClose(body(code, "why")) })
    end
  end)

  it("reads reasons of up to 123 bytes", function()
    for _, reason in ipairs({ "", "b", ("r"):rep(123), "tschüß 🌍", "\0" }) do
      assert.same({ 1000, reason }, { ws.parseClose(body(1000, reason)) })
    end
  end)

  it("refuses a reason that is not UTF-8, also one that is cut off", function()
    for _, reason in ipairs({ "\xff", "a\xc3", ("r"):rep(122) .. "\xc3", "\xed\xa0\x80" }) do
      assert.same({ nil, "utf8" }, { ws.parseClose(body(1000, reason)) })
    end
  end)

  it("judges the code before the reason", function()
    assert.same({ nil, "invalid" }, { ws.parseClose(body(1005, "\xff")) })
  end)
end)

describe("ws_close_write", function()
  it("writes what ws_close_parse reads", function()
    for _, code in ipairs({ 1000, 1001, 1002, 1003, 1007, 1014, 3000, 4999 }) do
      for _, reason in ipairs({ "", "going", ("r"):rep(123) }) do
        assert.equal(body(code, reason), ws.writeClose(code, reason))
      end
    end
  end)

  it("writes nothing for 1005", function()
    assert.equal("", ws.writeClose(1005))
  end)
end)
