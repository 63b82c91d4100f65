/* SHA-256 (FIPS 180-4) for digests that are shown and compared across machines, and a fast 64-bit
 * hash for tables inside one process. */
#ifndef RW_BASE_HASH_H
#define RW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum {
    RW_SHA256_BYTES = 32
};

struct rw_sha256 {
    uint32_t state[8];
    uint64_t total_bytes;
    unsigned char block[64];
    size_t block_used;
};

void rw_sha256_init(struct rw_sha256 *sha);
void rw_sha256_update(struct rw_sha256 *sha, const void *bytes, size_t len);
void rw_sha256_final(struct rw_sha256 *sha, unsigned char out[RW_SHA256_BYTES]);
/* Lower-case hex with a NUL; `out` holds 2 * len + 1 bytes. */
void rw_hash_hex(const unsigned char *bytes, size_t len, char *out);

/* FNV-1a (Fowler, Noll, Vo), 64 bits: a number that no version of another hash changes, for seeds
 * that stored figures depend on. Continues from `hash`, RW_FNV1A_START at first. */
#define RW_FNV1A_START UINT64_C(0xCBF29CE484222325)
uint64_t rw_hash_fnv1a(uint64_t hash, const void *bytes, size_t len);

/* Not stable across versions, not for hostile keys without a random seed. */
uint64_t rw_hash64(const void *bytes, size_t len, uint64_t seed);

#endif
