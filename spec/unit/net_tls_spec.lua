-- src/net/tls: TLS as a transport over a transport, in both roles. The other end is OpenSSL itself, which the spec
-- drives by hand; all bytes between them go whole and one by one.

local uv = require "luv"
local engines = require("probe").tls
local transports = require("probe").tls_transport
local build = require "spec.support.build"
local sample = require "spec.support.sample"
local certificates = require "spec.support.certificates"

local BIG = build.pick(200000, 2000) -- bytes of a long message
local RECORD = build.pick(16384, 3) -- of one record

-- Contexts cost milliseconds: one for each set of options.
local function cached(make)
  local made = {}
  return function(options)
    local key = {}
    for name, value in pairs(options or {}) do key[#key + 1] = name .. "=" .. tostring(value) end
    table.sort(key)
    key = table.concat(key, ";")
    made[key] = made[key] or make(options or {})
    return made[key]
  end
end

local function with(defaults, options)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(options) do all[name] = value end
  return all
end

local ourServer = cached(function(options)
  return assert(transports.server { with({ cert = certificates.server.cert, key = certificates.server.key }, options) })
end)
local ourClient = cached(function(options)
  return assert(transports.client(with({ ca = certificates.ca }, options)))
end)
local theirClient = cached(function(options)
  return engines.context(with({ server = false, ca = certificates.ca }, options))
end)
local theirServer = cached(function(options)
  return engines.context(with({
    server = true, cert = certificates.server.cert, key = certificates.server.key,
  }, options))
end)

-- One of ours and one of OpenSSL's, and what has come through.
local Pair = {}
Pair.__index = Pair

local function pair(our, engine, size)
  return setmetatable({ our = our, engine = engine, size = size, log = "", got = "" }, Pair)
end

local function serve(options, clientOptions, size)
  return pair(ourServer(options):open(), theirClient(clientOptions):engine("localhost"), size)
end

local function connect(options, serverOptions, size)
  return pair(ourClient(options):open("localhost"), theirServer(serverOptions):engine(), size)
end

local function inPieces(bytes, size)
  local at = 1
  return function()
    if at > #bytes then return nil end
    local piece = bytes:sub(at, size and at + size - 1 or -1)
    at = at + #piece
    return piece
  end
end

-- Reads whenever that is reported, as a connection does.
function Pair:readWhenReady()
  local events = self.our:events()
  self.log = self.log .. events
  if events:find "[rb]" and not self.failure and not self.hasEnded then
    local bytes, why = self.our:recv(self.readSize or 65536)
    if bytes then
      self.got = self.got .. bytes
    elseif why == "end" then
      self.hasEnded = true
    elseif why ~= "again" then
      self.failure = why
    end
  end
end

function Pair:feedOurs(bytes)
  for piece in inPieces(bytes, self.size) do
    self.our:feed(piece)
    self:readWhenReady()
  end
end

function Pair:feedTheirs(bytes)
  self.theirs = self.theirs or ""
  for piece in inPieces(bytes, self.size) do
    self.engine:feed(piece)
    if not self.isShaken then
      local done, err = self.engine:handshake()
      self.isShaken = done
      if done == nil then self.theirError = err end
    end
    if self.isShaken then
      local clear, rest = self.engine:read()
      if clear then self.theirs, self.theirEnd = self.theirs .. clear, rest else self.theirError = rest end
    end
  end
end

-- Carries bytes to and fro until both are silent.
function Pair:pump()
  if not self.isShaken and not self.theirError then self.isShaken = self.engine:handshake() or nil end
  for _ = 1, 1000000 do
    local isDue = self.our:turn()
    self:readWhenReady()
    local toThem, toUs = self.our:take(), self.engine:take()
    self:feedTheirs(toThem)
    self:feedOurs(toUs)
    if not isDue and toThem == "" and toUs == "" then return self end
  end
  error("they never fall silent")
end

function Pair:opened()
  self:pump()
  if not self.our:isOpen() then
    error(("no handshake: %s; %s"):format(self.our:failure(), tostring(self.theirError)))
  end
  return self
end

-- Has our side send all of it, piece by piece as it takes them.
function Pair:sendAll(bytes)
  local at = 1
  while at <= #bytes do
    local n, why = self.our:send(bytes:sub(at))
    if n then at = at + n else assert.equal("again", why) end
    self:pump()
  end
end

for _, size in ipairs({ false, 1 }) do
  local how = size and "byte by byte" or "whole"
  size = size or nil
  for _, version in ipairs({ "1.2", "1.3" }) do
    local only = { minVersion = version, maxVersion = version }
    for role, open in pairs({ server = serve, client = connect }) do
      describe(("TLS %s in the %s's role, %s"):format(version, role, how), function()
        it("shakes hands and carries bytes both ways", function()
          local p = open({}, only, size):opened()
          assert.equal("TLSv" .. version, p.engine:facts().version)
          p.engine:write("hello")
          p:pump()
          assert.equal("hello", p.got)
          assert.equal(5, p.our:send("w", "or", "ld"))
          p:pump()
          assert.equal("world", p.theirs)
        end)

        it("carries what is longer than a record", function()
          local p, bytes = open({}, only, size):opened(), sample.bytes(size and BIG // 10 or BIG)
          p:sendAll(bytes)
          assert.is_true(p.theirs == bytes)
          p.engine:write(bytes)
          p:pump()
          assert.is_true(p.got == bytes)
        end)

        it("reads with a small buffer what has been decrypted, turn by turn", function()
          local p, bytes = open({}, only, size):opened(), sample.bytes(300)
          p.readSize = 7
          p.engine:write(bytes)
          p:pump()
          assert.equal(bytes, p.got)
        end)

        it("tells a close_notify as the end, and sends its own", function()
          local p = open({}, only, size):opened()
          p.engine:write("last")
          p.engine:finish()
          p:pump()
          assert.equal("last", p.got)
          assert.is_true(p.hasEnded)
          p.our:send("still heard")
          p.our:finish()
          assert.is_true(p.our:below().finished)
          p:feedTheirs(p.our:take())
          assert.equal("still heard", p.theirs)
          assert.is_true(p.theirEnd)
        end)

        it("tells an end without close_notify as a failure", function()
          local p = open({}, only, size):opened()
          p.engine:write("last")
          p:pump()
          p.our:feed(nil)
          p:readWhenReady()
          assert.equal("last", p.got)
          assert.is_nil(p.hasEnded)
          assert.equal("failed", p.failure)
          local text, component = p.our:failure()
          assert.equal("the connection was cut off: its end came without TLS's close_notify", text)
          assert.equal("OSSL", component)
        end)

        it("notices a changed byte", function()
          local p = open({}, only, size):opened()
          p.engine:write("pay 10 to ann")
          local bytes = p.engine:take()
          p:feedOurs(bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1))
          assert.equal("failed", p.failure)
          assert.equal("a TLS record was damaged on its way", (p.our:failure()))
          p.our:finish()
          assert.equal("", p.got)
        end)
      end)
    end
  end
end

describe("TLS over a transport that takes little", function()
  it("keeps what is left of two records, takes nothing more until it is gone, and tells when it can", function()
    local p = serve():opened()
    local bytes = sample.bytes(10 * RECORD)
    p.our:room(10)
    local n = p.our:send(bytes)
    assert.equal(2 * RECORD, n)
    assert.equal("again", select(2, p.our:send("x")))
    p.our:events()
    p.our:watch(true, true)
    assert.is_true(p.our:below().writes)
    p.our:room(5)
    assert.equal("", p.our:events())
    p.our:room(1000000)
    assert.equal("w", p.our:events())
    p:sendAll(bytes:sub(n + 1))
    p:pump()
    assert.is_true(bytes == p.theirs)
  end)

  it("needs no second try with the same bytes", function()
    local p = serve():opened()
    p.our:room(10)
    p.our:send(sample.bytes(3 * RECORD))
    assert.is_nil(p.our:send("one"))
    p.our:room(1000000)
    assert.equal(5, p.our:send("other"))
    p:pump()
    assert.equal(sample.bytes(3 * RECORD):sub(1, 2 * RECORD) .. "other", p.theirs)
  end)

  it("flushes while it is paused, and ends behind what is kept", function()
    local p = serve():opened()
    p.our:watch(false, false)
    p.our:room(1)
    p.our:send("bye")
    p.our:finish()
    assert.is_true(p.our:below().writes)
    assert.is_false(p.our:below().reads)
    assert.is_false(p.our:below().finished)
    p.our:room(1000)
    assert.is_true(p.our:below().finished)
    p:pump()
    assert.equal("bye", p.theirs)
    assert.is_true(p.theirEnd)
  end)

  it("shakes hands with one byte of room at a time", function()
    local p = serve()
    p.our:room(0)
    for _ = 1, 20000 do
      p:pump()
      if p.isShaken and p.our:isOpen() then break end
      p.our:room(1)
    end
    assert.is_true(p.our:isOpen())
  end)
end)

describe("TLS whose reader is paused", function()
  it("shakes hands all the same", function()
    local p = serve()
    p.our:watch(false, false)
    p:opened()
  end)

  it("reports what it holds when reading goes on", function()
    local p = serve():opened()
    p.engine:write("abcdef")
    p.our:feed(p.engine:take())
    assert.equal("abc", p.our:recv(3))
    p.our:watch(false, false)
    p.our:events()
    p.our:turn()
    assert.equal("", p.our:events())
    p.our:watch(true, false)
    p.our:turn()
    assert.equal("r", p.our:events())
    assert.equal("def", p.our:recv(100))
  end)

  it("reports what came with the end of the handshake", function()
    local p = serve({}, { maxVersion = "1.3" })
    p.our:watch(false, false)
    p.engine:handshake()
    p.our:feed(p.engine:take())
    p.engine:feed(p.our:take())
    assert.is_true(p.engine:handshake())
    p.engine:write("at once")
    p.our:feed(p.engine:take())
    assert.is_true(p.our:isOpen())
    assert.equal("", p.our:events())
    p.our:watch(true, false)
    p.our:turn()
    assert.equal("r", p.our:events())
    assert.equal("at once", p.our:recv(100))
  end)
end)

describe("TLS that is read", function()
  it("takes no more from below than was asked for and a record, however little there is in it", function()
    local p = serve():opened()
    for _ = 1, 5000 do p.engine:write "x" end
    p.our:feed(p.engine:take())
    local before = p.our:below().unread
    p.got = p.our:recv(1000)
    local taken = before - p.our:below().unread
    assert.is_true(taken > 0 and taken < 20000 and before > 100000, taken)
    p.readSize = 1000
    p:pump()
    assert.equal(("x"):rep(5000), p.got)
  end)

  it("tells after a failure when the peer has gone, though that is known already", function()
    local p = serve():opened()
    p.our:feed(nil)
    p:readWhenReady()
    assert.equal("failed", p.failure)
    p.our:finish()
    p.our:turn()
    assert.equal("r", p.our:events())
    assert.equal("end", select(2, p.our:recv(100)))
  end)
end)

describe("A TLS 1.3 key update", function()
  for _, size in ipairs({ false, 1 }) do
    it("in mid-message changes nothing that people see, " .. (size and "byte by byte" or "whole"), function()
      local p, bytes = serve({}, { minVersion = "1.3" }, size or nil):opened(), sample.bytes(5000)
      for at = 1, #bytes, 100 do
        p.engine:updateKey(at % 300 == 1)
        p.engine:write(bytes:sub(at, at + 99))
        p:pump()
        p:sendAll(bytes:sub(at, at + 99))
      end
      assert.equal(bytes, p.got)
      assert.equal(bytes, p.theirs)
    end)
  end

  it("that has come in part lets nothing be sent, and loses nothing", function()
    local p = serve({}, { minVersion = "1.3" }):opened()
    p.engine:updateKey(true)
    p.engine:write("new key")
    local bytes = p.engine:take()
    for i = 1, #bytes do
      p.our:feed(bytes:sub(i, i))
      p:readWhenReady()
      p:sendAll "."
    end
    assert.equal("new key", p.got)
    assert.equal(("."):rep(#bytes), p.theirs)
  end)

  it("a hundred times without data is refused", function()
    local p = serve({}, { minVersion = "1.3" }):opened()
    for _ = 1, 100 do p.engine:updateKey() end
    p:pump()
    assert.equal("failed", p.failure)
    assert.equal("too many TLS handshake messages without data", (p.our:failure()))
  end)

  it("a hundred times with data between is fine", function()
    local p = serve({}, { minVersion = "1.3" }):opened()
    for _ = 1, 100 do
      p.engine:updateKey()
      p.engine:write("x")
    end
    p:pump()
    assert.equal(("x"):rep(100), p.got)
  end)
end)

describe("TLS 1.2", function()
  it("is over when a client wants to renegotiate", function()
    local p = serve({}, { minVersion = "1.2", maxVersion = "1.2" }):opened()
    p.engine:renegotiate()
    p:pump()
    assert.equal("failed", p.failure)
    assert.equal("the client wants to renegotiate: that is not done", (p.our:failure()))
    assert.equal("no renegotiation", p.theirError)
  end)
end)

describe("Rubbish", function()
  local function garbage(p, bytes)
    p.our:feed(bytes)
    p:readWhenReady()
    return p.failure
  end

  it("instead of a handshake fails it, with an alert", function()
    for _, bytes in ipairs({ "\0\0\0\0\0\0\0\0", "\22\3\1\255\255" .. ("x"):rep(70000), "\255\255\255\255\255\255",
      "\22\3\1\0\5hello", "\23\3\3\0\1x", ("\n"):rep(100) }) do
      local p = serve()
      assert.equal("failed", garbage(p, bytes))
      assert.is_truthy((p.our:failure()):match "%S")
      p.our:finish()
      assert.is_true(p.our:below().finished)
      assert.is_nil(p.our:recv(100000))
      p.our:feed("more of it")
      assert.same("again", select(2, p.our:recv(100)))
      p.our:feed(nil)
      assert.equal("end", select(2, p.our:recv(100)))
    end
  end)

  it("at each place of the handshake fails it", function()
    for cut = 1, 400, 7 do
      local p = serve()
      p.engine:handshake()
      local hello = p.engine:take()
      if cut > #hello then break end
      garbage(p, hello:sub(1, cut) .. ("\255"):rep(#hello))
      p.our:feed(nil)
      p:readWhenReady()
      assert.equal("failed", p.failure, "at " .. cut)
    end
  end)

  it("from a server fails a client", function()
    for _, bytes in ipairs({ "HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\21\3\3\0\2\2\40" }) do
      local p = connect()
      p.our:turn()
      assert.equal("failed", garbage(p, bytes))
    end
  end)

  it("names an alert of the peer's", function()
    local p = connect()
    p.our:turn()
    garbage(p, "\21\3\3\0\2\2\40")
    assert.equal("the peer has ended TLS: handshake failure", (p.our:failure()))
  end)

  it("after the handshake fails it", function()
    local p = serve():opened()
    assert.equal("failed", garbage(p, ("GET / HTTP/1.1\r\n"):rep(20)))
  end)

  it("that is a socket's end or error in the handshake is told as such", function()
    local p = serve()
    p.our:feed(nil)
    p:readWhenReady()
    assert.equal("failed", p.failure)
    assert.equal("the connection was closed during the TLS handshake", (p.our:failure()))
    p = serve()
    p.our:breakDown()
    p:readWhenReady()
    assert.equal("Connection reset by peer", p.failure)
  end)
end)

describe("Plain HTTP", function()
  it("is recognised by its first byte, and the transport below can be had back", function()
    for _, request in ipairs({ "GET / HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n", "D" }) do
      local p = serve()
      p.our:feed(request)
      p:readWhenReady()
      assert.equal("plain", p.failure)
      assert.equal("", p.our:remove())
      assert.is_nil(p.our:below().closed)
    end
  end)

  it("is nothing that a client's role knows", function()
    local p = connect()
    p.our:turn()
    p.our:feed("HTTP/1.1 200 OK\r\n\r\n")
    p:readWhenReady()
    assert.equal("failed", p.failure)
    assert.equal("what came is no TLS", (p.our:failure()))
  end)
end)

describe("A handshake", function()
  it("waits for its turn where work is rationed, and is asked again", function()
    local p = serve()
    p.our:toils(0)
    p.engine:handshake()
    p.our:feed(p.engine:take())
    assert.equal("", p.our:take())
    assert.is_true(p.our:turn())
    assert.equal("", p.our:take())
    p.our:toils(1)
    assert.is_true(p.our:turn())
    assert.not_equal("", p.our:take())
  end)

  it("agrees on http/1.1, and refuses who speaks h2 alone", function()
    local function offer(alpn)
      return pair(ourServer():open(), engines.context({ ca = certificates.ca, alpn = alpn }):engine "localhost")
    end
    assert.is_nil(offer():opened().engine:facts().alpn)
    assert.equal("http/1.1", offer({ "h2", "http/1.1" }):opened().engine:facts().alpn)
    local p = offer({ "h2" }):pump()
    assert.equal("failed", p.failure)
    assert.equal("the client does not speak http/1.1 (ALPN)", (p.our:failure()))
    assert.is_truthy(p.theirError:find("no application protocol", 1, true))
  end)

  it("offers http/1.1 as a client, and asks for names, not for addresses", function()
    local p = connect():opened()
    assert.equal("localhost", p.engine:facts().name)
    for _, address in ipairs({ "127.0.0.1", "::1" }) do
      p = pair(ourClient():open(address), theirServer():engine()):opened()
      assert.is_nil(p.engine:facts().name)
    end
    p = pair(ourClient():open("localhost."), theirServer():engine()):opened()
    assert.equal("localhost", p.engine:facts().name)
    p = pair(ourClient():open("localhost"), engines.context({
      server = true, cert = certificates.server.cert, key = certificates.server.key, alpn = { "http/1.1" },
    }):engine()):opened()
    assert.equal("http/1.1", p.engine:facts().alpn)
  end)

  it("speaks nothing older than TLS 1.2, and 1.3 alone where that is asked for", function()
    for _, old in ipairs({ "1.0", "1.1" }) do
      local p = serve({}, { maxVersion = old })
      p:pump()
      assert.equal("failed", p.failure)
      assert.equal("no version of TLS that both sides speak", (p.our:failure()))
    end
    local p = serve({ minVersion = "1.3" }, { maxVersion = "1.2" })
    p:pump()
    assert.equal("failed", p.failure)
  end)

  it("uses the ciphers that are asked for, of both versions", function()
    local ciphers = "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
    assert.equal("TLS_CHACHA20_POLY1305_SHA256", serve({ ciphers = ciphers }):opened().engine:facts().cipher)
    assert.equal("ECDHE-ECDSA-CHACHA20-POLY1305",
      serve({ ciphers = ciphers }, { maxVersion = "1.2" }):opened().engine:facts().cipher)
    local p = serve({ ciphers = ciphers }, { maxVersion = "1.2", ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" })
    p:pump()
    assert.equal("no cipher that both sides have", (p.our:failure()))
  end)
end)

describe("A session", function()
  for _, version in ipairs({ "1.2", "1.3" }) do
    it("is resumed by its ticket, TLS " .. version, function()
      local context = theirClient({ minVersion = version, maxVersion = version })
      local p = pair(ourServer():open(), context:engine "localhost"):opened()
      p:sendAll("tickets come with data")
      assert.is_false(p.engine:facts().isResumed)
      local again = pair(ourServer():open(), context:engine("localhost", p.engine:ticket())):opened()
      assert.is_true(again.engine:facts().isResumed)
    end)

    it("of one name is none of another, TLS " .. version, function()
      local server = assert(transports.server {
        with({ name = "localhost" }, certificates.server),
        with({ name = "other.example", ca = certificates.ca, verify = "required" }, certificates.other),
      })
      local context = theirClient({ minVersion = version, maxVersion = version, ca = false })
      local p = pair(server:open(), context:engine "localhost"):opened()
      p:sendAll("tickets come with data")
      local ticket = p.engine:ticket()
      assert.is_true(pair(server:open(), context:engine("localhost", ticket)):opened().engine:facts().isResumed)
      local other = pair(server:open(), context:engine("other.example", ticket))
      other:pump()
      assert.equal("failed", other.failure)
      assert.equal("the client has shown no certificate", (other.our:failure()))
    end)
  end
end)

describe("A server's certificate", function()
  local function shownFor(server, name)
    local p = pair(server:open(), theirClient({ ca = false }):engine(name))
    p:pump()
    return p.our:isOpen() and p.engine:facts().fingerprint, p
  end

  it("is chosen by the name that is asked for", function()
    local server = assert(transports.server {
      with({}, certificates.server),
      with({ name = "other.example" }, certificates.other),
      with({ name = "*.example.com" }, certificates.wildcard),
    })
    local server_, other, wildcard = certificates.fingerprint(certificates.server.cert),
      certificates.fingerprint(certificates.other.cert), certificates.fingerprint(certificates.wildcard.cert)
    for name, fingerprint in pairs({
      ["other.example"] = other, ["OTHER.example"] = other, ["a.example.com"] = wildcard,
      ["a.b.example.com"] = server_, ["example.com"] = server_, ["localhost"] = server_, ["127.0.0.1"] = server_,
      ["x.other.example"] = server_,
    }) do
      assert.equal(fingerprint, (shownFor(server, name)), name)
    end
  end)

  it("that is for nobody else is shown to nobody else", function()
    local server = assert(transports.server { with({ name = "other.example" }, certificates.other) })
    assert.equal(certificates.fingerprint(certificates.other.cert), (shownFor(server, "other.example")))
    for _, name in ipairs({ "localhost", "127.0.0.1" }) do
      local shown, p = shownFor(server, name)
      assert.is_false(shown)
      assert.equal("there is no certificate for the name that the client asks for", (p.our:failure()))
    end
  end)

  it("has its own rules for each name", function()
    local server = assert(transports.server {
      with({ minVersion = "1.3" }, certificates.server),
      with({ name = "other.example" }, certificates.other),
    })
    local old = theirClient({ ca = false, maxVersion = "1.2" })
    local p = pair(server:open(), old:engine "localhost")
    p:pump()
    assert.is_false(p.our:isOpen())
    pair(server:open(), old:engine "other.example"):opened()
  end)

  it("comes with its chain", function()
    local server = assert(transports.server { with({}, certificates.chained) })
    pair(server:open(), theirClient():engine "localhost"):opened()
  end)
end)

describe("A client's certificate", function()
  local function ask(verify, shown)
    return serve({ verify = verify, ca = certificates.ca }, shown and with({}, shown) or {})
  end

  it("is described, when it is asked for and good", function()
    for _, verify in ipairs({ "optional", "required" }) do
      local facts = ask(verify, certificates.client):opened().our:certificate()
      assert.equal("CN=client,O=Specs", facts.subject)
      assert.equal("CN=Authority,O=Specs", facts.issuer)
      assert.equal(certificates.fingerprint(certificates.client.cert), facts.fingerprint)
      assert.equal("email:client@example.com", facts.altNames)
      assert.is_truthy(facts.serial:match "^%x+$")
      assert.is_truthy(facts.validFrom:match "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$")
      assert.is_truthy(facts.validTo > facts.validFrom)
      assert.equal(certificates.text(certificates.client.cert), facts.pem)
    end
  end)

  it("may be missing where it is optional, and must not be wrong", function()
    assert.is_nil(ask("optional"):opened().our:certificate())
    local p = ask("optional", certificates.stranger)
    p:pump()
    assert.equal("failed", p.failure)
    assert.is_truthy((p.our:failure()):find("nobody who is trusted has signed the client's certificate", 1, true))
  end)

  it("must be there where it is required", function()
    local p = ask "required"
    p:pump()
    assert.equal("failed", p.failure)
    assert.equal("the client has shown no certificate", (p.our:failure()))
  end)

  it("is not asked for otherwise", function()
    assert.is_nil(serve({}, with({}, certificates.client)):opened().our:certificate())
  end)

  it("stays known in a resumed session", function()
    local server = ourServer({ verify = "required", ca = certificates.ca })
    local context = theirClient(with({}, certificates.client))
    local p = pair(server:open(), context:engine "localhost"):opened()
    p:sendAll("tickets come with data")
    p = pair(server:open(), context:engine("localhost", p.engine:ticket())):opened()
    assert.is_true(p.engine:facts().isResumed)
    assert.equal("CN=client,O=Specs", p.our:certificate().subject)
  end)

  it("is shown by our client", function()
    local p = connect(with({}, certificates.client), { verify = "required", ca = certificates.ca }):opened()
    assert.equal(certificates.fingerprint(certificates.client.cert), p.engine:facts().fingerprint)
  end)
end)

describe("A client", function()
  local function refuse(serverCertificate, name, options)
    local p = pair(ourClient(options):open(name or "localhost"), theirServer(with({}, serverCertificate)):engine())
    p:pump()
    assert.equal("failed", p.failure)
    return (p.our:failure())
  end

  it("says what is wrong with a server's certificate", function()
    assert.equal("the certificate is for 'other.example', not for 'localhost'", refuse(certificates.other))
    assert.equal("the certificate is for 'localhost', '127.0.0.1', '::1', not for 'b.example'",
      refuse(certificates.server, "b.example"))
    assert.equal("the certificate is for 'localhost', '127.0.0.1', '::1', not for '127.0.0.2'",
      refuse(certificates.server, "127.0.0.2"))
    assert.is_truthy(refuse(certificates.expired):match "^the server's certificate has expired %(%d+%-%d+%-%d+T.*Z%)$")
    assert.is_truthy(refuse(certificates.future):match "^the server's certificate is not yet valid %(until .*Z%)$")
    assert.equal("the server's certificate is self-signed and not among those that are trusted",
      refuse(certificates.selfSigned))
    assert.is_truthy(refuse(certificates.stranger):find("nobody who is trusted has signed", 1, true))
    assert.is_truthy(refuse({ cert = certificates.chained.leaf, key = certificates.chained.key })
      :find("nobody who is trusted has signed", 1, true))
  end)

  it("tells the server why", function()
    local p = pair(ourClient():open("localhost"), theirServer(with({}, certificates.expired)):engine())
    p:pump()
    assert.is_truthy(p.theirError:find("expired", 1, true), p.theirError)
  end)

  it("believes anybody when it is insecure", function()
    for _, certificate in ipairs({ certificates.other, certificates.expired, certificates.selfSigned }) do
      pair(ourClient({ verify = "none", ca = false }):open("localhost"),
        theirServer(with({}, certificate)):engine()):opened()
    end
  end)

  it("trusts a self-signed certificate that it was given, for its names", function()
    local cert, key, fingerprint = transports.selfSigned("host.example")
    local server = assert(transports.server { { cert = cert, key = key } })
    local client = assert(transports.client { ca = cert })
    for _, name in ipairs({ "localhost", "127.0.0.1", "::1", "host.example" }) do
      local s, c = server:open(), client:open(name)
      for _ = 1, 10 do
        c:turn()
        s:feed(c:take())
        c:feed(s:take())
      end
      assert.is_true(s:isOpen() and c:isOpen(), name)
      assert.equal(fingerprint, c:certificate().fingerprint)
    end
  end)

  describe("without a `ca`", function()
    local folder, before
    local variables = { "SSL_CERT_FILE", "SSL_CERT_DIR" }
    before_each(function()
      before = {}
      for _, name in ipairs(variables) do
        before[name] = os.getenv(name)
        uv.os_unsetenv(name)
      end
      folder = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/luaws-store-XXXXXX"))
    end)
    after_each(function()
      for _, name in ipairs(variables) do
        uv.os_unsetenv(name)
        if before[name] then uv.os_setenv(name, before[name]) end
      end
      os.execute(("rm -r '%s'"):format(folder))
    end)

    local function check()
      local p = pair(assert(transports.client {}):open("localhost"), theirServer():engine()):pump()
      return p.our:isOpen()
    end

    it("looks into the system's file, or its folder by hashes", function()
      assert.is_false(check())
      uv.os_setenv("SSL_CERT_FILE", certificates.ca)
      assert.is_true(check())
      uv.os_unsetenv("SSL_CERT_FILE")
      uv.os_setenv("SSL_CERT_DIR", folder)
      assert.is_false(check())
      os.execute(("cp '%s' '%s/ca.pem' && openssl rehash '%s'"):format(certificates.ca, folder, folder))
      assert.is_true(check())
    end)
  end)

  it("knows nobody without a store", function()
    assert.is_truthy(refuse(certificates.server, "localhost", { ca = false }):find("nobody who is trusted", 1, true))
  end)
end)

describe("TLS in TLS", function()
  it("carries bytes both ways, and ends", function()
    local context = ourServer()
    local client = ourClient()
    local s1, c1 = context:open(), client:open("localhost")
    local function pump()
      for _ = 1, 20 do
        c1:turn()
        s1:feed(c1:take())
        s1:turn()
        c1:feed(s1:take())
      end
    end
    pump()
    assert.is_true(s1:isOpen() and c1:isOpen())
    local s2, c2 = context:open(nil, s1), client:open("localhost", c1)
    pump()
    assert.is_true(s2:isOpen() and c2:isOpen())
    assert.equal(5, c2:send("hello"))
    pump()
    assert.is_truthy(s2:events():find "r")
    assert.equal("hello", s2:recv(100))
    assert.equal(6, s2:send("world!"))
    pump()
    assert.equal("world", c2:recv(5))
    pump()
    assert.equal("!", c2:recv(5))
    c2:finish()
    pump()
    assert.equal("end", select(2, s2:recv(100)))
  end)
end)

describe("Certificate files", function()
  local function refuse(settings)
    local context, text = transports.server { settings }
    assert.is_nil(context)
    return text
  end

  it("that are missing, no PEM, locked, of another pair, out of their time are told with their names", function()
    local server, mismatched, encrypted = certificates.server, certificates.mismatched, certificates.encrypted
    local function expect(pattern, cert, key)
      local text = refuse({ cert = cert, key = key })
      assert.is_truthy(text:find(pattern, 1, true), text)
    end
    expect("can't read the certificate /nowhere.pem: No such file or directory", "/nowhere.pem", server.key)
    expect("can't read the private key /nowhere.pem: No such file or directory", server.cert, "/nowhere.pem")
    expect("the file " .. server.key .. " is no certificate in PEM format", server.key, server.key)
    expect("the file " .. server.cert .. " is no private key in PEM format", server.cert, server.cert)
    expect("the private key " .. mismatched.key .. " is not the certificate's", mismatched.cert, mismatched.key)
    expect("the private key " .. encrypted.key .. " is locked with a password", encrypted.cert, encrypted.key)
    expect("the certificate " .. certificates.expired.cert .. " has expired (", certificates.expired.cert,
      certificates.expired.key)
    expect("the certificate " .. certificates.future.cert .. " is not yet valid (until ", certificates.future.cert,
      certificates.future.key)
    expect("can't read the certificate /: ", "/", server.key)
  end)

  it("may be PEM text", function()
    local server = certificates.server
    assert(transports.server { { cert = certificates.text(server.cert), key = certificates.text(server.key) } })
    assert.equal("the certificate has expired", (refuse({
      cert = certificates.text(certificates.expired.cert), key = certificates.text(certificates.expired.key),
    }):gsub(" %(.*", "")))
  end)

  it("of those who sign clients must be there where clients are verified", function()
    local server = certificates.server
    assert.equal("tls: to verify clients takes `ca`: who signs their certificates",
      refuse(with({ verify = "required" }, server)))
    assert.is_truthy(refuse(with({ ca = "/nowhere.pem" }, server)):find("/nowhere.pem", 1, true))
    assert.is_truthy(refuse(with({ ca = server.key }, server)):find("holds no certificate", 1, true))
    assert.is_truthy(refuse(with({ ciphers = "ROT13" }, server)):find("tls: no cipher is known by `ciphers`", 1, true))
  end)
end)

describe("Closing TLS", function()
  it("says so to the peer, unless it is a reset, and tells the end", function()
    local p = serve():opened()
    p.our:close(false)
    assert.equal("c", p.our:events():sub(-1))
    assert.equal("close", p.our:below().closed)
    p:feedTheirs(p.our:take())
    assert.is_true(p.theirEnd)
    p = serve():opened()
    p.our:close(true)
    assert.equal("reset", p.our:below().closed)
    assert.equal("", p.our:take())
    p = serve()
    p.our:close(false)
    assert.equal("", p.our:take())
  end)
end)
