#pragma once

#include "services/linux/keeper_protocol.hpp"

/// The keeper's children: a fixed table with one slot for each, running or dead, until it is reaped.
namespace podsandbox::linux_runtime::keeper {

inline constexpr unsigned max_children = 16384;

struct Child {
  KeeperState state;  // keeper_none: a free slot
  int pid;
  int pidfd;
  int wait_status;
  int64_t created_ns;
  int64_t exited_ns;
  char id[keeper_id_size];
};

/// Use no more than `most` slots, and no more than there are.
void set_limit(unsigned long most);

/// How many slots are in use.
unsigned count();

/// Null when there is none of that id.
Child* find(const char* id);

/// The first slot in use at or after `slot`, null when there is none.
Child* next(unsigned slot);

/// The place of `child` in the table, in [0, max_children).
unsigned slot_of(const Child* child);

/// The child in that slot, which may be free.
Child* at(unsigned slot);

/// What a child is made from. The descriptors stay the caller's.
struct Order {
  const char* id;  // shorter than keeper_id_size
  bool host_pid;   // no pid namespace of its own
  int control;     // becomes its fd 3
  int program;     // what it runs
  int user;        // the user namespace that it belongs to; -1: ours
  int cgroup;      // the directory of its cgroup, of version 2; -1: ours
};

/// Makes a child. Returns 0 and sets `made`, or an errno (ENOSPC: no slot is free).
int spawn(const Order& order, Child** made);

/// Asks the kernel whether a running child has died and if so notes status and time. Leaves the zombie.
void note_if_dead(Child* child);

/// Lets go of a dead child: its zombie, its pidfd and its slot. Returns 0 or an errno.
int reap(Child* child);

}  // namespace podsandbox::linux_runtime::keeper
