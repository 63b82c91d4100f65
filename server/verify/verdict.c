#include "server/verify/verdict.h"

void rw_verdict_view(const struct rw_verdict *verdict, struct rw_reply_verdict *out)
{
    static const enum rw_reply_verified VERIFIED[] = {
        [RW_VERIFIED_UNKNOWN] = RW_REPLY_VERIFIED_UNKNOWN,
        [RW_VERIFIED_RIGHT] = RW_REPLY_VERIFIED_RIGHT,
        [RW_VERIFIED_WRONG] = RW_REPLY_VERIFIED_WRONG,
    };
    *out = (struct rw_reply_verdict){
        .verified = VERIFIED[verdict->verified],
        .rule = rw_answer_rule_name(verdict->rule),
        .message = rw_answer_rule_sentence(verdict->rule),
        .evidence = rw_answer_evidence_name(verdict->evidence),
        .answer = verdict->answer,
        .reference = verdict->reference,
        .step = verdict->step,
        .begin = (uint32_t)verdict->begin,
        .end = (uint32_t)verdict->end,
    };
}

struct rw_answer_options rw_verdict_options(const struct rw_verify_options *options)
{
    return (struct rw_answer_options){.tolerance = options->tolerance,
                                      .rounding = options->rounding,
                                      .ordered = options->ordered,
                                      .units = options->units,
                                      .any_box = options->any_box,
                                      .read_thinking = options->read_thinking};
}

void rw_verdict_of(const struct rw_verify_options *how, const struct rw_verify_item *item,
                   struct rw_reply_verdict *out)
{
    const struct rw_answer_options options = rw_verdict_options(how);
    struct rw_verdict verdict = {.step = -1};
    if (item->given) {
        verdict = (struct rw_verdict){.evidence = RW_ANSWER_GIVEN,
                                      .answer = item->steps[0],
                                      .end = item->steps[0].len,
                                      .reference = item->reference};
        verdict.verified =
            rw_answer_equal_by(item->steps[0], item->reference, &options, &verdict.rule);
    } else {
        rw_answer_verify(item->steps, item->n_steps, item->reference, &options, &verdict);
    }
    rw_verdict_view(&verdict, out);
}
