#ifndef BENCH_JSON_H
#define BENCH_JSON_H

// Compares JSON documents by what they say. One thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A digest of a document that is written without blanks: the same for the same members of objects
// in any order, another one for anything else that differs. False for what is no such document.
bool json_digest(const uint8_t *p, size_t n, uint64_t *digest);

#endif
