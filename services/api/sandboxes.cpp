#include "services/api/sandboxes.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "services/api/convert.hpp"

namespace podsandbox::api {

namespace {

/// One watcher: reads a batch, writes its events one after the other, reads the next. It only asks for more
/// when the client took what it has, so a slow client holds one batch and nothing else.
class Watcher final : public grpc::ServerWriteReactor<v1::Event> {
 public:
  Watcher(Backend& backend, std::uint64_t from)
      : desk_(backend.desk), counted_(backend.in_flight), from_(from) {
    read();
  }

 private:
  /// Outlives the watcher, which may be gone as soon as a call of it is submitted.
  struct CurrentCall {
    std::mutex mutex;
    CallId id = 0;
    bool cancelled = false;
  };

  void read() {
    auto& desk = desk_;
    const auto current = current_;
    const auto id = desk.submit(ReadEvents{from_}, [this](Result<EventBatch> batch) {
      if (!batch) return Finish(to_status(batch.error()));
      batch_ = std::move(*batch);
      from_ = batch_.next;
      written_ = 0;
      write();
    });
    bool cancelled = false;
    {
      const std::lock_guard lock(current->mutex);
      current->id = std::max(current->id, id);  // the answer may have asked the next question already
      cancelled = current->cancelled;
    }
    if (cancelled) desk.caller_gone(id);
  }

  void write() {
    if (written_ == batch_.events.size()) return read();
    message_.Clear();
    fill(*batch_.events[written_++], &message_);
    StartWrite(&message_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client went away"));
    write();
  }

  void OnCancel() override {
    CallId id = 0;
    {
      const std::lock_guard lock(current_->mutex);
      current_->cancelled = true;
      id = current_->id;
    }
    desk_.caller_gone(id);
  }

  void OnDone() override { delete this; }

  CallDesk& desk_;
  InFlight::Guard counted_;
  std::uint64_t from_;
  EventBatch batch_;
  std::size_t written_ = 0;
  v1::Event message_;

  const std::shared_ptr<CurrentCall> current_ = std::make_shared<CurrentCall>();
};

}  // namespace

grpc::ServerUnaryReactor* Sandboxes::List(grpc::CallbackServerContext*, const v1::ListRequest*,
                                          v1::ListResponse* response) {
  return UnaryCall<ListSandboxes>::run(backend_, {}, [response](const std::vector<SandboxListing>& rows) {
    for (const auto& row : rows) fill(row, response->add_sandboxes());
  });
}

grpc::ServerUnaryReactor* Sandboxes::Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                         v1::Sandbox* response) {
  auto id = checked_id(request->id());
  if (!id) return finish(context, to_status(id.error()));
  return UnaryCall<GetSandbox>::run(backend_, GetSandbox{std::move(*id)},
                                    [response](const SandboxListing& row) { fill(row, response); });
}

grpc::ServerWriteReactor<v1::Event>* Sandboxes::Watch(grpc::CallbackServerContext*,
                                                      const v1::WatchRequest* request) {
  return new Watcher(backend_, request->from_sequence());  // deletes itself
}

}  // namespace podsandbox::api
