/* API keys: read from a file, kept as SHA-256, compared in constant time.
 *
 * The file has one key per line, `label key` or just `key`; empty lines and lines that begin with #
 * are skipped. A key comes as `Authorization: Bearer KEY`, or as the password of `Basic`, which is
 * what a URL such as http://any:KEY@host/get_reward turns into: trainers offer nothing else.
 * Loop thread only. */
#ifndef RW_SERVER_AUTH_H
#define RW_SERVER_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_KEYS_MAX = 256,
    RW_KEY_BYTES_MIN = 8,
    RW_KEY_BYTES_MAX = 512,
};

struct rw_auth {
    unsigned char digest[RW_KEYS_MAX][RW_SHA256_BYTES];
    size_t n; /* 0 = open to everyone */
};

/* Replaces all keys, or changes nothing and fails. */
rw_status rw_auth_load(struct rw_auth *auth, const char *path, struct rw_error *err);
/* `header` is the value of Authorization, empty when absent. */
rw_status rw_auth_check(const struct rw_auth *auth, struct rw_str header, struct rw_error *err);

#endif
