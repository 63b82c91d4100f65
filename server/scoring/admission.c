#include "server/scoring/admission.h"

#include <stddef.h>

#include "core/base/assert.h"

static const uint64_t RATE_WINDOW_NS = UINT64_C(2000000000);

enum {
    RETRY_SECONDS_MAX = 60,
};

void rw_admission_init(struct rw_admission *a, uint64_t tokens_max, uint64_t now_ns)
{
    *a = (struct rw_admission){.tokens_max = tokens_max, .rate_since_ns = now_ns};
    a->line.next = &a->line;
    a->line.prev = &a->line;
}

static bool fits(const struct rw_admission *a, uint64_t tokens)
{
    return a->tokens == 0 || (tokens <= a->tokens_max && a->tokens <= a->tokens_max - tokens);
}

bool rw_admission_enter(struct rw_admission *a, uint64_t tokens)
{
    if (a->waiting > 0 || !fits(a, tokens)) {
        return false;
    }
    a->tokens += tokens;
    return true;
}

void rw_admission_wait(struct rw_admission *a, struct rw_waiter *waiter)
{
    waiter->prev = a->line.prev;
    waiter->next = &a->line;
    a->line.prev->next = waiter;
    a->line.prev = waiter;
    a->waiting++;
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
}

static void let_in(struct rw_admission *a)
{
    if (a->releasing) {
        return; /* a waiter that fails at once releases from inside its turn */
    }
    a->releasing = true;
    while (a->waiting > 0 && fits(a, a->line.next->tokens)) {
        struct rw_waiter *first = a->line.next;
        rw_admission_leave_line(a, first);
        a->tokens += first->tokens;
        first->admitted(first);
    }
    a->releasing = false;
}

void rw_admission_release(struct rw_admission *a, uint64_t tokens, uint64_t now_ns)
{
    rw_assert(tokens <= a->tokens);
    a->tokens -= tokens;
    a->released_total += tokens;
    a->rate_tokens += tokens;
    if (now_ns - a->rate_since_ns >= RATE_WINDOW_NS) {
        double seconds = (double)(now_ns - a->rate_since_ns) / 1e9;
        a->tokens_per_s = (double)a->rate_tokens / seconds;
        a->rate_tokens = 0;
        a->rate_since_ns = now_ns;
    }
    let_in(a);
}

unsigned rw_admission_retry_after(const struct rw_admission *a, uint64_t tokens)
{
    if (a->tokens_per_s <= 0) {
        return 1;
    }
    double over = (double)a->tokens + (double)tokens - (double)a->tokens_max;
    double seconds = over / a->tokens_per_s;
    if (seconds < 1) {
        return 1;
    }
    return seconds > RETRY_SECONDS_MAX ? RETRY_SECONDS_MAX : (unsigned)seconds + 1;
}
