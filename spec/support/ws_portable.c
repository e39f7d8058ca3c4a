// Compiles the files of src/ws that use vectors a second time, without them and under other names.

#define WS_WIDE_NONE
#define ws_mask_copy      ws_portable_mask_copy
#define ws_utf8_feed      ws_portable_utf8_feed
#define ws_utf8_valid     ws_portable_utf8_valid
#define ws_utf8_wide_skip ws_portable_utf8_wide_skip

#include "../../src/ws/mask.c"
#include "../../src/ws/utf8.c"
#include "../../src/ws/utf8_wide.c"
