#include "synth/internal/part10.h"

#include "base/check.h"

namespace tarn::synth {
namespace {

constexpr std::string_view kExplicitLittleEndian = "1.2.840.10008.1.2.1";
// Ours: a UID derived from a UUID, as PS3.5 B.2 has it.
constexpr std::string_view kImplementationUid = "2.25.290117846312904871133471620873290563412";

}  // namespace

void Part10Writer::Put16(uint32_t value) {
  out_.push_back(static_cast<char>(value));
  out_.push_back(static_cast<char>(value >> 8));
}

void Part10Writer::Put32(uint64_t value) {
  CHECK(value <= UINT32_MAX);
  Put16(static_cast<uint32_t>(value));
  Put16(static_cast<uint32_t>(value >> 16));
}

void Part10Writer::Tag(uint32_t tag) {
  Put16(tag >> 16);
  Put16(tag);
}

void Part10Writer::Text(uint32_t tag, std::string_view vr, std::string_view value) {
  CHECK(vr.size() == 2 && value.size() < UINT16_MAX);
  Tag(tag);
  out_ += vr;
  Put16(static_cast<uint32_t>(value.size() + value.size() % 2));
  out_ += value;
  if (value.size() % 2 != 0) out_.push_back(vr == "UI" ? '\0' : ' ');
}

void Part10Writer::Us(uint32_t tag, uint16_t value) {
  Tag(tag);
  out_ += "US";
  Put16(2);
  Put16(value);
}

void Part10Writer::Pixels(std::string_view vr, std::string_view bytes) {
  CHECK(vr.size() == 2);
  Tag(0x7FE00010);
  out_ += vr;
  Put16(0);
  Put32(bytes.size() + bytes.size() % 2);
  out_ += bytes;
  if (bytes.size() % 2 != 0) out_.push_back('\0');
}

Part10Writer::Part10Writer(std::string_view sop_class_uid, std::string_view sop_instance_uid) {
  Tag(0x00020001);
  out_ += "OB";
  Put16(0);
  Put32(2);
  out_ += std::string_view("\0\1", 2);
  Text(0x00020002, "UI", sop_class_uid);
  Text(0x00020003, "UI", sop_instance_uid);
  Text(0x00020010, "UI", kExplicitLittleEndian);
  Text(0x00020012, "UI", kImplementationUid);
  Text(0x00020013, "SH", "TARN_SYNTH");
  const std::string meta = std::move(out_);
  out_.assign(128, '\0');
  out_ += "DICM";
  Tag(0x00020000);
  out_ += "UL";
  Put16(4);
  Put32(meta.size());
  out_ += meta;
}

}  // namespace tarn::synth
