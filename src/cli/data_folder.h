// Where things are in the data folder.
#pragma once

#include <string>

namespace tarn::cli {

inline std::string LockFile(const std::string& data) { return data + "/lock"; }
inline std::string KeyringFile(const std::string& data) { return data + "/keyring.json"; }
inline std::string PageTokenFile(const std::string& data) { return data + "/page-token.key"; }
inline std::string KvFolder(const std::string& data) { return data + "/kv"; }
inline std::string ObjectFolder(const std::string& data) { return data + "/s3"; }
inline std::string FrameFolder(const std::string& data) { return data + "/frames"; }
inline std::string EventFolder(const std::string& data) { return data + "/events"; }

}  // namespace tarn::cli
