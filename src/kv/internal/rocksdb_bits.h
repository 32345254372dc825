// How bitmap families live in RocksDB: MergeBits is a merge operand, a chunk that has become empty
// is an empty value, and compaction drops those.
#pragma once

#include <rocksdb/compaction_filter.h>
#include <rocksdb/merge_operator.h>

#include <memory>

namespace tarn::kv {

std::shared_ptr<rocksdb::MergeOperator> NewBitsMergeOperator();

// Never destroyed: column families refer to it by pointer.
const rocksdb::CompactionFilter* BitsCompactionFilter();

}  // namespace tarn::kv
