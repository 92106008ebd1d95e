#include "retrieval/clean/document_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "retrieval/clean/dates.h"
#include "retrieval/clean/document_number.h"
#include "retrieval/clean/labelled_values.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;
using View = std::u32string_view;

constexpr int kTopBlocks = 40;   // where a document says what it is
constexpr int kHeadBlocks = 25;  // where the head of an official document ends
constexpr int kBandBlocks = 8;   // its first lines
constexpr size_t kMaxLineBytes = 2000;
constexpr size_t kMaxNameChars = 40;  // of one agency
constexpr size_t kMaxValueChars = 200;

bool EndsWithAny(View text, std::initializer_list<View> words) {
  return std::any_of(words.begin(), words.end(), [&](View word) { return text.ends_with(word); });
}

View TrimView(View text) {
  while (!text.empty() && text.front() == U' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == U' ') text.remove_suffix(1);
  return text;
}

/// A body that sends or receives documents, by the end of its name.
bool IsAgency(View name) {
  name = TrimView(name);
  if (name.size() < 2 || name.size() > kMaxNameChars) return false;
  // Marks and words of a sentence or of a heading do not stand in a name.
  if (name.find_first_of(U"0123456789:,;。〔[|《") != View::npos) return false;
  for (const View word : {View(U"如下"), View(U"下列"), View(U"以下"), View(U"通知"), View(U"要求"),
                          View(U"规定"), View(U"事项")}) {
    if (name.find(word) != View::npos) return false;
  }
  return EndsWithAny(
      name,
      {U"政府", U"委员会", U"局",   U"厅",   U"部",   U"办公室", U"办", U"院", U"公司", U"中心",
       U"单位", U"部门",   U"机构", U"处",   U"科",   U"室",     U"行", U"厂", U"站",   U"所",
       U"队",   U"大学",   U"学校", U"集团", U"协会", U"街道",   U"镇", U"乡", U"党组", U"党委",
       U"支部", U"委",     U"会",   U"馆",   U"社",   U"库",     U"县", U"区", U"市",   U"省"});
}

/// "各区人民政府，市各委、办、局": every part but short ones in the middle is a body.
bool IsListOfAgencies(View list) {
  int parts = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && View(U",、;").find(list[i]) == View::npos) continue;
    const View part = TrimView(list.substr(begin, i - begin));
    if (!IsAgency(part) && !EndsWithAny(part, {U"委", U"办", U"局", U"等"})) return false;
    ++parts;
    begin = i + 1;
  }
  return parts > 0;
}

/// 关于…的通知: what kind of document a title names at its end.
bool EndsLikeTitle(View text) {
  if (!text.empty() && (text.back() == U')' || text.back() == U'〕')) {
    const size_t open = text.find_last_of(U"(〔");
    if (open != View::npos) text = TrimView(text.substr(0, open));
  }
  return EndsWithAny(text, {U"决议", U"决定", U"命令", U"公报", U"公告", U"通告", U"意见",
                            U"通知", U"通报", U"报告", U"请示", U"批复", U"议案", U"函",
                            U"纪要", U"办法", U"规定", U"细则", U"条例", U"方案", U"规划",
                            U"计划", U"制度", U"规则", U"章程", U"指引", U"说明", U"要点"});
}

/// "5年" as P5Y, "六个月" as P6M; empty for anything else.
std::string NormalizePeriod(View text) {
  text = TrimView(text);
  for (const View word : {View(U"为"), View(U"是"), View(U"限")}) {
    if (text.starts_with(word)) text.remove_prefix(word.size());
  }
  if (text == U"长期") return "permanent";
  char unit = 0;
  if (EndsWithAny(text, {U"个月"})) unit = 'M';
  if (EndsWithAny(text, {U"年"})) unit = 'Y';
  if (unit == 0) return {};
  text.remove_suffix(unit == 'M' ? 2 : 1);
  constexpr View kNumerals = U"一二三四五六七八九十";
  int number = 0;
  if (const size_t at = text.size() == 1 ? kNumerals.find(text[0]) : View::npos; at != View::npos) {
    number = static_cast<int>(at) + 1;
  } else if (!text.empty() && text.size() <= 3) {
    for (const char32_t c : text) {
      if (c < U'0' || c > U'9') return {};
      number = number * 10 + static_cast<int>(c - U'0');
    }
  }
  return number > 0 ? fmt::format("P{}{}", number, unit) : std::string();
}

/// A name without its blanks.
std::string WithoutBlanks(View folded) {
  std::string name;
  for (const char32_t c : folded) {
    if (c != U' ') AppendUtf8(c, name);
  }
  return name;
}

/// "P5Y" as it is stored, however it is written.
std::string StoredPeriod(View folded) {
  if (folded == U"permanent") return "permanent";
  if (folded.size() < 3 || folded.front() != U'p') return {};
  const View unit = folded.back() == U'y' ? U"年" : folded.back() == U'm' ? U"个月" : U"";
  return NormalizePeriod(std::u32string(folded.substr(1, folded.size() - 2)).append(unit));
}

bool IsNumber(std::string_view name) {
  return name == field::kDocumentNumber || name == field::kContractNumber;
}
bool IsDate(std::string_view name) {
  return name == field::kDate || name == field::kEffective || name == field::kExpires;
}
bool IsPeriod(std::string_view name) {
  return name == field::kValidFor || name == field::kSecretFor;
}

/// `folded`: of `shown`.
std::string Normalize(std::string_view name, std::string_view shown, View folded,
                      const TextFolder& folder) {
  if (IsNumber(name)) {
    const auto number = NormalizeDocumentNumber(folder, shown);
    return number ? *number : NormalizeIdentifier(folder, shown);
  }
  if (IsDate(name)) return WholeDate(TrimView(folded)).value_or("");
  if (IsPeriod(name)) return NormalizePeriod(folded);
  return WithoutBlanks(folded);
}

/// A line of the document with the way back to what is shown.
struct Line {
  std::string_view shown;
  FoldedText folded;

  View text() const { return folded.text; }
  std::string Shown(size_t begin, size_t end) const;
  std::string Shown(View part) const {
    const auto begin = static_cast<size_t>(part.data() - folded.text.data());
    return Shown(begin, begin + part.size());
  }
};

std::string Line::Shown(size_t begin, size_t end) const {
  const TextSpan span = folded.Origin(begin, end);
  size_t at = 0;
  size_t from = 0;
  size_t position = 0;
  for (; position < span.end; ++position) {
    if (position == span.begin) from = at;
    at += DecodeUtf8(shown.substr(at)).size_bytes;
  }
  return std::string(shown.substr(from, at - from));
}

class FieldFinder {
 public:
  FieldFinder(const ParsedDocument& document, const TextFolder& folder)
      : document_(document), folder_(folder) {}

  std::vector<DocumentField> Find() {
    const int top = std::min(kTopBlocks, document_.blocks_size());
    for (int b = 0; b < top; ++b) top_.push_back(FoldLine(b));
    ReadHead();
    for (const Line& line : top_) ReadLabels(line, /*last_page=*/false);
    ReadTitle();
    ReadAddressee();
    if (Has(field::kDocumentNumber) || Has(field::kAddressee)) ReadSignature();
    ReadBody();
    return std::move(fields_);
  }

 private:
  Line FoldLine(int block) const {
    Line line;
    line.shown = document_.blocks(block).text();
    if (line.shown.size() > kMaxLineBytes) {
      line.shown = line.shown.substr(0, CompleteUtf8Prefix(line.shown.substr(0, kMaxLineBytes)));
    }
    line.folded = folder_.FoldWithOrigins(line.shown);
    return line;
  }

  bool Has(std::string_view name) const { return !Get(name).empty(); }
  std::string_view Get(std::string_view name) const {
    for (const DocumentField& field : fields_) {
      if (field.name == name) return field.normalized;
    }
    return {};
  }
  void Set(std::string_view name, std::string value, std::string normalized) {
    if (normalized.empty() || Has(name)) return;
    fields_.push_back({std::string(name), std::move(value), std::move(normalized)});
  }
  void SetName(std::string_view name, std::string value) {
    std::string normalized = WithoutBlanks(folder_.Fold(value));
    Set(name, std::move(value), std::move(normalized));
  }

  /// Lines that are a number or a classification and nothing else, and the issuer's letter head.
  void ReadHead() {
    for (size_t i = 0; i < top_.size() && i < kHeadBlocks; ++i) {
      const Line& line = top_[i];
      View text = TrimView(line.text());
      if (const size_t signer = text.find(U"签发人"); signer != View::npos) {
        text = TrimView(text.substr(0, signer));
      }
      if (text.size() > 2 && text.front() == U'(' && text.back() == U')') {
        text = text.substr(1, text.size() - 2);
      }
      if (text.empty() || text.size() > kMaxNameChars) continue;
      const std::string shown = line.Shown(text);
      if (auto number = NormalizeDocumentNumber(folder_, shown)) {
        if (!Has(field::kDocumentNumber)) number_line_ = i;
        Set(field::kDocumentNumber, shown, *std::move(number));
      }
      if (i >= kBandBlocks) continue;
      ReadClassification(line, text, /*labelled=*/false);
      if (text.ends_with(U"文件") && IsAgency(text.substr(0, text.size() - 2))) {
        SetName(field::kIssuer, line.Shown(text.substr(0, text.size() - 2)));
      }
    }
  }

  /// 机密★3年, 秘密; where a label says so also the words of enterprises.
  void ReadClassification(const Line& line, View text, bool labelled) {
    View level;
    for (const View word : {View(U"绝密"), View(U"机密"), View(U"秘密")}) {
      if (text.starts_with(word)) level = text.substr(0, word.size());
    }
    if (labelled) {
      for (const View word :
           {View(U"内部"), View(U"公开"), View(U"商密"), View(U"核心商密"), View(U"普通商密"),
            View(U"public"), View(U"internal"), View(U"confidential"), View(U"restricted"),
            View(U"secret"), View(U"top secret")}) {
        if (text.starts_with(word)) level = text.substr(0, word.size());
      }
    }
    if (level.empty()) return;
    View rest = TrimView(text.substr(level.size()));
    const bool star = !rest.empty() && View(U"★☆*").find(rest.front()) != View::npos;
    if (star) rest = TrimView(rest.substr(1));
    const std::string period = NormalizePeriod(rest);
    // "秘密级事项的管理" is a sentence, not a mark.
    if (!labelled && !rest.empty() && (!star || period.empty())) return;
    SetName(field::kClassification, line.Shown(level));
    if (!period.empty()) Set(field::kSecretFor, line.Shown(rest), period);
  }

  void ReadLabels(const Line& line, bool last_page) {
    for (const LabelledValue& found : FindLabelledValues(line.text())) {
      const View value = line.text().substr(found.value.begin, found.value.end - found.value.begin);
      if (value.size() > kMaxValueChars || (last_page && found.field != field::kCopyTo)) continue;
      ReadLabelled(found.field, line, value);
    }
  }

  void ReadLabelled(std::string_view name, const Line& line, View value) {
    const std::string shown = line.Shown(value);
    const bool digit =
        std::any_of(value.begin(), value.end(), [](char32_t c) { return c >= U'0' && c <= U'9'; });
    if (name == field::kClassification) {
      ReadClassification(line, value, /*labelled=*/true);
      return;
    }
    if (IsNumber(name) && (!digit || value.size() > kMaxNameChars)) return;
    if (name == field::kVersion && (!digit || value.size() > 20)) return;
    Set(name, shown, Normalize(name, shown, value, folder_));
  }

  /// One to three short lines in the head that say 关于 and end with a kind of document.
  void ReadTitle() {
    constexpr size_t kMaxLines = 3;
    constexpr size_t kMaxChars = 120;
    for (size_t i = 0; i < top_.size() && i < kHeadBlocks; ++i) {
      std::string shown;
      std::u32string folded;
      for (size_t j = i; j < top_.size() && j < i + kMaxLines; ++j) {
        const View text = TrimView(top_[j].text());
        if (text.empty() || text.size() > kMaxChars ||
            EndsWithAny(text, {U"。", U":", U";", U","})) {
          break;
        }
        folded += text;
        shown += top_[j].Shown(text);
        const size_t about = folded.find(U"关于");
        if (about == std::u32string::npos || !EndsLikeTitle(folded)) continue;
        // Before 关于 stands at most who writes.
        if (about > 0 && !IsAgency(View(folded).substr(0, about))) break;
        title_line_ = j;
        SetName(field::kTitle, shown);
        return;
      }
    }
  }

  /// The first line behind the title, or behind the number, that is a list of bodies and a colon.
  void ReadAddressee() {
    const size_t after = title_line_ ? *title_line_ + 1 : number_line_ ? *number_line_ + 1 : kNone;
    if (after == kNone) return;
    for (size_t i = after; i < top_.size() && i < after + 3; ++i) {
      View text = TrimView(top_[i].text());
      if (!text.ends_with(U":")) continue;
      text.remove_suffix(1);
      if (!IsListOfAgencies(text)) continue;
      SetName(field::kAddressee, top_[i].Shown(TrimView(text)));
      return;
    }
  }

  /// The issuer's name and, under it or beside it, the date. Annexes may follow.
  void ReadSignature() {
    std::optional<Line> before;
    const int begin = static_cast<int>(number_line_.value_or(title_line_.value_or(0)));
    for (int b = begin; b < document_.blocks_size(); ++b) {
      // Only short lines count: the text of the document is passed over.
      if (document_.blocks(b).text().size() > 4 * kMaxNameChars) {
        before.reset();
        continue;
      }
      Line line = FoldLine(b);
      const View text = TrimView(line.text());
      if (const auto date = WholeDate(text); date && before) {
        if (const View name = TrimView(before->text()); IsAgency(name)) {
          SetName(field::kIssuer, before->Shown(name));
          Set(field::kDate, line.Shown(text), *date);
          return;
        }
      }
      if (const size_t blank = text.find(U' '); blank != View::npos) {
        const View name = text.substr(0, blank);
        const View rest = TrimView(text.substr(blank));
        if (const auto date = WholeDate(rest); date && IsAgency(name)) {
          SetName(field::kIssuer, line.Shown(name));
          Set(field::kDate, line.Shown(rest), *date);
          return;
        }
      }
      before = std::move(line);
    }
  }

  /// 抄送 wherever it begins a line, and 本办法自…起施行，有效期五年.
  void ReadBody() {
    for (int b = 0; b < document_.blocks_size(); ++b) {
      const std::string_view text = document_.blocks(b).text();
      const bool copies = b >= kTopBlocks && text.starts_with("抄");
      const bool begins = text.find("之日起") != std::string_view::npos ||
                          text.find("起施行") != std::string_view::npos ||
                          text.find("起实施") != std::string_view::npos ||
                          text.find("起執行") != std::string_view::npos ||
                          text.find("起执行") != std::string_view::npos ||
                          text.find("起生效") != std::string_view::npos;
      if (!copies && !begins) continue;
      const Line line = FoldLine(b);
      if (copies) ReadLabels(line, /*last_page=*/true);
      if (begins) ReadInForce(line);
    }
  }

  /// The sentence in which a document speaks of itself (本办法) and says from when it holds.
  void ReadInForce(const Line& line) {
    constexpr size_t kMaxBefore = 30;
    constexpr size_t kMaxDate = 16;
    const View text = line.text();
    for (const View verb :
         {View(U"起施行"), View(U"起实施"), View(U"起执行"), View(U"起生效"), View(U"起试行")}) {
      const size_t end = text.find(verb);
      if (end == View::npos) continue;
      const size_t from = text.rfind(U'自', end);
      if (from == View::npos || end - from > kMaxDate) continue;
      const size_t self = text.rfind(U'本', from);
      if (self == View::npos || from - self > kMaxBefore ||
          text.substr(self, from - self).find(U'。') != View::npos) {
        continue;
      }
      const View since = TrimView(text.substr(from + 1, end - from - 1));
      const bool at_once = EndsWithAny(since, {U"印发之日", U"发布之日", U"公布之日"});
      Set(field::kEffective, line.Shown(since),
          at_once ? std::string(Get(field::kDate)) : WholeDate(since).value_or(""));
      ReadValidity(line, text.substr(end));
      return;
    }
  }

  void ReadValidity(const Line& line, View text) {
    const size_t at = text.find(U"有效期");
    if (at == View::npos) return;
    text = text.substr(at + 3);
    if (text.starts_with(U"限")) text.remove_prefix(1);
    const View value = TrimView(text.substr(0, text.find_first_of(U"。,;")));
    if (value.starts_with(U"至")) {
      const View until = TrimView(value.substr(1));
      Set(field::kExpires, line.Shown(until), WholeDate(until).value_or(""));
    } else if (!value.empty()) {
      Set(field::kValidFor, line.Shown(value), NormalizePeriod(value));
    }
  }

  static constexpr size_t kNone = ~size_t{0};

  const ParsedDocument& document_;
  const TextFolder& folder_;
  std::vector<Line> top_;
  std::optional<size_t> number_line_;  // in top_
  std::optional<size_t> title_line_;   // the last one of the title
  std::vector<DocumentField> fields_;
};

}  // namespace

std::vector<DocumentField> FindDocumentFields(const ParsedDocument& document,
                                              const TextFolder& folder) {
  return FieldFinder(document, folder).Find();
}

StatusOr<std::string> NormalizeFieldValue(std::string_view name, std::string_view value,
                                          const TextFolder& folder) {
  if (std::find(field::kAll.begin(), field::kAll.end(), name) == field::kAll.end()) {
    return InvalidArgument("documents have no field '{}'; expected one of {}", SanitizeUtf8(name),
                           fmt::join(field::kAll, ", "));
  }
  const std::u32string folded = folder.Fold(value);
  std::string normalized = IsPeriod(name) ? StoredPeriod(TrimView(folded)) : std::string();
  if (normalized.empty()) normalized = Normalize(name, value, folded, folder);
  if (!normalized.empty()) return normalized;
  return InvalidArgument("'{}' is no value of the field {}: expected {}", SanitizeUtf8(value), name,
                         IsDate(name)     ? "a date, as 2024-03-05 or 2024年3月5日"
                         : IsPeriod(name) ? "a period, as 5年, 6个月, P5Y or 长期"
                                          : "what the document says there");
}

}  // namespace hadal::retrieval
