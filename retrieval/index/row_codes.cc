#include "retrieval/index/row_codes.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hadal::retrieval {
namespace {

constexpr float kMaxCode = 127;
// 128 * 63 + 63: what two signed bytes of 7 bits hold on either side of zero.
constexpr double kMaxQueryValue = 8127;

double Largest(absl::Span<const float> values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(double{value}));
  return largest;
}

// Up, so that a bound stays one after rounding to float.
float RoundedUp(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

}  // namespace

RowCode EncodeRow(absl::Span<const float> row, int8_t* codes) {
  std::fill(codes, codes + CodeStride(row.size()), int8_t{0});
  RowCode code;
  code.scale = static_cast<float>(Largest(row) / kMaxCode);
  const double inverse = code.scale > 0 ? 1.0 / code.scale : 0.0;
  double error = 0;
  double norm = 0;
  for (size_t d = 0; d < row.size(); ++d) {
    const double level = std::clamp(std::nearbyint(row[d] * inverse), -127.0, 127.0);
    codes[d] = static_cast<int8_t>(level);
    const double rest = row[d] - level * code.scale;
    error += rest * rest;
    norm += double{row[d]} * row[d];
  }
  code.error = RoundedUp(std::sqrt(error));
  code.norm = RoundedUp(std::sqrt(norm));
  return code;
}

CodedQuery::CodedQuery(absl::Span<const float> query)
    : values_(CodeStride(query.size())), high_(values_.size()), low_(values_.size()) {
  // 255: VNNI takes the codes as unsigned bytes; no sum of a row leaves 31 bits.
  const double most =
      std::min(kMaxQueryValue, std::numeric_limits<int32_t>::max() /
                                   (255.0 * static_cast<double>(std::max<size_t>(1, stride()))));
  scale_ = static_cast<float>(Largest(query) / std::floor(most));
  const double inverse = scale_ > 0 ? 1.0 / scale_ : 0.0;
  double error = 0;
  for (size_t d = 0; d < query.size(); ++d) {
    const double level = std::clamp(std::nearbyint(query[d] * inverse), -most, most);
    const int value = static_cast<int>(level);
    const int high = (value + 8192 + 64) / 128 - 64;  // rounded, also below zero
    values_[d] = static_cast<int16_t>(value);
    high_[d] = static_cast<int8_t>(high);
    low_[d] = static_cast<int8_t>(value - 128 * high);
    sum_ += value;
    const double rest = query[d] - level * scale_;
    error += rest * rest;
    norm_ += double{query[d]} * query[d];
  }
  error_ = std::sqrt(error);
  norm_ = std::sqrt(norm_);
}

float CodedQuery::Error(float row_error, float max_row_norm) const {
  const double coded_norm = double{max_row_norm} + row_error;
  const double summing = static_cast<double>(stride()) * std::numeric_limits<float>::epsilon();
  return RoundedUp(norm_ * row_error + error_ * coded_norm + 2 * summing * norm_ * coded_norm);
}

}  // namespace hadal::retrieval
