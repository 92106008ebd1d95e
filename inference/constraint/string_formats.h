#pragma once

#include <string_view>

namespace hadal::inference {

/// A regular expression (ParseRegex) for strings of JSON Schema's `format`; empty when it is not
/// known. Each matches a part of what the format's standard allows: the part in common use.
std::string_view RegexOfFormat(std::string_view format);

}  // namespace hadal::inference
