#include "retrieval/passage_text.h"

#include "base/utf8.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxHeadingBytes = 200;

void AppendLine(std::string_view line, std::string& passage) {
  if (line.empty()) return;
  if (!passage.empty()) passage += '\n';
  passage += line;
}

}  // namespace

std::string_view HeadingPrefix(std::string_view text) {
  if (text.size() <= kMaxHeadingBytes) return text;
  return text.substr(0, CompleteUtf8Prefix(text.substr(0, kMaxHeadingBytes)));
}

std::string PassageText(const std::string& title, const Chunk& chunk) {
  std::string passage(HeadingPrefix(title));
  for (const std::string& heading : chunk.heading_path) {
    const bool said = HeadingPrefix(title).find(heading) != std::string_view::npos ||
                      chunk.text.starts_with(heading);
    if (!said) AppendLine(heading, passage);
  }
  AppendLine(chunk.context, passage);
  AppendLine(chunk.text, passage);
  return passage;
}

}  // namespace hadal::retrieval
