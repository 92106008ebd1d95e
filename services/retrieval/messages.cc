#include "services/retrieval/messages.h"

#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "retrieval/label_proto.h"

namespace hadal::retrieval_service {

retrieval::AccessFilter FilterFromProto(const internal::v1::AccessFilter& proto) {
  retrieval::AccessFilter filter;
  filter.clearance = retrieval::ClearanceFromProto(proto.clearance());
  filter.compartments.assign(proto.compartments().begin(), proto.compartments().end());
  filter.groups.assign(proto.groups().begin(), proto.groups().end());
  return filter;
}

v1::KnowledgeBase BaseToProto(const retrieval::KnowledgeBaseInfo& base) {
  v1::KnowledgeBase proto;
  proto.set_id(base.id);
  proto.set_description(base.description);
  proto.set_documents(base.documents);
  proto.set_chunks(base.chunks);
  proto.set_created_unix_ms(base.created_unix_ms);
  proto.set_encryption(base.encryption);
  return proto;
}

v1::Document DocumentToProto(const retrieval::DocumentInfo& document) {
  v1::Document proto;
  proto.set_id(document.id);
  proto.set_title(document.title);
  proto.set_file_name(document.file_name);
  proto.set_format(document.format);
  *proto.mutable_label() = retrieval::LabelToProto(document.label);
  proto.set_version(document.version);
  proto.set_chunks(document.num_chunks);
  proto.set_pages(document.pages);
  proto.set_characters(document.characters);
  proto.set_size_bytes(document.size_bytes);
  proto.set_sha256(document.sha256);
  proto.set_added_unix_ms(document.added_unix_ms);
  proto.set_chunks_pending(document.pending_chunks);
  return proto;
}

internal::v1::Hit HitToProto(const retrieval::SearchHit& hit) {
  internal::v1::Hit proto;
  v1::SearchHit& chunk = *proto.mutable_chunk();
  chunk.set_chunk_id(hit.chunk_id);
  chunk.set_document_id(hit.document_id);
  chunk.set_title(hit.title);
  chunk.set_page(hit.chunk.page);
  chunk.set_start(hit.chunk.start);
  chunk.set_end(hit.chunk.end);
  chunk.set_score(hit.score);
  chunk.set_text(hit.chunk.text);
  *proto.mutable_label() = retrieval::LabelToProto(hit.label);
  proto.set_document_version(hit.document_version);
  proto.set_text_sha256(HexEncode(auth::Sha256(hit.chunk.text)));
  proto.set_dense_score(hit.dense_score);
  proto.set_lexical_score(hit.lexical_score);
  proto.set_lexical_coverage(hit.lexical_coverage);
  proto.mutable_heading_path()->Add(hit.chunk.heading_path.begin(), hit.chunk.heading_path.end());
  proto.set_context(hit.chunk.context);
  return proto;
}

}  // namespace hadal::retrieval_service
