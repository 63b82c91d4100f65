/* The machine of the unpickler: its values, its stack and its memo, and what its files share.
 *
 * Internal to pickle*.c. pickle_machine.c reads bytes and keeps stack and memo, pickle_call.c has
 * the names that may be asked for and does what they would do, pickle.c loops over opcodes. */
#ifndef RW_IO_PICKLE_PARTS_H
#define RW_IO_PICKLE_PARTS_H

#include "core/io/pickle.h"

enum rw_pickle_known {
    RW_PICKLE_KNOWN_STORAGE, /* a storage class; value.type and value.width say which */
    RW_PICKLE_KNOWN_REBUILD_TENSOR,
    RW_PICKLE_KNOWN_REBUILD_PARAMETER,
    RW_PICKLE_KNOWN_ORDERED_DICT,
    RW_PICKLE_KNOWN_IGNORED, /* a dtype or a size: allowed as data, never called */
};

/* A name that may be asked for, and what it stands for. */
struct rw_pickle_global {
    const char *name; /* "module name" */
    enum rw_pickle_known what;
    enum rw_tensor_type type;
    uint32_t width; /* bytes of an element */
};

enum rw_pickle_kind {
    RW_PICKLE_OTHER, /* allowed as data, and of no use: None, floats, lists */
    RW_PICKLE_MARK,
    RW_PICKLE_INT,
    RW_PICKLE_TEXT,
    RW_PICKLE_TUPLE,
    RW_PICKLE_DICT,
    RW_PICKLE_GLOBAL,
    RW_PICKLE_STORAGE,
    RW_PICKLE_TENSOR,
};

struct rw_pickle_dict;

struct rw_pickle_value {
    enum rw_pickle_kind kind;
    union {
        int64_t number;
        struct rw_str text;
        struct {
            const struct rw_pickle_value *items;
            size_t count;
        } tuple;
        struct rw_pickle_dict *dict;
        const struct rw_pickle_global *global;
        const struct rw_pickle_tensor *tensor; /* also of a STORAGE: key, elements, type */
    };
};

struct rw_pickle_entry {
    struct rw_str key;
    struct rw_pickle_value value;
    struct rw_pickle_entry *next;
};

struct rw_pickle_dict {
    struct rw_pickle_entry *first;
    struct rw_pickle_entry *last;
    size_t items; /* set, whatever their keys */
};

/* A list of values that doubles inside the arena. */
struct rw_pickle_values {
    struct rw_pickle_value *items;
    size_t count;
    size_t size;
    size_t max;
};

struct rw_pickle_machine {
    struct rw_str text;
    size_t at;
    const char *name;
    struct rw_arena *arena;
    struct rw_error *err;
    struct rw_pickle_values stack;
    struct rw_pickle_values memo;
};

/* ---- pickle_machine.c ------------------------------------------------------------------------ */

rw_status rw_pickle_corrupt(const struct rw_pickle_machine *m, const char *what);
rw_status rw_pickle_no_memory(const struct rw_pickle_machine *m);
rw_status rw_pickle_push(struct rw_pickle_machine *m, struct rw_pickle_value value);
rw_status rw_pickle_push_other(struct rw_pickle_machine *m);
rw_status rw_pickle_push_int(struct rw_pickle_machine *m, int64_t number);
/* The top of the stack, or NULL (a mark is no value). */
struct rw_pickle_value *rw_pickle_top(struct rw_pickle_machine *m);
/* Index behind the last mark; 0 when there is none (a mark is never below index 1 then). */
size_t rw_pickle_find_mark(const struct rw_pickle_machine *m);
rw_status rw_pickle_memo_put(struct rw_pickle_machine *m, size_t index);
rw_status rw_pickle_memo_get(struct rw_pickle_machine *m, size_t index);
/* False: the text ends before. */
bool rw_pickle_take(struct rw_pickle_machine *m, size_t len, const unsigned char **out);
/* Little-endian, of up to 8 bytes. */
rw_status rw_pickle_take_number(struct rw_pickle_machine *m, size_t len, uint64_t *out);
rw_status rw_pickle_push_text(struct rw_pickle_machine *m, size_t length_bytes);
rw_status rw_pickle_push_long(struct rw_pickle_machine *m);

/* ---- pickle_call.c --------------------------------------------------------------------------- */

/* GLOBAL, STACK_GLOBAL: a name of the list, else MODEL_UNSUPPORTED. */
rw_status rw_pickle_global(struct rw_pickle_machine *m);
rw_status rw_pickle_stack_global(struct rw_pickle_machine *m);
/* BINPERSID: a storage of the archive. */
rw_status rw_pickle_persistent(struct rw_pickle_machine *m);
rw_status rw_pickle_dict_new(struct rw_pickle_machine *m, struct rw_pickle_value *out);
/* REDUCE: what the named function would return; nothing is called. */
rw_status rw_pickle_reduce(struct rw_pickle_machine *m);

#endif
