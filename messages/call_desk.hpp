#pragma once

#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "messages/ports.hpp"

namespace podsandbox {

/// Where calls from outside enter the actor system, and what makes every one of them end: it keeps a call
/// until it is answered and sends it to the gateway again when the actor that had it died. Thread-safe.
/// Must outlive the actor system's actors.
class CallDesk {
 public:
  explicit CallDesk(caf::actor_system& system) : system_(system) {}

  /// Sends the request on its way. `done` is called exactly once, from any thread, and must not block.
  template <class Request>
  CallId submit(Request request, std::function<void(Result<typename Request::Answer>)> done);

  /// The client went away: its answer is dropped, and whoever works on the call is told. `done` is called
  /// with CANCELLED unless it was called before.
  void caller_gone(CallId id);

  /// Sends lost calls again; root does this a moment after `CallsLost`.
  void send_lost_again();

  /// Ends the calls that wait for something to happen, and every later call, with this error. The others go
  /// on.
  void drain(const Error& reason);

  /// Ends every call with this error.
  void close(const Error& reason);

  /// Calls that are not answered yet.
  std::size_t open() const;

 private:
  class OpenCall {
   public:
    virtual ~OpenCall() = default;
    virtual void send() = 0;
    virtual void fail(const Error& error) = 0;
    virtual void abandon() = 0;
    virtual bool open_ended() const = 0;
  };

  template <class Request>
  class TypedCall;

  void refuse_new(const Error& reason, bool lost_too);
  void fail_open(const Error& reason, bool all);
  void forget(CallId id);
  void lost(std::shared_ptr<OpenCall> call);

  caf::actor_system& system_;
  mutable std::mutex mutex_;
  CallId last_id_ = 0;
  std::unordered_map<CallId, std::shared_ptr<OpenCall>> calls_;
  std::vector<std::shared_ptr<OpenCall>> lost_;
  std::optional<Error> refusal_;  // of every new call
  bool closed_ = false;           // lost calls are not sent again
};

// -- implementation of the templates -----------------------------------------

template <class Request>
class CallDesk::TypedCall final : public CallDesk::OpenCall,
                                  public Asker<typename Request::Answer>,
                                  public std::enable_shared_from_this<TypedCall<Request>> {
 public:
  using Answer = typename Request::Answer;
  using Callback = std::function<void(Result<Answer>)>;

  TypedCall(CallDesk& desk, CallId id, Request request, Callback done)
      : desk_(desk), id_(id), request_(std::move(request)), done_(std::move(done)) {}

  void send() override {
    Call<Request> call{request_, id_, Reply<Answer>(this->shared_from_this()), asked_at_};
    if (auto gateway = find_actor<GatewayPort>(desk_.system_, names::gateway)) {
      caf::anon_send(gateway, std::move(call));
    }  // else the reply is dropped here, and so lost
  }

  void answer(Result<Answer> result) override { settle(std::move(result)); }
  void fail(const Error& error) override { settle(tl::unexpected<Error>(error)); }
  bool wanted() const override { return !settled_; }

  bool open_ended() const override {
    if constexpr (requires { Request::open_ended; }) return Request::open_ended;
    return false;
  }

  void lost() override {
    // An abandoned call is sent again too: a Start whose caller went away must be undone by somebody.
    desk_.lost(this->shared_from_this());
  }

  void abandon() override {
    settle(failure(ErrorKind::cancelled, "the client went away"));
    if constexpr (requires { request_.id(); }) {
      tell_gone(request_.id());
    } else {
      tell_gone({});
    }
  }

 private:
  void settle(Result<Answer> result) {
    if (settled_.exchange(true)) return;
    desk_.forget(id_);
    done_(std::move(result));
  }

  void tell_gone(std::string sandbox_id) {
    if (auto gateway = find_actor<GatewayPort>(desk_.system_, names::gateway)) {
      caf::anon_send(gateway, CallerGone{std::move(sandbox_id), id_});
    }
  }

  CallDesk& desk_;
  const CallId id_;
  const Request request_;
  const Callback done_;
  const std::chrono::steady_clock::time_point asked_at_ = std::chrono::steady_clock::now();
  std::atomic<bool> settled_ = false;
};

template <class Request>
CallId CallDesk::submit(Request request, std::function<void(Result<typename Request::Answer>)> done) {
  std::shared_ptr<TypedCall<Request>> call;
  std::optional<Error> refusal;
  CallId id = 0;
  {
    const std::lock_guard lock(mutex_);
    refusal = refusal_;
    if (!refusal) {
      id = ++last_id_;
      call = std::make_shared<TypedCall<Request>>(*this, id, std::move(request), std::move(done));
      calls_.emplace(id, call);
    }
  }
  if (refusal) {
    done(tl::unexpected<Error>(*refusal));
  } else {
    call->send();
  }
  return id;
}

}  // namespace podsandbox
