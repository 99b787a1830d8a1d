#pragma once

#include <set>
#include <string>
#include <vector>

#include "services/containerd/connection.hpp"
#include "services/containerd/marker.hpp"

/// What containerd has records of, beside what runs. Each calls back once, as Connection::call does.
namespace podsandbox::containerd_client {

/// The markers that there are, of whatever daemon.
void list_markers(Connection& containerd, Connection::Callback<std::vector<Container>> done);

void get_container(Connection& containerd, const std::string& id, Connection::Callback<Container> done);
void create_container(Connection& containerd, Container record, Connection::Callback<Done> done);
void remove_container(Connection& containerd, const std::string& id, Connection::Callback<Done> done);

/// The ids of all sandboxes that CRI has a record of.
void list_sandboxes(Connection& containerd, Connection::Callback<std::set<std::string>> done);

/// What CRI says of its configuration, as JSON. UNIMPLEMENTED when containerd is without CRI.
void cri_config(Connection& containerd, Connection::Callback<std::string> done);

}  // namespace podsandbox::containerd_client
