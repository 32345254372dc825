#include "kv/internal/rocksdb_start.h"

#include <mutex>

// The linker gives the first and one past the last entry of a section whose name is an identifier.
using Initializer = void (*)();
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names.
extern "C" Initializer __start_tarn_rocksdb_start[];
extern "C" Initializer __stop_tarn_rocksdb_start[];
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

namespace tarn::kv {

void StartRocksDb() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (Initializer* at = __start_tarn_rocksdb_start; at != __stop_tarn_rocksdb_start; ++at) {
      if (*at != nullptr) (*at)();
    }
  });
}

}  // namespace tarn::kv
