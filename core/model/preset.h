/* The recipes of public reward models, by name, in the format of rewardd.json; and the table that
 * recognises a folder. Sources: the models' own cards and code, listed in core/MODEL.md. */
#ifndef RW_MODEL_PRESET_H
#define RW_MODEL_PRESET_H

#include "core/base/status.h"
#include "core/io/checkpoint.h"
#include "core/model/config.h"

struct rw_preset {
    const char *name;
    const char *text; /* a rewardd.json */
};

/* NULL when there is none of that name. */
const struct rw_preset *rw_preset_find(struct rw_str name);
/* From the class name, the tensors, and (where a class says too little) the names under which the
 * model is known: its folder and _name_or_path. MODEL_UNSUPPORTED lists the presets. */
rw_status rw_preset_recognise(const struct rw_config *config,
                              const struct rw_checkpoint *checkpoint, const char *folder_name,
                              struct rw_str known_as, const struct rw_preset **out,
                              struct rw_error *err);

#endif
