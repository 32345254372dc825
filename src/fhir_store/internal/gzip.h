// Reads and writes gzip (RFC 1952).
// Threads: an Inflater belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct z_stream_s;

namespace tarn::fhir_store {

// The first two bytes of every gzip file.
inline constexpr std::string_view kGzipMagic = "\x1f\x8b";

// Inflates a stream of one member or several, piece by piece.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Gives the next compressed bytes; the ones before must be used up. They must stay until then.
  void Feed(std::string_view compressed);
  bool NeedsInput() const;
  // Fills `out` as far as the input goes; 0 when it needs more. Errors: kInvalid (damaged, or it
  // inflates to more than the limits allow).
  Result<size_t> Read(std::span<char> out);
  // At the end of the input: whether the last member was complete. Errors: kInvalid.
  Status Finish() const;

 private:
  std::unique_ptr<z_stream_s> stream_;
  bool in_member_ = false;
  uint64_t in_bytes_ = 0;
  uint64_t out_bytes_ = 0;
};

// One gzip member with all of `bytes`; members one after the other are a gzip stream again.
std::string GzipMember(std::string_view bytes);

}  // namespace tarn::fhir_store
