#pragma once

#include "hadal/internal/v1/retrieval.pb.h"
#include "hadal/v1/knowledge.pb.h"
#include "retrieval/document.h"

/// Between the module's types and the wire's.
namespace hadal::retrieval_service {

retrieval::AccessFilter FilterFromProto(const internal::v1::AccessFilter& proto);
v1::KnowledgeBase BaseToProto(const retrieval::KnowledgeBaseInfo& base);
v1::Document DocumentToProto(const retrieval::DocumentInfo& document);
internal::v1::Hit HitToProto(const retrieval::SearchHit& hit);

}  // namespace hadal::retrieval_service
