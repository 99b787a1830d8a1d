#include "services/host/process_record.hpp"

#include <fcntl.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "messages/failpoint.hpp"
#include "messages/log.hpp"
#include "messages/sandbox_spec.hpp"
#include "messages/spec_codec.hpp"
#include "services/host/file_text.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

namespace {

const std::string spec_ending = "+spec";  // no identifier ends like this

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
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(*text);
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
  failpoint("record is drafted");
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool move_file(const std::string& from, const std::string& to) {
  failpoint("record takes its place");
  if (rename(from.c_str(), to.c_str()) != 0) return false;
  failpoint("record is there");
  return true;
}

}  // namespace

PodFiles files_of(const ProcessRecord& record) {
  if (!record.files) return PodFiles::none;
  return record.started || record.pid != 0 ? PodFiles::ours : PodFiles::marked;
}

Result<Done> RecordStore::write(const std::string& id, const ProcessRecord& record) const {
  const std::string path = directory_ / id;
  const std::string draft = path + "~";  // no identifier ends like this
  if (write_file(draft, encode(record)) && move_file(draft, path)) return Done{};
  auto error = failure(ErrorKind::internal, because("writing its record to " + path));
  unlink(draft.c_str());
  return error;
}

Result<Done> RecordStore::write_spec(const SandboxSpec& spec) const {
  const std::string path = directory_ / (spec.id + spec_ending);
  if (write_file(path, bytes_of(spec))) return Done{};
  auto error = failure(ErrorKind::internal, because("writing its spec to " + path));
  unlink(path.c_str());
  return error;
}

Result<SpecPtr> RecordStore::read_spec(const std::string& id) const {
  const auto bytes = read_file(directory_ / (id + spec_ending));
  auto spec = spec_of_bytes(bytes.value_or(""));
  if (!bytes || !spec || (*spec)->id != id) {
    return failure(ErrorKind::not_found, "there is no readable spec of sandbox " + id);
  }
  return spec;
}

Result<Done> RecordStore::remove(const std::string& id) const {
  // The spec last: without a record, and so without its sandbox, it is nonsense.
  for (const auto& path : {directory_ / id, directory_ / (id + spec_ending)}) {
    failpoint("record goes");
    if (unlink(path.c_str()) == 0 || errno == ENOENT) continue;
    return failure(ErrorKind::internal, because("removing its record " + path.string()));
  }
  failpoint("record is gone");
  return Done{};
}

std::map<std::string, ProcessRecord> RecordStore::read_all() const {
  std::map<std::string, ProcessRecord> records;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string id = entry.path().filename();
    if (!is_identifier(id)) continue;
    if (auto record = decode(entry.path())) records.emplace(id, std::move(*record));
  }
  return records;
}

std::vector<std::filesystem::path> RecordStore::nonsense() const {
  const auto records = read_all();
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    std::string id = entry.path().filename();
    if (id.ends_with(spec_ending)) id.resize(id.size() - spec_ending.size());
    if (!records.contains(id)) found.push_back(entry.path());
  }
  return found;
}

void RecordStore::remove_nonsense() const {
  for (const auto& path : nonsense()) {
    log::warn("records", "", "removing " + path.string() + ": it is no sandbox's record");
    std::error_code error;
    std::filesystem::remove(path, error);
  }
}

}  // namespace podsandbox::host
