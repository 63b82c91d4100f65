/* What LaTeX commands and Unicode characters stand for in an answer. Internal to lexeme.c. */
#ifndef RW_ANSWER_LEXEME_TABLE_H
#define RW_ANSWER_LEXEME_TABLE_H

#include <stdint.h>

#include "core/base/str.h"

enum rw_lexeme_action {
    RW_ACTION_NONE,     /* unknown */
    RW_ACTION_DROP,     /* spacing, size: nothing */
    RW_ACTION_SPACE,    /* white space */
    RW_ACTION_TEXT,     /* its group holds words */
    RW_ACTION_FONT,     /* its group is as if it were not there */
    RW_ACTION_SIGN,     /* value: the sign */
    RW_ACTION_COMMAND,  /* value: enum rw_lexeme_command */
    RW_ACTION_LETTER,   /* a Greek letter or a symbol without a meaning of its own */
    RW_ACTION_WORD,     /* a word: \angle */
    RW_ACTION_CALL,     /* a function and its bracket: \lfloor */
    RW_ACTION_SKIP,     /* its group says nothing: \color{red}, \phantom{0} */
    RW_ACTION_ALPHABET, /* \mathbb{R}: its group names a letter */
};

struct rw_lexeme_entry {
    const char *name;
    uint8_t action;
    uint8_t value;
};

/* NULL: nobody knows the command. */
const struct rw_lexeme_entry *rw_lexeme_command(struct rw_str name);

/* What a character above ASCII stands for: a sign, a digit in a power or an index, or itself. */
struct rw_lexeme_character {
    enum {
        RW_CHARACTER_OTHER,
        RW_CHARACTER_SPACE,
        RW_CHARACTER_ASCII, /* full-width forms: read on as `value` */
        RW_CHARACTER_SIGN,
        RW_CHARACTER_LETTER, /* Greek, blackboard */
        RW_CHARACTER_POWER,  /* `value` is the digit or sign */
        RW_CHARACTER_INDEX,
        RW_CHARACTER_VULGAR, /* `value` is num * 16 + den */
        RW_CHARACTER_ROOT,
        RW_CHARACTER_QUOTE,
        RW_CHARACTER_COMMAND, /* what LaTeX has a command for: `command` */
        RW_CHARACTER_WORD,    /* a letter of a script that makes words */
    } kind;
    uint8_t value;
    const char *command;
};

/* The name LaTeX has for a LETTER, or the character: theta, ~R of blackboard letters. */
struct rw_str rw_lexeme_letter(int32_t code, struct rw_str character);

struct rw_lexeme_character rw_lexeme_character(int32_t code);

#endif
