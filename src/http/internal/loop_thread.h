// What http/loop.h needs of the event loops.
#pragma once

#include <string>

#include "http/message.h"

namespace tarn::http {

// Called once, by a thread that begins to run an event loop.
void BecomeLoopThread();

// Whether a handler returned RunOnWorker().
bool WantsWorker(const Response& response);

// Keeps the memory of a body that was sent for RecycledBody, or frees it. Loop threads only.
void RecycleBody(std::string body);

}  // namespace tarn::http
