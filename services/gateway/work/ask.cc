#include "services/gateway/work/ask.h"

#include <cmath>

#include "auth/actions.h"
#include "base/hex.h"
#include "services/answer/queries.h"
#include "services/gateway/filters/digest.h"
#include "services/gateway/work/search.h"
#include "services/gateway/work/tenant_generator.h"

namespace hadal::gateway {
namespace {

/// Searches of one question: each costs an embedding.
constexpr int32_t kMaxQueries = 4;

Status CheckAsk(const v1::AskRequest& ask, int32_t max_answer_tokens) {
  if (ask.question().empty() || ask.question().size() > kMaxQueryBytes) {
    return InvalidArgument("the question must have 1 to {} bytes, this one has {}", kMaxQueryBytes,
                           ask.question().size());
  }
  if (ask.max_tokens() < 0 || ask.max_tokens() > max_answer_tokens) {
    return InvalidArgument("max_tokens must be within 0 (default) and {}, got {}",
                           max_answer_tokens, ask.max_tokens());
  }
  if (!std::isfinite(ask.temperature()) || ask.temperature() < 0 || ask.temperature() > 2) {
    return InvalidArgument("temperature must be within 0 and 2, got {}", ask.temperature());
  }
  return OkStatus();
}

void RecordAnswer(const v1::AskResult& result, RequestContext& request) {
  store::v1::AuditRecord& record = request.record();
  record.set_answer_sha256(Sha256Hex(result.answer()));
  record.set_prompt_tokens(result.usage().prompt_tokens());
  record.set_cached_tokens(result.usage().cached_tokens());
  record.set_completion_tokens(result.usage().completion_tokens());
  auto& attributes = *record.mutable_attributes();
  attributes["finish_reason"] = result.finish_reason();
  attributes["citations"] = std::to_string(result.citations_size());
  if (result.refused()) {
    request.MarkNoAnswer();
    attributes["refusal_reason"] = result.refusal_reason();
  }
}

}  // namespace

StatusOr<v1::AskResult> AskPipeline::Run(RequestContext& request, CallScope& scope,
                                         const v1::AskRequest& ask) const {
  ASSIGN_OR_RETURN(v1::AskResult result, Answer(request, scope, ask));
  RecordAnswer(result, request);
  ASSIGN_OR_RETURN(const auth::AuditPosition position, request.Close(OkStatus()));
  result.mutable_audit()->set_index(position.index);
  result.mutable_audit()->set_leaf_hash(HexEncode(position.leaf_hash));
  return result;
}

StatusOr<internal::v1::SearchResponse> AskPipeline::Search(RequestContext& request,
                                                           CallScope& scope,
                                                           v1::SearchRequest search) const {
  std::vector<internal::v1::SearchResponse> found;
  for (const std::string& query : answer::SearchQueries(search.query(), kMaxQueries)) {
    search.set_query(query);
    ASSIGN_OR_RETURN(found.emplace_back(), SearchFor(request, scope, *deps_.retrieval, search));
  }
  request.record().mutable_attributes()->insert({"searches", std::to_string(found.size())});
  return answer::MergeHits(found, search.top_k());
}

StatusOr<v1::AskResult> AskPipeline::Answer(RequestContext& request, CallScope& scope,
                                            const v1::AskRequest& ask) const {
  RETURN_IF_ERROR(request.Authorize(auth::actions::kAssistantAsk, ask.knowledge_base()));
  RETURN_IF_ERROR(CheckAsk(ask, deps_.max_answer_tokens));
  ASSIGN_OR_RETURN(const v1::Model model, deps_.inference->FindModel(scope, ask.model(), "chat"));
  store::v1::AuditRecord& record = request.record();
  record.set_model(model.id());
  record.set_model_sha256(model.sha256());
  auto& attributes = *record.mutable_attributes();
  attributes["temperature"] = fmt::format("{}", ask.temperature());
  attributes["seed"] = std::to_string(ask.seed());
  attributes["max_tokens"] = std::to_string(ask.max_tokens());

  v1::SearchRequest search;
  search.set_knowledge_base(ask.knowledge_base());
  search.set_query(ask.question());
  search.set_top_k(ask.top_k() == 0 ? deps_.default_top_k : ask.top_k());
  attributes["top_k"] = std::to_string(search.top_k());
  ASSIGN_OR_RETURN(const internal::v1::SearchResponse hits, Search(request, scope, search));

  v1::AskRequest resolved = ask;
  resolved.set_model(model.id());
  const std::string& user_id = request.principal().user_id;
  TenantGenerator generator(*deps_.inference, scope, user_id, deps_.tenants->NamespaceOf(user_id));
  ASSIGN_OR_RETURN(v1::AskResult result, deps_.answerer->Answer(resolved, hits, generator));
  RETURN_IF_ERROR(scope.Check());
  result.set_model(model.id());
  return result;
}

}  // namespace hadal::gateway
