#include "fhir_store/internal/id_walk.h"

#include <utility>

#include "fhir_store/internal/families.h"

namespace tarn::fhir_store {

IdWalk::IdWalk(const kv::Snapshot& snapshot, fhir::TypeId type, kv::Direction direction)
    : type_(type), direction_(direction) {
  for (size_t i = 0; i < forms_.size(); ++i) {
    const std::string prefix = TypePrefix(type) + static_cast<char>(i);
    forms_[i].cursor = snapshot.Scan(kCurrent, kv::PrefixRange(prefix), direction);
  }
}

void IdWalk::Seek(std::string_view id) {
  from_ = std::string(id);
  const bool forward = direction_ == kv::Direction::kForward;
  for (size_t i = 0; i < forms_.size(); ++i) {
    std::string key = TypePrefix(type_);
    AppendPackedIdBound(&key, i, id, forward ? IdBound::kNotAfter : IdBound::kNotBefore);
    forms_[i].cursor->Seek(key);
    forms_[i].read = false;
  }
}

Result<bool> IdWalk::Next(std::string* id, CurrentRecord* record) {
  Form* next = nullptr;
  for (Form& form : forms_) {
    while (!form.read && form.cursor->Valid()) {
      TRY(form.id, UnpackId(form.cursor->key().substr(TypePrefix(type_).size())));
      // The bound that was sought may lie before it.
      form.read = from_.empty() || !IsBefore(form.id, from_);
      if (!form.read) form.cursor->Next();
    }
    if (!form.read) {
      TRY(form.cursor->status());
    } else if (next == nullptr || IsBefore(form.id, next->id)) {
      next = &form;
    }
  }
  if (next == nullptr) return false;
  TRY(*record, DecodeCurrent(next->cursor->value()));
  *id = std::move(next->id);
  next->read = false;
  next->cursor->Next();
  return true;
}

}  // namespace tarn::fhir_store
