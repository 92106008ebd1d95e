#include "services/gateway/work/embed.h"

#include <utility>

#include "auth/actions.h"
#include "services/gateway/filters/digest.h"

namespace hadal::gateway {

StatusOr<v1::EmbedResponse> EmbedFor(RequestContext& request, CallScope& scope,
                                     const InferenceClient& inference, v1::EmbedRequest embed,
                                     v1::Model& model) {
  RETURN_IF_ERROR(request.Authorize(auth::actions::kModelEmbed, embed.model()));
  ASSIGN_OR_RETURN(model, inference.FindModel(scope, embed.model(), "embedding"));
  embed.set_model(model.id());
  store::v1::AuditRecord& record = request.record();
  record.set_model(model.id());
  record.set_model_sha256(model.sha256());
  ASSIGN_OR_RETURN(v1::EmbedResponse response, inference.Embed(scope, embed));
  record.set_prompt_tokens(response.tokens());
  record.set_answer_sha256(DigestOf(response));
  return response;
}

}  // namespace hadal::gateway
