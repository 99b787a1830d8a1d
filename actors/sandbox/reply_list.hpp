#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "messages/requests.hpp"

namespace podsandbox {

/// Everybody who waits for the same answer.
template <class T>
class ReplyList {
 public:
  void add(CallId call, Reply<T> reply) { entries_.emplace_back(call, std::move(reply)); }

  bool empty() const { return entries_.empty(); }

  /// True when at least one of them still wants the answer.
  bool wanted() const {
    return std::any_of(entries_.begin(), entries_.end(), [](const auto& e) { return e.second.wanted(); });
  }

  /// Gives all of them the same answer, and forgets them.
  void answer(const Result<T>& result) {
    for (const auto& [call, reply] : std::exchange(entries_, {})) reply(result);
  }

  /// Forgets one whose client went away; false when it is not here.
  bool forget(CallId call) {
    const auto it = std::find_if(entries_.begin(), entries_.end(),
                                 [call](const auto& entry) { return entry.first == call; });
    if (it == entries_.end()) return false;
    it->second.fail(ErrorKind::cancelled, "the client went away");
    std::swap(*it, entries_.back());
    entries_.pop_back();
    return true;
  }

 private:
  std::vector<std::pair<CallId, Reply<T>>> entries_;
};

}  // namespace podsandbox
