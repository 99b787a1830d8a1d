#pragma once

#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <memory>
#include <string>

#include "messages/call_desk.hpp"
#include "messages/handler_settings.hpp"
#include "services/containerd/connection.hpp"
#include "services/containerd/marker_plan.hpp"

namespace podsandbox::containerd_client {

inline constexpr auto registrar_name = caf::atom("registrar");

struct RegistrarSettings {
  std::string owner;  // tells this daemon's markers from another's: its state directory, which none shares
  CriSettings cri;
  PlanSettings plan;
};

/// The actor that keeps containerd's records of our sandboxes as they should be (marker.hpp), and warns when
/// CRI is configured in another way than we are. It learns of sandboxes as any client does, so nothing waits
/// for it, and does over what its predecessor was killed at. The desk must outlive it.
caf::strong_actor_ptr spawn_registrar(caf::actor_system& system, CallDesk& desk,
                                      std::shared_ptr<Connection> containerd, RegistrarSettings settings);

}  // namespace podsandbox::containerd_client
