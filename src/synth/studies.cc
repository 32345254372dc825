#include "synth/studies.h"

#include <array>
#include <cstdio>
#include <string>

#include "base/check.h"
#include "synth/internal/names.h"
#include "synth/internal/part10.h"
#include "synth/internal/phantom.h"
#include "synth/internal/random.h"

namespace tarn::synth {
namespace {

struct Kind {
  std::string_view modality;
  std::string_view sop_class_uid;
  std::string_view study_description;
  std::string_view body_part;
  uint16_t columns, rows;
  uint16_t allocated, stored;
  bool is_signed;
  std::string_view photometric;
  uint32_t frames;  // Of one file.
  uint32_t series;
};

constexpr std::array<Kind, kModalityCount> kKinds = {{
    {"CT", "1.2.840.10008.5.1.4.1.1.2", "CT chest", "CHEST", 512, 512, 16, 16, true, "MONOCHROME2",
     1, 1},
    {"MR", "1.2.840.10008.5.1.4.1.1.4", "MR head", "HEAD", 256, 256, 16, 12, false, "MONOCHROME2",
     1, 2},
    {"CR", "1.2.840.10008.5.1.4.1.1.1", "Chest p.a.", "CHEST", 1024, 1216, 16, 10, false,
     "MONOCHROME1", 1, 1},
    {"US", "1.2.840.10008.5.1.4.1.1.3.1", "Echo", "HEART", 320, 240, 8, 8, false, "RGB", 8, 1},
}};

// PS3.5 B.2: "2.25." and a UUID (of version 8) as a decimal number.
std::string Uid(uint64_t key) {
  const uint64_t high = (Mix2(key, 1) & 0xffffffffffff0fffu) | 0x8000u;
  const uint64_t low = (Mix2(key, 2) >> 2) | 0x8000000000000000u;
  auto rest = static_cast<unsigned __int128>(high) << 64 | low;
  std::string digits;
  for (; rest != 0; rest /= 10)
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  return "2.25." + digits;
}

// "-0012.5" for -125: tenths of a millimetre as a decimal string.
std::string Tenths(int64_t value) {
  const int64_t magnitude = value < 0 ? -value : value;
  return (value < 0 ? "-" : "") + std::to_string(magnitude / 10) + "." +
         std::to_string(magnitude % 10);
}

std::string Padded(const char* format, uint64_t number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), format, static_cast<unsigned long long>(number));
  return text.data();
}

std::string Date(Random* random, int64_t first_year, int64_t last_year) {
  const auto year = static_cast<uint64_t>(random->Between(first_year, last_year));
  const auto month = static_cast<uint64_t>(random->Between(1, 12));
  return Padded("%08llu",
                year * 10'000 + month * 100 + static_cast<uint64_t>(random->Between(1, 28)));
}

// All that the files of one study share, and where each of them lies.
struct Study {
  Study(uint64_t seed, uint64_t number, Modality modality)
      : key(Mix2(seed ^ 0xD1C03u, number)), number(number), modality(modality) {
    Random random(key);
    female = random.Permille(500);
    const PersonName person = NameOf(random.Next(), female);
    patient_name = std::string(person.family_start) + std::string(person.family_end) + "^" +
                   std::string(person.given);
    patient_id = Padded("SYN-%06llu", number + 1);
    birth_date = Date(&random, 1930, 2010);
    study_date = Date(&random, 2015, 2025);
    study_time = Padded("%06llu", static_cast<uint64_t>(random.Between(7, 18)) * 10'000 +
                                      static_cast<uint64_t>(random.Between(0, 59)) * 100);
    accession = Padded("A%07llu", number + 1);
  }
  const Kind& kind() const { return kKinds[static_cast<size_t>(modality)]; }

  uint64_t key;
  uint64_t number;
  Modality modality;
  bool female;
  std::string patient_name, patient_id, birth_date, study_date, study_time, accession;
};

struct Place {
  uint32_t series;    // From 1.
  uint32_t instance;  // From 1.
  uint32_t instances;
};

std::string MakePixels(const Study& study, const Place& place) {
  const Kind& kind = study.kind();
  const uint64_t key = Mix2(study.key, uint64_t{place.series} << 32 | place.instance);
  const uint32_t position = 1000 * (place.instance - 1) / place.instances;
  if (study.modality == Modality::kCt) return CtSlice(kind.columns, position, key);
  if (study.modality == Modality::kMr) return MrSlice(kind.columns, position, key);
  if (study.modality == Modality::kCr) return CrImage(kind.columns, kind.rows, key);
  std::string frames;
  for (uint32_t i = 0; i < kind.frames; ++i) {
    frames += UsFrame(kind.columns, kind.rows, i, key);
  }
  return frames;
}

void WriteIdentity(const Study& study, const Place& place, std::string_view instance_uid,
                   Part10Writer* out) {
  const Kind& kind = study.kind();
  out->Text(0x00080005, "CS", "ISO_IR 192");
  out->Text(0x00080008, "CS", "ORIGINAL\\PRIMARY");
  out->Text(0x00080016, "UI", kind.sop_class_uid);
  out->Text(0x00080018, "UI", instance_uid);
  out->Text(0x00080020, "DA", study.study_date);
  out->Text(0x00080021, "DA", study.study_date);
  out->Text(0x00080030, "TM", study.study_time);
  out->Text(0x00080050, "SH", study.accession);
  out->Text(0x00080060, "CS", kind.modality);
  out->Text(0x00080070, "LO", "Tarn synthetic data");
  out->Text(0x00080090, "PN", "");
  out->Text(0x00081030, "LO", kind.study_description);
  out->Text(0x0008103E, "LO", "Series " + std::to_string(place.series));
  out->Text(0x00100010, "PN", study.patient_name);
  out->Text(0x00100020, "LO", study.patient_id);
  out->Text(0x00100030, "DA", study.birth_date);
  out->Text(0x00100040, "CS", study.female ? "F" : "M");
  out->Text(0x00104000, "LT", "Synthetic: nobody real");
  out->Text(0x00180015, "CS", kind.body_part);
}

void WriteImage(const Study& study, const Place& place, Part10Writer* out) {
  const Kind& kind = study.kind();
  const bool sliced = study.modality == Modality::kCt || study.modality == Modality::kMr;
  if (sliced) out->Text(0x00180050, "DS", "2.5");
  if (study.modality == Modality::kCt) out->Text(0x00180060, "DS", "120");
  if (kind.frames > 1) out->Text(0x00181063, "DS", "40");
  out->Text(0x0020000D, "UI", Uid(Mix2(study.key, 1000)));
  out->Text(0x0020000E, "UI", Uid(Mix2(study.key, 2000 + place.series)));
  out->Text(0x00200010, "SH", std::to_string(study.number + 1));
  out->Text(0x00200011, "IS", std::to_string(place.series));
  out->Text(0x00200013, "IS", std::to_string(place.instance));
  if (sliced) {
    const std::string height = Tenths(int64_t{place.instance - 1} * 25);
    out->Text(0x00200032, "DS", "-180.0\\-180.0\\" + height);
    out->Text(0x00200037, "DS", "1\\0\\0\\0\\1\\0");
    out->Text(0x00200052, "UI", Uid(Mix2(study.key, 3000)));
    out->Text(0x00201041, "DS", height);
  }
  const bool colour = kind.photometric == "RGB";
  out->Us(0x00280002, colour ? 3 : 1);
  out->Text(0x00280004, "CS", kind.photometric);
  if (colour) out->Us(0x00280006, 0);
  if (kind.frames > 1) {
    out->Text(0x00280008, "IS", std::to_string(kind.frames));
    // The frame increment pointer, an AT, points at Frame Time.
    out->Text(0x00280009, "AT", std::string_view("\x18\0\x63\x10", 4));
  }
  out->Us(0x00280010, kind.rows);
  out->Us(0x00280011, kind.columns);
  if (sliced) out->Text(0x00280030, "DS", "0.7\\0.7");
  out->Us(0x00280100, kind.allocated);
  out->Us(0x00280101, kind.stored);
  out->Us(0x00280102, static_cast<uint16_t>(kind.stored - 1));
  out->Us(0x00280103, kind.is_signed ? 1 : 0);
  if (study.modality == Modality::kCt) {
    out->Text(0x00281050, "DS", "40");
    out->Text(0x00281051, "DS", "400");
    out->Text(0x00281052, "DS", "0");
    out->Text(0x00281053, "DS", "1");
  }
  out->Pixels(kind.allocated == 8 ? "OB" : "OW", MakePixels(study, place));
}

std::string MakeFile(const Study& study, const Place& place) {
  const std::string uid = Uid(Mix2(study.key, uint64_t{place.series} << 40 | place.instance));
  Part10Writer out(study.kind().sop_class_uid, uid);
  WriteIdentity(study, place, uid, &out);
  WriteImage(study, place, &out);
  return out.Take();
}

Modality ModalityOf(uint32_t modalities, uint64_t study) {
  std::array<Modality, kModalityCount> chosen{};
  uint32_t count = 0;
  for (uint32_t i = 0; i < kModalityCount; ++i) {
    if (modalities == 0 || (modalities >> i & 1) != 0) chosen[count++] = static_cast<Modality>(i);
  }
  CHECK(count > 0);
  return chosen[study % count];
}

}  // namespace

std::string_view ModalityName(Modality modality) {
  return kKinds[static_cast<size_t>(modality)].modality;
}

StudyGenerator::StudyGenerator(const StudiesOptions& options) : options_(options) {
  CHECK(options.slices >= 1 && options.slices <= kSlicesMax);
}

bool StudyGenerator::Next(const Sink& sink) {
  if (done_ >= options_.studies) return false;
  const uint64_t number = options_.first_study + done_;
  const Study study(options_.seed, number, ModalityOf(options_.modalities, number));
  const bool sliced = study.modality == Modality::kCt || study.modality == Modality::kMr;
  const uint32_t instances = sliced ? options_.slices : 1;
  for (uint32_t series = 1; series <= study.kind().series; ++series) {
    const std::string folder = Padded("study-%04llu-", number + 1) +
                               std::string(study.kind().modality) + "/" + std::to_string(series);
    for (uint32_t instance = 1; instance <= instances; ++instance) {
      const std::string file =
          MakeFile(study, {.series = series, .instance = instance, .instances = instances});
      if (!sink(folder + "/" + Padded("%04llu.dcm", instance), file)) return false;
    }
  }
  ++done_;
  return true;
}

}  // namespace tarn::synth
