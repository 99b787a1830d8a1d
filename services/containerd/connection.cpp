#include "services/containerd/connection.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/client_callback.h>

#include <optional>

#include "proto/containerd_content.grpc.pb.h"
#include "proto/containerd_events.grpc.pb.h"

namespace podsandbox::containerd_client {

namespace {

namespace content = ::containerd::services::content::v1;
namespace events = ::containerd::services::events::v1;

constexpr const char* kubernetes_namespace = "k8s.io";

/// Trying costs next to nothing, and containerd's restart should not be noticed late.
constexpr int first_reconnect_ms = 100;
constexpr int last_reconnect_ms = 1000;

std::shared_ptr<grpc::Channel> channel_to(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, first_reconnect_ms);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, first_reconnect_ms);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, last_reconnect_ms);
  arguments.SetMaxReceiveMessageSize(-1);  // containerd has its own limit
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

/// A call that is answered with any number of messages. It is among the open calls until it is done, and gone
/// with `end`.
template <class Service, class Request, class Message>
class Stream : public grpc::ClientReadReactor<Message> {
 public:
  grpc::ClientContext context;
  std::unique_ptr<typename Service::Stub> stub;
  Request request;
  std::shared_ptr<OpenCalls> calls;
  OpenCalls::Id id = 0;

 protected:
  void end() {
    const auto keep = calls;  // not gone with the stream
    keep->end(id);
  }

  Message message_;
};

class ContentRead final
    : public Stream<content::Content, content::ReadContentRequest, content::ReadContentResponse> {
 public:
  ContentRead(std::size_t limit, Connection::Callback<std::string> done)
      : limit_(limit), done_(std::move(done)) {}

  void start() {
    stub->async()->Read(&context, &request, this);
    StartRead(&message_);
    StartCall();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;  // OnDone tells why
    error_ = append();
    if (error_) return context.TryCancel();
    StartRead(&message_);
  }

  std::optional<Error> append() {
    const std::string what = "reading the content " + request.digest() + " from containerd: ";
    if (message_.offset() != static_cast<std::int64_t>(content_.size())) {
      return Error{ErrorKind::internal, what + "got the bytes at " + std::to_string(message_.offset()) +
                                            " instead of those at " + std::to_string(content_.size())};
    }
    if (message_.data().size() > limit_ - content_.size()) {
      return Error{ErrorKind::failed_precondition,
                   what + "there are more than the " + std::to_string(limit_) + " bytes that are read of it"};
    }
    content_ += message_.data();
    return {};
  }

  void OnDone(const grpc::Status& status) override {
    if (error_) {
      done_(tl::unexpected<Error>(*error_));
    } else if (!status.ok()) {
      done_(tl::unexpected<Error>(to_error(status)));
    } else {
      done_(std::move(content_));
    }
    done_ = nullptr;
    end();
  }

  const std::size_t limit_;
  std::string content_;  // at most limit_
  std::optional<Error> error_;
  Connection::Callback<std::string> done_;
};

class EventStream final : public Stream<events::Events, events::SubscribeRequest, Envelope> {
 public:
  EventStream(std::function<void(Envelope)> on_event, std::function<void(Error)> on_end)
      : on_event_(std::move(on_event)), on_end_(std::move(on_end)) {}

  void start() {
    stub->async()->Subscribe(&context, &request, this);
    StartRead(&message_);
    StartCall();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;  // OnDone tells why
    on_event_(std::move(message_));
    message_.Clear();
    StartRead(&message_);
  }

  void OnDone(const grpc::Status& status) override {
    on_end_(status.ok() ? Error{ErrorKind::unavailable, "containerd has ended its stream of events"}
                        : to_error(status));
    on_event_ = nullptr;
    on_end_ = nullptr;
    end();
  }

  std::function<void(Envelope)> on_event_;
  std::function<void(Error)> on_end_;
};

}  // namespace

Connection::Connection(const std::string& socket, std::chrono::nanoseconds call_timeout)
    : channel_(channel_to(socket)), call_timeout_(call_timeout), calls_(std::make_shared<OpenCalls>()) {}

Connection::~Connection() {
  calls_->drain();
}

void Connection::address(grpc::ClientContext& context, const std::string& lease) {
  context.AddMetadata("containerd-namespace", kubernetes_namespace);
  if (!lease.empty()) context.AddMetadata("containerd-lease", lease);
}

bool Connection::is_connected() const {
  return channel_->GetState(true) == GRPC_CHANNEL_READY;
}

void Connection::limit_time(grpc::ClientContext& context, std::chrono::nanoseconds timeout) const {
  const auto limit = timeout > std::chrono::nanoseconds(0) ? timeout : call_timeout_;
  context.set_deadline(std::chrono::system_clock::now() + limit);
}

void Connection::read_content(const std::string& digest, std::size_t limit, Callback<std::string> done) {
  auto read = std::make_shared<ContentRead>(limit, std::move(done));
  read->stub = content::Content::NewStub(channel_);
  read->request.set_digest(digest);
  read->calls = calls_;
  address(read->context);
  limit_time(read->context, {});
  read->id = calls_->add(read->context, read);
  read->start();
}

std::unique_ptr<Subscription> Connection::subscribe(const std::vector<std::string>& filters,
                                                    std::function<void(Envelope)> on_event,
                                                    std::function<void(Error)> on_end) {
  auto stream = std::make_shared<EventStream>(std::move(on_event), std::move(on_end));
  stream->stub = events::Events::NewStub(channel_);
  *stream->request.mutable_filters() = {filters.begin(), filters.end()};
  stream->calls = calls_;
  address(stream->context);  // without a deadline: it lasts
  stream->id = calls_->add(stream->context, stream);
  auto subscription = std::make_unique<Subscription>(calls_, stream->id);
  stream->start();
  return subscription;
}

}  // namespace podsandbox::containerd_client
