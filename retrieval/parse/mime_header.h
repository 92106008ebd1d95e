#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// One header field of a mail or of a part of it (RFC 5322).
struct MimeField {
  std::string name;   ///< lower case
  std::string value;  ///< unfolded, else as it stands
};

/// Takes the header off the front of `text`, which is the body afterwards. Lines that are no fields
/// are skipped.
std::vector<MimeField> TakeHeader(std::string_view& text);

/// The value of the first field with this (lower-case) name, "" without one.
std::string_view FieldValue(const std::vector<MimeField>& header, std::string_view name);

/// A value with parameters, such as `text/plain; charset="gb18030"` (RFC 2045, RFC 2231).
struct MimeValue {
  std::string value;                                           ///< lower case
  std::map<std::string, std::string, std::less<>> parameters;  ///< by lower-case name, decoded
  std::string_view Parameter(std::string_view name) const;
};
MimeValue ParseMimeValue(std::string_view text);

/// Text of a field for people, as UTF-8: encoded words (RFC 2047) decoded, also where a character
/// is split between two of them; bytes beyond ASCII read as UTF-8 or GB18030.
std::string DecodeFieldText(std::string_view text);

}  // namespace hadal::retrieval
