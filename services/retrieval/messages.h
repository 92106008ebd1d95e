#pragma once

#include <vector>

#include "hadal/internal/v1/retrieval.pb.h"
#include "hadal/v1/knowledge.pb.h"
#include "retrieval/document.h"
#include "retrieval/knowledge_store.h"

/// Between the module's types and the wire's.
namespace hadal::retrieval_service {

retrieval::AccessFilter FilterFromProto(const internal::v1::AccessFilter& proto);
std::vector<retrieval::FieldMatch> FieldsFromProto(
    const google::protobuf::RepeatedPtrField<v1::FieldMatch>& proto);
v1::KnowledgeBase BaseToProto(const retrieval::KnowledgeBaseInfo& base);
v1::Document DocumentToProto(const retrieval::DocumentInfo& document);
v1::DeletionReceipt ReceiptToProto(const retrieval::DeletionReceipt& receipt);
internal::v1::Hit HitToProto(const retrieval::SearchHit& hit);

}  // namespace hadal::retrieval_service
