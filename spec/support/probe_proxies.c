// probe.proxies: trusted proxies, and what their headers say.

#include <arpa/inet.h>
#include <lauxlib.h>
#include <stdio.h>
#include "http/proxies.h"
#include "probe.h"

enum { ENTRIES_MAX = 16 };

// check(entry) -> nil, or what is wrong
static int check(lua_State *L) {
  struct span entry;
  entry.p = luaL_checklstring(L, 1, &entry.n);
  const char *why = http_proxies_check(entry);
  if (why)
    lua_pushstring(L, why);
  else
    lua_pushnil(L);
  return 1;
}

// correct({ entry, ... }, request of probe.http, { address, port, secure }) -> the same, corrected
static int correct(lua_State *L) {
  char *entries[ENTRIES_MAX + 1] = {NULL};
  struct http_client client;
  struct http_request *r = *(struct http_request **)luaL_checkudata(L, 2, "probe.http.request");
  size_t count = lua_rawlen(L, 1);
  luaL_argcheck(L, count <= ENTRIES_MAX, 1, "too many entries");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1); // the table keeps it
    entries[i] = (char *)luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  for (int i = 1; i <= 3; i++)
    lua_rawgeti(L, 3, i);
  snprintf(client.address, sizeof client.address, "%s", luaL_checkstring(L, -3));
  client.port = (uint16_t)luaL_checkinteger(L, -2);
  client.secure = lua_toboolean(L, -1);
  struct http_proxies *p = http_proxies_new(entries);
  http_proxies_correct(p, r, &client);
  http_proxies_free(p);
  lua_createtable(L, 3, 0);
  lua_pushstring(L, client.address);
  lua_rawseti(L, -2, 1);
  lua_pushinteger(L, client.port);
  lua_rawseti(L, -2, 2);
  lua_pushboolean(L, client.secure);
  lua_rawseti(L, -2, 3);
  return 1;
}

// readIp(text) -> 16 bytes, or nil
static int read_ip(lua_State *L) {
  struct span text;
  struct http_ip ip;
  text.p = luaL_checklstring(L, 1, &text.n);
  if (!http_ip_read(text, &ip)) return 0;
  lua_pushlstring(L, (const char *)ip.bytes, sizeof ip.bytes);
  return 1;
}

// readSystem(text): the same by the system
static int read_system(lua_State *L) {
  unsigned char bytes[16] = {[10] = 0xff, [11] = 0xff};
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  if (strlen(text) != n) return 0;
  if (inet_pton(AF_INET, text, bytes + 12) != 1 && inet_pton(AF_INET6, text, bytes) != 1) return 0;
  lua_pushlstring(L, (const char *)bytes, sizeof bytes);
  return 1;
}

// writeIp(16 bytes) -> text
static int write_ip(lua_State *L) {
  struct http_ip ip;
  char text[HTTP_IP_TEXT_MAX];
  memcpy(ip.bytes, luaL_checkstring(L, 1), sizeof ip.bytes);
  http_ip_write(&ip, text);
  lua_pushstring(L, text);
  return 1;
}

// writeSystem(16 bytes): the same by the system
static int write_system(lua_State *L) {
  struct http_ip ip;
  char text[HTTP_IP_TEXT_MAX];
  memcpy(ip.bytes, luaL_checkstring(L, 1), sizeof ip.bytes);
  if (http_ip_is_v4(&ip))
    inet_ntop(AF_INET, ip.bytes + 12, text, sizeof text);
  else
    inet_ntop(AF_INET6, ip.bytes, text, sizeof text);
  lua_pushstring(L, text);
  return 1;
}

int probe_open_proxies(lua_State *L) {
  static const luaL_Reg functions[] = {{"check", check},      {"correct", correct},
                                       {"readIp", read_ip},   {"readSystem", read_system},
                                       {"writeIp", write_ip}, {"writeSystem", write_system},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
