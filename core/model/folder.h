/* The folder a person names: found in the local Hugging Face cache when it is a hub id, and, when
 * it cannot be loaded, looked at again for what it is instead, so that the error says the cure.
 *
 * Looks at names and at the first bytes of files only; never decides how a model is scored. */
#ifndef RW_MODEL_FOLDER_H
#define RW_MODEL_FOLDER_H

#include "core/base/arena.h"
#include "core/base/status.h"

/* `named` when there is such a path; else, for "org/name", the snapshot of refs/main in the cache
 * of HF_HUB_CACHE, HF_HOME or ~/.cache/huggingface. NOT_FOUND says how to fetch it. */
rw_status rw_folder_resolve(const char *named, struct rw_arena *arena, const char **dir,
                            struct rw_error *err);

/* After opening `dir` failed with `status`: what is wrong with the folder, if that can be seen;
 * otherwise `err` stays as it is. Returns the status of the record. */
rw_status rw_folder_diagnose(const char *dir, rw_status status, struct rw_error *err);

#endif
