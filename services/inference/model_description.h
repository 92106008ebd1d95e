#pragma once

#include "hadal/v1/models.pb.h"
#include "services/inference/served_models.h"
#include "services/model_store/manifest.h"

namespace hadal::inference_service {

/// What is known of a loaded model, but for the digest of one that was not imported.
v1::Model DescribeServed(const ServedModel& served);

/// Puts into `model` what the engine of `served` is doing, if it has one.
void AddActivity(const ServedModel& served, v1::Model& model);

/// Puts into `model` what a manifest says.
void AddManifest(const model_store::Manifest& manifest, v1::Model& model);

}  // namespace hadal::inference_service
