/* Which preset the contents of a folder ask for, and which evidence says so.
 *
 * The class, the tensors and the chat template leave one recipe or several. Where they leave
 * several, a name under which the contents are known decides: the repository of a Hugging Face
 * cache (models--org--name/snapshots/...), else _name_or_path of config.json. The folder's own name
 * decides nothing: whoever downloads gives it. Without such a name the folder is refused with the
 * candidates. */
#ifndef RW_MODEL_RECOGNISE_H
#define RW_MODEL_RECOGNISE_H

#include "core/base/status.h"
#include "core/base/str.h"
#include "core/io/checkpoint.h"
#include "core/model/config.h"
#include "core/model/preset.h"

enum {
    RW_EVIDENCE_MAX = 160, /* bytes of the sentence; as RW_PACKAGE_EVIDENCE_MAX */
};

struct rw_clues {
    const struct rw_config *config;
    const struct rw_checkpoint *checkpoint;
    struct rw_str template_text; /* of the folder's chat; empty = none */
    struct rw_str name_or_path;  /* of config.json; empty = none */
    const char *dir;
};

/* `evidence` tells a person what decided: "class Qwen2ForPrmModel". MODEL_UNSUPPORTED names the
 * candidates, or why a known model cannot be scored. */
rw_status rw_recognise(const struct rw_clues *clues, const struct rw_preset **out,
                       char evidence[RW_EVIDENCE_MAX], struct rw_error *err);

#endif
