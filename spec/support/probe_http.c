// probe.http: src/http for the specs, function by function. Runs in luaws-spec.

#include <lauxlib.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/mem.h"
#include "http/date.h"
#include "http/handshake.h"
#include "http/origin.h"
#include "http/pattern.h"
#include "http/request.h"
#include "http/response.h"
#include "http/rules.h"
#include "http/static.h"
#include "http/token.h"
#include "http/url.h"
#include "probe.h"

#define REQUEST "probe.http.request"
#define PATTERN "probe.http.pattern"

enum { BUFFER_MAX = 1 << 20 };

static struct span check_span(lua_State *L, int arg) {
  struct span s;
  s.p = luaL_checklstring(L, arg, &s.n);
  return s;
}

static struct span opt_span(lua_State *L, int arg) {
  return lua_isnoneornil(L, arg) ? (struct span){NULL, 0} : check_span(L, arg);
}

static void push_span(lua_State *L, struct span s) {
  if (s.p)
    lua_pushlstring(L, s.p, s.n);
  else
    lua_pushnil(L);
}

// What went wrong, by name: nil, "invalid".
static int push_error(lua_State *L, int rc) {
  lua_pushnil(L);
  lua_pushstring(L, rc == ERR_INVALID   ? "invalid"
                    : rc == ERR_TOO_BIG ? "too big"
                    : rc == ERR_CLOSED  ? "closed"
                                        : "unknown");
  return 2;
}

// The bytes, or nil and the error; frees the buffer. What fails must have appended nothing.
static int push_result(lua_State *L, struct buf *b, int rc) {
  if (rc != 0 && b->len > 0) return luaL_error(L, "%d bytes left behind", (int)b->len);
  if (rc == 0)
    lua_pushlstring(L, b->len > 0 ? b->data : "", b->len);
  else
    push_error(L, rc);
  buf_deinit(b);
  return rc == 0 ? 1 : 2;
}

// nil, status, text
static int push_failure(lua_State *L, struct http_failure failure) {
  lua_pushnil(L);
  lua_pushinteger(L, failure.status);
  lua_pushstring(L, failure.text);
  return 3;
}

// A function of Lua that asks one of C a question about one string.
#define PREDICATE(name, function)                                                                  \
  static int name(lua_State *L) {                                                                  \
    lua_pushboolean(L, function(check_span(L, 1)));                                                \
    return 1;                                                                                      \
  }

PREDICATE(header_name_is_valid, http_header_name_is_valid)
PREDICATE(header_value_is_valid, http_header_value_is_valid)
PREDICATE(header_is_reserved, http_header_is_reserved)
PREDICATE(token_is_valid, http_token_is_valid)
PREDICATE(origin_pattern_is_valid, http_origin_pattern_is_valid)

// ---- request ----

static struct http_request *check_request(lua_State *L) {
  return *(struct http_request **)luaL_checkudata(L, 1, REQUEST);
}

// newRequest([maxBody])
static int new_request(lua_State *L) {
  size_t max_body = (size_t)luaL_optinteger(L, 1, 1 << 20);
  struct http_request **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = http_request_new(max_body);
  luaL_setmetatable(L, REQUEST);
  return 1;
}

static int request_gc(lua_State *L) {
  http_request_free(check_request(L));
  return 0;
}

// r:feed(bytes) -> progress, used. The bytes lie in a block of their own size, so that a sanitizer
// sees a read past them.
static int request_feed(lua_State *L) {
  static const char *const names[] = {"more", "continue", "complete", "bad"};
  struct span in = check_span(L, 2);
  char *copy = malloc(in.n ? in.n : 1);
  size_t used;
  if (in.n > 0) memcpy(copy, in.p, in.n);
  enum http_progress progress = http_request_feed(check_request(L), copy, in.n, &used);
  free(copy);
  lua_pushstring(L, names[progress]);
  lua_pushinteger(L, (lua_Integer)used);
  return 2;
}

static int request_reset(lua_State *L) {
  http_request_reset(check_request(L));
  return 0;
}

static int request_failure(lua_State *L) {
  struct http_failure failure = http_request_failure(check_request(L));
  lua_pushinteger(L, failure.status);
  lua_pushstring(L, failure.text);
  return 2;
}

static int request_has_begun(lua_State *L) {
  lua_pushboolean(L, http_request_has_begun(check_request(L)));
  return 1;
}

static int request_method(lua_State *L) {
  push_span(L, http_request_method(check_request(L)));
  return 1;
}

static int request_target(lua_State *L) {
  push_span(L, http_request_target(check_request(L)));
  return 1;
}

// r:headers() -> {{name, value}, ...}
static int request_headers(lua_State *L) {
  struct http_request *r = check_request(L);
  lua_newtable(L);
  for (size_t i = 0; i < http_request_header_count(r); i++) {
    lua_createtable(L, 2, 0);
    push_span(L, http_request_headers(r)[i].name);
    lua_rawseti(L, -2, 1);
    push_span(L, http_request_headers(r)[i].value);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int request_body(lua_State *L) {
  struct span body = http_request_body(check_request(L));
  lua_pushlstring(L, body.p ? body.p : "", body.n);
  return 1;
}

static int request_is_http10(lua_State *L) {
  lua_pushboolean(L, http_request_is_http10(check_request(L)));
  return 1;
}

static int request_keep_alive(lua_State *L) {
  lua_pushboolean(L, http_request_keep_alive(check_request(L)));
  return 1;
}

static int request_header(lua_State *L) {
  push_span(L, http_request_header(check_request(L), luaL_checkstring(L, 2)));
  return 1;
}

static int request_has_token(lua_State *L) {
  lua_pushboolean(
      L, http_request_has_token(check_request(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3)));
  return 1;
}

// ---- rules ----

// splitLine(line) -> method, target, isHttp10; or nil, status, text
static int split_line(lua_State *L) {
  struct http_request_line parts;
  struct http_failure failure = http_rules_split_line(check_span(L, 1), &parts);
  if (failure.status) return push_failure(L, failure);
  push_span(L, parts.method);
  push_span(L, parts.target);
  lua_pushboolean(L, parts.http10);
  return 3;
}

// splitAbsolute(target) -> authority, origin form; or nil, status, text
static int split_absolute(lua_State *L) {
  struct span authority, origin;
  struct http_failure failure = http_rules_split_absolute(check_span(L, 1), &authority, &origin);
  if (failure.status) return push_failure(L, failure);
  push_span(L, authority);
  push_span(L, origin);
  return 2;
}

// checkHeaders({{name, value}, ...}, http10) -> whether 100 Continue is expected; or nil, status,
// text
static int check_headers(lua_State *L) {
  struct http_header headers[16];
  bool continues;
  size_t count = lua_rawlen(L, 1);
  luaL_argcheck(L, count <= 16, 1, "at most 16 headers");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    headers[i].name = check_span(L, -2); // the table keeps both strings
    headers[i].value = check_span(L, -1);
    lua_pop(L, 3);
  }
  struct http_failure failure =
      http_rules_check_headers(headers, count, lua_toboolean(L, 2), &continues);
  if (failure.status) return push_failure(L, failure);
  lua_pushboolean(L, continues);
  return 1;
}

// ---- handshake ----

// handshakeCheck(request) -> "none" | "websocket" | "bad", status, text
static int handshake_check(lua_State *L) {
  static const char *const names[] = {"none", "websocket", "bad"};
  struct http_failure failure = {0, NULL};
  enum http_upgrade upgrade = http_handshake_check(check_request(L), &failure);
  lua_pushstring(L, names[upgrade]);
  if (upgrade != HTTP_UPGRADE_BAD) return 1;
  lua_pushinteger(L, failure.status);
  lua_pushstring(L, failure.text);
  return 3;
}

static int handshake_accept(lua_State *L) {
  char out[HTTP_ACCEPT_SIZE];
  http_handshake_accept(check_span(L, 1), out);
  lua_pushlstring(L, out, sizeof out);
  return 1;
}

static int handshake_protocols(lua_State *L) {
  struct http_protocol_iter at = {0, 0};
  struct span protocol;
  lua_newtable(L);
  for (lua_Integer i = 1; http_handshake_next_protocol(check_request(L), &at, &protocol); i++) {
    push_span(L, protocol);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

// handshakeWrite(key, protocol or nil, extensions or nil, extra or nil [, max])
static int handshake_write(lua_State *L) {
  struct buf out;
  buf_init(&out, (size_t)luaL_optinteger(L, 5, BUFFER_MAX));
  int rc =
      http_handshake_write(&out, check_span(L, 1), opt_span(L, 2), opt_span(L, 3), opt_span(L, 4));
  return push_result(L, &out, rc);
}

// ---- response, date, token ----

static int status_text(lua_State *L) {
  lua_pushstring(L, http_status_text((int)luaL_checkinteger(L, 1)));
  return 1;
}

// responseHead(status, {{name, value}, ...}, time, length or nil, keepAlive [, max])
static int response_head(lua_State *L) {
  struct buf out;
  uint64_t length = lua_isnil(L, 4) ? UINT64_MAX : (uint64_t)luaL_checkinteger(L, 4);
  buf_init(&out, (size_t)luaL_optinteger(L, 6, BUFFER_MAX));
  int rc = http_response_line(&out, (int)luaL_checkinteger(L, 1));
  for (lua_Integer i = 1; rc == 0 && i <= (lua_Integer)lua_rawlen(L, 2); i++) {
    lua_rawgeti(L, 2, i);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    rc = http_response_header(&out, check_span(L, -2), check_span(L, -1));
    lua_pop(L, 3);
  }
  if (rc == 0)
    rc = http_response_end(&out, (uint64_t)luaL_checkinteger(L, 3), length, lua_toboolean(L, 5));
  if (rc != 0) out.len = 0; // made of several calls
  return push_result(L, &out, rc);
}

// responseText(status, text, extra or nil, time, keepAlive, headOnly [, max])
static int response_text(lua_State *L) {
  struct buf out;
  buf_init(&out, (size_t)luaL_optinteger(L, 7, BUFFER_MAX));
  int rc = http_response_text(&out, (int)luaL_checkinteger(L, 1), luaL_checkstring(L, 2),
                              opt_span(L, 3), (uint64_t)luaL_checkinteger(L, 4),
                              lua_toboolean(L, 5), lua_toboolean(L, 6));
  return push_result(L, &out, rc);
}

static int date(lua_State *L) {
  char out[HTTP_DATE_SIZE];
  http_date(out, (uint64_t)luaL_checkinteger(L, 1));
  lua_pushstring(L, out);
  return 1;
}

// dateParse(text, now) -> seconds or nil
static int date_parse(lua_State *L) {
  int64_t unix_time;
  if (!http_date_parse(check_span(L, 1), (uint64_t)luaL_checkinteger(L, 2), &unix_time)) return 0;
  lua_pushinteger(L, unix_time);
  return 1;
}

static int token_list(lua_State *L) {
  struct span rest = check_span(L, 1), element;
  lua_newtable(L);
  for (lua_Integer i = 1; http_token_next(&rest, &element); i++) {
    lua_pushlstring(L, element.p, element.n);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

// ---- url ----

static int url_split(lua_State *L) {
  struct span path, query;
  http_url_split(check_span(L, 1), &path, &query);
  push_span(L, path);
  push_span(L, query);
  return 2;
}

// urlDecode(text [, plus [, max]])
static int url_decode(lua_State *L) {
  struct buf out;
  buf_init(&out, (size_t)luaL_optinteger(L, 3, BUFFER_MAX));
  int rc = http_url_decode(&out, check_span(L, 1), lua_toboolean(L, 2));
  return push_result(L, &out, rc);
}

static int url_segments(lua_State *L) {
  struct span rest = check_span(L, 1), segment;
  lua_newtable(L);
  for (lua_Integer i = 1; http_url_next_segment(&rest, &segment); i++) {
    push_span(L, segment);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

static int url_pairs(lua_State *L) {
  struct span rest = check_span(L, 1), name, value;
  lua_newtable(L);
  for (lua_Integer i = 1; http_url_next_pair(&rest, &name, &value); i++) {
    lua_createtable(L, 2, 0);
    push_span(L, name);
    lua_rawseti(L, -2, 1);
    push_span(L, value);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

// urlSplitAuthority(text) -> host, port or nil; or false
static int url_split_authority(lua_State *L) {
  struct span host, port;
  if (!http_url_split_authority(check_span(L, 1), &host, &port)) {
    lua_pushboolean(L, false);
    return 1;
  }
  push_span(L, host);
  push_span(L, port);
  return 2;
}

// ---- pattern ----

static struct http_pattern *check_pattern(lua_State *L, int arg) {
  return *(struct http_pattern **)luaL_checkudata(L, arg, PATTERN);
}

// newPattern(path or nil) -> pattern; or nil, why
static int new_pattern(lua_State *L) {
  const char *why = NULL;
  struct http_pattern *p = http_pattern_new(opt_span(L, 1), &why);
  if (!p) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  struct http_pattern **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = p;
  luaL_setmetatable(L, PATTERN);
  return 1;
}

static int pattern_gc(lua_State *L) {
  http_pattern_free(check_pattern(L, 1));
  return 0;
}

static int pattern_text(lua_State *L) {
  push_span(L, http_pattern_text(check_pattern(L, 1)));
  return 1;
}

// p:match(path [, max]) -> {name = value, ...} or false; or nil, error. p:match(path, false) only
// tells.
static int pattern_match(lua_State *L) {
  bool tell = lua_isboolean(L, 3);
  struct http_param params[HTTP_PATTERN_SEGMENTS_MAX];
  struct buf values;
  size_t count = 0;
  buf_init(&values, tell ? 0 : (size_t)luaL_optinteger(L, 3, BUFFER_MAX));
  int rc = http_pattern_match(check_pattern(L, 1), check_span(L, 2), tell ? NULL : &values, params,
                              &count);
  if (rc < 0) {
    buf_deinit(&values);
    return push_error(L, rc);
  }
  if (rc == 0 || tell) {
    lua_pushboolean(L, rc);
  } else {
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
      push_span(L, params[i].name);
      lua_pushlstring(L, params[i].value.p, params[i].value.n);
      lua_rawset(L, -3);
    }
  }
  buf_deinit(&values);
  return 1;
}

// -1, 0 or 1
static int pattern_compare(lua_State *L) {
  int order = http_pattern_compare(check_pattern(L, 1), check_pattern(L, 2));
  lua_pushinteger(L, (order > 0) - (order < 0));
  return 1;
}

// ---- origin ----

// originMatches(origin, {pattern, ...})
static int origin_matches(lua_State *L) {
  struct span patterns[16];
  size_t count = lua_rawlen(L, 2);
  luaL_argcheck(L, count <= 16, 2, "at most 16 patterns");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    patterns[i] = check_span(L, -1); // the table keeps the string
    lua_pop(L, 1);
  }
  lua_pushboolean(L, http_origin_matches(check_span(L, 1), patterns, count));
  return 1;
}

static int origin_is_same_host(lua_State *L) {
  lua_pushboolean(L, http_origin_is_same_host(check_span(L, 1), check_span(L, 2)));
  return 1;
}

// ---- static ----

// staticPath(path [, max]) -> name, isFolder; or nil, error
static int static_path(lua_State *L) {
  struct buf out;
  bool is_folder;
  buf_init(&out, (size_t)luaL_optinteger(L, 2, BUFFER_MAX));
  int rc = http_static_path(&out, check_span(L, 1), &is_folder);
  if (rc == 0 && strlen(out.data) != out.len) return luaL_error(L, "not terminated");
  int n = push_result(L, &out, rc);
  if (rc != 0) return n;
  lua_pushboolean(L, is_folder);
  return 2;
}

static int static_type(lua_State *L) {
  lua_pushstring(L, http_static_type(luaL_checkstring(L, 1)));
  return 1;
}

// {size =, mtime = (ns), inode =}
static struct http_file check_file(lua_State *L, int arg) {
  struct http_file file;
  lua_getfield(L, arg, "size");
  lua_getfield(L, arg, "mtime");
  lua_getfield(L, arg, "inode");
  file.size = (uint64_t)luaL_checkinteger(L, -3);
  file.mtime_ns = luaL_checkinteger(L, -2);
  file.inode = (uint64_t)luaL_checkinteger(L, -1);
  lua_pop(L, 3);
  return file;
}

static int static_etag(lua_State *L) {
  char out[HTTP_ETAG_SIZE];
  struct http_file file = check_file(L, 1);
  http_static_etag(out, &file);
  lua_pushstring(L, out);
  return 1;
}

// staticRespond(request, file, type, time, keepAlive [, max]) -> status, head, offset, length
static int static_respond(lua_State *L) {
  struct buf head;
  struct http_file file = check_file(L, 2);
  uint64_t offset, length;
  buf_init(&head, (size_t)luaL_optinteger(L, 6, BUFFER_MAX));
  int rc =
      http_static_respond(&head, check_request(L), &file, luaL_checkstring(L, 3),
                          (uint64_t)luaL_checkinteger(L, 4), lua_toboolean(L, 5), &offset, &length);
  if (rc < 0) {
    lua_pushinteger(L, (lua_Integer)head.len);
    buf_deinit(&head);
    push_error(L, rc);
    lua_pushvalue(L, -3); // what the failure has left in the buffer
    return 3;
  }
  lua_pushinteger(L, rc);
  push_result(L, &head, 0);
  lua_pushinteger(L, (lua_Integer)offset);
  lua_pushinteger(L, (lua_Integer)length);
  return 4;
}

static const luaL_Reg REQUEST_METHODS[] = {
    {"__gc", request_gc},
    {"feed", request_feed},
    {"reset", request_reset},
    {"failure", request_failure},
    {"hasBegun", request_has_begun},
    {"method", request_method},
    {"target", request_target},
    {"headers", request_headers},
    {"body", request_body},
    {"isHttp10", request_is_http10},
    {"keepAlive", request_keep_alive},
    {"header", request_header},
    {"hasToken", request_has_token},
    {NULL, NULL},
};

static const luaL_Reg PATTERN_METHODS[] = {
    {"__gc", pattern_gc},
    {"text", pattern_text},
    {"match", pattern_match},
    {NULL, NULL},
};

static const luaL_Reg FUNCTIONS[] = {
    {"newRequest", new_request},
    {"splitLine", split_line},
    {"splitAbsolute", split_absolute},
    {"checkHeaders", check_headers},
    {"handshakeCheck", handshake_check},
    {"handshakeAccept", handshake_accept},
    {"handshakeProtocols", handshake_protocols},
    {"handshakeWrite", handshake_write},
    {"statusText", status_text},
    {"headerNameIsValid", header_name_is_valid},
    {"headerValueIsValid", header_value_is_valid},
    {"headerIsReserved", header_is_reserved},
    {"responseHead", response_head},
    {"responseText", response_text},
    {"date", date},
    {"dateParse", date_parse},
    {"tokenIsValid", token_is_valid},
    {"tokenList", token_list},
    {"urlSplit", url_split},
    {"urlDecode", url_decode},
    {"urlSegments", url_segments},
    {"urlPairs", url_pairs},
    {"urlSplitAuthority", url_split_authority},
    {"newPattern", new_pattern},
    {"patternCompare", pattern_compare},
    {"originPatternIsValid", origin_pattern_is_valid},
    {"originMatches", origin_matches},
    {"originIsSameHost", origin_is_same_host},
    {"staticPath", static_path},
    {"staticType", static_type},
    {"staticEtag", static_etag},
    {"staticRespond", static_respond},
    {NULL, NULL},
};

int probe_open_http(lua_State *L) {
  probe_add_class(L, REQUEST, REQUEST_METHODS);
  probe_add_class(L, PATTERN, PATTERN_METHODS);
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
