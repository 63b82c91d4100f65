/* `--fail-on` of an audit: the verdicts that make its exit status an error.
 *
 *   LIST  := TERM ("," TERM)*
 *   TERM  := [PROPERTY "="] GRADE      "yes", "number-blind=partly", "unknown"
 *
 * partly includes yes; unknown stands for itself, since no evidence is no flaw. */
#ifndef RW_SERVER_COMMANDS_AUDIT_FAIL_H
#define RW_SERVER_COMMANDS_AUDIT_FAIL_H

#include "server/commands/audit.h"

struct rw_audit_fail {
    unsigned grades[RW_AUDIT_PROPERTIES]; /* bit 1 << grade */
};

/* NULL = nothing fails. CONFIG for a word that is neither, with a suggestion. */
rw_status rw_audit_fail_parse(const char *list, struct rw_audit_fail *out, struct rw_error *err);
bool rw_audit_fail_matches(const struct rw_audit_fail *fail, enum rw_audit_property_id property,
                           enum rw_audit_grade grade);

#endif
