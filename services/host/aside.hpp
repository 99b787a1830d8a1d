#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "messages/error.hpp"
#include "messages/failpoint.hpp"
#include "services/host/loop.hpp"

namespace podsandbox::host {

/// Runs `work` (returning a Result<T>) on a thread of its own, and `then` with what it returned on the loop,
/// from where this is called. For what may hang, like a path on a dead file server: a hung one costs its
/// thread and delays nobody, and may outlive the loop. `work` must hold nothing that belongs to the loop;
/// `then` stays on it.
template <class Work, class Then>
void run_aside(Loop& loop, Work work, Then then) {
  using Outcome = decltype(work());
  const auto ticket = loop.deposit(
      [then = std::move(then)](void* outcome) mutable { then(std::move(*static_cast<Outcome*>(outcome))); });
  const auto hand_over = [poster = loop.poster(), &loop, ticket](Outcome&& outcome) {
    auto kept = std::make_shared<Outcome>(std::move(outcome));
    poster.post(
        [&loop, ticket, kept] { loop.redeem(ticket, kept.get()); });  // dropped when the loop has gone
  };
  try {
    std::thread([hand_over, work = std::move(work)] {
      failpoint("work begins");
      auto outcome = work();
      failpoint("work is done");
      hand_over(std::move(outcome));
    }).detach();
  } catch (const std::system_error& e) {
    hand_over(failure(ErrorKind::resource_exhausted, std::string("starting a thread: ") + e.what()));
  }
}

}  // namespace podsandbox::host
