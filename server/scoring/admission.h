/* Who may enter: a budget of tokens admitted and not yet scored, over all models.
 *
 * What people feel is how long they wait, so the budget is seconds of work: what was scored per
 * second while there was work, times --queue-seconds, and never over --queue-tokens. Clients share
 * it (server/base/shares.h). A request enters whole or not at all; one that is larger than the
 * whole budget may enter when nothing else is in.
 *
 * Trainers' routes wait in line (their clients treat 429 as the end of the run); the native route
 * is told to come back. While somebody waits for room, nobody overtakes; who waits because of their
 * own share holds up nobody else. Loop thread only. */
#ifndef RW_SERVER_SCORING_ADMISSION_H
#define RW_SERVER_SCORING_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/shares.h"

enum {
    /* Until the first measurement, and never less: a few requests of a slow machine. */
    RW_QUEUE_TOKENS_MIN = 64 * 1024,
    RW_QUEUE_TOKENS_UNKNOWN = 512 * 1024,
};

struct rw_waiter {
    struct rw_waiter *prev;
    struct rw_waiter *next;
    uint64_t client;
    uint64_t tokens;
    /* It is its turn: the waiter is out of the line and its tokens are taken. */
    void (*admitted)(struct rw_waiter *waiter);
};

struct rw_admission {
    struct rw_shares tokens;
    uint64_t tokens_max; /* --queue-tokens */
    double seconds;      /* --queue-seconds; 0 = tokens_max alone counts */
    uint64_t released_total;
    struct rw_waiter line; /* list head */
    uint64_t waiting;
    bool releasing;
    /* scoring rate while there is work */
    uint64_t busy_since_ns; /* begin of the measurement, moved on by idle time */
    uint64_t idle_since_ns; /* 0 = there is work */
    uint64_t rate_tokens;
    double tokens_per_s;    /* 0 = not measured yet */
    double tokens_per_byte; /* of bodies, of late; 0 = none yet */
};

void rw_admission_init(struct rw_admission *a, uint64_t tokens_max, double seconds,
                       uint64_t now_ns);
/* Takes the tokens, or says no. */
bool rw_admission_enter(struct rw_admission *a, uint64_t client, uint64_t tokens, uint64_t now_ns);
/* What a body of so many bytes will ask for: nine tenths of what such bodies came to of late, 1 at
 * least, and no more than a quarter of the budget, so that bytes alone keep nobody out for long. */
uint64_t rw_admission_guess(const struct rw_admission *a, size_t body_bytes);
void rw_admission_learn(struct rw_admission *a, size_t body_bytes, uint64_t tokens);
/* A look before the work of parsing: nine of ten requests of an overload are refused, and to parse
 * them takes the processor from those that are scored, and the refusal its speed. False as long as
 * nothing is being scored. */
bool rw_admission_is_full(const struct rw_admission *a, uint64_t client, uint64_t guess);
void rw_admission_wait(struct rw_admission *a, struct rw_waiter *waiter);
/* Not in line: nothing. */
void rw_admission_leave_line(struct rw_admission *a, struct rw_waiter *waiter);
void rw_admission_release(struct rw_admission *a, uint64_t client, uint64_t tokens,
                          uint64_t now_ns);
/* Seconds until `tokens` may fit, by the rate seen so far; 1..60. */
unsigned rw_admission_retry_after(const struct rw_admission *a, uint64_t tokens);

#endif
