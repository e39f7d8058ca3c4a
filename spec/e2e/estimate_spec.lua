-- luaws --estimate: what an idle connection to each server of a script costs in memory.

local async = require "spec.support.async"
local server = require "spec.support.server"

local PRELUDE = [[
  local luaws = require "luaws"
  local function accept() return { onMessage = function() end } end
  local function serve(onConnection, options)
    return luaws.WebSocketServer.new({ onConnection = onConnection }, options)
  end
]]

local BYTES = { B = 1, KiB = 1024, MiB = 1024 * 1024 }

local function readSize(text)
  local number, unit = text:match("^([%d.]+) (%a+)$")
  return number and tonumber(number) * BYTES[unit]
end

-- The table's lines by the server's name: what stands behind it, and the columns as numbers.
local function readTable(output)
  local rows = {}
  for line in output:gsub("%(any path%)", "/(any)"):gmatch("[^\n]+") do
    local name, rest = line:match("^(/%S*)%s+(.*)$")
    if name then
      local row = { text = rest }
      local columns = {}
      for column in rest:gmatch("%S+ ?%a*") do columns[#columns + 1] = column:match("^(.-)%s*$") end
      row.connections, row.c, row.lua = tonumber(columns[1]), readSize(columns[2] or ""), readSize(columns[3] or "")
      row.projection = readSize(columns[5] or "")
      rows[name] = row
    end
  end
  return rows
end

-- What a sanitizer makes of malloc is no size to be checked.
local isPlain = async.seconds(1) <= 1

local function estimate(script, options)
  options = options or {}
  options.args = options.args or { "--estimate" }
  options.timeout = 150
  local child = server.run(PRELUDE .. script, options)
  return child, readTable(child.stdout)
end

describe("luaws --estimate", function()
  it("splits what a connection to each server costs, whatever host and port they ask for", function()
    local folder = server.folder({})
    local child, rows = estimate(([[
      serve(accept, { path = "/plain" })
      serve(function(_, _, event)
        assert(event.request.headers.origin == nil and event.request.remoteAddress == "127.0.0.1")
        return { onMessage = print, request = event.request, more = ("x"):rep(5000) .. event.request.remotePort }
      end, { path = "/keeps/:what/*", protocols = { "one", "two" } })
      local web = luaws.WebServer.new({ host = "unix:%s/socket" })
      serve(function(_, _, event)
        assert(event.request.path == "/")
        return accept()
      end, { web = web })
    ]]):format(folder))
    assert.equal(0, child.code, child.stderr)
    assert.equal("", (child.stderr:gsub("luaws: serving ws://127%.0%.0%.1:%d+[%w/:*]*\n", "")))
    for _, name in ipairs({ "/plain", "/keeps/:what/*", "/(any)" }) do
      local row = rows[name]
      assert.equal(1000, row.connections, child.stdout)
      assert.is_true(row.lua > 100)
      if isPlain then
        assert.is_true(row.c > 100 and row.c < 2000, child.stdout)
        assert.is_true(math.abs((row.c + row.lua) * 10000 / row.projection - 1) < 0.02, child.stdout)
      end
    end
    assert.is_true(rows["/plain"].lua < 1000, child.stdout)
    local kept = rows["/keeps/:what/*"].lua - rows["/plain"].lua
    assert.is_true(kept > 5000 and kept < 8000, child.stdout)
    assert.is_nil(io.open(folder .. "/socket"))
  end)

  it("waits for the main chunk and ends with the script's onTerminate", function()
    local child, rows = estimate([[
      luaws.sleep(0.1)
      luaws.WebSocketServer.new({ onConnection = accept, onTerminate = function() print "closed" end },
        { path = "/late" })
    ]])
    assert.equal(0, child.code, child.stderr)
    assert.equal(1000, rows["/late"].connections)
    assert.truthy(child.stdout:find("closed\n", 1, true))
  end)

  it("lets handlers send, broadcast, wait and raise, which is logged once", function()
    local child, rows = estimate([[
      local function with(onOpen)
        return function() return { onMessage = print, onOpen = onOpen } end
      end
      serve(with(function(_, ws) ws.wss:broadcast(("hello"):rep(100)) end), { path = "/sends" })
      serve(with(function() luaws.sleep(100) end), { path = "/waits" })
      serve(with(function() error "raised on purpose" end), { path = "/raises" })
    ]])
    assert.equal(0, child.code, child.stderr)
    for _, name in ipairs({ "/sends", "/waits", "/raises" }) do
      assert.equal(1000, rows[name].connections, child.stdout)
    end
    assert.is_true(rows["/waits"].lua > rows["/raises"].lua + 500, child.stdout)
    local _, times = child.stderr:gsub("raised on purpose\n", "")
    assert.equal(1, times)
  end)

  it("reports servers that refuse, with what to do, and measures the others", function()
    local child, rows = estimate([[
      serve(function() return nil end, { path = "/private" })
      serve(function() return nil, 401 end, { path = "/login" })
      serve(function() error "broken" end, { path = "/broken" })
      serve(accept, { path = "/few", maxConnectionsPerAddress = 300 })
      serve(accept, { path = "/crowd", maxConnections = 1 })
    ]])
    assert.equal(0, child.code, child.stderr)
    assert.truthy(rows["/private"].text:find("^refused with 403: .*%-%-estimate='name=ann'"))
    assert.truthy(rows["/login"].text:find("^refused with 401: "))
    assert.truthy(rows["/broken"].text:find("^refused with 500: .*the log"))
    assert.truthy(child.stderr:find("broken", 1, true))
    assert.equal(200, rows["/few"].connections, child.stdout)
    assert.truthy(child.stdout:find("the next was refused with 429: maxConnectionsPerAddress", 1, true))
    assert.truthy(rows["/crowd"].text:find("^refused with 503: maxConnections"))
  end)

  it("asks with the query that it is given", function()
    local script = [[
      serve(function(_, _, event) return event.request.query.user == "ann & co" and accept() or nil end,
        { path = "/chat" })
    ]]
    local child, rows = estimate(script)
    assert.equal(1, child.code)
    assert.truthy(rows["/chat"].text:find("^refused with 403"))
    child, rows = estimate(script, { args = { "--estimate=user=ann %26 co" } })
    assert.equal(0, child.code, child.stderr)
    assert.equal(1000, rows["/chat"].connections)
  end)

  it("makes do with the descriptors there are, and says so", function()
    local child, rows = estimate([[ serve(accept, { path = "/chat" }) ]], { descriptors = 500 })
    assert.equal(0, child.code, child.stderr)
    assert.is_true(rows["/chat"].connections > 100 and rows["/chat"].connections < 250, child.stdout)
    assert.truthy(child.stdout:find("ulimit -n", 1, true))
    child = estimate([[ serve(accept, { path = "/chat" }) ]], { descriptors = 120 })
    assert.equal(1, child.code)
    assert.equal("", child.stdout)
    assert.truthy(child.stderr:find("too few descriptors for an estimate: try ulimit -n", 1, true))
  end)

  it("is the same with several threads, and one worker is enough", function()
    local child, rows = estimate([[
      assert(luaws.workerIndex == 1)
      serve(accept, { path = "/chat" })
    ]], { args = { "--estimate", "--io-threads", "2", "--workers", "3" } })
    assert.equal(0, child.code, child.stderr)
    assert.equal(1000, rows["/chat"].connections)
  end)

  for what, row in pairs({
    ["opens no server"] = { [[ luaws.after(3600, print) ]], "has opened no WebSocket server" },
    ["ends"] = { [[ return ]], "nothing to estimate: the script has " },
    ["has a web server alone"] = { [[ luaws.WebServer.new({ port = 1 }):start() ]],
      "has opened no WebSocket server" },
    ["fails"] = { [[ error "raised at start" ]], "raised at start" },
    ["ends in the middle"] = { [[ serve(function() luaws.exit(0) end) ]], nil },
  }) do
    it("ends with 1 when the script " .. what, function()
      local child = estimate(row[1])
      assert.equal(1, child.code)
      if row[2] then assert.truthy(child.stderr:find(row[2], 1, true), child.stderr) end
    end)
  end
end)
