// What RocksDB does before main elsewhere: some 200 initialisers of options, names and registries,
// which cost every start of the program 2 ms and 3 MB. The build moves their table out of
// .init_array into a section of its own, and this runs it when an engine is opened.
#pragma once

namespace tarn::kv {

// Runs RocksDB's initialisers, once a process. Must come before any use of RocksDB; opening an
// engine does so. Threads: any.
void StartRocksDb();

}  // namespace tarn::kv
