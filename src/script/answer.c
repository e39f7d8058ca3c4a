// Answers of handlers: first checked, in the task; then written into a command, at the top of the
// loop. Runs in the Lua thread.

#include "script/answer.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "http/response.h"
#include "http/token.h"
#include "script/args.h"
#include "script/connection.h"
#include "script/headers.h"
#include "script/json.h"
#include "script/task.h"

#define TEXT_TYPE "Content-Type: text/plain; charset=utf-8\r\n"
#define BLOB_TYPE "Content-Type: application/octet-stream\r\n"

enum { STATUS_OK = 200, STATUS_FORBIDDEN = 403, REFUSAL_MIN = 300, STATUS_MAX = 599 };

static int check_connection(lua_State *L);
static int check_response(lua_State *L);

void answer_open(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {
      {"checkConnection", check_connection}, {"checkResponse", check_response}, {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}

static void push_respond(struct batch *b, enum command_type type, uint64_t handle, unsigned status,
                         struct span lines, struct span body) {
  size_t length = sizeof(struct command_respond) + lines.n + body.n;
  struct record *r = batch_push(b, type, handle, length);
  struct command_respond *command = (struct command_respond *)r->payload;
  *command = (struct command_respond){
      .status = status, .headers_length = (uint32_t)lines.n, .body_length = (uint32_t)body.n};
  char *at = (char *)(command + 1);
  memcpy(at, lines.p, lines.n);
  memcpy(at + lines.n, body.p, body.n);
}

static struct span get_string(lua_State *L, int index) {
  struct span s;
  s.p = lua_tolstring(L, index, &s.n);
  return s;
}

void answer_push(struct batch *b, enum command_type type, uint64_t handle, lua_State *L,
                 int index) {
  push_respond(b, type, handle, (unsigned)lua_tointeger(L, index), get_string(L, index + 1),
               get_string(L, index + 2));
}

void answer_push_status(struct batch *b, enum command_type type, uint64_t handle, int status) {
  char body[64];
  int n = snprintf(body, sizeof body, "%s\n", http_status_text(status));
  push_respond(b, type, handle, (unsigned)status, SPAN(TEXT_TYPE), (struct span){body, (size_t)n});
}

void answer_push_accept(struct batch *b, uint64_t handle, lua_State *L, int index) {
  struct span protocol = get_string(L, index), lines = get_string(L, index + 1);
  size_t length = sizeof(struct command_accept) + protocol.n + lines.n;
  struct record *r = batch_push(b, COMMAND_ACCEPT, handle, length);
  struct command_accept *command = (struct command_accept *)r->payload;
  *command = (struct command_accept){.protocol_length = (uint32_t)protocol.n,
                                     .headers_length = (uint32_t)lines.n};
  memcpy(command + 1, protocol.p, protocol.n);
  memcpy((char *)(command + 1) + protocol.n, lines.p, lines.n);
}

// Checks -----------------------------------------------------------------------------------------

static int fail(lua_State *L, const char *format, ...) {
  struct task *t = runtime_of(L)->current;
  if (t) t->error_code = ERR_CODE_BAD_ANSWER;
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  return lua_error(L);
}

static void check_keys(lua_State *L, int index, const char *what, const char *const *known) {
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    bool is_known = false;
    for (int i = 0; key && known[i] && !is_known; i++)
      is_known = strcmp(key, known[i]) == 0;
    if (!is_known) fail(L, "%s: unknown field %s", what, args_describe(L, -2));
  }
}

struct lines {
  struct buf *text;
  bool has_type;
};

static void add_line(void *context, struct span name, struct span value) {
  struct lines *lines = context;
  if (span_eq_nocase(name, SPAN("content-type"))) lines->has_type = true;
  http_response_header(lines->text, name, value);
}

// Pushes the lines for the field `headers` of the table at `index`. *has_type: Content-Type is
// among them.
static void push_lines(lua_State *L, int index, const char *what, bool *has_type) {
  struct lines lines = {.text = &runtime_of(L)->text};
  lines.text->len = 0;
  struct headers_reader reader = {.what = what,
                                  .is_reserved = http_header_is_reserved,
                                  .fail = fail,
                                  .add = add_line,
                                  .context = &lines};
  lua_getfield(L, index, "headers");
  headers_read(L, -1, &reader);
  lua_pop(L, 1);
  *has_type = lines.has_type;
  lua_pushlstring(L, lines.text->data ? lines.text->data : "", lines.text->len);
}

// Pushes lines and body, completed: the body at `index` is a string or a blob, nil gives the text
// of `status`.
static void push_body(lua_State *L, int index, const char *what, int status, const char *lines,
                      bool has_type) {
  size_t length = 0;
  const char *body = NULL;
  const char *type = TEXT_TYPE;
  if (lua_isnoneornil(L, index)) {
    bool has_text = status >= REFUSAL_MIN && http_status_has_body(status);
    body = has_text ? lua_pushfstring(L, "%s\n", http_status_text(status)) : "";
    length = strlen(body);
  } else if (lua_type(L, index) == LUA_TSTRING) {
    body = lua_tolstring(L, index, &length);
  } else {
    body = json_to_blob(L, index, &length);
    type = BLOB_TYPE;
  }
  if (!body) fail(L, "%s: body must be a string or a blob, got %s", what, args_describe(L, index));
  if (length > 0 && !http_status_has_body(status))
    fail(L, "%s: an answer with status %d has no body", what, status);
  lua_pushfstring(L, "%s%s", lines, has_type || length == 0 ? "" : type);
  lua_pushlstring(L, body, length);
}

static int check_status(lua_State *L, int index, const char *what, int min, int fallback) {
  if (lua_isnil(L, index)) return fallback;
  int is_integer;
  lua_Integer status = lua_tointegerx(L, index, &is_integer);
  if (!is_integer || lua_type(L, index) != LUA_TNUMBER || status < min || status > STATUS_MAX)
    fail(L, "%s: status must be an integer from %d to %d, got %s", what, min, STATUS_MAX,
         args_describe(L, index));
  return (int)status;
}

// Pushes status, lines and body out of the table at `index`.
static void push_table_response(lua_State *L, int index, const char *what, int min, int fallback) {
  static const char *const KEYS[] = {"status", "headers", "body", NULL};
  check_keys(L, index, what, KEYS);
  lua_getfield(L, index, "status");
  int status = check_status(L, -1, what, min, fallback);
  lua_getfield(L, index, "body");
  int body = lua_gettop(L);
  bool has_type;
  push_lines(L, index, what, &has_type);
  push_body(L, body, what, status, lua_tostring(L, -1), has_type);
  lua_pushinteger(L, status);
  lua_insert(L, -3);
}

static void push_simple_response(lua_State *L, int status, int body, const char *what) {
  push_body(L, body, what, status, "", false);
  lua_pushinteger(L, status);
  lua_insert(L, -3);
}

static int refuse(lua_State *L) {
  static const char WHAT[] = "onConnection's refusal";
  lua_settop(L, 3);
  if (lua_istable(L, 2))
    push_table_response(L, 2, WHAT, REFUSAL_MIN, STATUS_FORBIDDEN);
  else
    push_simple_response(L, check_status(L, 2, WHAT, REFUSAL_MIN, STATUS_FORBIDDEN), 3, WHAT);
  lua_pushnil(L);
  lua_insert(L, -4);
  return 4;
}

// Pushes the chosen subprotocol, which must be one that the client has offered.
static void push_protocol(lua_State *L, const struct connection *c) {
  lua_getfield(L, 2, "protocol");
  if (lua_isnil(L, -1)) {
    lua_pushstring(L, connection_protocol(c));
    lua_remove(L, -2);
    return;
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    fail(L, "onConnection: protocol must be a string, got %s", args_describe(L, -1));
  struct span wanted = get_string(L, -1);
  struct span rest = span_of(connection_offered(c)), offered;
  while (http_token_next(&rest, &offered)) {
    if (offered.n > 0 && span_eq(offered, wanted)) return;
  }
  fail(L, "onConnection chose the protocol '%s', which the client has not offered", wanted.p);
}

static int take_handler(lua_State *L, const struct connection *c) {
  static const char *const KEYS[] = {"protocol", "headers", NULL};
  lua_settop(L, 2);
  lua_getfield(L, 1, "onMessage");
  if (!args_is_callable(L, -1))
    fail(L, "onConnection returned a table without a function onMessage");
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  if (!lua_istable(L, 2))
    fail(L, "onConnection: beside the handler a table with protocol or headers is expected, got %s",
         args_describe(L, 2));
  check_keys(L, 2, "onConnection", KEYS);
  bool has_type;
  lua_pushvalue(L, 1);
  push_protocol(L, c);
  push_lines(L, 2, "onConnection", &has_type);
  return 3;
}

static int check_connection(lua_State *L) {
  const struct task *t = runtime_of(L)->current;
  if (lua_istable(L, 1)) return take_handler(L, connection_of(t->link));
  if (lua_isnoneornil(L, 1)) return refuse(L);
  return fail(L, "onConnection must return a handler (a table with onMessage) or nil, got %s",
              args_describe(L, 1));
}

static int check_response(lua_State *L) {
  static const char WHAT[] = "onRequest's response";
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) return 1;
  if (lua_istable(L, 1))
    push_table_response(L, 1, WHAT, STATUS_OK, STATUS_OK);
  else if (lua_type(L, 1) == LUA_TSTRING || json_to_blob(L, 1, &(size_t){0}))
    push_simple_response(L, STATUS_OK, 1, WHAT);
  else
    return fail(L, "onRequest must return a table, a string or nil, got %s", args_describe(L, 1));
  lua_pushboolean(L, 1);
  lua_insert(L, -4);
  return 4;
}
