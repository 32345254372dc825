// What an import reads: the objects of a job in key order, cut into blocks of whole lines.
// Threads: one source belongs to one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "fhir_store/internal/gzip.h"
#include "fhir_store/internal/import_block.h"
#include "objects/object_store.h"

namespace tarn::fhir_store {

class BlockSource {
 public:
  virtual ~BlockSource() = default;
  // The next block in order, or null at the end. Errors: kUnavailable, kInvalid, ...: of the whole
  // source; an object that fails ends with ImportBlock::file_error instead.
  virtual Result<std::unique_ptr<ImportBlock>> Next() = 0;
};

// Lists the objects of a job. An S3 URI that names an object means this object; else it means the
// "folder" of that name. Folder markers (empty objects whose key ends in '/'), the job's own
// output, manifests of jobs and the access-check file are no input.
class ImportListing {
 public:
  ImportListing(objects::ObjectStore& objects, objects::S3Uri input, objects::S3Uri output_folder);

  // Decides between object and folder. Errors: kNotFound (bucket), kUnavailable.
  Status Start();
  // Goes on after this file, in place of the first.
  void SkipTo(uint64_t number, std::string_view after_key);
  // The next file, or null.
  Result<std::shared_ptr<const ImportFile>> Next();

 private:
  bool IsInput(const objects::ObjectInfo& object) const;
  std::string NameOf(const std::string& key) const;

  objects::ObjectStore& objects_;
  const objects::S3Uri input_;
  const objects::S3Uri output_folder_;
  std::string prefix_;  // Of the keys; names are the rest.
  bool single_ = false;
  std::deque<objects::ObjectInfo> page_;
  std::string start_after_;
  bool more_ = true;
  uint64_t next_number_ = 0;
};

// Reads one object, plain or gzip (told by its first bytes).
class FileReader {
 public:
  // Goes on at `begin`, a place in its (inflated) bytes where a line begins.
  FileReader(objects::ObjectStore& objects, std::string bucket,
             std::shared_ptr<const ImportFile> file, const fhir::NdjsonPosition& begin);
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // The next block; the last one has `file_end`.
  std::unique_ptr<ImportBlock> Next();

 private:
  Status Open();
  Result<size_t> ReadRaw(std::span<char> out);
  Result<size_t> Read(std::span<char> out);

  objects::ObjectStore& objects_;
  const std::string bucket_;
  const std::shared_ptr<const ImportFile> file_;
  const uint64_t begin_offset_;
  bool opened_ = false;
  std::unique_ptr<objects::ObjectReader> reader_;
  uint64_t raw_offset_ = 0;
  std::string head_;  // Read to tell gzip from text, and not yet given out.
  std::unique_ptr<Inflater> inflater_;
  std::string compressed_;
  fhir::NdjsonBlocks blocks_;
  fhir::NdjsonPosition after_;
};

// All files of a job, one after the other.
class FilesSource final : public BlockSource {
 public:
  FilesSource(objects::ObjectStore& objects, std::string bucket, ImportListing* listing);
  // Goes on in the middle of a file.
  void ResumeAt(std::shared_ptr<const ImportFile> file, const fhir::NdjsonPosition& begin);
  Result<std::unique_ptr<ImportBlock>> Next() override;

 private:
  objects::ObjectStore& objects_;
  const std::string bucket_;
  ImportListing* const listing_;
  std::unique_ptr<FileReader> reader_;
};

// What a generator makes, block by block: for a load.
class GeneratedSource final : public BlockSource {
 public:
  // `next` fills one block of whole lines and returns false at the end; it must outlive the source.
  explicit GeneratedSource(const std::function<bool(std::string*)>& next);
  Result<std::unique_ptr<ImportBlock>> Next() override;

 private:
  Result<size_t> Read(std::span<char> out);

  const std::function<bool(std::string*)>& next_;
  std::string generated_;
  size_t given_ = 0;
  fhir::NdjsonBlocks blocks_;
};

}  // namespace tarn::fhir_store
