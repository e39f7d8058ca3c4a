-- The probes that judge luaws without its own code are right themselves.

local probe = require "probe"

describe("the probe zlib", function()
  local zlib = probe.zlib

  it("inflates what it deflates, message by message with one context", function()
    local deflater, inflater = zlib.deflater(), zlib.inflater()
    local text = ("to be or not to be, "):rep(100)
    local first, second = deflater:deflate(text), deflater:deflate(text)
    assert.equal("\0\0\255\255", first:sub(-4))
    assert.is_true(#second < #first)
    for _, bytes in ipairs({ first, second }) do
      local out, state, left = inflater:inflate(bytes)
      assert.same({ text, "more", 0 }, { out, state, left })
    end
  end)

  it("inflates the example of RFC 7692 7.2.3.1, with and without its tail", function()
    local hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
    local inflater = zlib.inflater()
    assert.equal("Hello", (inflater:inflate(hello .. "\0\0\255\255")))
    assert.equal("Hello", (zlib.inflater():inflate(hello)))
  end)

  it("tells the end of the final block from garbage", function()
    local out, state, left = zlib.inflater():inflate(zlib.deflater():deflate("x", "finish") .. "abc")
    assert.same({ "x", "end", 3 }, { out, state, left })
    assert.equal("invalid block type", (select(2, zlib.inflater():inflate("\255\255\255"))))
  end)

  it("has the window that is asked for", function()
    local text = "a phrase that comes twice" .. ("."):rep(1000) .. "a phrase that comes twice"
    local far = zlib.deflater({ bits = 15, level = 9 }):deflate(text)
    assert.equal("invalid distance too far back", (select(2, zlib.inflater({ bits = 9 }):inflate(far))))
    local near = zlib.deflater({ bits = 9, level = 9 }):deflate(text)
    assert.equal(text, (zlib.inflater({ bits = 9 }):inflate(near)))
    assert.has_error(function() zlib.deflater({ bits = 8 }) end)
  end)

  it("starts anew after a reset", function()
    local deflater = zlib.deflater()
    local first = deflater:deflate("the same")
    deflater:reset()
    assert.equal(first, deflater:deflate("the same"))
  end)
end)

describe("the probe wire", function()
  it("masks as RFC 6455 5.7 shows", function()
    assert.equal("\x7f\x9f\x4d\x51\x58", probe.wire.mask("Hello", "\x37\xfa\x21\x3d"))
    assert.equal("", probe.wire.mask("", "abcd"))
  end)
end)

describe("async.isolated", function()
  local async = require "spec.support.async"

  it("does what is deferred within it when it returns or raises, and nothing else", function()
    local done = {}
    async.defer(function() done[#done + 1] = "outer" end)
    assert.same({ 1, 2 }, { async.isolated(function()
      async.defer(function() done[#done + 1] = "inner" end)
      return 1, 2
    end) })
    assert.same({ "inner" }, done)
    assert.has_error(function()
      async.isolated(function()
        async.defer(function() done[#done + 1] = "second" end)
        error("as it is", 0)
      end)
    end, "as it is")
    assert.same({ "inner", "second" }, done)
  end)
end)
