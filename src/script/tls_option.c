// The setting `tls`. Runs in the worker's thread.

#include "script/tls_option.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "script/args.h"
#include "script/path.h"

#define DEFAULT "default"

enum { NAME_MAX_LENGTH = 253, LABEL_MAX_LENGTH = 63 };

// One certificate ---------------------------------------------------------------------------------

// Text in a script may be indented at its beginning.
static void trim_text(char **value) {
  const char *begin = *value + strspn(*value, " \t\r\n");
  if (begin == *value || !tls_settings_is_text(begin)) return;
  char *trimmed = mem_dup_string(begin);
  mem_free(*value);
  *value = trimmed;
}

static void check_source(lua_State *L, const char *label, char **value) {
  trim_text(value);
  if (**value == '\0') args_error(L, "%s must be the path of a PEM file, or its text", label);
}

static void check_cert(lua_State *L, const char *label, void *target) {
  check_source(L, label, &((struct tls_settings *)target)->cert);
}

static void check_key(lua_State *L, const char *label, void *target) {
  check_source(L, label, &((struct tls_settings *)target)->key);
}

static void check_ca(lua_State *L, const char *label, void *target) {
  check_source(L, label, &((struct tls_settings *)target)->ca);
}

static const char *string_at_top(lua_State *L) {
  return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
}

static void check_verify(lua_State *L, const char *label, void *target) {
  struct tls_settings *s = target;
  const char *verify = string_at_top(L);
  if (strcmp(verify, "none") == 0)
    s->verify = TLS_VERIFY_NONE;
  else if (strcmp(verify, "optional") == 0)
    s->verify = TLS_VERIFY_OPTIONAL;
  else if (strcmp(verify, "required") == 0)
    s->verify = TLS_VERIFY_REQUIRED;
  else
    args_error(L, "%s must be 'none', 'optional' or 'required', got %s", label,
               args_describe(L, -1));
}

static void check_min_version(lua_State *L, const char *label, void *target) {
  struct tls_settings *s = target;
  const char *version = string_at_top(L);
  if (strcmp(version, "1.2") == 0)
    s->min_version = 12;
  else if (strcmp(version, "1.3") == 0)
    s->min_version = 13;
  else
    args_error(L, "%s must be '1.2' or '1.3', got %s", label, args_describe(L, -1));
}

#define AT(member) offsetof(struct tls_settings, member)

static const struct args_option OPTIONS[] = {
    {"cert", ARGS_STRING, AT(cert), false, check_cert},
    {"key", ARGS_STRING, AT(key), false, check_key},
    {"ca", ARGS_STRING, AT(ca), false, check_ca},
    {"verify", ARGS_VALUE, 0, false, check_verify},
    {"minVersion", ARGS_VALUE, 0, false, check_min_version},
    {"ciphers", ARGS_STRING, AT(ciphers), false, NULL},
    {NULL, 0, 0, false, NULL},
};

static bool has_verify(lua_State *L) {
  bool has = lua_getfield(L, -1, "verify") != LUA_TNIL;
  lua_pop(L, 1);
  return has;
}

// Reads the table at the top of the stack. Who names those that sign clients' certificates wants to
// see such certificates.
static void read_one(lua_State *L, const char *label, struct tls_settings *s) {
  args_read_options(L, -1, OPTIONS, s, label);
  if (!s->cert) args_error(L, "%s: option 'cert' is missing: the certificate, in PEM", label);
  if (!s->key) args_error(L, "%s: option 'key' is missing: the certificate's private key", label);
  if (s->ca && !has_verify(L)) s->verify = TLS_VERIFY_REQUIRED;
  if (s->verify != TLS_VERIFY_NONE && !s->ca)
    args_error(L, "%s: option 'verify' needs 'ca': whose signature clients' certificates must bear",
               label);
}

// By server name ----------------------------------------------------------------------------------

static bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// Labels of letters, digits, "-" and "_"; the last one isn't a number, as an address's would be.
static bool is_host_name(const char *name) {
  size_t length = 0;
  bool has_letter = false;
  if (strlen(name) > NAME_MAX_LENGTH) return false;
  for (; *name; name++) {
    if (*name == '.') {
      if (length == 0) return false;
      length = 0;
      has_letter = false;
      continue;
    }
    if (!is_label_char(*name) || ++length > LABEL_MAX_LENGTH) return false;
    has_letter = has_letter || *name < '0' || *name > '9';
  }
  return length > 0 && has_letter;
}

// The name as certificates are found by it: in lower case. NULL for what no client can ask for.
static char *make_name(const char *text, size_t length) {
  char *name = mem_dup(text, length);
  for (char *c = name; *c; c++)
    if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
  const char *rest = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
  if (strlen(name) == length && is_host_name(rest)) return name;
  mem_free(name);
  return NULL;
}

// Reads the pair at the top of the stack.
static void read_entry(lua_State *L, const char *label, struct tls_settings *s) {
  if (lua_type(L, -2) != LUA_TSTRING)
    args_error(L, "%s: certificates have server names, got the key %s", label,
               args_describe(L, -2));
  size_t length;
  const char *name = lua_tolstring(L, -2, &length);
  if (strcmp(name, DEFAULT) != 0) s->name = make_name(name, length);
  if (strcmp(name, DEFAULT) != 0 && !s->name)
    args_error(L, "%s: a client can't ask for %s (it can for 'example.com', '*.example.com')",
               label, args_describe(L, -2));
  if (!lua_istable(L, -1))
    args_error(L, "%s: '%s' must be a table with cert and key, got %s", label, name,
               args_describe(L, -1));
  const char *inner = lua_pushfstring(L, "%s: '%s'", label, name);
  lua_insert(L, -2);
  read_one(L, inner, s);
  lua_remove(L, -2);
}

static int compare_names(const void *a, const void *b) {
  const char *x = ((const struct tls_settings *)a)->name,
             *y = ((const struct tls_settings *)b)->name;
  return x && y ? strcmp(x, y) : (x != NULL) - (y != NULL);
}

static void check_twice(lua_State *L, const char *label, const struct web_config *c) {
  for (size_t i = 1; i < c->tls_count; i++) {
    if (compare_names(&c->tls[i - 1], &c->tls[i]) == 0)
      args_error(L, "%s: '%s' comes twice: names differ by more than upper and lower case", label,
                 c->tls[i].name);
  }
}

// Whether the table at the top has tables in it.
static bool is_by_name(lua_State *L, size_t *count) {
  bool has_table = false;
  *count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    has_table = has_table || lua_istable(L, -1);
    ++*count;
  }
  return has_table;
}

// Room that the configuration owns before anything is read into it, since that may raise.
static struct tls_settings *make_room(struct web_config *c, size_t count) {
  web_config_set_tls(c, NULL, 0);
  c->tls = mem_zalloc(count * sizeof *c->tls);
  c->tls_count = count;
  return c->tls;
}

void tls_option_read(lua_State *L, const char *label, struct web_config *c) {
  web_config_set_tls(c, NULL, 0);
  if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) return;
  if (!lua_istable(L, -1))
    args_error(L, "%s must be a table with cert and key, or false, got %s", label,
               args_describe(L, -1));
  size_t count;
  if (!is_by_name(L, &count)) {
    read_one(L, label, make_room(c, 1));
    return;
  }
  struct tls_settings *next = make_room(c, count);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    read_entry(L, label, next++);
  qsort(c->tls, count, sizeof *c->tls, compare_names);
  check_twice(L, label, c);
}

// Paths -------------------------------------------------------------------------------------------

static void resolve(char **value, const char *folder) {
  if (!*value) return;
  char *path = path_resolve(folder, *value);
  mem_free(*value);
  *value = path;
}

void tls_option_resolve(struct tls_settings *s, const char *folder) {
  resolve(&s->cert, folder);
  resolve(&s->key, folder);
  resolve(&s->ca, folder);
}
