// permessage-deflate, negotiated. Pure.

#include "http/deflate.h"

#include <stdio.h>
#include "http/extension.h"

#define NAME               SPAN("permessage-deflate")
#define SERVER_NO_TAKEOVER "server_no_context_takeover"
#define CLIENT_NO_TAKEOVER "client_no_context_takeover"
#define SERVER_BITS        "server_max_window_bits"
#define CLIENT_BITS        "client_max_window_bits"

enum {
  BITS_LEAST = 8,      // of RFC 7692
  BITS_LEAST_ZLIB = 9, // that zlib can compress with
  BITS_MOST = 15,
  PARAM_MAX = 32, // characters of a parameter with its bits, and a NUL
};

enum given { GIVEN_NOT, GIVEN_BARE, GIVEN_VALUE };

struct bits {
  enum given given;
  uint8_t value; // if it has one
};

// The parameters of an offer or an answer.
struct params {
  bool server_no_takeover;
  bool client_no_takeover;
  struct bits server;
  struct bits client;
};

static const char *read_params(const struct http_extension *e, struct params *p);
static bool meet(const struct params *offer, const struct http_deflate_policy *policy,
                 struct http_deflate *agreed, char answer[HTTP_DEFLATE_ANSWER_MAX]);
static const char *check_answer(const struct params *p, const struct http_deflate_policy *policy);
static void write_bits(char out[PARAM_MAX], const char *name, uint8_t bits);
static uint8_t least(uint8_t a, uint8_t b);

bool http_deflate_accept(const struct http_request *r, const struct http_deflate_policy *policy,
                         struct http_deflate *agreed, char answer[HTTP_DEFLATE_ANSWER_MAX]) {
  struct http_extension_iter at = {0};
  struct http_extension e;
  struct params offer;
  const struct http_header *headers = http_request_headers(r);
  while (http_extension_next(headers, http_request_header_count(r), &at, &e)) {
    if (!span_eq(e.name, NAME) || read_params(&e, &offer) != NULL) continue;
    if (meet(&offer, policy, agreed, answer)) return true;
  }
  return false;
}

void http_deflate_offer(const struct http_deflate_policy *policy,
                        char offer[HTTP_DEFLATE_OFFER_MAX]) {
  char server[PARAM_MAX] = "", client[PARAM_MAX] = "; " CLIENT_BITS;
  if (policy->window_bits < BITS_MOST) {
    write_bits(server, SERVER_BITS, policy->window_bits);
    write_bits(client, CLIENT_BITS, policy->window_bits);
  }
  const char *takeover =
      policy->context_takeover ? "" : "; " SERVER_NO_TAKEOVER "; " CLIENT_NO_TAKEOVER;
  snprintf(offer, HTTP_DEFLATE_OFFER_MAX, "permessage-deflate%s%s%s", takeover, server, client);
}

const char *http_deflate_check(const struct http_header *headers, size_t count,
                               const struct http_deflate_policy *policy,
                               struct http_deflate *agreed, bool *is_on) {
  struct http_extension_iter at = {0};
  struct http_extension e;
  struct params answer;
  *is_on = false;
  if (http_extension_check(headers, count) != HTTP_EXTENSIONS_FINE)
    return "the server's Sec-WebSocket-Extensions header is malformed";
  while (http_extension_next(headers, count, &at, &e)) {
    if (!policy || !span_eq(e.name, NAME))
      return "the server has chosen an extension that was not offered";
    if (*is_on) return "the server has chosen permessage-deflate twice";
    const char *why = read_params(&e, &answer);
    if (!why) why = check_answer(&answer, policy);
    if (why) return why;
    *is_on = true;
  }
  if (!*is_on) return NULL;
  uint8_t server = answer.server.given ? answer.server.value : BITS_MOST;
  uint8_t client = answer.client.given ? answer.client.value : BITS_MOST;
  *agreed = (struct http_deflate){
      .server_bits = server < BITS_LEAST_ZLIB ? BITS_LEAST_ZLIB : server,
      .client_bits = least(policy->window_bits, client),
      .server_takeover = !answer.server_no_takeover,
      .client_takeover = !answer.client_no_takeover && policy->context_takeover,
  };
  return NULL;
}

// A decimal number from 8 to 15 without leading zeros (RFC 7692 section 7.1.2). Backslashes, which
// a quoted string may have, are none of it.
static bool read_bits(struct span text, uint8_t *bits) {
  unsigned number = 0, digits = 0;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] == '\\') continue;
    if (text.p[i] < '0' || text.p[i] > '9' || ++digits > 2) return false;
    if (number == 0 && digits == 2) return false;
    number = number * 10 + (unsigned)(text.p[i] - '0');
  }
  *bits = (uint8_t)number;
  return number >= BITS_LEAST && number <= BITS_MOST;
}

#define ANSWERED "the server has answered permessage-deflate with "

static const char *read_flag(const struct http_extension_param *param, bool *flag) {
  if (*flag) return ANSWERED "the same parameter twice";
  if (param->value.p) return ANSWERED "a value for a parameter that has none";
  *flag = true;
  return NULL;
}

static const char *read_bits_param(const struct http_extension_param *param, struct bits *bits,
                                   bool may_be_bare) {
  if (bits->given) return ANSWERED "the same parameter twice";
  bits->given = param->value.p ? GIVEN_VALUE : GIVEN_BARE;
  bool is_fine = param->value.p ? read_bits(param->value, &bits->value) : may_be_bare;
  return is_fine ? NULL : ANSWERED "a window that isn't 8 to 15 bits";
}

// NULL, or what is wrong with them.
static const char *read_params(const struct http_extension *e, struct params *p) {
  struct span rest = e->params;
  struct http_extension_param param;
  *p = (struct params){0};
  while (http_extension_next_param(&rest, &param)) {
    const char *why = ANSWERED "an unknown parameter";
    if (span_eq(param.name, SPAN(SERVER_NO_TAKEOVER)))
      why = read_flag(&param, &p->server_no_takeover);
    else if (span_eq(param.name, SPAN(CLIENT_NO_TAKEOVER)))
      why = read_flag(&param, &p->client_no_takeover);
    else if (span_eq(param.name, SPAN(SERVER_BITS)))
      why = read_bits_param(&param, &p->server, false);
    else if (span_eq(param.name, SPAN(CLIENT_BITS)))
      why = read_bits_param(&param, &p->client, true);
    if (why) return why;
  }
  return NULL;
}

// Agrees on what an offer asks for and the policy allows. False: it can't be met.
static bool meet(const struct params *offer, const struct http_deflate_policy *policy,
                 struct http_deflate *agreed, char answer[HTTP_DEFLATE_ANSWER_MAX]) {
  char server[PARAM_MAX] = "", client[PARAM_MAX] = "";
  uint8_t server_bits = least(policy->window_bits, offer->server.given ? offer->server.value : 15);
  if (server_bits < BITS_LEAST_ZLIB) return false;
  // A parameter that was offered must be answered (section 7.1.2.1).
  if (offer->server.given || server_bits < BITS_MOST) write_bits(server, SERVER_BITS, server_bits);
  // One that wasn't must not be (section 7.1.2.2): then the client may use what it likes.
  uint8_t client_bits = BITS_MOST;
  if (offer->client.given == GIVEN_VALUE) client_bits = offer->client.value;
  if (offer->client.given) client_bits = least(policy->window_bits, client_bits);
  if (client_bits < BITS_MOST) write_bits(client, CLIENT_BITS, client_bits);
  *agreed = (struct http_deflate){
      .server_bits = server_bits,
      .client_bits = client_bits < BITS_LEAST_ZLIB ? BITS_LEAST_ZLIB : client_bits,
      .server_takeover = policy->context_takeover && !offer->server_no_takeover,
      .client_takeover = policy->context_takeover && !offer->client_no_takeover,
  };
  snprintf(answer, HTTP_DEFLATE_ANSWER_MAX, "permessage-deflate%s%s%s%s",
           agreed->server_takeover ? "" : "; " SERVER_NO_TAKEOVER,
           agreed->client_takeover ? "" : "; " CLIENT_NO_TAKEOVER, server, client);
  return true;
}

// Whether an answer is one to our offer; NULL, or why not.
static const char *check_answer(const struct params *p, const struct http_deflate_policy *policy) {
  uint8_t server = p->server.given ? p->server.value : BITS_MOST;
  if (!policy->context_takeover && !p->server_no_takeover)
    return ANSWERED "no " SERVER_NO_TAKEOVER ", which was asked for";
  if (server > policy->window_bits) return ANSWERED "a larger window than was asked for";
  if (p->client.given == GIVEN_BARE) return ANSWERED "a " CLIENT_BITS " without a value";
  if (!p->client.given) return NULL;
  if (p->client.value > policy->window_bits)
    return ANSWERED "a larger " CLIENT_BITS " than was offered";
  if (p->client.value < BITS_LEAST_ZLIB)
    return ANSWERED "a " CLIENT_BITS " of 8, which zlib can't compress with";
  return NULL;
}

static void write_bits(char out[PARAM_MAX], const char *name, uint8_t bits) {
  snprintf(out, PARAM_MAX, "; %s=%u", name, bits);
}

static uint8_t least(uint8_t a, uint8_t b) {
  return a < b ? a : b;
}
