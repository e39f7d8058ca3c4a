-- src/net/resolver.c and connector.c: from a name to a connected socket.

local uv = require "luv"
local connector = require("probe").connector
local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local blackhole = require "spec.support.blackhole"

local function listen(host)
  local socket = uv.new_tcp()
  assert(socket:bind(host, 0))
  local peers = async.queue()
  assert(socket:listen(16, function()
    local peer = uv.new_tcp()
    socket:accept(peer)
    async.defer(peer.close, peer)
    peers:push(peer)
  end))
  async.defer(socket.close, socket)
  return socket:getsockname().port, peers
end

local function closedPort(host)
  local socket = uv.new_tcp()
  assert(socket:bind(host, 0))
  local port = socket:getsockname().port
  socket:close()
  return port
end

local function descriptors()
  local count = 0
  for _ in uv.fs_scandir_next, assert(uv.fs_scandir("/proc/self/fd")) do count = count + 1 end
  return count
end

-- The connector, and the descriptor or a negative number.
local function connect(list)
  local c
  local fd = async.await(function(done) c = connector.connect(list, done) end, nil, "a connection")
  async.defer(c.free, c)
  if fd >= 0 then async.defer(connector.closeDescriptor, fd) end
  return c, fd
end

local function resolve(host, port)
  return async.await(function(done)
    local request, message = connector.resolve(host, port or 80, done)
    if not request then done({}, message) end
  end)
end

local function needIPv6()
  local socket = uv.new_tcp()
  if not socket:bind("::1", 0) then pending("no IPv6 on this machine") end
  socket:close()
end

describe("an address in a URL", function()
  it("is told from a name", function()
    assert.equal("127.0.0.1 80", connector.parse("127.0.0.1", 80))
    assert.equal("::1 8080", connector.parse("[::1]", 8080))
    assert.equal("::1 1", connector.parse("::1", 1))
    for _, name in ipairs({ "localhost", "example.com", "", "[]", "[::1", ("1"):rep(70) }) do
      assert.is_nil(connector.parse(name, 80), name)
    end
  end)
end)

describe("the resolver", function()
  it("finds the addresses of a name", function()
    local list = resolve("localhost", 8080)
    assert.is_true(#list > 0)
    for _, address in ipairs(list) do
      assert.is_true(address == "127.0.0.1 8080" or address == "::1 8080", address)
    end
  end)

  it("says that there is no such host", function()
    local list, message, code = resolve("no-such-host.invalid")
    assert.same({}, list)
    assert.matches("^can't find host 'no%-such%-host%.invalid'", message)
    assert.is_true(code < -3000) -- one of getaddrinfo's
  end)

  it("refuses what can't be a name", function()
    local _, message = resolve(("a"):rep(300) .. ".example")
    assert.matches("^can't find host 'aaaa", message)
  end)

  it("says nothing when it was cancelled", function()
    local request = connector.resolve("localhost", 80, function() error("it has called back") end)
    request:cancel()
    resolve("localhost") -- behind it, in the same threads
  end)
end)

describe("a connector", function()
  it("connects to the only address", function()
    local port, peers = listen("127.0.0.1")
    local _, fd = connect({ { "127.0.0.1", port } })
    assert.is_true(fd >= 0)
    peers:pop()
  end)

  it("tries the next address at once when one has failed", function()
    local port, peers = listen("127.0.0.1")
    attempts.within(0.2, "a connection to the third address", function()
      local list = { { "127.0.0.1", closedPort("127.0.0.1") }, { "127.0.0.2", closedPort("127.0.0.2") },
        { "127.0.0.1", port } }
      local seconds = attempts.time(function() assert.is_true(select(2, connect(list)) >= 0) end)
      peers:pop()
      return seconds
    end)
  end)

  it("tries the next address beside one that says nothing", function()
    local port, peers = listen("127.0.0.1")
    local start = uv.hrtime()
    local _, fd = connect({ { "127.0.0.1", blackhole.open() }, { "127.0.0.1", port } })
    assert.is_true(fd >= 0)
    assert.is_true(uv.hrtime() - start >= 0.24e9)
    peers:pop()
  end)

  it("lets the families take turns", function()
    needIPv6()
    local port, peers = listen("::1")
    -- Were they tried in this order, three times a quarter of a second would pass.
    attempts.within(0.5, "a connection to the other family's address", function()
      local full = blackhole.open()
      local list = { { "127.0.0.1", full }, { "127.0.0.1", full }, { "127.0.0.1", full }, { "::1", port } }
      local seconds = attempts.time(function() assert.is_true(select(2, connect(list)) >= 0) end)
      peers:pop()
      return seconds
    end)
  end)

  it("closes the attempts beside the one that it takes", function()
    local port, peers = listen("127.0.0.1")
    local full = blackhole.open()
    local before = descriptors()
    for _ = 1, 3 do
      local c
      local fd = async.await(function(done)
        c = connector.connect({ { "127.0.0.1", full }, { "127.0.0.1", port } }, done)
      end)
      peers:pop()
      connector.closeDescriptor(fd)
      c:free()
    end
    async.eventually(function() return descriptors() == before + 3 end, nil, "the peers' alone being left")
  end)

  it("says of each address why it has failed", function()
    needIPv6()
    local port = closedPort("127.0.0.1")
    local c, fd = connect({ { "127.0.0.1", port }, { "::1", closedPort("::1") } })
    assert.is_true(fd < 0)
    local message, code = c:explain("localhost:" .. port)
    assert.equal("can't connect to localhost:" .. port .. ": connection refused (127.0.0.1, ::1)", message)
    assert.equal(-111, code)
  end)

  it("names different failures by themselves, and those that say nothing", function()
    local c = connector.connect({ { "127.0.0.1", blackhole.open() }, { "255.255.255.255", 1 } }, print)
    async.defer(c.free, c)
    async.sleep(0.3)
    local message = c:explain("x.example:80")
    assert.matches("^can't connect to x%.example:80: no answer %(127%.0%.0%.1%); [%w ]+ %(255%.255%.255%.255%)$",
      message)
  end)

  it("doesn't say the only address twice", function()
    local port = closedPort("127.0.0.1")
    local c = connect({ { "127.0.0.1", port } })
    assert.equal("can't connect to 127.0.0.1:" .. port .. ": connection refused", (c:explain("127.0.0.1:" .. port)))
  end)

  it("can be given up at any time", function()
    local port = listen("127.0.0.1")
    local function never() error("it has called back") end
    connector.connect({ { "127.0.0.1", port } }, never):free()
    local c = connector.connect({ { "127.0.0.1", blackhole.open() }, { "127.0.0.1", port } }, never)
    async.sleep(0.01)
    c:free()
    async.sleep(0.3)
  end)
end)
