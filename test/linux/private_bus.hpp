#pragma once

#include <filesystem>
#include <string>

namespace podsandbox::test {

/// A D-Bus that only this test knows: a dbus-daemon, for as long as this lives.
class PrivateBus {
 public:
  PrivateBus();
  ~PrivateBus();
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;

  const std::string& address() const { return address_; }
  /// Every connection is lost at once.
  void kill();

 private:
  std::filesystem::path directory_;
  int pid_ = -1;
  std::string address_;
};

}  // namespace podsandbox::test
