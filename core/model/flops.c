#include "core/model/flops.h"

static double weights_front(const struct rw_config *c)
{
    return (double)c->hidden * (c->heads + 2.0 * c->kv_heads) * c->head_dim;
}

static double weights_back(const struct rw_config *c)
{
    return (double)c->hidden * c->heads * c->head_dim + 3.0 * c->hidden * c->intermediate;
}

double rw_flops_per_token(const struct rw_weights *weights)
{
    const struct rw_config *c = &weights->config;
    return 2.0 * (c->layers * weights_front(c) + (c->layers - 1.0) * weights_back(c));
}

double rw_flops_per_score(const struct rw_weights *weights)
{
    return 2.0 * weights_back(&weights->config) + rw_head_flops(&weights->head);
}

/* q.k and p.v: two operations each per element. */
static double per_key_and_layer(const struct rw_config *c)
{
    return 4.0 * c->heads * c->head_dim;
}

double rw_flops_per_key(const struct rw_config *c)
{
    return c->layers * per_key_and_layer(c);
}

/* Keys seen by queries [position, position + n), summed, with a window of w (0: none). */
static double keys_seen(double position, double n, double w)
{
    if (w == 0 || position + n <= w) {
        return n * position + n * (n + 1) / 2;
    }
    if (position >= w) {
        return n * w;
    }
    double before = w - position; /* queries that still see all keys */
    return before * position + before * (before + 1) / 2 + (n - before) * w;
}

double rw_flops_of_attention(const struct rw_config *c, uint32_t position, uint32_t n,
                             uint32_t scores)
{
    double all = keys_seen(position, n, 0), windowed = keys_seen(position, n, c->window);
    uint32_t last = c->layers - 1;
    uint32_t unwindowed =
        c->window == 0 || c->window_from_layer > last ? last : c->window_from_layer;
    double last_mean = (last >= c->window_from_layer ? windowed : all) / n;
    return per_key_and_layer(c) *
           (unwindowed * all + (last - unwindowed) * windowed + scores * last_mean);
}
