#include "image_store/properties.h"

#include <array>

#include "base/check.h"

namespace tarn::image_store {
namespace {

constexpr std::array<std::string_view, kImageSetStateCount> kStateNames = {"ACTIVE", "LOCKED",
                                                                           "DELETED"};
constexpr std::array<std::string_view, kWorkflowStatusCount> kStatusNames = {
    "CREATED",
    "COPIED",
    "COPYING",
    "COPYING_WITH_READ_ONLY_ACCESS",
    "COPY_FAILED",
    "UPDATING",
    "UPDATING_FOR_STUDY_CONSISTENCY",
    "UPDATED",
    "UPDATE_FAILED",
    "DELETING",
    "DELETED",
    "IMPORTING",
    "IMPORTED",
    "IMPORT_FAILED"};

}  // namespace

std::string_view ImageSetStateName(ImageSetState state) {
  const auto index = static_cast<size_t>(state);
  CHECK(index < kStateNames.size());
  return kStateNames[index];
}

std::string_view WorkflowStatusName(WorkflowStatus status) {
  const auto index = static_cast<size_t>(status);
  CHECK(index < kStatusNames.size());
  return kStatusNames[index];
}

}  // namespace tarn::image_store
