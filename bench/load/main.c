// The load generator's command line, and the line of JSON that it answers with. Main thread.

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "base/mem.h"
#include "client.h"
#include "modes.h"

#define SPARE_DESCRIPTORS 64 // for what a server or the generator opens besides its connections

static void parse_options(int argc, char **argv, struct options *o);
static double parse_number(const char *name, const char *text, double min, double max);
static void usage(void) __attribute__((noreturn));
static void limit_connections(struct options *o);
static void print_result(const struct options *o, const struct result *r);
static void print_memory(const struct result *r);
static double us(uint64_t ns);

int main(int argc, char **argv) {
  struct options options = {.path = "/",
                            .connections = 100,
                            .inflight = 1,
                            .size = 64,
                            .seconds = 2,
                            .warmup = 0.2,
                            .rate = 1000,
                            .address = {.sin_family = AF_INET}};
  options.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  parse_options(argc, argv, &options);
  limit_connections(&options);
  struct result *result = mem_zalloc(sizeof *result);
  if (modes_run(&options, result) != 0) usage();
  print_result(&options, result);
  int status = result->errors > 0 ? 1 : 0;
  mem_free(result);
  return status;
}

static void parse_options(int argc, char **argv, struct options *o) {
  static const struct option options[] = {
      {"host", required_argument, NULL, 'h'},     {"port", required_argument, NULL, 'p'},
      {"path", required_argument, NULL, 'P'},     {"connections", required_argument, NULL, 'c'},
      {"inflight", required_argument, NULL, 'i'}, {"size", required_argument, NULL, 's'},
      {"seconds", required_argument, NULL, 't'},  {"warmup", required_argument, NULL, 'w'},
      {"rate", required_argument, NULL, 'r'},     {"pid", required_argument, NULL, 'o'},
      {"binary", no_argument, NULL, 'b'},         {"spin", no_argument, NULL, 'S'},
      {"hold", no_argument, NULL, 'H'},           {NULL, 0, NULL, 0}};
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (c) {
    case 'h':
      if (inet_pton(AF_INET, optarg, &o->address.sin_addr) != 1) usage();
      break;
    case 'p': o->address.sin_port = htons((uint16_t)parse_number("port", optarg, 1, 65535)); break;
    case 'P': o->path = optarg; break;
    case 'c': o->connections = (uint32_t)parse_number("connections", optarg, 1, 1e6); break;
    case 'i': o->inflight = (uint32_t)parse_number("inflight", optarg, 1, 65536); break;
    case 's':
      o->size = (size_t)parse_number("size", optarg, CLIENT_SIZE_MIN, CLIENT_SIZE_MAX);
      break;
    case 't': o->seconds = parse_number("seconds", optarg, 0.01, 3600); break;
    case 'w': o->warmup = parse_number("warmup", optarg, 0, 3600); break;
    case 'r': o->rate = parse_number("rate", optarg, 1, 1e6); break;
    case 'o': o->pid = (pid_t)parse_number("pid", optarg, 1, 1e9); break;
    case 'b': o->is_binary = true; break;
    case 'S': o->spin = true; break;
    case 'H': o->hold = true; break;
    default: usage();
    }
  }
  if (optind != argc - 1 || o->address.sin_port == 0) usage();
  o->mode = argv[optind];
}

static double parse_number(const char *name, const char *text, double min, double max) {
  char *end;
  double value = strtod(text, &end);
  if (*text != 0 && *end == 0 && value >= min && value <= max) return value;
  fprintf(stderr, "load: --%s takes a number from %g to %g, not '%s'\n", name, min, max, text);
  exit(2);
}

static void usage(void) {
  fprintf(stderr,
          "usage: load %s --port N [--host IPv4] [--path /] [--connections N]\n"
          "            [--inflight N] [--size BYTES] [--seconds S] [--warmup S] [--rate N]\n"
          "            [--pid SERVER] [--binary] [--spin] [--hold]\n",
          modes_names);
  exit(2);
}

// As many connections as the limit on descriptors permits, on this side and (started with the
// same limit) on the server's.
static void limit_connections(struct options *o) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max <= SPARE_DESCRIPTORS) return;
  rlim_t most = limit.rlim_max - SPARE_DESCRIPTORS;
  if (o->connections > most) o->connections = (uint32_t)most;
}

static void print_result(const struct options *o, const struct result *r) {
  printf("{\"mode\":\"%s\",\"connections\":%" PRIu32 ",\"inflight\":%" PRIu32 ",\"size\":%zu",
         o->mode, r->opened, o->inflight, o->size);
  printf(",\"errors\":%" PRIu32, r->errors);
  if (r->memory_open > 0) print_memory(r);
  if (r->seconds > 0) {
    printf(",\"seconds\":%.3f,\"messages\":%" PRIu64 ",\"rate\":%.1f", r->seconds, r->messages,
           (double)r->messages / r->seconds);
    printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f",
           us(histogram_quantile(&r->latency, 0.5)), us(histogram_quantile(&r->latency, 0.99)),
           us(histogram_quantile(&r->latency, 0.999)), us(r->latency.max));
    printf(",\"own_cpu\":%.3f", r->own_cpu);
  }
  if (o->pid != 0 && r->messages > 0)
    printf(",\"server_cpu\":%.3f,\"server_us\":%.4f", r->server_cpu,
           us(r->server_ns) / (double)r->messages);
  printf("}\n");
}

// Bytes per connection.
static void print_memory(const struct result *r) {
  double connections = (double)(r->opened - r->memory_base);
  printf(",\"memory_open\":%.0f,\"memory_used\":%.0f",
         ((double)r->memory_open - (double)r->memory_before) / connections,
         ((double)r->memory_used - (double)r->memory_before) / connections);
}

static double us(uint64_t ns) {
  return (double)ns / 1000;
}
