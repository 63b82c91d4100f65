/* Loader for SentencePiece tokenizer.model. */
#include "core/text/tokenizer_impl.h"

rw_status rw_tokenizer_load_spm(struct rw_tokenizer *tokenizer, struct rw_str model,
                                struct rw_error *err)
{
    (void)tokenizer;
    (void)model;
    return rw_fail(err, RW_MODEL_UNSUPPORTED, "not yet");
}
