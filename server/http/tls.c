#include "server/http/tls.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/buf.h"
#include "core/base/state.h"
#include "core/base/util.h"
#include "server/http/deadline.h"
#include "server/http/tls_keys.h"

enum {
    RECORD_BYTES = 16 * 1024, /* plain text of one record, RFC 8446 section 5.1 */
    HANDSHAKE_RECORD = 22,    /* the first byte of every client that speaks TLS */
};

enum link_state {
    LINK_HANDSHAKE,
    LINK_OPEN,
    LINK_ENDED,
    LINK_BROKEN,
};

#define TO(state) RW_STATE(LINK_##state)

/* The drawing in the header, as data. */
static const struct rw_state LINK_STATE[] = {
    [LINK_HANDSHAKE] = {"HANDSHAKE", TO(OPEN) | TO(ENDED) | TO(BROKEN)},
    [LINK_OPEN] = {"OPEN", TO(ENDED) | TO(BROKEN)},
    [LINK_ENDED] = {"ENDED", TO(BROKEN)},
    [LINK_BROKEN] = {"BROKEN", 0},
};
static const struct rw_machine LINK = {"tls link", LINK_STATE, RW_COUNT(LINK_STATE)};

struct rw_tls {
    SSL_CTX *keys;
    char *cert_file;
    char *key_file;
    uint64_t signature; /* of the files as last read, right or wrong */
    struct rw_turns *turns;
    const struct rw_clock *clock;
    struct rw_deadlines deadlines; /* of handshakes: RW_DEADLINE_HEADER */
    struct rw_tls_stats stats;
};

struct link {
    struct rw_transport transport; /* what the receiver sees */
    struct rw_transport *below;
    struct rw_tls *tls;
    SSL *ssl;
    BIO *in;  /* cipher text received; the two belong to ssl */
    BIO *out; /* cipher text made */
    struct rw_turn turn;
    struct rw_deadline deadline;
    enum link_state state;
    bool begun;           /* the first byte has come */
    bool reading;         /* the receiver wants plain text */
    bool ended;           /* EOF below */
    bool closing;         /* nobody is told anything any more but the end */
    bool fin;             /* shut down behind what is being sent */
    bool sending;         /* `flight` is being written below */
    bool writing;         /* a write of the receiver is under way */
    size_t ahead;         /* bytes of the next write that are cipher text already */
    size_t in_record;     /* plain bytes inside `flight`, about */
    struct rw_str plain;  /* of that write, not encrypted yet */
    struct rw_buf flight; /* cipher text the kernel did not take at once */
};

/* One buffer for all: its bytes are used before the next record is opened. */
static char plain_bytes[RECORD_BYTES];

static struct link *from_transport(const struct rw_transport *t)
{
    return RW_CONTAINER_OF(t, struct link, transport);
}

static void move_to(struct link *l, enum link_state next)
{
    l->state = (enum link_state)rw_machine_move(&LINK, l, l->state, next);
}

/* ---- cipher text out ------------------------------------------------------------------------- */

/* False when the peer is lost, or lets answers pile up. */
static bool send_out(struct link *l)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(l->out, &bytes);
    if (l->sending || len <= 0) {
        return len <= RW_TLS_OUT_BYTES_MAX;
    }
    long took = l->below->ops->try_write(l->below, bytes, (size_t)len);
    if (took < 0) {
        return false;
    }
    if (took < len) {
        rw_buf_append(&l->flight, bytes + took, (size_t)(len - took));
        if (l->flight.failed) {
            return false;
        }
        l->sending = true;
        l->below->ops->write(l->below, l->flight.ptr, l->flight.len);
    }
    return BIO_reset(l->out) == 1;
}

/* One record's worth. */
static bool encrypt(struct link *l, const char *bytes, size_t len)
{
    size_t done = 0;
    ERR_clear_error();
    l->in_record = len;
    return l->state != LINK_BROKEN && SSL_write_ex(l->ssl, bytes, len, &done) == 1 && done == len &&
           send_out(l);
}

static void turn_later(struct link *l)
{
    if (!l->closing) {
        rw_turns_add(l->tls->turns, &l->turn);
    }
}

/* ---- events up ------------------------------------------------------------------------------- */

static void lose(struct link *l)
{
    if (l->state != LINK_BROKEN) {
        move_to(l, LINK_BROKEN);
    }
    rw_deadline_disarm(&l->deadline);
    if (!l->closing) {
        l->transport.events->lost(l->transport.receiver);
    }
}

/* The rest of a write, as far as the transport below takes it. */
static void write_on(struct link *l)
{
    while (l->writing && !l->sending && l->plain.len > 0) {
        size_t n = RW_MIN(l->plain.len, (size_t)RECORD_BYTES);
        if (!encrypt(l, l->plain.ptr, n)) {
            l->writing = false;
            l->transport.events->written(l->transport.receiver, false);
            return;
        }
        l->plain = rw_str_slice(l->plain, n, l->plain.len);
    }
    if (l->writing && !l->sending) {
        l->writing = false;
        l->transport.events->written(l->transport.receiver, true);
    }
}

/* ---- cipher text in -------------------------------------------------------------------------- */

static void end_of_peer(struct link *l)
{
    if (l->state != LINK_ENDED) {
        move_to(l, LINK_ENDED);
        rw_deadline_disarm(&l->deadline);
        l->transport.events->eof(l->transport.receiver);
    }
}

/* Bytes that are no TLS, or an alert. OpenSSL has made an answer where there is one. */
static void break_off(struct link *l)
{
    l->tls->stats.failed += l->state == LINK_HANDSHAKE ? 1 : 0;
    send_out(l);
    lose(l);
}

/* An attacker may end a TCP stream where it likes; a message that is not whole is refused above, by
 * its own length (RFC 9112 section 9.8). */
static void wait_for_more(struct link *l)
{
    if (l->ended) {
        end_of_peer(l);
    } else {
        l->below->ops->read_start(l->below);
    }
}

static void shake(struct link *l)
{
    ERR_clear_error();
    int result = SSL_do_handshake(l->ssl);
    int error = SSL_get_error(l->ssl, result);
    if (result != 1 && error != SSL_ERROR_WANT_READ) {
        break_off(l);
        return;
    }
    if (!send_out(l)) {
        lose(l);
        return;
    }
    if (result == 1) {
        move_to(l, LINK_OPEN);
        rw_deadline_disarm(&l->deadline);
        l->tls->stats.done++;
        return;
    }
    wait_for_more(l);
}

/* Plain text to the receiver, until there is none or it wants no more. */
static void deliver(struct link *l)
{
    while (l->reading && !l->closing && l->state == LINK_OPEN) {
        size_t n = 0;
        ERR_clear_error();
        int result = SSL_read_ex(l->ssl, plain_bytes, sizeof plain_bytes, &n);
        int error = SSL_get_error(l->ssl, result);
        if (!send_out(l)) { /* a new key, an alert */
            lose(l);
        } else if (result == 1) {
            l->transport.events->read(l->transport.receiver, plain_bytes, n);
        } else if (error == SSL_ERROR_WANT_READ) {
            wait_for_more(l);
            return;
        } else if (error == SSL_ERROR_ZERO_RETURN) {
            end_of_peer(l);
        } else {
            break_off(l);
        }
    }
}

/* Signing takes a millisecond, and hundreds may come at once: handshakes take turns. */
static bool go_on(struct rw_turn *turn)
{
    struct link *l = RW_CONTAINER_OF(turn, struct link, turn);
    if (l->state == LINK_HANDSHAKE) {
        shake(l);
    }
    write_on(l);
    deliver(l);
    return false;
}

/* ---- events from below ----------------------------------------------------------------------- */

static const char SPEAK_TLS[] = "HTTP/1.1 400 Bad Request\r\n"
                                "Content-Type: text/plain; charset=utf-8\r\n"
                                "Content-Length: 36\r\n"
                                "Connection: close\r\n\r\n"
                                "this port speaks TLS: use https://\r\n";

static void refuse_plain(struct link *l)
{
    l->tls->stats.plain++;
    l->below->ops->try_write(l->below, SPEAK_TLS, sizeof SPEAK_TLS - 1);
    l->below->ops->shutdown(l->below);
    lose(l);
}

static void below_read(void *receiver, const char *bytes, size_t len)
{
    struct link *l = receiver;
    if (!l->begun && bytes[0] != HANDSHAKE_RECORD) {
        refuse_plain(l);
        return;
    }
    l->begun = true;
    if (BIO_write(l->in, bytes, (int)len) != (int)len) {
        lose(l); /* no memory */
    } else if (l->state == LINK_HANDSHAKE) {
        l->below->ops->read_stop(l->below);
        turn_later(l);
    } else {
        deliver(l);
    }
}

static void below_eof(void *receiver)
{
    struct link *l = receiver;
    l->ended = true;
    if (!rw_turns_waits(&l->turn)) {
        end_of_peer(l);
    }
}

static void below_lost(void *receiver)
{
    lose(receiver);
}

static void below_written(void *receiver, bool good)
{
    struct link *l = receiver;
    l->sending = false;
    l->in_record = 0;
    rw_buf_fini(&l->flight);
    if (l->closing || !good || !send_out(l)) {
        bool told = l->writing;
        l->writing = false;
        if (told) {
            l->transport.events->written(l->transport.receiver, false);
        } else {
            lose(l);
        }
        return;
    }
    write_on(l);
    if (l->fin && !l->sending && !l->closing) {
        l->below->ops->shutdown(l->below);
    }
}

static void below_closed(void *receiver)
{
    struct link *l = receiver;
    l->transport.events->closed(l->transport.receiver);
    SSL_free(l->ssl);
    rw_buf_fini(&l->flight);
    rw_free(l);
}

static const struct rw_transport_events EVENTS = {below_read, below_eof, below_lost, below_written,
                                                  below_closed};

/* ---- calls from above ------------------------------------------------------------------------ */

static void tls_read_start(struct rw_transport *t)
{
    struct link *l = from_transport(t);
    l->reading = true;
    if (l->state == LINK_HANDSHAKE && !rw_turns_waits(&l->turn) && !l->ended) {
        l->below->ops->read_start(l->below);
    } else if (l->state == LINK_OPEN) {
        turn_later(l); /* what is here already comes first */
    }
}

static void tls_read_stop(struct rw_transport *t)
{
    struct link *l = from_transport(t);
    l->reading = false;
    l->below->ops->read_stop(l->below);
}

static long tls_try_write(struct rw_transport *t, const char *bytes, size_t len)
{
    struct link *l = from_transport(t);
    size_t done = 0;
    if (l->state == LINK_BROKEN || l->state == LINK_HANDSHAKE) {
        return -1; /* before the handshake nobody has anything to say */
    }
    while (done < len && !l->sending) {
        size_t n = RW_MIN(len - done, (size_t)RECORD_BYTES);
        if (!encrypt(l, bytes + done, n)) {
            return -1;
        }
        if (l->sending) {
            l->ahead = n;
        } else {
            done += n;
        }
    }
    return (long)done;
}

static void tls_write(struct rw_transport *t, const char *bytes, size_t len)
{
    struct link *l = from_transport(t);
    rw_assert(!l->writing && l->ahead <= len);
    l->plain = (struct rw_str){bytes + l->ahead, len - l->ahead};
    l->ahead = 0;
    l->writing = true;
    if (!l->sending) {
        turn_later(l);
    }
}

static size_t tls_write_pending(const struct rw_transport *t)
{
    const struct link *l = from_transport(t);
    size_t below = l->sending ? l->below->ops->write_pending(l->below) : 0;
    return l->writing ? l->plain.len + RW_MIN(below, l->in_record) : 0;
}

/* "close_notify": the end was meant. */
static void say_end(struct link *l)
{
    ERR_clear_error();
    if (l->state == LINK_OPEN || l->state == LINK_ENDED) {
        SSL_shutdown(l->ssl);
        ERR_clear_error();
        send_out(l);
    }
}

static void tls_shutdown(struct rw_transport *t)
{
    struct link *l = from_transport(t);
    say_end(l);
    l->fin = l->sending;
    if (!l->sending) {
        l->below->ops->shutdown(l->below);
    }
}

static void tls_close(struct rw_transport *t)
{
    struct link *l = from_transport(t);
    if (!l->sending && !l->fin) {
        say_end(l);
    }
    l->closing = true;
    rw_deadline_disarm(&l->deadline);
    rw_turns_remove(l->tls->turns, &l->turn);
    l->below->ops->close(l->below);
}

static void tls_quick_ack(struct rw_transport *t)
{
    struct link *l = from_transport(t);
    l->below->ops->quick_ack(l->below);
}

static bool tls_peer_lost(const struct rw_transport *t)
{
    const struct link *l = from_transport(t);
    return l->below->ops->peer_lost(l->below);
}

static uint64_t tls_peer(const struct rw_transport *t)
{
    const struct link *l = from_transport(t);
    return l->below->ops->peer(l->below);
}

static const struct rw_transport_ops OPS = {
    tls_read_start, tls_read_stop, tls_try_write, tls_write,     tls_write_pending,
    tls_shutdown,   tls_close,     tls_quick_ack, tls_peer_lost, tls_peer,
};

/* ---- life ------------------------------------------------------------------------------------ */

static SSL *new_session(SSL_CTX *keys, BIO **in, BIO **out)
{
    SSL *ssl = SSL_new(keys);
    *in = BIO_new(BIO_s_mem());
    *out = BIO_new(BIO_s_mem());
    if (ssl == NULL || *in == NULL || *out == NULL) {
        SSL_free(ssl);
        BIO_free(*in);
        BIO_free(*out);
        return NULL;
    }
    BIO_set_mem_eof_return(*in, -1); /* empty is "not yet", and not the end */
    SSL_set_bio(ssl, *in, *out);
    SSL_set_accept_state(ssl);
    return ssl;
}

struct rw_transport *rw_tls_over(struct rw_tls *tls, struct rw_transport *below)
{
    struct link *l = rw_alloc_zero(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    *l = (struct link){.transport = {.ops = &OPS, .via = below->via},
                       .below = below,
                       .tls = tls,
                       .turn = {.step = go_on, .name = "TLS"}};
    l->ssl = new_session(tls->keys, &l->in, &l->out);
    if (l->ssl == NULL) {
        rw_free(l);
        return NULL;
    }
    rw_buf_init(&l->flight, 2 * RW_TLS_OUT_BYTES_MAX);
    below->events = &EVENTS;
    below->receiver = l;
    rw_deadline_arm(&tls->deadlines, &l->deadline, RW_DEADLINE_HEADER, rw_clock_now(tls->clock));
    return &l->transport;
}

void rw_tls_tick(struct rw_tls *tls)
{
    enum rw_deadline_kind kind;
    struct rw_deadline *late;
    uint64_t now = rw_clock_now(tls->clock);
    while ((late = rw_deadlines_expired(&tls->deadlines, now, &kind)) != NULL) {
        tls->stats.late++;
        lose(RW_CONTAINER_OF(late, struct link, deadline));
    }
}

static void *open_alloc(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return rw_alloc(bytes);
}

static void *open_resize(void *old, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return rw_realloc_array(old, bytes, 1);
}

static void open_release(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    rw_free(ptr);
}

rw_status rw_tls_reload(struct rw_tls *tls, struct rw_error *err)
{
    SSL_CTX *keys = NULL;
    int64_t not_after = 0;
    tls->signature = rw_tls_keys_signature(tls->cert_file, tls->key_file);
    rw_status status = rw_tls_keys_read(tls->cert_file, tls->key_file, &keys, &not_after, err);
    if (status != RW_OK) {
        if (status != RW_CONFIG) {
            tls->signature = 0; /* no fault of the files: they are read again */
        }
        return status;
    }
    SSL_CTX_free(tls->keys); /* sessions hold it as long as they live */
    tls->keys = keys;
    tls->stats.not_after = not_after;
    return RW_OK;
}

bool rw_tls_changed(const struct rw_tls *tls)
{
    return rw_tls_keys_signature(tls->cert_file, tls->key_file) != tls->signature;
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = rw_alloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

rw_status rw_tls_new(const char *cert_file, const char *key_file, struct rw_turns *turns,
                     const struct rw_clock *clock, uint64_t handshake_ms, struct rw_tls **out,
                     struct rw_error *err)
{
    struct rw_tls *tls = rw_alloc_zero(1, sizeof *tls);
    if (tls == NULL) {
        return rw_fail_memory(err, "TLS");
    }
    /* Before its first allocation, or never; no configuration file of the system has a say here. */
    CRYPTO_set_mem_functions(open_alloc, open_resize, open_release);
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    tls->turns = turns;
    tls->clock = clock;
    rw_deadlines_init(&tls->deadlines);
    rw_deadlines_set(&tls->deadlines, RW_DEADLINE_HEADER, handshake_ms);
    tls->cert_file = copy_of(cert_file);
    tls->key_file = copy_of(key_file);
    rw_status status = tls->cert_file == NULL || tls->key_file == NULL ? rw_fail_memory(err, "TLS")
                                                                       : rw_tls_reload(tls, err);
    if (status != RW_OK) {
        rw_tls_free(tls);
        return status;
    }
    *out = tls;
    return RW_OK;
}

void rw_tls_free(struct rw_tls *tls)
{
    if (tls != NULL) {
        SSL_CTX_free(tls->keys);
        rw_free(tls->cert_file);
        rw_free(tls->key_file);
        rw_free(tls);
    }
}

const struct rw_tls_stats *rw_tls_stats(const struct rw_tls *tls)
{
    return &tls->stats;
}
