#pragma once

#include <grpcpp/server.h>

#include <condition_variable>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/containerd_containers.grpc.pb.h"
#include "proto/containerd_content.grpc.pb.h"
#include "proto/containerd_events.grpc.pb.h"
#include "proto/containerd_sandbox.grpc.pb.h"
#include "proto/cri_runtime.grpc.pb.h"

namespace podsandbox::test {

namespace containers = ::containerd::services::containers::v1;
namespace content = ::containerd::services::content::v1;
namespace events = ::containerd::services::events::v1;

/// What a Read is answered with.
struct Blob {
  std::vector<content::ReadContentResponse> pieces;
  grpc::Status end;
};

/// As much of containerd as our actors see, on a unix socket of its own. What it has outlives its server,
/// as containerd's database does. Thread-safe.
class FakeContainerd {
 public:
  FakeContainerd();
  ~FakeContainerd();

  std::string socket() const { return (directory_ / "containerd.sock").string(); }
  void start();
  /// Gone at once, with all calls and connections.
  void stop();

  // -- what it has ---------------------------------------------------------------
  void put(const containers::Container& container);
  void erase(const std::string& id);
  std::set<std::string> ids() const;
  std::optional<containers::Container> find(const std::string& id) const;
  /// CRI's records of sandboxes.
  void know(const std::string& id);
  void forget(const std::string& id);
  void put_content(const std::string& digest, const Blob& blob);

  // -- what it does --------------------------------------------------------------
  /// Calls ("Create", or "Create a") are answered with this error, or as usual with OK.
  void answer(const std::string& call, const grpc::Status& status);
  /// Such calls hang until they are let go or their clients give up.
  void hold(const std::string& call);
  void let_go(const std::string& call);
  void set_cri_config(const std::string& json);
  /// To everybody who is subscribed now.
  void publish(const ::containerd::types::Envelope& event);
  /// Ends all subscriptions that there are now.
  void end_subscriptions(const grpc::Status& status);

  // -- what it saw ---------------------------------------------------------------
  /// How often this was called ("List", "Create a", "ListSandboxes").
  std::size_t count(const std::string& call) const;
  std::size_t most_at_once() const;
  /// The lease that such a call came with last; empty: none.
  std::string lease_of(const std::string& call) const;
  /// The filters of each subscription that is open.
  std::vector<std::vector<std::string>> subscriptions() const;
  /// Calls that broke containerd's rules.
  std::vector<std::string> violations() const;

 private:
  class Containers;
  class Content;
  class Cri;
  class Events;
  class Store;

  /// Every call passes here: counted, held, failed.
  grpc::Status enter(grpc::ServerContext* context, const std::string& method, const std::string& id);

  std::filesystem::path directory_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, containers::Container> records_;
  std::set<std::string> sandboxes_;
  std::map<std::string, grpc::Status> answers_;
  std::set<std::string> held_;
  std::map<std::string, std::size_t> calls_;
  std::map<std::string, std::string> leases_;
  std::map<std::string, Blob> contents_;
  std::vector<::containerd::types::Envelope> events_;
  struct Subscriber {
    std::vector<std::string> filters;
    std::size_t next = 0;  // of events_
    std::optional<grpc::Status> end;
  };
  std::list<Subscriber> subscribers_;
  std::vector<std::string> violations_;
  std::string cri_config_ = "{}";
  std::size_t at_once_ = 0, most_at_once_ = 0;
  bool stopping_ = false;
  std::unique_ptr<Containers> containers_service_;
  std::unique_ptr<Content> content_service_;
  std::unique_ptr<Cri> cri_service_;
  std::unique_ptr<Events> events_service_;
  std::unique_ptr<Store> store_service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace podsandbox::test
