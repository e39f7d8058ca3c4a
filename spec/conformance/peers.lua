-- The programs that have been under the suite, luaws first, and how each is started: as a server that echoes, and as a
-- client that does.
--
-- peers: an array of {
--     name =,
--     command = of the server: in a shell, in the repository's root, with "on" or "off" as one more argument
--         (permessage-deflate), for TLS with a certificate and its key as well; it prints "port N",
--     client = of the client (clients.lua), with "on" or "off", and perhaps a certificate that it trusts,
--     version = a command that prints what it is, test = one that fails where it can't run,
--     runs, clientRuns = a run for each column of its results: `compression` of the program, `slowly`, `compressed` and
--         `tls` of the target }
-- peers.start(peer, run) -> { port =, stop = function }: the server; peers.version(peer); peers.isThere(peer). These
--     wait.
-- peers.arguments(run) -> what stands behind a server's command

local uv = require "luv"
local async = require "spec.support.async"
local certificates = require "spec.support.certificates"
local process = require "spec.support.process"

local PLAIN = { title = "plain", compression = "off" }
local COMPRESSED = { title = "compressed", compression = "on", compressed = true }
local PLAIN_TLS = { title = "plain, over TLS", compression = "off", tls = true }
local COMPRESSED_TLS = { title = "compressed, over TLS", compression = "on", compressed = true, tls = true }
local PLAIN_SLOWLY = { title = "plain, byte by byte", compression = "off", slowly = true }
local COMPRESSED_SLOWLY = { title = "compressed, byte by byte", compression = "on", compressed = true, slowly = true }

local FOLDER = "spec/conformance/peers/"

local peers = {
  {
    name = "luaws",
    command = '"$LUAWS_BIN" --host 127.0.0.1 --port 0 ' .. FOLDER .. "luaws.lua",
    version = "echo luaws",
    test = 'test -x "$LUAWS_BIN"',
    runs = { PLAIN, PLAIN_SLOWLY, PLAIN_TLS, COMPRESSED, COMPRESSED_SLOWLY },
    client = '"$LUAWS_BIN" $LUAWS_SPEC_ARGS ' .. FOLDER .. "luaws_client.lua",
    clientRuns = { PLAIN, PLAIN_SLOWLY, COMPRESSED_TLS },
    isLuaws = true,
  },
  {
    name = "ws",
    command = "node " .. FOLDER .. "ws.mjs",
    version = [[node -p '"ws " + require("./node_modules/ws/package.json").version + ", node " + process.version']],
    test = "command -v node && test -d node_modules/ws",
    runs = { PLAIN, COMPRESSED },
    client = "node " .. FOLDER .. "ws_client.mjs",
    clientRuns = { PLAIN, COMPRESSED },
  },
  {
    name = "bun",
    command = "bench/node_modules/.bin/bun " .. FOLDER .. "bun.mjs",
    version = "echo bun $(bench/node_modules/.bin/bun --version)",
    test = "bench/node_modules/.bin/bun --version",
    runs = { PLAIN, COMPRESSED },
    client = "bench/node_modules/.bin/bun " .. FOLDER .. "bun_client.mjs",
    clientRuns = { PLAIN, COMPRESSED },
  },
  {
    name = "websockets",
    command = "/usr/bin/python3 " .. FOLDER .. "websockets_echo.py",
    version = [[/usr/bin/python3 -c 'import platform, websockets
print("python3-websockets", websockets.__version__ + ", Python", platform.python_version())']],
    test = "/usr/bin/python3 -c 'import websockets'",
    runs = { PLAIN, COMPRESSED },
    client = "/usr/bin/python3 " .. FOLDER .. "websockets_client.py",
    clientRuns = { PLAIN, COMPRESSED },
  },
}

local function shell(command)
  return process.run("/bin/sh", { "-c", command })
end

function peers.isThere(peer)
  return shell(peer.test).code == 0
end

function peers.version(peer)
  return (shell(peer.version).stdout:gsub("%s+$", ""))
end

-- What stands behind a server's command.
function peers.arguments(run)
  if not run.tls then return { run.compression } end
  return { run.compression, certificates.server.cert, certificates.server.key }
end

function peers.start(peer, run)
  local out, ended = uv.new_pipe(), async.queue()
  local handle = assert(uv.spawn("/bin/sh", {
    args = { "-c", ("exec %s %s"):format(peer.command, table.concat(peers.arguments(run), " ")) },
    stdio = { nil, out, 2 },
  }, function() ended:push(true) end))
  local port = async.await(function(done)
    local text = ""
    out:read_start(function(_, chunk)
      text = text .. (chunk or "")
      local found = text:match("port (%d+)\n")
      if found or not chunk then done(math.tointeger(found)) end
    end)
  end, nil, peer.name .. " to tell its port")
  if not port then error(peer.name .. " has not started", 0) end
  local function stop()
    handle:kill("sigkill")
    ended:pop(nil, "the end of " .. peer.name)
    handle:close()
    out:close()
  end
  return { port = port, stop = stop }
end

return peers
