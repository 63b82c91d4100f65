#include "server/base/turns.h"

#include <stddef.h>

#include "core/base/assert.h"

void rw_turns_init(struct rw_turns *turns, const struct rw_clock *clock)
{
    *turns = (struct rw_turns){.clock = clock};
    turns->line.next = &turns->line;
    turns->line.prev = &turns->line;
}

void rw_turns_add(struct rw_turns *turns, struct rw_turn *turn)
{
    if (turn->prev != NULL) {
        return;
    }
    bool first = !rw_turns_any(turns);
    turn->prev = turns->line.prev;
    turn->next = &turns->line;
    turns->line.prev->next = turn;
    turns->line.prev = turn;
    if (first && turns->wake != NULL) {
        turns->wake(turns->ctx);
    }
}

static void unlink_turn(struct rw_turn *turn)
{
    turn->prev->next = turn->next;
    turn->next->prev = turn->prev;
    turn->prev = NULL;
    turn->next = NULL;
}

void rw_turns_remove(struct rw_turns *turns, struct rw_turn *turn)
{
    if (turns->serving == turn) {
        turns->serving = NULL; /* its memory may be gone when the step returns */
    }
    if (turn->prev != NULL) {
        unlink_turn(turn);
    }
}

/* The turn leaves the line before its step, so that news during the step put it back. */
static void serve(struct rw_turns *turns)
{
    struct rw_turn *turn = turns->line.next;
    rw_assert(turns->serving == NULL); /* a step does not run the line */
    unlink_turn(turn);
    turns->serving = turn;
    struct rw_watch_span span = rw_watch_enter(turns->watch, turn->name);
    bool more = turn->step(turn);
    rw_watch_leave(turns->watch, span);
    if (turns->serving == turn && more) {
        turns->serving = NULL;
        rw_turns_add(turns, turn);
    }
    turns->serving = NULL;
}

bool rw_turns_run(struct rw_turns *turns)
{
    uint64_t end = rw_clock_now(turns->clock) + RW_TURNS_BUDGET_US * RW_NS_PER_US;
    struct rw_turn stop = {0}; /* behind those who stand in line now */
    rw_turns_add(turns, &stop);
    turns->round++;
    while (turns->line.next != &stop && rw_clock_now(turns->clock) < end) {
        serve(turns);
    }
    unlink_turn(&stop);
    return rw_turns_any(turns);
}
