#include "services/gateway/http/routes/models_route.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "auth/actions.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "services/gateway/filters/digest.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;

json ModelJson(const std::string& id, const v1::Model& model, int64_t created_unix_s) {
  return {{"id", id},
          {"object", "model"},
          {"created", created_unix_s},
          {"owned_by", "hadal"},
          {"hadal", {{"kind", model.kind()}, {"sha256", model.sha256()}}}};
}

// The knowledge bases the caller can ask; none where he may not.
StatusOr<std::vector<v1::KnowledgeBase>> AskableBases(RequestContext& request, CallScope& scope,
                                                      const RetrievalClient& retrieval) {
  std::vector<v1::KnowledgeBase> askable;
  if (!request.Permitted(auth::actions::kKnowledgeList, "")) return askable;
  ASSIGN_OR_RETURN(v1::ListKnowledgeBasesResponse bases, retrieval.ListKnowledgeBases(scope));
  for (v1::KnowledgeBase& base : *bases.mutable_knowledge_bases()) {
    if (request.Permitted(auth::actions::kAssistantAsk, base.id()))
      askable.push_back(std::move(base));
  }
  return askable;
}

Status CloseAndSend(const json& body, RequestContext& request, ResponseWriter& writer) {
  std::string text = body.dump();
  request.record().set_answer_sha256(Sha256Hex(text));
  RETURN_IF_ERROR(request.Finish(OkStatus()));
  writer.Send(JsonResponse(request, std::move(text)));
  return OkStatus();
}

}  // namespace

StatusOr<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const StatusOr<std::string> byte = HexDecode(text.substr(i + 1, 2));
    if (!byte.ok() || byte->size() != 1) return InvalidArgument("a broken %-escape in the path");
    out += *byte;
    i += 2;
  }
  if (!IsValidUtf8(out)) return InvalidArgument("the path is not UTF-8");
  return out;
}

Status ListModelsRoute::Serve(const HttpRequest&, RequestContext& request, ResponseWriter& writer) {
  RETURN_IF_ERROR(request.Authorize(auth::actions::kModelList, ""));
  ASSIGN_OR_RETURN(const v1::ListModelsResponse models, inference_->ListModels(writer.scope()));
  // The models stay listed while the retriever is away.
  const auto bases = AskableBases(request, writer.scope(), *retrieval_);
  json data = json::array();
  for (const v1::Model& model : models.models()) data.push_back(ModelJson(model.id(), model, 0));
  for (const v1::Model& model : models.models()) {
    if (model.kind() != "chat" || !bases.ok()) continue;
    for (const v1::KnowledgeBase& base : *bases) {
      data.push_back(ModelJson(model.id() + "@" + base.id(), model, base.created_unix_ms() / 1000));
    }
  }
  return CloseAndSend({{"object", "list"}, {"data", std::move(data)}}, request, writer);
}

Status GetModelRoute::Serve(const HttpRequest& http, RequestContext& request,
                            ResponseWriter& writer) {
  ASSIGN_OR_RETURN(const std::string id,
                   PercentDecode(std::string_view(http.path).substr(path().size())));
  RETURN_IF_ERROR(request.Authorize(auth::actions::kModelList, id));
  const size_t at = id.rfind('@');
  ASSIGN_OR_RETURN(const v1::Model model,
                   inference_->FindModel(writer.scope(), id.substr(0, at),
                                         at == std::string::npos ? "" : "chat"));
  if (at == std::string::npos) return CloseAndSend(ModelJson(id, model, 0), request, writer);
  ASSIGN_OR_RETURN(const auto bases, AskableBases(request, writer.scope(), *retrieval_));
  for (const v1::KnowledgeBase& base : bases) {
    if (base.id() != id.substr(at + 1)) continue;
    return CloseAndSend(ModelJson(id, model, base.created_unix_ms() / 1000), request, writer);
  }
  return WithDetail(NotFound("there is no knowledge base '{}' here", id.substr(at + 1)),
                    {.param = "model", .code = "model_not_found"});
}

}  // namespace hadal::gateway
