#pragma once

#include <grpcpp/server.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "proto/containerd_types.pb.h"

namespace podsandbox::test {

/// As much of containerd as has to do with images, on a unix socket of its own: their records and blobs,
/// snapshots, leases, and two ways to pull. Thread-safe; what is public without a function is for before the
/// first call.
class FakeImageServices {
 public:
  enum class Pulls { by_cri, by_transfer, never };

  explicit FakeImageServices(Pulls pulls = Pulls::by_cri);
  ~FakeImageServices();

  std::string socket() const { return (directory_ / "containerd.sock").string(); }

  // -- what it has ---------------------------------------------------------------
  struct Snapshot {
    std::string parent;
    bool committed = false;
  };

  void put_image(const std::string& name, const ::containerd::types::Descriptor& target);
  /// What a pull of this name brings.
  void put_remote(const std::string& name, const ::containerd::types::Descriptor& target);
  void put_blob(const std::string& digest, const std::string& bytes);
  void remove_blob(const std::string& digest);
  /// What the blob of a layer is when it is unpacked.
  void put_layer(const std::string& digest, const std::string& diff_id);
  void put_snapshot(const std::string& name, const Snapshot& snapshot);
  std::map<std::string, Snapshot> snapshots() const;
  std::map<std::string, std::string> blob_labels(const std::string& digest) const;
  std::set<std::string> leases() const;

  // -- what it does --------------------------------------------------------------
  /// Such calls ("Prepare") are answered with this error, or as usual with OK.
  void answer(const std::string& call, const grpc::Status& status);
  /// Such calls hang, before they do anything, until they are let go or their clients give up.
  void hold(const std::string& call);
  void let_go(const std::string& call);

  // -- what it saw ---------------------------------------------------------------
  std::size_t count(const std::string& call) const;
  /// The names that pulls were asked for.
  std::vector<std::string> pulled() const;
  /// The lengths of time, in seconds, that clients had for such calls.
  std::vector<long> patience(const std::string& call) const;
  std::vector<std::string> violations() const;
  /// Waits until it was called so often.
  void await(const std::string& call, std::size_t times) const;

 private:
  struct Services;

  grpc::Status enter(grpc::ServerContext* context, const std::string& call, bool leased = false);
  grpc::Status pull(const std::string& name);

  std::filesystem::path directory_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, ::containerd::types::Descriptor> images_, remote_;
  std::map<std::string, std::string> blobs_;
  std::map<std::string, std::map<std::string, std::string>> labels_;
  std::map<std::string, std::string> layers_;
  std::map<std::string, Snapshot> snapshots_;
  std::set<std::string> leases_;
  std::map<std::string, grpc::Status> answers_;
  std::set<std::string> held_;
  std::map<std::string, std::size_t> calls_;
  std::map<std::string, std::vector<long>> patience_;
  std::vector<std::string> pulled_, violations_;
  bool stopping_ = false;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace podsandbox::test
