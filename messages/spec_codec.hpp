#pragma once

#include <string>
#include <string_view>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"
#include "proto/journal.pb.h"

/// The form in which a spec outlives the process (proto/journal.proto), both directions: in the journal, and
/// beside what a runtime keeps of a sandbox.
namespace podsandbox {

namespace wire = journal::v1;

void fill(wire::Payload& out, const Payload& payload);
void fill(google::protobuf::RepeatedPtrField<wire::Label>& out, const Labels& labels);
/// `spec` has a config.
void fill(wire::Spec& out, const SandboxSpec& spec);

Payload payload_of(const wire::Payload& in);
Labels labels_of(const google::protobuf::RepeatedPtrField<wire::Label>& in);
/// INVALID_ARGUMENT when its config is none, or its runtime.
Result<SpecPtr> spec_of(const wire::Spec& in);

/// The same as bytes.
std::string bytes_of(const SandboxSpec& spec);
Result<SpecPtr> spec_of_bytes(std::string_view bytes);

}  // namespace podsandbox
