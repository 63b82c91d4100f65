/* Which keys of config.json a class reads, and what becomes of each: a table per class.
 *
 * The classes are those of transformers 5 (and 4, whose names it still takes), and InternLM2's own
 * code. A key that a class reads is implemented (config.c), or refused unless it has the value that
 * changes nothing; a key that no class reads is ignored; any other key is unknown to us.
 * tests/oracle/test_config_keys.py takes the keys from the classes' own code and tries each. */
#ifndef RW_MODEL_CONFIG_KEYS_H
#define RW_MODEL_CONFIG_KEYS_H

#include "core/base/status.h"
#include "core/io/json.h"
#include "core/model/config.h"

/* MODEL_UNSUPPORTED names the first key whose value is neither neutral nor implemented. */
rw_status rw_config_keys_check(const struct rw_json *root, enum rw_backbone backbone,
                               struct rw_error *err);
#endif
