#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "services/ctl/client.hpp"
#include "services/ctl/pod_config.hpp"

namespace podsandbox::ctl {

/// For whom output is.
enum class Format { table, json };

/// What each subcommand does: calls the daemon, prints to `out`, returns how the program ends. Throws
/// CallFailed.
class Commands {
 public:
  Commands(Client& client, Format format, std::ostream& out) : client_(client), format_(format), out_(out) {}

  ExitStatus run(const containerd::services::sandbox::v1::ControllerCreateRequest& request);
  ExitStatus create(const containerd::services::sandbox::v1::ControllerCreateRequest& request);
  ExitStatus start(const std::string& id);
  ExitStatus stop(const std::string& id, std::uint32_t grace_seconds);
  ExitStatus wait(const std::string& id);
  ExitStatus status(const std::string& id, bool verbose);
  ExitStatus shutdown(const std::string& id);
  ExitStatus list();
  [[noreturn]] void watch(std::uint64_t from_sequence);
  ExitStatus health();

 private:
  template <class Stub, class Request, class Response>
  Response call(const std::string& what, const std::unique_ptr<Stub>& stub,
                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request) {
    return client_.call(what, *stub, method, request, client_.ordinary());
  }

  containerd::services::sandbox::v1::ControllerStartResponse start_sandbox(const std::string& id);

  /// `text` for people (nothing when empty), the message for programs.
  template <class Message>
  ExitStatus answer(const std::string& text, const Message& message);

  Client& client_;
  Format format_;
  std::ostream& out_;
};

}  // namespace podsandbox::ctl
