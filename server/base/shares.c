#include "server/base/shares.h"

#include "core/base/assert.h"

void rw_shares_init(struct rw_shares *shares, uint64_t max)
{
    *shares = (struct rw_shares){.max = max};
}

static uint64_t *slot(struct rw_shares *shares, uint64_t client)
{
    return &shares->of[client % RW_SHARES_SLOTS];
}

static uint64_t left(const struct rw_shares *shares)
{
    return shares->max > shares->held ? shares->max - shares->held : 0;
}

bool rw_shares_has_room(const struct rw_shares *shares, uint64_t amount)
{
    return amount <= left(shares);
}

/* held + amount <= alpha * left, without a sum or a product that could overflow. */
bool rw_shares_is_fair(const struct rw_shares *shares, uint64_t client, uint64_t amount)
{
    uint64_t held = shares->of[client % RW_SHARES_SLOTS];
    uint64_t room = left(shares);
    uint64_t most = room > UINT64_MAX / RW_SHARES_ALPHA ? UINT64_MAX : RW_SHARES_ALPHA * room;
    return held <= most && amount <= most - held;
}

void rw_shares_take(struct rw_shares *shares, uint64_t client, uint64_t amount)
{
    rw_assert(amount <= UINT64_MAX - shares->held);
    shares->held += amount;
    *slot(shares, client) += amount;
}

void rw_shares_give(struct rw_shares *shares, uint64_t client, uint64_t amount)
{
    rw_assert(amount <= shares->held);
    rw_assert(amount <= *slot(shares, client));
    shares->held -= amount;
    *slot(shares, client) -= amount;
}
