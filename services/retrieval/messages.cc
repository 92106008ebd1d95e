#include "services/retrieval/messages.h"

#include <utility>

#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "retrieval/clean/document_fields.h"
#include "retrieval/label_proto.h"

namespace hadal::retrieval_service {

namespace {

using retrieval::DocumentState;

constexpr DocumentState kStates[] = {DocumentState::kReceived, DocumentState::kParsed,
                                     DocumentState::kChunked,  DocumentState::kEmbedded,
                                     DocumentState::kVisible,  DocumentState::kFailed};

v1::DocumentState StateToProto(DocumentState state) {
  switch (state) {
    case DocumentState::kReceived:
      return v1::DOCUMENT_STATE_RECEIVED;
    case DocumentState::kParsed:
      return v1::DOCUMENT_STATE_PARSED;
    case DocumentState::kChunked:
      return v1::DOCUMENT_STATE_CHUNKED;
    case DocumentState::kEmbedded:
      return v1::DOCUMENT_STATE_EMBEDDED;
    case DocumentState::kVisible:
      return v1::DOCUMENT_STATE_VISIBLE;
    case DocumentState::kFailed:
      return v1::DOCUMENT_STATE_FAILED;
  }
  return v1::DOCUMENT_STATE_UNSPECIFIED;
}

v1::Upload UploadToProto(const retrieval::UploadInfo& upload) {
  v1::Upload proto;
  proto.set_state(StateToProto(upload.state));
  proto.set_reason_code(upload.reason_code);
  proto.set_reason(upload.reason);
  proto.set_attempts(upload.attempts);
  proto.set_received_unix_ms(upload.received_unix_ms);
  proto.set_changed_unix_ms(upload.changed_unix_ms);
  proto.set_sha256(upload.file.sha256);
  proto.set_size_bytes(upload.file.size_bytes);
  *proto.mutable_label() = retrieval::LabelToProto(upload.file.label);
  return proto;
}

}  // namespace

StatusOr<std::vector<retrieval::FieldMatch>> FieldsFromProto(
    const google::protobuf::RepeatedPtrField<v1::FieldMatch>& proto,
    const retrieval::TextFolder& folder) {
  std::vector<retrieval::FieldMatch> fields;
  for (const v1::FieldMatch& field : proto) {
    ASSIGN_OR_RETURN(std::string value,
                     retrieval::NormalizeFieldValue(field.name(), field.value(), folder));
    fields.push_back({field.name(), std::move(value)});
  }
  return fields;
}

std::optional<retrieval::DocumentState> StateFromProto(v1::DocumentState proto) {
  for (const DocumentState state : kStates) {
    if (StateToProto(state) == proto) return state;
  }
  return std::nullopt;
}

v1::KnowledgeBaseStats StatsToProto(const retrieval::BaseStats& stats, bool whole_base) {
  v1::KnowledgeBaseStats proto;
  proto.set_id(stats.base.id);
  proto.set_whole_base(whole_base);
  proto.set_documents(stats.documents);
  proto.set_versions(stats.versions);
  proto.set_chunks(stats.chunks);
  proto.set_chunks_pending(stats.chunks_pending);
  proto.set_file_bytes(stats.file_bytes);
  for (const auto& [classification, documents] : stats.by_classification) {
    auto& count = *proto.add_by_classification();
    count.set_classification(retrieval::LabelToProto({classification, {}, {}}).classification());
    count.set_documents(documents);
  }
  const auto add_state = [&proto](DocumentState state, int64_t documents) {
    auto& count = *proto.add_by_state();
    count.set_state(StateToProto(state));
    count.set_documents(documents);
  };
  if (stats.documents > 0) add_state(DocumentState::kVisible, stats.documents);
  for (const auto& [state, uploads] : stats.uploads) add_state(state, uploads);
  proto.set_embedding_model(stats.embedding_model);
  proto.set_embedding_dim(stats.embedding_dim);
  proto.set_encryption(stats.base.encryption);
  proto.set_keep_versions(stats.base.keep_versions);
  if (!whole_base) return proto;  // what follows tells of every document there is, and was
  v1::KnowledgeBaseStats::Index& index = *proto.mutable_index();
  index.set_sealed_files(stats.index_files);
  index.set_dead_slots(stats.index_dead_slots);
  index.set_generation(stats.index_generation);
  index.set_live_chunks(stats.index_live_chunks);
  return proto;
}

v1::NearDuplicate NearDuplicateToProto(const retrieval::NearDuplicate& duplicate) {
  v1::NearDuplicate proto;
  *proto.mutable_document() = DocumentToProto(duplicate.document);
  *proto.mutable_like() = DocumentToProto(duplicate.like);
  for (v1::Document* document : {proto.mutable_document(), proto.mutable_like()}) {
    document->clear_fields();  // a thousand pairs have to go into one message
    document->clear_warnings();
  }
  proto.set_similarity(duplicate.similarity);
  return proto;
}

v1::DeletionReceipt ReceiptToProto(const retrieval::DeletionReceipt& receipt) {
  v1::DeletionReceipt proto;
  proto.set_knowledge_base(receipt.knowledge_base);
  proto.set_document_id(receipt.document_id);
  proto.set_sequence(receipt.sequence);
  proto.set_removed_unix_ms(receipt.removed_unix_ms);
  proto.mutable_versions()->Add(receipt.versions.begin(), receipt.versions.end());
  proto.set_documents(receipt.documents);
  proto.set_chunks(receipt.chunks);
  proto.mutable_file_sha256()->Add(receipt.file_sha256.begin(), receipt.file_sha256.end());
  proto.set_gone_at_generation(receipt.gone_at_generation);
  proto.set_index_generation(receipt.index_generation);
  return proto;
}

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
  proto.set_keep_versions(base.keep_versions);
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
  proto.set_state(StateToProto(document.state));
  proto.set_in_force(document.in_force);
  proto.set_effective_unix_ms(document.effective_unix_ms);
  proto.set_expires_unix_ms(document.expires_unix_ms);
  proto.set_superseded_unix_ms(document.superseded_unix_ms);
  proto.set_superseded_by(document.superseded_by);
  for (const retrieval::DocumentField& field : document.fields) {
    v1::DocumentField& added = *proto.add_fields();
    added.set_name(field.name);
    added.set_value(field.value);
    added.set_normalized(field.normalized);
  }
  proto.mutable_warnings()->Add(document.warnings.begin(), document.warnings.end());
  proto.set_attempts(document.attempts);
  proto.set_parse_ms(document.parse_ms);
  proto.set_embed_ms(document.embed_ms);
  proto.set_has_file(document.has_file);
  if (document.upload) *proto.mutable_upload() = UploadToProto(*document.upload);
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
