// For handlers of routes with RunOn::kLoop that answer most requests without waiting, but not all.
//
//   Response Read(Request& request) {
//     auto found = store.Find(key, IsLoopThread() ? Waiting::kRefused : Waiting::kAllowed);
//     if (would_have_waited) return RunOnWorker();
//     ...
//
// Threads: functions may be called from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "http/message.h"

namespace tarn::http {

// Whether the calling thread runs an event loop, so that a handler must not wait.
bool IsLoopThread();

// What a handler on a loop returns when it would have to wait: nothing is sent, and a worker calls
// the handler again with the same request, which it has left as it was.
Response RunOnWorker();

// A body of so many bytes whose values are undefined: whoever takes one writes all of them. On a
// loop it is the memory of a body that was sent before, still in the processor's cache.
std::string RecycledBody(size_t bytes);

}  // namespace tarn::http
