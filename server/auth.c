#include "server/auth.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/base/arena.h"
#include "core/base/file.h"

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

static rw_status add_line(struct rw_auth *auth, struct rw_str line, unsigned number,
                          struct rw_error *err)
{
    line = rw_str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#') {
        return RW_OK;
    }
    size_t begin = line.len;
    while (begin > 0 && line.ptr[begin - 1] != ' ' && line.ptr[begin - 1] != '\t') {
        begin--;
    }
    struct rw_str key = rw_str_slice(line, begin, line.len);
    if (key.len < RW_KEY_BYTES_MIN || key.len > RW_KEY_BYTES_MAX) {
        return rw_fail(err, RW_CONFIG, "line %u: a key has %d to %d bytes", number,
                       RW_KEY_BYTES_MIN, RW_KEY_BYTES_MAX);
    }
    if (auth->n == RW_KEYS_MAX) {
        return rw_fail(err, RW_CONFIG, "over %d keys", RW_KEYS_MAX);
    }
    digest_of(key, auth->digest[auth->n++]);
    return RW_OK;
}

static rw_status read_keys(struct rw_auth *auth, struct rw_str text, struct rw_error *err)
{
    rw_status status = RW_OK;
    unsigned number = 1;
    for (size_t at = 0; at < text.len && status == RW_OK; number++) {
        size_t end = rw_str_find(text, RW_STR("\n"), at);
        status = add_line(auth, rw_str_slice(text, at, end), number, err);
        at = end + 1;
    }
    if (status == RW_OK && auth->n == 0) {
        status = rw_fail(err, RW_CONFIG, "no key in it");
    }
    return status;
}

rw_status rw_auth_load(struct rw_auth *auth, const char *path, struct rw_error *err)
{
    struct rw_arena arena;
    struct rw_str text;
    struct rw_auth fresh = {.n = 0};
    rw_arena_init(&arena, 4 * KEY_FILE_MAX);
    rw_status status = rw_file_read_all(path, KEY_FILE_MAX, &arena, &text, err);
    if (status == RW_OK) {
        status = read_keys(&fresh, text, err);
        explicit_bzero((char *)(uintptr_t)text.ptr, text.len);
    }
    rw_arena_fini(&arena);
    if (status != RW_OK) {
        rw_error_prefix(err, "--api-key-file %s", path);
        return status;
    }
    *auth = fresh;
    return RW_OK;
}

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

static bool known(const struct rw_auth *auth, struct rw_str key)
{
    unsigned char digest[RW_SHA256_BYTES];
    digest_of(key, digest);
    bool found = false;
    for (size_t i = 0; i < auth->n; i++) {
        found = same_digest(digest, auth->digest[i]) || found; /* no early end */
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

rw_status rw_auth_check(const struct rw_auth *auth, struct rw_str header, struct rw_error *err)
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
    if (key.len > 0 && known(auth, key)) {
        return RW_OK;
    }
    rw_fail(err, RW_UNAUTHORIZED,
            header.len == 0 ? "an API key is needed" : "the API key is wrong");
    rw_error_hint(err, "send \"Authorization: Bearer KEY\", or put the key into the URL as "
                       "http://any:KEY@host");
    return RW_UNAUTHORIZED;
}
