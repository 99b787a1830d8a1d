#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "services/ctl/commands.hpp"

namespace podsandbox::ctl {

namespace {

const std::map<std::string, double> seconds_by_unit{{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}};

/// What the command line says. Subcommands share the fields that have the same meaning.
struct Arguments {
  std::string socket = "/run/podsandboxd/podsandboxd.sock";
  std::optional<double> timeout_seconds;
  std::string output = "table";
  std::string id;
  PodFlags pod;
  double grace_seconds = 0;
  bool verbose = false;
  std::uint64_t from_sequence = 0;
  std::function<ExitStatus(Commands&)> command;
};

void say(const std::string& what) {
  std::cerr << "podsandboxctl: " << what << '\n';
}

void add_global_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--socket", arguments.socket,
                 "The daemon's Unix socket (default: $PODSANDBOXD_SOCKET, else " + arguments.socket + ")")
      ->envname("PODSANDBOXD_SOCKET")
      ->option_text("PATH");
  app.add_option(
         "--timeout", arguments.timeout_seconds,
         "Give up on a call after this time, such as 500ms, 10s, 5m (default: never for wait and watch, "
         "2m for others)")
      ->transform(CLI::AsNumberWithUnit(seconds_by_unit))
      ->check(CLI::Range(0.001, 1e8))
      ->option_text("TIME");
  app.add_option("-o,--output", arguments.output, "table for people (the default) or json for programs")
      ->check(CLI::IsMember({"table", "json"}))
      ->option_text("FORMAT");
}

void add_pod_options(CLI::App& command, PodFlags& pod) {
  command.add_option("--config", pod.file, "PodSandboxConfig as JSON, as crictl takes it; flags override it")
      ->option_text("FILE");
  command.add_option("--name", pod.name, "The pod's name (default: the id)")->option_text("NAME");
  command.add_option("--namespace", pod.pod_namespace, "The pod's namespace (default: default)")
      ->option_text("NAMESPACE");
  command.add_option("--uid", pod.uid, "The pod's uid (default: the id)")->option_text("UID");
  command.add_option("--attempt", pod.attempt, "How many sandboxes the pod had before")
      ->option_text("NUMBER");
  command.add_option("--hostname", pod.hostname, "The pod's host name")->option_text("NAME");
  auto* host =
      command.add_flag("--host-network", pod.host_network, "Use the host's network; not with --netns")
          ->option_text(" ");
  command.add_option("--netns", pod.netns, "Use this network namespace; not with --host-network")
      ->excludes(host)
      ->option_text("PATH");
  // One value each, or a repeated option would take the ID that follows it.
  command.add_option("--label", pod.labels, "A label; may be repeated")
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
  command.add_option("--annotation", pod.annotations, "An annotation; may be repeated")
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
  command.add_option("--cgroup-parent", pod.cgroup_parent, "The pod's cgroup")->option_text("CGROUP");
  command.add_option("--runtime", pod.runtime, "The runtime's name (default: " + pod.runtime + ")")
      ->option_text("NAME");
}

using CreateCommand =
    ExitStatus (Commands::*)(const containerd::services::sandbox::v1::ControllerCreateRequest&);

/// A subcommand that describes a new sandbox.
void add_creating(CLI::App& app, Arguments& arguments, const char* name, const char* help,
                  CreateCommand action) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("ID", arguments.id, "The sandbox's id (default: a new one)")->option_text(" ");
  add_pod_options(*command, arguments.pod);
  command->callback([&arguments, action] {
    arguments.command = [&arguments, action](Commands& commands) {
      const auto request = make_create_request(arguments.pod, arguments.id.empty() ? new_id() : arguments.id);
      if (request) return (commands.*action)(*request);
      say(request.error().message);
      return ExitStatus::usage;
    };
  });
}

using Action = std::function<ExitStatus(Commands&, const Arguments&)>;

CLI::App* add_plain(CLI::App& app, Arguments& arguments, const char* name, const char* help, Action action) {
  CLI::App* command = app.add_subcommand(name, help);
  command->callback([&arguments, action] {
    arguments.command = [&arguments, action](Commands& commands) { return action(commands, arguments); };
  });
  return command;
}

/// A subcommand about one sandbox that exists.
CLI::App* add_for_id(CLI::App& app, Arguments& arguments, const char* name, const char* help, Action action) {
  CLI::App* command = add_plain(app, arguments, name, help, std::move(action));
  command->add_option("ID", arguments.id, "The sandbox's id")->required()->option_text(" ");
  return command;
}

void add_lifecycle_commands(CLI::App& app, Arguments& arguments) {
  add_creating(app, arguments, "run", "Create and start a sandbox; print its id", &Commands::run);
  add_creating(app, arguments, "create", "Create a sandbox; print its id", &Commands::create);
  add_for_id(app, arguments, "start", "Start a created sandbox; print its pid",
             [](Commands& c, const Arguments& a) { return c.start(a.id); });
  add_for_id(app, arguments, "stop", "Stop a sandbox and return when its exit has been handled",
             [](Commands& c, const Arguments& a) {
               // The API has whole seconds, and 0 would mean no grace at all.
               return c.stop(a.id, static_cast<std::uint32_t>(std::ceil(a.grace_seconds)));
             })
      ->add_option("--timeout", arguments.grace_seconds,
                   "Send SIGTERM, and SIGKILL only after this time, such as 10s (default: SIGKILL at once)")
      ->transform(CLI::AsNumberWithUnit(seconds_by_unit))
      ->check(CLI::Range(0.0, 86400.0))
      ->option_text("TIME");
  add_for_id(app, arguments, "wait", "Wait until a sandbox exits; print its exit status",
             [](Commands& c, const Arguments& a) { return c.wait(a.id); });
  add_for_id(app, arguments, "shutdown", "Stop a sandbox if it runs and remove it",
             [](Commands& c, const Arguments& a) { return c.shutdown(a.id); });
}

void add_query_commands(CLI::App& app, Arguments& arguments) {
  add_for_id(app, arguments, "status", "Show one sandbox", [](Commands& c, const Arguments& a) {
    return c.status(a.id, a.verbose);
  })->add_flag("-v,--verbose", arguments.verbose, "With all that the daemon knows, as JSON");
  add_plain(app, arguments, "ls", "List all sandboxes",
            [](Commands& c, const Arguments&) { return c.list(); });
  add_plain(app, arguments, "watch", "Print events as they happen, until Ctrl-C",
            [](Commands& c, const Arguments& a) -> ExitStatus { c.watch(a.from_sequence); })
      ->add_option("--from", arguments.from_sequence,
                   "First send the events from this sequence number on, as far back as they are kept")
      ->option_text("SEQUENCE");
  add_plain(app, arguments, "health", "Tell whether the daemon serves",
            [](Commands& c, const Arguments&) { return c.health(); });
}

ExitStatus execute(const Arguments& arguments) {
  Deadline timeout;
  if (arguments.timeout_seconds) {
    timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(*arguments.timeout_seconds));
  }
  Client client(arguments.socket, timeout);
  Commands commands(client, arguments.output == "json" ? Format::json : Format::table, std::cout);
  try {
    return arguments.command(commands);
  } catch (const CallFailed& failed) {
    say(failed.what());
    return failed.exit_status();
  } catch (const std::exception& error) {
    say(error.what());
    return ExitStatus::failed;
  }
}

ExitStatus run_program(int argc, const char* const* argv) {
  Arguments arguments;
  CLI::App app("Drives podsandboxd: creates, starts, watches and removes pod sandboxes.", "podsandboxctl");
  app.set_version_flag("--version", std::string(PODSANDBOX_VERSION));
  app.footer(std::string(exit_status_help));
  app.require_subcommand(1);
  app.fallthrough();  // global options may also come behind the subcommand
  add_global_options(app, arguments);
  add_lifecycle_commands(app, arguments);
  add_query_commands(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitStatus::ok : ExitStatus::usage;
  }
  return execute(arguments);
}

}  // namespace

}  // namespace podsandbox::ctl

int main(int argc, char** argv) {
  return static_cast<int>(podsandbox::ctl::run_program(argc, argv));
}
