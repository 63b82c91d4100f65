#include "core/answer/marks.h"

#include <string.h>

#include "core/base/scan.h"

bool rw_marks_word(struct rw_str s, size_t at, const char *word)
{
    struct rw_str w = rw_str_from(word);
    return at <= s.len && w.len <= s.len - at && rw_scan_equal(rw_str_slice(s, at, at + w.len), w);
}

size_t rw_marks_one_of(struct rw_str s, size_t at, const char *const *list, size_t n)
{
    char first = rw_scan_lower(rw_marks_at(s, at)); /* most fail here */
    for (size_t i = 0; i < n; i++) {
        if (rw_scan_lower(list[i][0]) == first && rw_marks_word(s, at, list[i])) {
            return strlen(list[i]);
        }
    }
    return 0;
}

size_t rw_marks_skip(struct rw_str s, size_t at, const char *set)
{
    while (at < s.len && s.ptr[at] != 0 && strchr(set, s.ptr[at]) != NULL) {
        at++;
    }
    return at;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

bool rw_marks_end_token(struct rw_str s, size_t at)
{
    static const char DEEPSEEK_END[] = "<\xEF\xBD\x9C" /* else the e would be of the byte */
                                       "end";
    static const char *const END[] = {
        "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>",         "<|end_of_text|>", "<eos>",
        "<|end|>",    "<end_of_turn>", "<|EOT|>",    "<|im_start|>", DEEPSEEK_END};
    return RW_MARKS_ONE_OF(s, at, END) > 0;
}

size_t rw_marks_closes_thinking(struct rw_str s, size_t at)
{
    static const char *const CLOSE[] = {"</think>",           "</thinking>",
                                        "</thought>",         "</reasoning>",
                                        "<|end_of_thought|>", "</reason>",
                                        "[/THINK]",           "</seed:think>",
                                        "<|channel|>final",   "\xE2\x97\x81/think\xE2\x96\xB7"};
    return RW_MARKS_ONE_OF(s, at, CLOSE);
}

size_t rw_marks_opens_thinking(struct rw_str s, size_t at)
{
    static const char *const OPEN[] = {"<think>",
                                       "<thinking>",
                                       "<thought>",
                                       "<reasoning>",
                                       "<|begin_of_thought|>",
                                       "<reason>",
                                       "[THINK]",
                                       "<seed:think>",
                                       "<|channel|>analysis",
                                       "<|channel|>commentary",
                                       "\xE2\x97\x81think\xE2\x96\xB7"};
    return RW_MARKS_ONE_OF(s, at, OPEN);
}

/* ---- the next question ----------------------------------------------------------------------- */

/* "Problem:", "Question 2.", "### Exercise", "Next problem: ...", perhaps behind "**" or "> ". */
bool rw_marks_next_question(struct rw_str s, size_t line)
{
    static const char *const SURE[] = {"<|user|>", "<|start_header_id|>", "[INST]"};
    static const char *const OTHER[] = {"next ", "new ", "another "};
    static const char *const MARKS[] = {"question",
                                        "problem",
                                        "exercise",
                                        "example",
                                        "task",
                                        "human",
                                        "user",
                                        "instruction",
                                        "input",
                                        "prompt",
                                        "q",
                                        "\xE9\x97\xAE\xE9\xA2\x98",
                                        "\xE9\xA2\x98\xE7\x9B\xAE",
                                        "\xE4\xBE\x8B\xE9\xA2\x98"};
    if (RW_MARKS_ONE_OF(s, line, SURE) > 0) {
        return true;
    }
    size_t begin = rw_marks_skip(s, line, "*#[>_ ");
    size_t other = RW_MARKS_ONE_OF(s, begin, OTHER);
    size_t name = RW_MARKS_ONE_OF(s, begin + other, MARKS);
    size_t end = begin + other + name;
    size_t number = rw_marks_skip(s, end, " 0123456789");
    size_t behind = rw_marks_skip(s, number, "*_ ");
    bool colon = memchr(":.]", rw_marks_at(s, behind), 3) != NULL ||
                 rw_marks_word(s, behind, "\xEF\xBC\x9A");
    bool alone = begin > line && (rw_marks_at(s, behind) == '\n' || behind >= s.len);
    bool said = rw_marks_at(s, number) != '.' || number > end + 1; /* "Question 2." */
    return name > 0 && ((colon && said) || alone || (other > 0 && colon));
}

/* ---- announcements --------------------------------------------------------------------------- */

/* "C", "(C)", "**C**", "\textbf{(C)}": the letter of a choice, and no word. */
static bool letter_follows(struct rw_str s, size_t at)
{
    static const char *const DRESS[] = {"\\text{", "\\textbf{", "\\mathrm{", "\xEF\xBC\x9A",
                                        "\xEF\xBC\x88"};
    size_t before;
    do {
        before = at;
        at = rw_marks_skip(s, at, " *_:([{$\"'");
        at += RW_MARKS_ONE_OF(s, at, DRESS);
    } while (at > before);
    char c = rw_marks_at(s, at);
    char next = rw_marks_at(s, at + 1);
    return c >= 'A' && c <= 'J' && !((unsigned char)next < 0x80 && rw_scan_word(next));
}

static size_t option(struct rw_str s, size_t at)
{
    static const char *const NAMES[] = {"option", "choice", "ans"};
    static const char *const IS[] = {" is",   " would be", " must be", " should be",
                                     "** is", ":",         "."};
    size_t name = RW_MARKS_ONE_OF(s, at, NAMES);
    size_t is = name > 0 ? RW_MARKS_ONE_OF(s, at + name, IS) : 0;
    return is > 0 ? name + is : 0;
}

/* "xuan C", "xuan xiang wei C": the choice is C. */
static size_t chinese_option(struct rw_str s, size_t at)
{
    static const char *const MORE[] = {"\xE9\xA1\xB9\xE4\xB8\xBA", "\xE9\xA1\xB9\xE6\x98\xAF",
                                       "\xE9\xA1\xB9", "\xE6\x8B\xA9"};
    bool denied = at >= 3 && rw_marks_word(s, at - 3, "\xE4\xB8\x8D"); /* "bu" */
    if (!rw_marks_word(s, at, "\xE9\x80\x89") || denied) {
        return 0;
    }
    return 3 + RW_MARKS_ONE_OF(s, at + 3, MORE);
}

size_t rw_marks_announces(struct rw_str s, size_t at, bool *sentence)
{
    static const char *const COLON[] = {":", "\xEF\xBC\x9A"};
    char c = rw_scan_lower(rw_marks_at(s, at));
    bool begins = at == 0 || !rw_scan_word(s.ptr[at - 1]);
    *sentence = false;
    if (c == '\xE9') {
        size_t bytes = chinese_option(s, at);
        return bytes > 0 && letter_follows(s, at + bytes) ? bytes : 0;
    }
    if (c == '\xE7' && rw_marks_word(s, at, "\xE7\xAD\x94")) { /* "da:" */
        size_t bytes = RW_MARKS_ONE_OF(s, at + 3, COLON);
        *sentence = true;
        return bytes > 0 ? 3 + bytes : 0;
    }
    if (!begins || (c != 'o' && c != 'c' && c != 'a')) {
        return 0;
    }
    size_t bytes = option(s, at);
    *sentence = c == 'a';
    return bytes > 0 && (c == 'a' || letter_follows(s, at + bytes)) ? bytes : 0;
}
