#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "services/containerd/note.hpp"

namespace podsandbox::containerd_client {

enum class StepKind : std::uint8_t {
  compare,         ///< list containerd's records, and then, never before, our sandboxes: `compared`
  check_settings,  ///< after each comparison, ask CRI for its settings: `settings_checked`
  look,            ///< ask whether the sandbox needs a record: `looked`
  create,          ///< make its record: `created`
  inspect,         ///< see whether the record of that id is a marker: `inspected`
  remove,          ///< delete its record: `record_removed`
};

/// Something to do. Each must be answered by the method named above.
struct Step {
  StepKind kind = StepKind::compare;
  std::string id;

  bool operator==(const Step&) const = default;
};

struct PlanSettings {
  std::chrono::nanoseconds compare_every = std::chrono::minutes(1);
  std::chrono::nanoseconds first_retry = std::chrono::seconds(1);  // doubled after each failure in a row
  std::chrono::nanoseconds last_retry = std::chrono::minutes(1);
  std::chrono::nanoseconds away_retry = std::chrono::seconds(5);  // the longest while containerd is away
  std::size_t max_in_flight = 8;
  // After an event: what asks for the start or the removal is still writing into containerd's data base then,
  // into which only one writes at a time. A marker too many harms nobody, one too few may cost a pod.
  std::chrono::nanoseconds create_after = std::chrono::milliseconds(20);
  std::chrono::nanoseconds remove_after = std::chrono::seconds(1);
};

/// What a full comparison found.
struct Comparison {
  std::set<std::string> markers;        // containerd's records that this daemon made
  std::set<std::string> other_markers;  // such of another daemon, or of this one with another state directory
  std::set<std::string> wanted;         // our sandboxes that need a record, asked for after the records
};

/// Decides what to do next so that containerd has a marker for exactly the sandboxes that need one. It is
/// level-triggered: whatever happened to a sandbox is only a reason to look at it, and what is done follows
/// from what the look found. Per id one step at a time. While containerd is away there is no step but to try
/// the full comparison, which then finds everything that was missed. Pure: the caller brings the time and
/// carries the steps out.
class MarkerPlan {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  explicit MarkerPlan(const PlanSettings& settings) : settings_(settings) {}

  // -- what happened -----------------------------------------------------------
  void sandbox_started(const std::string& id, Time now);
  void sandbox_removed(const std::string& id, Time now);
  /// Something may have been missed.
  void compare_soon();

  // -- what to do --------------------------------------------------------------
  /// The steps to take now.
  std::vector<Step> next(Time now);
  /// When to ask again even if no step has been answered; nothing when there is no such time.
  std::optional<Time> due() const;
  /// What to log since the last time that this was asked.
  std::vector<Note> take_notes();

  // -- what became of the steps -------------------------------------------------
  void compared(const Result<Comparison>& found, Time now);
  /// It could not be made for a reason of our own.
  void comparison_put_off(Time now);
  void settings_checked(const Result<Done>& done, Time now);
  void looked(const std::string& id, const Result<bool>& wanted, Time now);
  void created(const std::string& id, const Result<Done>& done, Time now);
  void inspected(const std::string& id, const Result<bool>& is_marker, Time now);
  void record_removed(const std::string& id, const Result<Done>& done, Time now);

  /// Whether containerd answered when it was last asked.
  bool connected() const { return connected_; }
  std::size_t in_flight() const { return in_flight_; }
  /// Ids that it keeps something about.
  std::size_t known() const { return entries_.size(); }

 private:
  struct Retry {
    std::optional<Time> due = Time::min();  // nothing: not to be done
    unsigned failures = 0;                  // in a row
    std::string last_error;
  };

  struct Entry {
    bool present = false;   // containerd has our marker
    bool doubtful = false;  // it may have one or not: a call ended without a clear answer
    bool outdated = false;  // the marker is of an earlier sandbox of this id
    bool wanted = false;    // when it was last looked at
    bool busy = false;      // a step for it is on its way
    std::uint64_t changed_at = 0;
    Time not_before = Time::min();  // because of the last event
    Retry retry;
  };

  static Time due_of(const Entry& entry);
  Step step(Entry& entry, StepKind kind, const std::string& id);
  void go_on(Entry& entry, const std::string& id);
  void end(const std::string& id, bool look_again);
  bool needed(const std::string& id, const Entry& entry) const;
  void succeeded(Entry& entry, const std::string& id);
  void failed(Entry& entry, const std::string& id, const std::string& what, const Error& error, Time now);
  void try_later(Entry& entry, const std::string& id, Time now);
  void went_away(const Error& error, Time now);
  void came_back();
  void adopt(const Comparison& found);
  std::chrono::nanoseconds pause(unsigned failures, std::chrono::nanoseconds longest) const;
  static void hasten(Retry& retry, Time time);

  PlanSettings settings_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> open_;    // ids to be looked at
  std::vector<Step> follow_ups_;  // for ids that are busy
  std::vector<Note> notes_;
  std::size_t in_flight_ = 0;
  bool connected_ = false;
  bool told_away_ = false;
  bool comparing_ = false;
  bool compare_again_ = false;
  std::uint64_t changes_ = 0;  // of records, numbered
  std::uint64_t changes_before_compare_ = 0;
  Retry compare_;
  Time retry_not_before_ = Time::min();  // the comparison, while containerd is away
  bool checking_settings_ = false;
  Retry settings_check_;
};

}  // namespace podsandbox::containerd_client
