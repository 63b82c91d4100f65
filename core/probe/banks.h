/* The calibration banks beside the loaded models. A bank that is missing or for something else
 * leaves its model served without calibration: rewards do not depend on it, and its flags never
 * fire. GET /v1/models and the log say why.
 *
 * Filled by the loading thread, one slot per model, before the model is used; read by any thread
 * afterwards. */
#ifndef RW_PROBE_BANKS_H
#define RW_PROBE_BANKS_H

#include "core/rw_engine.h"
#include "core/shortcut/bank.h"

struct rw_bank_slot {
    const struct rw_model *model;
    struct rw_bank *bank;  /* NULL = uncalibrated */
    struct rw_error error; /* then why: NOT_FOUND, CONFIG (made for something else), corrupt */
};

/* What a bank made now for these models is bound to; `outcome` may be NULL. */
void rw_banks_version_of(const struct rw_model *model, const struct rw_model *outcome,
                         struct rw_bank_version *out);
/* dir/calibration.json, checked against the model. Never fails: see the slot. */
void rw_bank_slot_open(struct rw_bank_slot *slot, const char *dir, const struct rw_model *model);
/* calibration.json before a model is loaded: RW_OK when there is none, or it belongs to that model;
 * else why its flags would never fire. */
rw_status rw_banks_check(const struct rw_model_outline *outline, struct rw_error *err);
void rw_bank_slot_close(struct rw_bank_slot *slot);
/* Whether the bank was made beside this outcome model (NULL = none). */
bool rw_bank_slot_outcome(const struct rw_bank_slot *slot, const struct rw_model *outcome);

#endif
