// Functions of XPath 2.0 and later, for libxml2's machine. Internal to xpath.cc.
#pragma once

#include <libxml/xpath.h>

namespace tarn::arazzo {

// Adds kLaterFunctions to `context`, and lets every function be called with the prefix `fn:` too.
void RegisterLaterFunctions(xmlXPathContext* context);

}  // namespace tarn::arazzo
