#include "services/gateway/work/ask.h"

#include <cmath>

#include "auth/actions.h"
#include "base/hex.h"
#include "services/answer/follow_up.h"
#include "services/answer/queries.h"
#include "services/gateway/filters/digest.h"
#include "services/gateway/work/search.h"
#include "services/gateway/work/tenant_generator.h"

namespace hadal::gateway {
namespace {

/// Searches of one question: each costs an embedding. A follow-up is searched for as asked too.
constexpr int32_t kMaxQueries = 4;
/// Only the last turns are read; a request with more is a mistake.
constexpr int kMaxHistory = 1024;

Status CheckAsk(const v1::AskRequest& ask, int32_t max_answer_tokens) {
  if (ask.question().empty() || ask.question().size() > kMaxQueryBytes) {
    return InvalidArgument("the question must have 1 to {} bytes, this one has {}", kMaxQueryBytes,
                           ask.question().size());
  }
  if (ask.history_size() > kMaxHistory) {
    return InvalidArgument("history has {} turns, expected at most {}", ask.history_size(),
                           kMaxHistory);
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

void AddUsage(const v1::Usage& more, v1::Usage& usage) {
  usage.set_prompt_tokens(usage.prompt_tokens() + more.prompt_tokens());
  usage.set_cached_tokens(usage.cached_tokens() + more.cached_tokens());
  usage.set_completion_tokens(usage.completion_tokens() + more.completion_tokens());
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
                                                           const v1::AskRequest& ask,
                                                           const std::string& as_asked) const {
  std::vector<std::string> queries = answer::SearchQueries(ask.question(), kMaxQueries);
  if (as_asked != ask.question()) queries.push_back(as_asked);
  v1::SearchRequest search;
  search.set_knowledge_base(ask.knowledge_base());
  search.set_top_k(ask.top_k());
  std::vector<internal::v1::SearchResponse> found;
  for (const std::string& query : queries) {
    search.set_query(query);
    ASSIGN_OR_RETURN(found.emplace_back(), SearchFor(request, scope, *deps_.retrieval, search));
  }
  request.record().mutable_attributes()->insert({"searches", std::to_string(found.size())});
  internal::v1::SearchResponse hits = answer::MergeHits(found, search.top_k());
  RETURN_IF_ERROR(AddNeighbours(request, scope, *deps_.retrieval, search.knowledge_base(), hits));
  return hits;
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

  v1::AskRequest resolved = ask;
  resolved.set_model(model.id());
  resolved.set_top_k(ask.top_k() == 0 ? deps_.default_top_k : ask.top_k());
  attributes["top_k"] = std::to_string(resolved.top_k());
  const std::string& user_id = request.principal().user_id;
  TenantGenerator generator(*deps_.inference, scope, user_id, deps_.tenants->NamespaceOf(user_id));
  ASSIGN_OR_RETURN(const answer::StandAloneQuestion whole, answer::StandAlone(resolved, generator));
  resolved.set_question(whole.question);
  ASSIGN_OR_RETURN(const internal::v1::SearchResponse hits,
                   Search(request, scope, resolved, ask.question()));
  ASSIGN_OR_RETURN(v1::AskResult result, deps_.answerer->Answer(resolved, hits, generator));
  RETURN_IF_ERROR(scope.Check());
  result.set_model(model.id());
  if (*whole.how != '\0') {
    attributes["follow_up"] = whole.how;
    attributes["standalone_question_sha256"] = Sha256Hex(whole.question);
    result.set_standalone_question(whole.question);
  }
  AddUsage(whole.usage, *result.mutable_usage());
  return result;
}

}  // namespace hadal::gateway
