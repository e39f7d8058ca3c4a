// The load generator's command line, and the line of JSON that it answers with. Main thread.

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "base/mem.h"
#include "modes.h"
#include "payload.h"

#define SPARE 64 // descriptors, and ports, for what a server or others open besides

static void parse_options(int argc, char **argv, struct options *o);
static double parse_number(const char *name, const char *text, double min, double max);
static void usage(void) __attribute__((noreturn));
static void limit_connections(struct options *o);
static uint64_t count_ports(void);
static void print_result(const struct options *o, const struct result *r);
static void print_speed(const struct options *o, const struct result *r);
static void print_memory(const struct result *r);
static double growth(uint64_t before, uint64_t after);
static double us(uint64_t ns);

int main(int argc, char **argv) {
  struct options options = {.path = "/",
                            .connections = 100,
                            .inflight = 1,
                            .size = 64,
                            .seconds = 2,
                            .warmup = 0.2,
                            .patience = 5,
                            .rate = 1000,
                            .heavy_path = "/work",
                            .address = {.sin_family = AF_INET}};
  options.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  parse_options(argc, argv, &options);
  limit_connections(&options);
  size_t least = payload_min(options.is_json ? PAYLOAD_JSON : PAYLOAD_TEXT);
  if (options.size < least) options.size = least;
  struct result *result = mem_zalloc(sizeof *result);
  if (modes_run(&options, result) != 0) usage();
  print_result(&options, result);
  int status = result->errors > 0 ? 1 : 0;
  mem_free(result);
  return status;
}

static void parse_options(int argc, char **argv, struct options *o) {
  static const struct option options[] = {{"host", required_argument, NULL, 'h'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"path", required_argument, NULL, 'P'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"inflight", required_argument, NULL, 'i'},
                                          {"size", required_argument, NULL, 's'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"warmup", required_argument, NULL, 'w'},
                                          {"patience", required_argument, NULL, 'e'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"pid", required_argument, NULL, 'o'},
                                          {"heavy", required_argument, NULL, 'v'},
                                          {"heavy-rate", required_argument, NULL, 'R'},
                                          {"heavy-path", required_argument, NULL, 'V'},
                                          {"hangups", required_argument, NULL, 'u'},
                                          {"memory-path", required_argument, NULL, 'm'},
                                          {"binary", no_argument, NULL, 'b'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"tls", no_argument, NULL, 'T'},
                                          {"resume", no_argument, NULL, 'U'},
                                          {"pings", no_argument, NULL, 'g'},
                                          {"spin", no_argument, NULL, 'S'},
                                          {"sleep", no_argument, NULL, 'Z'},
                                          {"hold", no_argument, NULL, 'H'},
                                          {NULL, 0, NULL, 0}};
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (c) {
    case 'h':
      if (inet_pton(AF_INET, optarg, &o->address.sin_addr) != 1) usage();
      break;
    case 'p': o->address.sin_port = htons((uint16_t)parse_number("port", optarg, 1, 65535)); break;
    case 'P': o->path = optarg; break;
    case 'c': o->connections = (uint32_t)parse_number("connections", optarg, 1, 1e6); break;
    case 'i': o->inflight = (uint32_t)parse_number("inflight", optarg, 1, 65536); break;
    case 's': o->size = (size_t)parse_number("size", optarg, PAYLOAD_NUMBERS, PAYLOAD_MAX); break;
    case 't': o->seconds = parse_number("seconds", optarg, 0.01, 3600); break;
    case 'w': o->warmup = parse_number("warmup", optarg, 0, 3600); break;
    case 'e': o->patience = parse_number("patience", optarg, 0, 3600); break;
    case 'r': o->rate = parse_number("rate", optarg, 1, 1e6); break;
    case 'o': o->pid = (pid_t)parse_number("pid", optarg, 1, 1e9); break;
    case 'v': o->heavy = (uint32_t)parse_number("heavy", optarg, 0, 1e6); break;
    case 'R': o->heavy_rate = parse_number("heavy-rate", optarg, 0, 1e6); break;
    case 'V': o->heavy_path = optarg; break;
    case 'u': o->hangups = (uint32_t)parse_number("hangups", optarg, 0, 1e6); break;
    case 'm': o->memory_path = optarg; break;
    case 'b': o->is_binary = true; break;
    case 'j': o->is_json = true; break;
    case 'T': o->is_secure = true; break;
    case 'U': o->is_secure = o->resumes = true; break;
    case 'g': o->pings = true; break;
    case 'S': o->spins = true; break;
    case 'Z': o->sleeps = true; break;
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
          "            [--inflight N] [--size BYTES] [--seconds S] [--warmup S] [--patience S]\n"
          "            [--pid SERVER] [--binary] [--json] [--tls] [--resume] [--rate N] [--spin]\n"
          "            [--sleep] [--pings] [--heavy N] [--heavy-rate N] [--heavy-path /work]\n"
          "            [--hangups N] [--memory-path PATH] [--hold]\n",
          modes_names);
  exit(2);
}

// As many connections as descriptors permit, on this side and (started with the same limit) on the
// server's, and as there are ports for.
static void limit_connections(struct options *o) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  uint64_t most = limit.rlim_max == RLIM_INFINITY ? UINT32_MAX : limit.rlim_max;
  uint64_t ports = count_ports();
  if (ports < most) most = ports;
  if (most > SPARE && o->connections > most - SPARE) o->connections = (uint32_t)(most - SPARE);
}

// How many the kernel has for connections to one address.
static uint64_t count_ports(void) {
  unsigned first, last;
  FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
  int found = file != NULL ? fscanf(file, "%u %u", &first, &last) : 0;
  if (file != NULL) fclose(file);
  return found == 2 && last >= first ? last - first + 1 : UINT32_MAX;
}

static void print_result(const struct options *o, const struct result *r) {
  printf("{\"mode\":\"%s\",\"connections\":%" PRIu32 ",\"inflight\":%" PRIu32 ",\"size\":%zu",
         o->mode, r->opened, o->inflight, o->size);
  printf(",\"errors\":%" PRIu32, r->errors);
  if (r->used.server > 0) print_memory(r);
  if (r->seconds > 0) print_speed(o, r);
  if (o->pid != 0 && r->messages > 0)
    printf(",\"server_cpu\":%.3f,\"server_us\":%.4f,\"limited\":%d", r->server_cpu,
           us(r->server_ns) / (double)r->messages, r->limited);
  printf("}\n");
}

static void print_speed(const struct options *o, const struct result *r) {
  printf(",\"seconds\":%.3f,\"messages\":%" PRIu64 ",\"rate\":%.1f", r->seconds, r->messages,
         (double)r->messages / r->seconds);
  printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f",
         us(histogram_quantile(&r->latency, 0.5)), us(histogram_quantile(&r->latency, 0.99)),
         us(histogram_quantile(&r->latency, 0.999)), us(r->latency.max));
  printf(",\"own_cpu\":%.3f", r->own_cpu);
  if (r->late.count > 0)
    printf(",\"spun\":%d,\"late_p50_us\":%.1f,\"late_p99_us\":%.1f,\"late_p999_us\":%.1f", r->spun,
           us(histogram_quantile(&r->late, 0.5)), us(histogram_quantile(&r->late, 0.99)),
           us(histogram_quantile(&r->late, 0.999)));
  if (o->resumes) printf(",\"resumed\":%" PRIu64, r->resumed);
  if (o->heavy > 0) printf(",\"heavy_rate\":%.1f", (double)r->heavy / r->seconds);
}

// Bytes per connection; the kernel's for one end of it, as both are on this machine.
static void print_memory(const struct result *r) {
  double connections = (double)(r->opened - r->base);
  printf(",\"memory_open\":%.0f,\"memory_used\":%.0f",
         growth(r->before.server, r->untouched.server) / connections,
         growth(r->before.server, r->used.server) / connections);
  printf(",\"kernel_open\":%.0f,\"kernel_used\":%.0f",
         growth(r->before.kernel, r->untouched.kernel) / connections / 2,
         growth(r->before.kernel, r->used.kernel) / connections / 2);
  if (r->before.script > 0)
    printf(",\"script_open\":%.0f,\"script_used\":%.0f",
           growth(r->before.script, r->untouched.script) / connections,
           growth(r->before.script, r->used.script) / connections);
}

static double growth(uint64_t before, uint64_t after) {
  return (double)after - (double)before;
}

static double us(uint64_t ns) {
  return (double)ns / 1000;
}
