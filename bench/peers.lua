-- The servers that are compared, luaws first: how each is started, and how its version is found.
-- `command`: in a shell, in the repository's root, with the mode as one more argument; it prints
-- a line that `port` matches once it listens on a port of its own choice. `start(line)`: returns
-- the whole command instead. `modes`: what it can do.
-- `test`, `missing`: a shell test that fails where the server can't run, and the notice that says
-- so. `npm`: it comes from npm.

local project = require "bench.project"

local PROJECT = "build/bench/project"

-- The bench's script, or that of many files, and its arguments.
local function scriptFor(line)
  if line.mode ~= "reload" then
    return "bench/peers/luaws_peer.lua " .. line.mode
  end
  os.execute("mkdir -p " .. PROJECT)
  return (project.write(PROJECT))
end

local function luaws(name, binary)
  return {
    name = name,
    binary = binary,
    start = function(line)
      local tls = line.tls and '--tls-cert "$TLS_CERT" --tls-key "$TLS_KEY"' or ""
      return ("%s --host 127.0.0.1 --port 0 %s %s %s"):format(
        binary, tls, line.options or "", scriptFor(line))
    end,
    port = "wss?://127%.0%.0%.1:(%d+)",
    modes = {
      echo = true, idle = true, json = true, broadcast = true, publish = true, foreach = true,
      work = true, stall = true, compute = true, reload = true,
    },
    test = "test -x " .. binary,
    missing = binary .. " isn't built",
    version = ([[%s --version | { read first; read libraries; echo "%s$first ($libraries)"; }]])
      :format(binary, name == "luaws" and "" or name .. ": "),
  }
end

local peers = {
  luaws("luaws", os.getenv "LUAWS" or "build/release/luaws"),
  {
    name = "ws",
    command = "node bench/peers/ws.mjs",
    modes = { echo = true, idle = true, json = true, broadcast = true, foreach = true },
    test = "command -v node && test -d bench/node_modules/ws",
    npm = true,
    missing = "npm's ws isn't installed (npm and the registry are needed)",
    version = [[node -p '"ws " + require("./bench/node_modules/ws/package.json").version
      + ", node " + process.version']],
  },
  {
    name = "bun",
    command = "bench/node_modules/.bin/bun bench/peers/bun.mjs",
    modes = {
      echo = true, idle = true, json = true, broadcast = true, publish = true, foreach = true,
      work = true, stall = true,
    },
    test = "bench/node_modules/.bin/bun --version",
    npm = true,
    missing = "npm's bun isn't installed or doesn't run here",
    version = "echo bun $(bench/node_modules/.bin/bun --version)",
  },
  {
    name = "go",
    command = "build/bench/gorilla",
    modes = { echo = true },
    -- it is compiled here, where the packages are
    test = [[test build/bench/gorilla -nt bench/peers/gorilla.go ||
      GO111MODULE=off GOPATH=/usr/share/gocode \
        go build -o build/bench/gorilla bench/peers/gorilla.go]],
    missing = "Go or gorilla/websocket isn't installed (tools/packages peers)",
    version = [[echo gorilla/websocket $(dpkg-query -W -f '${Version}' \
      golang-github-gorilla-websocket-dev), $(go version | cut -d' ' -f3)]],
  },
  {
    name = "nginx",
    command = "bench/peers/nginx.sh",
    modes = { echo = true },
    test = [[command -v nginx && test -e /usr/lib/nginx/modules/ngx_http_lua_module.so &&
      test -e /usr/share/lua/5.1/nginx/websocket/server.lua]],
    missing = "nginx with lua-nginx-websocket isn't installed (tools/packages peers)",
    version = [[echo nginx $(nginx -v 2>&1 | cut -d/ -f2), lua-nginx-websocket \
      $(dpkg-query -W -f '${Version}' lua-nginx-websocket)]],
  },
  {
    name = "floor",
    command = "build/bench/floor",
    modes = { echo = true, idle = true },
    test = "test -x build/bench/floor",
    missing = "bench/peers/floor.c doesn't compile here (libssl-dev is needed)",
    version = "echo floor: bare epoll, bench/peers/floor.c",
  },
}

-- Another build of luaws, to compare the one at hand with.
if (os.getenv "BASE" or "") ~= "" then
  table.insert(peers, 2, luaws("base", os.getenv "BASE"))
end

return peers
