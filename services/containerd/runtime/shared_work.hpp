#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "services/host/flow.hpp"

namespace podsandbox::containerd_runtime {

/// Work that many may wait for: who asks for what is under way already waits for the same. Nobody who goes
/// away ends it for the others. All of it on one loop; it must outlive those who wait.
template <class T>
class SharedWork {
 public:
  explicit SharedWork(const host::Loop& loop) : loop_(loop) {}

  /// `co_await` it. `begin` is only called when nothing is under way for this key.
  host::Answer<T> join(const std::string& key, std::function<host::Flow<T>()> begin) {
    return host::Answer<T>(loop_, [this, key, begin = std::move(begin)](Callback callback) {
      const auto [it, is_first] = waiting_.try_emplace(key);
      it->second.push_back(std::move(callback));
      if (is_first) host::deliver<T>(flows_, begin(), [this, key](T result) { end(key, result); });
    });
  }

 private:
  using Callback = typename host::Answer<T>::Callback;

  void end(const std::string& key, const T& result) {
    const auto done = waiting_.extract(key);
    for (const auto& callback : done.mapped()) callback(result);
  }

  const host::Loop& loop_;
  std::map<std::string, std::vector<Callback>> waiting_;
  host::Flows flows_;  // last: what it drops uses the others
};

}  // namespace podsandbox::containerd_runtime
