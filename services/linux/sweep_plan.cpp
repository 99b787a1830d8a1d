#include "services/linux/sweep_plan.hpp"

#include <algorithm>
#include <utility>

namespace podsandbox::linux_runtime {

namespace {

// The pod of such a one seems to live, though nobody here knows of it.
std::set<std::string> names_in_use(const FoundTraces& found) {
  std::set<std::string> names;
  for (const auto& [trace, in_use] : found) {
    if (in_use) names.insert(trace.id);
  }
  return names;
}

}  // namespace

void Known::add_cgroup(std::string path) {
  while (!path.empty()) {
    const auto above = path.substr(0, path.rfind('/'));
    if (!cgroups.insert(std::exchange(path, above)).second) return;
  }
}

bool Known::knows(const Trace& trace) const {
  return trace.kind == TraceKind::cgroup ? cgroups.contains(trace.place) : ids.contains(trace.id);
}

SweepPlan::Findings SweepPlan::looked(const FoundTraces& found, const Known& known, Time now) {
  std::erase_if(orphans_,
                [&](const auto& entry) { return !found.contains(entry.first) || known.knows(entry.first); });
  const auto in_use = names_in_use(found);
  Findings findings;
  for (const auto& [trace, used] : found) {
    if (known.knows(trace)) continue;
    const auto [it, is_new] = orphans_.try_emplace(trace, Orphan{now});
    if (is_new) continue;
    if (!std::exchange(it->second.told, true)) findings.news.push_back(trace);
    const bool stays = settings_.dry_run || in_use.contains(trace.id);
    if (!stays && now - it->second.since >= settings_.remove_after) findings.overdue.push_back(trace);
  }
  return findings;
}

bool SweepPlan::has_doubts() const {
  return std::any_of(orphans_.begin(), orphans_.end(), [](const auto& entry) { return !entry.second.told; });
}

}  // namespace podsandbox::linux_runtime
