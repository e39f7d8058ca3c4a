-- The bench's load generator against luaws: figures of every kind of line, and what it sees that a server does wrong.

local async = require "spec.support.async"
local attempts = require "spec.support.attempts"
local lines = require "bench.lines"
local project = require "bench.project"
local process = require "spec.support.process"
local samples = require "bench.samples"
local server = require "spec.support.server"

server.isPlain = true

local PEER = "bench/peers/luaws_peer.lua"
local QUICKLY = { "--seconds", "0.05", "--warmup", "0" }

local folder

local function compile()
  if folder then return end
  if os.execute("command -v ${CC:-cc} >/dev/null") ~= true then pending("there is no compiler") end
  folder = os.tmpname()
  os.remove(folder)
  local run = process.run("bench/compile", { folder, "-O0", "-fno-lto", "-Werror" }, 150)
  assert.equal(0, run.code, run.stderr)
end

-- The generator's figures and what it has complained of. `seconds`: nil, a moment.
local function load(s, arguments, seconds)
  local args = { "--port", tostring(s.port), "--pid", tostring(s.pid), table.unpack(QUICKLY) }
  if seconds then table.move({ "--seconds", tostring(seconds) }, 1, 2, #args + 1, args) end
  for word in arguments:gmatch("%S+") do args[#args + 1] = word end
  local isOwn = arguments:match "^client" or arguments:match "^tests"
  if isOwn then table.insert(args, 1, ("bench/%s.lua"):format(isOwn)) end
  local run = process.run(isOwn and os.getenv("LUAWS_BIN") or folder .. "/load", args, 150)
  local result = assert(samples.decode(run.stdout), run.stderr)
  assert.equal(result.errors > 0 and 1 or 0, run.code, run.stderr)
  return result, run.stderr
end

-- `options`: luaws's own, in one string.
local function startPeer(mode, options)
  local args = {}
  for word in (options or ""):gmatch("%S+") do args[#args + 1] = word end
  local hasTwoPaths = mode == "work" or mode == "stall"
  return server.startFile(PEER, { args = args, scriptArgs = { mode }, lines = hasTwoPaths and 2 or 1 })
end

local function measure(s, arguments, seconds)
  local result, complaints = load(s, arguments, seconds)
  assert.equal("", complaints)
  assert.equal(0, result.errors)
  return result
end

-- The same, for as long as it takes until something has been counted.
local function measureAny(s, arguments)
  local result
  for _, seconds in ipairs { 0.05, 0.5, 5 } do
    result = measure(s, arguments, seconds)
    if result.messages ~= 0 then break end
  end
  return result
end

-- `script`: a whole one, or what its onMessage does.
local function assertFails(script, arguments, complaint)
  local s = server.start(script:find("serve") and script
    or ("serve({ onMessage = function(_, ws, event) %s end }, { path = '/' })"):format(script))
  local result, complaints = load(s, arguments)
  assert.is_true(result.errors > 0)
  assert.matches(complaint, complaints)
end

describe("the load generator", function()
  before_each(compile)
  teardown(function() os.execute("rm -rf '" .. (folder or "") .. "'") end)

  local kinds, reloadLine = {}, nil
  for _, line in ipairs(lines) do
    local options = (line.options or "") .. (line.tls and " --tls-self-signed" or "")
    local kind = line.mode .. line.load:gsub("%d+", "") .. options
    if line.mode == "reload" then
      reloadLine = line
    elseif not kinds[kind] then
      kinds[kind] = true
      it("has the figures of the line " .. line.name, function()
        local result = measureAny(startPeer(line.mode, options),
          (line.load:gsub("(%-%-connections) %d+", "%1 10")))
        assert.equal(line.load ~= "tests" and 10 or nil, result.connections)
        for _, cost in ipairs(line.costs) do assert.is_number(result[cost.field], cost.field) end
      end)
    end
  end

  -- The line "reload", with five times the room that its goals leave. Were a message lost, doubled or changed, the
  -- generator would say so.
  it("has the figures of the line reload; no message is lost, and none waits for long", function()
    local isSlow = async.seconds(1) > 1 -- built with a sanitizer
    local script, length = project.write(server.folder({}))
    assert.is_true(length >= 1000)
    local s = server.startFile(script)
    local arguments = reloadLine.load
    if isSlow then arguments = arguments:gsub("(s) 5000", "%1 300"):gsub("(rate) %d+", "%1 300") end
    attempts.within(0.25, "the longest delay, and the longest reload", function()
      local before = #s.stderr
      local result = measure(s, arguments, 1)
      local longest, count = 0, 0
      for ms in s.stderr:sub(before + 1):gmatch("reloaded [^\n]- in ([%d.]+) ms%)") do
        longest, count = math.max(longest, tonumber(ms)), count + 1
      end
      assert.equal(4, count)
      return math.max(longest / 1e3, result.max_us / 1e6)
    end)
  end)

  it("tells rates, processor time and latencies that fit together", function()
    local result = measure(startPeer("echo"), "echo --connections 5 --inflight 3")
    assert.near(1, result.messages / result.seconds / result.rate, 0.02)
    assert.near(result.server_cpu, result.server_us * result.rate / 1e6, 0.002)
    assert.is_true(result.p50_us <= result.p99_us and result.p99_us <= result.p999_us)
    assert.is_true(result.p999_us <= result.max_us)
  end)

  it("keeps to a rate, however long the answers take", function()
    local result = measure(startPeer("echo"), "rate --rate 1000 --connections 5 --seconds 0.3")
    assert.is_true(result.messages <= result.seconds * 1000 + 1 and result.late_p50_us <= result.late_p99_us)
    local s = server.start([[
      local uv = require "luv"
      serve({ onMessage = function(_, ws, event)
        local till = uv.hrtime() + 5e6
        while uv.hrtime() < till do end
        ws:send(event.data)
      end })
    ]])
    result = measure(s, "rate --rate 400 --connections 1 --seconds 0.2")
    assert.is_true(result.p99_us > 20000)
  end)

  it("takes a document's members in any order", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event)
        ws:send((event.data:gsub('^{("type":"%a+"),("id":"%a+")', "{%2,%1")))
      end })
    ]])
    assert.is_true(measure(s, "echo --json --size 300 --connections 2").messages > 0)
  end)

  it("sees a byte that differs", function()
    assertFails([[ws:send((event.data:gsub(".$", "\t")))]], "echo --size 1000", "a message differs from what was sent")
  end)

  it("sees a member that differs", function()
    assertFails([[ws:send((event.data:gsub("36", "37")))]], "echo --json --size 300", "differs from what was sent")
  end)

  it("sees a message that is too long, or too short", function()
    assertFails([[ws:send(event.data .. ".")]], "echo", "longer than the 64 bytes")
    assertFails([[ws:send(event.data:sub(1, -2))]], "echo", "63 bytes of 64")
  end)

  it("sees messages that change places, come twice or are another connection's", function()
    assertFails([[
      local held
      serve({ onMessage = function(_, ws, event)
        if not held then held = event.data return end
        ws:send(event.data) ws:send(held)
        held = nil
      end })
    ]], "echo --connections 1 --inflight 2", "differs from what was sent")
    assertFails([[ws:send(event.data) ws:send(event.data)]], "echo", "differs from what was sent")
    assertFails([[
      local last
      serve({ onMessage = function(_, ws, event)
        ws:send(last or event.data)
        last = event.data
      end })
    ]], "echo --connections 2", "differs from what was sent")
  end)

  it("sees messages that were lost", function()
    assertFails([[
      local isFirst = true
      serve({ onMessage = function(_, ws, event)
        if not isFirst then ws:send(event.data) end
        isFirst = false
      end })
    ]], "echo --connections 2 --patience 0.1", "messages were lost")
  end)

  it("sees a text message that comes back as binary", function()
    assertFails([[ws:send(event.data, true)]], "echo", "a frame has opcode 2")
  end)

  it("sees that it is refused, or cut off", function()
    assertFails([[ws:send(event.data)]], "echo --path /nowhere", "refused with HTTP/1.1 404")
    assertFails([[ws:terminate()]], "echo", "closed the connection with 1000")
  end)
end)
