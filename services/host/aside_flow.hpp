#pragma once

#include <type_traits>
#include <utility>

#include "services/host/aside.hpp"
#include "services/host/flow.hpp"

namespace podsandbox::host {

/// What may hang, on a thread of its own (aside.hpp), for a flow to await: `work` returns a Result.
template <class Work, class R = std::invoke_result_t<Work>>
Answer<R> aside(Loop& loop, Work work) {
  return Answer<R>(loop, [&loop, work = std::move(work)](typename Answer<R>::Callback callback) {
    run_aside(loop, work, [callback = std::move(callback)](R&& result) { callback(std::move(result)); });
  });
}

/// Awaits that time has passed.
inline Answer<Done> pause_for(Loop& loop, Loop::Clock::duration time) {
  return Answer<Done>(loop, [&loop, time](Answer<Done>::Callback callback) {
    loop.after(time, [callback = std::move(callback)] { callback(Done{}); });
  });
}

}  // namespace podsandbox::host
