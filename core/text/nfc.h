/* Normalisation form C (UAX #15) that keeps offsets.
 *
 * Only the stretches that need it are rewritten: from one character that nothing can compose with
 * to the next. Linear in the bytes, also on a megabyte of combining marks (a counting sort orders
 * them). */
#ifndef RW_TEXT_NFC_H
#define RW_TEXT_NFC_H

#include <stdbool.h>

#include "core/text/normalize.h"
#include "core/text/piece.h"

/* As the functions of normalize.h. A changed stretch is one unit for offsets: a token that ends
 * inside it ends at its beginning. */
bool rw_nfc(struct rw_piece *piece, struct rw_mapped *to);

#endif
