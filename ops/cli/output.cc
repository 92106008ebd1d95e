#include "ops/cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"
#include "base/utf8.h"
#include "fmt/format.h"

namespace hadal::cli {
namespace {

// Control characters, bidirectional controls, zero-width and line separators.
bool IsDeceptive(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

bool IsWide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
         (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    width += IsWide(c.code_point) ? 2 : 1;
    text.remove_prefix(c.size_bytes);
  }
  return width;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    if (IsDeceptive(c.code_point)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(c.code_point));
    } else {
      AppendUtf8(c.code_point, out);
    }
  }
  return out;
}

void PrintTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> lines = {header};
  for (const auto& row : rows) {
    lines.emplace_back();
    for (const std::string& cell : row) lines.back().push_back(Printable(cell));
  }
  std::vector<size_t> widths(header.size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(line[i]));
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - DisplayWidth(line[i]) + 2, ' ');
    }
    std::printf("%s\n", text.c_str());
  }
}

void PrintJson(const nlohmann::json& json) {
  std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

std::string FormatTime(int64_t unix_ms) {
  if (unix_ms == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(unix_ms), absl::UTCTimeZone());
}

std::string FormatBytes(int64_t bytes) {
  constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string JoinOrDash(const std::vector<std::string>& items) {
  if (items.empty()) return "-";
  return fmt::format("{}", fmt::join(items, ", "));
}

ProgressBar::ProgressBar(size_t total) : total_(total), visible_(::isatty(2) == 1) {}

ProgressBar::~ProgressBar() {
  if (visible_ && done_ > 0) std::fprintf(stderr, "\r\033[K");
}

void ProgressBar::Advance(std::string_view what) {
  ++done_;
  if (!visible_) return;
  constexpr size_t kWidth = 30;
  const size_t filled = total_ == 0 ? kWidth : kWidth * done_ / total_;
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "\r\033[K[%s] %zu/%zu %s", bar.c_str(), done_, total_,
               Printable(what.substr(0, CompleteUtf8Prefix(what.substr(0, 60)))).c_str());
  std::fflush(stderr);
}

ByteProgress::ByteProgress(int64_t total) : total_(total), visible_(::isatty(2) == 1) {}

ByteProgress::~ByteProgress() {
  if (visible_ && shown_ > 0) std::fprintf(stderr, "\r\033[K");
}

void ByteProgress::Show(int64_t bytes) {
  constexpr int64_t kStep = int64_t{1} << 20;
  if (!visible_ || bytes < shown_ + kStep) return;
  shown_ = bytes;
  const std::string of = total_ > 0 ? " of " + FormatBytes(total_) : "";
  std::fprintf(stderr, "\r\033[K%s%s", FormatBytes(bytes).c_str(), of.c_str());
  std::fflush(stderr);
}

}  // namespace hadal::cli
