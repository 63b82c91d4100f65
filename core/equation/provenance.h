/* Numbers that come from nowhere, and numbers that go there.
 *
 * Foreign: operands of the steps' sums that neither the question, nor an
 * earlier statement or result, nor common knowledge (12 months, 60 minutes, 100 %) has. The steps
 * of another question are full of them, whatever their phrasing.
 *
 * Unused: numbers written in digits in the question that no step has, in digits or as a word. The
 * steps of another question use few of them, and neither does an answer that was copied.
 *
 * Pure; any thread. Linear in the bytes; no memory but the stack's. */
#ifndef RW_EQUATION_PROVENANCE_H
#define RW_EQUATION_PROVENANCE_H

#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_PROVENANCE_NUMBERS_MAX = 1024, /* different ones; later ones are not looked at */
};

struct rw_provenance {
    size_t operands; /* numbers beside an operator that are not a result (behind "=") */
    size_t foreign;  /* of them, from nowhere */
    int64_t step;    /* of the first foreign one, or -1 */
    size_t begin;    /* its bytes [begin, end) in that step */
    size_t end;
    size_t asked;  /* different numbers of the question */
    size_t unused; /* of them, in no step */
};

void rw_provenance(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                   struct rw_provenance *out);

#endif
