#include "services/linux/process_record.hpp"

#include <fcntl.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "messages/log.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/linux/system_error.hpp"
#include "services/linux/unique_fd.hpp"

namespace podsandbox::linux_runtime {

namespace {

std::string encode(const ProcessRecord& record) {
  return nlohmann::json{{"boot_id", record.boot_id},
                        {"pid", record.pid},
                        {"start_time", record.start_time},
                        {"created_ns", record.created_ns},
                        {"started", record.started},
                        {"cgroup", record.cgroup},
                        {"cgroup_parent", record.cgroup_parent},
                        {"files", record.files},
                        {"oom_score_adj", record.oom_score_adj}}
      .dump(-1, ' ', true);
}

std::optional<ProcessRecord> decode(const std::filesystem::path& path) {
  std::ifstream file(path);
  try {
    const auto json = nlohmann::json::parse(file);
    ProcessRecord record;
    json.at("boot_id").get_to(record.boot_id);
    json.at("pid").get_to(record.pid);
    json.at("start_time").get_to(record.start_time);
    json.at("created_ns").get_to(record.created_ns);
    json.at("started").get_to(record.started);
    json.at("cgroup").get_to(record.cgroup);
    json.at("cgroup_parent").get_to(record.cgroup_parent);
    json.at("files").get_to(record.files);
    json.at("oom_score_adj").get_to(record.oom_score_adj);
    return record;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

bool write_file(const std::string& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<Done> RecordStore::write(const std::string& id, const ProcessRecord& record) const {
  const std::string path = directory_ / id;
  const std::string draft = path + "~";  // no identifier ends like this
  if (write_file(draft, encode(record)) && rename(draft.c_str(), path.c_str()) == 0) return Done{};
  auto error = failure(ErrorKind::internal, because("writing the record of sandbox " + id + " to " + path));
  unlink(draft.c_str());
  return error;
}

Result<Done> RecordStore::remove(const std::string& id) const {
  const std::string path = directory_ / id;
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return Done{};
  return failure(ErrorKind::internal, because("removing the record of sandbox " + id + " from " + path));
}

std::map<std::string, ProcessRecord> RecordStore::read_all() const {
  std::map<std::string, ProcessRecord> records;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string id = entry.path().filename();
    auto record = is_identifier(id) ? decode(entry.path()) : std::nullopt;
    if (record) {
      records.emplace(id, std::move(*record));
    } else {
      log::warn("linux", "", "removing " + entry.path().string() + ": it is no sandbox's record");
      std::filesystem::remove(entry.path(), error);
    }
  }
  return records;
}

}  // namespace podsandbox::linux_runtime
