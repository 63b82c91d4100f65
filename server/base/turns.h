/* Work of the loop thread in slices, so that no request makes the others wait.
 *
 * Whatever may take longer than a moment (handing out the engine's news, writing a large reply,
 * ending a request of thousands of jobs) is a turn: its step does a bounded piece and says whether
 * there is more. Turns stand in a line; a round serves each that stands there one step, or fewer
 * when a time budget is spent; then the loop looks at its sockets, signals and timers, and goes on.
 * A turn that is in line is not put there twice, so a step must look for all its work, not for one
 * piece of news.
 *
 * No libuv here: `wake` tells the owner of the loop that the line is not empty any more. Loop
 * thread only. */
#ifndef RW_SERVER_BASE_TURNS_H
#define RW_SERVER_BASE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "server/base/watch.h"

enum {
    /* Of one round, and about what one step may take. A round ends with the step that passes it, so
     * sockets are looked at after about twice this. */
    RW_TURNS_BUDGET_US = 2000,
};

struct rw_turn {
    struct rw_turn *prev; /* NULL = not in line */
    struct rw_turn *next;
    /* True = there is more. May take itself or others out of line, and may end its owner's life. */
    bool (*step)(struct rw_turn *turn);
    const char *name; /* for the watch: what takes the time */
};

struct rw_turns {
    struct rw_turn line; /* list head */
    const struct rw_clock *clock;
    struct rw_watch *watch;  /* NULL = nobody watches */
    void (*wake)(void *ctx); /* NULL = the owner looks by itself */
    void *ctx;
    uint64_t round;          /* number of the round under way, or of the last one */
    struct rw_turn *serving; /* its step is under way; NULL when it was taken out of line */
};

void rw_turns_init(struct rw_turns *turns, const struct rw_clock *clock);
/* At the end of the line, unless it is in line. */
void rw_turns_add(struct rw_turns *turns, struct rw_turn *turn);
void rw_turns_remove(struct rw_turns *turns, struct rw_turn *turn);
static inline bool rw_turns_waits(const struct rw_turn *turn)
{
    return turn->prev != NULL;
}
static inline bool rw_turns_any(const struct rw_turns *turns)
{
    return turns->line.next != &turns->line;
}
/* One round; false when the line is empty. */
bool rw_turns_run(struct rw_turns *turns);

#endif
