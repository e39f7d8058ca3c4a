-- src/mailbox/topic.c: what is a topic, and what a pattern.

local check = require("probe").topics.check

describe("a topic", function()
  it("is segments joined by dots", function()
    for _, topic in ipairs { "a", "chat.kitchen", "a.b.c.d", "Grüße.日本", "a-b_c/d:e@f", ("x"):rep(255) } do
      assert.is_nil(check(topic, false), topic)
      assert.is_nil(check(topic, true), topic)
    end
  end)

  it("has no empty segment", function()
    for _, topic in ipairs { ".", "a.", ".a", "a..b", "a.b." } do
      assert.equal("has an empty segment", check(topic, false), topic)
      assert.equal("has an empty segment", check(topic, true), topic)
    end
    assert.equal("is empty", check("", true))
  end)

  it("has 255 bytes at most, none of them a blank or a control character", function()
    assert.equal("is longer than 255 bytes", check(("x"):rep(256), true))
    for _, c in ipairs { " ", "\t", "\n", "\0", "\127" } do
      for _, topic in ipairs { c, "a" .. c, c .. "b", "a.b" .. c .. "c" } do
        assert.equal("has a blank or a control character", check(topic, true))
      end
    end
  end)

  it("is no pattern", function()
    for _, topic in ipairs { "*", ">", "a.*", "a.>", "*.b", "a.b*" } do
      assert.truthy(check(topic, false):find("is a pattern", 1, true), topic)
    end
  end)
end)

describe("a pattern", function()
  it("has its wildcards as segments by themselves, '>' last", function()
    for _, topic in ipairs { "*", ">", "a.*", "a.>", "*.b", "*.*.>", "a.*.c" } do assert.is_nil(check(topic, true)) end
    for _, topic in ipairs { "a*", "*a", "a.**", "a.b>", ">>", "a.*b.c" } do
      assert.truthy(check(topic, true):find("beside other characters", 1, true), topic)
    end
    for _, topic in ipairs { ">.a", "a.>.b", ">.>" } do
      assert.truthy(check(topic, true):find("not its last segment", 1, true), topic)
    end
  end)
end)
