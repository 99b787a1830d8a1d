#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/linux/context.hpp"

namespace podsandbox::linux_runtime {

/// How a dead child ended, of which the keeper tells.
Exit exit_of(const KeeperReply& reply);

/// The first process of a sandbox, running or dead, until the sandbox is removed. Finds out how it ends.
/// Lives on the loop.
class Child : public std::enable_shared_from_this<Child> {
 public:
  struct Identity {
    std::string id;  // the sandbox's
    int pid = 0;
    std::uint64_t start_time = 0;
    std::int64_t created_ns = 0;
  };

  /// `pidfd` may be empty only for one whose exit is told at once with `ended`.
  static std::shared_ptr<Child> make(const Context& context, Identity identity, host::UniqueFd pidfd);
  /// The one of which the keeper tells.
  static std::shared_ptr<Child> make(const Context& context, KeeperAnswer&& answer);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  const Identity& identity() const { return identity_; }
  const std::optional<Exit>& exit() const { return exit_; }
  runtime::Process describe() const;

  /// True once the sandbox has been started: from then on its exit is the world's business.
  bool started() const { return started_; }
  void set_started();

  /// Returns 0 or an errno; ESRCH when it has ended.
  int kill(int signal) const;

  /// Runs `task` when the exit is known: at once if it is.
  void when_ended(std::function<void()> task);

  /// Makes the exit known. The first one counts.
  void ended(const Exit& exit);

 private:
  Child(const Context& context, Identity identity, host::UniqueFd pidfd);
  void watch();
  void ask_how_it_ended();

  const Context& context_;
  const Identity identity_;
  const host::UniqueFd pidfd_;
  std::optional<host::Loop::WatchId> watch_;
  bool started_ = false;
  std::optional<Exit> exit_;
  std::vector<std::function<void()>> at_end_;
};

}  // namespace podsandbox::linux_runtime
