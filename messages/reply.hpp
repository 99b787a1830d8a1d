#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "messages/error.hpp"

namespace podsandbox {

/// Who waits for an answer of type `T`.
template <class T>
class Asker {
 public:
  virtual ~Asker() = default;

  /// The answer; at most one of `answer` and `lost` is called, once, from any thread.
  virtual void answer(Result<T> result) = 0;

  /// Everybody who could have answered is gone: an actor died with the question in its mailbox or state.
  virtual void lost() = 0;

  /// False once the asker went away and an answer would reach nobody.
  virtual bool wanted() const = 0;
};

/// The way back to whoever asked, passed along with a request from actor to actor and kept by the one that
/// will answer. Unlike a response promise of CAF it cannot be forgotten: when the last copy is dropped
/// unanswered, because its actor was killed, the asker is told and asks the next incarnation.
template <class T>
class Reply {
 public:
  Reply() = default;
  explicit Reply(std::shared_ptr<Asker<T>> asker) : token_(std::make_shared<Token>(std::move(asker))) {}

  /// Gives the answer. Only the first one counts.
  void operator()(Result<T> result) const {
    if (token_ && !token_->answered.exchange(true)) token_->asker->answer(std::move(result));
  }

  void fail(ErrorKind kind, std::string message) const { (*this)(failure(kind, std::move(message))); }

  bool wanted() const { return token_ && token_->asker->wanted(); }

 private:
  struct Token {
    explicit Token(std::shared_ptr<Asker<T>> a) : asker(std::move(a)) {}
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;
    ~Token() {
      if (!answered.exchange(true)) asker->lost();
    }

    std::shared_ptr<Asker<T>> asker;
    std::atomic<bool> answered = false;
  };

  std::shared_ptr<Token> token_;
};

}  // namespace podsandbox
