/* The byte alphabet of byte-level BPE (GPT-2): each byte is written as one printable character, so
 * that a vocabulary file is valid text. */
#ifndef RW_TEXT_BYTE_LEVEL_H
#define RW_TEXT_BYTE_LEVEL_H

#include "core/base/status.h"
#include "core/text/tokenizer_parts.h"

/* Printable bytes stand for themselves, the others for U+0100 and up, in order. */
void rw_byte_level_alphabet(struct rw_byte_char alphabet[256]);

/* Fills byte_id, from the alphabet (byte_level) or from the <0xNN> tokens (byte_fallback). A byte
 * without a token is refused: the reference would drop it, and text could hide from the scorer. */
rw_status rw_byte_level_resolve(struct rw_tokenizer *tokenizer, struct rw_error *err);

#endif
