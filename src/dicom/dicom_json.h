// The DICOM JSON model (PS3.18 annex F).
#pragma once

#include <string>

#include "dicom/instance.h"

namespace tarn::dicom {

// Appends the data set as one object: {"00080005":{"vr":"CS","Value":["ISO_IR 192"]},...}, in
// ascending tags. Text is UTF-8, and Specific Character Set says so; DS and IS are numbers where
// JSON can say them exactly as a number, else strings; PN has its component groups; bytes are
// InlineBinary. Left out: group 0002 (PS3.18 F.2.1), group lengths, pixel data of the instance.
void AppendDicomJson(const Instance& instance, std::string* out);

}  // namespace tarn::dicom
