#include "server/auth.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/util.h"

enum {
    KEY_FILE_MAX = 256 * 1024, /* bytes */
    BASIC_MAX = 1024,          /* bytes of decoded user:password */
};

static void digest_of(struct rw_str key, unsigned char out[RW_SHA256_BYTES])
{
    struct rw_sha256 sha;
    rw_sha256_init(&sha);
    rw_sha256_update(&sha, key.ptr, key.len);
    rw_sha256_final(&sha, out);
}

/* Time depends on the length only. */
static bool same_digest(const unsigned char *a, const unsigned char *b)
{
    unsigned difference = 0;
    for (size_t i = 0; i < RW_SHA256_BYTES; i++) {
        difference |= (unsigned)(a[i] ^ b[i]);
    }
    return difference == 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* What a file says, before any of it is taken over. */
struct fresh {
    struct {
        struct rw_str name; /* empty = none */
        struct rw_str key;
        uint64_t concurrency_max;
        uint64_t tokens_per_minute;
    } key[RW_KEYS_MAX];
    size_t n;
    uint64_t signature;
};

static bool all_visible(struct rw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= 0x20 || s.ptr[i] >= 0x7F) {
            return false;
        }
    }
    return true;
}

/* The last word of the line is taken off it. */
static struct rw_str take_word(struct rw_str *line)
{
    size_t begin = line->len;
    while (begin > 0 && line->ptr[begin - 1] != ' ' && line->ptr[begin - 1] != '\t') {
        begin--;
    }
    struct rw_str word = rw_str_slice(*line, begin, line->len);
    *line = rw_str_trim(rw_str_slice(*line, 0, begin));
    return word;
}

static bool limit(struct rw_str word, struct rw_str name, uint64_t *out)
{
    unsigned long long value = 0;
    if (!rw_str_starts(word, name) ||
        !rw_str_to_u64(rw_str_slice(word, name.len, word.len), &value) || value == 0) {
        return false;
    }
    *out = value;
    return true;
}

static rw_status add_key(struct fresh *fresh, struct rw_str name, struct rw_str key,
                         struct rw_error *err)
{
    size_t colon = rw_str_find(key, RW_STR(":"), 0);
    if (name.len == 0 && colon < key.len) {
        name = rw_str_slice(key, 0, colon);
        key = rw_str_slice(key, colon + 1, key.len);
    }
    if (key.len < RW_KEY_BYTES_MIN || key.len > RW_KEY_BYTES_MAX || !all_visible(key)) {
        return rw_fail(err, RW_CONFIG, "a key has %d to %d visible ASCII characters",
                       RW_KEY_BYTES_MIN, RW_KEY_BYTES_MAX);
    }
    if (name.len >= RW_KEY_NAME_MAX || !all_visible(name)) {
        return rw_fail(err, RW_CONFIG, "the name of a key has up to %d visible ASCII characters",
                       RW_KEY_NAME_MAX - 1);
    }
    if (fresh->n == RW_KEYS_MAX) {
        return rw_fail(err, RW_CONFIG, "over %d keys", RW_KEYS_MAX);
    }
    fresh->key[fresh->n].name = name;
    fresh->key[fresh->n].key = key;
    fresh->n++;
    return RW_OK;
}

static rw_status add_line(struct fresh *fresh, struct rw_str name, struct rw_str line,
                          struct rw_error *err)
{
    uint64_t concurrency = 0;
    uint64_t tokens = 0;
    line = rw_str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#') {
        return RW_OK;
    }
    struct rw_str key = take_word(&line);
    while (limit(key, RW_STR("concurrency="), &concurrency) ||
           limit(key, RW_STR("tokens="), &tokens)) {
        key = take_word(&line);
    }
    rw_status status = add_key(fresh, line.len > 0 ? line : name, key, err);
    if (status == RW_OK) {
        fresh->key[fresh->n - 1].concurrency_max = concurrency;
        fresh->key[fresh->n - 1].tokens_per_minute = tokens;
    }
    return status;
}

/* `name`: of keys that have none of their own; empty = none. */
static rw_status read_file(struct fresh *fresh, const char *path, struct rw_str name,
                           struct rw_arena *arena, struct rw_error *err)
{
    static const struct rw_str BOM = {"\xEF\xBB\xBF", 3};
    struct rw_str text;
    rw_status status = rw_file_read_all(path, KEY_FILE_MAX, arena, &text, err);
    unsigned number = 1;
    size_t at = status == RW_OK && rw_str_starts(text, BOM) ? BOM.len : 0;
    for (; status == RW_OK && at < text.len; number++) {
        size_t end = rw_str_find(text, RW_STR("\n"), at);
        status = add_line(fresh, name, rw_str_slice(text, at, end), err);
        if (status != RW_OK) {
            rw_error_prefix(err, "line %u", number);
        }
        at = end + 1;
    }
    return status;
}

static uint64_t sign(uint64_t signature, const char *name, const struct stat *at)
{
    const int64_t facts[] = {(int64_t)at->st_ino, (int64_t)at->st_size, at->st_mtim.tv_sec,
                             at->st_mtim.tv_nsec, (int64_t)at->st_dev};
    return signature + rw_hash64(facts, sizeof facts, rw_hash64(name, strlen(name), 1));
}

static const struct dirent *next_entry(DIR *dir)
{
    errno = 0; /* which tells the end from a failure */
    return readdir(dir);
}

/* One that cannot be looked at is a failure too, not a key less. */
static rw_status walk_file(const char *folder, const char *name, struct fresh *fresh,
                           struct rw_arena *arena, uint64_t *signature, struct rw_error *err)
{
    char file[PATH_MAX];
    struct stat at;
    int n = snprintf(file, sizeof file, "%s/%s", folder, name);
    if (n >= (int)sizeof file || stat(file, &at) != 0) {
        return rw_fail(err, RW_IO, "%s: %s", name,
                       n >= (int)sizeof file ? "its path is too long" : strerror(errno));
    }
    if (!S_ISREG(at.st_mode)) {
        return RW_OK;
    }
    *signature = sign(*signature, name, &at);
    if (fresh == NULL) {
        return RW_OK;
    }
    struct rw_str copy = rw_arena_copy(arena, rw_str_from(name));
    if (copy.len == 0) {
        return rw_fail_memory(err, "the API keys");
    }
    rw_status status = read_file(fresh, file, copy, arena, err);
    rw_error_prefix(status != RW_OK ? err : NULL, "%s", name);
    return status;
}

/* Reads the file, or each file of the folder, into `fresh` (NULL: looks only); sums up what tells
 * one state of them from another. Links are followed: Kubernetes swaps what ..data points to. */
static rw_status walk(const char *path, struct fresh *fresh, struct rw_arena *arena,
                      uint64_t *signature, struct rw_error *err)
{
    struct stat at;
    *signature = 0;
    if (stat(path, &at) != 0 || !S_ISDIR(at.st_mode)) {
        *signature = stat(path, &at) == 0 ? sign(0, path, &at) : 0;
        return fresh != NULL ? read_file(fresh, path, RW_STR(""), arena, err) : RW_OK;
    }
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return rw_fail(err, RW_IO, "the folder cannot be read: %s", strerror(errno));
    }
    rw_status status = RW_OK;
    const struct dirent *entry;
    while (status == RW_OK && (entry = next_entry(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            status = walk_file(path, entry->d_name, fresh, arena, signature, err);
        }
    }
    if (status == RW_OK && errno != 0) { /* half a folder is none: its keys would be out */
        status = rw_fail(err, RW_IO, "the folder cannot be read to its end: %s", strerror(errno));
    }
    closedir(dir);
    return status;
}

/* ---- accounts -------------------------------------------------------------------------------- */

static struct rw_account *find_account(struct rw_auth *auth, struct rw_str name)
{
    struct rw_account *spare = NULL;
    for (size_t i = 0; i < auth->accounts; i++) {
        struct rw_account *account = &auth->account[i];
        if (rw_str_is(name, account->name)) {
            return account;
        }
        spare = !account->live && account->held == 0 && spare == NULL ? account : spare;
    }
    if (auth->accounts < RW_COUNT(auth->account)) {
        spare = &auth->account[auth->accounts++];
    }
    if (spare != NULL) {
        *spare = (struct rw_account){.live = false};
        memcpy(spare->name, name.ptr, name.len);
    }
    return spare;
}

static rw_status take_over(struct rw_auth *auth, const struct fresh *fresh, struct rw_error *err)
{
    for (size_t i = 0; i < auth->accounts; i++) {
        auth->account[i].live = false;
    }
    for (size_t i = 0; i < fresh->n; i++) {
        char number[32];
        snprintf(number, sizeof number, "key-%zu", i + 1);
        struct rw_str name = fresh->key[i].name;
        struct rw_account *account = find_account(auth, name.len > 0 ? name : rw_str_from(number));
        if (account == NULL) {
            return rw_fail(err, RW_OVERLOADED, "requests of too many removed keys go on");
        }
        bool first = !account->live;
        account->live = true;
        account->concurrency_max =
            RW_MAX(first ? 0 : account->concurrency_max, fresh->key[i].concurrency_max);
        account->tokens_per_minute =
            RW_MAX(first ? 0 : account->tokens_per_minute, fresh->key[i].tokens_per_minute);
        auth->key[i].account = (uint16_t)(account - auth->account);
        digest_of(fresh->key[i].key, auth->key[i].digest);
    }
    auth->n = fresh->n;
    return RW_OK;
}

/* On a copy: a file that does not fit leaves every key as it was. */
static rw_status replace_keys(struct rw_auth *auth, const struct fresh *fresh, struct rw_error *err)
{
    struct rw_auth *next = rw_alloc_zero(1, sizeof *next);
    if (next == NULL) {
        return rw_fail_memory(err, "the API keys");
    }
    *next = *auth;
    rw_status status = take_over(next, fresh, err);
    if (status == RW_OK) {
        *auth = *next;
    }
    explicit_bzero(next, sizeof *next);
    rw_free(next);
    return status;
}

rw_status rw_auth_load(struct rw_auth *auth, const char *path, struct rw_error *err)
{
    struct rw_arena arena;
    struct fresh *fresh = rw_alloc_zero(1, sizeof *fresh);
    if (fresh == NULL) {
        auth->signature = 0;
        return rw_fail_memory(err, "the API keys");
    }
    rw_arena_init(&arena, 8 * KEY_FILE_MAX);
    rw_status status = walk(path, fresh, &arena, &auth->signature, err);
    if (status == RW_OK && fresh->n == 0) {
        status = rw_fail(err, RW_CONFIG, "no key in it");
    }
    if (status == RW_OK) {
        status = replace_keys(auth, fresh, err);
    }
    for (size_t i = 0; i < fresh->n; i++) {
        struct rw_str key = fresh->key[i].key;
        explicit_bzero((char *)(uintptr_t)key.ptr, key.len);
    }
    rw_arena_fini(&arena);
    rw_free(fresh);
    if (status != RW_OK) {
        rw_error_prefix(err, "--api-key-file %s", path);
    }
    if (status != RW_OK && status != RW_CONFIG) {
        auth->signature = 0; /* what failed was no fault of the file: it is read again */
    }
    return status;
}

bool rw_auth_changed(const struct rw_auth *auth, const char *path)
{
    uint64_t signature = 0;
    return walk(path, NULL, NULL, &signature, NULL) == RW_OK && signature != auth->signature;
}

/* A full budget is one minute's worth; what a request cost is known at its end, so a budget may
 * fall below nothing, and then requests wait until it has grown back. */
static void refill(struct rw_account *a, uint64_t now_ns)
{
    double full = (double)a->tokens_per_minute;
    double passed = (double)(now_ns - a->tokens_at_ns) / (60.0 * (double)RW_NS_PER_S);
    a->tokens_left = a->tokens_at_ns == 0 ? full : RW_MIN(full, a->tokens_left + passed * full);
    a->tokens_at_ns = now_ns;
}

uint64_t rw_account_wait_s(const struct rw_account *a)
{
    if (a->tokens_per_minute == 0 || a->tokens_left > 0) {
        return 1;
    }
    return 1 + (uint64_t)(-a->tokens_left * 60.0 / (double)a->tokens_per_minute);
}

rw_status rw_account_enter(struct rw_account *a, uint64_t now_ns, struct rw_error *err)
{
    if (a->concurrency_max > 0 && a->in_flight >= a->concurrency_max) {
        a->refused++;
        return rw_fail(err, RW_OVERLOADED, "%llu requests of the key \"%s\" are being worked on",
                       (unsigned long long)a->in_flight, a->name);
    }
    if (a->tokens_per_minute > 0) {
        refill(a, now_ns);
        if (a->tokens_left <= 0) {
            a->refused++;
            return rw_fail(err, RW_OVERLOADED, "the key \"%s\" has used its %llu tokens per minute",
                           a->name, (unsigned long long)a->tokens_per_minute);
        }
    }
    a->in_flight++;
    a->requests++;
    return RW_OK;
}

void rw_account_leave(struct rw_account *a, uint64_t tokens)
{
    a->in_flight--;
    a->tokens += tokens;
    a->tokens_left -= a->tokens_per_minute > 0 ? (double)tokens : 0;
}

/* ---- checking -------------------------------------------------------------------------------- */

static int base64_value(unsigned char c)
{
    static const char ALPHABET[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(ALPHABET, c) : NULL;
    return found != NULL ? (int)(found - ALPHABET) : -1;
}

/* Decoded length, or 0 when it is not base64 or too long. */
static size_t base64_decode(struct rw_str text, char out[BASIC_MAX])
{
    unsigned bits = 0;
    unsigned held = 0;
    size_t n = 0;
    while (text.len > 0 && text.ptr[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value((unsigned char)text.ptr[i]);
        if (value < 0 || n == BASIC_MAX) {
            return 0;
        }
        held = (held << 6 | (unsigned)value) & 0xFFFF;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(held >> bits & 0xFF);
        }
    }
    return n;
}

static struct rw_account *known(struct rw_auth *auth, struct rw_str key)
{
    unsigned char digest[RW_SHA256_BYTES];
    digest_of(key, digest);
    struct rw_account *found = NULL;
    for (size_t i = 0; i < auth->n; i++) {
        bool same = same_digest(digest, auth->key[i].digest); /* no early end */
        found = same ? &auth->account[auth->key[i].account] : found;
    }
    return found;
}

static bool has_scheme(struct rw_str *header, const char *scheme)
{
    size_t len = strlen(scheme);
    if (header->len <= len || strncasecmp(header->ptr, scheme, len) != 0 ||
        header->ptr[len] != ' ') {
        return false;
    }
    *header = rw_str_trim(rw_str_slice(*header, len, header->len));
    return true;
}

rw_status rw_auth_check(struct rw_auth *auth, struct rw_str header, struct rw_account **account,
                        struct rw_error *err)
{
    if (auth->n == 0) {
        return RW_OK;
    }
    char basic[BASIC_MAX];
    struct rw_str key = {NULL, 0};
    if (has_scheme(&header, "Bearer")) {
        key = header;
    } else if (has_scheme(&header, "Basic")) {
        struct rw_str pair = {basic, base64_decode(header, basic)};
        size_t colon = rw_str_find(pair, RW_STR(":"), 0);
        key = rw_str_slice(pair, colon < pair.len ? colon + 1 : colon, pair.len);
    }
    *account = key.len > 0 ? known(auth, key) : NULL;
    if (*account != NULL) {
        return RW_OK;
    }
    rw_fail(err, RW_UNAUTHORIZED,
            header.len == 0 ? "an API key is needed" : "the API key is wrong");
    rw_error_hint(err, "send \"Authorization: Bearer KEY\", or put the key into the URL as "
                       "http://any:KEY@host");
    return RW_UNAUTHORIZED;
}
