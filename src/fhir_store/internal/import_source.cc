#include "fhir_store/internal/import_source.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "fhir_store/internal/job_layout.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

constexpr size_t kCompressedBytes = 256u << 10;

std::string FileError(const Error& error) {
  if (error.kind == ErrorKind::kPreconditionFailed) {
    return "the object was changed while it was read (its ETag is another one now)";
  }
  if (error.kind == ErrorKind::kNotFound) return "the object is gone";
  return "the object cannot be read: " + error.detail;
}

// Whether trying again may help.
bool MayPass(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kTimeout ||
         error.kind == ErrorKind::kBusy;
}

}  // namespace

ImportListing::ImportListing(objects::ObjectStore& objects, objects::S3Uri input,
                             objects::S3Uri output_folder)
    : objects_(objects), input_(std::move(input)), output_folder_(std::move(output_folder)) {}

Status ImportListing::Start() {
  TRY(objects_.HeadBucket(input_.bucket));
  prefix_ = input_.key;
  if (!prefix_.empty() && !prefix_.ends_with('/')) {
    const auto head = objects_.Head(input_.bucket, prefix_);
    if (head.ok()) {
      single_ = true;
      const size_t slash = prefix_.rfind('/');
      page_.push_back(head.value());
      page_.front().key = input_.key;
      prefix_.resize(slash == std::string::npos ? 0 : slash + 1);
      return Ok();
    }
    if (head.error().kind != ErrorKind::kNotFound) return head.error();
    prefix_.push_back('/');
  }
  return Ok();
}

void ImportListing::SkipTo(uint64_t number, std::string_view after_key) {
  next_number_ = number;
  start_after_ = after_key;
  page_.clear();
}

bool ImportListing::IsInput(const objects::ObjectInfo& object) const {
  if (object.key.ends_with('/') && object.bytes == 0) return false;
  if (object.key.ends_with(kAccessCheckName) || IsManifest(object.key)) return false;
  return output_folder_.bucket != input_.bucket || !object.key.starts_with(output_folder_.key);
}

std::string ImportListing::NameOf(const std::string& key) const {
  std::string name = key.substr(prefix_.size());
  // Room for the folders of the output; such a key is rare, and a name must stay valid UTF-8.
  if (output_folder_.key.size() + kOutputKindBytesMax + name.size() > objects::kKeyBytesMax) {
    name = "file-" + std::to_string(next_number_);
  }
  return name;
}

Result<std::shared_ptr<const ImportFile>> ImportListing::Next() {
  for (;;) {
    if (page_.empty()) {
      if (single_ || !more_) return std::shared_ptr<const ImportFile>();
      TRY(auto page,
          objects_.List(input_.bucket, {.prefix = prefix_, .start_after = start_after_}));
      more_ = !page.next_start_after.empty();
      start_after_ = page.next_start_after;
      for (auto& object : page.objects) page_.push_back(std::move(object));
      continue;
    }
    const objects::ObjectInfo object = std::move(page_.front());
    page_.pop_front();
    if (!IsInput(object)) continue;
    auto file = std::make_shared<ImportFile>();
    file->key = object.key;
    file->name = NameOf(object.key);
    file->bytes = object.bytes;
    file->etag = object.etag;
    file->number = next_number_++;
    return std::shared_ptr<const ImportFile>(std::move(file));
  }
}

FileReader::FileReader(objects::ObjectStore& objects, std::string bucket,
                       std::shared_ptr<const ImportFile> file, const fhir::NdjsonPosition& begin)
    : objects_(objects),
      bucket_(std::move(bucket)),
      file_(std::move(file)),
      begin_offset_(begin.offset),
      blocks_([this](std::span<char> out) { return Read(out); },
              {.block_bytes = kImportBlockBytes,
               .line_bytes_max = kImportLineBytesMax,
               .begin = begin}),
      after_(begin) {}

// Opens the object at its beginning, where the first bytes tell gzip from text, and passes over
// what an earlier attempt has imported.
Status FileReader::Open() {
  if (file_->bytes > kImportFileBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "it has more than " + std::to_string(kImportFileBytesMax) + " bytes"};
  }
  TRY(reader_, objects_.Open(bucket_, file_->key, {}, file_->etag));
  char magic[2];
  size_t magic_bytes = 0;
  while (magic_bytes < sizeof magic) {
    TRY(const size_t read, ReadRaw({magic + magic_bytes, sizeof magic - magic_bytes}));
    if (read == 0) break;
    magic_bytes += read;
  }
  head_.assign(magic, magic_bytes);
  if (head_ != kGzipMagic) {
    if (begin_offset_ == 0) return Ok();
    head_.clear();
    raw_offset_ = begin_offset_;
    TRY(reader_, objects_.Open(bucket_, file_->key, {.offset = raw_offset_}, file_->etag));
    return Ok();
  }
  inflater_ = std::make_unique<Inflater>();
  inflater_->Feed(head_);
  std::string passed(kCompressedBytes, '\0');
  for (uint64_t left = begin_offset_; left > 0;) {
    TRY(const size_t read, Read({passed.data(), std::min<uint64_t>(passed.size(), left)}));
    if (read == 0) return Error{ErrorKind::kPreconditionFailed, "the object shrank"};
    left -= read;
  }
  return Ok();
}

Result<size_t> FileReader::ReadRaw(std::span<char> out) {
  for (int attempt = 1;; ++attempt) {
    auto read = reader_->Read(out);
    if (read.ok()) {
      raw_offset_ += read.value();
      return read;
    }
    if (!MayPass(read.error()) || attempt == kImportReadAttempts) return read;
    TRY(reader_, objects_.Open(bucket_, file_->key, {.offset = raw_offset_}, file_->etag));
  }
}

Result<size_t> FileReader::Read(std::span<char> out) {
  if (!inflater_ && !head_.empty()) {
    const size_t given = std::min(head_.size(), out.size());
    std::copy_n(head_.data(), given, out.data());
    head_.erase(0, given);
    return given;
  }
  if (!inflater_) return ReadRaw(out);
  for (;;) {
    TRY(const size_t read, inflater_->Read(out));
    if (read > 0) return read;
    compressed_.resize(kCompressedBytes);
    TRY(const size_t raw, ReadRaw(compressed_));
    if (raw == 0) {
      TRY(inflater_->Finish());
      return size_t{0};
    }
    inflater_->Feed(std::string_view(compressed_).substr(0, raw));
  }
}

std::unique_ptr<ImportBlock> FileReader::Next() {
  auto block = std::make_unique<ImportBlock>();
  block->file = file_;
  block->after = after_;
  Result<bool> more = true;
  if (!opened_) {
    opened_ = true;
    const Status opened = Open();
    if (!opened.ok()) more = opened.error();
  }
  if (more.ok()) more = blocks_.Next(&block->ndjson);
  block->gzip = inflater_ != nullptr;
  if (!more.ok()) {
    block->ndjson = {};
    block->file_error = FileError(more.error());
    block->file_end = true;
  } else if (!more.value()) {
    block->file_end = true;
  } else {
    after_ = block->ndjson.end();
    block->after = after_;
  }
  return block;
}

FilesSource::FilesSource(objects::ObjectStore& objects, std::string bucket, ImportListing* listing)
    : objects_(objects), bucket_(std::move(bucket)), listing_(listing) {}

void FilesSource::ResumeAt(std::shared_ptr<const ImportFile> file,
                           const fhir::NdjsonPosition& begin) {
  reader_ = std::make_unique<FileReader>(objects_, bucket_, std::move(file), begin);
}

Result<std::unique_ptr<ImportBlock>> FilesSource::Next() {
  if (reader_ == nullptr) {
    TRY(auto file, listing_->Next());
    if (file == nullptr) return std::unique_ptr<ImportBlock>();
    ResumeAt(std::move(file), {});
  }
  auto block = reader_->Next();
  if (block->file_end) reader_.reset();
  return block;
}

GeneratedSource::GeneratedSource(const std::function<bool(std::string*)>& next)
    : next_(next),
      blocks_([this](std::span<char> out) { return Read(out); },
              {.block_bytes = kImportBlockBytes, .line_bytes_max = kImportLineBytesMax}) {}

Result<size_t> GeneratedSource::Read(std::span<char> out) {
  while (given_ == generated_.size()) {
    generated_.clear();
    given_ = 0;
    if (!next_(&generated_)) return size_t{0};
    if (!generated_.ends_with('\n')) generated_.push_back('\n');
  }
  const size_t count = std::min(out.size(), generated_.size() - given_);
  std::copy_n(generated_.data() + given_, count, out.data());
  given_ += count;
  return count;
}

Result<std::unique_ptr<ImportBlock>> GeneratedSource::Next() {
  auto block = std::make_unique<ImportBlock>();
  TRY(const bool more, blocks_.Next(&block->ndjson));
  if (!more) return std::unique_ptr<ImportBlock>();
  block->after = block->ndjson.end();
  return block;
}

}  // namespace tarn::fhir_store
