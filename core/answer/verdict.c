#include "core/answer/verdict.h"

const char *rw_answer_evidence_name(enum rw_answer_evidence evidence)
{
    static const char *const NAME[] = {
#define XX(name, text) text,
        RW_ANSWER_EVIDENCE_MAP(XX)
#undef XX
    };
    return NAME[evidence];
}

const char *rw_answer_rule_name(enum rw_answer_rule rule)
{
    static const char *const NAME[] = {
#define XX(name, text, sentence) text,
        RW_ANSWER_RULE_MAP(XX)
#undef XX
    };
    return NAME[rule];
}

const char *rw_answer_rule_sentence(enum rw_answer_rule rule)
{
    static const char *const SENTENCE[] = {
#define XX(name, text, sentence) sentence,
        RW_ANSWER_RULE_MAP(XX)
#undef XX
    };
    return SENTENCE[rule];
}

const char *rw_verified_name(enum rw_verified verified)
{
    return verified == RW_VERIFIED_RIGHT   ? "right"
           : verified == RW_VERIFIED_WRONG ? "wrong"
                                           : "unknown";
}
