#include "test/journal/power_cut.hpp"

#include <algorithm>
#include <fstream>

#include "test/journal/flip.hpp"

namespace podsandbox::test {

namespace {

constexpr std::size_t sector = 512;

void put(std::string& content, std::size_t offset, const std::string& data) {
  if (content.size() < offset + data.size()) content.resize(offset + data.size(), '\0');
  content.replace(offset, data.size(), data);
}

void carry_out(std::string& content, const DiskOp& op) {
  const auto offset = static_cast<std::size_t>(op.offset);
  if (op.kind == DiskOp::Kind::truncate) {
    content.resize(offset, '\0');
  } else {
    put(content, offset, op.data);
  }
}

/// Carries out parts of it, by sectors of the disk.
void tear(std::string& content, const DiskOp& op, bool garbage, std::mt19937& random) {
  if (random() % 4 == 0) return;
  if (op.kind == DiskOp::Kind::truncate || random() % 4 == 0) return carry_out(content, op);
  const auto begin = static_cast<std::size_t>(op.offset);
  for (std::size_t done = 0; done < op.data.size();) {
    const auto size = std::min(sector - (begin + done) % sector, op.data.size() - done);
    auto part = op.data.substr(done, size);
    if (garbage && random() % 4 == 0) part.assign(size, static_cast<char>(random() % 2 == 0 ? 0 : random()));
    if (garbage && random() % 4 == 0) flip_a_bit(part[random() % size], random);
    if (random() % 2 == 0) put(content, begin + done, part);
    done += size;
  }
}

}  // namespace

void ForgetfulDisk::apply(const DiskOp& op) {
  if (op.kind == DiskOp::Kind::remove) {
    files_.erase(op.file);
    return;
  }
  auto& file = files_[op.file];
  if (op.kind != DiskOp::Kind::sync) {
    file.pending.push_back(op);
    return;
  }
  for (const auto& pending : file.pending) carry_out(file.synced, pending);
  file.pending.clear();
  file.ever_synced = true;
}

void ForgetfulDisk::power_cut(const std::filesystem::path& directory, Unsynced unsynced,
                              std::mt19937& random) const {
  for (const auto& [name, file] : files_) {
    if (unsynced == Unsynced::lost && !file.ever_synced) continue;
    auto content = file.synced;
    for (const auto& op : file.pending) {
      if (unsynced == Unsynced::kept) carry_out(content, op);
      if (unsynced >= Unsynced::torn) tear(content, op, unsynced == Unsynced::garbage, random);
    }
    std::ofstream(directory / name, std::ios::binary) << content;
  }
}

}  // namespace podsandbox::test
