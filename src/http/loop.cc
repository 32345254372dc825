#include "http/loop.h"

#include <utility>

#include "http/internal/loop_thread.h"
#include "http/limits.h"

namespace tarn::http {
namespace {

// No status that can be sent; so what a handler returns off the loops by mistake is a 500.
constexpr int kRunOnWorker = 0;

thread_local bool is_loop_thread = false;
thread_local std::string spare_body;

}  // namespace

void BecomeLoopThread() { is_loop_thread = true; }

bool IsLoopThread() { return is_loop_thread; }

Response RunOnWorker() {
  Response response;
  response.status = kRunOnWorker;
  return response;
}

bool WantsWorker(const Response& response) { return response.status == kRunOnWorker; }

void RecycleBody(std::string body) {
  if (body.capacity() <= kSpareBodyBytesMax && body.capacity() > spare_body.capacity()) {
    spare_body = std::move(body);
  }
}

std::string RecycledBody(size_t bytes) {
  std::string body = std::exchange(spare_body, {});
  body.resize(bytes);  // Writes what it grows by only.
  return body;
}

}  // namespace tarn::http
