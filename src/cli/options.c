// The command line. Main thread.

#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

enum { THREADS_MAX = 64 };

#define MEMORY_LIMIT_MIN (UINT64_C(1) << 20)
#define MEMORY_LIMIT_MAX (UINT64_C(1) << 40)

const char *const OPTIONS_HELP_TEXT =
    "usage: luaws [options] script.lua [args...]\n"
    "       luaws repl [options] [script.lua [args...]]\n"
    "       luaws attach [PID or path]\n"
    "       luaws connect [options] URL\n"
    "       luaws test [options] [files and folders]\n"
    "       luaws check FILE...\n"
    "       luaws new NAME\n"
    "\n"
    "Serves WebSockets with handlers written in Lua. '-' reads the script from stdin. 'connect' "
    "is\n"
    "a client to type into, or for a pipe: luaws connect --help. 'test' runs the specs in spec, "
    "with\n"
    "busted: luaws test --help. 'check' finds in scripts what can't be meant, and runs nothing:\n"
    "luaws check --help. 'new' writes a small project to begin with.\n"
    "\n"
    "  --host HOST          where to listen: an address, a name, or unix:/path (127.0.0.1)\n"
    "  --port PORT          port to listen on; 0 takes a free one (8080)\n"
    "  --root FOLDER        folder of static files to serve (none)\n"
    "  --tls-cert FILE      serves https and wss with this certificate (PEM, with its chain)\n"
    "  --tls-key FILE       and its private key; SIGHUP reads both again\n"
    "  --tls-self-signed    serves https and wss with a certificate made for this run, for "
    "development\n"
    "  --io-threads N       threads that serve the sockets, 1 to 64 (1)\n"
    "  --workers N          threads that run the script, each in a Lua state of its own, 1 to 64 "
    "(1)\n"
    "  --memory-limit SIZE  what Lua may take in each worker, as 64M (three quarters of it all)\n"
    "  --log-level LEVEL    debug, info, warn, error or off (info)\n"
    "  --log-format FORMAT  text or json (text)\n"
    "  -e CODE              runs CODE before the script, or alone\n"
    "  --watch[=FOLDER]     runs the script's new code when one of its files is saved, without "
    "ending\n"
    "                       connections: the script, and the modules beside it (or in FOLDER)\n"
    "  --console            runs the lines that are typed, in the script's own state\n"
    "  --attach[=PATH]      lets 'luaws attach' of the same user do that, over a unix socket\n"
    "  --estimate[=QUERY]   measures what idle connections cost in memory, and ends;\n"
    "                       they ask for the servers' paths, with ?QUERY behind\n"
    "  --version            prints versions\n"
    "  --help               prints this\n"
    "\n"
    "Host, port, root and certificates override what the script sets for luaws.webServer.\n";

static const char *const LEVELS[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const FORMATS[] = {"text", "json", NULL};

static int find(const char *const *names, const char *name) {
  for (int i = 0; names[i]; i++) {
    if (strcmp(names[i], name) == 0) return i;
  }
  return -1;
}

static int set_host(struct options *o, const char *value, struct err *err) {
  (void)err;
  o->host = value;
  return 0;
}

static int set_root(struct options *o, const char *value, struct err *err) {
  (void)err;
  o->root = value;
  return 0;
}

static int set_tls_cert(struct options *o, const char *value, struct err *err) {
  (void)err;
  o->tls_cert = value;
  return 0;
}

static int set_tls_key(struct options *o, const char *value, struct err *err) {
  (void)err;
  o->tls_key = value;
  return 0;
}

static int set_tls_self_signed(struct options *o, const char *value, struct err *err) {
  (void)value;
  (void)err;
  o->tls_self_signed = true;
  return 0;
}

// -1: no number from `min` to `max`.
static int read_number(const char *option, const char *value, int min, int max, struct err *err) {
  char *end;
  long number = strtol(value, &end, 10);
  if (*value >= '0' && *value <= '9' && *end == '\0' && number >= min && number <= max)
    return (int)number;
  err_set(err, ERR_LUAW, 2, "%s wants a number from %d to %d, got '%s'", option, min, max, value);
  return -1;
}

static int set_port(struct options *o, const char *value, struct err *err) {
  o->port = read_number("--port", value, 0, 65535, err);
  return o->port < 0 ? ERR_INVALID : 0;
}

static int set_io_threads(struct options *o, const char *value, struct err *err) {
  int count = read_number("--io-threads", value, 1, THREADS_MAX, err);
  if (count < 0) return ERR_INVALID;
  o->io_threads = (unsigned)count;
  return 0;
}

static int set_workers(struct options *o, const char *value, struct err *err) {
  int count = read_number("--workers", value, 1, THREADS_MAX, err);
  if (count < 0) return ERR_INVALID;
  o->workers = (unsigned)count;
  return 0;
}

// "64M": a number of bytes, or of KiB, MiB or GiB.
static int set_memory_limit(struct options *o, const char *value, struct err *err) {
  static const char UNITS[] = "KMG";
  char *end;
  errno = 0;
  unsigned long long number = *value >= '0' && *value <= '9' ? strtoull(value, &end, 10) : 0;
  const char *unit = number > 0 && *end ? strchr(UNITS, toupper((unsigned char)*end)) : NULL;
  int shift = unit ? 10 * (int)(unit - UNITS + 1) : 0;
  bool is_number = number > 0 && errno == 0 && (unit ? end[1] == '\0' : *end == '\0') &&
                   number <= UINT64_MAX >> shift;
  o->memory_limit = is_number ? (uint64_t)number << shift : 0;
  if (o->memory_limit >= MEMORY_LIMIT_MIN && o->memory_limit <= MEMORY_LIMIT_MAX) return 0;
  err_set(err, ERR_LUAW, 2, "--memory-limit wants a size from 1M to 1024G, as 64M, got '%s'",
          value);
  return ERR_INVALID;
}

static int set_level(struct options *o, const char *value, struct err *err) {
  int level = find(LEVELS, value);
  if (level < 0) {
    err_set(err, ERR_LUAW, 2, "--log-level is debug, info, warn, error or off, not '%s'", value);
    return ERR_INVALID;
  }
  o->log_level = (enum log_level)level;
  return 0;
}

static int set_format(struct options *o, const char *value, struct err *err) {
  int format = find(FORMATS, value);
  if (format < 0) {
    err_set(err, ERR_LUAW, 2, "--log-format is text or json, not '%s'", value);
    return ERR_INVALID;
  }
  o->log_format = (enum log_format)format;
  return 0;
}

// Several -e are one chunk, a line each.
static int add_code(struct options *o, const char *value, struct err *err) {
  (void)err;
  size_t before = o->code ? strlen(o->code) : 0;
  size_t length = strlen(value);
  o->code = mem_realloc(o->code, before + 1 + length + 1);
  if (before > 0) o->code[before++] = '\n';
  memcpy(o->code + before, value, length + 1);
  return 0;
}

static int set_watch(struct options *o, const char *value, struct err *err) {
  if (value && *value == '\0') {
    err_set(err, ERR_LUAW, 2, "--watch= wants a folder behind it (or --watch alone)");
    return ERR_INVALID;
  }
  o->watch = true;
  o->watch_folder = value;
  return 0;
}

static int set_console(struct options *o, const char *value, struct err *err) {
  (void)value;
  (void)err;
  o->console = true;
  return 0;
}

static int set_attach(struct options *o, const char *value, struct err *err) {
  if (value && !*value) {
    err_set(err, ERR_LUAW, 2, "--attach= wants a path behind it (or --attach alone)");
    return ERR_INVALID;
  }
  o->attach = true;
  o->attach_path = value;
  return 0;
}

static int set_estimate(struct options *o, const char *value, struct err *err) {
  (void)err;
  o->estimate = true;
  o->query = value;
  return 0;
}

static int set_version(struct options *o, const char *value, struct err *err) {
  (void)value;
  (void)err;
  o->action = OPTIONS_VERSION;
  return 0;
}

static int set_help(struct options *o, const char *value, struct err *err) {
  (void)value;
  (void)err;
  o->action = OPTIONS_HELP;
  return 0;
}

enum value { NO_VALUE, VALUE, VALUE_OR_NOT };

static const struct option {
  const char *name;
  enum value wants;
  int (*set)(struct options *o, const char *value, struct err *err);
} OPTIONS[] = {
    {"--host", VALUE, set_host},
    {"--port", VALUE, set_port},
    {"--root", VALUE, set_root},
    {"--tls-cert", VALUE, set_tls_cert},
    {"--tls-key", VALUE, set_tls_key},
    {"--tls-self-signed", NO_VALUE, set_tls_self_signed},
    {"--io-threads", VALUE, set_io_threads},
    {"--workers", VALUE, set_workers},
    {"--memory-limit", VALUE, set_memory_limit},
    {"--log-level", VALUE, set_level},
    {"--log-format", VALUE, set_format},
    {"-e", VALUE, add_code},
    {"--watch", VALUE_OR_NOT, set_watch},
    {"--console", NO_VALUE, set_console},
    {"--attach", VALUE_OR_NOT, set_attach},
    {"--estimate", VALUE_OR_NOT, set_estimate},
    {"--version", NO_VALUE, set_version},
    {"--help", NO_VALUE, set_help},
    {"-h", NO_VALUE, set_help},
    {"-v", NO_VALUE, set_version},
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

// The option that `word` names: whole, or up to "=" where a value follows it.
static const struct option *find_option(const char *word, const char **value) {
  *value = NULL;
  for (int i = 0; i < OPTION_COUNT; i++) {
    size_t n = strlen(OPTIONS[i].name);
    if (strncmp(word, OPTIONS[i].name, n) != 0) continue;
    if (word[n] == '\0') return &OPTIONS[i];
    if (word[n] != '=' || word[1] != '-') continue;
    *value = word + n + 1;
    return &OPTIONS[i];
  }
  return NULL;
}

// Takes the option at *at and moves past it.
static int take_option(struct options *o, char ***at, struct err *err) {
  const char *word = *(*at)++;
  const char *value;
  const struct option *option = find_option(word, &value);
  if (!option) {
    err_set(err, ERR_LUAW, 2, "unknown option '%s'", word);
    return ERR_INVALID;
  }
  if (option->wants == VALUE && !value) value = *(*at) ? *(*at)++ : NULL;
  if (option->wants != VALUE_OR_NOT && (option->wants == VALUE) != (value != NULL)) {
    err_set(err, ERR_LUAW, 2, "option '%s' %s", option->name,
            option->wants == VALUE ? "wants a value" : "takes no value");
    return ERR_INVALID;
  }
  return option->set(o, value, err);
}

// connect, attach, check and new have defects alone in their log, because they tell the rest
// themselves.
static const struct options_command COMMANDS[] = {
    {.name = "connect", .editor = OPTIONS_TALK, .log_level = LOG_ERROR},
    {.name = "test",
     .log_level = LOG_WARN,
     .on_free_ports = true,
     .is_self_signed = true,
     .sees_signals = true},
    {.name = "check", .log_level = LOG_ERROR},
    {.name = "new", .log_level = LOG_ERROR},
    {.name = "attach", .editor = OPTIONS_CONSOLE, .log_level = LOG_ERROR},
};

static const struct options_command *find_command(const char *name) {
  for (size_t i = 0; name && i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
    if (strcmp(name, COMMANDS[i].name) == 0) return &COMMANDS[i];
  }
  return NULL;
}

// A command reads its options itself.
static void parse_command(struct options *o, const struct options_command *command, char **args) {
  o->action = OPTIONS_COMMAND;
  o->command = command;
  o->args = args;
  o->log_level = command->log_level;
  o->tls_self_signed = command->is_self_signed;
}

// What fits together.
static int check(const struct options *o, struct err *err) {
  bool is_stdin = o->script && strcmp(o->script, "-") == 0;
  if (!o->script && !o->code && !o->stays)
    err_set(err, ERR_LUAW, 2, "a script is missing");
  else if (is_stdin && o->workers > 1)
    err_set(err, ERR_LUAW, 2, "several --workers want a script in a file: stdin is read only once");
  else if (o->console && is_stdin)
    err_set(err, ERR_LUAW, 2, "the console reads stdin: it wants a script in a file");
  else if ((o->console || o->attach) && o->estimate)
    err_set(err, ERR_LUAW, 2, "--estimate ends by itself: leave --console and --attach out");
  else if (o->watch && (is_stdin || !o->script))
    err_set(err, ERR_LUAW, 2, "--watch wants a script in a file");
  else if (o->watch && o->estimate)
    err_set(err, ERR_LUAW, 2, "--estimate ends by itself: leave --watch out");
  else if (!o->tls_cert != !o->tls_key)
    err_set(err, ERR_LUAW, 2,
            "--tls-cert and --tls-key go together: the file with the %s is missing",
            o->tls_cert ? "key" : "certificate");
  else if (o->tls_cert && o->tls_self_signed)
    err_set(err, ERR_LUAW, 2, "--tls-self-signed makes its own certificate: leave --tls-cert out");
  else
    return 0;
  return ERR_INVALID;
}

int options_parse(struct options *o, char **argv, struct err *err) {
  *o = (struct options){
      .port = -1, .io_threads = 1, .workers = 1, .log_level = LOG_INFO, .log_format = LOG_TEXT};
  char **at = argv + 1;
  const struct options_command *command = find_command(*at);
  if (command) {
    parse_command(o, command, at + 1);
    return 0;
  }
  if (*at && strcmp(*at, "repl") == 0) {
    o->console = o->stays = true;
    at++;
  }
  while (*at && (*at)[0] == '-' && (*at)[1] != '\0') {
    if (strcmp(*at, "--") == 0) {
      at++;
      break;
    }
    if (take_option(o, &at, err) != 0) return ERR_INVALID;
    if (o->action != OPTIONS_RUN) return 0;
  }
  if (*at) o->script = *at++;
  o->args = at;
  return check(o, err);
}

void options_deinit(struct options *o) {
  mem_free(o->code);
  o->code = NULL;
}
