/* Between lexeme.c and lexeme_sign.c: the lexer. */
#ifndef RW_ANSWER_LEXEME_PARTS_H
#define RW_ANSWER_LEXEME_PARTS_H

#include "core/answer/lexeme.h"
#include "core/base/scan.h"
#include "core/base/util.h"

/* What a closing brace ends. */
enum brace {
    BRACE_GROUP,
    BRACE_SET, /* braces where no argument is due: "{1,234}" */
    BRACE_TEXT,
    BRACE_FONT,
};

struct rw_lexer {
    struct rw_lexemes *out;
    struct rw_str text;
    size_t at;
    uint8_t brace[RW_LEXEME_BRACES_MAX];
    size_t n_braces;
    size_t texts;        /* of the open braces, TEXT ones */
    size_t brackets;     /* open ones in which a comma separates */
    size_t environments; /* begun: "\\\\" ends a row in them */
    bool spaced;
    bool math;
    bool dollar;   /* inside $...$ */
    bool argument; /* a brace that opens now is an argument */
    bool failed;
};

static inline char rw_lexer_peek(const struct rw_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : 0;
}

static inline bool rw_lexer_ascii_letter(char c)
{
    return rw_scan_letter(c) && (unsigned char)c < 0x80;
}

static inline void rw_lexer_skip(struct rw_lexer *l, size_t bytes)
{
    l->at = RW_MIN(l->at + bytes, l->text.len);
}

/* lexeme.c: what the LaTeX command stands for; `bytes` of the text say it. */
void rw_lexer_command(struct rw_lexer *l, struct rw_str name, size_t bytes);
/* lexeme_sign.c: appends a lexeme of so many bytes. */
struct rw_lexeme *rw_lexer_emit(struct rw_lexer *l, enum rw_lexeme_kind kind, int sign,
                                size_t bytes);
void rw_lexer_sign(struct rw_lexer *l, int which, size_t bytes);
void rw_lexer_word(struct rw_lexer *l);
void rw_lexer_other_ascii(struct rw_lexer *l, char c);
void rw_lexer_above_ascii(struct rw_lexer *l);

#endif
