#include "core/io/tensor_names.h"

#include "core/base/util.h"

static const char *const AT_FRONT[] = {"base_model.model.", "module."};
static const char *const ANYWHERE[] = {"_orig_mod.", "_fsdp_wrapped_module.",
                                       "_checkpoint_wrapped_module."};

/* Tensors that no plain checkpoint has; the part of a name, who writes it, and the cure. */
static const struct foreign {
    const char *part;
    const char *what;
    const char *cure;
} FOREIGN[] = {
    {".lora_A.", "LoRA weights that are not merged",
     "merge_and_unload() of peft writes plain weights"},
    {".base_layer.", "weights wrapped by peft", "merge_and_unload() of peft writes plain weights"},
    {".g_idx", "GPTQ weights", "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".biases", "MLX weights", "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".qweight", "GPTQ or AWQ weights", "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".qzeros", "GPTQ or AWQ weights", "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".scales", "MLX, GPTQ or AWQ weights",
     "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".weight_scale_inv", "FP8 weights", "use the BF16 checkpoint, with dtype=int8 or dtype=q4"},
    {".weight_scale", "FP8 or compressed weights",
     "use the BF16 checkpoint, with dtype=int8 or dtype=q4"},
    {".weight.absmax", "bitsandbytes weights",
     "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".weight.quant_state", "bitsandbytes weights",
     "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".W_q", "HQQ weights", "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".weight_packed", "compressed weights",
     "use the original checkpoint, with dtype=int8 or dtype=q4"},
    {".SCB", "bitsandbytes int8 weights",
     "use the original checkpoint, with dtype=int8 or dtype=q4"},
};

/* Bytes [at, at + len) of a text are taken out in place. */
static void take_out(struct rw_str *text, char *bytes, size_t at, size_t len)
{
    memmove(bytes + at, bytes + at + len, text->len - at - len);
    text->len -= len;
}

static bool strip_front(struct rw_str *name, const char **removed)
{
    for (size_t i = 0; i < RW_COUNT(AT_FRONT); i++) {
        struct rw_str prefix = rw_str_from(AT_FRONT[i]);
        if (rw_str_starts(*name, prefix)) {
            *name = rw_str_slice(*name, prefix.len, name->len);
            *removed = AT_FRONT[i];
            return true;
        }
    }
    return false;
}

/* Of a part that begins a name or follows a dot; name->len when there is none. */
static size_t find_part(struct rw_str name, struct rw_str part)
{
    size_t at = rw_str_find(name, part, 0);
    while (at < name.len && at > 0 && name.ptr[at - 1] != '.') {
        at = rw_str_find(name, part, at + 1);
    }
    return at;
}

struct rw_str rw_tensor_name_plain(struct rw_str name, struct rw_arena *arena, const char **removed)
{
    struct rw_str out = name;
    bool copied = false;
    for (bool again = true; again;) {
        again = strip_front(&out, removed);
        for (size_t i = 0; i < RW_COUNT(ANYWHERE); i++) {
            struct rw_str part = rw_str_from(ANYWHERE[i]);
            size_t at = find_part(out, part);
            if (out.len < part.len || at >= out.len) {
                continue;
            }
            out = copied ? out : rw_arena_copy(arena, out);
            if (out.ptr == NULL) {
                return out;
            }
            copied = true;
            take_out(&out, (char *)(uintptr_t)out.ptr, at, part.len); /* our own copy */
            *removed = ANYWHERE[i];
            again = true;
        }
    }
    return out;
}

static bool has(const struct rw_checkpoint *checkpoint, const char *name)
{
    return rw_checkpoint_lookup(checkpoint, rw_str_from(name)) != NULL;
}

/* transformers' base_model_prefix: a bare backbone has no "model.", a wrapped one has it twice. */
static rw_status fix_model_prefix(struct rw_checkpoint *c, struct rw_error *err)
{
    static const struct rw_str MODEL = RW_STR("model.");
    static const char *const BARE[] = {"embed_tokens.", "tok_embeddings.", "layers.", "norm."};
    bool twice =
        has(c, "model.model.embed_tokens.weight") || has(c, "model.model.tok_embeddings.weight");
    bool bare = has(c, "embed_tokens.weight") || has(c, "tok_embeddings.weight");
    if (!twice && !bare) {
        return RW_OK;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct rw_str *name = &c->tensors[i].name;
        if (twice && rw_str_starts(*name, MODEL)) {
            *name = rw_str_slice(*name, MODEL.len, name->len);
        }
        for (size_t k = 0; bare && k < RW_COUNT(BARE); k++) {
            if (!rw_str_starts(*name, rw_str_from(BARE[k]))) {
                continue;
            }
            char *longer = rw_arena_alloc(&c->arena, MODEL.len + name->len);
            if (longer == NULL) {
                return rw_fail_memory(err, "the names of tensors");
            }
            memcpy(longer, MODEL.ptr, MODEL.len);
            memcpy(longer + MODEL.len, name->ptr, name->len);
            *name = (struct rw_str){longer, MODEL.len + name->len};
            break;
        }
    }
    rw_checkpoint_say(c, "tensor names: \"model.\" %s", twice ? "removed once" : "added");
    return rw_checkpoint_sort(c, err);
}

static rw_status refuse_foreign(const struct rw_checkpoint *c, struct rw_error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < RW_COUNT(FOREIGN); k++) {
            struct rw_str name = c->tensors[i].name;
            if (rw_str_find(name, rw_str_from(FOREIGN[k].part), 0) < name.len) {
                rw_fail(err, RW_MODEL_UNSUPPORTED, "tensor \"%.*s\": the checkpoint holds %s",
                        (int)RW_MIN(name.len, (size_t)RW_CHECKPOINT_NAME_SHOWN), name.ptr,
                        FOREIGN[k].what);
                rw_error_hint(err, "%s", FOREIGN[k].cure);
                return RW_MODEL_UNSUPPORTED;
            }
        }
    }
    return RW_OK;
}

rw_status rw_tensor_names_normalise(struct rw_checkpoint *checkpoint, struct rw_error *err)
{
    const char *removed = NULL;
    rw_status status = refuse_foreign(checkpoint, err);
    for (size_t i = 0; i < checkpoint->count && status == RW_OK; i++) {
        struct rw_tensor *tensor = &checkpoint->tensors[i];
        struct rw_str plain = rw_tensor_name_plain(tensor->name, &checkpoint->arena, &removed);
        if (plain.ptr == NULL && tensor->name.len > 0) {
            return rw_fail_memory(err, "the names of tensors");
        }
        tensor->name = plain;
    }
    if (status == RW_OK && removed != NULL) {
        rw_checkpoint_say(checkpoint, "tensor names: \"%s\" removed", removed);
        status = rw_checkpoint_sort(checkpoint, err);
    }
    return status == RW_OK ? fix_model_prefix(checkpoint, err) : status;
}
