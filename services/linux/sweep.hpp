#pragma once

#include <map>
#include <set>
#include <string>

#include "services/linux/sandboxes.hpp"
#include "services/linux/sweep_plan.hpp"

namespace podsandbox::linux_runtime {

/// Looks now and then for what bears our mark and belongs to no sandbox, tells of it in the log, and removes
/// it as the settings say (sweep_plan.hpp). Lives on the loop.
class Sweep {
 public:
  Sweep(const Context& context, Sandboxes& sandboxes);

  /// Once, when it is known which sandboxes there are. The first look is now.
  void begin();

 private:
  struct Look {
    FoundTraces found;
    bool complete = true;
    std::chrono::nanoseconds took{0};
  };

  static Result<Look> look_around(const CgroupMakers& makers, const Settings& settings, const Known& known);
  void look();
  void looked(const Look& look);
  void tell(const Trace& trace, bool in_use) const;
  void remove(const Trace& trace);
  void removed(const Trace& trace, const Result<Done>& result);
  Known known() const;

  const Context& context_;
  Sandboxes& sandboxes_;
  SweepPlan plan_;
  std::set<Trace> under_way_;              // being removed
  std::map<Trace, std::string> failures_;  // the last of each that was told
  bool told_incomplete_ = false;
};

}  // namespace podsandbox::linux_runtime
