-- TLS for specs (spec/support/tls.lua), which judges luaws: the two roles of it with each other.

local async = require "spec.support.async"
local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local peer = require "spec.support.peer"

-- Both ends of a connection.
local function connect(p, tls)
  local accepted = async.spawn(function() return p:accept() end)
  return client.connect({ port = p.port, tls = tls or true }), accepted:join()
end

local function failure(p, tls)
  local accepted = async.spawn(function() return pcall(p.accept, p) end)
  local _, err = pcall(client.connect, { port = p.port, tls = tls })
  accepted:join()
  return err
end

describe("TLS of specs", function()
  it("carries bytes both ways, then the ends", function()
    local c, s = connect(peer.listen({ tls = true }))
    c:write("question")
    assert.equal("question", s:read(8))
    s:write(("answer"):rep(100000))
    assert.equal(("answer"):rep(100000), c:read(600000))
    s:halfClose()
    c:expectEof()
    c:halfClose()
    s:expectEof()
  end)

  it("speaks WebSocket in both roles", function()
    local p = peer.listen({ tls = true })
    local opened = async.spawn(function() return p:open() end)
    local c = client.open({ port = p.port, tls = true }, "/chat")
    local s = opened:join()
    c:send("hi")
    assert.equal("hi", s:receive())
    s:send("there")
    assert.equal("there", c:receive())
  end)

  it("may come byte by byte", function()
    local c, s = connect(peer.listen({ tls = true }))
    c:write("slowly", true)
    assert.equal("slowly", s:read(6))
  end)

  it("tells what was agreed on", function()
    local p = peer.listen({ tls = { alpn = { "http/1.1" } } })
    local c, s = connect(p, { alpn = { "h2", "http/1.1" }, maxVersion = "1.2" })
    local facts = c.stream:facts()
    assert.equal("TLSv1.2", facts.version)
    assert.equal("http/1.1", facts.alpn)
    assert.equal(certificates.fingerprint(certificates.server.cert), facts.fingerprint)
    assert.is_false(facts.isResumed)
    assert.equal("localhost", s.stream:facts().name)
    assert.is_nil(s.stream:facts().fingerprint)
  end)

  it("resumes a session, and changes keys", function()
    local p = peer.listen({ tls = true })
    local options = {}
    local c, s = connect(p, options)
    s:write("ticket")
    c:read(6)
    options.ticket = c.stream:ticket()
    local again, other = connect(p, options)
    assert.is_true(again.stream:facts().isResumed)
    again.stream:updateKey(true)
    again:write("new")
    assert.equal("new", other:read(3))
    other:write("keys")
    assert.equal("keys", again:read(4))
  end)

  it("tells an end without close_notify from one with it", function()
    local c, s = connect(peer.listen({ tls = true }))
    s.stream.under:shutdown()
    assert.equal("EOF without close_notify", select(2, c:readAll()))
  end)

  it("goes through TLS", function()
    local tls = require "spec.support.tls"
    local c, s = connect(peer.listen({ tls = true }))
    local inner = async.spawn(function() return tls.server(s.stream, true) end)
    local ours = client.wrap(tls.client(c.stream, true))
    local theirs = client.wrap(inner:join())
    ours:write("deep")
    assert.equal("deep", theirs:read(4))
    theirs:halfClose()
    ours:expectEof()
  end)

  it("checks who the other one is", function()
    local p = peer.listen({ tls = true })
    assert.match("TLS: hostname mismatch", failure(p, { name = "other.example" }))
    assert.match("TLS: unable to get local issuer certificate", failure(p, { ca = certificates.strangerCa }))
    assert.match("TLS: certificate has expired", failure(peer.listen({ tls = certificates.expired }), {}))
    assert.match("TLS: certificate is not yet valid", failure(peer.listen({ tls = certificates.future }), {}))
    connect(peer.listen({ tls = certificates.expired }), { ca = false })
    connect(peer.listen({ tls = certificates.chained }))
    connect(peer.listen({ tls = certificates.wildcard }), { name = "a.example.com" })
    connect(p, { name = "127.0.0.1" })
    local demanding = peer.listen({ tls = { ca = certificates.ca, verify = "required" } })
    local _, s = connect(demanding, certificates.client)
    assert.equal(certificates.fingerprint(certificates.client.cert), s.stream:facts().fingerprint)
  end)

  it("speaks obsolete versions, to see them refused", function()
    local old = { maxVersion = "1.1", minVersion = "1.0" }
    local c = connect(peer.listen({ tls = old }), { maxVersion = "1.0" })
    assert.equal("TLSv1", c.stream:facts().version)
    assert.match("TLS: ", failure(peer.listen({ tls = true }), old))
  end)
end)
