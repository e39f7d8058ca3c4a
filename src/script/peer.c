// The client that a test plays. Runs in the Lua thread, at the top of the loop but for what it
// sends.

#include "script/peer.h"

#include <lauxlib.h>
#include <string.h>
#include "base/mem.h"
#include "script/connection.h"
#include "script/json.h"
#include "script/wired.h"
#include "script/wss.h"

// Anybody may know the mask: there is no network whose proxies could be confused.
static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

static const struct http_deflate_policy POLICY = {.window_bits = 15, .context_takeover = true};

enum { MESSAGE_MAX = 1 << 30 };

// Sending -----------------------------------------------------------------------------------------

static void send_masked(struct peer *p, const uint8_t *head, size_t head_size,
                        struct span payload) {
  struct buf frame;
  buf_init(&frame, SIZE_MAX);
  buf_append(&frame, head, head_size);
  char *at = payload.n > 0 ? buf_reserve(&frame, payload.n) : NULL;
  for (size_t i = 0; i < payload.n; i++)
    at[i] = (char)(payload.p[i] ^ MASK[i % 4]);
  frame.len += payload.n;
  duplex_send(p->duplex, frame.data, frame.len);
  buf_deinit(&frame);
}

void peer_send_frame(struct peer *p, uint8_t first, bool is_masked, struct span payload) {
  uint8_t head[WS_FRAME_HEADER_MAX];
  size_t size =
      ws_frame_write(head, WS_OPCODE_TEXT, true, false, payload.n, is_masked ? MASK : NULL);
  head[0] = first;
  if (is_masked) {
    send_masked(p, head, size, payload);
    return;
  }
  duplex_send(p->duplex, head, size);
  duplex_send(p->duplex, payload.p, payload.n);
}

bool peer_send(struct peer *p, enum ws_opcode opcode, struct span data) {
  if (p->state != PEER_OPEN || p->session.close_sent) return false;
  struct span frame;
  if (p->session.compresses) {
    struct ws_deflate *deflate = ws_session_deflate(&p->session);
    if (ws_deflate_wants(deflate, data.n) &&
        ws_deflate_frame(deflate, opcode, data, MASK, &frame)) {
      duplex_send(p->duplex, frame.p, frame.n);
      ws_codec_release(deflate->codec);
      return true;
    }
  }
  peer_send_frame(p, 0x80 | (uint8_t)opcode, true, data);
  return true;
}

bool peer_close(struct peer *p, unsigned code, struct span reason) {
  uint8_t frame[WS_CONTROL_FRAME_MAX];
  if (p->state != PEER_OPEN) return false;
  size_t size = ws_session_close(&p->session, frame, code, reason, MASK);
  if (size == 0) return false;
  duplex_send(p->duplex, frame, size);
  p->close_code = (uint16_t)code;
  return true;
}

static void pong(struct peer *p, struct span data) {
  uint8_t frame[WS_CONTROL_FRAME_MAX];
  size_t size = ws_session_pong(&p->session, frame, data, MASK);
  if (size > 0) duplex_send(p->duplex, frame, size);
}

// The end -----------------------------------------------------------------------------------------

// How it has ended: the first word counts.
static void note_end(lua_State *L, struct peer *p, unsigned code, struct span reason,
                     bool was_clean, int index) {
  if (p->state == PEER_OPEN) ws_session_deinit(&p->session);
  p->state = PEER_CLOSED;
  if (lua_getiuservalue(L, index, PEER_END) != LUA_TTABLE) {
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, code);
    lua_setfield(L, -2, "code");
    if (reason.n > 0) {
      lua_pushlstring(L, reason.p, reason.n);
      lua_setfield(L, -2, "reason");
    }
    lua_pushboolean(L, was_clean);
    lua_setfield(L, -2, "wasClean");
    lua_setiuservalue(L, index, PEER_END);
  }
  lua_pop(L, 1);
}

static const struct span NO_REASON = {NULL, 0};

// Its side of the socket is closed, too.
static void leave(struct peer *p) {
  if (p->duplex->has_ended) return;
  p->duplex->has_ended = true;
  duplex_tell(p->duplex);
}

void peer_lose(lua_State *L, struct peer *p, int index) {
  p->duplex->is_reset = true;
  duplex_tell(p->duplex);
  if (p->state != PEER_CLOSED) note_end(L, p, WS_CLOSE_ABNORMAL, NO_REASON, false, index);
}

// What comes
// ----------------------------------------------------------------------------------------

// Pushes a new frame's record, which is the last one of its array.
static void push_frame(lua_State *L, int index, const char *type) {
  lua_getiuservalue(L, index, PEER_FRAMES);
  lua_createtable(L, 0, 3);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, (lua_Integer)lua_rawlen(L, -3) + 1);
  lua_remove(L, -2);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "type");
}

static void set_string(lua_State *L, const char *name, struct span text) {
  lua_pushlstring(L, text.n > 0 ? text.p : "", text.n);
  lua_setfield(L, -2, name);
}

// The text of a message is on top; leaves what the test shall see of it.
static void decode(lua_State *L, const struct peer *p) {
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (!p->decodes) return;
  if (json_decode(L, text, length))
    lua_remove(L, -2);
  else
    lua_pop(L, 1); // no JSON: the string itself
}

static void on_message(lua_State *L, struct peer *p, int index, struct ws_input *in,
                       struct ws_event *e) {
  unsigned char *data = mem_alloc(e->length);
  bool is_binary = e->is_binary;
  if (!ws_session_take(&p->session, in, data, e)) {
    mem_free(data);
    return; // e has become a failure
  }
  push_frame(L, index, "message");
  lua_pushlstring(L, (const char *)data, e->length);
  mem_free(data);
  lua_pushboolean(L, is_binary);
  lua_setfield(L, -3, "isBinary");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "data");
  decode(L, p);
  lua_getiuservalue(L, index, PEER_SENT);
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1) + 1;
  lua_insert(L, -2);
  lua_rawseti(L, -2, n);
  lua_getiuservalue(L, index, PEER_KINDS);
  lua_pushboolean(L, is_binary);
  lua_rawseti(L, -2, n);
  lua_pop(L, 3);
}

static void on_control(lua_State *L, int index, const char *type, struct span data) {
  push_frame(L, index, type);
  set_string(L, "data", data);
  lua_pop(L, 1);
}

static void on_close(lua_State *L, struct peer *p, int index, const struct ws_event *e) {
  push_frame(L, index, "close");
  lua_pushinteger(L, e->code);
  lua_setfield(L, -2, "code");
  if (e->data.n > 0) set_string(L, "reason", e->data);
  lua_pop(L, 1);
  bool was_first = p->close_code == 0; // the code of the close begun first counts
  if (!p->is_silent) peer_close(p, e->code, NO_REASON);
  if (!ws_session_is_closed(&p->session)) return;
  note_end(L, p, was_first ? e->code : p->close_code, e->data, true, index);
}

// luaws itself has broken the protocol.
static void on_fail(lua_State *L, struct peer *p, int index, const struct ws_event *e) {
  push_frame(L, index, "failure");
  lua_pushinteger(L, e->code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, e->cause);
  lua_setfield(L, -2, "reason");
  lua_pop(L, 1);
  peer_lose(L, p, index);
}

static void take_frames(lua_State *L, struct peer *p, int index, struct ws_input *in) {
  struct ws_event e;
  while (p->state == PEER_OPEN && ws_session_next(&p->session, in, &e)) {
    if (e.type == WS_EVENT_MESSAGE) on_message(L, p, index, in, &e);
    switch (e.type) {
    case WS_EVENT_MESSAGE: break;
    case WS_EVENT_PING:
      on_control(L, index, "ping", e.data);
      if (!p->is_silent) pong(p, e.data);
      break;
    case WS_EVENT_PONG: on_control(L, index, "pong", e.data); break;
    case WS_EVENT_CLOSE: on_close(L, p, index, &e); break;
    case WS_EVENT_FAIL: on_fail(L, p, index, &e); break;
    }
  }
}

// The answer to its request -----------------------------------------------------------------------

static void push_headers(lua_State *L, const struct http_reply *reply) {
  const struct http_header *headers = http_reply_headers(reply);
  lua_newtable(L);
  for (size_t i = 0; i < http_reply_header_count(reply); i++) {
    luaL_Buffer name;
    char *at = luaL_buffinitsize(L, &name, headers[i].name.n);
    for (size_t j = 0; j < headers[i].name.n; j++) {
      char c = headers[i].name.p[j];
      at[j] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    luaL_pushresultsize(&name, headers[i].name.n);
    lua_pushlstring(L, headers[i].value.p, headers[i].value.n);
    lua_rawset(L, -3);
  }
}

static void note_answer(lua_State *L, const struct peer *p, int index) {
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, http_reply_status(p->reply));
  lua_setfield(L, -2, "status");
  push_headers(L, p->reply);
  lua_setfield(L, -2, "headers");
  set_string(L, "body", http_reply_body(p->reply));
  lua_setiuservalue(L, index, PEER_ANSWER);
}

static void start_session(struct runtime *rt, struct peer *p) {
  struct http_deflate agreed;
  bool is_on = false;
  http_deflate_check(http_reply_headers(p->reply), http_reply_header_count(p->reply),
                     p->compresses ? &POLICY : NULL, &agreed, &is_on);
  p->limits = (struct ws_limits){.max_payload = MESSAGE_MAX, .max_fragments = UINT32_MAX};
  ws_session_init(&p->session, WS_ROLE_CLIENT, &p->limits);
  p->state = PEER_OPEN;
  if (!is_on) return;
  struct ws_deflate_params params = {.threshold = 1,
                                     .out_bits = agreed.client_bits,
                                     .in_bits = agreed.server_bits,
                                     .out_takeover = agreed.client_takeover,
                                     .in_takeover = agreed.server_takeover,
                                     .level = 6,
                                     .mem_level = 8};
  ws_session_compress(&p->session, ws_deflate_new(wired_codec(rt->wired), &params));
}

static void judge(struct runtime *rt, struct peer *p, int index) {
  note_answer(rt->L, p, index);
  if (http_reply_status(p->reply) == 101) {
    start_session(rt, p);
    return;
  }
  note_end(rt->L, p, WS_CLOSE_ABNORMAL, NO_REASON, false, index);
  leave(p);
}

static void take_answer(struct runtime *rt, struct peer *p, int index, struct ws_input *in) {
  size_t used = 0;
  enum http_progress progress = http_reply_feed(p->reply, (const char *)in->p, in->n, &used);
  if (progress == HTTP_COMPLETE)
    judge(rt, p, index);
  else if (progress == HTTP_BAD)
    peer_lose(rt->L, p, index);
  in->p += used;
  in->n -= used;
}

static void take_bytes(struct runtime *rt, struct peer *p, int index) {
  size_t n;
  char *bytes = buf_take(&p->duplex->out, &n);
  struct ws_input in = {(const uint8_t *)bytes, n};
  if (p->state == PEER_OPENING) take_answer(rt, p, index, &in);
  if (p->state == PEER_OPEN) take_frames(rt->L, p, index, &in);
  mem_free(bytes);
}

static void note_eof(struct runtime *rt, struct peer *p, int index) {
  bool is_answer = p->state == PEER_OPENING && http_reply_has_begun(p->reply) &&
                   http_reply_end(p->reply) == HTTP_COMPLETE;
  if (is_answer) judge(rt, p, index);
  if (p->state != PEER_CLOSED) note_end(rt->L, p, WS_CLOSE_ABNORMAL, NO_REASON, false, index);
  leave(p);
}

// The connection that the server has made of it, as soon as there is one.
static void find_connection(struct runtime *rt, struct peer *p, int index) {
  for (struct list *i = rt->wsses.next; i != &rt->wsses; i = i->next) {
    struct wss *wss = LIST_ENTRY(i, struct wss, node);
    for (struct list *j = wss->connections.next; j != &wss->connections; j = j->next) {
      const struct link *link = &LIST_ENTRY(j, struct connection, node)->link;
      if (link->id != p->duplex->id || link->state == LINK_CONNECTING) continue;
      link_push(rt->L, link);
      lua_setiuservalue(rt->L, index, PEER_CONNECTION);
      p->has_connection = true;
      return;
    }
  }
}

bool peer_look(struct runtime *rt, struct peer *p) {
  lua_State *L = rt->L;
  struct duplex *d = p->duplex;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->ref);
  int index = lua_gettop(L);
  bool has_news = false;
  if (!p->has_connection && d->id != 0) find_connection(rt, p, index);
  if (d->out.len > 0 && !d->is_choked) {
    take_bytes(rt, p, index);
    has_news = true;
  }
  bool is_over = d->is_closed && (d->was_reset || !d->is_choked);
  if ((is_over || (d->is_finished && !d->is_choked)) && !d->has_ended && !d->is_reset) {
    note_eof(rt, p, index);
    has_news = true;
  }
  lua_pop(L, 1);
  if (is_over) {
    list_remove(&p->node);
    luaL_unref(L, LUA_REGISTRYINDEX, p->ref);
    p->ref = LUA_NOREF;
  }
  return has_news;
}

// Making one --------------------------------------------------------------------------------------

struct peer *peer_new(lua_State *L, uint64_t web, const struct duplex_client *client,
                      struct span head) {
  struct wired *w = runtime_of(L)->wired;
  struct peer *p = object_new(L, &PEER_CLASS, sizeof *p, PEER_USER_VALUES);
  list_init(&p->node);
  p->ref = LUA_NOREF;
  p->duplex = duplex_new();
  p->reply = http_reply_new();
  static const int TABLES[] = {PEER_SENT, PEER_KINDS, PEER_FRAMES};
  for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
    lua_newtable(L);
    lua_setiuservalue(L, -2, TABLES[i]);
  }
  if (!wired_connect(w, web, p->duplex, client)) return NULL;
  duplex_send(p->duplex, head.p, head.n);
  lua_pushvalue(L, -1);
  p->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  list_push(wired_peers(w), &p->node);
  return p;
}

void peer_write_offer(char offer[HTTP_DEFLATE_OFFER_MAX]) {
  http_deflate_offer(&POLICY, offer);
}

void peer_deinit(struct peer *p) {
  list_remove(&p->node);
  if (p->state == PEER_OPEN) ws_session_deinit(&p->session);
  http_reply_free(p->reply);
  if (p->duplex) duplex_release(p->duplex);
}
