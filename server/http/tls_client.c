/* The client of tls.h: the health check of a daemon that speaks TLS. */
#include <string.h>

#include <openssl/ssl.h>

#include "server/http/tls.h"

size_t rw_tls_ask(int fd, const char *request, char *reply, size_t size)
{
    size_t have = 0;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1 &&
        SSL_write(ssl, request, (int)strlen(request)) > 0) {
        size_t n = 0;
        while (have < size && SSL_read_ex(ssl, reply + have, size - have, &n) == 1) {
            have += n;
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    return have;
}
