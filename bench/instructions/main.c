// Counts instructions per message: run under callgrind with the name of a line, it leaves two
// dumps, one of the reactor's part and one of the worker's (bench/instructions/run does that, and
// compares). Without valgrind it does the same, uncounted. Main thread.

#include <lua.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "instructions/client.h"
#include "instructions/stage.h"
#include "ws/frame.h"
#include "ws/mask.h"

#define SCRIPT "bench/peers/luaws_peer.lua"

enum { CLIENTS_MAX = 100, TURNS_MAX = 1000, LABEL_MAX = 256, WARMUP = 4 };

// In a step each sender says `burst` messages, and to each client `replies` come: they are what is
// counted. Without any a step is a connect of all clients.
struct line {
  const char *name;
  const char *mode; // the script's argument
  size_t size;      // of the text that is sent; 0: DOCUMENT
  unsigned clients, senders, burst, replies;
  unsigned steps;
};

static const struct line LINES[] = {
    {"echo64x1", "echo", 64, 100, 100, 1, 1, 160},
    {"echo64x16", "echo", 64, 100, 100, 16, 16, 12},
    {"echo64k", "echo", 65536, 10, 10, 1, 1, 40},
    {"json", "json", 0, 100, 100, 4, 4, 20},
    {"broadcast", "broadcast", 64, 100, 1, 8, 8, 24},
    {"publish", "publish", 64, 100, 1, 8, 8, 24},
    {"foreach", "foreach", 64, 100, 1, 8, 8, 24},
    {"connect", "echo", 0, 100, 0, 0, 0, 20},
};

static const char DOCUMENT[] =
    "{\"id\":184467,\"type\":\"order\",\"customer\":{\"name\":\"Ann Example\",\"city\":\"Lyon\","
    "\"tags\":[\"new\",\"paid\",\"gift\"]},\"items\":[{\"sku\":\"A-1001\",\"count\":2,"
    "\"price\":12.5},{\"sku\":\"B-2002\",\"count\":1,\"price\":99.95}],\"total\":124.95,"
    "\"note\":\"Please ring twice, the bell is slow.\",\"shipped\":false,\"coupon\":null}";

static const uint8_t KEY[4] = {0x37, 0xfa, 0x21, 0x3d};

static struct stage stage;
static struct client clients[CLIENTS_MAX];

// What is said and heard in a step.
struct talk {
  uint8_t *said; // by each sender
  size_t said_len;
  uint8_t *heard; // by each client
  size_t heard_len;
  uint8_t *in; // room for as much
};

static void fail(const char *why) {
  fprintf(stderr, "luaws-instructions: %s\n", why);
  exit(EXIT_FAILURE);
}

// Connections ------------------------------------------------------------------------------------

static void connect_all(const struct line *line) {
  unsigned open = 0;
  for (unsigned i = 0; i < line->clients; i++)
    client_open(&clients[i], stage.port);
  for (int turn = 0; turn < TURNS_MAX && open < line->clients; turn++) {
    stage_turn(&stage);
    while (open < line->clients && client_accepted(&clients[open]))
      open++;
  }
  if (open < line->clients) fail("not every client was let in");
}

static void disconnect_all(const struct line *line) {
  for (unsigned i = 0; i < line->clients; i++)
    client_close(&clients[i]);
  for (int turn = 0; turn < TURNS_MAX && stage_connections(&stage) > 0; turn++)
    stage_turn(&stage);
  if (stage_connections(&stage) > 0) fail("not every connection has ended");
}

static void connect_step(const struct line *line) {
  enum stage_part counted = stage.counted;
  connect_all(line);
  stage.counted = STAGE_NOTHING;
  disconnect_all(line);
  stage.counted = counted;
}

// Messages ---------------------------------------------------------------------------------------

static char *make_payload(const struct line *line, size_t *size) {
  if (line->size == 0) {
    *size = sizeof DOCUMENT - 1;
    return mem_dup(DOCUMENT, *size);
  }
  *size = line->size;
  char *text = mem_alloc(*size);
  for (size_t i = 0; i < *size; i++)
    text[i] = (char)(' ' + i * 7 % 95);
  return text;
}

// `count` frames, masked or not.
static uint8_t *make_frames(const char *payload, size_t size, unsigned count, const uint8_t *key,
                            size_t *length) {
  static const uint8_t NO_KEY[4];
  uint8_t *frames = mem_alloc(count * (WS_FRAME_HEADER_MAX + size));
  uint8_t *at = frames;
  for (unsigned i = 0; i < count; i++) {
    at += ws_frame_write(at, WS_OPCODE_TEXT, true, false, size, key);
    ws_mask_copy(at, (const uint8_t *)payload, size, key ? key : NO_KEY, 0);
    at += size;
  }
  *length = (size_t)(at - frames);
  return frames;
}

// The members of an object come back in an order of their own: the first reply, of the payload's
// length, tells in which.
static void learn_reply(const uint8_t *message, size_t message_len, uint8_t *reply,
                        size_t reply_len) {
  size_t got = 0;
  client_say(&clients[0], message, message_len);
  for (int turn = 0; turn < TURNS_MAX && got < reply_len; turn++) {
    client_send(&clients[0]);
    stage_turn(&stage);
    got += client_receive(&clients[0], reply + got, reply_len - got);
  }
  if (got < reply_len) fail("no reply");
}

static struct talk make_talk(const struct line *line) {
  struct talk talk;
  size_t size;
  char *payload = make_payload(line, &size);
  talk.said = make_frames(payload, size, line->burst, KEY, &talk.said_len);
  talk.heard = make_frames(payload, size, line->replies, NULL, &talk.heard_len);
  if (line->size == 0) {
    size_t message_len = talk.said_len / line->burst, reply_len = talk.heard_len / line->replies;
    learn_reply(talk.said, message_len, talk.heard, reply_len);
    for (unsigned i = 1; i < line->replies; i++)
      memcpy(talk.heard + i * reply_len, talk.heard, reply_len);
  }
  talk.in = mem_alloc(talk.heard_len);
  mem_free(payload);
  return talk;
}

static void free_talk(struct talk *talk) {
  mem_free(talk->said);
  mem_free(talk->heard);
  mem_free(talk->in);
}

// One after the other reads what is its due; the turns go on until all have. Long messages go in
// pieces.
static void hear_all(const struct line *line, struct talk *talk) {
  unsigned heard = 0;
  size_t got = 0;
  for (int turn = 0; turn < TURNS_MAX && heard < line->clients; turn++) {
    for (unsigned i = 0; i < line->senders; i++)
      client_send(&clients[i]);
    stage_turn(&stage);
    while (heard < line->clients) {
      got += client_receive(&clients[heard], talk->in + got, talk->heard_len - got);
      if (got < talk->heard_len) break;
      if (memcmp(talk->in, talk->heard, got) != 0) fail("a reply is not what it should be");
      heard++;
      got = 0;
    }
  }
  if (heard < line->clients) fail("not every reply has come");
}

static void message_step(const struct line *line, struct talk *talk) {
  for (unsigned i = 0; i < line->senders; i++)
    client_say(&clients[i], talk->said, talk->said_len);
  hear_all(line, talk);
}

// Counting ---------------------------------------------------------------------------------------

static void step(const struct line *line, struct talk *talk, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    if (line->replies > 0)
      message_step(line, talk);
    else
      connect_step(line);
  }
}

static void count(const struct line *line, struct talk *talk, enum stage_part part) {
  static const char *const NAMES[] = {[STAGE_REACTOR] = "reactor", [STAGE_WORKER] = "worker"};
  char label[LABEL_MAX];
  unsigned units = line->clients * (line->replies > 0 ? line->replies : 1);
  snprintf(label, sizeof label, "%s %s %u", line->name, NAMES[part], line->steps * units);
  stage.counted = part;
  step(line, talk, line->steps);
  stage.counted = STAGE_NOTHING;
  stage_dump(label);
}

static void run(const struct line *line) {
  struct talk talk = {NULL};
  stage_open(&stage, SCRIPT, line->mode);
  if (line->replies > 0) {
    connect_all(line);
    talk = make_talk(line);
  }
  step(line, &talk, line->steps / WARMUP);
  count(line, &talk, STAGE_REACTOR);
  count(line, &talk, STAGE_WORKER);
  if (line->replies > 0) disconnect_all(line);
  stage_close(&stage);
  free_talk(&talk);
}

// What the counts depend on, beside the sources.
static void print_platform(void) {
#if defined(__clang__)
  printf("clang %d", __clang_major__);
#else
  printf("gcc %d", __GNUC__);
#endif
#if defined(__x86_64__)
  printf(", x86_64%s", __builtin_cpu_supports("avx2") ? " with AVX2" : "");
#elif defined(__aarch64__)
  printf(", aarch64");
#else
  printf(", unknown processor");
#endif
  printf(", Lua %s.%s\n", LUA_VERSION_MAJOR "." LUA_VERSION_MINOR, LUA_VERSION_RELEASE);
}

static void print_lines(void) {
  for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++)
    printf("%s\n", LINES[i].name);
}

int main(int argc, char **argv) {
  const char *what = argc == 2 ? argv[1] : "";
  for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
    if (strcmp(LINES[i].name, what) != 0) continue;
    run(&LINES[i]);
    return EXIT_SUCCESS;
  }
  if (strcmp(what, "--platform") == 0) {
    print_platform();
  } else if (strcmp(what, "--lines") == 0) {
    print_lines();
  } else {
    fprintf(stderr, "usage: luaws-instructions LINE | --lines | --platform\n");
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
