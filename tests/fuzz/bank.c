/* calibration.json of any bytes: refused with a reason, or a bank whose p-values are probabilities,
 * and which says the same when it is written and read again. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/shortcut/bank.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranks(const struct rw_bank *bank)
{
    static const double VALUE[] = {-1e300, -3, 0, 0.5, 1, 7, 1e300};
    const struct rw_bank_place place[] = {
        {.domain = {"", 0}}, {.domain = {"math", 4}}, {.domain = {"m", 1}, .inside = true}};
    for (size_t p = 0; p < sizeof place / sizeof place[0]; p++) {
        for (int id = 0; id < RW_SIGNALS; id++) {
            for (size_t v = 0; v < sizeof VALUE / sizeof VALUE[0]; v++) {
                struct rw_bank_rank rank;
                rw_bank_rank(bank, &place[p], 100 * v, (enum rw_signal_id)id, VALUE[v], &rank);
                rw_assert(isnan(rank.p) || (rank.p > 0 && rank.p <= 1));
                rw_assert(isnan(rank.p) || rank.n_cal >= RW_BANK_N_MIN);
            }
        }
    }
}

static void check_latent(const struct rw_bank *bank)
{
    float feature[RW_SIGNAL_FEATURES];
    double d2;
    double knn;
    for (int i = 0; i < RW_SIGNAL_FEATURES; i++) {
        feature[i] = (float)(i % 7) - 3;
    }
    if (rw_bank_latent(bank, RW_STR(""), feature, &d2, &knn)) {
        rw_assert(!isnan(d2) && !isnan(knn));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_bank *bank = NULL;
    struct rw_bank *again = NULL;
    struct rw_error err = {0};
    if (rw_bank_parse((struct rw_str){(const char *)data, size}, &bank, &err) != RW_OK) {
        rw_assert(bank == NULL && err.message[0] != '\0');
        return 0;
    }
    check_ranks(bank);
    check_latent(bank);
    struct rw_buf once;
    struct rw_buf twice;
    rw_buf_init(&once, RW_BANK_FILE_MAX);
    rw_buf_init(&twice, RW_BANK_FILE_MAX);
    rw_bank_write(bank, &once);
    if (!once.failed) {
        rw_assert(rw_bank_parse(rw_buf_str(&once), &again, &err) == RW_OK);
        rw_bank_write(again, &twice);
        rw_assert(once.len == twice.len && memcmp(once.ptr, twice.ptr, once.len) == 0);
        rw_bank_free(again);
    }
    rw_buf_fini(&twice);
    rw_buf_fini(&once);
    rw_bank_free(bank);
    return 0;
}
