#include "dicom/metadata.h"

#include <algorithm>
#include <utility>

#include "dicom/internal/gzip.h"
#include "dicom/internal/metadata_writer.h"
#include "dicom/internal/values.h"
#include "dicom/warnings.h"
#include "json/document.h"
#include "json/value.h"
#include "json/writer.h"

namespace tarn::dicom {
namespace {

constexpr std::string_view kSchemaVersion = "1.1";

json::Limits MetadataLimits() {
  json::Limits limits;
  limits.depth_max = 128;  // 32 sequences, two levels each, and the document's own.
  limits.nodes_max = 8'000'000;
  return limits;
}

Error TooLarge() {
  return {ErrorKind::kTooLarge,
          "the image set's metadata has more than " + std::to_string(kMetadataBytesMax) + " bytes"};
}

Error Corrupt(std::string_view what) {
  return {ErrorKind::kCorrupt, "stored metadata: " + std::string(what)};
}

// Calls `write` with the pieces of the object {"name":json,...}.
template <typename Write>
void EmitAttributes(const Attributes& attributes, const Write& write) {
  write("{");
  bool first = true;
  for (const Attribute& attribute : attributes) {
    std::string name = first ? "" : ",";
    first = false;
    json::AppendString(&name, attribute.name);
    name += ':';
    write(name);
    write(attribute.json);
  }
  write("}");
}

template <typename Write>
void EmitKey(std::string_view name, bool first, const Write& write) {
  std::string key = first ? "" : ",";
  json::AppendString(&key, name);
  key += ':';
  write(key);
}

void AppendFrames(const PixelRecord& pixels, json::Writer* writer) {
  writer->Key("ImageFrames").BeginArray();
  for (const FrameRecord& frame : pixels.frames) {
    writer->BeginObject().Key("ID").String(frame.id);
    writer->Key("PixelDataChecksumFromBaseToFullResolution").BeginArray().BeginObject();
    writer->Key("Width").Int(frame.width).Key("Height").Int(frame.height);
    writer->Key("Checksum").Int(frame.checksum).EndObject().EndArray();
    const auto number = [&](std::string_view name, const std::optional<int64_t>& value) {
      writer->Key(name);
      if (value) {
        writer->Int(*value);
      } else {
        writer->Null();
      }
    };
    number("MinPixelValue", frame.min_pixel_value);
    number("MaxPixelValue", frame.max_pixel_value);
    writer->Key("FrameSizeInBytes").Int(static_cast<int64_t>(frame.frame_bytes)).EndObject();
  }
  writer->EndArray();
}

std::string InstanceJson(const InstanceMetadata& instance) {
  std::string out;
  out.reserve(instance.dicom.size() + instance.dicom_vrs.size() + 256);
  json::Writer writer(&out);
  writer.BeginObject().Key("DICOM").Raw(instance.dicom);
  if (!instance.dicom_vrs.empty()) writer.Key("DICOMVRs").Raw(instance.dicom_vrs);
  const PixelRecord& pixels = instance.pixels;
  if (!pixels.stored_transfer_syntax_uid.empty()) {
    writer.Key("StoredTransferSyntaxUID").String(pixels.stored_transfer_syntax_uid);
  }
  if (!pixels.checksum_type.empty()) writer.Key("ChecksumType").String(pixels.checksum_type);
  if (!pixels.frames.empty()) AppendFrames(pixels, &writer);
  writer.EndObject().Finish();
  return out;
}

// Equal but for the padding of texts.
bool SameValue(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto inside = [](std::string_view text) {
    return internal::Trim(text.substr(1, text.size() - 2));
  };
  return a.front() == '"' && b.front() == '"' && inside(a) == inside(b);
}

// Adds what is missing; names what differs.
void Merge(const Attributes& from, Attributes* into, std::vector<std::string>* differing) {
  for (const Attribute& attribute : from) {
    const auto found = std::find_if(into->begin(), into->end(), [&](const Attribute& candidate) {
      return candidate.name == attribute.name;
    });
    if (found == into->end()) {
      into->push_back(attribute);
    } else if (!SameValue(found->json, attribute.json)) {
      differing->push_back(attribute.name);
    }
  }
}

uint32_t FindBelow(const json::Document& document, uint32_t node, std::string_view name) {
  return node == json::kNoNode ? json::kNoNode : document.Find(node, name);
}

Result<Attributes> ReadAttributes(const json::Document& document, uint32_t node) {
  const uint32_t dicom = FindBelow(document, node, "DICOM");
  Attributes out;
  if (dicom == json::kNoNode) return out;
  if (document.kind(dicom) != json::Kind::kObject) return Corrupt("DICOM is no object");
  for (uint32_t n = document.FirstChild(dicom); n != json::kNoNode;
       n = document.NextSibling(dicom, n)) {
    out.push_back({document.Key(n), std::string(document.Raw(n))});
  }
  return out;
}

Result<std::string> ReadText(const json::Document& document, std::string_view name) {
  const uint32_t node = document.Find(json::kRoot, name);
  if (node == json::kNoNode || document.kind(node) != json::Kind::kString) {
    return Corrupt(std::string(name) + " is no string");
  }
  return document.String(node);
}

Result<FrameRecord> ReadFrame(const json::Value& value) {
  FrameRecord frame;
  const auto number = [](const json::Value* found) {
    return found ? found->AsInt() : std::nullopt;
  };
  const json::Value* id = value.Find("ID");
  const json::Value* checksums = value.Find("PixelDataChecksumFromBaseToFullResolution");
  if (!id || !id->IsString() || !checksums || !checksums->IsArray() || checksums->items().empty()) {
    return Corrupt("a frame without ID or checksum");
  }
  frame.id = id->AsString();
  const json::Value& full = checksums->items().back();
  const auto width = number(full.Find("Width"));
  const auto height = number(full.Find("Height"));
  const auto checksum = number(full.Find("Checksum"));
  const auto bytes = number(value.Find("FrameSizeInBytes"));
  if (!width || !height || !checksum || !bytes) return Corrupt("a frame without its sizes");
  frame.width = static_cast<uint32_t>(*width);
  frame.height = static_cast<uint32_t>(*height);
  frame.checksum = static_cast<uint32_t>(*checksum);
  frame.frame_bytes = static_cast<uint64_t>(*bytes);
  frame.min_pixel_value = number(value.Find("MinPixelValue"));
  frame.max_pixel_value = number(value.Find("MaxPixelValue"));
  return frame;
}

}  // namespace

std::string AttributeText(const Attributes& attributes, std::string_view keyword) {
  for (const Attribute& attribute : attributes) {
    if (attribute.name != keyword) continue;
    std::string_view json = attribute.json;
    if (json.empty() || json == "null" || json == "[]") return {};
    if (json.front() == '[') {
      const auto value = json::ParseValue(json, MetadataLimits());
      if (!value.ok() || !value.value().IsArray() || value.value().items().empty()) return {};
      const json::Value& first = value.value().items().front();
      if (first.IsString()) return std::string(internal::Trim(first.AsString()));
      return first.IsNumber() ? first.NumberToken() : std::string();
    }
    if (json.front() != '"') return std::string(json);
    return std::string(internal::Trim(json::Unescape(json.substr(1, json.size() - 2))));
  }
  return {};
}

Result<InstanceMetadata> BuildMetadata(const Instance& instance) {
  TRY(InstanceIdentity identity, ReadIdentity(instance));
  InstanceMetadata out;
  out.sop_instance_uid = std::move(identity.sop_instance_uid);
  out.series_instance_uid = std::move(identity.series_instance_uid);
  out.study_instance_uid = std::move(identity.study_instance_uid);
  internal::MetadataWriter(instance).Write(&out);
  if (out.dicom.size() > kMetadataBytesMax) return TooLarge();
  return out;
}

Result<MetadataTree> MetadataTree::FromJson(std::string_view json) {
  json::Parser parser(MetadataLimits());
  const auto parsed = parser.Parse(json);
  if (!parsed.ok()) return Corrupt(parsed.error().detail);
  const json::Document& document = parsed.value();
  TRY(std::string datastore_id, ReadText(document, "DatastoreID"));
  TRY(std::string image_set_id, ReadText(document, "ImageSetID"));
  MetadataTree out(std::move(datastore_id), std::move(image_set_id));
  const uint32_t study = document.Find(json::kRoot, "Study");
  TRY(out.patient_, ReadAttributes(document, document.Find(json::kRoot, "Patient")));
  TRY(out.study_, ReadAttributes(document, study));
  const uint32_t all_series = FindBelow(document, study, "Series");
  if (all_series == json::kNoNode) return out;
  for (uint32_t node = document.FirstChild(all_series); node != json::kNoNode;
       node = document.NextSibling(all_series, node)) {
    Series& series = out.series_[document.Key(node)];
    TRY(series.attributes, ReadAttributes(document, node));
    const uint32_t instances = document.Find(node, "Instances");
    if (instances == json::kNoNode) continue;
    for (uint32_t n = document.FirstChild(instances); n != json::kNoNode;
         n = document.NextSibling(instances, n)) {
      if (document.kind(n) != json::Kind::kObject) return Corrupt("an instance is no object");
      series.instances.emplace(document.Key(n), document.Raw(n));
    }
  }
  return out;
}

Result<MetadataTree> MetadataTree::FromGzip(std::string_view gzip) {
  TRY(const std::string json, internal::Gunzip(gzip, kMetadataBytesMax));
  return FromJson(json);
}

Result<MetadataTree::Added> MetadataTree::Add(const InstanceMetadata& instance) {
  Added added;
  const auto found = series_.find(instance.series_instance_uid);
  added.replaced =
      found != series_.end() && found->second.instances.count(instance.sop_instance_uid) != 0;
  const size_t others = InstanceCount() - (added.replaced ? 1 : 0);
  if (others == 0) {
    // Nothing else stands behind the present attributes.
    patient_.clear();
    study_.clear();
    series_.clear();
  } else if (AttributeText(study_, "StudyInstanceUID") != instance.study_instance_uid) {
    return Error{ErrorKind::kConflict, "the instance is of another study than the image set"};
  }
  Series& series = series_[instance.series_instance_uid];
  Merge(instance.patient, &patient_, &added.coerced);
  Merge(instance.study, &study_, &added.coerced);
  Merge(instance.series, &series.attributes, &added.coerced);
  std::string json = InstanceJson(instance);
  if (json.size() > kMetadataBytesMax) return TooLarge();
  series.instances.insert_or_assign(instance.sop_instance_uid, std::move(json));
  return added;
}

size_t MetadataTree::InstanceCount() const {
  size_t count = 0;
  for (const auto& [uid, series] : series_) count += series.instances.size();
  return count;
}

Result<PixelRecord> MetadataTree::Pixels(std::string_view series_uid,
                                         std::string_view sop_uid) const {
  PixelRecord out;
  const auto series = series_.find(series_uid);
  if (series == series_.end()) return out;
  const auto instance = series->second.instances.find(sop_uid);
  if (instance == series->second.instances.end()) return out;
  const auto parsed = json::ParseValue(instance->second, MetadataLimits());
  if (!parsed.ok()) return Corrupt(parsed.error().detail);
  const json::Value& value = parsed.value();
  const json::Value* syntax = value.Find("StoredTransferSyntaxUID");
  if (syntax && syntax->IsString()) out.stored_transfer_syntax_uid = syntax->AsString();
  const json::Value* type = value.Find("ChecksumType");
  if (type && type->IsString()) out.checksum_type = type->AsString();
  const json::Value* frames = value.Find("ImageFrames");
  if (!frames) return out;
  if (!frames->IsArray()) return Corrupt("ImageFrames is no array");
  for (const json::Value& frame : frames->items()) {
    TRY(FrameRecord record, ReadFrame(frame));
    out.frames.push_back(std::move(record));
  }
  return out;
}

template <typename Write>
void MetadataTree::Emit(const Write& write) const {
  std::string head;
  json::Writer writer(&head);
  writer.BeginObject().Key("SchemaVersion").String(kSchemaVersion);
  writer.Key("DatastoreID").String(datastore_id_).Key("ImageSetID").String(image_set_id_);
  write(head);
  write(R"(,"Patient":{"DICOM":)");
  EmitAttributes(patient_, write);
  write(R"(},"Study":{"DICOM":)");
  EmitAttributes(study_, write);
  write(R"(,"Series":{)");
  bool first_series = true;
  for (const auto& [uid, series] : series_) {
    EmitKey(uid, first_series, write);
    first_series = false;
    write(R"({"DICOM":)");
    EmitAttributes(series.attributes, write);
    write(R"(,"Instances":{)");
    bool first = true;
    for (const auto& [sop_uid, json] : series.instances) {
      EmitKey(sop_uid, first, write);
      first = false;
      write(json);
    }
    write("}}");
  }
  write("}}}");
}

Result<std::string> MetadataTree::ToJson() const {
  std::string out;
  bool too_large = false;
  Emit([&](std::string_view piece) {
    too_large = too_large || out.size() + piece.size() > kMetadataBytesMax;
    if (!too_large) out += piece;
  });
  if (too_large) return TooLarge();
  return out;
}

Result<std::string> MetadataTree::ToGzip() const {
  std::string out;
  internal::GzipWriter gzip(&out);
  uint64_t bytes = 0;
  Emit([&](std::string_view piece) {
    bytes += piece.size();
    if (bytes <= kMetadataBytesMax) gzip.Write(piece);
  });
  if (bytes > kMetadataBytesMax) return TooLarge();
  gzip.Finish();
  return out;
}

}  // namespace tarn::dicom
