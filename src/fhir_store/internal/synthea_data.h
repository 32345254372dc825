// The Synthea resources that lie beside the repository, for tests and benchmarks that want real
// data: 92,057 resources of 300 patients, one file a type.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace tarn::fhir_store {

inline constexpr const char* kSyntheaArchive =
    TARN_SOURCE_DIR "/../shared/data/synthea/ndjson.tar.zst";

// File name -> content; empty when the archive is not there. `folder`: an empty one to unpack in.
inline std::map<std::string, std::string> ReadSynthea(const std::string& folder) {
  std::map<std::string, std::string> files;
  if (!std::filesystem::exists(kSyntheaArchive)) return files;
  const std::string command =
      "zstd -dc '" + std::string(kSyntheaArchive) + "' | tar x -C '" + folder + "'";
  // Called before any other thread is started.
  if (std::system(command.c_str()) != 0) return files;  // NOLINT(concurrency-mt-unsafe)
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/ndjson")) {
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files[entry.path().filename()] = bytes.str();
  }
  return files;
}

}  // namespace tarn::fhir_store
