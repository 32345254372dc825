#include "objects/folder_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "objects/internal/folder.h"
#include "objects/internal/listing.h"
#include "objects/internal/uploads.h"

namespace tarn::objects {
namespace {

class FolderReader final : public ObjectReader {
 public:
  FolderReader(FoundFile file, ObjectInfo info, ByteRange range)
      : file_(std::move(file)), info_(std::move(info)) {
    position_ = std::min(range.offset, info_.bytes);
    left_ = std::min(range.bytes, info_.bytes - position_);
  }
  const ObjectInfo& info() const override { return info_; }

  Result<size_t> Read(std::span<char> out) override {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(out.size(), left_));
    ssize_t count = 0;
    do {
      count = want == 0 ? 0 : pread(file_.fd.get(), out.data(), want, Offset());
    } while (count < 0 && errno == EINTR);
    if (count < 0) return FileError("object " + info_.key, errno);
    // A put replaces the file and leaves this one as it is. Somebody who writes into it changes its
    // size or time, which is looked at after the bytes were read, so that they are of one state.
    struct stat now;
    if (fstat(file_.fd.get(), &now) != 0) return FileError("object " + info_.key, errno);
    if (now.st_size != file_.status.st_size || ModifiedNs(now) != ModifiedNs(file_.status) ||
        (count == 0 && want > 0)) {
      return Error{ErrorKind::kPreconditionFailed,
                   "object " + info_.key + " was changed while it was read"};
    }
    position_ += static_cast<uint64_t>(count);
    left_ -= static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }

 private:
  off_t Offset() const { return static_cast<off_t>(position_); }

  FoundFile file_;
  ObjectInfo info_;
  uint64_t position_ = 0;
  uint64_t left_ = 0;
};

class FolderWriter final : public ObjectWriter {
 public:
  FolderWriter(Folder& folder, S3Uri uri, PutRequest request, TemporaryFile file)
      : folder_(folder),
        uri_(std::move(uri)),
        request_(std::move(request)),
        file_(std::move(file)),
        md5_(crypto::DigestKind::kMd5) {}

  Status Write(std::string_view bytes) override {
    written_ += bytes.size();
    if (written_ > kObjectBytesMax) {
      return Error{ErrorKind::kTooLarge, "an object of more than 5 TiB"};
    }
    md5_.Update(bytes);
    return WriteAll(file_.fd(), bytes);
  }

  void SetChecksums(std::vector<std::pair<std::string, std::string>> checksums) override {
    request_.metadata.checksums = std::move(checksums);
  }

  Result<ObjectInfo> Finish() override {
    TRY(CheckMetadata(request_.metadata));
    PublishRequest publish;
    publish.etag = HexEncode(md5_.Finish());
    publish.metadata = std::move(request_.metadata);
    publish.condition = request_.condition;
    return folder_.Publish(uri_.bucket, uri_.key, &file_, publish);
  }

 private:
  Folder& folder_;
  const S3Uri uri_;
  PutRequest request_;
  TemporaryFile file_;
  crypto::Digest md5_;
  uint64_t written_ = 0;
};

class FolderStore final : public ObjectStore {
 public:
  explicit FolderStore(std::unique_ptr<Folder> folder)
      : folder_(std::move(folder)), uploads_(*folder_) {}

  Status CreateBucket(std::string_view bucket) override { return folder_->CreateBucket(bucket); }
  Status HeadBucket(std::string_view bucket) override {
    TRY(const UniqueFd fd, folder_->OpenBucket(bucket));
    return Ok();
  }
  Status DeleteBucket(std::string_view bucket) override { return folder_->DeleteBucket(bucket); }
  Result<std::vector<BucketInfo>> ListBuckets() override { return folder_->ListBuckets(); }

  Result<ListPage> List(std::string_view bucket, const ListRequest& request) override {
    TRY(const UniqueFd fd, folder_->OpenBucket(bucket));
    const auto describe = [&](std::string_view key, const struct stat& status) {
      return folder_->DescribeForListing(bucket, key, status);
    };
    return ListKeys(fd.get(), request, describe, &windows_);
  }

  Result<ObjectInfo> Head(std::string_view bucket, std::string_view key) override {
    FoundFile found;
    return folder_->Describe(bucket, key, &found);
  }

  Result<std::unique_ptr<ObjectReader>> Open(std::string_view bucket, std::string_view key,
                                             ByteRange range, std::string_view if_match) override {
    FoundFile found;
    TRY(ObjectInfo info, folder_->Describe(bucket, key, &found));
    if (!if_match.empty() && if_match != info.etag) {
      return Error{ErrorKind::kPreconditionFailed, "object " + info.key + " was changed"};
    }
    return std::unique_ptr<ObjectReader>(
        std::make_unique<FolderReader>(std::move(found), std::move(info), range));
  }

  Result<std::unique_ptr<ObjectWriter>> Put(std::string_view bucket, std::string_view key,
                                            const PutRequest& request) override {
    TRY(CheckKey(key));
    TRY(CheckMetadata(request.metadata));
    TRY(HeadBucket(bucket));
    TRY(TemporaryFile file, folder_->NewTemporary());
    return std::unique_ptr<ObjectWriter>(std::make_unique<FolderWriter>(
        *folder_, S3Uri{std::string(bucket), std::string(key)}, request, std::move(file)));
  }

  Status Delete(std::string_view bucket, std::string_view key) override {
    return folder_->Remove(bucket, key);
  }

  Result<UploadInfo> CreateUpload(std::string_view bucket, std::string_view key,
                                  const ObjectMetadata& metadata) override {
    return uploads_.Create(bucket, key, metadata);
  }
  Result<std::unique_ptr<ObjectWriter>> PutPart(std::string_view bucket, std::string_view key,
                                                std::string_view upload_id,
                                                uint32_t part_number) override {
    return uploads_.PutPart(UploadKey{bucket, key, upload_id}, part_number);
  }
  Result<std::vector<PartInfo>> ListParts(std::string_view bucket, std::string_view key,
                                          std::string_view upload_id) override {
    return uploads_.ListParts(UploadKey{bucket, key, upload_id});
  }
  Result<std::vector<UploadInfo>> ListUploads(std::string_view bucket) override {
    return uploads_.List(bucket);
  }
  Result<ObjectMetadata> UploadMetadata(std::string_view bucket, std::string_view key,
                                        std::string_view upload_id) override {
    return uploads_.Metadata(UploadKey{bucket, key, upload_id});
  }
  Result<ObjectInfo> CompleteUpload(std::string_view bucket, std::string_view key,
                                    std::string_view upload_id,
                                    const CompleteRequest& request) override {
    return uploads_.Complete(UploadKey{bucket, key, upload_id}, request);
  }
  Status AbortUpload(std::string_view bucket, std::string_view key,
                     std::string_view upload_id) override {
    return uploads_.Abort(UploadKey{bucket, key, upload_id});
  }

 private:
  std::unique_ptr<Folder> folder_;
  FolderWindows windows_;
  Uploads uploads_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenFolderStore(const std::string& folder, const Clock& clock,
                                                     RandomSource& random) {
  TRY(std::unique_ptr<Folder> opened, Folder::Open(folder, clock, random));
  return std::unique_ptr<ObjectStore>(std::make_unique<FolderStore>(std::move(opened)));
}

}  // namespace tarn::objects
