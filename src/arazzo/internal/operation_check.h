// Whether a step gives an operation what its description asks for.
#pragma once

#include "arazzo/document.h"
#include "arazzo/internal/document_reader.h"
#include "arazzo/openapi.h"

namespace tarn::arazzo {

// Errors: path parameters that are missing or that the path does not have; such a request cannot be
// built. Warnings: other required parameters, a required body, media types and credentials, since a
// description may ask for more than its service does.
void CheckOperationUse(const Step& step, const ApiOperation& operation, Complaints* complaints);

}  // namespace tarn::arazzo
