#include "server/http/tls_keys.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/util.h"

enum {
    PEM_FILE_MAX = 1024 * 1024, /* bytes */
    CHAIN_MAX = 16,             /* certificates */
};

/* Forward secrecy and authenticated encryption; TLS 1.3 has nothing else. */
static const char CIPHERS[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

static rw_status no_good(struct rw_error *err, const char *file, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    rw_fail(err, RW_CONFIG, "%s: %s%s%s", file, what, reason != NULL ? ": " : "",
            reason != NULL ? reason : "");
    ERR_clear_error();
    return RW_CONFIG;
}

/* A key with a pass phrase must not make the daemon ask at a terminal. */
static int no_pass_phrase(char *to, int size, int writing, void *ctx)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)ctx;
    return 0;
}

/* The protocols a client offers (RFC 7301): HTTP/1.1, or none at all. A client that wants nothing
 * but HTTP/2 is told so, and not answered in a protocol it did not ask for. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *ctx)
{
    static const char HTTP[] = "http/1.1";
    (void)ssl;
    (void)ctx;
    for (unsigned at = 0; at < in_len; at += 1U + in[at]) {
        if (in[at] == sizeof HTTP - 1 && in_len - at > in[at] &&
            memcmp(in + at + 1, HTTP, sizeof HTTP - 1) == 0) {
            *out = in + at + 1;
            *out_len = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *empty_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, CIPHERS) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

static int64_t end_of(const X509 *certificate)
{
    struct tm end;
    memset(&end, 0, sizeof end);
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1 ? (int64_t)timegm(&end) : 0;
}

/* False when it is no certificate. */
static bool use_certificates(SSL_CTX *context, BIO *pem, int64_t *not_after)
{
    X509 *own = PEM_read_bio_X509(pem, NULL, no_pass_phrase, NULL);
    bool good = own != NULL && SSL_CTX_use_certificate(context, own) == 1;
    *not_after = good ? end_of(own) : 0;
    X509_free(own);
    for (int i = 0; good && i < CHAIN_MAX; i++) {
        X509 *next = PEM_read_bio_X509(pem, NULL, no_pass_phrase, NULL);
        if (next == NULL) {
            ERR_clear_error(); /* the end of the file */
            break;
        }
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            good = false;
        }
    }
    return good;
}

static bool use_key(SSL_CTX *context, BIO *pem)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_pass_phrase, NULL);
    bool good = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    return good;
}

static BIO *bytes_of(struct rw_str text)
{
    return BIO_new_mem_buf(text.ptr, (int)text.len);
}

static rw_status fill(SSL_CTX *context, const char *cert_file, const char *key_file,
                      struct rw_arena *arena, int64_t *not_after, struct rw_error *err)
{
    struct rw_str cert;
    struct rw_str key;
    rw_status status = rw_file_read_all(cert_file, PEM_FILE_MAX, arena, &cert, err);
    if (status == RW_OK) {
        status = rw_file_read_all(key_file, PEM_FILE_MAX, arena, &key, err);
    }
    if (status != RW_OK) {
        return status;
    }
    BIO *cert_pem = bytes_of(cert);
    BIO *key_pem = bytes_of(key);
    if (cert_pem == NULL || key_pem == NULL) {
        status = rw_fail_memory(err, "the certificate");
    } else if (!use_certificates(context, cert_pem, not_after)) {
        status = no_good(err, cert_file, "no certificate in PEM that can be used");
    } else if (!use_key(context, key_pem)) {
        status = no_good(err, key_file, "no private key in PEM, without a pass phrase, that fits");
    } else if (SSL_CTX_check_private_key(context) != 1) {
        status = no_good(err, key_file, "not the key of the certificate");
    }
    BIO_free(cert_pem);
    BIO_free(key_pem);
    explicit_bzero((char *)(uintptr_t)key.ptr, key.len);
    return status;
}

rw_status rw_tls_keys_read(const char *cert_file, const char *key_file, SSL_CTX **out,
                           int64_t *not_after, struct rw_error *err)
{
    struct rw_arena arena;
    ERR_clear_error();
    SSL_CTX *context = empty_context();
    if (context == NULL) {
        return rw_fail_memory(err, "the TLS context");
    }
    rw_arena_init(&arena, 4 * PEM_FILE_MAX);
    rw_status status = fill(context, cert_file, key_file, &arena, not_after, err);
    rw_arena_fini(&arena);
    if (status != RW_OK) {
        SSL_CTX_free(context);
        return status;
    }
    *out = context;
    return RW_OK;
}

uint64_t rw_tls_keys_signature(const char *cert_file, const char *key_file)
{
    const char *const file[] = {cert_file, key_file};
    uint64_t signature = 0;
    for (size_t i = 0; i < RW_COUNT(file); i++) {
        struct stat at;
        if (stat(file[i], &at) == 0) {
            const int64_t facts[] = {(int64_t)at.st_ino, (int64_t)at.st_size, at.st_mtim.tv_sec,
                                     at.st_mtim.tv_nsec, (int64_t)at.st_dev};
            signature = rw_hash64(facts, sizeof facts, signature + i + 1);
        }
    }
    return signature;
}
