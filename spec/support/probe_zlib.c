// zlib itself for specs: raw deflate streams of their own (RFC 1951), so that what luaws compresses
// and inflates is judged by something that shares no code with src/ws/deflate.

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include "probe.h"

#define DEFLATER "probe.zlib.deflater"
#define INFLATER "probe.zlib.inflater"

enum { CHUNK = 65536 };

struct stream {
  z_stream z;
  bool is_open;
  unsigned step; // bytes of room for one call of inflate
};

static const char *const FLUSH_NAMES[] = {"none", "sync", "full", "finish", "block", NULL};
static const int FLUSH[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH, Z_BLOCK};

static const char *const STRATEGY_NAMES[] = {"default", "huffman", "rle", "fixed", NULL};
static const int STRATEGY[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};

// The integer field `name` of the options at `index`.
static int option(lua_State *L, int index, const char *name, int otherwise) {
  if (lua_isnoneornil(L, index)) return otherwise;
  lua_getfield(L, index, name);
  int value = (int)luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

static int strategy_option(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return Z_DEFAULT_STRATEGY;
  lua_getfield(L, index, "strategy");
  int strategy = STRATEGY[luaL_checkoption(L, -1, "default", STRATEGY_NAMES)];
  lua_pop(L, 1);
  return strategy;
}

static struct stream *new_stream(lua_State *L, const char *type) {
  struct stream *s = lua_newuserdatauv(L, sizeof *s, 0);
  memset(s, 0, sizeof *s);
  luaL_setmetatable(L, type);
  return s;
}

static void set_input(lua_State *L, z_stream *z, int index) {
  size_t n;
  const char *bytes = luaL_checklstring(L, index, &n);
  z->next_in = (Bytef *)(uintptr_t)bytes; // zlib doesn't write to it
  z->avail_in = (uInt)n;
}

// deflater{ level = 6, bits = 15, mem = 8, strategy = "default" }: a raw stream
static int new_deflater(lua_State *L) {
  int level = option(L, 1, "level", 6), bits = option(L, 1, "bits", 15);
  int mem = option(L, 1, "mem", 8), strategy = strategy_option(L, 1);
  struct stream *s = new_stream(L, DEFLATER);
  int status = deflateInit2(&s->z, level, Z_DEFLATED, -bits, mem, strategy);
  if (status != Z_OK) return luaL_error(L, "deflateInit2: %d", status);
  s->is_open = true;
  return 1;
}

// d:deflate(bytes [, flush = "sync"]) -> all that comes out
static int run_deflate(lua_State *L) {
  struct stream *s = luaL_checkudata(L, 1, DEFLATER);
  set_input(L, &s->z, 2);
  int flush = FLUSH[luaL_checkoption(L, 3, "sync", FLUSH_NAMES)];
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  do {
    s->z.next_out = (Bytef *)luaL_prepbuffsize(&out, CHUNK);
    s->z.avail_out = CHUNK;
    int status = deflate(&s->z, flush);
    if (status == Z_STREAM_ERROR) return luaL_error(L, "deflate: %d", status);
    luaL_addsize(&out, CHUNK - s->z.avail_out);
  } while (s->z.avail_out == 0);
  luaL_pushresult(&out);
  return 1;
}

static int reset_deflater(lua_State *L) {
  struct stream *s = luaL_checkudata(L, 1, DEFLATER);
  deflateReset(&s->z);
  return 0;
}

static int free_deflater(lua_State *L) {
  struct stream *s = luaL_checkudata(L, 1, DEFLATER);
  if (s->is_open) deflateEnd(&s->z);
  s->is_open = false;
  return 0;
}

// inflater{ bits = 15 }: a raw stream. What inflate() has just written it finds there, however
// small its window is: byte by byte it sees each distance that is too far.
static int new_inflater(lua_State *L) {
  int bits = option(L, 1, "bits", 15);
  struct stream *s = new_stream(L, INFLATER);
  s->step = bits == 15 ? CHUNK : 1;
  int status = inflateInit2(&s->z, -bits);
  if (status != Z_OK) return luaL_error(L, "inflateInit2: %d", status);
  s->is_open = true;
  return 1;
}

// i:inflate(bytes) -> what comes out, "more" | "end" (the final block is over) | what is wrong,
// how many bytes of the input are left
static int run_inflate(lua_State *L) {
  struct stream *s = luaL_checkudata(L, 1, INFLATER);
  set_input(L, &s->z, 2);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  int status;
  do {
    s->z.next_out = (Bytef *)luaL_prepbuffsize(&out, s->step);
    s->z.avail_out = s->step;
    status = inflate(&s->z, Z_SYNC_FLUSH);
    luaL_addsize(&out, s->step - s->z.avail_out);
  } while (status == Z_OK && s->z.avail_out == 0);
  luaL_pushresult(&out);
  if (status == Z_OK || status == Z_BUF_ERROR)
    lua_pushliteral(L, "more");
  else if (status == Z_STREAM_END)
    lua_pushliteral(L, "end");
  else
    lua_pushstring(L, s->z.msg ? s->z.msg : zError(status));
  lua_pushinteger(L, s->z.avail_in);
  return 3;
}

static int reset_inflater(lua_State *L) {
  struct stream *s = luaL_checkudata(L, 1, INFLATER);
  inflateReset(&s->z);
  return 0;
}

static int free_inflater(lua_State *L) {
  struct stream *s = luaL_checkudata(L, 1, INFLATER);
  if (s->is_open) inflateEnd(&s->z);
  s->is_open = false;
  return 0;
}

int probe_open_zlib(lua_State *L) {
  static const luaL_Reg deflater[] = {
      {"deflate", run_deflate}, {"reset", reset_deflater}, {"__gc", free_deflater}, {NULL, NULL}};
  static const luaL_Reg inflater[] = {
      {"inflate", run_inflate}, {"reset", reset_inflater}, {"__gc", free_inflater}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"deflater", new_deflater}, {"inflater", new_inflater}, {NULL, NULL}};
  probe_add_class(L, DEFLATER, deflater);
  probe_add_class(L, INFLATER, inflater);
  luaL_newlib(L, functions);
  return 1;
}
