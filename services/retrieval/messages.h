#pragma once

#include <optional>
#include <vector>

#include "base/status.h"
#include "hadal/internal/v1/retrieval.pb.h"
#include "hadal/v1/knowledge.pb.h"
#include "retrieval/clean/text_folder.h"
#include "retrieval/document.h"
#include "retrieval/knowledge_store.h"

/// Between the module's types and the wire's.
namespace hadal::retrieval_service {

retrieval::AccessFilter FilterFromProto(const internal::v1::AccessFilter& proto);
/// Their values normalized. INVALID_ARGUMENT for a field that no document has, or no value of it.
StatusOr<std::vector<retrieval::FieldMatch>> FieldsFromProto(
    const google::protobuf::RepeatedPtrField<v1::FieldMatch>& proto,
    const retrieval::TextFolder& folder);
/// nullopt: of any state.
std::optional<retrieval::DocumentState> StateFromProto(v1::DocumentState proto);
v1::KnowledgeBase BaseToProto(const retrieval::KnowledgeBaseInfo& base);
v1::Document DocumentToProto(const retrieval::DocumentInfo& document);
v1::DeletionReceipt ReceiptToProto(const retrieval::DeletionReceipt& receipt);
v1::KnowledgeBaseStats StatsToProto(const retrieval::BaseStats& stats, bool whole_base);
v1::NearDuplicate NearDuplicateToProto(const retrieval::NearDuplicate& duplicate);
internal::v1::Hit HitToProto(const retrieval::SearchHit& hit);

}  // namespace hadal::retrieval_service
