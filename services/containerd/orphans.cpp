#include "services/containerd/orphans.hpp"

#include <algorithm>
#include <sstream>

namespace podsandbox::containerd_client {

namespace {

/// One look may fall between the end of a sandbox's record and its own.
constexpr unsigned strange_looks = 2;

std::string seconds(std::chrono::nanoseconds time) {
  std::ostringstream text;
  text << std::chrono::duration<double>(time).count() << " s";
  return text.str();
}

std::string strange_text(const std::string& example, std::size_t count) {
  return "containerd has no record of any of the " + std::to_string(count) +
         " sandboxes that came through it (such as " + example +
         "): is containerd.address the containerd that uses this daemon? Nothing is removed until it knows "
         "one "
         "of them; `podsandboxctl shutdown ID` removes what nobody needs";
}

}  // namespace

Orphans::Findings Orphans::looked(const std::vector<SandboxView>& ours, const std::set<std::string>& records,
                                  Time now) {
  Candidates candidates;
  for (const auto& sandbox : ours) {
    if (!sandbox.spec->sandboxer.empty()) candidates.emplace(sandbox.spec->id, &sandbox);
  }
  forget_the_gone(candidates);
  Findings findings;
  if (!is_trusted(candidates, records, findings)) {
    away();
    return findings;
  }
  const auto passed = last_look_ ? now - *last_look_ : std::chrono::nanoseconds(0);
  last_look_ = now;
  shown_.clear();
  for (const auto& [id, sandbox] : candidates) {
    if (!records.contains(id)) {
      missing(*sandbox, passed, findings);
      continue;
    }
    shown_.emplace(id, sandbox->spec);
    if (missing_.erase(id) > 0) findings.notes.push_back({log::Level::info, id, "containerd knows it again"});
  }
  return findings;
}

void Orphans::away() {
  trusted_ = false;
  last_look_.reset();
}

void Orphans::forget_the_gone(const Candidates& ours) {
  const auto is_gone = [&](const std::string& id, const SpecPtr& spec) {
    const auto it = ours.find(id);
    return it == ours.end() || it->second->spec != spec;
  };
  std::erase_if(missing_, [&](const auto& entry) { return is_gone(entry.first, entry.second.spec); });
  std::erase_if(shown_, [&](const auto& entry) { return is_gone(entry.first, entry.second); });
}

bool Orphans::is_trusted(const Candidates& ours, const std::set<std::string>& records, Findings& findings) {
  const bool shows_one =
      std::any_of(ours.begin(), ours.end(), [&](const auto& entry) { return records.contains(entry.first); });
  if (shows_one) {
    strange_ = 0;
    return trusted_ = true;
  }
  if (trusted_ && shown_.empty()) return true;  // those that it showed are gone
  if (!ours.empty() && ++strange_ == strange_looks) {
    findings.notes.push_back({log::Level::warn, {}, strange_text(ours.begin()->first, ours.size())});
  }
  return false;
}

void Orphans::missing(const SandboxView& sandbox, std::chrono::nanoseconds passed, Findings& findings) {
  const auto& id = sandbox.spec->id;
  const auto [it, is_new] = missing_.try_emplace(id, Missing{sandbox.spec, {}, false});
  auto& entry = it->second;
  if (is_new) {
    findings.notes.push_back({log::Level::warn, id, found_text(sandbox)});
  } else {
    entry.seen += passed;
  }
  if (settings_.dry_run || entry.overdue || entry.seen < settings_.remove_after) return;
  entry.overdue = true;
  findings.overdue.push_back(sandbox);
  findings.notes.push_back(
      {log::Level::warn, id,
       "containerd has had no record of it for " + seconds(settings_.remove_after) + ": it is removed"});
}

std::string Orphans::found_text(const SandboxView& sandbox) const {
  const std::string by_hand = "`podsandboxctl shutdown " + sandbox.spec->id + "` removes it";
  const std::string found = "containerd has no record of it, though it came through it (it is " +
                            std::string(to_string(sandbox.phase)) + " here): nobody will ask for it again. ";
  if (settings_.dry_run) return found + "It stays, as orphans.dry_run says; " + by_hand;
  return found + "It is removed if that is still so in " + seconds(settings_.remove_after) + "; " + by_hand +
         " now, orphans.dry_run = true keeps it";
}

}  // namespace podsandbox::containerd_client
