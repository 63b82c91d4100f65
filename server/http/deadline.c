#include "server/http/deadline.h"

#include <stddef.h>

#include "core/base/assert.h"
#include "core/base/clock.h"

void rw_deadlines_init(struct rw_deadlines *all)
{
    for (int kind = 0; kind < RW_DEADLINE_KINDS; kind++) {
        struct rw_deadline *head = &all->queue[kind];
        *head = (struct rw_deadline){.prev = head, .next = head};
        all->duration_ns[kind] = 0;
    }
}

void rw_deadlines_set(struct rw_deadlines *all, enum rw_deadline_kind kind, uint64_t duration_ms)
{
    all->duration_ns[kind] = duration_ms * RW_NS_PER_MS;
}

void rw_deadline_disarm(struct rw_deadline *deadline)
{
    if (deadline->kind == RW_DEADLINE_NONE) {
        return;
    }
    deadline->prev->next = deadline->next;
    deadline->next->prev = deadline->prev;
    *deadline = (struct rw_deadline){.kind = RW_DEADLINE_NONE};
}

void rw_deadline_arm(struct rw_deadlines *all, struct rw_deadline *deadline,
                     enum rw_deadline_kind kind, uint64_t now_ns)
{
    rw_assert(kind != RW_DEADLINE_NONE);
    rw_deadline_disarm(deadline);
    struct rw_deadline *head = &all->queue[kind];
    *deadline = (struct rw_deadline){.prev = head->prev,
                                     .next = head,
                                     .expires_ns = now_ns + all->duration_ns[kind],
                                     .kind = kind};
    head->prev->next = deadline;
    head->prev = deadline;
}

struct rw_deadline *rw_deadlines_expired(struct rw_deadlines *all, uint64_t now_ns,
                                         enum rw_deadline_kind *kind)
{
    for (int k = 0; k < RW_DEADLINE_KINDS; k++) {
        struct rw_deadline *first = all->queue[k].next;
        if (first != &all->queue[k] && first->expires_ns <= now_ns) {
            *kind = first->kind;
            rw_deadline_disarm(first);
            return first;
        }
    }
    return NULL;
}
