#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// Parts, each with its header, between the marks of boundary `mark`.
inline std::string Multipart(const std::string& kind, const std::string& mark,
                             const std::vector<std::string>& parts) {
  std::string text = "Content-Type: multipart/" + kind + "; boundary=\"" + mark + "\"\r\n\r\n";
  for (const std::string& part : parts) text += "--" + mark + "\r\n" + part + "\r\n";
  return text + "--" + mark + "--\r\n";
}

inline std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    unsigned bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      text.push_back(at + i > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * i) & 63]);
    }
    if (at % 54 == 51) text += "\r\n";
  }
  return text;
}

/// A part with a file of any type.
inline std::string Attachment(const std::string& name, const std::string& content) {
  return "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; "
         "filename=\"" +
         name + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + Base64(content);
}

}  // namespace hadal::retrieval
