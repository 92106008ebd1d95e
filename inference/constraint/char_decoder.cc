#include "inference/constraint/char_decoder.h"

#include <algorithm>

namespace hadal::inference {
namespace {

constexpr char32_t kHighSurrogate = 0xD800;
constexpr char32_t kLastHighSurrogate = 0xDBFF;
constexpr char32_t kLowSurrogate = 0xDC00;
constexpr char32_t kLastLowSurrogate = 0xDFFF;
constexpr char32_t kFirstPaired = 0x10000;
constexpr int kPairBits = 10;  // a surrogate's share of a character beyond U+FFFF

constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};  // by the length in UTF-8
constexpr char32_t kLargest[] = {0, 0x7F, 0x7FF, 0xFFFF, kMaxCodePoint};

enum Phase : uint32_t {
  kStart,
  kUtf8Tail,       ///< `length` bytes in all, `left` to come, `value`: the bits so far
  kEscape,         ///< after a backslash
  kHex,            ///< after \u: `length` digits seen, `value`
  kPairBackslash,  ///< after a high surrogate, `high`
  kPairU,
  kPairHex,  ///< after its \u: `length` digits seen, `value`, `high`
};

struct Partial {
  uint32_t phase = kStart;
  uint32_t length = 0;
  uint32_t left = 0;
  uint32_t high = 0;  ///< bits of the high surrogate
  uint32_t value = 0;
};

PartialChar Pack(const Partial& partial) {
  return partial.phase | partial.length << 3 | partial.left << 6 | partial.high << 8 |
         (partial.value << 18);
}

/// `value` has more than 14 bits only where `high` is not used: they share the place.
PartialChar PackUtf8(uint32_t length, uint32_t left, uint32_t value) {
  return kUtf8Tail | length << 3 | left << 6 | value << 8;
}

Partial Unpack(PartialChar packed) {
  Partial partial{packed & 7, packed >> 3 & 7, packed >> 6 & 3, packed >> 8 & 0x3FF, packed >> 18};
  if (partial.phase == kUtf8Tail) partial.value = packed >> 8;
  return partial;
}

const CharEdge* FirstEndingAt(absl::Span<const CharEdge> edges, char32_t code_point) {
  return std::lower_bound(edges.begin(), edges.end(), code_point,
                          [](const CharEdge& edge, char32_t c) { return edge.last < c; });
}

bool AnyWithin(absl::Span<const CharEdge> edges, char32_t first, char32_t last) {
  const CharEdge* edge = FirstEndingAt(edges, first);
  return first <= last && edge != edges.end() && edge->first <= last;
}

/// The edge that all of [first, last] takes, or null.
const CharEdge* Covering(absl::Span<const CharEdge> edges, char32_t first, char32_t last) {
  const CharEdge* edge = FirstEndingAt(edges, first);
  return edge != edges.end() && edge->first <= first && last <= edge->last ? edge : nullptr;
}

CharStep TakeEdge(absl::Span<const CharEdge> edges, char32_t code_point) {
  const CharEdge* edge = Covering(edges, code_point, code_point);
  if (edge == nullptr) return {};
  return {CharStep::Kind::kEdge, 0, edge->to};
}

CharStep Continue(PartialChar partial) { return {CharStep::Kind::kPartial, partial, -1}; }

/// Smallest multiple of `size` that is not below `value`, divided by `size`.
char32_t FirstBlock(char32_t value, char32_t size) { return (value + size - 1) / size; }

/// `value` holds the leading bits of a character of `length` bytes, `left` bytes are to come.
CharStep AfterUtf8Bits(absl::Span<const CharEdge> edges, uint32_t length, uint32_t left,
                       char32_t value) {
  const char32_t size = char32_t{1} << (6 * left);
  const char32_t first = value * size;
  const char32_t last = first + size - 1;
  if (left == 0) {
    return first < kSmallest[length] || first > kLargest[length] ? CharStep{}
                                                                 : TakeEdge(edges, first);
  }
  if (!AnyWithin(edges, std::max(first, kSmallest[length]), std::min(last, kLargest[length]))) {
    return {};
  }
  if (first >= kSmallest[length] && last <= kLargest[length]) {
    if (const CharEdge* edge = Covering(edges, first, last); edge != nullptr) {
      value = FirstBlock(std::max(edge->first, kSmallest[length]), size);
    }
  }
  return Continue(PackUtf8(length, left, value));
}

CharStep StartUtf8(absl::Span<const CharEdge> edges, uint8_t byte) {
  if (byte < 0x80) return TakeEdge(edges, byte);
  if (byte >= 0xC2 && byte < 0xE0) return AfterUtf8Bits(edges, 2, 1, byte & 0x1F);
  if (byte >= 0xE0 && byte < 0xF0) return AfterUtf8Bits(edges, 3, 2, byte & 0x0F);
  if (byte >= 0xF0 && byte < 0xF5) return AfterUtf8Bits(edges, 4, 3, byte & 0x07);
  return {};
}

int HexValue(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

char32_t PairStart(char32_t high) { return kFirstPaired + (high << kPairBits); }

CharStep AfterHighSurrogate(absl::Span<const CharEdge> edges, char32_t high) {
  constexpr char32_t kSize = 1 << kPairBits;
  const char32_t first = PairStart(high);
  if (!AnyWithin(edges, first, first + kSize - 1)) return {};
  if (const CharEdge* edge = Covering(edges, first, first + kSize - 1); edge != nullptr) {
    high = FirstBlock(std::max(edge->first, kFirstPaired) - kFirstPaired, kSize);
  }
  return Continue(Pack({kPairBackslash, 0, 0, high, 0}));
}

/// `value` holds `digits` of the four digits of a \u escape.
CharStep AfterHex(absl::Span<const CharEdge> edges, uint32_t digits, char32_t value) {
  const char32_t size = char32_t{1} << (4 * (4 - digits));
  const char32_t first = value * size;
  const char32_t last = first + size - 1;
  if (digits == 4) {
    if (first >= kHighSurrogate && first <= kLastHighSurrogate) {
      return AfterHighSurrogate(edges, first - kHighSurrogate);
    }
    return TakeEdge(edges, first);  // no edge holds a surrogate
  }
  const char32_t first_high = std::max(first, kHighSurrogate);
  const char32_t last_high = std::min(last, kLastHighSurrogate);
  const bool pairs =
      first_high <= last_high && AnyWithin(edges, PairStart(first_high - kHighSurrogate),
                                           PairStart(last_high - kHighSurrogate + 1) - 1);
  if (!pairs && !AnyWithin(edges, first, last)) return {};
  if (const CharEdge* edge = Covering(edges, first, last); edge != nullptr) {
    value = FirstBlock(edge->first, size);
  }
  return Continue(Pack({kHex, digits, 0, 0, value}));
}

CharStep AfterPairHex(absl::Span<const CharEdge> edges, uint32_t high, uint32_t digits,
                      char32_t value) {
  const char32_t size = char32_t{1} << (4 * (4 - digits));
  const char32_t block = value * size;
  const char32_t first = std::max(block, kLowSurrogate);
  const char32_t last = std::min<char32_t>(block + size - 1, kLastLowSurrogate);
  if (first > last) return {};
  const char32_t base = PairStart(high) - kLowSurrogate;
  if (digits == 4) return TakeEdge(edges, base + first);
  if (!AnyWithin(edges, base + first, base + last)) return {};
  return Continue(Pack({kPairHex, digits, 0, high, value}));
}

CharStep AfterBackslash(absl::Span<const CharEdge> edges, uint8_t byte) {
  switch (byte) {
    case '"':
    case '\\':
    case '/':
      return TakeEdge(edges, byte);
    case 'b':
      return TakeEdge(edges, '\b');
    case 'f':
      return TakeEdge(edges, '\f');
    case 'n':
      return TakeEdge(edges, '\n');
    case 'r':
      return TakeEdge(edges, '\r');
    case 't':
      return TakeEdge(edges, '\t');
    case 'u':
      return Continue(Pack({kHex, 0, 0, 0, 0}));
    default:
      return {};
  }
}

CharStep StartJson(absl::Span<const CharEdge> edges, uint8_t byte) {
  if (byte == '"') return TakeEdge(edges, kStringEnd);
  // Each character can be escaped: it is enough that there is one.
  if (byte == '\\') {
    return AnyWithin(edges, 0, kMaxCodePoint) ? Continue(Pack({kEscape, 0, 0, 0, 0})) : CharStep{};
  }
  return byte < 0x20 ? CharStep{} : StartUtf8(edges, byte);
}

}  // namespace

CharStep StepChar(Spelling spelling, absl::Span<const CharEdge> edges, PartialChar packed,
                  uint8_t byte) {
  const Partial partial = Unpack(packed);
  switch (partial.phase) {
    case kStart:
      return spelling == Spelling::kUtf8 ? StartUtf8(edges, byte) : StartJson(edges, byte);
    case kUtf8Tail:
      if ((byte & 0xC0) != 0x80) return {};
      return AfterUtf8Bits(edges, partial.length, partial.left - 1,
                           partial.value << 6 | (byte & 0x3F));
    case kEscape:
      return AfterBackslash(edges, byte);
    case kPairBackslash:
      return byte == '\\' ? Continue(Pack({kPairU, 0, 0, partial.high, 0})) : CharStep{};
    case kPairU:
      return byte == 'u' ? Continue(Pack({kPairHex, 0, 0, partial.high, 0})) : CharStep{};
    default:
      break;
  }
  const int digit = HexValue(byte);
  if (digit < 0) return {};
  const uint32_t value = partial.value << 4 | static_cast<uint32_t>(digit);
  return partial.phase == kHex ? AfterHex(edges, partial.length + 1, value)
                               : AfterPairHex(edges, partial.high, partial.length + 1, value);
}

}  // namespace hadal::inference
