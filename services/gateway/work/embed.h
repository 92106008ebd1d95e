#pragma once

#include "base/status.h"
#include "hadal/v1/models.pb.h"
#include "services/gateway/backend/inference_client.h"
#include "services/gateway/filters/admission.h"

namespace hadal::gateway {

/// Authorises and embeds; fills the record. `request` is left for the caller to close. `model` out:
/// what answered.
StatusOr<v1::EmbedResponse> EmbedFor(RequestContext& request, CallScope& scope,
                                     const InferenceClient& inference, v1::EmbedRequest embed,
                                     v1::Model& model);

}  // namespace hadal::gateway
