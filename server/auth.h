/* API keys: read from a file or a folder, kept as SHA-256, compared in constant time; and the
 * accounts they belong to, with what each may use and has used.
 *
 * A file has one key per line: `key`, `name:key` or `name key`, behind it at will
 * `concurrency=N` (scoring requests at once) and `tokens=N` (per minute). Empty lines and lines
 * that begin with # are skipped. A folder (a mounted Kubernetes Secret) has a file per key, whose
 * name is the key's name; names that begin with a dot are skipped. Keys of one name share an
 * account, so that a key can be replaced without a gap; a key without a name is an account of its
 * own, "key-1". A key is 8 to 512 visible ASCII bytes: others cannot come in a header, and a file
 * that has such bytes is no file of keys.
 *
 * A key comes as `Authorization: Bearer KEY`, or as the password of `Basic`, which is what a URL
 * such as http://any:KEY@host/get_reward turns into: trainers offer nothing else.
 * Loop thread only. */
#ifndef RW_SERVER_AUTH_H
#define RW_SERVER_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_KEYS_MAX = 1024,
    RW_KEY_BYTES_MIN = 8,
    RW_KEY_BYTES_MAX = 512,
    RW_KEY_NAME_MAX = 64, /* bytes, NUL included */
};

struct rw_account {
    char name[RW_KEY_NAME_MAX];
    uint64_t concurrency_max;   /* scoring requests at once; 0 = no limit */
    uint64_t tokens_per_minute; /* 0 = no limit */
    bool live;                  /* some key of the current file belongs to it */
    uint64_t held;              /* exchanges that point here */
    uint64_t in_flight;         /* scoring requests */
    double tokens_left;         /* of the budget; below 0: used in advance */
    uint64_t tokens_at_ns;      /* when that was so */
    uint64_t requests;          /* scoring requests let in, for the metrics */
    uint64_t refused;
    uint64_t tokens;
};

struct rw_auth {
    struct {
        unsigned char digest[RW_SHA256_BYTES];
        uint16_t account;
    } key[RW_KEYS_MAX];
    size_t n; /* 0 = open to everyone */
    struct rw_account account[2 * RW_KEYS_MAX];
    size_t accounts;    /* slots ever used */
    uint64_t signature; /* of the files as last read, right or wrong */
};

/* Replaces all keys, or changes nothing and fails. Accounts go on under their names. */
rw_status rw_auth_load(struct rw_auth *auth, const char *path, struct rw_error *err);
/* The files are not as they were when last read. */
bool rw_auth_changed(const struct rw_auth *auth, const char *path);
/* `header` is the value of Authorization, empty when absent. *account may stay NULL (no keys). */
rw_status rw_auth_check(struct rw_auth *auth, struct rw_str header, struct rw_account **account,
                        struct rw_error *err);

/* One more scoring request, or OVERLOADED with the limit that was met. */
rw_status rw_account_enter(struct rw_account *account, uint64_t now_ns, struct rw_error *err);
/* The end of one that was let in, and what it cost. */
void rw_account_leave(struct rw_account *account, uint64_t tokens);
/* Seconds until the budget allows another request. */
uint64_t rw_account_wait_s(const struct rw_account *account);

#endif
