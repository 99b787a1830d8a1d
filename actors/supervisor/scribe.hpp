#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/journal.hpp"

namespace podsandbox {

/// What has changed and is not in the journal yet. One write is on its way at a time; what changes meanwhile
/// goes into the next one, so that writes grow with the load and not their number. Pure: the supervisor sends
/// them. Survives the supervisor.
class Scribe {
 public:
  /// Numbers writes, from 1.
  using Number = std::uint64_t;
  /// What of a sandbox is to be kept; nothing when it is gone.
  using Read = std::function<std::optional<StoredSandbox>(const std::string& id)>;

  void changed(const std::string& id, journal::Survives survives = journal::Survives::power_cut);
  void happened(EventPtr event) { events_.push_back(std::move(event)); }

  /// The first write that will hold all that has changed until now.
  Number next() const { return begun_ + 1; }

  /// The write that holds the last change of this sandbox; nothing when the journal has it.
  std::optional<Number> write_of(const std::string& id) const;

  /// The next write, as things are now; nothing while one is on its way, or when nothing has changed.
  std::optional<journal::Write> begin(const Read& read);

  /// Whether a write is on its way.
  bool writing() const { return writing_; }

  /// The write on its way is in the journal. Returns its last event's position, 0 when it has none.
  std::uint64_t succeeded();

  /// It is not, or nobody knows: what it held goes into the next one, too.
  void failed();

  /// The journal has lost its events: it gets these, which are all that there are.
  void rewrite(std::vector<EventPtr> events) { events_ = std::move(events); }

  /// The number of the write on its way, or of the last one.
  Number latest() const { return begun_; }

 private:
  std::set<std::string> sandboxes_;
  std::vector<EventPtr> events_;  // are told: they survive a power cut
  bool must_survive_ = false;     // of the sandboxes' changes, one must survive a power cut
  bool writing_ = false;
  std::set<std::string> written_sandboxes_;  // of the write on its way
  std::vector<EventPtr> written_events_;
  bool written_survive_ = false;
  Number begun_ = 0;
};

}  // namespace podsandbox
