#pragma once

#include <coroutine>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "services/host/loop.hpp"

/// Sequences of asynchronous steps, written as coroutines. All of it runs on one loop; nothing here may be
/// used from another thread, but for the callbacks that an `Answer` hands out.
///
/// Only what has a name can be awaited:
///
///   auto asking = api.get_task(id);
///   const auto task = co_await asking;
///
/// g++ 12 copies temporaries that stand in an expression with co_await, lambdas and aggregates, bit by bit; a
/// short string in one of them is destroyed where it never was.
namespace podsandbox::host {

namespace detail {

template <class Awaited>
struct Reference {
  bool await_ready() const noexcept { return awaited->await_ready(); }
  auto await_suspend(std::coroutine_handle<> waiting) const { return awaited->await_suspend(waiting); }
  decltype(auto) await_resume() const { return awaited->await_resume(); }

  Awaited* awaited;
};

struct OnlyNamed {
  template <class Awaited>
  Reference<Awaited> await_transform(Awaited& awaited) const noexcept {
    return {&awaited};
  }
  template <class Temporary>
  void await_transform(Temporary&& temporary) const = delete;
};

struct FlowPromiseBase : OnlyNamed {
  std::coroutine_handle<> waiting = std::noop_coroutine();

  struct Return {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().waiting;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Return final_suspend() const noexcept { return {}; }
  void unhandled_exception() const noexcept { std::terminate(); }  // errors are values
};

template <class T>
struct FlowPromise : FlowPromiseBase {
  std::optional<T> value;
  void return_value(T result) { value.emplace(std::move(result)); }
  T take() { return std::move(*value); }
};

template <>
struct FlowPromise<void> : FlowPromiseBase {
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

/// A coroutine that begins when it is awaited, once, and gives a T. It holds its frame: whoever drops a flow
/// that has not ended drops what it waits for, too. Parameters are copied into the frame only if they are
/// taken by value: a reference must outlive the flow.
template <class T>
class [[nodiscard]] Flow {
 public:
  struct promise_type : detail::FlowPromise<T> {
    Flow get_return_object() { return Flow(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };

  Flow(Flow&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Flow& operator=(Flow&&) = delete;
  ~Flow() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) noexcept {
    frame_.promise().waiting = waiting;
    return frame_;
  }
  T await_resume() { return frame_.promise().take(); }

 private:
  explicit Flow(std::coroutine_handle<promise_type> frame) : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

/// The flows that nobody awaits. Its end is theirs, whatever they wait for.
class Flows {
 public:
  Flows() = default;
  Flows(const Flows&) = delete;
  Flows& operator=(const Flows&) = delete;
  ~Flows() { drop_all(); }

  /// Runs the flow, at once until it has to wait for something.
  void start(Flow<void> flow) { run(std::move(flow)); }

  void drop_all() {
    while (!frames_.empty()) {
      const auto frame = frames_.front();
      frames_.pop_front();
      frame.destroy();
    }
  }

 private:
  // Its frame frees itself at the end.
  struct Root {
    struct promise_type : detail::OnlyNamed {
      promise_type(Flows& flows, const Flow<void>& /*flow*/)
          : frames(&flows.frames_),
            place(frames->insert(frames->end(), std::coroutine_handle<promise_type>::from_promise(*this))) {}
      Root get_return_object() const noexcept { return {}; }
      std::suspend_never initial_suspend() const noexcept { return {}; }
      std::suspend_never final_suspend() noexcept {
        frames->erase(place);
        return {};
      }
      void return_void() const noexcept {}
      void unhandled_exception() const noexcept { std::terminate(); }

      std::list<std::coroutine_handle<>>* frames;
      std::list<std::coroutine_handle<>>::iterator place;
    };
  };

  Root run(Flow<void> flow) { co_await flow; }

  std::list<std::coroutine_handle<>> frames_;
};

/// Awaits what an operation calls back with, once, from any thread; the flow goes on on the loop. An answer
/// that comes when the flow is gone is dropped. `begin` gets the callback.
template <class T>
class [[nodiscard]] Answer {
 public:
  using Callback = std::function<void(T)>;

  Answer(const Loop& loop, std::function<void(Callback)> begin) : Answer(loop.poster(), std::move(begin)) {}
  Answer(Loop::Poster poster, std::function<void(Callback)> begin)
      : poster_(std::move(poster)), begin_(std::move(begin)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    if (slot_) slot_->waiting = nullptr;
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    slot_ = std::make_shared<Slot>();
    slot_->waiting = waiting;
    // It may be called, and this be gone, before `begin` returns.
    const auto begin = std::move(begin_);
    begin([slot = slot_, poster = poster_](T value) {
      auto kept = std::make_shared<T>(std::move(value));
      poster.post([slot, kept] {
        if (!slot->waiting) return;
        slot->value.emplace(std::move(*kept));
        std::exchange(slot->waiting, nullptr).resume();
      });
    });
  }
  T await_resume() { return std::move(*slot_->value); }

 private:
  struct Slot {
    std::coroutine_handle<> waiting;  // only touched on the loop
    std::optional<T> value;
  };

  Loop::Poster poster_;
  std::function<void(Callback)> begin_;
  std::shared_ptr<Slot> slot_;
};

/// A flow that has begun; whoever awaits it, once, gets what it gives. Not awaited, it goes on to its end.
template <class T>
class [[nodiscard]] Running {
 public:
  Running(Flows& flows, Flow<T> flow) : state_(std::make_shared<State>()) {
    flows.start(run(std::move(flow), state_));
  }

  bool await_ready() const noexcept { return state_->value.has_value(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { state_->waiting = waiting; }
  T await_resume() { return std::move(*state_->value); }

  Running(Running&&) noexcept = default;
  Running& operator=(Running&&) = delete;
  ~Running() {
    if (state_) state_->waiting = nullptr;
  }

 private:
  struct State {
    std::optional<T> value;
    std::coroutine_handle<> waiting;
  };

  static Flow<void> run(Flow<T> flow, std::shared_ptr<State> state) {
    state->value.emplace(co_await flow);
    if (state->waiting) std::exchange(state->waiting, nullptr).resume();
  }

  std::shared_ptr<State> state_;
};

/// Runs the flow and calls back with what it gives.
template <class T>
void deliver(Flows& flows, Flow<T> flow, std::function<void(T)> callback) {
  constexpr auto run = [](Flow<T> awaited, std::function<void(T)> then) -> Flow<void> {
    then(co_await awaited);
  };
  flows.start(run(std::move(flow), std::move(callback)));
}

/// As many permits as may be out at once; who waits for one gets it in the order of asking. One that is
/// dropped, by whomever, is free again.
class Semaphore {
 public:
  using Permit = std::shared_ptr<void>;

  Semaphore(const Loop& loop, std::size_t permits)
      : state_(std::make_shared<State>(State{loop.poster(), permits, {}})) {}

  /// `co_await` it.
  Answer<Permit> acquire() {
    return Answer<Permit>(state_->poster, [state = state_](Answer<Permit>::Callback callback) {
      state->waiting.push_back(std::move(callback));
      serve(state);
    });
  }

 private:
  struct State {
    Loop::Poster poster;
    std::size_t free;
    std::deque<Answer<Permit>::Callback> waiting;
  };

  static void serve(const std::shared_ptr<State>& state) {
    while (state->free > 0 && !state->waiting.empty()) {
      --state->free;
      const auto callback = std::move(state->waiting.front());
      state->waiting.pop_front();
      // The state itself is what the permit points to, so that it cannot be null.
      callback(Permit(state.get(), [state](void*) {
        state->poster.post([state] {
          ++state->free;
          serve(state);
        });
      }));
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace podsandbox::host
