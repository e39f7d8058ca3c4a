// Fuzzes NO_PROXY: two bytes of port, then a host, a line end and the list. What an entry matches,
// it matches alone as well; whoever stands in the list is found; and nothing is read past an end.

#include <assert.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/noproxy.h"
#include "http/url.h"
#include "support/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// As the list itself is read, but by each entry for itself.
static bool has_one_by_one(struct span list, struct span host, uint16_t port) {
  size_t from = 0;
  bool found = false;
  for (size_t i = 0; i <= list.n; i++) {
    if (i < list.n && list.p[i] != ',' && list.p[i] != ' ' && list.p[i] != '\t') continue;
    char *entry = (char *)input_copy(list.p + from, i - from);
    found = http_noproxy_has((struct span){entry, i - from}, host, port) || found;
    mem_free(entry);
    from = i + 1;
  }
  return found;
}

// The list and the host itself behind it, without and with a port.
static void check_own_entry(struct span list, struct span host, uint16_t port) {
  struct buf own;
  uint16_t other = port ^ 1;
  bool has_other = http_noproxy_has(list, host, other);
  buf_init(&own, SIZE_MAX);
  buf_append(&own, list.p, list.n);
  buf_printf(&own, ", %.*s:%u", (int)host.n, host.p, port);
  bool is_there = http_noproxy_has(buf_span(&own), host, port);
  assert(is_there && http_noproxy_has(buf_span(&own), host, other) == has_other);
  buf_printf(&own, ", %.*s", (int)host.n, host.p);
  is_there = http_noproxy_has(buf_span(&own), host, other);
  assert(is_there);
  buf_deinit(&own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  uint16_t port = (uint16_t)(input_byte(&in) << 8 | input_byte(&in));
  char *copy = (char *)input_copy(in.p, in.n);
  struct span list = {copy, in.n}, host = input_part(&list, '\n');
  bool found = http_noproxy_has(list, host, port);
  assert(found == has_one_by_one(list, host, port));

  struct span name, none;
  bool is_host = http_url_split_authority(host, &name, &none) && !none.p && name.n > 0;
  if (is_host && !memchr(".*", host.p[0], 2) && !memchr(host.p, ',', host.n))
    check_own_entry(list, host, port);
  mem_free(copy);
  return 0;
}
