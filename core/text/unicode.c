#include "core/text/unicode.h"

#include "core/text/hangul.h"

unsigned rw_unicode_combining(uint32_t code)
{
    size_t low = 0;
    size_t high = rw_unicode_ccc_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (code < rw_unicode_ccc[mid].first) {
            high = mid;
        } else if (code > rw_unicode_ccc[mid].last) {
            low = mid + 1;
        } else {
            return rw_unicode_ccc[mid].value;
        }
    }
    return 0;
}

const struct rw_unicode_pair *rw_unicode_decomposition(uint32_t code)
{
    size_t low = 0;
    size_t high = rw_unicode_decompose_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (code < rw_unicode_decompose[mid].whole) {
            high = mid;
        } else if (code > rw_unicode_decompose[mid].whole) {
            low = mid + 1;
        } else {
            return &rw_unicode_decompose[mid];
        }
    }
    return NULL;
}

uint32_t rw_unicode_composition(uint32_t a, uint32_t b)
{
    uint32_t hangul = rw_hangul_compose(a, b);
    if (hangul != 0) {
        return hangul;
    }
    uint64_t key = (uint64_t)a << 32 | b;
    size_t low = 0;
    size_t high = rw_unicode_compose_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        uint64_t at = (uint64_t)rw_unicode_compose[mid].a << 32 | rw_unicode_compose[mid].b;
        if (key < at) {
            high = mid;
        } else if (key > at) {
            low = mid + 1;
        } else {
            return rw_unicode_compose[mid].whole;
        }
    }
    return 0;
}
