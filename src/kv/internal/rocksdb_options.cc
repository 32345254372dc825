#include "kv/internal/rocksdb_options.h"

#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <cstdarg>

#include "base/log.h"
#include "kv/internal/rocksdb_bits.h"

namespace tarn::kv {
namespace {

constexpr size_t kMemtableBytes = 32u << 20;  // One family's, before it is flushed.
// Of a bitmap family. A change of a set goes anywhere in the write buffer, and each step of the way
// there misses the processor's caches where the buffer is larger than they are. So there is a small
// one that is written to, and full ones wait until they are flushed together.
constexpr size_t kBitsMemtableBytes = 4u << 20;
constexpr int kBitsMemtablesFlushed = 6;
constexpr uint64_t kLogBytesMax = 64u << 20;     // Write-ahead log of a store: replayed in 1 s.
constexpr uint64_t kTableFileBytes = 32u << 20;  // Bounds what one file's index can take.
constexpr size_t kManifestPreallocationBytes = 16u << 10;  // A manifest of a store has 5 kB.
constexpr size_t kArenaBlockBytes = 8u << 10;  // RocksDB's own is 1 MB per family once written.
constexpr double kFilterBitsPerKey = 10;       // 1 % false positives.
constexpr double kDeletedShare = 0.5;          // Beyond: a file is compacted at once.
// Keys of a bitmap family that begin alike are near each other, and commits put them in key order:
// the write buffer remembers where it put the last one of each beginning, and looks from there.
constexpr size_t kHintBytes = 5;
constexpr int kFlushThreads = 4;
constexpr int kCacheShardBits = 4;  // 16 MB and more a shard.

// Passes RocksDB's errors on without their arguments, which may be keys and so patients'. What
// failed reaches us as a status as well.
class ErrorLog final : public rocksdb::Logger {
 public:
  ErrorLog() : Logger(rocksdb::InfoLogLevel::ERROR_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list) override {
    if (level >= rocksdb::InfoLogLevel::ERROR_LEVEL &&
        level <= rocksdb::InfoLogLevel::FATAL_LEVEL) {
      LogError("kv storage error", {{"format", format}});
    }
  }
};

rocksdb::BlockBasedTableOptions TableOptions(const RocksDbShared& shared, const FamilySpec& spec) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = shared.cache;
  // Indexes and filters live in the shared cache: memory stays bounded however large a store
  // grows. Those of freshly flushed files are pinned, every read asks them.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.metadata_cache_options.unpartitioned_pinning = rocksdb::PinningTier::kFlushedAndSimilar;
  table.metadata_cache_options.partition_pinning = rocksdb::PinningTier::kFlushedAndSimilar;
  table.format_version = 5;
  // The packaged RocksDB is built without CRC instructions; XXH3 is fast without any.
  table.checksum = rocksdb::kXXH3;
  if (spec.point_lookups) {
    table.block_size = 4u << 10;
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.data_block_hash_table_util_ratio = 0.75;
  } else {
    table.block_size = spec.values_compressed ? 8u << 10 : 16u << 10;
  }
  // Chunks of bitmaps are read by whole key too, often of values that no resource has.
  if (spec.point_lookups || spec.kind == FamilyKind::kBits) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
    table.whole_key_filtering = true;
  }
  return table;
}

}  // namespace

std::shared_ptr<RocksDbShared> NewRocksDbShared(
    const RocksDbOptions& options, const std::shared_ptr<rocksdb::FileSystem>& file_system) {
  auto shared = std::make_shared<RocksDbShared>();
  shared->options = options;
  shared->file_system = file_system;
  rocksdb::LRUCacheOptions cache;
  cache.capacity = options.block_cache_bytes;
  cache.num_shard_bits = kCacheShardBits;
  cache.high_pri_pool_ratio = 0.5;
  shared->cache = rocksdb::NewLRUCache(cache);
  // Unflushed writes are charged to the cache: together they stay below the cache's size.
  shared->write_buffers =
      std::make_shared<rocksdb::WriteBufferManager>(options.memtable_bytes, shared->cache);
  return shared;
}

rocksdb::DBOptions DatabaseOptions(const RocksDbShared& shared, rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.max_open_files = static_cast<int>(shared.options.open_files_max);
  // Compaction takes the CPU, flushes mostly wait for the disk: several at once, or an ingestion,
  // which holds writers up while it flushes each family, would wait for one after the other.
  options.max_background_flushes = kFlushThreads;
  options.max_background_compactions =
      std::max(static_cast<int>(shared.options.background_threads) - 1, 1);
  options.write_buffer_manager = shared.write_buffers;
  // There is one writer at a time, the leader of our group commit.
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  // A power cut leaves the log with one torn record at its end, possibly with holes, because every
  // record is synced before the next one is written. Recovery stops there.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_total_wal_size = kLogBytesMax;
  options.recycle_log_file_num = 0;
  // Spreads the writeback of large files, so that the sync of a commit does not wait for it.
  options.bytes_per_sync = 1u << 20;
  // After a failed write only Resume() takes up writing again, never a timer.
  options.max_bgerror_resume_count = 0;
  options.allow_mmap_reads = false;
  options.allow_mmap_writes = false;
  options.avoid_unnecessary_blocking_io = true;
  options.skip_stats_update_on_db_open = true;
  options.max_manifest_file_size = 16u << 20;
  options.manifest_preallocation_size = kManifestPreallocationBytes;
  // RocksDB's own LOG file is not written: its lines may quote keys, and on a full disk 7.8 with
  // assertions, as Debian builds it, aborts the process at the second line that fails.
  options.info_log = std::make_shared<ErrorLog>();
  // No statistics: they cost.
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.db_host_id = "";  // Would be written into every file.
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const RocksDbShared& shared, const FamilySpec& spec) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kMemtableBytes;
  options.arena_block_size = kArenaBlockBytes;
  options.max_write_buffer_number = 3;
  options.target_file_size_base = kTableFileBytes;
  options.max_bytes_for_level_base = 4 * kTableFileBytes;
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = spec.values_compressed ? rocksdb::kNoCompression : rocksdb::kLZ4Compression;
  // What waited in a family and was taken out again in one go (an import's output) would else stay
  // on disk until other writes happen to cause a compaction.
  options.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(0, 0, kDeletedShare));
  options.periodic_compaction_seconds = 0;
  options.ttl = 0;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(TableOptions(shared, spec)));
  if (spec.kind == FamilyKind::kBits) {
    options.merge_operator = NewBitsMergeOperator();
    options.compaction_filter = BitsCompactionFilter();
    // Folding on write makes hot chunks dear (five times, at a limit of 64); readers fold fast.
    options.max_successive_merges = 0;
    options.write_buffer_size = kBitsMemtableBytes;
    options.min_write_buffer_number_to_merge = kBitsMemtablesFlushed;
    options.max_write_buffer_number = kBitsMemtablesFlushed + 3;
    options.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewFixedPrefixTransform(kHintBytes));
  }
  return options;
}

Error RocksDbError(const rocksdb::Status& status) {
  if (status.IsCorruption()) {
    // Its text may quote keys.
    return {ErrorKind::kCorrupt, "storage: corrupt data (code " +
                                     std::to_string(static_cast<int>(status.subcode())) + ")"};
  }
  if (status.IsIOError() || status.IsNoSpace() || status.IsBusy() || status.IsTimedOut() ||
      status.IsTryAgain() || status.IsIncomplete() || status.IsAborted() ||
      status.IsShutdownInProgress()) {
    return {ErrorKind::kUnavailable, "storage: " + status.ToString()};
  }
  return {ErrorKind::kInternal, "storage: " + status.ToString()};
}

}  // namespace tarn::kv
