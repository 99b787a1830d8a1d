#pragma once

#include <atomic>
#include <barrier>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "test/bench/quantiles.hpp"

namespace podsandbox::bench {

/// Runs `work(0)` … `work(count - 1)`, each on a thread of its own, which begin together. Returns how long it
/// took until all were done; throws what one of them threw.
template <class Work>
Nanoseconds at_once(unsigned count, Work work) {
  Clock::time_point began;
  std::barrier gate(static_cast<std::ptrdiff_t>(count), [&began]() noexcept { began = Clock::now(); });
  std::mutex mutex;
  std::exception_ptr failed;
  std::vector<std::jthread> threads;
  threads.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      gate.arrive_and_wait();
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        failed = std::current_exception();
      }
    });
  }
  threads.clear();  // joins
  const auto took = Clock::now() - began;
  if (failed) std::rethrow_exception(failed);
  return took;
}

/// The same for more work than there are threads.
template <class Work>
void share_out(std::size_t count, unsigned threads, Work work) {
  std::atomic<std::size_t> next = 0;
  at_once(threads, [&](unsigned) {
    for (auto i = next++; i < count; i = next++) work(i);
  });
}

}  // namespace podsandbox::bench
