/* How a trace becomes one input: the prompt layout as data.
 *
 * A layout is a list of sections, a section a list of pieces; core/MODEL.md section 4 has the
 * written form. It is filled by manifest.c from a preset or from rewardd.json, belongs to the
 * package's arena, and never changes afterwards. Nothing here tokenises: input.c does. */
#ifndef RW_MODEL_LAYOUT_H
#define RW_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_PIECES_MAX = 32, /* of a section */
    RW_SPLITS_MAX = 8,  /* separators tried on a trace sent as one text */
};

enum rw_piece_type {
    RW_PIECE_TEXT,    /* literal, trusted */
    RW_PIECE_CONTENT, /* what the client sent, untrusted */
    RW_PIECE_TOKEN,   /* one id; text before and after is tokenised apart */
    RW_PIECE_NUMBER,  /* literal with the step's number, unless the step has it already */
    RW_PIECE_CUT,     /* text before and after is tokenised apart */
    RW_PIECE_SCORE,   /* the reward is read at the token that ends here */
};

/* White space as Python's str.strip sees it, or leading newlines only. */
enum rw_trim {
    RW_TRIM_NONE,
    RW_TRIM_LEFT,
    RW_TRIM_RIGHT,
    RW_TRIM_BOTH,
    RW_TRIM_NEWLINES_LEFT,
};

/* Templates of thinking models place what is inside <think> and what follows it apart. */
enum rw_part {
    RW_PART_WHOLE,
    RW_PART_REASONING,
    RW_PART_ANSWER,
};

struct rw_layout_piece {
    enum rw_piece_type type;
    struct rw_str text; /* TEXT; NUMBER: before the number */
    struct rw_str tail; /* NUMBER: behind it */
    int32_t id;         /* TOKEN */
    enum rw_trim trim;  /* CONTENT */
    enum rw_part part;  /* CONTENT */
};

/* In the order of an input; USER and ASSISTANT repeat, BETWEEN stands between two steps. */
enum rw_section_id {
    RW_SECTION_BEGIN,
    RW_SECTION_SYSTEM,
    RW_SECTION_USER,
    RW_SECTION_ASSISTANT,
    RW_SECTION_PROMPT, /* the last user message; USER when absent */
    RW_SECTION_OPEN,
    RW_SECTION_FIRST_STEP, /* STEP when absent */
    RW_SECTION_STEP,
    RW_SECTION_BETWEEN,
    RW_SECTION_RESPONSE, /* instead of steps: the whole answer as one text */
    RW_SECTION_CLOSE,
    RW_SECTION_COUNT,
};

/* What the reference does to the end of the whole text before it tokenises. */
enum rw_end {
    RW_END_AS_IS,
    RW_END_EOS,         /* the EOS token's text, unless it is there already (TRL RewardTrainer) */
    RW_END_SPACED_EOS,  /* no newlines, then " " and the EOS token's text unless it is there; the
                           last id is EOS whatever it was (OpenRLHF) */
    RW_END_EOS_IF_BARE, /* EOS when the template puts nothing behind the answer (LLaMA-Factory) */
};

struct rw_section {
    const struct rw_layout_piece *pieces;
    size_t count;
    bool present;
};

/* A name that templates know a special token by ("bos_token"), and its text. */
struct rw_special {
    const char *name;
    struct rw_str text;
};

enum {
    RW_SPECIALS_MAX = 7,
};

struct rw_jinja;

struct rw_layout {
    /* The folder's chat template, which lays out everything but the steps; NULL: the sections do.
     */
    const struct rw_jinja *jinja;
    const struct rw_jinja *jinja_tools; /* where tools are given; NULL: the same */
    struct rw_special special[RW_SPECIALS_MAX];
    size_t n_special;
    bool uses_date; /* what the folder's template renders depends on the date it is told */
    struct rw_section section[RW_SECTION_COUNT];
    bool has_system_default;
    struct rw_str system_default;
    struct rw_str marker_text; /* of `marker`, where it was given as text */
    int32_t marker;            /* id that every score position must hold; -1 = any */
    bool count_marker; /* the reference locates by id: as many in the whole input as steps */
    struct rw_str split[RW_SPLITS_MAX];
    size_t n_split;
    bool keep_empty_steps;
    struct rw_str drop_suffix; /* of a step */
    struct rw_str remove;      /* everywhere in a response */
    struct rw_str join;        /* between the steps of a list, for RESPONSE */
    enum rw_end end;           /* outcome */
    bool cut_answer;           /* prompt and answer are tokenised apart */
    bool post_processor;       /* what the tokenizer's own post-processor puts around a text */
    struct rw_str eos_text;    /* with an `end` that needs it */
    int32_t eos;
    bool last_not_pad; /* outcome: the last token whose id is not the pad id */
};

/* "begin", "system", ... as in rewardd.json. */
const char *rw_section_name(enum rw_section_id id);

struct rw_str rw_layout_trim(struct rw_str text, enum rw_trim trim);
struct rw_str rw_layout_part(struct rw_str text, enum rw_part part);

#endif
