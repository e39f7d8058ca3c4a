-- src/http/token.c: tokens and lists, RFC 9110 section 5.6.

local http = require("probe").http

describe("http_token_is_valid", function()
  it("takes the characters of the RFC and no other", function()
    local allowed = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for c = 0, 255 do
      local char = string.char(c)
      local expected = allowed:find(char, 1, true) ~= nil
      assert.equal(expected, http.tokenIsValid(char), c)
      assert.equal(expected, http.tokenIsValid("a" .. char), c)
      assert.equal(expected, http.tokenIsValid(char .. "a"), c)
    end
  end)

  it("wants one character at least", function()
    assert.is_false(http.tokenIsValid(""))
  end)
end)

describe("http_token_next", function()
  it("yields each element, trimmed", function()
    for list, expected in pairs {
      [""] = { "" }, [" \t"] = { "" }, ["a"] = { "a" }, ["a,b"] = { "a", "b" },
      [" a , b\t,\tc "] = { "a", "b", "c" }, ["a,,b"] = { "a", "", "b" }, [","] = { "", "" },
      ["a,"] = { "a", "" }, [",a"] = { "", "a" }, ["a b"] = { "a b" }, ["a, ,b"] = { "a", "", "b" },
    } do
      assert.same(expected, http.tokenList(list))
    end
  end)
end)
