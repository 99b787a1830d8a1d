#include "services/telemetry/kept_descriptors.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "messages/log.hpp"

namespace podsandbox::telemetry {

KeptDescriptors::KeptDescriptors(std::shared_ptr<Notifier> notifier,
                                 std::map<std::string, host::UniqueFd> kept)
    : notifier_(std::move(notifier)), others_(std::move(kept)) {
  for (const auto& [name, fd] : others_) names_.insert(name);
}

void KeptDescriptors::keep(const std::string& name, const host::UniqueFd& fd) {
  forget(name);
  host::UniqueFd copy(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    log::warn("daemon", {},
              "giving " + name + " to the service manager: " + std::generic_category().message(errno));
    return;
  }
  names_.insert(name);
  // It would ask a socket whether it has hung up, and give it up then: ours does not do that.
  notifier_->tell("FDSTORE=1\nFDNAME=" + name + "\nFDPOLL=0", std::move(copy));
}

void KeptDescriptors::forget(const std::string& name) {
  others_.erase(name);
  if (names_.erase(name) > 0) notifier_->tell("FDSTOREREMOVE=1\nFDNAME=" + name);
}

host::UniqueFd KeptDescriptors::take(const std::string& name) {
  auto found = others_.extract(name);
  return found ? std::move(found.mapped()) : host::UniqueFd();
}

void KeptDescriptors::forget_others() {
  while (!others_.empty()) {
    const auto name = others_.begin()->first;
    log::warn("daemon", {},
              "the service manager has kept a descriptor " + name + ", which is nobody's: it is closed");
    forget(name);
  }
}

}  // namespace podsandbox::telemetry
