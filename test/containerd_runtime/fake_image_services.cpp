#include "test/containerd_runtime/fake_image_services.hpp"

#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "proto/containerd_content.grpc.pb.h"
#include "proto/containerd_diff.grpc.pb.h"
#include "proto/containerd_images.grpc.pb.h"
#include "proto/containerd_leases.grpc.pb.h"
#include "proto/containerd_snapshots.grpc.pb.h"
#include "proto/containerd_transfer.grpc.pb.h"
#include "proto/containerd_transfer_types.pb.h"
#include "proto/cri_images.grpc.pb.h"

namespace podsandbox::test {

namespace {

namespace content = ::containerd::services::content::v1;
namespace diff = ::containerd::services::diff::v1;
namespace images = ::containerd::services::images::v1;
namespace leases = ::containerd::services::leases::v1;
namespace snapshot = ::containerd::services::snapshots::v1;
namespace transfer = ::containerd::services::transfer::v1;
using google::protobuf::Empty;
using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;

constexpr const char* only_snapshotter = "overlayfs";
constexpr std::size_t piece = 7;  // bytes of a blob in one message

/// One way of writing to a snapshot's file system: so the right ones come back.
std::string source_of(const std::string& key) {
  return "/snapshots/" + key;
}

}  // namespace

/// All services in one place; each passes through `enter`.
struct FakeImageServices::Services {
  explicit Services(FakeImageServices& fake)
      : images(fake), content(fake), snapshots(fake), diff(fake), leases(fake), cri(fake), transfer(fake) {}

  struct Images final : ::containerd::services::images::v1::Images::Service {
    explicit Images(FakeImageServices& of) : fake(of) {}
    Status Get(ServerContext* context, const images::GetImageRequest* request,
               images::GetImageResponse* response) override {
      if (auto status = fake.enter(context, "Images.Get"); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      const auto it = fake.images_.find(request->name());
      if (it == fake.images_.end()) return {StatusCode::NOT_FOUND, "no such image"};
      response->mutable_image()->set_name(it->first);
      *response->mutable_image()->mutable_target() = it->second;
      return Status::OK;
    }
    FakeImageServices& fake;
  };

  struct Content final : ::containerd::services::content::v1::Content::Service {
    explicit Content(FakeImageServices& of) : fake(of) {}
    Status Read(ServerContext* context, const content::ReadContentRequest* request,
                grpc::ServerWriter<content::ReadContentResponse>* writer) override {
      if (auto status = fake.enter(context, "Read"); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      const auto it = fake.blobs_.find(request->digest());
      if (it == fake.blobs_.end()) return {StatusCode::NOT_FOUND, "no such content"};
      for (std::size_t at = 0; at < it->second.size(); at += piece) {
        content::ReadContentResponse response;
        response.set_offset(static_cast<std::int64_t>(at));
        response.set_data(it->second.substr(at, piece));
        writer->Write(response);
      }
      return Status::OK;
    }
    Status Update(ServerContext* context, const content::UpdateRequest* request,
                  content::UpdateResponse*) override {
      if (auto status = fake.enter(context, "Update", true); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      const auto& info = request->info();
      const bool known = fake.blobs_.contains(info.digest()) || fake.layers_.contains(info.digest());
      if (!known) return {StatusCode::NOT_FOUND, "no such content"};
      for (const auto& path : request->update_mask().paths()) {
        const auto key = path.substr(std::string("labels.").size());
        fake.labels_[info.digest()][key] = info.labels().at(key);
      }
      return Status::OK;
    }
    FakeImageServices& fake;
  };

  struct Snapshots final : ::containerd::services::snapshots::v1::Snapshots::Service {
    explicit Snapshots(FakeImageServices& of) : fake(of) {}
    Status Prepare(ServerContext* context, const snapshot::PrepareSnapshotRequest* request,
                   snapshot::PrepareSnapshotResponse* response) override {
      if (auto status = fake.enter(context, "Prepare", true); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      if (request->snapshotter() != only_snapshotter) return {StatusCode::NOT_FOUND, "no such snapshotter"};
      if (const auto& parent = request->parent(); !parent.empty()) {
        const auto it = fake.snapshots_.find(parent);
        if (it == fake.snapshots_.end()) return {StatusCode::NOT_FOUND, "no such parent"};
        if (!it->second.committed) return {StatusCode::INVALID_ARGUMENT, "the parent is not committed"};
      }
      if (!fake.snapshots_.emplace(request->key(), Snapshot{request->parent(), false}).second) {
        return {StatusCode::ALREADY_EXISTS, "snapshot exists"};
      }
      response->add_mounts()->set_source(source_of(request->key()));
      return Status::OK;
    }
    Status Commit(ServerContext* context, const snapshot::CommitSnapshotRequest* request, Empty*) override {
      if (auto status = fake.enter(context, "Commit", true); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      if (request->snapshotter() != only_snapshotter) return {StatusCode::NOT_FOUND, "no such snapshotter"};
      if (fake.snapshots_.contains(request->name())) return {StatusCode::ALREADY_EXISTS, "snapshot exists"};
      auto active = fake.snapshots_.extract(request->key());
      if (active.empty()) return {StatusCode::NOT_FOUND, "no such snapshot"};
      active.key() = request->name();
      active.mapped().committed = true;
      fake.snapshots_.insert(std::move(active));
      return Status::OK;
    }
    Status Remove(ServerContext* context, const snapshot::RemoveSnapshotRequest* request, Empty*) override {
      if (auto status = fake.enter(context, "Remove"); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      if (request->snapshotter() != only_snapshotter) return {StatusCode::NOT_FOUND, "no such snapshotter"};
      if (fake.snapshots_.erase(request->key()) == 0) return {StatusCode::NOT_FOUND, "no such snapshot"};
      return Status::OK;
    }
    Status Stat(ServerContext* context, const snapshot::StatSnapshotRequest* request,
                snapshot::StatSnapshotResponse* response) override {
      if (auto status = fake.enter(context, "Stat"); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      if (request->snapshotter() != only_snapshotter) return {StatusCode::NOT_FOUND, "no such snapshotter"};
      const auto it = fake.snapshots_.find(request->key());
      if (it == fake.snapshots_.end()) return {StatusCode::NOT_FOUND, "no such snapshot"};
      response->mutable_info()->set_name(it->first);
      response->mutable_info()->set_parent(it->second.parent);
      response->mutable_info()->set_kind(it->second.committed ? snapshot::COMMITTED : snapshot::ACTIVE);
      return Status::OK;
    }
    FakeImageServices& fake;
  };

  struct Diff final : ::containerd::services::diff::v1::Diff::Service {
    explicit Diff(FakeImageServices& of) : fake(of) {}
    Status Apply(ServerContext* context, const diff::ApplyRequest* request,
                 diff::ApplyResponse* response) override {
      if (auto status = fake.enter(context, "Apply", true); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      const auto it = fake.layers_.find(request->diff().digest());
      if (it == fake.layers_.end()) return {StatusCode::NOT_FOUND, "no such content"};
      bool active = false;
      for (const auto& [key, one] : fake.snapshots_) {
        active = active || (!one.committed && request->mounts_size() == 1 &&
                            request->mounts(0).source() == source_of(key));
      }
      if (!active) return {StatusCode::INVALID_ARGUMENT, "these are no mounts of a snapshot"};
      if (request->diff().size() == 0 || request->diff().media_type().empty())
        return {StatusCode::INVALID_ARGUMENT, "the descriptor is incomplete"};
      response->mutable_applied()->set_digest(it->second);
      return Status::OK;
    }
    FakeImageServices& fake;
  };

  struct Leases final : ::containerd::services::leases::v1::Leases::Service {
    explicit Leases(FakeImageServices& of) : fake(of) {}
    Status Create(ServerContext* context, const leases::CreateRequest* request,
                  leases::CreateResponse*) override {
      if (auto status = fake.enter(context, "Lease"); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      if (!request->labels().contains("containerd.io/gc.expire"))
        fake.violations_.emplace_back("a lease for ever");
      if (!fake.leases_.insert(request->id()).second) return {StatusCode::ALREADY_EXISTS, "lease exists"};
      return Status::OK;
    }
    Status Delete(ServerContext* context, const leases::DeleteRequest* request, Empty*) override {
      if (auto status = fake.enter(context, "EndLease"); !status.ok()) return status;
      const std::lock_guard lock(fake.mutex_);
      if (fake.leases_.erase(request->id()) == 0) return {StatusCode::NOT_FOUND, "no such lease"};
      return Status::OK;
    }
    FakeImageServices& fake;
  };

  struct Cri final : ::runtime::v1::ImageService::Service {
    explicit Cri(FakeImageServices& of) : fake(of) {}
    Status PullImage(ServerContext* context, const ::runtime::v1::PullImageRequest* request,
                     ::runtime::v1::PullImageResponse*) override {
      if (auto status = fake.enter(context, "PullImage"); !status.ok()) return status;
      return fake.pull(request->image().image());
    }
    FakeImageServices& fake;
  };

  struct TransferService final : transfer::Transfer::Service {
    explicit TransferService(FakeImageServices& of) : fake(of) {}
    Status Transfer(ServerContext* context, const transfer::TransferRequest* request, Empty*) override {
      if (auto status = fake.enter(context, "Transfer"); !status.ok()) return status;
      ::containerd::types::transfer::OCIRegistry from;
      ::containerd::types::transfer::ImageStore to;
      if (request->source().type_url() != from.GetDescriptor()->full_name() ||
          !from.ParseFromString(request->source().value()) ||
          request->destination().type_url() != to.GetDescriptor()->full_name() ||
          !to.ParseFromString(request->destination().value()) || from.reference() != to.name()) {
        return {StatusCode::UNIMPLEMENTED, "only pulls are known here"};
      }
      if (from.resolver().host_dir() != "/etc/containerd/certs.d")
        return {StatusCode::INVALID_ARGUMENT, "no hosts"};
      if (to.platforms_size() != 1 || to.platforms(0).os() != "linux" ||
          to.platforms(0).architecture() != "amd64")
        return {StatusCode::INVALID_ARGUMENT, "only amd64 is known here"};
      return fake.pull(from.reference());
    }
    FakeImageServices& fake;
  };

  Images images;
  Content content;
  Snapshots snapshots;
  Diff diff;
  Leases leases;
  Cri cri;
  TransferService transfer;
};

FakeImageServices::FakeImageServices(Pulls pulls) : services_(std::make_unique<Services>(*this)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "podsandbox-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
  builder.RegisterService(&services_->images);
  builder.RegisterService(&services_->content);
  builder.RegisterService(&services_->snapshots);
  builder.RegisterService(&services_->diff);
  builder.RegisterService(&services_->leases);
  if (pulls == Pulls::by_cri) builder.RegisterService(&services_->cri);
  if (pulls == Pulls::by_transfer) builder.RegisterService(&services_->transfer);
  server_ = builder.BuildAndStart();
  if (!server_) throw std::runtime_error("the fake containerd cannot serve");
}

FakeImageServices::~FakeImageServices() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  std::filesystem::remove_all(directory_);
}

Status FakeImageServices::enter(ServerContext* context, const std::string& call, bool leased) {
  std::unique_lock lock(mutex_);
  ++calls_[call];
  changed_.notify_all();
  const auto left = context->deadline() - std::chrono::system_clock::now();
  patience_[call].push_back(std::chrono::duration_cast<std::chrono::seconds>(left).count());
  const auto& metadata = context->client_metadata();
  const auto name = metadata.find("containerd-namespace");
  if (name == metadata.end() || name->second != "k8s.io")
    violations_.push_back(call + " without the namespace");
  const auto lease = metadata.find("containerd-lease");
  if (leased && lease == metadata.end()) violations_.push_back(call + " without a lease");
  if (lease != metadata.end() && !leases_.contains(std::string(lease->second.begin(), lease->second.end())))
    return {StatusCode::NOT_FOUND, "no such lease"};
  while (held_.contains(call) && !stopping_ && !context->IsCancelled()) {
    changed_.wait_for(lock, std::chrono::milliseconds(5));
  }
  if (stopping_) return {StatusCode::UNAVAILABLE, "containerd stops"};
  const auto it = answers_.find(call);
  return it == answers_.end() ? Status::OK : it->second;
}

Status FakeImageServices::pull(const std::string& name) {
  const std::lock_guard lock(mutex_);
  pulled_.push_back(name);
  const auto it = remote_.find(name);
  if (it == remote_.end()) return {StatusCode::NOT_FOUND, "no such image in the registry"};
  images_[name] = it->second;
  return Status::OK;
}

void FakeImageServices::put_image(const std::string& name, const ::containerd::types::Descriptor& target) {
  const std::lock_guard lock(mutex_);
  images_[name] = target;
}

void FakeImageServices::put_remote(const std::string& name, const ::containerd::types::Descriptor& target) {
  const std::lock_guard lock(mutex_);
  remote_[name] = target;
}

void FakeImageServices::put_blob(const std::string& digest, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  blobs_[digest] = bytes;
}

void FakeImageServices::remove_blob(const std::string& digest) {
  const std::lock_guard lock(mutex_);
  blobs_.erase(digest);
  layers_.erase(digest);
}

void FakeImageServices::put_layer(const std::string& digest, const std::string& diff_id) {
  const std::lock_guard lock(mutex_);
  layers_[digest] = diff_id;
}

void FakeImageServices::put_snapshot(const std::string& name, const Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  snapshots_[name] = snapshot;
}

std::map<std::string, FakeImageServices::Snapshot> FakeImageServices::snapshots() const {
  const std::lock_guard lock(mutex_);
  return snapshots_;
}

std::map<std::string, std::string> FakeImageServices::blob_labels(const std::string& digest) const {
  const std::lock_guard lock(mutex_);
  const auto it = labels_.find(digest);
  return it == labels_.end() ? std::map<std::string, std::string>() : it->second;
}

std::set<std::string> FakeImageServices::leases() const {
  const std::lock_guard lock(mutex_);
  return leases_;
}

void FakeImageServices::answer(const std::string& call, const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (status.ok()) {
    answers_.erase(call);
  } else {
    answers_[call] = status;
  }
}

void FakeImageServices::hold(const std::string& call) {
  const std::lock_guard lock(mutex_);
  held_.insert(call);
}

void FakeImageServices::let_go(const std::string& call) {
  {
    const std::lock_guard lock(mutex_);
    held_.erase(call);
  }
  changed_.notify_all();
}

std::size_t FakeImageServices::count(const std::string& call) const {
  const std::lock_guard lock(mutex_);
  const auto it = calls_.find(call);
  return it == calls_.end() ? 0 : it->second;
}

std::vector<std::string> FakeImageServices::pulled() const {
  const std::lock_guard lock(mutex_);
  return pulled_;
}

std::vector<long> FakeImageServices::patience(const std::string& call) const {
  const std::lock_guard lock(mutex_);
  const auto it = patience_.find(call);
  return it == patience_.end() ? std::vector<long>() : it->second;
}

std::vector<std::string> FakeImageServices::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

void FakeImageServices::await(const std::string& call, std::size_t times) const {
  std::unique_lock lock(mutex_);
  const auto is_there = [&] {
    const auto it = calls_.find(call);
    return it != calls_.end() && it->second >= times;
  };
  if (!changed_.wait_for(lock, std::chrono::seconds(20), is_there))
    throw std::runtime_error(call + " was not called");
}

}  // namespace podsandbox::test
