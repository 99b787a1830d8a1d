#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/requests.hpp"
#include "services/containerd/note.hpp"

namespace podsandbox::containerd_client {

struct OrphanSettings {
  std::chrono::nanoseconds remove_after = std::chrono::minutes(1);  // that it was seen to be unknown
  bool dry_run = false;                                             // only told, never removed
};

/// Finds the sandboxes that nobody knows of: they came through containerd's CRI, which has a record of each
/// from before its Create until after its Shutdown, and now there is none. Nobody will ask for such a one
/// again.
///
/// What is removed cannot be had back, so an answer of containerd counts only while this is trusted to be the
/// containerd that uses us: from when it shows a record of one of our sandboxes, until it is away, or has
/// lost all those at once that it showed just before. Pure: the caller brings the time, and does what
/// follows.
class Orphans {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Orphans(const OrphanSettings& settings) : settings_(settings) {}

  struct Findings {
    std::vector<SandboxView> overdue;  // to be removed; each is told once
    std::vector<Note> notes;           // to be logged
  };

  /// Our sandboxes, and the ids of containerd's records: all of them, and listed later than ours, so that
  /// the record of each had been made.
  Findings looked(const std::vector<SandboxView>& ours, const std::set<std::string>& records, Time now);

  /// containerd did not tell what it has. The time until the next look counts for nobody.
  void away();

 private:
  using Candidates = std::map<std::string, const SandboxView*>;

  struct Missing {
    SpecPtr spec;  // tells it from a later sandbox of this id
    std::chrono::nanoseconds seen{0};
    bool overdue = false;  // and told so
  };

  void forget_the_gone(const Candidates& ours);
  bool is_trusted(const Candidates& ours, const std::set<std::string>& records, Findings& findings);
  void missing(const SandboxView& sandbox, std::chrono::nanoseconds passed, Findings& findings);
  std::string found_text(const SandboxView& sandbox) const;

  OrphanSettings settings_;
  std::map<std::string, Missing> missing_;
  std::map<std::string, SpecPtr> shown_;  // by the last look that counted
  bool trusted_ = false;
  unsigned strange_ = 0;           // looks in a row that showed none of ours
  std::optional<Time> last_look_;  // the one before, if it counts
};

}  // namespace podsandbox::containerd_client
