// Payloads mirror the document, so one walk serves removals and updates: the payload is followed
// level by level beside the tree, and every attribute passes the same check before it is touched.
#include "dicom/metadata_edit.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "dicom/internal/value_check.h"
#include "dicom/internal/values.h"

namespace tarn::dicom {
namespace {

using json::Value;

constexpr std::string_view kSchemaVersion = "1.1";

json::Limits PayloadLimits(uint32_t text_bytes_max) {
  json::Limits limits;
  limits.text_bytes_max = text_bytes_max;
  limits.nodes_max = 200'000;
  return limits;
}

json::Limits InstanceLimits() {
  json::Limits limits;
  limits.depth_max = 128;
  limits.nodes_max = 8'000'000;
  return limits;
}

std::string_view LevelName(Level level) {
  static constexpr std::array<std::string_view, 4> kNames = {"instance", "patient", "study",
                                                             "series"};
  return kNames[static_cast<size_t>(level)];
}

// Every member of `object` is one of `names`.
Status CheckMembers(const Value& object, std::string_view where,
                    std::initializer_list<std::string_view> names) {
  if (!object.IsObject()) return Invalid(std::string(where) + " is no object");
  for (const auto& [name, value] : object.members()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return Invalid(std::string(where) + " has a member that cannot be changed: only " +
                     std::string(*names.begin()) + (names.size() > 1 ? " and what is below" : "") +
                     " can");
    }
    if (name != "SchemaVersion" && !value.IsObject()) {
      return Invalid(std::string(where) + ": " + name + " is no object");
    }
  }
  return Ok();
}

Status CheckSchemaVersion(const Value& root) {
  const Value* version = root.Find("SchemaVersion");
  if (!version) return Ok();
  const bool right = (version->IsString() && version->AsString() == kSchemaVersion) ||
                     (version->IsNumber() && version->NumberToken() == kSchemaVersion);
  return right ? Ok() : Invalid("SchemaVersion is not 1.1");
}

// The shape of a payload: what may stand where, not which attributes.
Status CheckShape(const Value& root, bool* addresses_series) {
  TRY(CheckMembers(root, "the document", {"Patient", "Study", "SchemaVersion"}));
  TRY(CheckSchemaVersion(root));
  const Value* patient = root.Find("Patient");
  if (patient) TRY(CheckMembers(*patient, "Patient", {"DICOM"}));
  const Value* study = root.Find("Study");
  if (!study) return Ok();
  TRY(CheckMembers(*study, "Study", {"DICOM", "Series"}));
  const Value* all_series = study->Find("Series");
  if (!all_series) return Ok();
  for (const auto& [uid, series] : all_series->members()) {
    *addresses_series = true;
    TRY(CheckMembers(series, "a Series", {"DICOM", "Instances"}));
    const Value* instances = series.Find("Instances");
    if (!instances) continue;
    for (const auto& [sop_uid, instance] : instances->members()) {
      TRY(CheckMembers(instance, "an Instance", {"DICOM", "DICOMVRs"}));
    }
  }
  return Ok();
}

Result<Value> ParsePayload(std::string_view text, uint32_t bytes_max) {
  if (text.size() > bytes_max) {
    return Error{ErrorKind::kTooLarge,
                 "the payload has more than " + std::to_string(bytes_max) + " bytes"};
  }
  return json::ParseValue(text, PayloadLimits(bytes_max));
}

bool IsRootUid(Tag tag) {
  return tag == kStudyInstanceUid || tag == kSeriesInstanceUid || tag == kSopInstanceUid;
}

bool IsAnyPixelData(Tag tag) {
  return tag == kPixelData || tag == kFloatPixelData || tag == kDoubleFloatPixelData;
}

Error Refused(std::string_view name, std::string_view why) {
  return Invalid("DICOM attribute " + std::string(name) + " " + std::string(why));
}

// One request being applied.
class Editor {
 public:
  Editor(const EditOptions& options, bool removing, MetadataTree* tree)
      : options_(options), removing_(removing), tree_(*tree) {}

  Status Apply(const Value& root);

 private:
  Status ApplySeries(const std::string& uid, const Value& payload);
  Status ApplyInstances(MetadataTree::Series* series, const Value& payload);
  Status ApplyInstance(MetadataTree::Series* series, const std::string& uid, const Value& payload);
  Status ApplyAttributes(const Value& payload, Level level, Attributes* attributes);

  // The value to store; nothing when the attribute is to be removed.
  Result<std::optional<Value>> Check(std::string_view name, const Value& value, Level level) const;
  Result<std::optional<Value>> CheckKeyword(const DictionaryEntry& entry, const Value& value,
                                            Level level) const;
  Status CheckUnforced(const DictionaryEntry& entry, const Value& value) const;
  Result<std::optional<Value>> CheckTag(std::string_view name, const Value& value,
                                        Level level) const;
  static Result<Value> Normalize(const DictionaryEntry& entry, const Value& value);
  Status RenameSeries(const std::string& uid);
  static Status MergeVrs(const Value& payload, Value* instance);

  const EditOptions options_;
  const bool removing_;
  MetadataTree& tree_;
};

Status Editor::Apply(const Value& root) {
  if (root.IsNull()) return Ok();
  const Value* patient = root.Find("Patient");
  if (patient) TRY(ApplyAttributes(*patient, Level::kPatient, &tree_.patient()));
  const Value* study = root.Find("Study");
  if (!study) return Ok();
  TRY(ApplyAttributes(*study, Level::kStudy, &tree_.study()));
  const Value* all_series = study->Find("Series");
  if (!all_series) return Ok();
  for (const auto& [uid, series] : all_series->members()) TRY(ApplySeries(uid, series));
  return Ok();
}

Status Editor::ApplySeries(const std::string& uid, const Value& payload) {
  const auto found = tree_.series().find(uid);
  if (found == tree_.series().end()) return Invalid("the image set has no such series");
  const Value* instances = payload.Find("Instances");
  if (instances) TRY(ApplyInstances(&found->second, *instances));
  TRY(ApplyAttributes(payload, Level::kSeries, &found->second.attributes));
  return RenameSeries(uid);
}

// A node is named by its UID: a new UID is a new name.
Status Editor::RenameSeries(const std::string& uid) {
  auto& all = tree_.series();
  const auto found = all.find(uid);
  const std::string now = AttributeText(found->second.attributes, "SeriesInstanceUID");
  if (now == uid || now.empty()) return Ok();
  if (all.count(now) != 0) {
    return Error{ErrorKind::kConflict, "the image set has a series of that SeriesInstanceUID"};
  }
  auto node = all.extract(found);
  node.key() = now;
  all.insert(std::move(node));
  return Ok();
}

Status Editor::ApplyInstances(MetadataTree::Series* series, const Value& payload) {
  for (const auto& [uid, instance] : payload.members()) {
    const auto found = series->instances.find(uid);
    if (found == series->instances.end()) return Invalid("the series has no such instance");
    if (!removing_ || !instance.members().empty()) {
      TRY(ApplyInstance(series, uid, instance));
      continue;
    }
    if (!options_.force) return Invalid("an instance is removed with force only");
    if (tree_.InstanceCount() == 1) {
      return Invalid("the last instance of an image set cannot be removed: delete the image set");
    }
    series->instances.erase(found);
  }
  return Ok();
}

Status Editor::ApplyInstance(MetadataTree::Series* series, const std::string& uid,
                             const Value& payload) {
  const auto found = series->instances.find(uid);
  auto parsed = json::ParseValue(found->second, InstanceLimits());
  if (!parsed.ok()) {
    return Error{ErrorKind::kCorrupt, "stored metadata: " + parsed.error().detail};
  }
  Value& instance = parsed.value();
  TRY(MergeVrs(payload, &instance));
  Value* dicom = instance.Find("DICOM");
  if (!dicom || !dicom->IsObject()) {
    return Error{ErrorKind::kCorrupt, "stored metadata: an instance without DICOM"};
  }
  const Value* changes = payload.Find("DICOM");
  std::string now = uid;
  if (changes) {
    for (const auto& [name, value] : changes->members()) {
      const Value* vrs = instance.Find("DICOMVRs");
      const bool named_by_tag = ParseTagHex(name).has_value();
      if (named_by_tag && !removing_ && (!vrs || !vrs->Find(name))) {
        return Refused(name, "has no value representation in DICOMVRs");
      }
      TRY(std::optional<Value> stored, Check(name, value, Level::kInstance));
      if (name == "SOPInstanceUID" && stored) now = stored->AsString();
      if (stored) {
        dicom->Set(name, *std::move(stored));
      } else {
        dicom->Remove(name);
        if (Value* all = instance.Find("DICOMVRs"); all && named_by_tag) all->Remove(name);
      }
    }
  }
  found->second = ToText(instance);
  if (now == uid) return Ok();
  if (series->instances.count(now) != 0) {
    return Error{ErrorKind::kConflict, "the series has an instance of that SOPInstanceUID"};
  }
  auto node = series->instances.extract(found);
  node.key() = now;
  series->instances.insert(std::move(node));
  return Ok();
}

// Value representations of the payload, for the attributes that it adds by their tag.
Status Editor::MergeVrs(const Value& payload, Value* instance) {
  const Value* vrs = payload.Find("DICOMVRs");
  const Value* changes = payload.Find("DICOM");
  if (!vrs) return Ok();
  if (!instance->Find("DICOMVRs")) instance->Set("DICOMVRs", Value::MakeObject());
  for (const auto& [name, value] : vrs->members()) {
    const bool known = value.IsString() && value.AsString().size() == 2 &&
                       ParseVr(value.AsString()[0], value.AsString()[1]);
    if (!known) return Refused(name, "has an unknown value representation in DICOMVRs");
    if (!ParseTagHex(name) || !changes || !changes->Find(name)) {
      return Refused(name, "is in DICOMVRs, but not, by its tag, in DICOM");
    }
    instance->Find("DICOMVRs")->Set(name, value);
  }
  return Ok();
}

Status Editor::ApplyAttributes(const Value& payload, Level level, Attributes* attributes) {
  const Value* changes = payload.Find("DICOM");
  if (!changes) return Ok();
  for (const auto& [name, value] : changes->members()) {
    TRY(std::optional<Value> stored, Check(name, value, level));
    const auto found =
        std::find_if(attributes->begin(), attributes->end(),
                     [&wanted = name](const Attribute& a) { return a.name == wanted; });
    if (!stored) {
      if (found != attributes->end()) attributes->erase(found);
    } else if (found != attributes->end()) {
      found->json = ToText(*stored);
    } else {
      attributes->push_back({name, ToText(*stored)});
    }
  }
  return Ok();
}

Result<std::optional<Value>> Editor::Check(std::string_view name, const Value& value,
                                           Level level) const {
  const auto entry = FindAttribute(name);
  if (entry) return CheckKeyword(*entry, value, level);
  return CheckTag(name, value, level);
}

// Private attributes, and others that have no keyword.
Result<std::optional<Value>> Editor::CheckTag(std::string_view name, const Value& value,
                                              Level level) const {
  const auto tag = ParseTagHex(name);
  if (!tag) return Refused("of an unknown keyword", "cannot be changed");
  const auto standard = FindAttribute(*tag);
  if (standard && standard->tag == *tag) {
    return Refused(name, "is named by its keyword " + std::string(standard->keyword));
  }
  if (!options_.force) return Refused(name, "is not in the standard: it changes with force only");
  if (level != Level::kInstance) return Refused(name, "belongs to the instance level");
  if (removing_) return std::optional<Value>();
  if (value.IsBool()) return Refused(name, "cannot be true or false");
  return std::optional<Value>(value);
}

Result<std::optional<Value>> Editor::CheckKeyword(const DictionaryEntry& entry, const Value& value,
                                                  Level level) const {
  if (entry.level != level) {
    return Refused(entry.keyword,
                   "belongs to the " + std::string(LevelName(entry.level)) + " level");
  }
  if (IsAnyPixelData(entry.tag)) return Refused(entry.keyword, "cannot be changed");
  if (!options_.force) TRY(CheckUnforced(entry, value));
  if (removing_) {
    if (IsRootUid(entry.tag)) return Refused(entry.keyword, "cannot be removed");
    return std::optional<Value>();
  }
  if (IsRootUid(entry.tag)) {
    const bool usable = value.IsString() && value.AsString().size() <= kIdentifierCharactersMax &&
                        internal::IsHarmlessIdentifier(value.AsString());
    if (!usable) return Refused(entry.keyword, "is no UID");
  }
  TRY(Value normal, Normalize(entry, value));
  return std::optional<Value>(std::move(normal));
}

Status Editor::CheckUnforced(const DictionaryEntry& entry, const Value& value) const {
  if (entry.vr == Vr::kUi) return Refused(entry.keyword, "is a UID: it changes with force only");
  if (entry.tag == kStudyId) return Refused(entry.keyword, "changes with force only");
  if (entry.vr == Vr::kSq)
    return Refused(entry.keyword, "is a sequence: it changes with force only");
  if (entry.vm_max != 1) {
    return Refused(entry.keyword, "may have several values: it changes with force only");
  }
  if (!removing_ && !internal::IsValidValue(entry.vr, value)) {
    return Refused(entry.keyword, "does not have a value of its value representation " +
                                      std::string(VrText(entry.vr)));
  }
  return Ok();
}

// The form that the document gives the attribute: an array where several values are possible, DS
// and IS as strings. Sequences are replaced as a whole.
Result<Value> Editor::Normalize(const DictionaryEntry& entry, const Value& value) {
  if (value.IsNull()) return value;
  if (value.IsBool()) return Refused(entry.keyword, "cannot be true or false");
  if (entry.vr == Vr::kSq) {
    const bool items = value.IsArray() && std::all_of(value.items().begin(), value.items().end(),
                                                      [](const Value& v) { return v.IsObject(); });
    if (!items) return Refused(entry.keyword, "is no array of items");
    return value.items().empty() ? Value::Null() : value;
  }
  if (value.IsObject()) return Refused(entry.keyword, "cannot be an object");
  const auto scalar = [&](const Value& one) {
    const bool as_text = one.IsNumber() && IsText(entry.vr);
    return as_text ? Value::String(one.NumberToken()) : one;
  };
  if (!value.IsArray()) {
    if (entry.vm_max == 1) return scalar(value);
    return Value::MakeArray({scalar(value)});
  }
  Value out = Value::MakeArray();
  for (const Value& one : value.items()) {
    if (one.IsArray() || one.IsObject() || one.IsBool()) {
      return Refused(entry.keyword, "has a value that is no text and no number");
    }
    out.Append(scalar(one));
  }
  return out.items().empty() ? Value::Null() : out;
}

const Attribute* FindNamed(const Attributes& attributes, std::string_view name) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Attribute& a) { return a.name == name; });
  return found == attributes.end() ? nullptr : &*found;
}

// The same attributes with the same values, padding aside.
Status CheckConsistent(const Attributes& source, const Attributes& destination) {
  for (const auto& [from, to] :
       {std::pair{&source, &destination}, std::pair{&destination, &source}}) {
    for (const Attribute& attribute : *from) {
      const Attribute* other = FindNamed(*to, attribute.name);
      const bool same =
          other && (other->json == attribute.json ||
                    (attribute.json.front() == '"' && other->json.front() == '"' &&
                     AttributeText(*from, attribute.name) == AttributeText(*to, attribute.name)));
      if (!same) {
        return Error{ErrorKind::kConflict,
                     "DICOM attribute " + attribute.name + " is not the same in both image sets"};
      }
    }
  }
  return Ok();
}

bool HasInstance(const MetadataTree& tree, std::string_view sop_uid) {
  return std::any_of(tree.series().begin(), tree.series().end(), [&](const auto& series) {
    return series.second.instances.find(sop_uid) != series.second.instances.end();
  });
}

Status CopySeries(const std::string& uid, const MetadataTree::Series& source,
                  const std::vector<const std::string*>& sop_uids, const CopyOptions& options,
                  MetadataTree* destination) {
  const auto found = destination->series().find(uid);
  if (found != destination->series().end() && !options.force) {
    TRY(CheckConsistent(source.attributes, found->second.attributes));
  }
  for (const std::string* sop_uid : sop_uids) {
    if (HasInstance(*destination, *sop_uid)) {
      return Error{ErrorKind::kConflict,
                   "the destination has an instance of the same SOPInstanceUID"};
    }
  }
  MetadataTree::Series& into = destination->series()[uid];
  if (found == destination->series().end()) into.attributes = source.attributes;
  for (const std::string* sop_uid : sop_uids) {
    into.instances.emplace(*sop_uid, source.instances.find(*sop_uid)->second);
  }
  return Ok();
}

}  // namespace

Result<MetadataUpdates> ParseUpdates(const UpdatePayloads& payloads) {
  if (payloads.updatable.empty() && payloads.removable.empty()) {
    return Invalid("neither updatableAttributes nor removableAttributes is given");
  }
  MetadataUpdates out;
  if (!payloads.updatable.empty()) {
    TRY(out.updatable, ParsePayload(payloads.updatable, kUpdatePayloadBytesMax));
    TRY(CheckShape(out.updatable, &out.addresses_series));
  }
  if (!payloads.removable.empty()) {
    TRY(out.removable, ParsePayload(payloads.removable, kUpdatePayloadBytesMax));
    TRY(CheckShape(out.removable, &out.addresses_series));
  }
  return out;
}

Status ApplyUpdates(const MetadataUpdates& updates, const EditOptions& options,
                    MetadataTree* tree) {
  if (options.force && options.is_primary) {
    return Invalid("force applies to image sets that are not primary");
  }
  TRY(Editor(options, true, tree).Apply(updates.removable));
  return Editor(options, false, tree).Apply(updates.updatable);
}

Result<std::vector<InstanceName>> ParseCopySelection(std::string_view copiable) {
  std::vector<InstanceName> out;
  if (copiable.empty()) return out;
  TRY(const Value root, ParsePayload(copiable, kCopyPayloadBytesMax));
  bool addresses_series = false;
  TRY(CheckShape(root, &addresses_series));
  const Value* study = root.Find("Study");
  const Value* all_series = study ? study->Find("Series") : nullptr;
  if (!all_series) return Invalid("copiableAttributes names no instance");
  for (const auto& [uid, series] : all_series->members()) {
    const Value* instances = series.Find("Instances");
    if (!instances) continue;
    for (const auto& [sop_uid, instance] : instances->members()) out.push_back({uid, sop_uid});
  }
  if (out.empty()) return Invalid("copiableAttributes names no instance");
  return out;
}

Status CopyInstances(const MetadataTree& source, const std::vector<InstanceName>& names,
                     const CopyOptions& options, MetadataTree* destination) {
  // By series, the source's own strings.
  std::map<std::string_view, std::vector<const std::string*>> chosen;
  for (const InstanceName& name : names) {
    const auto series = source.series().find(name.series_instance_uid);
    if (series == source.series().end()) return NotFound("the source has no such series");
    const auto instance = series->second.instances.find(name.sop_instance_uid);
    if (instance == series->second.instances.end()) {
      return NotFound("the source has no such instance");
    }
    chosen[series->first].push_back(&instance->first);
  }
  if (names.empty()) {
    for (const auto& [uid, series] : source.series()) {
      for (const auto& [sop_uid, json] : series.instances) chosen[uid].push_back(&sop_uid);
    }
  }
  if (destination->InstanceCount() == 0) {
    destination->patient() = source.patient();
    destination->study() = source.study();
    destination->series().clear();
  } else if (!options.force) {
    TRY(CheckConsistent(source.patient(), destination->patient()));
    TRY(CheckConsistent(source.study(), destination->study()));
  }
  for (const auto& [uid, sop_uids] : chosen) {
    const auto series = source.series().find(uid);
    TRY(CopySeries(series->first, series->second, sop_uids, options, destination));
  }
  return Ok();
}

}  // namespace tarn::dicom
