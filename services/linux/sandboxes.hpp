#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "services/linux/sandbox.hpp"

namespace podsandbox::linux_runtime {

/// All sandboxes of which something exists or that somebody has asked something of. Gives turns: one at a
/// time for each sandbox, in order. Lives on the loop.
class Sandboxes {
 public:
  explicit Sandboxes(host::Loop& loop) : loop_(loop) {}
  ~Sandboxes();
  Sandboxes(const Sandboxes&) = delete;
  Sandboxes& operator=(const Sandboxes&) = delete;

  /// Makes it when there is none. It goes away after its last turn if nothing exists of it then: ask for a
  /// turn.
  SandboxPtr get(const std::string& id);
  /// Null when there is none.
  SandboxPtr find(const std::string& id) const;
  std::vector<SandboxPtr> all() const;

  void add_turn(const SandboxPtr& sandbox, Turn turn);
  /// Before all others that have not had theirs.
  void add_next_turn(const SandboxPtr& sandbox, Turn turn);
  /// Makes every start that has not finished give up.
  static void cancel_starts(const Sandbox& sandbox);

 private:
  void advance(const SandboxPtr& sandbox);

  host::Loop& loop_;
  std::map<std::string, SandboxPtr> sandboxes_;
};

}  // namespace podsandbox::linux_runtime
