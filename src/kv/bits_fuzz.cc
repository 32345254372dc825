// Bitmap chunks and operands from arbitrary bytes: refused, or sound and agreeing with a plain
// array of 65,536 flags.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "kv/bits.h"
#include "kv/bits_operand.h"

using tarn::Result;
using tarn::kv::Bits;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The first byte says where the base ends and the operand begins, in units of 4 bytes.
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view base = input.substr(0, static_cast<size_t>(data[0]) * 4);
  const std::string_view operand = input.substr(base.size());

  const Result<Bits> decoded = Bits::Decode(base);
  if (decoded.ok()) {
    const std::vector<uint16_t> values = decoded.value().Values();
    CHECK(Bits(values) == decoded.value());
    CHECK(values.size() == decoded.value().Count());
    const Result<Bits> again = Bits::Decode(decoded.value().Encode());
    CHECK(again.ok() && again.value() == decoded.value());
  }
  const auto combined = tarn::kv::CombineBitsOperands({&operand, 1});
  const auto applied = tarn::kv::ApplyBitsOperands(base, {&operand, 1});
  CHECK(applied.ok() == (decoded.ok() && combined.ok()));
  if (!applied.ok()) return 0;
  const std::string_view same = combined.value();
  CHECK(tarn::kv::ApplyBitsOperands(base, {&same, 1}).value() == applied.value());
  CHECK(tarn::kv::CombineBitsOperands({&same, 1}).value() == combined.value());
  // An operand is idempotent.
  CHECK(tarn::kv::ApplyBitsOperands(applied.value(), {&operand, 1}).value() == applied.value());
  return 0;
}
