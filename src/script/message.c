// Values as messages. Runs in the Lua thread.

#include "script/message.h"

#include <lauxlib.h>
#include "script/args.h"
#include "script/json.h"
#include "script/runtime.h"
#include "script/task.h"
#include "script/webserver.h"
#include "ws/utf8.h"

enum {
  LENGTH_MAX = 1 << 30,      // of a message
  SCRATCH_MAX = 1024 * 1024, // what is kept of the scratch buffer between two messages
};

static struct message encode(lua_State *L, int index, const char *what);

static enum ws_opcode choose_opcode(lua_State *L, enum datatype data, int binary,
                                    const char *what) {
  int type = binary == 0 ? LUA_TNIL : lua_type(L, binary);
  if (type <= LUA_TNIL) return data == DATATYPE_BLOB ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
  if (type != LUA_TBOOLEAN)
    args_error(L, "%s: binary must be true or false, got %s", what, args_describe(L, binary));
  return lua_toboolean(L, binary) ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
}

static bool is_sendable(lua_State *L, int index, enum datatype data) {
  int type = lua_type(L, index);
  if (type == LUA_TTABLE) return true;
  if (data != DATATYPE_OBJECT) return false;
  if (type == LUA_TNUMBER || type == LUA_TBOOLEAN) return true;
  json_push_null(L);
  bool is_null = lua_rawequal(L, index, -1);
  lua_pop(L, 1);
  return is_null;
}

static void refuse(lua_State *L, int index, enum datatype data, const char *what) {
  const char *expected = data == DATATYPE_OBJECT
                             ? "a string, blob, table, number, boolean or luaws.null"
                             : "a string, blob or table";
  args_error(L, "%s: expected %s, got %s", what, expected, args_describe(L, index));
}

// What the callback has got as text has been checked by the reactor.
static bool is_text(lua_State *L, const struct message *m) {
  const struct task *t = runtime_of(L)->current;
  return (t && t->text == m->data) || ws_utf8_valid(m->data, m->length);
}

struct message message_read(lua_State *L, int index, enum datatype data, int binary,
                            const char *what) {
  struct message m;
  if (lua_type(L, index) == LUA_TSTRING) {
    m.data = lua_tolstring(L, index, &m.length);
    m.opcode = choose_opcode(L, data, binary, what);
    if (m.opcode == WS_OPCODE_TEXT && !is_text(L, &m))
      args_error(L,
                 "%s: the string is no valid UTF-8, which text must be (send it as binary, or "
                 "as luaws.blob)",
                 what);
  } else if ((m.data = json_to_blob(L, index, &m.length))) {
    m.opcode = WS_OPCODE_BINARY;
  } else if (is_sendable(L, index, data)) {
    m = encode(L, index, what);
  } else {
    refuse(L, index, data, what);
  }
  if (m.length > LENGTH_MAX) args_error(L, "%s: the message is larger than 1 GiB", what);
  return m;
}

void message_publish(struct runtime *rt, const struct wss *wss, const struct link *except,
                     struct span topic, const struct message *m) {
  uint64_t left_out = except ? except->handle : 0;
  for (unsigned i = webserver_first(rt, wss->web); i < webserver_last(rt, wss->web); i++)
    outgoing_publish(&rt->outgoing[i], wss->config->id, left_out, topic, m->opcode, m->data,
                     m->length);
}

static struct message encode(lua_State *L, int index, const char *what) {
  struct buf *text = &runtime_of(L)->text;
  if (text->cap > SCRATCH_MAX) buf_deinit(text);
  text->len = 0;
  if (json_encode(L, index, text) != 0)
    args_error(L, "%s: can't be sent as JSON: %s", what, lua_tostring(L, -1));
  return (struct message){WS_OPCODE_TEXT, text->data, text->len};
}
