#pragma once

#include <string>

#include "messages/error.hpp"

namespace podsandbox {

/// The directory in which a daemon keeps what must survive it. Made if it does not exist; one daemon at a
/// time may have it, for as long as this object lives.
class StateDir {
 public:
  static Result<StateDir> open(const std::string& path);

  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&&) = delete;
  ~StateDir();

 private:
  explicit StateDir(int lock_fd) : lock_fd_(lock_fd) {}

  int lock_fd_;
};

}  // namespace podsandbox
