#!/bin/sh
# nginx with lua-nginx-websocket (lua-resty-websocket under Debian's name), started on a free port:
# an echo. One process, so that its processor time is that of the server; no log of requests.
set -eu

folder=build/bench/nginx
mkdir -p "$folder"

# Ports below those that the system gives to clients.
is_taken() { cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi "^ *[0-9]*: [0-9A-F]*:$1 "; }
port=$((20000 + $$ % 10000))
while is_taken "$(printf %04X "$port")"; do port=$((port + 1)); done

cat >"$folder/nginx.conf" <<END
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
worker_rlimit_nofile 20000;
events {
  use epoll;
  worker_connections 20000;
}
http {
  access_log off;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  lua_socket_log_errors off;
  lua_socket_buffer_size 64k;
  init_worker_by_lua_block {
    io.stdout:write("port $port\n")
    io.stdout:flush()
  }
  server {
    listen 127.0.0.1:$port;
    location / {
      content_by_lua_block {
        local server = require "nginx.websocket.server"
        local ws = server:new { timeout = 60000, max_payload_len = 1048576 }
        if not ws then
          return ngx.exit(426)
        end
        while true do
          local data, kind = ws:recv_frame()
          if kind == "text" then
            ws:send_text(data)
          elseif kind == "binary" then
            ws:send_binary(data)
          elseif kind == "ping" then
            ws:send_pong(data)
          elseif kind == "close" then
            ws:send_close()
            return
          elseif not data then
            return
          end
        end
      }
    }
  }
}
END
exec nginx -p "$folder" -c nginx.conf
