// The WebSocket protocol core for specs: thin bindings over src/ws. Every buffer that C reads or
// writes here is a block of exactly its size from malloc, so that AddressSanitizer sees each step
// beyond it.

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "ws/close.h"
#include "ws/frame.h"
#include "ws/mask.h"
#include "ws/session.h"
#include "ws/utf8.h"

#include "probe.h"
#include "ws_portable.h"

#define SESSION "probe.ws.session"
#define CODEC   "probe.ws.codec"

struct probe_session {
  struct ws_session session;
  struct ws_limits limits;
};

static void *alloc_exactly(size_t size) {
  void *p = malloc(size > 0 ? size : 1);
  if (p == NULL) abort();
  return p;
}

static const uint8_t *opt_key(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return NULL;
  size_t n;
  const char *key = luaL_checklstring(L, index, &n);
  luaL_argcheck(L, n == 4, index, "four bytes expected");
  return (const uint8_t *)key;
}

static struct span opt_span(lua_State *L, int index) {
  struct span span = {"", 0};
  if (!lua_isnoneornil(L, index)) span.p = luaL_checklstring(L, index, &span.n);
  return span;
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void set_string(lua_State *L, const char *name, const char *p, size_t n) {
  lua_pushlstring(L, p, n);
  lua_setfield(L, -2, name);
}

static void push_header(lua_State *L, const struct ws_frame_header *h) {
  lua_newtable(L);
  set_integer(L, "length", (lua_Integer)h->length);
  set_integer(L, "opcode", h->opcode);
  set_boolean(L, "fin", h->fin);
  set_integer(L, "rsv", h->rsv);
  set_boolean(L, "masked", h->masked);
  set_string(L, "key", (const char *)h->key, sizeof h->key);
  set_integer(L, "size", h->size);
}

// parseFrame(bytes) -> result of ws_frame_parse ("invalid" for ERR_INVALID), header
static int parse_frame(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  uint8_t *copy = alloc_exactly(n);
  memcpy(copy, bytes, n);
  struct ws_frame_header h;
  int result = ws_frame_parse(copy, n, &h);
  free(copy);
  if (result == ERR_INVALID) {
    lua_pushliteral(L, "invalid");
  } else {
    lua_pushinteger(L, result);
  }
  push_header(L, &h);
  return 2;
}

// writeFrame(opcode, fin, rsv1, length [, key]) -> bytes
static int write_frame(lua_State *L) {
  uint8_t out[WS_FRAME_HEADER_MAX];
  size_t n = ws_frame_write(out, (enum ws_opcode)luaL_checkinteger(L, 1), lua_toboolean(L, 2),
                            lua_toboolean(L, 3), (uint64_t)luaL_checkinteger(L, 4), opt_key(L, 5));
  lua_pushlstring(L, (const char *)out, n);
  return 1;
}

// frameHeaderSize(length, masked) -> bytes
static int frame_header_size(lua_State *L) {
  uint64_t length = (uint64_t)luaL_checkinteger(L, 1);
  lua_pushinteger(L, (lua_Integer)ws_frame_header_size(length, lua_toboolean(L, 2)));
  return 1;
}

#define GUARD_SIZE 32
#define GUARD_BYTE 0xA5

static void *alloc_aligned(size_t size) {
  void *p;
  if (posix_memalign(&p, 64, size > 0 ? size : 1) != 0) abort();
  return p;
}

static bool is_guard(const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (p[i] != GUARD_BYTE) return false;
  }
  return true;
}

// What is there twice: as this machine runs it, and as one without vectors does. The functions
// below find theirs in their upvalue.
struct passes {
  bool (*mask_copy)(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t key[4],
                    uint64_t offset);
  bool (*utf8_feed)(struct ws_utf8 *u, const uint8_t *p, size_t n);
  bool (*utf8_valid)(const void *p, size_t n);
};

static struct passes here = {ws_mask_copy, ws_utf8_feed, ws_utf8_valid};
static struct passes portable = {ws_portable_mask_copy, ws_portable_utf8_feed,
                                 ws_portable_utf8_valid};

static const struct passes *get_passes(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

// mask(data, key, offset, from [, to]) -> data, isAscii. Reads `from` bytes, and writes `to` bytes,
// behind a boundary of 64; without `to` in place. Raises when anything beside the destination is
// touched.
static int mask(lua_State *L) {
  struct span data = opt_span(L, 1);
  const uint8_t *key = opt_key(L, 2);
  uint64_t offset = (uint64_t)luaL_checkinteger(L, 3);
  size_t from = (size_t)luaL_checkinteger(L, 4);
  size_t to = (size_t)luaL_optinteger(L, 5, (lua_Integer)from);
  void *source = alloc_aligned(from + data.n);
  void *target = alloc_aligned(to + data.n + GUARD_SIZE);
  uint8_t *src = (uint8_t *)source + from;
  uint8_t *dst = (uint8_t *)target + to;
  memset(target, GUARD_BYTE, to + data.n + GUARD_SIZE);
  bool in_place = lua_isnoneornil(L, 5);
  memcpy(in_place ? dst : src, data.p, data.n);
  bool is_ascii = get_passes(L)->mask_copy(dst, in_place ? dst : src, data.n, key, offset);
  lua_pushlstring(L, (const char *)dst, data.n);
  lua_pushboolean(L, is_ascii);
  bool is_clean = is_guard(target, to) && is_guard(dst + data.n, GUARD_SIZE);
  free(source);
  free(target);
  return is_clean ? 2 : luaL_error(L, "written beside the destination");
}

// utf8(piece, ...) -> the number of the piece that was refused or nil, whether the text may end
static int feed_utf8(lua_State *L) {
  struct ws_utf8 u = {0};
  int pieces = lua_gettop(L);
  for (int i = 1; i <= pieces; i++) {
    struct span piece = opt_span(L, i);
    uint8_t *copy = alloc_exactly(piece.n);
    memcpy(copy, piece.p, piece.n);
    bool is_good = get_passes(L)->utf8_feed(&u, copy, piece.n);
    free(copy);
    if (is_good) continue;
    lua_pushinteger(L, i);
    return 1;
  }
  lua_pushnil(L);
  lua_pushboolean(L, ws_utf8_is_complete(&u));
  return 2;
}

// utf8Valid(text) -> boolean
static int utf8_valid(lua_State *L) {
  struct span text = opt_span(L, 1);
  uint8_t *copy = alloc_exactly(text.n);
  memcpy(copy, text.p, text.n);
  lua_pushboolean(L, get_passes(L)->utf8_valid(copy, text.n));
  free(copy);
  return 1;
}

static int close_code_is_valid(lua_State *L) {
  lua_pushboolean(L, ws_close_code_is_valid((unsigned)luaL_checkinteger(L, 1)));
  return 1;
}

static int close_code_is_for_scripts(lua_State *L) {
  lua_pushboolean(L, ws_close_code_is_for_scripts(luaL_checkinteger(L, 1)));
  return 1;
}

// parseClose(body) -> code, reason; or nil, "invalid" or "utf8"
static int parse_close(lua_State *L) {
  struct span body = opt_span(L, 1);
  uint8_t *copy = alloc_exactly(body.n);
  memcpy(copy, body.p, body.n);
  unsigned code;
  struct span reason;
  int result = ws_close_parse(copy, body.n, &code, &reason);
  if (result == 0) {
    lua_pushinteger(L, code);
    lua_pushlstring(L, reason.p, reason.n);
  } else {
    lua_pushnil(L);
    lua_pushstring(L, result == ERR_CLOSE_REASON_UTF8 ? "utf8" : "invalid");
  }
  free(copy);
  return 2;
}

// writeClose(code [, reason]) -> body
static int write_close(lua_State *L) {
  uint8_t out[WS_CONTROL_MAX];
  size_t n = ws_close_write(out, (unsigned)luaL_checkinteger(L, 1), opt_span(L, 2));
  lua_pushlstring(L, (const char *)out, n);
  return 1;
}

// codec() -> codec
static int new_codec(lua_State *L) {
  struct ws_codec **codec = lua_newuserdatauv(L, sizeof(struct ws_codec *), 0);
  *codec = ws_codec_new();
  luaL_setmetatable(L, CODEC);
  return 1;
}

static struct ws_codec *check_codec(lua_State *L, int index) {
  return *(struct ws_codec **)luaL_checkudata(L, index, CODEC);
}

static int collect_codec(lua_State *L) {
  ws_codec_free(check_codec(L, 1));
  return 0;
}

// codec:state() -> messages compressed, messages decompressed, bytes of frames held
static int codec_state(lua_State *L) {
  const struct ws_codec *codec = check_codec(L, 1);
  lua_pushinteger(L, (lua_Integer)ws_codec_deflated(codec));
  lua_pushinteger(L, (lua_Integer)ws_codec_inflated(codec));
  lua_pushinteger(L, (lua_Integer)ws_codec_held(codec));
  return 3;
}

static int release_codec(lua_State *L) {
  ws_codec_release(check_codec(L, 1));
  return 0;
}

// The integer field `name` of the table at `index`.
static lua_Integer get_integer(lua_State *L, int index, const char *name, lua_Integer otherwise) {
  lua_getfield(L, index, name);
  lua_Integer value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

static bool get_boolean(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

// { codec =, outBits = 15, inBits = 15, outTakeover = false, inTakeover = false, level = 6,
// memLevel = 8, threshold = 0 }. The session at -1 keeps the codec.
static void use_deflate(lua_State *L, struct ws_session *s, int index) {
  struct ws_deflate_params params = {
      .threshold = (uint64_t)get_integer(L, index, "threshold", 0),
      .out_bits = (uint8_t)get_integer(L, index, "outBits", 15),
      .in_bits = (uint8_t)get_integer(L, index, "inBits", 15),
      .out_takeover = get_boolean(L, index, "outTakeover"),
      .in_takeover = get_boolean(L, index, "inTakeover"),
      .level = (uint8_t)get_integer(L, index, "level", 6),
      .mem_level = (uint8_t)get_integer(L, index, "memLevel", 8),
  };
  lua_getfield(L, index, "codec");
  struct ws_codec *codec = check_codec(L, -1);
  lua_setiuservalue(L, -2, 1);
  ws_session_compress(s, ws_deflate_new(codec, &params));
}

// session(role [, maxPayload [, maxFragments [, deflate]]]) -> session; role: "server" or "client"
static int new_session(lua_State *L) {
  static const char *const roles[] = {"server", "client", NULL};
  int role = luaL_checkoption(L, 1, NULL, roles);
  struct ws_limits limits = {(uint64_t)luaL_optinteger(L, 2, 1 << 20),
                             (uint32_t)luaL_optinteger(L, 3, 16384)};
  struct probe_session *p = lua_newuserdatauv(L, sizeof *p, 1);
  p->limits = limits;
  ws_session_init(&p->session, role == 0 ? WS_ROLE_SERVER : WS_ROLE_CLIENT, &p->limits);
  luaL_setmetatable(L, SESSION);
  if (lua_istable(L, 4)) use_deflate(L, &p->session, 4);
  return 1;
}

static struct probe_session *check_session(lua_State *L) {
  return luaL_checkudata(L, 1, SESSION);
}

static int collect_session(lua_State *L) {
  ws_session_deinit(&check_session(L)->session);
  return 0;
}

// The event as a table; of its fields only those that its type has.
static void push_event(lua_State *L, const struct ws_event *event) {
  static const char *const types[] = {"message", "ping", "pong", "close", "fail"};
  lua_newtable(L);
  lua_pushstring(L, types[event->type]);
  lua_setfield(L, -2, "type");
  switch (event->type) {
  case WS_EVENT_MESSAGE: set_boolean(L, "isBinary", event->is_binary); break;
  case WS_EVENT_CLOSE:
    set_integer(L, "code", event->code); // and its reason
  // fall through
  case WS_EVENT_PING:
  case WS_EVENT_PONG: set_string(L, "data", event->data.p, event->data.n); break;
  case WS_EVENT_FAIL:
    set_integer(L, "code", event->code);
    set_string(L, "cause", event->cause, strlen(event->cause));
    break;
  }
}

// Takes the message that was announced, or skips it. Pushes its event, or the failure.
static void push_message(lua_State *L, struct ws_session *s, struct ws_input *in,
                         struct ws_event *event, bool skip) {
  size_t length = event->length;
  if (skip) {
    ws_session_skip(s, in);
    push_event(L, event);
    return;
  }
  uint8_t *dst = alloc_exactly(length);
  bool is_good = ws_session_take(s, in, dst, event);
  push_event(L, event);
  if (is_good) set_string(L, "data", (const char *)dst, length);
  free(dst);
}

// session:feed(bytes [, skip]) -> array of events, allocations made by the core, bytes left over
static int feed_session(lua_State *L) {
  struct ws_session *s = &check_session(L)->session;
  struct span bytes = opt_span(L, 2);
  bool skip = lua_toboolean(L, 3);
  uint8_t *copy = alloc_exactly(bytes.n);
  memcpy(copy, bytes.p, bytes.n);
  struct ws_input in = {copy, bytes.n};
  uint64_t allocations = mem_count();
  struct ws_event event;
  lua_newtable(L);
  for (lua_Integer i = 1; ws_session_next(s, &in, &event); i++) {
    if (event.type == WS_EVENT_MESSAGE) {
      push_message(L, s, &in, &event, skip);
    } else {
      push_event(L, &event);
    }
    lua_rawseti(L, -2, i);
  }
  free(copy);
  lua_pushinteger(L, (lua_Integer)(mem_count() - allocations));
  lua_pushinteger(L, (lua_Integer)in.n);
  return 3;
}

static int push_frame(lua_State *L, const uint8_t *out, size_t n) {
  if (n == 0) {
    lua_pushnil(L);
  } else {
    lua_pushlstring(L, (const char *)out, n);
  }
  return 1;
}

// session:ping([data [, key]]), pong -> frame, or nil once a close frame has been sent
static int ping_session(lua_State *L) {
  uint8_t out[WS_CONTROL_FRAME_MAX];
  struct ws_session *s = &check_session(L)->session;
  return push_frame(L, out, ws_session_ping(s, out, opt_span(L, 2), opt_key(L, 3)));
}

static int pong_session(lua_State *L) {
  uint8_t out[WS_CONTROL_FRAME_MAX];
  struct ws_session *s = &check_session(L)->session;
  return push_frame(L, out, ws_session_pong(s, out, opt_span(L, 2), opt_key(L, 3)));
}

// session:close(code [, reason [, key]]) -> frame, or nil when one has been sent
static int close_session(lua_State *L) {
  uint8_t out[WS_CONTROL_FRAME_MAX];
  struct ws_session *s = &check_session(L)->session;
  unsigned code = (unsigned)luaL_checkinteger(L, 2);
  return push_frame(L, out, ws_session_close(s, out, code, opt_span(L, 3), opt_key(L, 4)));
}

// session:deflate(opcode, payload [, key]) -> frame, or nil: send it as it is
static int deflate_message(lua_State *L) {
  struct ws_session *s = &check_session(L)->session;
  struct ws_deflate *d = ws_session_deflate(s);
  struct span payload = opt_span(L, 3), frame;
  char *copy = alloc_exactly(payload.n);
  memcpy(copy, payload.p, payload.n);
  bool is_made = ws_deflate_wants(d, payload.n) &&
                 ws_deflate_frame(d, (enum ws_opcode)luaL_checkinteger(L, 2),
                                  (struct span){copy, payload.n}, opt_key(L, 4), &frame);
  free(copy);
  return push_frame(L, is_made ? (const uint8_t *)frame.p : NULL, is_made ? frame.n : 0);
}

// session:state() -> isMidway, isClosed, bytes of buffers held
static int session_state(lua_State *L) {
  const struct ws_session *s = &check_session(L)->session;
  lua_pushboolean(L, ws_session_is_midway(s));
  lua_pushboolean(L, ws_session_is_closed(s));
  size_t held = s->midway ? sizeof *s->midway + s->midway->partial.cap : 0;
  if (s->compresses) held += ws_deflate_held(ws_session_deflate(s));
  lua_pushinteger(L, (lua_Integer)held);
  return 3;
}

static const luaL_Reg functions[] = {
    {"parseFrame", parse_frame},
    {"writeFrame", write_frame},
    {"frameHeaderSize", frame_header_size},
    {"closeCodeIsValid", close_code_is_valid},
    {"closeCodeIsForScripts", close_code_is_for_scripts},
    {"parseClose", parse_close},
    {"writeClose", write_close},
    {"session", new_session},
    {"codec", new_codec},
    {NULL, NULL},
};

static const luaL_Reg pass_functions[] = {
    {"mask", mask},
    {"utf8", feed_utf8},
    {"utf8Valid", utf8_valid},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"feed", feed_session},    {"ping", ping_session},
    {"pong", pong_session},    {"close", close_session},
    {"state", session_state},  {"deflate", deflate_message},
    {"__gc", collect_session}, {NULL, NULL},
};

static const luaL_Reg codec_methods[] = {
    {"state", codec_state}, {"release", release_codec}, {"__gc", collect_codec}, {NULL, NULL}};

int probe_open_ws(lua_State *L) {
  probe_add_class(L, SESSION, methods);
  probe_add_class(L, CODEC, codec_methods);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, &here);
  luaL_setfuncs(L, pass_functions, 1);
  luaL_newlibtable(L, pass_functions);
  lua_pushlightuserdata(L, &portable);
  luaL_setfuncs(L, pass_functions, 1);
  lua_setfield(L, -2, "portable");
  set_integer(L, "sessionSize", sizeof(struct ws_session));
  return 1;
}
