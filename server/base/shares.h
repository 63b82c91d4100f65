/* A budget that clients share: bytes of bodies, tokens in the queue.
 *
 * Nobody may hold more than RW_SHARES_ALPHA times what is left over. One client alone gets 4/5 of
 * the budget that way, n that all want everything get 4 / (4 n + 1) each, and 1 / (4 n + 1) is
 * always left for who comes next: a client that takes all it can get stops itself, never another
 * (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998).
 *
 * Clients are numbers (hash of key or address) and fall into slots by number: what is kept does not
 * grow with them, and two that meet in a slot share like one. The numbers are not for an attacker
 * to choose. Not thread-safe. */
#ifndef RW_SERVER_BASE_SHARES_H
#define RW_SERVER_BASE_SHARES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RW_SHARES_SLOTS = 1024,
    RW_SHARES_ALPHA = 4,
};

struct rw_shares {
    uint64_t max;
    uint64_t held; /* by all */
    uint64_t of[RW_SHARES_SLOTS];
};

/* `max` may change at any time; what is held over it drains. */
void rw_shares_init(struct rw_shares *shares, uint64_t max);
/* It fits into the budget, and into what is this client's of it. */
bool rw_shares_has_room(const struct rw_shares *shares, uint64_t amount);
bool rw_shares_is_fair(const struct rw_shares *shares, uint64_t client, uint64_t amount);
/* Without a look at either: the caller has looked. */
void rw_shares_take(struct rw_shares *shares, uint64_t client, uint64_t amount);
void rw_shares_give(struct rw_shares *shares, uint64_t client, uint64_t amount);

#endif
