local testing = require "luaws.testing"

describe("examples/secure.lua", function()
  local server

  -- With a certificate that luaws makes for its tests.
  before_each(function() server = testing.server("examples/secure.lua", { tls = true }) end)

  local function visit()
    return server:connect("/secrets", { dataType = "object" })
  end

  local function ask(visitor, question)
    visitor:send(question)
    return visitor:receive()
  end

  it("shows a secret once, and tells who has kept it", function()
    local ann, ben = visit(), visit()
    local name = ask(ann, { keep = "the cat is called Ada" }).kept
    assert.same({ secret = "the cat is called Ada" }, ask(ben, { open = name }))
    assert.sent(ann, { opened = name })
    assert.same({ gone = true }, ask(ben, { open = name }))
  end)

  it("keeps a secret when who has written it is gone", function()
    local ann, ben = visit(), visit()
    local name = ask(ann, { keep = "left behind" }).kept
    ann:close()
    assert.same({ secret = "left behind" }, ask(ben, { open = name }))
  end)

  it("wants TLS", function()
    assert.has_error(function() testing.server "examples/secure.lua" end,
      "secrets want TLS: luaws --tls-self-signed examples/secure.lua")
  end)
end)
