#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::inference {

/// Turns the bytes of generated tokens into text that may be shown: whole UTF-8 characters only
/// (invalid bytes become U+FFFD), and nothing that is, or may still become, a stop string. The text
/// does not depend on how the bytes are cut into tokens. Thread-compatible.
class TextStream {
 public:
  /// `stop`: valid UTF-8, none empty.
  explicit TextStream(std::vector<std::string> stop);

  /// Takes the bytes of the next token and returns what may be shown now. After a stop string was
  /// met it returns the text before it, then nothing any more.
  std::string Append(std::string_view bytes);

  /// The generation ends: what was held back, an unfinished character as U+FFFD.
  std::string Finish();

  /// A stop string was met; of several the one that ended first, of those the longest.
  bool stopped() const { return stopped_; }

 private:
  std::string Release(bool all);
  /// Bytes at the end of held_ that may be the beginning of a stop string.
  size_t UndecidedBytes() const;

  const std::vector<std::string> stop_;
  size_t longest_stop_ = 0;
  std::string bytes_;  ///< the beginning of a character
  std::string held_;   ///< text not shown yet
  bool stopped_ = false;
};

}  // namespace hadal::inference
