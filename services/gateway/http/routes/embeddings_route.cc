#include "services/gateway/http/routes/embeddings_route.h"

#include "services/gateway/http/json_body.h"
#include "services/gateway/work/embed.h"

namespace hadal::gateway {

Status EmbeddingsRoute::Serve(const HttpRequest& http, RequestContext& request,
                              ResponseWriter& writer) {
  RETURN_IF_ERROR(CheckJsonContentType(http.content_type));
  ASSIGN_OR_RETURN(const EmbeddingsRequest parsed, ParseEmbeddingsRequest(http.body, limits_));
  v1::Model model;
  ASSIGN_OR_RETURN(const v1::EmbedResponse response,
                   EmbedFor(request, writer.scope(), *inference_, parsed.embed, model));
  if (parsed.dimensions != 0 && parsed.dimensions != model.embedding_dim()) {
    return WithDetail(InvalidArgument("dimensions: {} has {}, and cannot be shortened", model.id(),
                                      model.embedding_dim()),
                      {.param = "dimensions", .code = "invalid_value"});
  }
  RETURN_IF_ERROR(request.Finish(OkStatus()));
  writer.Send(JsonResponse(request, EmbeddingsBody(response, model.id(), parsed.base64)));
  return OkStatus();
}

}  // namespace hadal::gateway
