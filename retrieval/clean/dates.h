#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::retrieval {

/// Reads a date at the beginning of folded text: 2024年3月5日, 二〇二四年三月五日, 民国113年3月5日,
/// 2024-03-05 (also / and .), "5 March 2024", "Mar 5, 2024"; without a day "2024年3月" and "March
/// 2024". Returns "2024-03-05" or "2024-03", and the number of characters it took. nullopt for
/// anything else and for days that no calendar has.
std::optional<std::string> ReadDate(std::u32string_view folded, size_t& length);

/// The same for a text that is nothing but a date.
std::optional<std::string> WholeDate(std::u32string_view folded);

/// The four digits of a year that is written with them, Chinese ones too; empty for others.
std::u32string YearDigits(std::u32string_view folded);

}  // namespace hadal::retrieval
