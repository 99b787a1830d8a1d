#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <type_traits>

#include "messages/error.hpp"

/// Lets a plain value travel between the actors of this process. Our messages never cross a process border
/// through CAF, so none of them can be serialised.
#define PODSANDBOX_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)

namespace caf {

template <class T>
struct allowed_unsafe_message_type<podsandbox::Result<T>> : std::true_type {};

}  // namespace caf
