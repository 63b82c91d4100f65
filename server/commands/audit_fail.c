#include "server/commands/audit_fail.h"

#include "proto/suggest.h"

static bool read_grade(struct rw_str word, unsigned *out)
{
    const unsigned yes = 1U << RW_AUDIT_YES;
    if (rw_str_is(word, "yes")) {
        *out = yes;
    } else if (rw_str_is(word, "partly")) {
        *out = yes | 1U << RW_AUDIT_PARTLY;
    } else if (rw_str_is(word, "unknown")) {
        *out = 1U << RW_AUDIT_UNKNOWN;
    } else {
        return false;
    }
    return true;
}

static rw_status refuse_grade(struct rw_str word, struct rw_error *err)
{
    static const char *const GRADES[] = {"yes", "partly", "unknown"};
    rw_fail(err, RW_CONFIG, "--fail-on: \"%.*s\" is not yes, partly or unknown", RW_STR_ARG(word));
    rw_suggest(word, GRADES, 3, err);
    return RW_CONFIG;
}

static rw_status refuse_property(struct rw_str word, struct rw_error *err)
{
    const char *names[RW_AUDIT_PROPERTIES];
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        names[p] = rw_audit_property_name((enum rw_audit_property_id)p);
    }
    rw_fail(err, RW_CONFIG, "--fail-on: no verdict is called \"%.*s\"", RW_STR_ARG(word));
    rw_suggest(word, names, RW_AUDIT_PROPERTIES, err);
    return RW_CONFIG;
}

static rw_status read_term(struct rw_str term, struct rw_audit_fail *out, struct rw_error *err)
{
    size_t equals = rw_str_find(term, RW_STR("="), 0);
    bool one = equals < term.len;
    struct rw_str name = rw_str_slice(term, 0, one ? equals : 0);
    struct rw_str word = rw_str_slice(term, one ? equals + 1 : 0, term.len);
    unsigned grades = 0;
    bool found = !one;
    if (!read_grade(word, &grades)) {
        return refuse_grade(word, err);
    }
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        if (!one || rw_str_is(name, rw_audit_property_name((enum rw_audit_property_id)p))) {
            out->grades[p] |= grades;
            found = true;
        }
    }
    return found ? RW_OK : refuse_property(name, err);
}

rw_status rw_audit_fail_parse(const char *list, struct rw_audit_fail *out, struct rw_error *err)
{
    *out = (struct rw_audit_fail){{0}};
    if (list == NULL) {
        return RW_OK;
    }
    struct rw_str all = rw_str_from(list);
    rw_status status = RW_OK;
    for (size_t at = 0; status == RW_OK && at <= all.len;) {
        size_t comma = rw_str_find(all, RW_STR(","), at);
        status = read_term(rw_str_trim(rw_str_slice(all, at, comma)), out, err);
        at = comma + 1;
    }
    return status;
}

bool rw_audit_fail_matches(const struct rw_audit_fail *fail, enum rw_audit_property_id property,
                           enum rw_audit_grade grade)
{
    return (fail->grades[property] & 1U << grade) != 0;
}
