#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

// Latencies counted in buckets whose width grows with the value, as HdrHistogram does: any number
// of samples in constant memory, each known to 1/128 of itself. One thread.

#include <stdint.h>

#define HISTOGRAM_BITS    7 // of a value's leading bits that a bucket keeps
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
  uint64_t count;
  uint64_t max;
  uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);

void histogram_add(struct histogram *h, uint64_t value);

// The value that a share of `quantile` (0 to 1) of the samples doesn't pass; 0 without samples.
uint64_t histogram_quantile(const struct histogram *h, double quantile);

#endif
