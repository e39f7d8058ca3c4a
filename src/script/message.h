#ifndef SCRIPT_MESSAGE_H
#define SCRIPT_MESSAGE_H

// What a script sends: from the Lua value to the bytes and kind of a WebSocket message. Lua thread.

#include <lua.h>
#include <stddef.h>
#include "base/span.h"
#include "script/datatype.h"
#include "script/link.h"
#include "script/wss.h"
#include "ws/frame.h"

struct message {
  enum ws_opcode opcode;
  const char *data; // good while the value is on the stack and runtime.text isn't used again
  size_t length;
};

// Reads the value at `index` by the rules of `data` (the server's dataType). `binary`: index of the
// flag that forces the kind of a string's frame, 0: there is none. Raises for what can't be sent;
// `what` names the method.
struct message message_read(lua_State *L, int index, enum datatype data, int binary,
                            const char *what);

// Sends it to the subscribers of `topic` in all reactors, or when that is empty to all connections
// of the server; not to `except` (may be NULL).
void message_publish(struct runtime *rt, const struct wss *wss, const struct link *except,
                     struct span topic, const struct message *m);

#endif
