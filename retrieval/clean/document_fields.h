#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/clean/text_folder.h"
#include "retrieval/document.h"

namespace hadal::retrieval {

/// Names of DocumentField.
namespace field {
inline constexpr std::string_view kDocumentNumber = "document_number";  ///< 发文字号, 文件编号
inline constexpr std::string_view kContractNumber = "contract_number";
inline constexpr std::string_view kTitle = "title";
inline constexpr std::string_view kIssuer = "issuer";                    ///< 发文机关
inline constexpr std::string_view kSigner = "signer";                    ///< 签发人
inline constexpr std::string_view kAddressee = "addressee";              ///< 主送机关
inline constexpr std::string_view kCopyTo = "copy_to";                   ///< 抄送机关
inline constexpr std::string_view kDate = "date";                        ///< 成文日期
inline constexpr std::string_view kClassification = "classification";    ///< 密级
inline constexpr std::string_view kSecretFor = "classification_period";  ///< 保密期限
inline constexpr std::string_view kEffective = "effective_date";         ///< 施行日期
inline constexpr std::string_view kExpires = "expiry_date";
inline constexpr std::string_view kValidFor = "validity_period";  ///< 有效期, "P5Y"
inline constexpr std::string_view kVersion = "version";
inline constexpr std::array kAll = {
    kDocumentNumber, kContractNumber, kTitle,     kIssuer,    kSigner,  kAddressee, kCopyTo,
    kDate,           kClassification, kSecretFor, kEffective, kExpires, kValidFor,  kVersion};
}  // namespace field

/// What a document says of itself, each name at most once. Precision comes before recall: a field
/// is taken from the place and in the form that GB/T 9704 gives it in official documents, or from
/// "名称：值" (also in a table) near the beginning of any document. Normalized values: dates
/// "2024-03-05", periods "P5Y", numbers as in document_number.h, names folded without blanks. What
/// a document says of its classification is a field like others: access is by Label alone. Linear
/// time. Pure.
std::vector<DocumentField> FindDocumentFields(const internal::v1::ParsedDocument& document,
                                              const TextFolder& folder);

/// `value` as FindDocumentFields() normalizes one that a document has: whoever filters writes it as
/// he reads it ("〔2024〕12号", "2024年3月5日"), or as it is stored. INVALID_ARGUMENT for a field
/// that no document has, or no value of it. Pure.
StatusOr<std::string> NormalizeFieldValue(std::string_view name, std::string_view value,
                                          const TextFolder& folder);

}  // namespace hadal::retrieval
