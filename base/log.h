#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

/// Process log: one line per event on stderr (services redirect it to DATA/log). Thread-safe.
/// Secrets, prompts and document text never go into a log.
namespace hadal {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Names the process in every line and sets the lowest level printed. Call once from main().
void InitLog(std::string_view process_name, LogLevel lowest);
void LogMessage(LogLevel level, std::string_view message);

template <typename... Args>
void LogDebug(fmt::format_string<Args...> format, Args&&... args) {
  LogMessage(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  LogMessage(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogWarning(fmt::format_string<Args...> format, Args&&... args) {
  LogMessage(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  LogMessage(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace hadal
