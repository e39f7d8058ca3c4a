-- src/base/buf, mem, span: what grows, and where it stops.

local base = require("probe").base

describe("a buffer", function()
  it("starts empty, without allocating", function()
    local before = base.allocations()
    local b = base.buf(1000)
    assert.equal(before, base.allocations())
    assert.equal("", b:text())
    assert.same({ 0, 0, 1000 }, { b:sizes() })
  end)

  it("gathers bytes of any kind", function()
    local b = base.buf(100)
    assert.equal(0, b:append "a\0b")
    assert.equal(0, b:append "")
    assert.equal(0, b:appendStr "cd")
    assert.equal(0, b:printf "ef")
    assert.equal("a\0bcdef", b:text())
  end)

  it("takes exactly its ceiling and not a byte more, by every way in", function()
    for max = 0, 200 do
      for _, way in ipairs { "append", "appendStr", "printf" } do
        local b = base.buf(max)
        assert.equal("too big", b[way](b, ("x"):rep(max + 1)), way)
        assert.equal("", b:text())
        assert.equal(0, b[way](b, ("x"):rep(max)), way .. " " .. max)
        assert.equal("too big", b[way](b, "y"))
        assert.equal(("x"):rep(max), b:text())
        assert.equal(0, b[way](b, ""))
        local len, cap = b:sizes()
        assert.equal(max, len)
        assert.is_true(cap <= max)
      end
    end
  end)

  it("reserves room without counting it as content", function()
    local b = base.buf(100)
    b:append "abc"
    assert.is_true(b:reserve(97))
    assert.is_false(b:reserve(98))
    assert.is_true(b:reserve(0))
    assert.equal("abc", b:text())
    assert.is_false(b:reserve(math.maxinteger))
    assert.is_false(b:reserve(-1))
  end)

  it("allocates a number of times that grows with the logarithm of its length", function()
    local b = base.buf(1 << 30)
    local before = base.allocations()
    for _ = 1, 100000 do b:append "0123456789" end
    assert.is_true(base.allocations() - before < 20)
    assert.equal(1000000, (b:sizes()))
  end)

  it("drops its first bytes", function()
    local b = base.buf(100)
    b:append "abcdef"
    b:consume(0)
    assert.equal("abcdef", b:text())
    b:consume(2)
    assert.equal("cdef", b:text())
    b:append "gh"
    assert.equal("cdefgh", b:text())
    b:consume(6)
    assert.equal("", b:text())
    assert.equal(0, b:append(("x"):rep(100)))
  end)

  it("can be consumed when nothing was ever written", function()
    local b = base.buf(10)
    b:consume(0)
    assert.equal("", b:text())
  end)

  it("hands its bytes out and is empty again", function()
    local b = base.buf(10)
    assert.is_nil(b:take())
    b:append "abc"
    assert.equal("abc", b:take())
    assert.is_nil(b:take())
    assert.same({ 0, 0, 10 }, { b:sizes() })
    assert.equal(0, b:append "0123456789")
    assert.equal("0123456789", b:take())
  end)

  it("is usable after deinit", function()
    local b = base.buf(10)
    b:append "abc"
    b:deinit()
    assert.same({ 0, 0, 10 }, { b:sizes() })
    assert.equal(0, b:append "0123456789")
    assert.equal("too big", b:append "x")
  end)

  it("does as a string does, in ten thousand random steps", function()
    math.randomseed(4711)
    local b, model, max = base.buf(500), "", 500
    for _ = 1, 10000 do
      local kind = math.random(4)
      if kind == 1 then
        local n = math.random(0, #model)
        b:consume(n)
        model = model:sub(n + 1)
      elseif kind == 2 and math.random(50) == 1 then
        assert.equal(model, b:take() or "")
        model = ""
      else
        local text = (string.char(math.random(0, 255))):rep(math.random(0, 120))
        local fits = #model + #text <= max
        assert.equal(fits and 0 or "too big", b:append(text))
        if fits then model = model .. text end
      end
      assert.equal(model, b:text())
    end
  end)
end)

describe("mem", function()
  it("gives something for nothing, and zeroes what shall be zeroed", function()
    assert.is_true(base.allocate())
  end)

  it("counts what it gives", function()
    local before = base.allocations()
    base.allocate()
    assert.equal(3, base.allocations() - before)
  end)

  it("ends a copy with a NUL", function()
    assert.equal("a\0b\0", base.dup "a\0b")
    assert.equal("\0", base.dup "")
  end)
end)

describe("a span", function()
  it("is trimmed of blanks and tabs alone", function()
    for text, trimmed in pairs {
      [""] = "", [" "] = "", ["\t \t"] = "", ["a"] = "a", [" a b\t"] = "a b", ["\ra\n"] = "\ra\n", ["\0 "] = "\0",
    } do
      assert.equal(trimmed, base.trim(text))
    end
  end)

  it("compares with and without case", function()
    assert.same({ true, true }, { base.equalNocase("Host", "Host") })
    assert.same({ true, false }, { base.equalNocase("Host", "hOST") })
    assert.same({ false, false }, { base.equalNocase("Host", "Hos") })
    assert.same({ true, true }, { base.equalNocase("", "") })
    assert.same({ false, false }, { base.equalNocase("", "x") })
    assert.same({ false, false }, { base.equalNocase("a@", "A`") })
    assert.same({ false, false }, { base.equalNocase("a\0b", "a\0c") })
  end)
end)

describe("memory that is free", function()
  local uv = require "luv"

  it("goes back to the system when there is much of it", function()
    local before = uv.resident_set_memory()
    base.giveBack(100 * 1024 * 1024)
    local more = uv.resident_set_memory() - before
    if require("spec.support.async").seconds(1) == 1 then -- a sanitizer keeps it
      assert.is_true(more < 50 * 1024 * 1024, more .. " bytes have stayed")
    end
  end)
end)

describe("the clock", function()
  it("never goes back", function()
    local ms, ns = base.clock()
    for _ = 1, 1000 do
      local ms2, ns2 = base.clock()
      assert.is_true(ms2 >= ms and ns2 >= ns)
      assert.is_true(ns // 1000000 <= ms2 and ms2 <= ns2 // 1000000) -- they were asked in this order
      ms, ns = ms2, ns2
    end
  end)
end)
