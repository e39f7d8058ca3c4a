// The estimate: for each server a few connections first, which pay for what is allocated once, then
// many, whose number divides what memory has grown by. Runs on the estimator's thread.

#include "cli/estimate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/clients.h"
#include "cli/memory.h"

#define KIB 1024.0
#define MIB (1024.0 * 1024)

enum {
  CONNECTIONS = 1000, // to each server, measured
  FIRST = 100,        // and before them
  ALL = FIRST + CONNECTIONS,
  FEWEST = 110,     // with fewer nothing could be told
  DESCRIPTORS = 64, // left for everything else
  DESCRIPTORS_WANTED = 4096,
  LOAD_MS = 10000,    // for the main chunk, if it waits
  SETTLE_MS = 50,     // between two looks
  SETTLE_LOOKS = 40,  // at most
  PROJECTION = 10000, // connections
  KERNEL_MAX = 65536, // bytes: no socket takes so much
  TARGET_MAX = 1 << 20,
};

// Growth, for one connection: bytes.
struct cost {
  double c, lua, kernel;
};

// What has become of a server.
struct row {
  const struct survey_server *server;
  unsigned opened; // 0: none
  int answer;      // to the first connection that was not, see clients_open
  struct cost cost;
};

struct sample {
  int64_t c, lua, kernel; // bytes
  bool is_good;           // the worker was there
};

static const struct hint {
  int answer;
  const char *text;
} HINTS[] = {
    {404, "another server, or none, answers this path"},
    {429, "maxConnectionsPerAddress: all connections come from 127.0.0.1"},
    {500, "onConnection has failed; the log says how"},
    {503, "maxConnections, or onConnection has taken longer than answerTimeout"},
    {CLIENTS_SILENT, "onConnection doesn't return"},
    {CLIENTS_LOST, "the connection was lost"},
    {0, NULL},
};

static const char *find_hint(int answer) {
  for (const struct hint *h = HINTS; h->text; h++) {
    if (h->answer == answer) return h->text;
  }
  return "onConnection wants another client; perhaps a query helps: --estimate='name=ann'";
}

// Targets -----------------------------------------------------------------------------------------

static bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && strchr("/-._~!$&'()+,;=:@%", c));
}

static void write_byte(struct buf *out, char c) {
  if (is_plain(c))
    buf_append(out, &c, 1);
  else
    buf_printf(out, "%%%02X", (unsigned char)c);
}

// A path that the pattern matches: "/rooms/sample" for "/rooms/:room".
static void write_path(struct buf *out, const char *pattern) {
  for (const char *p = pattern; *p; p++) {
    size_t rest = strcspn(p, "/");
    bool is_wild = p > pattern && p[-1] == '/' && (*p == ':' || (*p == '*' && rest == 1));
    if (is_wild) {
      buf_append_str(out, "sample");
      p += rest - 1;
    } else {
      write_byte(out, *p);
    }
  }
}

// Who has no pattern answers what is left over.
static void write_free_path(struct buf *out, const struct survey *s, uint16_t port) {
  bool is_taken = false;
  for (unsigned i = 0; i < s->server_count; i++) {
    const char *path = s->servers[i].path;
    is_taken |= path && s->servers[i].port == port && strcmp(path, "/") == 0;
  }
  buf_append_str(out, is_taken ? "/sample" : "/");
}

static void write_target(struct buf *out, const struct survey *s,
                         const struct survey_server *server, const char *query) {
  if (server->path)
    write_path(out, server->path);
  else
    write_free_path(out, s, server->port);
  if (query) buf_append_str(out, "?");
  for (const char *q = query; q && *q; q++)
    write_byte(out, *q);
  buf_append(out, "", 1);
}

// Measuring ---------------------------------------------------------------------------------------

// The worker's answer comes when it has dealt with all that came before.
static struct sample take_sample(const struct estimate_options *o) {
  struct survey *s = o->survey(o->context);
  if (!s) return (struct sample){.is_good = false};
  struct memory memory = memory_read();
  struct sample sample = {
      .c = memory.process - (int64_t)(s->lua_taken + s->blocks),
      .lua = (int64_t)s->lua_used,
      .kernel = memory.kernel,
      .is_good = true,
  };
  survey_free(s);
  return sample;
}

// Looks until nothing changes any more.
static struct sample settle(const struct estimate_options *o, struct clients *c) {
  struct sample last = take_sample(o);
  for (int i = 0; i < SETTLE_LOOKS && last.is_good; i++) {
    clients_drain(c, SETTLE_MS);
    struct sample now = take_sample(o);
    bool is_same = now.lua == last.lua && now.c == last.c;
    last = now;
    if (is_same) break;
  }
  return last;
}

static struct cost compare(const struct sample *before, const struct sample *after,
                           unsigned count) {
  return (struct cost){
      .c = (double)(after->c - before->c) / count,
      .lua = (double)(after->lua - before->lua) / count,
      .kernel = (double)(after->kernel - before->kernel) / 2 / count,
  };
}

// How many connections the limit on descriptors leaves room for, with both ends in this process.
static unsigned find_room(void) {
  struct rlimit limit;
  int lowest = dup(STDERR_FILENO);
  if (lowest < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return FEWEST;
  close(lowest);
  rlim_t used = (rlim_t)lowest + DESCRIPTORS;
  if (limit.rlim_cur <= used) return 0;
  rlim_t room = (limit.rlim_cur - used) / 2;
  return room < ALL ? (unsigned)room : ALL;
}

// The first connection goes alone, so that a refusal is heard of once.
static bool measure(const struct estimate_options *o, struct clients *c,
                    const struct clients_request *request, struct row *row) {
  row->answer = clients_open(c, request, 1);
  if (row->answer != CLIENTS_OPENED) return true;
  log_set_level(LOG_OFF); // the same another thousand times is no news
  row->answer = clients_open(c, request, c->max / (ALL / FIRST) - 1);
  struct sample before = settle(o, c);
  unsigned first = c->count;
  if (row->answer == CLIENTS_OPENED) row->answer = clients_open(c, request, c->max - first);
  struct sample after = settle(o, c);
  log_set_level(o->log_level);
  if (c->count > first) {
    row->opened = c->count - first;
    row->cost = compare(&before, &after, row->opened);
  }
  return before.is_good && after.is_good;
}

static bool measure_server(const struct estimate_options *o, const struct survey *s,
                           struct clients *c, struct row *row) {
  struct buf target;
  buf_init(&target, TARGET_MAX);
  write_target(&target, s, row->server, o->query);
  const struct clients_request request = {
      .port = row->server->port, .target = target.data, .protocol = row->server->protocol};
  bool is_good = measure(o, c, &request, row);
  clients_close(c);
  buf_deinit(&target);
  return is_good;
}

// Output ------------------------------------------------------------------------------------------

static const char *name_server(const struct row *row) {
  return row->server->path ? row->server->path : "(any path)";
}

static void print_answer(int answer) {
  if (answer > 0)
    printf("refused with %d: %s\n", answer, find_hint(answer));
  else
    printf("not answered: %s\n", find_hint(answer));
}

// In the unit that suits; less than nothing is not known.
static void print_size(int width, double bytes) {
  char text[32];
  if (bytes < 0)
    snprintf(text, sizeof text, "?");
  else if (bytes < 2 * KIB)
    snprintf(text, sizeof text, "%.0f B", bytes);
  else if (bytes < MIB)
    snprintf(text, sizeof text, "%.1f KiB", bytes / KIB);
  else
    snprintf(text, sizeof text, "%.1f MiB", bytes / MIB);
  printf("%*s", width, text);
}

static void print_row(const struct row *row, int width) {
  printf("%-*s", width, name_server(row));
  if (row->opened == 0) {
    fputs("  ", stdout);
    print_answer(row->answer);
    return;
  }
  double own = row->cost.c + row->cost.lua;
  // What other programs have done with their sockets meanwhile may be more than all of it.
  bool is_sound = row->cost.kernel > 0 && row->cost.kernel < KERNEL_MAX;
  double kernel = is_sound ? row->cost.kernel : -1;
  printf("%13u", row->opened);
  print_size(10, row->cost.c);
  print_size(10, row->cost.lua);
  print_size(10, kernel);
  print_size(13, own * PROJECTION);
  print_size(11, kernel * PROJECTION);
  puts("");
  if (row->answer == CLIENTS_OPENED) return;
  printf("%-*s  the next was ", width, "");
  print_answer(row->answer);
}

static void print_table(const struct estimate_options *o, const struct row *rows, unsigned count,
                        unsigned room) {
  int width = 0;
  for (unsigned i = 0; i < count; i++) {
    int length = (int)strlen(name_server(&rows[i]));
    if (length > width) width = length;
  }
  printf("%s: memory of idle connections that have sent nothing yet\n\n", o->name);
  printf("%-*s%13s%10s%20s%13s\n", width, "", "", "each:", "", "10,000:");
  printf("%-*s%13s%10s%10s%10s%13s%11s\n", width, "", "connections", "C", "Lua", "kernel",
         "C + Lua", "kernel");
  for (unsigned i = 0; i < count; i++)
    print_row(&rows[i], width);
  puts("\n"
       "C: what luaws has allocated for each. Lua: the handler's objects, and what luaws keeps in "
       "Lua,\n"
       "after a full collection. Kernel: the sockets and their buffers, half of the growth with "
       "both\n"
       "ends here; other programs' are in it, so look at it on a quiet machine only.");
  if (room < ALL)
    printf("The limit on descriptors has not permitted more connections: try ulimit -n %d.\n",
           DESCRIPTORS_WANTED);
}

// The run -----------------------------------------------------------------------------------------

// The survey that follows the main chunk's end; one that waits longer has opened its servers, it
// is to be hoped.
static struct survey *await_script(const struct estimate_options *o) {
  uint64_t end = clock_ms() + LOAD_MS;
  for (;;) {
    struct survey *s = o->survey(o->context);
    if (!s || s->is_loaded || clock_ms() >= end) return s;
    survey_free(s);
    usleep(SETTLE_MS * 1000);
  }
}

static int estimate(const struct estimate_options *o, const struct survey *s) {
  unsigned room = find_room(), opened = 0;
  if (room < FEWEST) {
    fprintf(stderr, "luaws: too few descriptors for an estimate: try ulimit -n %d\n",
            DESCRIPTORS_WANTED);
    return EXIT_FAILURE;
  }
  struct row *rows = mem_zalloc(s->server_count * sizeof *rows);
  struct clients clients;
  clients_init(&clients, room);
  bool is_good = true;
  for (unsigned i = 0; i < s->server_count && is_good; i++) {
    rows[i].server = &s->servers[i];
    is_good = measure_server(o, s, &clients, &rows[i]);
    opened += rows[i].opened;
  }
  clients_deinit(&clients);
  if (is_good) print_table(o, rows, s->server_count, room);
  mem_free(rows);
  return is_good && opened > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int estimate_run(const struct estimate_options *o) {
  struct survey *s = await_script(o);
  int exit_code = EXIT_FAILURE;
  if (!s)
    fputs("luaws: nothing to estimate: the script has ended\n", stderr);
  else if (s->server_count == 0)
    fputs("luaws: nothing to estimate: the script has opened no WebSocket server\n", stderr);
  else
    exit_code = estimate(o, s);
  survey_free(s);
  return exit_code;
}
