#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/crash/client.hpp"
#include "test/crash/mortal_daemon.hpp"
#include "test/crash/site.hpp"
#include "test/crash/story.hpp"

namespace podsandbox::test {

/// The so-many-th time that a daemon passes a failpoint.
struct Pass {
  std::string name;
  unsigned number = 0;

  std::string text() const { return name + "#" + std::to_string(number); }
};

/// One row of the matrix: a story with several daemons, all of which but the last are killed at a pass or,
/// when they do not come by there, at the end. The last one is as it is shipped. Real processes on a state of
/// their own.
class Row {
 public:
  /// `kills` says where the daemons before the last one are killed; absent: at the end.
  Row(const Story& story, std::vector<std::optional<Pass>> kills);

  void run();

  /// What was not as it should be.
  const std::vector<std::string>& faults() const { return faults_; }
  /// Whether each kill took place where it was to.
  bool as_planned() const { return as_planned_; }
  /// The passes of the last daemon but one, in their order; when it is the first one, from the step on that
  /// the story is killed from.
  std::vector<Pass> passes() const;

 private:
  void run_doomed(const std::optional<Pass>& kill);
  void run_shipped();
  void end_daemon();
  void check_what_is_left();
  std::vector<std::string> pass_names() const;

  const Story& story_;
  const std::vector<std::optional<Pass>> kills_;
  const std::unique_ptr<Site> site_;
  MortalDaemon daemon_;
  Client client_;
  bool first_ = true;  // daemon
  bool as_planned_ = true;
  std::size_t passes_before_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace podsandbox::test
