#include "core/model/recognise.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/model/recipe.h"

enum {
    CANDIDATES_MAX = 8,
    REPO_MAX = 256, /* bytes */
    LARGE_HIDDEN = 8192,
};

static const char RATIO[] =
    "its reward is a ratio of two language models, which no head here computes";

/* A recipe that the contents allow. */
struct candidate {
    const char *preset; /* NULL: no recipe of ours scores it, and `why` says so */
    const char *named;  /* patterns of repository names in lower case, '|' between them */
    const char *why;
};

/* When the contents of a class narrow the choice to the first candidate by themselves. */
enum sole {
    SOLE_NEVER,
    SOLE_ALWAYS,
    SOLE_WITH_PAD,      /* trainers with batches set a pad token; AceMath has none */
    SOLE_MATHS_DEFAULT, /* the template's own default is the system text of the first candidate */
    SOLE_MATHS_LARGE,   /* the same, in the size in which only the first candidate exists */
    SOLE_OUTSIDE_MISTRAL,
};

/* The first row that fits. `class_name` is the class, or '*' and what stands behind the backbone's
 * own name. */
static const struct situation {
    const char *class_name;
    const char *head; /* its rows are counted */
    uint64_t outputs; /* rows; 0 = any */
    enum sole sole;
    struct candidate candidate[CANDIDATES_MAX];
} SITUATION[] = {
    {"Qwen2ForProcessRewardModel",
     NULL,
     0,
     SOLE_MATHS_DEFAULT,
     {{"qwen2.5-math-prm", "qwen2.5-math-*prm*", NULL},
      {"reasonflux-prm", "reasonflux-prm*", NULL}}},
    {"Qwen2ForRewardModel",
     "score.2.weight",
     1,
     SOLE_MATHS_LARGE,
     {{"qwen2.5-math-rm", "qwen2.5-math-rm*", NULL},
      {"worldpm", "worldpm*", NULL},
      {NULL, "universal-prm*", "Universal-PRM is a process model; its recipe is not known to us"}}},
    {"Qwen2ForPrmModel", NULL, 0, SOLE_ALWAYS, {{"skywork-o1-prm", "skywork-o1*", NULL}}},
    {"InternLM2ForRewardModel",
     NULL,
     0,
     SOLE_NEVER,
     {{"internlm2-reward", "internlm2-*reward*|internlm2_5-*reward*", NULL},
      {NULL, "polar-*",
       "POLAR compares an answer with a reference answer, which no request carries into a "
       "layout"}}},
    {"LLMForSequenceRegression", NULL, 0, SOLE_ALWAYS, {{"openrlhf", "", NULL}}},
    {"RewardModel", NULL, 0, SOLE_ALWAYS, {{"openrlhf", "", NULL}}},
    {"Qwen2*ForSequenceClassification",
     "score.weight",
     1,
     SOLE_WITH_PAD,
     {{"seqcls", "", NULL},
      {"acemath-rm", "acemath-*rm*", NULL},
      {"skywork-reward-v2", "skywork-reward*", NULL},
      {NULL, "*rerank*|*rankllama*",
       "a reranker is no reward model: it reads a query and a document"}}},
    {"Qwen3*ForSequenceClassification", /* of reward models, a process model and rerankers */
     "score.weight",
     1,
     SOLE_NEVER,
     {{"seqcls", "codescaler*", NULL},
      {"skywork-reward-v2", "skywork-reward*", NULL},
      {NULL, "prorag*", "ProRAG's PRM is a process model; its recipe is not known to us"},
      {NULL, "*rerank*|*rankllama*",
       "a reranker is no reward model: it reads a query and a document"}}},
    {"*ForSequenceClassification",
     "score.weight",
     1,
     SOLE_ALWAYS,
     {{"seqcls", "", NULL},
      {"skywork-reward-v2", "skywork-reward*", NULL},
      {NULL, "*rerank*|*rankllama*",
       "a reranker is no reward model: it reads a query and a document"}}},
    {"*ForTokenClassification",
     "score.weight",
     2,
     SOLE_NEVER, /* the separator behind a step is nowhere in the folder */
     {{"trl-prm", "qwen2-0.5b-reward-math-sheperd*", NULL},
      {"trl-prm-nlnl", "*-instruct-prm-0.2*", NULL},
      {"pure-prm", "pure-prm*", NULL}}},
    {"*ForTokenClassification",
     "score.weight",
     1,
     SOLE_OUTSIDE_MISTRAL,
     {{"verl-rm", "", NULL}, {"math-minos", "*math-minos*", NULL}}},
    {"*ForCausalLM", /* LLaMA-Factory's, or a critic of some other trainer */
     "v_head.summary.weight",
     1,
     SOLE_NEVER,
     {{"llamafactory-rm", "", NULL}}},
    {"LlamaForCausalLM",
     NULL,
     0,
     SOLE_NEVER,
     {{"rlhflow-prm-mistral", "*prm-mistral*", NULL},
      {"rlhflow-prm-deepseek", "*prm-deepseek*", NULL},
      {"rlhflow-orm", "*orm-mistral*|*orm-deepseek*", NULL},
      {"versaprm-llama", "*versaprm*|*llama-prm800k*", NULL},
      {NULL, "*implicitprm*", RATIO},
      {NULL, "*nemotron*reward*|*pair-preference*|*llemma*prm*|llama3.1-math-prm*|starling-rm*",
       "the recipe of this model is not among ours"}}},
    {"MistralForCausalLM", NULL, 0, SOLE_NEVER, {{"math-shepherd", "*math-shepherd*", NULL}}},
    {"Qwen2ForCausalLM",
     NULL,
     0,
     SOLE_NEVER,
     {{"versaprm-qwen", "*versaprm*|*qwen-prm800k*", NULL},
      {NULL, "eurusprm*|*implicitprm*", RATIO},
      {NULL, "genprm*|thinkprm*|*genrm*",
       "a generative reward model writes before it judges; this daemon scores and does not write"},
      {NULL, "math-psa*|reasonflux-prm-1.5b*", "the recipe of this model is not among ours"}}},
};

/* The classes of transformers around each backbone begin with this. */
static const char *const BACKBONE_NAME[] = {
    [RW_BACKBONE_LLAMA] = "Llama",         [RW_BACKBONE_MISTRAL] = "Mistral",
    [RW_BACKBONE_QWEN2] = "Qwen2",         [RW_BACKBONE_QWEN3] = "Qwen3",
    [RW_BACKBONE_INTERNLM2] = "InternLM2",
};

/* ---- names ----------------------------------------------------------------------------------- */

/* `pattern` in lower case, '*' for anything; letters of `name` in any case. */
static bool fits(struct rw_str pattern, struct rw_str name)
{
    if (pattern.len == 0) {
        return name.len == 0;
    }
    struct rw_str rest = rw_str_slice(pattern, 1, pattern.len);
    if (pattern.ptr[0] == '*') {
        for (size_t at = 0; at <= name.len; at++) {
            if (fits(rest, rw_str_slice(name, at, name.len))) {
                return true;
            }
        }
        return false;
    }
    return name.len > 0 && tolower((unsigned char)name.ptr[0]) == pattern.ptr[0] &&
           fits(rest, rw_str_slice(name, 1, name.len));
}

/* The part behind the last slash that is not at the end: "org/name" and "/data/name/" are "name".
 */
static struct rw_str last_part(struct rw_str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    size_t begin = path.len;
    while (begin > 0 && path.ptr[begin - 1] != '/') {
        begin--;
    }
    return rw_str_slice(path, begin, path.len);
}

static bool is_named(const struct candidate *candidate, struct rw_str name)
{
    struct rw_str patterns = rw_str_from(candidate->named);
    name = last_part(name);
    name.len = RW_MIN(name.len, (size_t)REPO_MAX);
    for (size_t at = 0; name.len > 0 && at < patterns.len;) {
        size_t end = rw_str_find(patterns, RW_STR("|"), at);
        if (fits(rw_str_slice(patterns, at, end), name)) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* .../models--ORG--NAME/snapshots/REVISION, with links resolved. */
static void name_in_cache(const char *dir, char *repo, size_t size)
{
    static const struct rw_str PREFIX = {"models--", 8};
    char real[PATH_MAX];
    repo[0] = '\0';
    if (realpath(dir, real) == NULL) {
        return;
    }
    struct rw_str path = rw_str_from(real);
    path.len -= last_part(path).len;
    if (!rw_str_is(last_part(path), "snapshots")) {
        return;
    }
    path.len -= RW_MIN(path.len, sizeof "snapshots");
    struct rw_str name = last_part(path);
    if (!rw_str_starts(name, PREFIX)) {
        return;
    }
    name = rw_str_slice(name, PREFIX.len, name.len);
    size_t org = rw_str_find(name, RW_STR("--"), 0);
    int n = org < name.len ? snprintf(repo, size, "%.*s/%.*s", (int)org, name.ptr,
                                      (int)(name.len - org - 2), name.ptr + org + 2)
                           : snprintf(repo, size, "%.*s", RW_STR_ARG(name));
    if (n < 0 || (size_t)n >= size) {
        repo[0] = '\0';
    }
}

/* ---- contents -------------------------------------------------------------------------------- */

/* "Qwen2*ForX": the class QwenForX of that backbone only; "*ForX": of any. */
static bool class_fits(const char *wanted, const struct rw_config *config)
{
    struct rw_str class_name = rw_str_from(config->architecture);
    const char *star = strchr(wanted, '*');
    if (star == NULL) {
        return rw_str_is(class_name, wanted);
    }
    struct rw_str own = rw_str_from(BACKBONE_NAME[config->backbone]);
    struct rw_str before = {wanted, (size_t)(star - wanted)};
    return (before.len == 0 || rw_str_equal(before, own)) && rw_str_starts(class_name, own) &&
           rw_str_is(rw_str_slice(class_name, own.len, class_name.len), star + 1);
}

static const struct situation *find_situation(const struct rw_clues *clues)
{
    for (size_t i = 0; i < RW_COUNT(SITUATION); i++) {
        const struct situation *s = &SITUATION[i];
        if (!class_fits(s->class_name, clues->config)) {
            continue;
        }
        const struct rw_tensor *head =
            s->head != NULL ? rw_checkpoint_find(clues->checkpoint, s->head) : NULL;
        if (s->outputs == 0 || (head != NULL && head->shape[0] == s->outputs)) {
            return s;
        }
    }
    return NULL;
}

static bool has_text(const struct rw_clues *clues, const char *text)
{
    return rw_str_find(clues->template_text, rw_str_from(text), 0) < clues->template_text.len;
}

static bool maths_default(const struct rw_clues *clues)
{
    return has_text(clues, "put your final answer within");
}

static bool is_sole(const struct situation *s, const struct rw_clues *clues)
{
    switch (s->sole) {
    case SOLE_NEVER:
        return false;
    case SOLE_ALWAYS:
        return true;
    case SOLE_WITH_PAD:
        return clues->config->pad_id >= 0 && !maths_default(clues);
    case SOLE_MATHS_DEFAULT:
        return maths_default(clues);
    case SOLE_MATHS_LARGE:
        return maths_default(clues) && clues->config->hidden == LARGE_HIDDEN;
    case SOLE_OUTSIDE_MISTRAL:
        return clues->config->backbone != RW_BACKBONE_MISTRAL;
    }
    return false;
}

/* Classes whose code comes with the folder by their authors' own hand. */
static bool is_known_own_code(const struct situation *s)
{
    return strchr(s->class_name, '*') == NULL && strstr(s->class_name, "ForCausalLM") == NULL &&
           strcmp(s->class_name, "RewardModel") != 0;
}

/* ---- refusals -------------------------------------------------------------------------------- */

static rw_status refuse(struct rw_error *err, const char *hint)
{
    rw_error_param(err, "architectures");
    rw_error_hint(err, "%s", hint);
    return RW_MODEL_UNSUPPORTED;
}

static rw_status refuse_unknown(const struct rw_clues *clues, struct rw_error *err)
{
    char list[RW_ERROR_HINT_MAX] = "presets:";
    size_t used = strlen(list);
    for (const char *const *name = rw_preset_names(); *name != NULL && used < sizeof list; name++) {
        int n = snprintf(list + used, sizeof list - used, " %s", *name);
        used += n > 0 ? (size_t)n : 0;
    }
    rw_fail(err, RW_MODEL_UNSUPPORTED,
            "the class \"%s\"%s and its tensors do not say how this model is scored; name a "
            "preset, or write rewardd.json",
            clues->config->architecture, clues->config->own_code ? " (own code, auto_map)" : "");
    return refuse(err, list);
}

static rw_status refuse_several(const struct rw_clues *clues, const struct situation *s,
                                struct rw_error *err)
{
    char list[RW_ERROR_HINT_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < CANDIDATES_MAX && s->candidate[i].named != NULL; i++) {
        const char *preset = s->candidate[i].preset;
        int n = preset != NULL ? snprintf(list + used, sizeof list - used, "%spreset=%s",
                                          used > 0 ? ", " : "", preset)
                               : 0;
        used = RW_MIN(used + (n > 0 ? (size_t)n : 0), sizeof list - 1);
    }
    rw_fail(err, RW_MODEL_UNSUPPORTED,
            "the class \"%s\"%s leaves several recipes, and neither a Hugging Face cache path nor "
            "_name_or_path says which",
            clues->config->architecture, clues->config->own_code ? " (own code, auto_map)" : "");
    rw_error_param(err, "preset");
    rw_error_hint(err, "if it is one of these, say so with %s; else write rewardd.json", list);
    return RW_MODEL_UNSUPPORTED;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A candidate that is known under `name`. */
static const struct candidate *find_named(const struct situation *s, struct rw_str name)
{
    for (size_t i = 0; i < CANDIDATES_MAX && s->candidate[i].named != NULL; i++) {
        if (is_named(&s->candidate[i], name)) {
            return &s->candidate[i];
        }
    }
    return NULL;
}

static rw_status take(const struct candidate *candidate, const struct rw_preset **out,
                      struct rw_error *err)
{
    if (candidate->preset == NULL) {
        rw_fail(err, RW_MODEL_UNSUPPORTED, "%s", candidate->why);
        return refuse(err, "a recipe of your own can be written into rewardd.json");
    }
    *out = rw_preset_find(rw_str_from(candidate->preset));
    return RW_OK;
}

/* OpenRLHF saves under the backbone's class; only the head's name tells. */
static bool has_value_head(const struct rw_clues *clues)
{
    char name[RW_TENSOR_NAME_MAX];
    snprintf(name, sizeof name, "%s.weight", clues->config->value_head_prefix);
    return strcmp(clues->config->value_head_prefix, "score") != 0 &&
           rw_checkpoint_find(clues->checkpoint, name) != NULL;
}

rw_status rw_recognise(const struct rw_clues *clues, const struct rw_preset **out,
                       char evidence[RW_EVIDENCE_MAX], struct rw_error *err)
{
    const struct rw_config *config = clues->config;
    char repo[REPO_MAX];
    name_in_cache(clues->dir, repo, sizeof repo);
    if (has_value_head(clues) && !config->own_code) {
        snprintf(evidence, RW_EVIDENCE_MAX, "value_head_prefix %s of config.json",
                 config->value_head_prefix);
        *out = rw_preset_find(RW_STR("openrlhf"));
        return RW_OK;
    }
    const struct situation *s = find_situation(clues);
    if (s == NULL) {
        return refuse_unknown(clues, err);
    }
    const struct candidate *candidate = find_named(s, rw_str_from(repo));
    if (candidate != NULL) {
        snprintf(evidence, RW_EVIDENCE_MAX, "Hugging Face cache of %s", repo);
        return take(candidate, out, err);
    }
    candidate = find_named(s, clues->name_or_path);
    if (candidate != NULL) {
        struct rw_str name = clues->name_or_path;
        snprintf(evidence, RW_EVIDENCE_MAX, "_name_or_path %.*s",
                 (int)RW_MIN(name.len, (size_t)100), name.ptr);
        return take(candidate, out, err);
    }
    if (config->own_code && !is_known_own_code(s)) {
        return refuse_unknown(clues, err);
    }
    if (!is_sole(s, clues)) {
        return refuse_several(clues, s, err);
    }
    bool by_template = s->sole == SOLE_MATHS_DEFAULT || s->sole == SOLE_MATHS_LARGE;
    snprintf(evidence, RW_EVIDENCE_MAX, "class %s%s", config->architecture,
             by_template ? " and the system text of its chat template" : "");
    return take(&s->candidate[0], out, err);
}
