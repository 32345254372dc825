#include "fhir_store/internal/index_builder.h"

#include <chrono>

#include "base/log.h"
#include "fhir_store/internal/posting_fill.h"

namespace tarn::fhir_store {
namespace {

constexpr int kPauseMs = 200;

}  // namespace

IndexBuilder::IndexBuilder(StoreState& state) : state_(state), thread_([this] { Run(); }) {}

IndexBuilder::~IndexBuilder() {
  stop_ = true;
  thread_.join();
}

void IndexBuilder::Run() {
  for (bool failed = false; !stop_;) {
    const Status built = Build();
    if (built.ok()) return;
    if (!failed) LogError("index_not_built", {{"reason", built.error().detail}});
    failed = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
  }
}

Status IndexBuilder::Build() {
  uint64_t all = 0;
  const auto snapshot = state_.kv.GetSnapshot();
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    TRY(const uint64_t count, CountLiveOf(*snapshot, type));
    all += count;
  }
  uint64_t done = 0;
  const auto generation = state_.generations.Get();
  const PostingFill fill = {.definitions = *generation->writing,
                            .wanted = {},
                            .stop = [this] { return stop_.load(); },
                            .filled =
                                [&](uint64_t resources) {
                                  done += resources;
                                  state_.index->SetProgress(done, all);
                                }};
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    TRY(FillPostings(state_, type, fill));
    if (stop_) return Ok();
  }
  kv::Batch batch;
  SearchIndex::AddCompletion(&batch);
  TRY(state_.kv.Commit(batch));
  state_.index->SetComplete();
  return Ok();
}

}  // namespace tarn::fhir_store
