#include "retrieval/chunk/language.h"

#include <cstdint>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {

// A Chinese character says as much as two Latin letters or more.
std::string GuessLanguage(std::string_view text) {
  int64_t han = 0;
  int64_t latin = 0;
  int64_t other = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    const char32_t p = c.code_point;
    if ((p >= 'a' && p <= 'z') || (p >= 'A' && p <= 'Z')) {
      ++latin;
    } else if ((p >= 0x3040 && p <= 0x30FF) || (p >= 0xAC00 && p <= 0xD7AF)) {
      ++other;  // kana, hangul
    } else if (IsCjk(p) && ((p >= 0x3400 && p <= 0x9FFF) || p >= 0x20000)) {
      ++han;
    } else if (p >= 0xC0 && p < 0x2000) {
      ++other;
    }
  }
  if (other > han && other > latin) return "";
  if (han == 0 && latin == 0) return "";
  return han * 2 >= latin ? "zh" : "en";
}

}  // namespace hadal::retrieval
