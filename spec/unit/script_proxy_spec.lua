-- src/script/proxy.c: which proxy a client goes through, by its option or the environment.

local uv = require "luv"
local wsurl = require("probe").wsurl

local NAMES = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD",
                "all_proxy", "ALL_PROXY" }

local PLAIN = { host = "example.com", port = 80 }
local SECURE = { host = "example.com", port = 443, secure = true }

-- Calls fn with these variables and no others of NAMES.
local function withEnvironment(variables, fn)
  local before = {}
  for _, name in ipairs(NAMES) do
    before[name] = uv.os_getenv(name)
    uv.os_unsetenv(name)
  end
  for name, value in pairs(variables) do uv.os_setenv(name, value) end
  local ok, message = pcall(fn)
  for _, name in ipairs(NAMES) do
    if before[name] then uv.os_setenv(name, before[name]) else uv.os_unsetenv(name) end
  end
  assert(ok, message)
end

-- The host of the proxy, false for none; or nil and why.
local function find(variables, client)
  local host, why
  withEnvironment(variables, function()
    local proxy, message = wsurl.findProxy(client)
    host, why = proxy and proxy.host, message
    if proxy == nil then host = nil end
  end)
  return host, why
end

describe("the environment", function()
  it("may know no proxy", function()
    assert.is_false((find({}, PLAIN)))
    assert.is_false((find({ http_proxy = "", HTTP_PROXY = "", https_proxy = "" }, PLAIN)))
    assert.is_false((find({ all_proxy = "http://p", ALL_PROXY = "http://p" }, SECURE)))
  end)

  it("has one for ws and one for wss", function()
    local variables = { http_proxy = "http://plain", HTTPS_PROXY = "https://u:p@secure:3128/" }
    assert.equal("plain", (find(variables, PLAIN)))
    withEnvironment(variables, function()
      assert.same({ host = "secure", port = 3128, secure = true, authorization = "Basic dTpw" },
        wsurl.findProxy(SECURE))
    end)
    assert.is_false((find({ HTTP_PROXY = "http://p" }, SECURE)))
    assert.is_false((find({ HTTPS_PROXY = "http://p" }, PLAIN)))
  end)

  it("counts in lower case first, unless that is empty", function()
    assert.equal("low", (find({ http_proxy = "low:1", HTTP_PROXY = "high:1" }, PLAIN)))
    assert.equal("high", (find({ http_proxy = "", HTTP_PROXY = "high:1" }, PLAIN)))
    assert.equal("low", (find({ https_proxy = "low:1", HTTPS_PROXY = "high:1" }, SECURE)))
  end)

  it("isn't believed where a client's header can be in it", function()
    assert.is_false((find({ HTTP_PROXY = "high:1", REQUEST_METHOD = "GET" }, PLAIN)))
    assert.equal("low", (find({ HTTP_PROXY = "high:1", http_proxy = "low:1", REQUEST_METHOD = "GET" }, PLAIN)))
    assert.equal("high", (find({ HTTPS_PROXY = "high:1", REQUEST_METHOD = "GET" }, SECURE)))
  end)

  it("names hosts that none is for", function()
    for name, list in pairs { no_proxy = "a, .example.com", NO_PROXY = "*" } do
      assert.is_false((find({ http_proxy = "p", [name] = list }, PLAIN)))
    end
    assert.equal("p", (find({ http_proxy = "p", no_proxy = "example.com:81", NO_PROXY = "*" }, PLAIN)))
    assert.is_false((find({ http_proxy = "p", no_proxy = "", NO_PROXY = "example.com:80" }, PLAIN)))
    assert.equal("p", (find({ http_proxy = "p" }, { host = "localhost", port = 80 })))
    assert.is_false((find({ http_proxy = "p", no_proxy = "::1" }, { host = "[::1]", port = 80 })))
  end)

  it("can be wrong, and the message says where, not what", function()
    assert.same({ nil,
                  "malformed URL in the environment's HTTPS_PROXY: a proxy's must begin with http:// or https://" },
      { find({ HTTPS_PROXY = "socks5://user:secret@p" }, SECURE) })
    assert.same({ nil, "malformed URL in the environment's http_proxy: the port must be a number from 1 to 65535" },
      { find({ http_proxy = "http://p:99999" }, PLAIN) })
    assert.is_false((find({ http_proxy = "socks5://p", no_proxy = "*" }, PLAIN)))
  end)
end)

describe("option 'proxy'", function()
  it("is a URL", function()
    assert.same({ host = "p", port = 3128, secure = false, authorization = "Basic dTpw" },
      wsurl.readProxyOption(PLAIN, "http://u:p@p:3128"))
    assert.same({ host = "p", port = 443, secure = true }, wsurl.readProxyOption(PLAIN, "https://p"))
  end)

  it("is false for none", function()
    assert.is_false(wsurl.readProxyOption(PLAIN, false))
  end)

  it("is nothing else", function()
    for _, value in ipairs { true, 1, {}, print } do
      assert.has_error(function() wsurl.readProxyOption(PLAIN, value) end, nil)
      local _, message = pcall(wsurl.readProxyOption, PLAIN, value)
      assert.matches("option 'proxy' must be a URL or false, got ", message, 1, true)
    end
    local _, message = pcall(wsurl.readProxyOption, PLAIN, "socks5://u:secret@p")
    assert.matches("option 'proxy' is a malformed URL: a proxy's must begin with http:// or https://", message, 1, true)
    assert.is_nil(message:find("secret", 1, true))
  end)
end)
