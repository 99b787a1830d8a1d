#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "services/linux/settings.hpp"

/// What bears our mark on this host and belongs to no sandbox that is known: our files were lost, or somebody
/// brought old ones back. Pure.
namespace podsandbox::linux_runtime {

enum class TraceKind : std::uint8_t { cgroup, directory, shim };

/// Something with our mark.
struct Trace {
  std::string id;  ///< the sandbox after which it is named, or a name that is none's
  TraceKind kind = TraceKind::cgroup;
  std::string place;  ///< below each hierarchy; or the whole path

  auto operator<=>(const Trace&) const = default;
};

/// Whether each is in use: such a cgroup has processes.
using FoundTraces = std::map<Trace, bool>;

/// What the sandboxes have that are known.
struct Known {
  std::set<std::string> ids;
  std::set<std::string> cgroups;  ///< with all those above them

  void add_cgroup(std::string path);
  bool knows(const Trace& trace) const;
};

/// Decides from one look after the other. What is only found once may have come and gone while it was looked
/// for: it counts when the next look finds it again.
class SweepPlan {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit SweepPlan(const SweepSettings& settings) : settings_(settings) {}

  struct Findings {
    std::vector<Trace> news;     ///< to be told; each once
    std::vector<Trace> overdue;  ///< to be removed; again and again, for as long as they are found
  };

  /// `known` is what is known when the look is over.
  Findings looked(const FoundTraces& found, const Known& known, Time now);

  /// Something waits for the next look to be told of.
  bool has_doubts() const;

 private:
  struct Orphan {
    Time since;  ///< the first look that found it
    bool told = false;
  };

  SweepSettings settings_;
  std::map<Trace, Orphan> orphans_;
};

}  // namespace podsandbox::linux_runtime
