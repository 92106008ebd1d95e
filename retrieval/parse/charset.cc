#include "retrieval/parse/charset.h"

#include <unicode/uchar.h>
#include <unicode/ucnv.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

struct ConverterCloser {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};

/// Offset of the bytes at which a conversion stopped: `next` lies behind them.
size_t StoppedAt(UConverter* converter, size_t next) {
  char invalid[32];
  int8_t length = sizeof(invalid);
  UErrorCode error = U_ZERO_ERROR;
  ucnv_getInvalidChars(converter, invalid, &length, &error);
  return U_SUCCESS(error) && static_cast<size_t>(length) <= next
             ? next - static_cast<size_t>(length)
             : next;
}

/// Strict conversion. Returns the offset of the first byte sequence that the set does not define;
/// bytes.size() when all of them are in `utf8`. 0 also for an unknown set.
size_t ConvertStrictly(std::string_view bytes, const char* charset, std::string& utf8) {
  utf8.clear();
  UErrorCode error = U_ZERO_ERROR;
  std::unique_ptr<UConverter, ConverterCloser> converter(ucnv_open(charset, &error));
  if (U_FAILURE(error)) return 0;
  ucnv_setToUCallBack(converter.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &error);
  if (U_FAILURE(error)) return 0;
  utf8.reserve(bytes.size() + bytes.size() / 2);
  const char* source = bytes.data();
  const char* const source_end = source + bytes.size();
  char16_t buffer[4096];
  char32_t lead = 0;
  do {
    char16_t* target = buffer;
    error = U_ZERO_ERROR;
    ucnv_toUnicode(converter.get(), &target, buffer + 4096, &source, source_end, nullptr, true,
                   &error);
    if (U_FAILURE(error) && error != U_BUFFER_OVERFLOW_ERROR) {
      return std::min(StoppedAt(converter.get(), static_cast<size_t>(source - bytes.data())),
                      bytes.empty() ? 0 : bytes.size() - 1);
    }
    for (const char16_t* unit = buffer; unit < target; ++unit) {
      if (lead != 0) {
        AppendUtf8(0x10000 + ((lead - 0xD800) << 10) + (*unit - 0xDC00), utf8);
        lead = 0;
      } else if (*unit >= 0xD800 && *unit < 0xDC00) {
        lead = *unit;
      } else {
        AppendUtf8(*unit, utf8);
      }
    }
  } while (error == U_BUFFER_OVERFLOW_ERROR);
  return bytes.size();
}

bool Converts(std::string_view bytes, const std::string& charset, std::string& utf8) {
  return ConvertStrictly(bytes, charset.c_str(), utf8) == bytes.size();
}

struct Utf8Statistics {
  int64_t multibyte_bytes = 0;  ///< in valid characters of two bytes and more
  int64_t invalid_bytes = 0;
};

Utf8Statistics CountUtf8(std::string_view bytes) {
  Utf8Statistics counts;
  while (!bytes.empty()) {
    const DecodedChar c = DecodeUtf8(bytes);
    if (!c.valid) {
      counts.invalid_bytes += c.size_bytes;
    } else if (c.size_bytes > 1) {
      counts.multibyte_bytes += c.size_bytes;
    }
    bytes.remove_prefix(c.size_bytes);
  }
  return counts;
}

/// Text has hardly any control, unassigned or private characters. NUL never stands in text: UTF-16
/// without a mark and binary formats give themselves away by it. `first_odd`, where wanted, is the
/// offset of the first such character.
bool LooksLikeText(std::string_view utf8, size_t* first_odd = nullptr) {
  int64_t total = 0;
  int64_t odd = 0;
  const size_t size = utf8.size();
  while (!utf8.empty()) {
    const DecodedChar c = DecodeUtf8(utf8);
    if (odd == 0 && first_odd != nullptr) *first_odd = size - utf8.size();
    utf8.remove_prefix(c.size_bytes);
    ++total;
    if (c.code_point == 0) {
      odd += 20;
    } else if (c.code_point < 0x80) {
      odd += IsControl(c.code_point);
    } else {
      const int8_t type = u_charType(static_cast<UChar32>(c.code_point));
      odd += type == U_UNASSIGNED || type == U_CONTROL_CHAR || type == U_PRIVATE_USE_CHAR;
    }
  }
  return odd * 50 <= total + 100;  // two of them anywhere, else one in fifty
}

StatusOr<DecodedText> Checked(DecodedText text) {
  size_t first_odd = 0;
  if (!LooksLikeText(text.utf8, &first_odd)) {
    return InvalidArgument(
        "expected text, found binary data (many control or undefined characters, the first {} "
        "bytes into the text); save the file as UTF-8 text",
        first_odd);
  }
  return text;
}

/// The set that is meant by the name mails and pages give: the superset that contains it.
std::string MeantSet(std::string_view declared) {
  const std::string name = LowerAscii(declared);
  if (name == "gb2312" || name == "gbk" || name == "x-gbk" || name == "gb_2312-80" ||
      name == "cp936") {
    return "gb18030";
  }
  return name == "iso-8859-1" || name == "latin1" ? "windows-1252" : name;
}

}  // namespace

StatusOr<DecodedText> DecodeText(std::string_view bytes, std::string_view declared) {
  DecodedText text;
  if (bytes.starts_with("\xEF\xBB\xBF")) {
    bytes.remove_prefix(3);
  } else if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
    const bool little = bytes[0] == '\xFF';
    text.encoding = little ? "utf-16le" : "utf-16be";
    const std::string_view units = bytes.substr(2);
    const size_t bad = ConvertStrictly(units, little ? "UTF-16LE" : "UTF-16BE", text.utf8);
    if (bad < units.size()) {
      return InvalidArgument(
          "the file has a UTF-16 byte order mark, but byte {} is not valid UTF-16; save it as "
          "UTF-8",
          bad + 2);
    }
    return Checked(std::move(text));
  }
  text.encoding = "utf-8";
  if (IsValidUtf8(bytes)) {
    text.utf8 = std::string(bytes);
    return Checked(std::move(text));
  }
  // Broken UTF-8 often is valid GB18030, the other way round hardly ever: so UTF-8 comes first when
  // nine in ten of the bytes beyond ASCII form UTF-8 characters.
  const Utf8Statistics counts = CountUtf8(bytes);
  if (counts.multibyte_bytes >= 9 * counts.invalid_bytes) {
    text.utf8 = SanitizeUtf8(bytes);
    text.replaced_bytes = counts.invalid_bytes;
    return Checked(std::move(text));
  }
  std::string converted;
  if (!declared.empty() && Converts(bytes, MeantSet(declared), converted) &&
      LooksLikeText(converted)) {
    text.utf8 = std::move(converted);
    text.encoding = std::string(declared);
    return text;
  }
  const size_t no_gb18030 = ConvertStrictly(bytes, "gb18030", converted);
  if (no_gb18030 == bytes.size() && LooksLikeText(converted)) {
    text.utf8 = std::move(converted);
    text.encoding = "gb18030";
    return text;
  }
  // A few stray bytes in otherwise plain ASCII.
  if (counts.invalid_bytes * 100 <= static_cast<int64_t>(bytes.size())) {
    text.utf8 = SanitizeUtf8(bytes);
    text.replaced_bytes = counts.invalid_bytes;
    return Checked(std::move(text));
  }
  return InvalidArgument(
      "expected text in UTF-8, GB18030 or UTF-16 with a byte order mark, found none of them: byte "
      "{} is no UTF-8, {}; save the file as UTF-8",
      ValidUtf8Prefix(bytes),
      no_gb18030 < bytes.size() ? fmt::format("byte {} no GB18030", no_gb18030)
                                : "and as GB18030 it would be undefined characters");
}

StatusOr<DecodedText> DecodeDeclared(std::string_view bytes, std::string_view declared) {
  const std::string set = MeantSet(declared);
  DecodedText text;
  // Plain ASCII is what mailers declare that do not know; the bytes know better.
  if (!set.empty() && set != "us-ascii" && Converts(bytes, set, text.utf8) &&
      LooksLikeText(text.utf8)) {
    text.encoding = set;
    return text;
  }
  return DecodeText(bytes, declared);
}

}  // namespace hadal::retrieval
