#include "core/equation/arithmetic_plain.h"

#include "core/base/scan.h"
#include "core/base/util.h"

bool rw_arithmetic_plain(struct rw_str text)
{
    static const char *const WORDS[] = {"base",  "bases",     "binary", "binom",  "bmod",
                                        "clock", "congruent", "equiv",  "gcd",    "hexadecimal",
                                        "lcm",   "mathbb",    "mod",    "modulo", "modulus",
                                        "octal", "pmod",      "xor"}; /* in order */
    for (size_t at = 0; at < text.len;) {
        if (!rw_scan_letter(text.ptr[at])) {
            at++;
            continue;
        }
        size_t end = at;
        while (end < text.len && rw_scan_letter(text.ptr[end])) {
            end++;
        }
        struct rw_str word = rw_str_slice(text, at, end);
        if (rw_scan_index(word, WORDS, RW_COUNT(WORDS)) >= 0) {
            return false;
        }
        at = end;
    }
    return true;
}
