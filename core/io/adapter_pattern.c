/* The regular expressions of adapter_config.json (target_modules, exclude_modules, rank_pattern,
 * alpha_pattern): what Python's re reads, without back references, lookbehind, flags and \b.
 *
 * Whether a text matches as a whole is all that is asked, so greedy and lazy repeats are the same.
 * A backtracking matcher over a small tree; names are short, and steps and depth are bounded. */
#include "core/io/adapter.h"

#include <ctype.h>

enum {
    STEPS_MAX = 200000, /* of one match: a hostile pattern must not hold up the load */
    DEPTH_MAX = 3000,   /* calls inside each other, about 300 bytes each */
    NODES_MAX = 256,
    GROUPS_MAX = 16,       /* inside each other */
    ALTERNATIVES_MAX = 32, /* of one group */
    REPEATS_MAX = 1000,
    NONE = -1,
};

enum kind {
    SET,   /* one byte of a set */
    BEGIN, /* ^ */
    END,   /* $: the end, or a line feed there */
    STOP,  /* \Z */
    GROUP,
    AHEAD, /* (?=...) */
    NEVER, /* (?!...) */
};

struct node {
    enum kind kind;
    unsigned char set[32];
    int least;
    int most;                    /* NONE: any number */
    int next;                    /* behind it, in its sequence */
    int first[ALTERNATIVES_MAX]; /* of each alternative */
    int alternatives;
};

struct pattern {
    struct rw_str text;
    size_t at;
    struct node nodes[NODES_MAX];
    int count;
    unsigned depth;
    bool bad;
};

/* ---- reading --------------------------------------------------------------------------------- */

static int add(struct pattern *p, enum kind kind)
{
    if (p->count == NODES_MAX) {
        p->bad = true;
        return 0;
    }
    p->nodes[p->count] = (struct node){.kind = kind, .least = 1, .most = 1, .next = NONE};
    return p->count++;
}

static char peek(const struct pattern *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static bool skip(struct pattern *p, const char *what)
{
    bool there = rw_str_starts(rw_str_slice(p->text, p->at, p->text.len), rw_str_from(what));
    p->at += there ? strlen(what) : 0;
    return there;
}

static void put(unsigned char set[32], unsigned char c)
{
    set[c / 8] |= (unsigned char)(1u << c % 8);
}

static bool is_class_byte(char of, unsigned char c)
{
    bool yes = (of | 32) == 'd'   ? isdigit(c) != 0
               : (of | 32) == 'w' ? isalnum(c) != 0 || c == '_'
                                  : isspace(c) != 0 || (c >= 0x1C && c <= 0x1F);
    return yes == (of >= 'a');
}

/* Behind a backslash: a class, or a byte that stands for itself. */
static void read_escape(struct pattern *p, unsigned char set[32])
{
    char c = peek(p);
    bool class_of = c != '\0' && strchr("dDwWsS", c) != NULL;
    p->bad = p->bad || (!class_of && !ispunct((unsigned char)c));
    p->at++;
    for (unsigned b = 0; b < 128 && class_of; b++) {
        if (is_class_byte(c, (unsigned char)b)) {
            put(set, (unsigned char)b);
        }
    }
    if (!class_of) {
        put(set, (unsigned char)c);
    }
}

static void read_set(struct pattern *p, unsigned char set[32])
{
    bool negated = skip(p, "^");
    bool first = true;
    while (!p->bad && p->at < p->text.len && (first || peek(p) != ']')) {
        first = false;
        if (skip(p, "\\")) {
            read_escape(p, set);
            continue;
        }
        unsigned char low = (unsigned char)peek(p);
        unsigned char high = low;
        p->at++;
        if (peek(p) == '-' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] != ']') {
            high = (unsigned char)p->text.ptr[p->at + 1];
            p->at += 2;
        }
        p->bad = p->bad || low == '[' || high == '[' || high == '\\' || high < low;
        for (unsigned b = low; b <= high && !p->bad; b++) {
            put(set, (unsigned char)b);
        }
    }
    p->bad = p->bad || !skip(p, "]");
    for (size_t i = 0; negated && i < 32; i++) {
        set[i] = (unsigned char)~set[i];
    }
}

static int read_count(struct pattern *p)
{
    int n = NONE;
    while (isdigit((unsigned char)peek(p)) && n < REPEATS_MAX) {
        n = (n < 0 ? 0 : n * 10) + (peek(p) - '0');
        p->at++;
    }
    return n;
}

/* * + ? {m} {m,} {m,n}, and a ? behind, which changes nothing here. */
static void read_repeat(struct pattern *p, struct node *node)
{
    if (skip(p, "*")) {
        node->least = 0;
        node->most = NONE;
    } else if (skip(p, "+")) {
        node->most = NONE;
    } else if (skip(p, "?")) {
        node->least = 0;
    } else if (skip(p, "{")) {
        node->least = read_count(p);
        node->most = node->least;
        if (skip(p, ",")) {
            node->most = read_count(p);
            node->least = node->least < 0 ? 0 : node->least;
        }
        bool order = node->most == NONE || node->most >= node->least;
        p->bad = p->bad || node->least < 0 || !order || node->least >= REPEATS_MAX || !skip(p, "}");
    } else {
        return;
    }
    skip(p, "?");
    /* Possessive and doubled repeats; and assertions that repeat, which Python refuses in part. */
    bool twice = peek(p) != '\0' && strchr("*+?{", peek(p)) != NULL;
    p->bad = p->bad || twice || (node->kind != SET && node->kind != GROUP);
}

static void read_alternatives(struct pattern *p, int into);

static int read_group(struct pattern *p)
{
    enum kind kind = GROUP;
    if (skip(p, "?=")) {
        kind = AHEAD;
    } else if (skip(p, "?!")) {
        kind = NEVER;
    } else if (skip(p, "?P<")) {
        while (p->at < p->text.len && peek(p) != '>') {
            p->at++;
        }
        p->bad = p->bad || !skip(p, ">");
    } else if (peek(p) == '?' && !skip(p, "?:")) {
        p->bad = true; /* flags, lookbehind, conditions */
    }
    int node = add(p, kind);
    read_alternatives(p, node);
    p->bad = p->bad || !skip(p, ")");
    return node;
}

static int read_atom(struct pattern *p)
{
    if (skip(p, "(")) {
        return read_group(p);
    }
    if (skip(p, "^") || skip(p, "\\A")) {
        return add(p, BEGIN);
    }
    if (skip(p, "$")) {
        return add(p, END);
    }
    if (skip(p, "\\Z")) {
        return add(p, STOP);
    }
    int node = add(p, SET);
    unsigned char *set = p->nodes[node].set;
    char c = peek(p);
    if (skip(p, "[")) {
        read_set(p, set);
    } else if (skip(p, "\\")) {
        read_escape(p, set);
    } else if (skip(p, ".")) {
        memset(set, 0xFF, 32);
        set['\n' / 8] &= (unsigned char)~(1u << '\n' % 8);
    } else {
        p->bad = p->bad || strchr("*+?{}]", c) != NULL; /* '\0' too */
        put(set, (unsigned char)c);
        p->at++;
    }
    return node;
}

static int read_sequence(struct pattern *p)
{
    int first = NONE;
    int last = NONE;
    while (!p->bad && p->at < p->text.len && peek(p) != '|' && peek(p) != ')') {
        int node = read_atom(p);
        read_repeat(p, &p->nodes[node]);
        if (last == NONE) {
            first = node;
        } else {
            p->nodes[last].next = node;
        }
        last = node;
    }
    return first;
}

static void read_alternatives(struct pattern *p, int into)
{
    p->bad = p->bad || ++p->depth > GROUPS_MAX;
    do {
        int first = p->bad ? NONE : read_sequence(p);
        struct node *node = &p->nodes[into];
        p->bad = p->bad || node->alternatives == ALTERNATIVES_MAX;
        if (!p->bad) {
            node->first[node->alternatives++] = first;
        }
    } while (!p->bad && skip(p, "|"));
    p->depth--;
}

/* ---- matching -------------------------------------------------------------------------------- */

enum then {
    THEN_AGAIN, /* the node once more, or what is behind it */
    THEN_END,   /* the whole pattern: the text must be at its end */
    THEN_YES,   /* of a look ahead */
};

struct rest {
    enum then then;
    int node;
    int count;
    size_t from;
    const struct rest *up;
};

struct match {
    const struct pattern *p;
    struct rw_str text;
    unsigned steps;
    unsigned depth;
};

static bool run(struct match *m, int node, size_t at, const struct rest *rest);

static bool any_alternative(struct match *m, const struct node *node, size_t at,
                            const struct rest *rest)
{
    for (int i = 0; i < node->alternatives; i++) {
        if (run(m, node->first[i], at, rest)) {
            return true;
        }
    }
    return false;
}

static bool once(struct match *m, const struct node *node, size_t at, const struct rest *rest)
{
    size_t len = m->text.len;
    unsigned char c = at < len ? (unsigned char)m->text.ptr[at] : 0;
    static const struct rest YES = {.then = THEN_YES};
    switch (node->kind) {
    case SET:
        return at < len && (node->set[c / 8] >> c % 8 & 1) != 0 && run(m, NONE, at + 1, rest);
    case BEGIN:
        return at == 0 && run(m, NONE, at, rest);
    case END:
        return (at == len || (at + 1 == len && c == '\n')) && run(m, NONE, at, rest);
    case STOP:
        return at == len && run(m, NONE, at, rest);
    case GROUP:
        return any_alternative(m, node, at, rest);
    default:
        return any_alternative(m, node, at, &YES) == (node->kind == AHEAD) &&
               run(m, NONE, at, rest);
    }
}

static bool again(struct match *m, int n, int count, size_t at, const struct rest *up)
{
    const struct node *node = &m->p->nodes[n];
    if (node->most == NONE || count < node->most) {
        const struct rest rest = {THEN_AGAIN, n, count + 1, at, up};
        if (once(m, node, at, &rest)) {
            return true;
        }
    }
    return count >= node->least && run(m, node->next, at, up);
}

static bool run(struct match *m, int node, size_t at, const struct rest *rest)
{
    bool yes;
    if (++m->steps > STEPS_MAX || ++m->depth > DEPTH_MAX) {
        m->steps = STEPS_MAX + 1;
        return false;
    }
    if (node != NONE) {
        yes = again(m, node, 0, at, rest);
    } else if (rest->then == THEN_END) {
        yes = at == m->text.len;
    } else if (rest->then == THEN_YES) {
        yes = true;
    } else if (at == rest->from && rest->count >= m->p->nodes[rest->node].least) {
        yes = run(m, m->p->nodes[rest->node].next, at, rest->up); /* an empty pass adds nothing */
    } else {
        yes = again(m, rest->node, rest->count, at, rest->up);
    }
    m->depth--;
    return yes;
}

static bool is_ascii(struct rw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80 || text.ptr[i] == '\0') {
            return false;
        }
    }
    return true;
}

rw_status rw_adapter_pattern(struct rw_str key, struct rw_str module, bool suffix, bool *matches,
                             struct rw_error *err)
{
    struct pattern p = {.text = key};
    int whole = add(&p, GROUP);
    read_alternatives(&p, whole);
    *matches = false;
    if (p.bad || p.at < key.len || !is_ascii(key) || !is_ascii(module)) {
        rw_fail(err, RW_MODEL_UNSUPPORTED,
                "adapter_config.json: the pattern \"%.*s\" is not one we read",
                (int)(key.len < 100 ? key.len : 100), key.ptr);
        rw_error_hint(err, "write the names of modules as a list, or merge the adapter with peft");
        return RW_MODEL_UNSUPPORTED;
    }
    struct match m = {&p, module, 0, 0};
    static const struct rest END_OF_TEXT = {.then = THEN_END};
    for (size_t at = 0; at <= module.len && !*matches; at++) {
        if (at == 0 || (suffix && module.ptr[at - 1] == '.')) {
            *matches = run(&m, whole, at, &END_OF_TEXT);
        }
    }
    if (m.steps > STEPS_MAX) {
        rw_fail(err, RW_MODEL_UNSUPPORTED,
                "adapter_config.json: the pattern \"%.*s\" takes too long to match",
                (int)(key.len < 100 ? key.len : 100), key.ptr);
        rw_error_hint(err, "write the names of modules as a list, or merge the adapter with peft");
        return RW_MODEL_UNSUPPORTED;
    }
    return RW_OK;
}
