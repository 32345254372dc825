// The operational log: one line an event on standard error, logfmt or JSON.
// Never patient data: no resource content, no identifiers of people, no search values.
// Threads: every function may be called from any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tarn {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

struct LogField {
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(text) {}
  LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
  LogField(std::string_view name, long long number) : key(name), value(std::to_string(number)) {}
  LogField(std::string_view name, unsigned long long number)
      : key(name), value(std::to_string(number)) {}
  LogField(std::string_view name, long number) : LogField(name, static_cast<long long>(number)) {}
  LogField(std::string_view name, int number) : LogField(name, static_cast<long long>(number)) {}
  LogField(std::string_view name, unsigned number)
      : LogField(name, static_cast<unsigned long long>(number)) {}
  LogField(std::string_view name, unsigned long number)
      : LogField(name, static_cast<unsigned long long>(number)) {}
  std::string_view key;
  std::string value;
};
using LogFields = std::initializer_list<LogField>;

// Called once by main, before other threads start. The default is kInfo, kText.
void ConfigureLog(LogLevel level, LogFormat format);
bool LogEnabled(LogLevel level);

// `event` is a constant text without variable parts, so that lines can be counted and searched.
void Log(LogLevel level, std::string_view event, LogFields fields);
inline void LogDebug(std::string_view event, LogFields fields = {}) {
  Log(LogLevel::kDebug, event, fields);
}
inline void LogInfo(std::string_view event, LogFields fields = {}) {
  Log(LogLevel::kInfo, event, fields);
}
inline void LogWarning(std::string_view event, LogFields fields = {}) {
  Log(LogLevel::kWarning, event, fields);
}
inline void LogError(std::string_view event, LogFields fields = {}) {
  Log(LogLevel::kError, event, fields);
}

}  // namespace tarn
