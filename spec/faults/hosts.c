// Names that resolve to what a spec says: linked into luaws-faults, whose getaddrinfo this is. The
// program's own comes before that of the C library for libuv, too, so that luaws itself holds no
// code for tests. Any thread.
//
// LUAWS_HOSTS is a list of entries, separated by blanks: NAME=FOUND or NAME?PATH=FOUND
//
//   FOUND  addresses in their order, separated by commas ("::1,127.0.0.1"), or the name of an error
//          (EAI_NONAME, EAI_AGAIN, ...)
//   PATH   as long as there is a file of that name, the look-up takes
//
// All other names are the system's affair.

#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOLD_US = 1000, TEXT_MAX = 1024 };

typedef int (*look_up_fn)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static const struct {
  const char *name;
  int error;
} ERRORS[] = {
    {"EAI_NONAME", EAI_NONAME}, {"EAI_AGAIN", EAI_AGAIN},   {"EAI_FAIL", EAI_FAIL},
    {"EAI_MEMORY", EAI_MEMORY}, {"EAI_SYSTEM", EAI_SYSTEM}, {"EAI_NODATA", EAI_NODATA},
};

static int look_up(const char *host, const char *service, const struct addrinfo *hints,
                   struct addrinfo **found) {
  void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
  look_up_fn real;
  memcpy(&real, &symbol, sizeof real); // what ISO C has no cast for
  return real(host, service, hints, found);
}

// What is said of the name, NULL: nothing. In `text`, which it changes.
static char *find_entry(char *text, const char *host) {
  char *rest = NULL;
  for (char *entry = strtok_r(text, " ", &rest); entry; entry = strtok_r(NULL, " ", &rest)) {
    size_t n = strcspn(entry, "?=");
    if (strlen(host) == n && strncmp(entry, host, n) == 0) return entry + n;
  }
  return NULL;
}

// One list of addresses after the other.
static int add_address(const char *address, const char *service, const struct addrinfo *hints,
                       struct addrinfo ***end) {
  struct addrinfo numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  int status = look_up(address, service, &numeric, *end);
  while (status == 0 && **end)
    *end = &(**end)->ai_next;
  return status;
}

static int tell(char *list, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++)
    if (strcmp(list, ERRORS[i].name) == 0) return ERRORS[i].error;
  struct addrinfo **end = found;
  int status = EAI_NONAME;
  char *rest = NULL;
  *found = NULL;
  for (char *one = strtok_r(list, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
    status = add_address(one, service, hints, &end);
    if (status != 0) break;
  }
  return status;
}

__attribute__((visibility("default"))) int getaddrinfo(const char *host, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **found) {
  const char *hosts = getenv("LUAWS_HOSTS");
  char text[TEXT_MAX];
  bool is_number = hints && hints->ai_flags & AI_NUMERICHOST;
  if (!hosts || !host || is_number) return look_up(host, service, hints, found);
  snprintf(text, sizeof text, "%s", hosts);
  char *entry = find_entry(text, host);
  if (!entry) return look_up(host, service, hints, found);
  char *list = strchr(entry, '=');
  if (!list) {
    fprintf(stderr, "faults: can't read '%s' in LUAWS_HOSTS\n", hosts);
    exit(2);
  }
  *list++ = '\0';
  while (*entry == '?' && access(entry + 1, F_OK) == 0)
    usleep(HOLD_US);
  return tell(list, service, hints, found);
}
