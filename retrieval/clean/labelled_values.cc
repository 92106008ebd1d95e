#include "retrieval/clean/labelled_values.h"

#include "retrieval/clean/document_fields.h"

namespace hadal::retrieval {
namespace {

struct FieldLabel {
  std::u32string_view word;  // folded
  std::string_view field;
};

constexpr FieldLabel kLabels[] = {
    {U"发文字号", field::kDocumentNumber},
    {U"发文号", field::kDocumentNumber},
    {U"文号", field::kDocumentNumber},
    {U"文件编号", field::kDocumentNumber},
    {U"文件号", field::kDocumentNumber},
    {U"文档编号", field::kDocumentNumber},
    {U"制度编号", field::kDocumentNumber},
    {U"编号", field::kDocumentNumber},
    {U"document no.", field::kDocumentNumber},
    {U"document no", field::kDocumentNumber},
    {U"document number", field::kDocumentNumber},
    {U"document id", field::kDocumentNumber},
    {U"doc no.", field::kDocumentNumber},
    {U"doc. no.", field::kDocumentNumber},
    {U"合同编号", field::kContractNumber},
    {U"合同号", field::kContractNumber},
    {U"协议编号", field::kContractNumber},
    {U"contract no.", field::kContractNumber},
    {U"contract no", field::kContractNumber},
    {U"contract number", field::kContractNumber},
    {U"版本", field::kVersion},
    {U"版本号", field::kVersion},
    {U"版次", field::kVersion},
    {U"文件版本", field::kVersion},
    {U"version", field::kVersion},
    {U"revision", field::kVersion},
    {U"密级", field::kClassification},
    {U"保密等级", field::kClassification},
    {U"保密级别", field::kClassification},
    {U"classification", field::kClassification},
    {U"保密期限", field::kSecretFor},
    {U"生效日期", field::kEffective},
    {U"实施日期", field::kEffective},
    {U"施行日期", field::kEffective},
    {U"执行日期", field::kEffective},
    {U"effective date", field::kEffective},
    {U"effective from", field::kEffective},
    {U"effective", field::kEffective},
    {U"失效日期", field::kExpires},
    {U"废止日期", field::kExpires},
    {U"有效期至", field::kExpires},
    {U"expiry date", field::kExpires},
    {U"valid until", field::kExpires},
    {U"有效期", field::kValidFor},
    {U"有效期限", field::kValidFor},
    {U"成文日期", field::kDate},
    {U"发文日期", field::kDate},
    {U"印发日期", field::kDate},
    {U"发布日期", field::kDate},
    {U"签发日期", field::kDate},
    {U"date of issue", field::kDate},
    {U"issue date", field::kDate},
    {U"date", field::kDate},
    {U"发文机关", field::kIssuer},
    {U"发文单位", field::kIssuer},
    {U"发布单位", field::kIssuer},
    {U"发布机构", field::kIssuer},
    {U"编制单位", field::kIssuer},
    {U"编制部门", field::kIssuer},
    {U"issued by", field::kIssuer},
    {U"issuer", field::kIssuer},
    {U"签发人", field::kSigner},
    {U"主送", field::kAddressee},
    {U"主送机关", field::kAddressee},
    {U"主送单位", field::kAddressee},
    {U"抄送", field::kCopyTo},
    {U"抄送机关", field::kCopyTo},
    {U"抄送单位", field::kCopyTo},
};

bool IsBlank(char32_t c) { return c == U' ' || c == U'\t'; }

bool Separates(char32_t c) {
  return IsBlank(c) || c == U'|' || c == U';' || c == U',' || c == U'。' || c == U'(';
}

struct FoundLabel {
  std::string_view field;
  size_t begin = 0;
  size_t value = 0;
};

/// The longest label at `at` that a colon or the end of its table cell follows; value 0: none.
FoundLabel LabelAt(std::u32string_view line, size_t at) {
  FoundLabel found;
  for (const FieldLabel& label : kLabels) {
    if (!line.substr(at).starts_with(label.word)) continue;
    size_t end = at + label.word.size();
    for (int n = 0; n < 3 && end < line.size() && IsBlank(line[end]); ++n) ++end;
    if (end < line.size() && (line[end] == U':' || line[end] == U'|') && end >= found.value) {
      found = {label.field, at, end + 1};
    }
  }
  return found;
}

TextSpan Trim(std::u32string_view line, size_t begin, size_t end) {
  while (begin < end && IsBlank(line[begin])) ++begin;
  while (begin < end && Separates(line[end - 1])) --end;
  return {begin, end};
}

/// Where the value that begins at `begin` ends at the latest: before a wide gap, the next cell, or
/// a label that nobody here knows ("V3.2 编制：…").
size_t EndOfValue(std::u32string_view line, size_t begin, size_t end) {
  size_t last_blank = end;
  for (size_t i = begin; i < end; ++i) {
    if (line[i] == U'|') return i;
    if (line[i] == U':' && last_blank < end && !(line[i - 1] >= U'0' && line[i - 1] <= U'9')) {
      return last_blank;
    }
    if (!IsBlank(line[i])) continue;
    if (i + 1 < end && IsBlank(line[i + 1])) return i;
    last_blank = i;
  }
  return end;
}

}  // namespace

std::vector<LabelledValue> FindLabelledValues(std::u32string_view line) {
  std::vector<FoundLabel> labels;
  for (size_t at = 0; at < line.size(); ++at) {
    if (at > 0 && !Separates(line[at - 1])) continue;
    const FoundLabel label = LabelAt(line, at);
    if (label.value == 0) continue;
    labels.push_back(label);
    at = label.value - 1;
  }
  std::vector<LabelledValue> values;
  for (size_t i = 0; i < labels.size(); ++i) {
    const size_t end = i + 1 < labels.size() ? labels[i + 1].begin : line.size();
    const size_t from = Trim(line, labels[i].value, end).begin;
    const TextSpan value = Trim(line, from, EndOfValue(line, from, end));
    if (value.begin < value.end) values.push_back({labels[i].field, value});
  }
  return values;
}

}  // namespace hadal::retrieval
