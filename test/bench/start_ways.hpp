#pragma once

#include <memory>
#include <vector>

#include "test/bench/quantiles.hpp"

namespace podsandbox::bench {

/// One way to get a pause process that is set up.
class StartWay {
 public:
  virtual ~StartWay() = default;

  /// Starts this many, all asked for at the same moment. How long each took from then on. Those that were
  /// started before run on.
  virtual std::vector<Nanoseconds> start(unsigned count) = 0;

  /// Ends all that were started.
  virtual void end_all() = 0;
};

/// clone3 and the pause program, by a process that does nothing else.
std::unique_ptr<StartWay> bare_start();

/// A LinuxRuntime in this process.
std::unique_ptr<StartWay> runtime_start();

/// Start of a daemon. Create is not counted. Each at once is another client.
std::unique_ptr<StartWay> daemon_start(unsigned most_at_once);

}  // namespace podsandbox::bench
