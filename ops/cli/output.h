#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::cli {

/// `text` safe for a terminal: control characters, and those that change the writing direction or
/// are invisible, as \u{..}; invalid UTF-8 as U+FFFD. A file name cannot forge a line.
std::string Printable(std::string_view text);

/// Columns padded to the widest cell (CJK characters are two wide), header first.
void PrintTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows);

/// One line of JSON on standard output.
void PrintJson(const nlohmann::json& json);

/// "2026-11-22 05:10:00" in UTC; "-" for 0.
std::string FormatTime(int64_t unix_ms);

/// "1.5 MiB", "17 B".
std::string FormatBytes(int64_t bytes);

/// "a, b"; "-" when empty.
std::string JoinOrDash(const std::vector<std::string>& items);

/// A progress bar on standard error, drawn only on a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(size_t total);
  ~ProgressBar();
  void Advance(std::string_view what);

 private:
  const size_t total_;
  const bool visible_;
  size_t done_ = 0;
};

/// How many bytes have come or gone, on standard error, on a terminal only.
class ByteProgress {
 public:
  /// `total`: 0 where it is not known.
  explicit ByteProgress(int64_t total);
  ~ByteProgress();
  void Show(int64_t bytes);

 private:
  const int64_t total_;
  const bool visible_;
  int64_t shown_ = 0;
};

}  // namespace hadal::cli
