// A folder of a test. For tests of this module only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/file.h"

namespace tarn::runner_host {

// A folder that is gone afterwards.
class Folder {
 public:
  Folder() {
    path_ = testing::TempDir() + "runner-host-XXXXXX";
    CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() { static_cast<void>(RemoveFolder(path_)); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string Write(const std::string& name, std::string_view bytes) const {
    const std::string path = path_ + "/" + name;
    CHECK(MakeFolders(path.substr(0, path.rfind('/'))).ok());
    CHECK(WriteFileAtomic(path, bytes).ok());
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tarn::runner_host
