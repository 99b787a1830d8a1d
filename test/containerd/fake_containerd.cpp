#include "test/containerd/fake_containerd.hpp"

#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace podsandbox::test {

namespace sandbox = ::containerd::services::sandbox::v1;

namespace {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t longest_label = 4096;

Status check(const containers::Container& container) {
  if (container.runtime().name().empty()) return {StatusCode::INVALID_ARGUMENT, "runtime name is required"};
  if (!container.has_spec()) return {StatusCode::INVALID_ARGUMENT, "spec is required"};
  for (const auto& [key, value] : container.labels()) {
    if (key.size() + value.size() > longest_label) return {StatusCode::INVALID_ARGUMENT, "label is too long"};
  }
  return Status::OK;
}

}  // namespace

class FakeContainerd::Containers final : public containers::Containers::Service {
 public:
  explicit Containers(FakeContainerd& fake) : fake_(fake) {}

  Status Get(ServerContext* context, const containers::GetContainerRequest* request,
             containers::GetContainerResponse* response) override {
    if (auto status = fake_.enter(context, "Get", request->id()); !status.ok()) return status;
    const auto found = fake_.find(request->id());
    if (!found) return {StatusCode::NOT_FOUND, "no such container"};
    *response->mutable_container() = *found;
    return Status::OK;
  }

  Status List(ServerContext* context, const containers::ListContainersRequest* request,
              containers::ListContainersResponse* response) override {
    // What it has when it is asked, however long the answer takes.
    const std::lock_guard listing(list_mutex_);
    {
      const std::lock_guard lock(fake_.mutex_);
      for (const auto& [id, record] : fake_.records_) {
        if (record.labels().contains("podsandboxd.io/marker")) *response->add_containers() = record;
      }
    }
    if (auto status = fake_.enter(context, "List", ""); !status.ok()) return status;
    if (request->filters_size() == 1 && request->filters(0) == R"(labels."podsandboxd.io/marker")") {
      return Status::OK;
    }
    return {StatusCode::INVALID_ARGUMENT, "only the filter of the registrar is known here"};
  }

  Status Create(ServerContext* context, const containers::CreateContainerRequest* request,
                containers::CreateContainerResponse* response) override {
    const auto& container = request->container();
    if (auto status = fake_.enter(context, "Create", container.id()); !status.ok()) return status;
    if (auto status = check(container); !status.ok()) return status;
    const std::lock_guard lock(fake_.mutex_);
    if (!fake_.records_.emplace(container.id(), container).second) {
      return {StatusCode::ALREADY_EXISTS, "container exists"};
    }
    *response->mutable_container() = container;
    return Status::OK;
  }

  Status Delete(ServerContext* context, const containers::DeleteContainerRequest* request,
                google::protobuf::Empty*) override {
    if (auto status = fake_.enter(context, "Delete", request->id()); !status.ok()) return status;
    const std::lock_guard lock(fake_.mutex_);
    if (fake_.records_.erase(request->id()) == 0) return {StatusCode::NOT_FOUND, "no such container"};
    return Status::OK;
  }

 private:
  FakeContainerd& fake_;
  std::mutex list_mutex_;
};

class FakeContainerd::Content final : public content::Content::Service {
 public:
  explicit Content(FakeContainerd& fake) : fake_(fake) {}

  Status Read(ServerContext* context, const content::ReadContentRequest* request,
              grpc::ServerWriter<content::ReadContentResponse>* writer) override {
    if (auto status = fake_.enter(context, "Read", request->digest()); !status.ok()) return status;
    Blob blob;
    {
      const std::lock_guard lock(fake_.mutex_);
      const auto it = fake_.contents_.find(request->digest());
      if (it == fake_.contents_.end()) return {StatusCode::NOT_FOUND, "no such content"};
      blob = it->second;
    }
    for (const auto& piece : blob.pieces) {
      if (!writer->Write(piece)) return Status::CANCELLED;
    }
    return blob.end;
  }

 private:
  FakeContainerd& fake_;
};

class FakeContainerd::Events final : public events::Events::Service {
 public:
  explicit Events(FakeContainerd& fake) : fake_(fake) {}

  Status Subscribe(ServerContext* context, const events::SubscribeRequest* request,
                   grpc::ServerWriter<::containerd::types::Envelope>* writer) override {
    if (auto status = fake_.enter(context, "Subscribe", ""); !status.ok()) return status;
    std::unique_lock lock(fake_.mutex_);
    const auto self = fake_.subscribers_.insert(
        fake_.subscribers_.end(),
        {{request->filters().begin(), request->filters().end()}, fake_.events_.size(), {}});
    while (!self->end && !fake_.stopping_ && !context->IsCancelled()) {
      if (self->next == fake_.events_.size()) {
        fake_.changed_.wait_for(lock, std::chrono::milliseconds(5));
        continue;
      }
      const auto event = fake_.events_[self->next++];
      lock.unlock();
      writer->Write(event);
      lock.lock();
    }
    const auto end = self->end.value_or(Status(StatusCode::UNAVAILABLE, "containerd stops"));
    fake_.subscribers_.erase(self);
    return end;
  }

 private:
  FakeContainerd& fake_;
};

class FakeContainerd::Cri final : public ::runtime::v1::RuntimeService::Service {
 public:
  explicit Cri(FakeContainerd& fake) : fake_(fake) {}

  grpc::Status Status(ServerContext* context, const ::runtime::v1::StatusRequest* request,
                      ::runtime::v1::StatusResponse* response) override {
    if (auto status = fake_.enter(context, "Status", ""); !status.ok()) return status;
    const std::lock_guard lock(fake_.mutex_);
    if (request->verbose()) (*response->mutable_info())["config"] = fake_.cri_config_;
    return grpc::Status::OK;
  }

 private:
  FakeContainerd& fake_;
};

class FakeContainerd::Store final : public sandbox::Store::Service {
 public:
  explicit Store(FakeContainerd& fake) : fake_(fake) {}

  Status List(ServerContext* context, const sandbox::StoreListRequest* request,
              sandbox::StoreListResponse* response) override {
    if (auto status = fake_.enter(context, "ListSandboxes", ""); !status.ok()) return status;
    if (request->filters_size() > 0) return {StatusCode::INVALID_ARGUMENT, "no filters are known here"};
    const std::lock_guard lock(fake_.mutex_);
    for (const auto& id : fake_.sandboxes_) response->add_list()->set_sandbox_id(id);
    return Status::OK;
  }

 private:
  FakeContainerd& fake_;
};

FakeContainerd::FakeContainerd()
    : containers_service_(std::make_unique<Containers>(*this)),
      content_service_(std::make_unique<Content>(*this)),
      cri_service_(std::make_unique<Cri>(*this)),
      events_service_(std::make_unique<Events>(*this)),
      store_service_(std::make_unique<Store>(*this)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "podsandbox-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
}

FakeContainerd::~FakeContainerd() {
  stop();
  std::filesystem::remove_all(directory_);
}

void FakeContainerd::start() {
  stopping_ = false;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
  builder.RegisterService(containers_service_.get());
  builder.RegisterService(content_service_.get());
  builder.RegisterService(cri_service_.get());
  builder.RegisterService(events_service_.get());
  builder.RegisterService(store_service_.get());
  server_ = builder.BuildAndStart();
  if (!server_) throw std::runtime_error("the fake containerd cannot serve");
}

void FakeContainerd::stop() {
  if (!server_) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

grpc::Status FakeContainerd::enter(ServerContext* context, const std::string& method, const std::string& id) {
  const auto call = id.empty() ? method : method + " " + id;
  std::unique_lock lock(mutex_);
  ++calls_[call];
  most_at_once_ = std::max(most_at_once_, ++at_once_);
  const auto& metadata = context->client_metadata();
  const auto name = metadata.find("containerd-namespace");
  if (name == metadata.end() || name->second != "k8s.io")
    violations_.push_back(call + " without the namespace");
  const bool endless = context->deadline() > std::chrono::system_clock::now() + std::chrono::hours(1);
  if (endless != (method == "Subscribe")) {
    violations_.push_back(call + (endless ? " without a deadline" : " with a deadline"));
  }
  const auto lease = metadata.find("containerd-lease");
  leases_[call] = lease == metadata.end() ? "" : std::string(lease->second.data(), lease->second.size());
  while ((held_.contains(method) || held_.contains(call)) && !stopping_ && !context->IsCancelled()) {
    changed_.wait_for(lock, std::chrono::milliseconds(5));
  }
  --at_once_;
  if (stopping_) return {StatusCode::UNAVAILABLE, "containerd stops"};
  for (const auto& key : {call, method}) {
    if (const auto it = answers_.find(key); it != answers_.end()) return it->second;
  }
  return Status::OK;
}

void FakeContainerd::put(const containers::Container& container) {
  const std::lock_guard lock(mutex_);
  records_[container.id()] = container;
}

void FakeContainerd::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  records_.erase(id);
}

std::set<std::string> FakeContainerd::ids() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> all;
  for (const auto& [id, record] : records_) all.insert(id);
  return all;
}

std::optional<containers::Container> FakeContainerd::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = records_.find(id);
  if (it == records_.end()) return {};
  return it->second;
}

void FakeContainerd::know(const std::string& id) {
  const std::lock_guard lock(mutex_);
  sandboxes_.insert(id);
}

void FakeContainerd::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  sandboxes_.erase(id);
}

void FakeContainerd::put_content(const std::string& digest, const Blob& blob) {
  const std::lock_guard lock(mutex_);
  contents_[digest] = blob;
}

void FakeContainerd::answer(const std::string& call, const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (status.ok()) {
    answers_.erase(call);
  } else {
    answers_[call] = status;
  }
}

void FakeContainerd::hold(const std::string& call) {
  const std::lock_guard lock(mutex_);
  held_.insert(call);
}

void FakeContainerd::let_go(const std::string& call) {
  {
    const std::lock_guard lock(mutex_);
    held_.erase(call);
  }
  changed_.notify_all();
}

void FakeContainerd::set_cri_config(const std::string& json) {
  const std::lock_guard lock(mutex_);
  cri_config_ = json;
}

void FakeContainerd::publish(const ::containerd::types::Envelope& event) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  changed_.notify_all();
}

void FakeContainerd::end_subscriptions(const grpc::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& subscriber : subscribers_) subscriber.end = status;
  }
  changed_.notify_all();
}

std::size_t FakeContainerd::count(const std::string& call) const {
  const std::lock_guard lock(mutex_);
  const auto it = calls_.find(call);
  return it == calls_.end() ? 0 : it->second;
}

std::size_t FakeContainerd::most_at_once() const {
  const std::lock_guard lock(mutex_);
  return most_at_once_;
}

std::string FakeContainerd::lease_of(const std::string& call) const {
  const std::lock_guard lock(mutex_);
  const auto it = leases_.find(call);
  return it == leases_.end() ? "" : it->second;
}

std::vector<std::vector<std::string>> FakeContainerd::subscriptions() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::vector<std::string>> all;
  for (const auto& subscriber : subscribers_) all.push_back(subscriber.filters);
  return all;
}

std::vector<std::string> FakeContainerd::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

}  // namespace podsandbox::test
