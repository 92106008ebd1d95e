#include "tests/services/gateway/fake_backends.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "auth/crypto/digest.h"
#include "base/hex.h"

namespace hadal::gateway::testing {

grpc::Status FakeInference::Generate(grpc::ServerContext* context,
                                     const internal::v1::GenerateRequest* request,
                                     grpc::ServerWriter<internal::v1::GenerateEvent>* writer) {
  {
    absl::MutexLock lock(&mu_);
    last_request_ = *request;
  }
  ++generating;
  internal::v1::GenerateEvent event;
  int sent = 0;
  for (const std::string& delta : deltas) {
    if (sent == fail_after_deltas) {
      --generating;
      return grpc::Status(grpc::StatusCode::DATA_LOSS, "the engine failed");
    }
    for (int32_t k = 0; k < std::max(request->n(), 1); ++k) {
      event.mutable_delta()->set_choice(k);
      event.mutable_delta()->set_content(k == 0 ? delta : delta + std::to_string(k));
      writer->Write(event);
    }
    ++sent;
    const absl::Time limit = absl::Now() + absl::Seconds(20);
    while (wait_after_first_delta && !context->IsCancelled() && absl::Now() < limit) {
      absl::SleepFor(absl::Milliseconds(5));
    }
  }
  --generating;
  if (context->IsCancelled()) {
    ++cancelled;
    return grpc::Status::CANCELLED;
  }
  internal::v1::GenerateResult& result = *event.mutable_result();
  result.set_finish_reason("stop");
  result.set_prompt_tokens(11);
  result.set_cached_tokens(3);
  result.set_completion_tokens(sent * std::max(request->n(), 1));
  for (int32_t k = 1; k < request->n(); ++k) result.add_others()->set_finish_reason("length");
  writer->Write(event);
  return grpc::Status::OK;
}

grpc::Status FakeInference::Embed(grpc::ServerContext*, const v1::EmbedRequest* request,
                                  v1::EmbedResponse* response) {
  for (int i = 0; i < request->texts_size(); ++i) {
    v1::Vector& vector = *response->add_vectors();
    vector.add_values(0.5f);
    vector.add_values(static_cast<float>(i));
  }
  response->set_tokens(4 * request->texts_size());
  return grpc::Status::OK;
}

grpc::Status FakeInference::CountTokens(grpc::ServerContext*,
                                        const internal::v1::CountTokensRequest* request,
                                        internal::v1::CountTokensResponse* response) {
  for (const std::string& text : request->texts()) {
    response->add_counts(static_cast<int32_t>(text.size() / 4 + 1));
  }
  return grpc::Status::OK;
}

grpc::Status FakeInference::ListModels(grpc::ServerContext*, const v1::ListModelsRequest*,
                                       v1::ListModelsResponse* response) {
  v1::Model& chat = *response->add_models();
  chat.set_id("tiny-chat");
  chat.set_kind("chat");
  chat.set_sha256(std::string(64, 'a'));
  chat.set_context_length(4096);
  v1::Model& embedding = *response->add_models();
  embedding.set_id("tiny-embed");
  embedding.set_kind("embedding");
  embedding.set_sha256(std::string(64, 'b'));
  embedding.set_embedding_dim(2);
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::ListKnowledgeBases(grpc::ServerContext*,
                                               const v1::ListKnowledgeBasesRequest*,
                                               v1::ListKnowledgeBasesResponse* response) {
  v1::KnowledgeBase& base = *response->add_knowledge_bases();
  base.set_id("kb1");
  base.set_documents(2);
  base.set_chunks(2);
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::AddDocument(grpc::ServerContext* context,
                                        grpc::ServerReader<v1::AddDocumentRequest>* reader,
                                        v1::AddDocumentResponse* response) {
  v1::AddDocumentRequest part;
  std::string bytes;
  std::string id;
  while (reader->Read(&part)) {
    if (part.has_header()) id = part.header().document_id();
    bytes += part.data();
  }
  if (context->IsCancelled()) return grpc::Status::CANCELLED;
  absl::MutexLock lock(&mu_);
  added_bytes_ = bytes;
  ++added_;
  response->set_document_id(id);
  response->set_accepted(true);
  response->set_version(1);
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::ListDocuments(grpc::ServerContext*,
                                          const internal::v1::ListDocumentsRequest*,
                                          v1::ListDocumentsResponse* response) {
  v1::Document& open = *response->add_documents();
  open.set_id("open");
  open.mutable_label()->set_classification(v1::CLASSIFICATION_PUBLIC);
  v1::Document& secret = *response->add_documents();
  secret.set_id("vault");
  secret.mutable_label()->set_classification(v1::CLASSIFICATION_SECRET);
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::DeleteDocument(grpc::ServerContext*,
                                           const internal::v1::DeleteDocumentRequest* request,
                                           v1::DeleteDocumentResponse* response) {
  const bool readable = request->document_id() == "open" ||
                        request->filter().clearance() >= v1::CLASSIFICATION_SECRET;
  if (!readable) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such document");
  response->set_chunks_removed(1);
  response->mutable_receipt()->set_sequence(4711);
  return grpc::Status::OK;
}

namespace {

internal::v1::Hit HitOf(const char* id, const char* text, int64_t start,
                        v1::Classification classification) {
  internal::v1::Hit hit;
  hit.mutable_chunk()->set_chunk_id(std::string(id) + "#0");
  hit.mutable_chunk()->set_document_id(id);
  hit.mutable_chunk()->set_title("Inspection of transformers");
  hit.mutable_chunk()->set_text(text);
  hit.mutable_chunk()->set_start(start);
  hit.mutable_chunk()->set_end(start + static_cast<int64_t>(std::string(text).size()));
  hit.mutable_label()->set_classification(classification);
  hit.set_document_version(1);
  return hit;
}

}  // namespace

grpc::Status FakeRetrieval::GetChunks(grpc::ServerContext*,
                                      const internal::v1::GetChunksRequest* request,
                                      internal::v1::GetChunksResponse* response) {
  {
    absl::MutexLock lock(&mu_);
    last_chunks_ = *request;
  }
  *response->add_chunks() = HitOf("vault", kSecretText, 0, v1::CLASSIFICATION_SECRET);
  internal::v1::Hit& open = *response->add_chunks();
  open = HitOf("open", kPublicText, 0, v1::CLASSIFICATION_PUBLIC);
  const auto end = static_cast<int64_t>(std::string(kPublicText).size());
  *open.add_after() = HitOf("open", kNextText, end + 1, v1::CLASSIFICATION_PUBLIC);
  open.mutable_after(0)->mutable_chunk()->set_chunk_id("open#1");
  *open.add_after() = HitOf("open", kSecretText, end + 2, v1::CLASSIFICATION_SECRET);
  open.mutable_after(1)->mutable_chunk()->set_chunk_id("open#2");
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::Search(grpc::ServerContext*, const internal::v1::SearchRequest* request,
                                   internal::v1::SearchResponse* response) {
  if (request->knowledge_base() != "kb1") {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such knowledge base");
  }
  {
    absl::MutexLock lock(&mu_);
    last_search_ = *request;
    searched_.push_back(request->query());
  }
  const auto add = [&](const char* id, const char* text, v1::Classification classification) {
    internal::v1::Hit& hit = *response->add_hits();
    hit = HitOf(id, text, 0, classification);
    hit.mutable_chunk()->set_score(1);
    hit.set_text_sha256(HexEncode(auth::Sha256(text)));
    hit.set_dense_score(0.93f);
    hit.set_lexical_score(9);
    hit.set_lexical_coverage(1);
  };
  add("vault", kSecretText, v1::CLASSIFICATION_SECRET);
  add("open", kPublicText, v1::CLASSIFICATION_PUBLIC);
  response->set_complete(true);
  response->set_chunks_allowed(2);
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::GetStats(grpc::ServerContext*,
                                     const internal::v1::GetStatsRequest* request,
                                     v1::KnowledgeBaseStats* response) {
  absl::MutexLock lock(&mu_);
  last_stats_ = *request;
  response->set_documents(1);
  response->mutable_index()->set_dead_slots(7);
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::ListNearDuplicates(grpc::ServerContext*,
                                               const internal::v1::ListNearDuplicatesRequest*,
                                               v1::ListNearDuplicatesResponse* response) {
  const auto add = [&](const char* id, v1::Classification level, const char* like,
                       v1::Classification like_level) {
    v1::NearDuplicate& pair = *response->add_duplicates();
    pair.mutable_document()->set_id(id);
    pair.mutable_document()->mutable_label()->set_classification(level);
    pair.mutable_like()->set_id(like);
    pair.mutable_like()->mutable_label()->set_classification(like_level);
  };
  add("vault", v1::CLASSIFICATION_SECRET, "open", v1::CLASSIFICATION_PUBLIC);
  add("copy", v1::CLASSIFICATION_PUBLIC, "open", v1::CLASSIFICATION_PUBLIC);
  add("copy", v1::CLASSIFICATION_PUBLIC, "vault", v1::CLASSIFICATION_SECRET);
  response->set_found(3);
  return grpc::Status::OK;
}

grpc::Status FakeRetrieval::Snapshot(grpc::ServerContext*, const v1::CreateSnapshotRequest* request,
                                     v1::CreateSnapshotResponse* response) {
  response->set_folder("/snapshots/" + request->name());
  return grpc::Status::OK;
}

}  // namespace hadal::gateway::testing
