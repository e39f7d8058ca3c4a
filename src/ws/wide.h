#ifndef WS_WIDE_H
#define WS_WIDE_H

// The vectors that this machine may have beyond what the program was compiled for: on x86 AVX2, for
// which the processor is asked when the program runs; on aarch64 NEON, which is always there.
// Functions that use them carry WS_WIDE_TARGET and are called when ws_wide_is_usable() alone.
// Elsewhere neither WS_WIDE_AVX2 nor WS_WIDE_NEON is defined and portable C does it all; so it is
// under WS_WIDE_NONE, with which specs compile these files a second time.

#include <stdbool.h>

#if defined(WS_WIDE_NONE)
#elif (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define WS_WIDE_AVX2
#define WS_WIDE_TARGET __attribute__((target("avx2")))
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define WS_WIDE_NEON
#define WS_WIDE_TARGET
#endif

// The compiler's runtime asks the processor, and the system about its registers, before main.
static inline bool ws_wide_is_usable(void) {
#ifdef WS_WIDE_AVX2
  return __builtin_cpu_supports("avx2") != 0;
#else
  return true;
#endif
}

#endif
