#include "core/equation/round_trip.h"

#include <stdbool.h>

#include "core/base/util.h"
#include "core/equation/number_role.h"

struct sum {
    double left;
    double right;
    double result;
    enum rw_token_kind sign;
};

struct log {
    struct sum sum[RW_ROUND_TRIP_SUMS];
    size_t n;
};

/* Past the words of a unit and a percent sign. */
static size_t behind_unit(const struct rw_token *token, size_t n, size_t at)
{
    while (at < n && (token[at].kind == RW_TOKEN_WORD || token[at].kind == RW_TOKEN_PERCENT)) {
        at++;
    }
    return at;
}

/* "NUMBER sign NUMBER = NUMBER" from token `at`, and no longer sum around it. */
static bool read_sum(const struct rw_token *token, size_t n, size_t at, struct sum *out,
                     size_t *last)
{
    if (token[at].kind != RW_TOKEN_NUMBER ||
        (at > 0 &&
         (rw_number_role_operator(token[at - 1].kind) || token[at - 1].kind == RW_TOKEN_EQUAL))) {
        return false;
    }
    size_t sign = behind_unit(token, n, at + 1);
    if (sign + 1 >= n || !rw_number_role_operator(token[sign].kind) ||
        token[sign + 1].kind != RW_TOKEN_NUMBER) {
        return false;
    }
    size_t equal = behind_unit(token, n, sign + 2);
    if (equal + 1 >= n || token[equal].kind != RW_TOKEN_EQUAL ||
        token[equal + 1].kind != RW_TOKEN_NUMBER ||
        (equal + 2 < n && rw_number_role_operator(token[equal + 2].kind))) {
        return false;
    }
    *out = (struct sum){rw_number_role_value(&token[at]), rw_number_role_value(&token[sign + 1]),
                        rw_number_role_value(&token[equal + 1]), token[sign].kind};
    *last = equal + 1;
    return true;
}

static enum rw_token_kind inverse(enum rw_token_kind sign)
{
    return sign == RW_TOKEN_PLUS    ? RW_TOKEN_MINUS
           : sign == RW_TOKEN_MINUS ? RW_TOKEN_PLUS
           : sign == RW_TOKEN_TIMES ? RW_TOKEN_OVER
                                    : RW_TOKEN_TIMES;
}

static bool undoes(const struct sum *later, const struct sum *earlier)
{
    bool neutral = earlier->left == earlier->result;
    return !neutral && later->sign == inverse(earlier->sign) && later->left == earlier->result &&
           later->right == earlier->right && later->result == earlier->left;
}

static void read_step(struct log *log, struct rw_str step, int64_t t, struct rw_round_trips *out)
{
    struct rw_token token[RW_TOKENS_MAX];
    for (size_t at = 0; at < step.len;) {
        size_t n = rw_tokens_read(step, &at, token);
        for (size_t i = 0; i < n; i++) {
            struct sum sum;
            size_t last;
            if (!read_sum(token, n, i, &sum, &last)) {
                continue;
            }
            out->sums++;
            size_t kept = RW_MIN(log->n, (size_t)RW_ROUND_TRIP_SUMS);
            bool undone = false;
            for (size_t k = 0; k < kept && !undone; k++) {
                undone = undoes(&sum, &log->sum[k]);
            }
            if (undone && out->pairs++ == 0) {
                out->step = t;
                out->begin = token[i].begin;
                out->end = token[last].end;
            }
            log->sum[log->n++ % RW_ROUND_TRIP_SUMS] = sum;
        }
    }
}

void rw_round_trips(const struct rw_str *steps, size_t n_steps, struct rw_round_trips *out)
{
    struct log log = {.n = 0};
    *out = (struct rw_round_trips){.step = -1};
    for (size_t t = 0; t < n_steps; t++) {
        read_step(&log, steps[t], (int64_t)t, out);
    }
}
