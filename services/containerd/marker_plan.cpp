#include "services/containerd/marker_plan.hpp"

#include <algorithm>
#include <utility>

namespace podsandbox::containerd_client {

// -- what happened -------------------------------------------------------------

void MarkerPlan::sandbox_started(const std::string& id, Time now) {
  if (!connected_ && !entries_.contains(id)) {
    // A comparison will find it. A pod that starts is a sign that containerd is there again.
    return compare_soon();
  }
  auto& entry = entries_[id];
  entry.retry.due = Time::min();
  entry.not_before = now + settings_.create_after;
  open_.insert(id);
}

void MarkerPlan::sandbox_removed(const std::string& id, Time now) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;  // containerd has nothing of it, or the comparison will find it
  auto& entry = it->second;
  open_.erase(id);
  if (!needed(id, entry)) {
    entries_.erase(it);
    return;
  }
  entry.outdated = true;
  entry.retry.due = Time::min();
  entry.not_before = now + settings_.remove_after;
  open_.insert(id);
}

void MarkerPlan::compare_soon() {
  if (comparing_) compare_again_ = true;
  hasten(compare_, connected_ ? Time::min() : retry_not_before_);
}

// -- what to do ----------------------------------------------------------------

MarkerPlan::Time MarkerPlan::due_of(const Entry& entry) {
  return std::max(entry.not_before, entry.retry.due.value_or(Time::min()));
}

std::vector<Step> MarkerPlan::next(Time now) {
  std::vector<Step> steps = std::exchange(follow_ups_, {});  // counted already
  const auto free = [&] { return in_flight_ < settings_.max_in_flight; };
  if (free() && !comparing_ && compare_.due && *compare_.due <= now) {
    comparing_ = true;
    changes_before_compare_ = changes_;
    ++in_flight_;
    steps.push_back({StepKind::compare, {}});
  }
  if (!connected_) return steps;
  if (free() && !checking_settings_ && settings_check_.due && *settings_check_.due <= now) {
    checking_settings_ = true;
    ++in_flight_;
    steps.push_back({StepKind::check_settings, {}});
  }
  for (auto it = open_.begin(); it != open_.end() && free();) {
    auto& entry = entries_.at(*it);
    if (entry.busy || due_of(entry) > now) {
      ++it;
      continue;
    }
    entry.busy = true;
    ++in_flight_;
    steps.push_back({StepKind::look, *it});
    it = open_.erase(it);
  }
  return steps;
}

std::optional<MarkerPlan::Time> MarkerPlan::due() const {
  std::optional<Time> soonest;
  if (in_flight_ >= settings_.max_in_flight) return soonest;  // an answer comes first
  const auto consider = [&](const std::optional<Time>& time) {
    if (time && (!soonest || *time < *soonest)) soonest = time;
  };
  if (!comparing_) consider(compare_.due);
  if (!connected_) return soonest;
  if (!checking_settings_) consider(settings_check_.due);
  for (const auto& id : open_) {
    const auto& entry = entries_.at(id);
    if (!entry.busy) consider(due_of(entry));
  }
  return soonest;
}

std::vector<Note> MarkerPlan::take_notes() {
  return std::exchange(notes_, {});
}

// -- what became of the steps --------------------------------------------------

void MarkerPlan::looked(const std::string& id, const Result<bool>& wanted, Time now) {
  auto& entry = entries_.at(id);
  if (!wanted) return try_later(entry, id, now);  // for a reason of our own: nobody is told
  entry.wanted = *wanted;
  go_on(entry, id);
}

void MarkerPlan::created(const std::string& id, const Result<Done>& done, Time now) {
  auto& entry = entries_.at(id);
  entry.changed_at = ++changes_;
  if (done) {
    entry.present = true;
    entry.doubtful = false;
    return succeeded(entry, id);
  }
  if (done.error().kind == ErrorKind::already_exists) {
    follow_ups_.push_back({StepKind::inspect, id});
    return;
  }
  entry.doubtful = true;
  failed(entry, id, "its record in containerd cannot be made", done.error(), now);
}

void MarkerPlan::inspected(const std::string& id, const Result<bool>& is_marker, Time now) {
  auto& entry = entries_.at(id);
  const bool missing = !is_marker && is_marker.error().kind == ErrorKind::not_found;
  if (!is_marker && !missing) {
    return failed(entry, id, "its record in containerd cannot be read", is_marker.error(), now);
  }
  entry.changed_at = ++changes_;
  entry.doubtful = false;
  entry.present = !missing && *is_marker;
  if (!entry.wanted || entry.present) return go_on(entry, id);
  if (missing) return try_later(entry, id, now);
  failed(
      entry, id, "its record in containerd cannot be made",
      Error{ErrorKind::already_exists,
            "there is a container of the same id that podsandboxd did not make; it is left alone, and when "
            "containerd restarts it may take the pod's files away"},
      now);
}

void MarkerPlan::record_removed(const std::string& id, const Result<Done>& done, Time now) {
  auto& entry = entries_.at(id);
  entry.changed_at = ++changes_;
  if (!done && done.error().kind != ErrorKind::not_found) {
    entry.doubtful = true;
    return failed(entry, id, "its record in containerd cannot be removed", done.error(), now);
  }
  entry.present = false;
  entry.doubtful = false;
  entry.outdated = false;
  if (entry.wanted) open_.insert(id);  // it was that of an earlier sandbox
  succeeded(entry, id);
}

/// From what is known of an id to the next step for it.
void MarkerPlan::go_on(Entry& entry, const std::string& id) {
  if (!connected_) return end(id, true);
  if (entry.present && (!entry.wanted || entry.outdated)) {
    follow_ups_.push_back({StepKind::remove, id});
  } else if (entry.doubtful && (entry.present || !entry.wanted)) {
    follow_ups_.push_back({StepKind::inspect, id});
  } else if (!entry.present && entry.wanted) {
    entry.outdated = false;
    follow_ups_.push_back({StepKind::create, id});
  } else {
    succeeded(entry, id);
  }
}

/// The steps for an id have come to an end.
void MarkerPlan::end(const std::string& id, bool look_again) {
  auto& entry = entries_.at(id);
  if (entry.busy) {
    entry.busy = false;
    --in_flight_;
  }
  if (look_again) open_.insert(id);
  if (!needed(id, entry)) entries_.erase(id);
}

/// Whether anything about it has to be remembered; while a comparison is on its way, what it has to overlook.
bool MarkerPlan::needed(const std::string& id, const Entry& entry) const {
  return entry.busy || entry.present || entry.doubtful || open_.contains(id) ||
         (comparing_ && entry.changed_at > changes_before_compare_);
}

void MarkerPlan::succeeded(Entry& entry, const std::string& id) {
  if (!entry.retry.last_error.empty())
    notes_.push_back({log::Level::info, id, "its record in containerd is right again"});
  entry.retry = Retry{};
  end(id, false);
}

void MarkerPlan::failed(Entry& entry, const std::string& id, const std::string& what, const Error& error,
                        Time now) {
  if (error.kind == ErrorKind::unavailable) {
    went_away(error, now);
    return end(id, true);
  }
  const auto text = what + ": " + error.message;
  if (text != entry.retry.last_error) notes_.push_back({log::Level::warn, id, text});
  entry.retry.last_error = text;
  try_later(entry, id, now);
}

void MarkerPlan::try_later(Entry& entry, const std::string& id, Time now) {
  entry.retry.due = now + pause(++entry.retry.failures, settings_.last_retry);
  end(id, true);
}

// -- containerd comes and goes ---------------------------------------------------

void MarkerPlan::went_away(const Error& error, Time now) {
  if (!std::exchange(told_away_, true)) {
    notes_.push_back({log::Level::warn, {}, "containerd does not answer: " + error.message});
  }
  if (!std::exchange(connected_, false)) return;
  retry_not_before_ = now + settings_.first_retry;
  compare_.due = retry_not_before_;
  settings_check_.due.reset();
}

void MarkerPlan::came_back() {
  if (std::exchange(connected_, true)) return;
  notes_.push_back({log::Level::info, {}, "containerd answers"});
  told_away_ = false;
}

void MarkerPlan::compared(const Result<Comparison>& found, Time now) {
  comparing_ = false;
  --in_flight_;
  if (found) {
    came_back();
    settings_check_ = Retry{};  // it may have been restarted with other ones, unnoticed
    compare_ = Retry{now + settings_.compare_every, 0, {}};
    if (std::exchange(compare_again_, false)) compare_.due = now;
    return adopt(*found);
  }
  const auto& error = found.error();
  const bool away = error.kind == ErrorKind::unavailable || !connected_;
  if (away) {
    went_away(error, now);
    retry_not_before_ = now + settings_.first_retry;
  }
  compare_.due = now + pause(++compare_.failures, away ? settings_.away_retry : settings_.last_retry);
  if (away) return;
  if (error.message != compare_.last_error) {
    notes_.push_back({log::Level::warn, {}, "containerd's records cannot be listed: " + error.message});
  }
  compare_.last_error = error.message;
}

void MarkerPlan::comparison_put_off(Time now) {
  comparing_ = false;
  --in_flight_;
  compare_.due = now + settings_.first_retry;
}

void MarkerPlan::settings_checked(const Result<Done>& done, Time now) {
  checking_settings_ = false;
  --in_flight_;
  if (done) {
    settings_check_.due.reset();
  } else if (connected_) {
    settings_check_.due = now + pause(++settings_check_.failures, settings_.last_retry);
  }
}

/// Takes over what a comparison found, except of records that changed since it began.
void MarkerPlan::adopt(const Comparison& found) {
  for (const auto& id : found.markers) entries_.try_emplace(id);
  for (const auto& id : found.wanted) entries_.try_emplace(id);
  for (auto& [id, entry] : entries_) {
    if (entry.busy || entry.changed_at > changes_before_compare_) {
      open_.insert(id);
      continue;
    }
    const bool wanted = found.wanted.contains(id);
    // Of another daemon's markers only one of a sandbox that is known here is ours to take.
    entry.present = found.markers.contains(id) || found.other_markers.contains(id);
    entry.doubtful = false;
    if (entry.present != wanted) open_.insert(id);
  }
  std::erase_if(entries_, [&](const auto& item) { return !needed(item.first, item.second); });
}

std::chrono::nanoseconds MarkerPlan::pause(unsigned failures, std::chrono::nanoseconds longest) const {
  auto pause = settings_.first_retry;
  for (unsigned n = 1; n < failures && pause < longest; ++n) pause *= 2;
  return std::min(pause, longest);
}

void MarkerPlan::hasten(Retry& retry, Time time) {
  if (retry.due) retry.due = std::min(*retry.due, time);
}

}  // namespace podsandbox::containerd_client
