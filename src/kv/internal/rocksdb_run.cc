#include "kv/internal/rocksdb_run.h"

#include "base/check.h"
#include "base/file.h"
#include "base/log.h"
#include "kv/bits_operand.h"
#include "kv/internal/batch_rules.h"
#include "kv/internal/rocksdb_options.h"

namespace tarn::kv {
namespace {

// A writer keeps a file's index and the hashes of its filter in memory until the file is complete.
constexpr uint64_t kRunFileBytes = 32u << 20;
// A run may have a file open for each of 64 families.
constexpr size_t kWriteBufferBytes = 256u << 10;

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

Status FamilyFiles::Before(std::string_view key) {
  if (last_key_.has_value()) {
    CHECK(*last_key_ < key);
    last_key_->assign(key);
  } else {
    last_key_.emplace(key);
  }
  if (writer_ != nullptr) return Ok();
  rocksdb::Options options = db_.GetOptions(handle_);
  options.writable_file_max_buffer_size = kWriteBufferBytes;
  writer_ =
      std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(options), options, handle_);
  paths_.push_back(path_prefix_ + std::to_string(paths_.size()) + ".sst");
  const rocksdb::Status opened = writer_->Open(paths_.back());
  if (!opened.ok()) return RocksDbError(opened);
  return Ok();
}

Status FamilyFiles::After(const rocksdb::Status& written) {
  if (!written.ok()) return RocksDbError(written);
  if (writer_->FileSize() >= kRunFileBytes) return Finish();
  return Ok();
}

Status FamilyFiles::Put(std::string_view key, std::string_view value) {
  TRY(Before(key));
  return After(writer_->Put(ToSlice(key), ToSlice(value)));
}

Status FamilyFiles::Merge(std::string_view key, std::string_view operand) {
  TRY(Before(key));
  return After(writer_->Merge(ToSlice(key), ToSlice(operand)));
}

Status FamilyFiles::Delete(std::string_view key) {
  TRY(Before(key));
  return After(writer_->Delete(ToSlice(key)));
}

Status FamilyFiles::Finish() {
  if (writer_ == nullptr) return Ok();
  const rocksdb::Status finished = writer_->Finish();
  writer_.reset();
  if (!finished.ok()) return RocksDbError(finished);
  return Ok();
}

RocksDbRun::RocksDbRun(std::shared_ptr<const RocksDbDatabase> database, const Limits& limits,
                       std::string folder)
    : database_(std::move(database)),
      limits_(limits),
      folder_(std::move(folder)),
      files_(database_->families().size()) {}

RocksDbRun::~RocksDbRun() {
  files_.clear();
  // What cannot be removed now goes when the store is opened the next time.
  const Status removed = RemoveFolder(folder_);
  if (!removed.ok()) LogWarning("kv run folder stays", {{"detail", removed.error().detail}});
}

Result<FamilyFiles*> RocksDbRun::FilesOf(Family family, FamilyKind kind, std::string_view key,
                                         std::string_view value) {
  CHECK(database_->family(family).kind == kind);
  TRY(CheckEntry(key, value, limits_));
  std::unique_ptr<FamilyFiles>& files = files_[family];
  if (files == nullptr) {
    files = std::make_unique<FamilyFiles>(database_->db(), database_->family(family).handle,
                                          folder_ + "/" + std::to_string(family) + "-");
  }
  bytes_ += key.size() + value.size();
  return files.get();
}

Status RocksDbRun::Put(Family family, std::string_view key, std::string_view value) {
  TRY(FamilyFiles * files, FilesOf(family, FamilyKind::kValues, key, value));
  return files->Put(key, value);
}

Status RocksDbRun::MergeBits(Family family, std::string_view key, const BitsDelta& delta) {
  const std::string operand = EncodeBitsOperand(delta);
  TRY(FamilyFiles * files, FilesOf(family, FamilyKind::kBits, key, operand));
  return files->Merge(key, operand);
}

Status RocksDbRun::Finish() {
  for (const auto& files : files_) {
    if (files != nullptr) TRY(files->Finish());
  }
  return Ok();
}

}  // namespace tarn::kv
