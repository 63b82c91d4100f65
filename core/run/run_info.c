/* The rules by name: how bad, what it means, what to do. */
#include "core/run/run.h"

static const struct rw_run_rule_info INFO[RW_RUN_RULES] = {
    {"martingale_prompt_gap", "alarm", "the reward depends less on the question than it did",
     "Read the named traces: do they answer the question that was asked?"},
    {"martingale_min_logit", "alarm", "the weakest step of a trace is worse than it was",
     "Read the weakest steps; reward the process minimum, or gate the outcome by it."},
    {"martingale_step_redundant", "alarm", "steps repeat what stands before them",
     "Look for loops and filler; take length or repetition out of the reward."},
    {"martingale_latent_outlier", "alarm", "traces leave the region of the calibration bank",
     "Read the named traces: the reward model has not seen their like."},
    {"martingale_flags", "alarm", "more flags fire in a trace than did",
     "See which flag rates rose in the windows; gate the reward by those that are right."},
    {"martingale_accuracy", "alarm", "fewer answers are right than were",
     "Compare with the reward: where it did not fall, it pays for something else."},
    {"martingale_group_texts", "alarm", "the samples of one prompt have become the same text",
     "Raise the temperature or the entropy bonus, lower the learning rate, or go back a "
     "checkpoint."},
    {"gate", "alarm", "a flag or a gate closes more often than it did",
     "Read the named traces; what this flag names is being learnt."},
    {"prompts_changed", "warn", "the prompts are not what they were; a new baseline began",
     "Nothing, if you changed them; else look at the loader, the template and the system prompt."},
    {"manifold_collapse", "alarm", "the reward rises while coverage and dimension fall",
     "Look whether the best-rewarded traces are one text with other numbers."},
    {"reward_accuracy_divergence", "alarm", "the reward rises and correctness does not follow",
     "Read the wrong traces with the highest reward; they show what is paid for."},
    {"outcome_process_gap", "alarm", "the outcome model praises what the process model does not",
     "Reward the process minimum, or gate the outcome reward by it."},
    {"screening", "warn", "the surface of a trace explains more of its reward than it did",
     "Hold length and layout fixed and see whether the reward still tells traces apart."},
    {"reward_jump", "warn", "the mean reward jumped from one window to the next",
     "Look what changed: the policy, the prompts, or the reward model."},
    {"steps_jump", "warn", "the number of steps jumped from one window to the next",
     "Look at the splitting of the traces, and at the longest ones."},
    {"step_length_jump", "warn", "the length of a step jumped from one window to the next",
     "Look at the splitting of the traces, and at the longest steps."},
    {"accuracy_fall", "alarm", "fewer answers are right than in the first window",
     "Compare with the reward: where it did not fall, it pays for something else."},
    {"group_diversity", "alarm", "the samples of one prompt have become alike",
     "Raise the temperature or the entropy bonus, lower the learning rate, or go back a "
     "checkpoint."},
    {"coverage_fall", "warn", "the traces visit less of the region of the first ones",
     "Look whether one template has taken over; with a reward that rises it is a collapse."},
    {"reward_length", "warn", "the reward follows the length of a trace more than it did",
     "Compare traces of one prompt and of equal worth; normalise the reward by length."},
    {"validation_gap", "alarm", "training gets better and validation does not follow",
     "Stop at the last step before the gap opened, or train on more kinds of prompts."},
    {"counterfactual_gap", "alarm",
     "counterfactual prompts are failed, or accepted, more than before",
     "Put counterfactual prompts into training; the policy follows what the prompt says, not why."},
};

const struct rw_run_rule_info *rw_run_rule_info(enum rw_run_rule rule)
{
    return &INFO[rule];
}
