#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "messages/error.hpp"
#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

/// Which seccomp filter the pause process has.
struct SeccompChoice {
  enum class Kind { none, runtime_default, file };

  Kind kind = Kind::none;
  std::string file;  ///< with Kind::file: the profile's path, as the client or the configuration gives it

  bool operator==(const SeccompChoice&) const = default;
};

/// The one that the config names, or else the configuration.
Result<SeccompChoice> choose_seccomp(const Inputs& inputs);

/// `linux.seccomp` for that choice, or null for no filter. `text` is the content of the file, of an OCI
/// `linux.seccomp` object: whatever else is in it is left out, and what runc would refuse is refused here.
Result<nlohmann::json> seccomp_filter(const Inputs& inputs, const SeccompChoice& choice,
                                      const std::string& text);

}  // namespace podsandbox::oci
