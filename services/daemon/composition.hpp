#pragma once

#include <memory>
#include <vector>

#include "actors/root/root.hpp"
#include "messages/call_desk.hpp"
#include "messages/error.hpp"
#include "services/containerd/connection.hpp"
#include "services/daemon/config.hpp"
#include "services/host/descriptor_store.hpp"
#include "services/journal/store.hpp"
#include "services/telemetry/notifier.hpp"

/// What the actors are made of, as the configuration says.
namespace podsandbox {

/// containerd's API. That there is a containerd is not waited for.
std::shared_ptr<containerd_client::Connection> connect_to_containerd(const Config& config);

/// One runtime for every kind of sandbox that there is, or may be created.
Result<std::vector<RuntimeSeed>> make_runtimes(
    const Config& config, const journal::Contents& journal,
    const std::shared_ptr<containerd_client::Connection>& containerd,
    std::shared_ptr<host::DescriptorStore> descriptors);

/// Actors that work beside the others: registrar, sweeper, watchdog. The desk must outlive them.
std::vector<Companion> make_companions(const Config& config, CallDesk& desk,
                                       const std::shared_ptr<containerd_client::Connection>& containerd,
                                       const std::shared_ptr<telemetry::Notifier>& notifier);

}  // namespace podsandbox
