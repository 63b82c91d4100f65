#include "server/scoring/admission.h"

#include <stddef.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/util.h"

static const uint64_t RATE_WINDOW_NS = 2 * RW_NS_PER_S;

static const double GUESS_SHARE = 0.9; /* of what was seen: one that fits is hardly ever refused */

enum {
    RETRY_SECONDS_MAX = 60,
    GUESS_OF_BUDGET = 4, /* a quarter at most */
    LEARN_OVER = 16,     /* requests */
};

static void check_admission(const struct rw_admission *a)
{
    rw_assert((a->waiting == 0) == (a->line.next == &a->line));
    rw_assert((a->tokens.held == 0) == (a->idle_since_ns != 0));
    rw_assert(a->tokens.max <= a->tokens_max);
}

/* The budget as the rate has it now. */
static void set_budget(struct rw_admission *a)
{
    double tokens = a->seconds > 0 && a->tokens_per_s > 0 ? a->seconds * a->tokens_per_s
                    : a->seconds > 0                      ? (double)RW_QUEUE_TOKENS_UNKNOWN
                                                          : (double)a->tokens_max;
    tokens = RW_MAX(tokens, (double)RW_QUEUE_TOKENS_MIN);
    a->tokens.max = tokens < (double)a->tokens_max ? (uint64_t)tokens : a->tokens_max;
}

void rw_admission_init(struct rw_admission *a, uint64_t tokens_max, double seconds, uint64_t now_ns)
{
    *a = (struct rw_admission){.tokens_max = tokens_max, .seconds = seconds};
    rw_shares_init(&a->tokens, tokens_max);
    a->idle_since_ns = RW_MAX(now_ns, 1);
    a->busy_since_ns = a->idle_since_ns;
    a->line.next = &a->line;
    a->line.prev = &a->line;
    set_budget(a);
    check_admission(a);
}

/* ---- entering -------------------------------------------------------------------------------- */

static bool has_room(const struct rw_admission *a, uint64_t tokens)
{
    return a->tokens.held == 0 || rw_shares_has_room(&a->tokens, tokens);
}

static bool is_fair(const struct rw_admission *a, uint64_t client, uint64_t tokens)
{
    return a->tokens.held == 0 || rw_shares_is_fair(&a->tokens, client, tokens);
}

static void take(struct rw_admission *a, uint64_t client, uint64_t tokens, uint64_t now_ns)
{
    if (a->idle_since_ns != 0 && tokens > 0) {
        a->busy_since_ns += now_ns - a->idle_since_ns; /* idle time is no time of work */
        a->idle_since_ns = 0;
    }
    rw_shares_take(&a->tokens, client, tokens);
    check_admission(a);
}

/* Clients that have somebody in the part of the line looked at: of one client nobody overtakes. */
struct seen {
    uint64_t slots[RW_SHARES_SLOTS / 64];
};

/* True the first time. */
static bool first_of(struct seen *seen, uint64_t client)
{
    uint64_t slot = client % RW_SHARES_SLOTS;
    uint64_t bit = UINT64_C(1) << (slot % 64);
    bool first = (seen->slots[slot / 64] & bit) == 0;
    seen->slots[slot / 64] |= bit;
    return first;
}

/* The first in line whom their share would let in; NULL = none. */
static struct rw_waiter *first_fair(const struct rw_admission *a, struct seen *seen)
{
    for (struct rw_waiter *w = a->line.next; w != &a->line; w = w->next) {
        if (first_of(seen, w->client) && is_fair(a, w->client, w->tokens)) {
            return w;
        }
    }
    return NULL;
}

bool rw_admission_enter(struct rw_admission *a, uint64_t client, uint64_t tokens, uint64_t now_ns)
{
    struct seen seen = {0};
    if (!has_room(a, tokens) || !is_fair(a, client, tokens) || first_fair(a, &seen) != NULL ||
        !first_of(&seen, client)) {
        return false;
    }
    take(a, client, tokens, now_ns);
    return true;
}

uint64_t rw_admission_guess(const struct rw_admission *a, size_t body_bytes)
{
    double tokens = (double)body_bytes * a->tokens_per_byte * GUESS_SHARE;
    double most = (double)a->tokens.max / GUESS_OF_BUDGET;
    return (uint64_t)(RW_MAX(RW_MIN(tokens, most), 1.0));
}

void rw_admission_learn(struct rw_admission *a, size_t body_bytes, uint64_t tokens)
{
    if (body_bytes == 0) {
        return;
    }
    double now = (double)tokens / (double)body_bytes;
    a->tokens_per_byte += (now - a->tokens_per_byte) / (a->tokens_per_byte > 0 ? LEARN_OVER : 1);
}

bool rw_admission_is_full(const struct rw_admission *a, uint64_t client, uint64_t guess)
{
    return !has_room(a, guess) || !is_fair(a, client, guess);
}

void rw_admission_wait(struct rw_admission *a, struct rw_waiter *waiter)
{
    waiter->prev = a->line.prev;
    waiter->next = &a->line;
    a->line.prev->next = waiter;
    a->line.prev = waiter;
    a->waiting++;
    check_admission(a);
}

void rw_admission_leave_line(struct rw_admission *a, struct rw_waiter *waiter)
{
    if (waiter->next == NULL) {
        return;
    }
    waiter->prev->next = waiter->next;
    waiter->next->prev = waiter->prev;
    waiter->next = NULL;
    waiter->prev = NULL;
    a->waiting--;
    check_admission(a);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* Who may enter now. Room that is short for the first whom their share would let in is kept for
 * them: NULL. */
static struct rw_waiter *next_in(const struct rw_admission *a)
{
    struct seen seen = {0};
    struct rw_waiter *w = first_fair(a, &seen);
    return w != NULL && has_room(a, w->tokens) ? w : NULL;
}

static void let_in(struct rw_admission *a, uint64_t now_ns)
{
    if (a->releasing) {
        return; /* a waiter that fails at once releases from inside its turn */
    }
    a->releasing = true;
    struct rw_waiter *w;
    while ((w = next_in(a)) != NULL) {
        rw_admission_leave_line(a, w);
        take(a, w->client, w->tokens, now_ns);
        w->admitted(w);
    }
    a->releasing = false;
}

static void measure(struct rw_admission *a, uint64_t tokens, uint64_t now_ns)
{
    a->rate_tokens += tokens;
    if (now_ns - a->busy_since_ns < RATE_WINDOW_NS) {
        return;
    }
    double rate = (double)a->rate_tokens / ((double)(now_ns - a->busy_since_ns) / RW_NS_PER_S);
    /* Half the last window: a burst out of the prefix cache is no promise for the next. */
    a->tokens_per_s = a->tokens_per_s > 0 ? (a->tokens_per_s + rate) / 2 : rate;
    a->rate_tokens = 0;
    a->busy_since_ns = now_ns;
    set_budget(a);
}

void rw_admission_release(struct rw_admission *a, uint64_t client, uint64_t tokens, uint64_t now_ns)
{
    rw_shares_give(&a->tokens, client, tokens);
    a->released_total += tokens;
    if (tokens > 0) {
        measure(a, tokens, now_ns);
    }
    if (a->tokens.held == 0 && a->idle_since_ns == 0) {
        a->idle_since_ns = RW_MAX(now_ns, 1);
    }
    check_admission(a);
    let_in(a, now_ns);
}

unsigned rw_admission_retry_after(const struct rw_admission *a, uint64_t tokens)
{
    if (a->tokens_per_s <= 0) {
        return 1;
    }
    double over = (double)a->tokens.held + (double)tokens - (double)a->tokens.max;
    double seconds = over / a->tokens_per_s;
    if (seconds < 1) {
        return 1;
    }
    return seconds > RETRY_SECONDS_MAX ? RETRY_SECONDS_MAX : (unsigned)seconds + 1;
}
