// The resources of one type in the order of their ids, as text.
// Threads: belongs to its thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/internal/keys.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class IdWalk {
 public:
  // `snapshot` must outlive the walk.
  IdWalk(const kv::Snapshot& snapshot, fhir::TypeId type, kv::Direction direction);

  // Goes on at `id`, or at what follows it in the walk's direction. Any text will do.
  void Seek(std::string_view id);
  // The next resource, deleted ones too; false at the end. Errors: kCorrupt, kUnavailable.
  Result<bool> Next(std::string* id, CurrentRecord* record);

 private:
  struct Form {  // The ids of one packed form sort like their texts.
    std::unique_ptr<kv::Cursor> cursor;
    std::string id;
    bool read = false;  // `id` is the cursor's.
  };

  bool IsBefore(std::string_view a, std::string_view b) const {
    return direction_ == kv::Direction::kForward ? a < b : b < a;
  }

  const fhir::TypeId type_;
  const kv::Direction direction_;
  std::array<Form, kPackedIdForms> forms_;
  std::string from_;
};

}  // namespace tarn::fhir_store
