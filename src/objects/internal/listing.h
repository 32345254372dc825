// Lists the keys of a bucket's folder in the byte order of keys, in bounded memory.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string_view>

#include "base/result.h"
#include "objects/internal/folder_windows.h"
#include "objects/object_store.h"

namespace tarn::objects {

// `describe` makes the entry of a key from its file's status. `windows`: what is kept from page to
// page; null: nothing.
using DescribeKey = std::function<ObjectInfo(std::string_view key, const struct stat& status)>;
Result<ListPage> ListKeys(int bucket_fd, const ListRequest& request, const DescribeKey& describe,
                          FolderWindows* windows);

}  // namespace tarn::objects
