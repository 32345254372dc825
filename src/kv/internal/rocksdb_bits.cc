#include "kv/internal/rocksdb_bits.h"

#include <string>
#include <string_view>
#include <vector>

#include "kv/bits_operand.h"

namespace tarn::kv {
namespace {

template <typename Slices>
std::vector<std::string_view> Views(const Slices& slices) {
  std::vector<std::string_view> views;
  views.reserve(slices.size());
  for (const rocksdb::Slice& slice : slices) views.emplace_back(slice.data(), slice.size());
  return views;
}

// A malformed base or operand makes the merge fail, which RocksDB reports as corruption.
class BitsMergeOperator final : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "tarn.bits.1"; }

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    const std::string_view base =
        in.existing_value == nullptr
            ? std::string_view()
            : std::string_view(in.existing_value->data(), in.existing_value->size());
    Result<std::string> merged = ApplyBitsOperands(base, Views(in.operand_list));
    if (!merged.ok()) return false;
    out->new_value = std::move(merged).value();
    return true;
  }

  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& operands,
                         std::string* new_value, rocksdb::Logger*) const override {
    Result<std::string> combined = CombineBitsOperands(Views(operands));
    if (!combined.ok()) return false;
    *new_value = std::move(combined).value();
    return true;
  }
};

// An empty chunk and a missing key mean the same, so snapshots do not see that one was removed.
class EmptyChunkFilter final : public rocksdb::CompactionFilter {
 public:
  const char* Name() const override { return "tarn.empty-chunks.1"; }
  Decision FilterV2(int, const rocksdb::Slice&, ValueType type, const rocksdb::Slice& value,
                    std::string*, std::string*) const override {
    return type == ValueType::kValue && value.empty() ? Decision::kRemove : Decision::kKeep;
  }
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> NewBitsMergeOperator() {
  return std::make_shared<BitsMergeOperator>();
}

const rocksdb::CompactionFilter* BitsCompactionFilter() {
  static const auto* const filter = new EmptyChunkFilter();  // Outlives every store.
  return filter;
}

}  // namespace tarn::kv
