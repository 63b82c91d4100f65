/* Certificate and private key from their files, as an OpenSSL context with the rules of this
 * server. Only tls.c needs it. */
#ifndef RW_SERVER_HTTP_TLS_KEYS_H
#define RW_SERVER_HTTP_TLS_KEYS_H

#include <stdint.h>

#include <openssl/ssl.h>

#include "core/base/status.h"

/* PEM: the certificate first, then its chain; a key without a pass phrase. *not_after: when it
 * ends, seconds since 1970. The caller frees *out. */
rw_status rw_tls_keys_read(const char *cert_file, const char *key_file, SSL_CTX **out,
                           int64_t *not_after, struct rw_error *err);
/* Tells one state of the two files from another. */
uint64_t rw_tls_keys_signature(const char *cert_file, const char *key_file);

#endif
