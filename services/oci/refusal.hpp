#pragma once

#include <string>

#include "messages/error.hpp"
#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

/// The client asks for what cannot be: INVALID_ARGUMENT, naming the field.
inline tl::unexpected<Error> refuse(const std::string& field, const std::string& wrong) {
  return failure(ErrorKind::invalid_argument, field + ": " + wrong);
}

/// The node's sandbox image is of no use: FAILED_PRECONDITION, naming the image and the part of its config.
inline tl::unexpected<Error> refuse_image(const Inputs& inputs, const std::string& part,
                                          const std::string& wrong) {
  return failure(ErrorKind::failed_precondition, "the sandbox image " + inputs.settings.image + ", " + part +
                                                     ": " + wrong + "; configure another one");
}

}  // namespace podsandbox::oci
