#include "core/base/state.h"

#include <stdio.h>

#include "core/base/assert.h"

bool rw_machine_allows(const struct rw_machine *machine, unsigned from, unsigned to)
{
    rw_assert(machine->n <= RW_STATES_MAX);
    rw_assert(from < machine->n);
    rw_assert(to < machine->n);
    return (machine->state[from].may_move_to & RW_STATE(to)) != 0;
}

unsigned rw_machine_move(const struct rw_machine *machine, const void *who, unsigned from,
                         unsigned to)
{
    if (!rw_machine_allows(machine, from, to)) {
        char move[128];
        snprintf(move, sizeof move, "%s may not move from %s to %s", machine->name,
                 machine->state[from].name, machine->state[to].name);
        rw_assert_failed(move, __FILE__, __LINE__, __func__);
    }
    rw_assert_note(machine->name, who, machine->state[from].name, machine->state[to].name);
    return to;
}
