#ifndef HTTP_EXTENSION_H
#define HTTP_EXTENSION_H

// The grammar of Sec-WebSocket-Extensions (RFC 6455 section 9.1): a list of extensions, each with
// parameters, over any number of headers. Blanks may stand between all its parts, and elements of
// the list may be empty, as in RFC 2616, whose rules it refers to. Pure.

#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"
#include "http/request.h"

#define HTTP_EXTENSIONS_MAX 64 // extensions that a peer may name

struct http_extension {
  struct span name;
  struct span params; // as they stand, for http_extension_next_param
};

struct http_extension_param {
  struct span name;
  struct span value; // .p NULL: none. Without the quotes of a quoted string, but as it stands in
                     // them: a backslash belongs to the character behind it
};

enum http_extensions {
  HTTP_EXTENSIONS_FINE, // or none
  HTTP_EXTENSIONS_MALFORMED,
  HTTP_EXTENSIONS_TOO_MANY,
};

// Goes through all of it. A header without any extension is malformed, and so is a quoted value
// that is no token when its backslashes are gone.
enum http_extensions http_extension_check(const struct http_header *headers, size_t count);

// Steps through the extensions of headers that have been checked. *at starts zeroed. False: no
// more.
struct http_extension_iter {
  size_t header;
  struct span rest; // of the header before that
};
bool http_extension_next(const struct http_header *headers, size_t count,
                         struct http_extension_iter *at, struct http_extension *extension);

// Steps through the parameters of such an extension. False: no more.
bool http_extension_next_param(struct span *params, struct http_extension_param *param);

#endif
