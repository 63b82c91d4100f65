/* Between the files of filters: one call. */
#ifndef RW_TEXT_TEMPLATE_FILTER_H
#define RW_TEXT_TEMPLATE_FILTER_H

#include "core/text/template_parts.h"

enum {
    RW_TFILTER_PARAMS_MAX = 5,
};

struct rw_tfilter_args {
    struct rw_trender *r;
    struct rw_tval v;
    struct rw_tval arg[RW_TFILTER_PARAMS_MAX];
    bool given[RW_TFILTER_PARAMS_MAX];
    int mode;                    /* distinguishes filters that share their code */
    const struct rw_targs *args; /* for filters that pass them on */
};

/* Refuses a value of that type. */
struct rw_tval rw_tfilter_fail(struct rw_tfilter_args *c);
/* A parameter that is given and true. */
bool rw_tfilter_flag(struct rw_tfilter_args *c, int i);
/* A parameter that is given and not none. */
bool rw_tfilter_some(struct rw_tfilter_args *c, int i);
/* What make_attrgetter finds: "a.b.0" of an item. */
struct rw_tval rw_tsequence_path(struct rw_tfilter_args *c, struct rw_tval v, struct rw_tval path);

struct rw_tval rw_tsequence_length(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_first_or_last(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_to_list(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_reverse(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_sort(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_dict_sort(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_items_of(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_unique(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_extreme(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_map(struct rw_tfilter_args *c);
struct rw_tval rw_tsequence_choose(struct rw_tfilter_args *c);

#endif
