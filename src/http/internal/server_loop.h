// One loop thread of a server: its connections, their deadlines, and what they share.
// Threads: the loop's own, but for Post, Adopt, connection_count.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "http/internal/event_loop.h"
#include "http/internal/server_core.h"
#include "http/limits.h"

namespace tarn::http {

class Connection;

// Draws from the source in blocks, so that a request id does not cost a call of the generator.
class BufferedRandom final : public RandomSource {
 public:
  explicit BufferedRandom(RandomSource& source) : source_(source) {}
  void Fill(std::span<char> out) override;

 private:
  RandomSource& source_;
  std::array<char, 1024> bytes_{};
  size_t used_ = bytes_.size();
};

class ServerLoop {
 public:
  static Result<std::unique_ptr<ServerLoop>> Create(ServerCore& core);
  ~ServerLoop();
  ServerLoop(const ServerLoop&) = delete;
  ServerLoop& operator=(const ServerLoop&) = delete;

  // Before Run: called at every sweep.
  void set_on_sweep(std::function<void()> on_sweep) { on_sweep_ = std::move(on_sweep); }
  void Run();  // Until events().Quit().
  EventLoop& events() { return *events_; }
  ServerCore& core() { return core_; }

  // Any thread: the loop will serve this accepted socket, which counts as a connection already.
  void Adopt(int descriptor, Peer peer);
  size_t connection_count() const { return connection_count_.load(std::memory_order_relaxed); }

  // Any thread: close what is idle; what is busy closes after its response.
  void BeginStop();
  // Any thread: close everything.
  void ForceClose();

  // For connections.
  std::span<char> read_buffer() { return {read_buffer_.get(), kReadBytes}; }
  std::string& spare_output() { return spare_output_; }
  int64_t now_ns() const { return now_ns_; }  // When this batch of events began.
  std::string_view Date();
  RandomSource& random() { return random_; }
  void SetDeadline(size_t index, int64_t deadline_ns) { deadlines_[index] = deadline_ns; }
  void Retire(Connection* connection);  // Destroys it after this batch.

 private:
  ServerLoop(ServerCore& core, std::unique_ptr<EventLoop> events);
  void Sweep();

  ServerCore& core_;
  std::unique_ptr<EventLoop> events_;
  std::unique_ptr<char[]> read_buffer_;
  std::string spare_output_;
  BufferedRandom random_;
  std::function<void()> on_sweep_ = [] {};
  int64_t now_ns_ = 0;
  int64_t date_second_ = -1;
  std::string date_;
  // Connections and their deadlines, side by side: the sweep reads only the deadlines.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<int64_t> deadlines_;
  std::vector<std::unique_ptr<Connection>> retired_;
  std::atomic<size_t> connection_count_{0};
};

}  // namespace tarn::http
