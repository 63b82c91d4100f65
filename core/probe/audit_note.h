/* The audit of a model that lies in its folder (`rewardd audit --save`): verdicts for people, each
 * with the rule that decided. Rewards and flags do not depend on it. It counts for the weights
 * whose digest it names; beside others it is told, as that.
 *
 * Read by the loading thread before the model is used, by any thread afterwards. The file is as
 * hostile as the folder: sizes are bounded, what has another form is refused whole. */
#ifndef RW_PROBE_AUDIT_NOTE_H
#define RW_PROBE_AUDIT_NOTE_H

#include "core/rw_engine.h"

enum {
    RW_AUDIT_NOTE_FILE_MAX = 1 << 20, /* bytes */
    RW_AUDIT_NOTE_VERDICTS_MAX = 32,
};

enum rw_audit_note_state {
    RW_AUDIT_NOTE_NONE,
    RW_AUDIT_NOTE_UNREADABLE, /* `error` says why */
    RW_AUDIT_NOTE_OTHER_WEIGHTS,
    RW_AUDIT_NOTE_CURRENT,
};

struct rw_audit_note_verdict {
    char property[40]; /* "number-blind" */
    char means[120];
    char verdict[12]; /* "no", "partly", "yes", "unknown" */
    char sentence[400];
    char rule[240];
    char intervention[40]; /* what decided: a figure of an intervention, */
    char figure[24];
    double value, low, high; /* NaN = not known */
    double no, yes;          /* and its thresholds */
    uint64_t traces;
};

struct rw_audit_note {
    enum rw_audit_note_state state;
    struct rw_error error;
    char digest[65]; /* of the model that was audited */
    char dtype[16];
    char rewardd[40]; /* version that audited */
    char traces_file[256];
    uint64_t traces;
    uint64_t questions;
    size_t n;
    struct rw_audit_note_verdict verdict[RW_AUDIT_NOTE_VERDICTS_MAX];
};

/* dir/audit.json or, `beside`, dir.audit.json; LIMIT_EXCEEDED. */
rw_status rw_audit_note_path(const char *dir, bool beside, char *out, size_t size,
                             struct rw_error *err);
/* In the folder, else beside it. Never fails: see the state. */
void rw_audit_note_open(struct rw_audit_note *note, const char *dir, const char *digest);
/* The same from a text. */
void rw_audit_note_parse(struct rw_audit_note *note, struct rw_str text, const char *digest);
const char *rw_audit_note_state_name(enum rw_audit_note_state state);

#endif
