#include "core/probe/banks.h"

#include <stdio.h>

#include "core/base/log.h"

static void make_version(const char *digest, const char *preset, struct rw_bank_version *out)
{
    *out = (struct rw_bank_version){0};
    snprintf(out->model, sizeof out->model, "%s", digest);
    snprintf(out->layout, sizeof out->layout, "%s", preset);
    snprintf(out->splitter, sizeof out->splitter, "layout");
}

/* The digest of a package covers its tokenizer, recipe and layout, the separators among them; the
 * two tags are for a person who reads the file. */
void rw_banks_version_of(const struct rw_model *model, const struct rw_model *outcome,
                         struct rw_bank_version *out)
{
    make_version(rw_model_info(model)->digest, rw_model_info(model)->preset, out);
    if (outcome != NULL) {
        snprintf(out->outcome, sizeof out->outcome, "%s", rw_model_info(outcome)->digest);
    }
}

void rw_bank_slot_open(struct rw_bank_slot *slot, const char *dir, const struct rw_model *model)
{
    struct rw_bank_version now;
    bool same;
    *slot = (struct rw_bank_slot){.model = model};
    rw_banks_version_of(model, NULL, &now);
    rw_status status = rw_bank_open(dir, &slot->bank, &slot->error);
    if (status == RW_OK) {
        status = rw_bank_check(slot->bank, &now, &same, &slot->error);
    }
    const char *name = rw_model_info(model)->name;
    if (status == RW_OK) {
        rw_log(RW_LOG_INFO, "bank_loaded", "model=%s traces=%llu", name,
               (unsigned long long)rw_bank_rows(slot->bank));
        return;
    }
    rw_bank_free(slot->bank);
    slot->bank = NULL;
    bool absent = status == RW_NOT_FOUND;
    rw_log(absent ? RW_LOG_INFO : RW_LOG_WARN, absent ? "bank_absent" : "bank_refused",
           "model=%s reason=%s message=\"%s\" effect=\"calibrated flags never fire\"", name,
           rw_status_code(status), slot->error.message);
}

rw_status rw_banks_check(const struct rw_model_outline *outline, struct rw_error *err)
{
    struct rw_bank *bank = NULL;
    struct rw_bank_version now;
    bool same;
    make_version(outline->digest, outline->preset, &now);
    rw_status status = rw_bank_open(outline->dir, &bank, err);
    if (status == RW_NOT_FOUND) {
        return RW_OK;
    }
    if (status == RW_OK) {
        status = rw_bank_check(bank, &now, &same, err);
    }
    rw_bank_free(bank);
    if (status != RW_OK) {
        rw_error_prefix(err, "calibration.json");
    }
    return status;
}

void rw_bank_slot_close(struct rw_bank_slot *slot)
{
    rw_bank_free(slot->bank);
    slot->bank = NULL;
}

bool rw_bank_slot_outcome(const struct rw_bank_slot *slot, const struct rw_model *outcome)
{
    struct rw_bank_version now;
    bool same = false;
    if (slot->bank == NULL) {
        return false;
    }
    rw_banks_version_of(slot->model, outcome, &now);
    return rw_bank_check(slot->bank, &now, &same, NULL) == RW_OK && same;
}
