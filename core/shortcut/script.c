#include "core/shortcut/script.h"

#include "core/base/scan.h"
#include "core/base/utf8.h"
#include "core/base/util.h"

enum script {
    NONE,
    LATIN,
    GREEK,
    CYRILLIC,
    HEBREW,
    ARABIC,
    INDIC,
    THAI,
    EAST_ASIAN,
    SCRIPTS,
};

/* Sorted. A character is its own share of a word in East Asia; elsewhere a letter is. */
static const struct {
    int32_t first;
    int32_t last;
    enum script script;
} BLOCKS[] = {
    {0x00C0, 0x024F, LATIN},      {0x0370, 0x03FF, GREEK},        {0x0400, 0x052F, CYRILLIC},
    {0x0590, 0x05FF, HEBREW},     {0x0600, 0x077F, ARABIC},       {0x0900, 0x0DFF, INDIC},
    {0x0E00, 0x0E7F, THAI},       {0x1100, 0x11FF, EAST_ASIAN},   {0x1E00, 0x1EFF, LATIN},
    {0x3040, 0x30FF, EAST_ASIAN}, {0x3400, 0x9FFF, EAST_ASIAN},   {0xAC00, 0xD7AF, EAST_ASIAN},
    {0xF900, 0xFAFF, EAST_ASIAN}, {0x20000, 0x3FFFF, EAST_ASIAN},
};

static enum script script_of(int32_t code)
{
    for (size_t i = 0; i < RW_COUNT(BLOCKS) && code >= BLOCKS[i].first; i++) {
        if (code <= BLOCKS[i].last) {
            return code == 0xD7 || code == 0xF7 ? NONE : BLOCKS[i].script; /* times, divided by */
        }
    }
    return NONE;
}

static void count_letters(struct rw_str text, uint64_t letters[SCRIPTS])
{
    for (size_t at = 0; at < text.len;) {
        size_t advance = 1;
        if ((unsigned char)text.ptr[at] < 0x80) {
            letters[LATIN] += rw_scan_letter(text.ptr[at]) ? 1 : 0;
        } else {
            letters[script_of(rw_utf8_decode(text, at, &advance))]++;
        }
        at += advance;
    }
}

void rw_script(const struct rw_str *steps, size_t n_steps, struct rw_signal *changes,
               struct rw_signal *foreign)
{
    *changes = *foreign = (struct rw_signal){.step = -1};
    uint64_t all = 0;
    uint64_t other = 0;
    size_t pairs = 0;
    enum script before = NONE;
    for (size_t t = 0; t < n_steps; t++) {
        uint64_t letters[SCRIPTS] = {0};
        count_letters(steps[t], letters);
        enum script most = NONE;
        uint64_t sum = 0;
        for (enum script s = LATIN; s < SCRIPTS; s++) {
            sum += letters[s];
            most = most == NONE || letters[s] > letters[most] ? s : most;
        }
        all += sum;
        other += sum - letters[LATIN];
        if (sum < RW_SCRIPT_LETTERS_MIN) {
            continue;
        }
        pairs += before != NONE ? 1 : 0;
        if (before != NONE && most != before && changes->value++ == 0) {
            changes->step = (int64_t)t;
        }
        before = most;
    }
    changes->known = pairs > 0;
    changes->value = pairs > 0 ? changes->value / (double)pairs : 0;
    foreign->known = all > 0;
    foreign->value = all > 0 ? (double)other / (double)all : 0;
}
