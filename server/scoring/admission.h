/* Who may enter: a budget of tokens admitted and not yet scored, over all models.
 *
 * A request enters whole or not at all. One that is larger than the whole budget may enter when
 * nothing else is in. Trainers' routes wait in line (their clients treat 429 as the end of the
 * run); the native route is told to come back. While somebody waits, nobody overtakes.
 * Loop thread only. */
#ifndef RW_SERVER_SCORING_ADMISSION_H
#define RW_SERVER_SCORING_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

struct rw_waiter {
    struct rw_waiter *prev;
    struct rw_waiter *next;
    uint64_t tokens;
    /* It is its turn: the waiter is out of the line and its tokens are taken. */
    void (*admitted)(struct rw_waiter *waiter);
};

struct rw_admission {
    uint64_t tokens_max;
    uint64_t tokens; /* admitted and not released */
    uint64_t released_total;
    struct rw_waiter line; /* list head */
    uint64_t waiting;
    bool releasing;
    /* scoring rate, for Retry-After */
    uint64_t rate_tokens;
    uint64_t rate_since_ns;
    double tokens_per_s;
};

void rw_admission_init(struct rw_admission *a, uint64_t tokens_max, uint64_t now_ns);
/* Takes the tokens, or says no. */
bool rw_admission_enter(struct rw_admission *a, uint64_t tokens);
void rw_admission_wait(struct rw_admission *a, struct rw_waiter *waiter);
void rw_admission_leave_line(struct rw_admission *a, struct rw_waiter *waiter);
void rw_admission_release(struct rw_admission *a, uint64_t tokens, uint64_t now_ns);
/* Seconds until `tokens` may fit, by the rate seen so far; 1..60. */
unsigned rw_admission_retry_after(const struct rw_admission *a, uint64_t tokens);

#endif
