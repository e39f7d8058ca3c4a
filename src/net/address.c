// Addresses. No state.

#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

const char *address_unix_path(const char *host) {
  return strncmp(host, "unix:", 5) == 0 ? host + 5 : NULL;
}

static int resolve_unix(const char *path, struct address *a, struct err *err) {
  struct sockaddr_un *un = (struct sockaddr_un *)&a->storage;
  if (path[0] == '\0' || strlen(path) >= sizeof un->sun_path) {
    err_set(err, ERR_UV__, -EAI_NONAME, "bad host 'unix:%s': a path of 1 to %zu bytes is needed",
            path, sizeof un->sun_path - 1);
    return ERR_INVALID;
  }
  memset(un, 0, sizeof *un);
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, path, strlen(path) + 1);
  a->size = sizeof *un;
  return 1;
}

int address_resolve(const char *host, uint16_t port, struct address *list, int max,
                    struct err *err) {
  const char *path = address_unix_path(host);
  if (path) return resolve_unix(path, &list[0], err);

  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  char service[8];
  snprintf(service, sizeof service, "%u", port);
  int status = host[0] == '\0' ? EAI_NONAME : getaddrinfo(host, service, &hints, &found);
  if (status != 0) {
    err_set(err, ERR_UV__, status, "bad host '%s': %s", host, gai_strerror(status));
    return ERR_INVALID;
  }
  int count = 0;
  for (struct addrinfo *i = found; i && count < max; i = i->ai_next) {
    memcpy(&list[count].storage, i->ai_addr, i->ai_addrlen);
    list[count++].size = i->ai_addrlen;
  }
  freeaddrinfo(found);
  return count;
}

bool address_parse(const char *host, uint16_t port, struct address *a) {
  char bare[ADDRESS_TEXT_MAX], service[8];
  size_t n = strlen(host);
  if (n > 2 && host[0] == '[' && host[n - 1] == ']') host++, n -= 2;
  if (n == 0 || n >= sizeof bare) return false;
  memcpy(bare, host, n);
  bare[n] = '\0';
  snprintf(service, sizeof service, "%u", port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  if (getaddrinfo(bare, service, &hints, &found) != 0) return false;
  *a = (struct address){.size = found->ai_addrlen};
  memcpy(&a->storage, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return true;
}

// As inet_ntop does it, without printf.
static void write_ipv4(const void *address, char *text) {
  const unsigned char *bytes = address;
  for (int i = 0; i < 4; i++) {
    unsigned byte = bytes[i];
    if (byte >= 100) *text++ = (char)('0' + byte / 100);
    if (byte >= 10) *text++ = (char)('0' + byte / 10 % 10);
    *text++ = (char)('0' + byte % 10);
    *text++ = i < 3 ? '.' : '\0';
  }
}

void address_text(const struct address *a, char text[ADDRESS_TEXT_MAX], uint16_t *port) {
  text[0] = '\0';
  *port = 0;
  if (a->storage.ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;
    write_ipv4(&in->sin_addr, text);
    *port = ntohs(in->sin_port);
  } else if (a->storage.ss_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&a->storage;
    const char *mapped = (const char *)in->sin6_addr.s6_addr + 12;
    if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr))
      write_ipv4(mapped, text);
    else
      inet_ntop(AF_INET6, &in->sin6_addr, text, ADDRESS_TEXT_MAX);
    *port = ntohs(in->sin6_port);
  }
}
