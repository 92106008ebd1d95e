#include "services/inference/model_description.h"

namespace hadal::inference_service {

v1::Model DescribeServed(const ServedModel& served) {
  v1::Model model;
  model.set_id(served.entry.id);
  model.set_kind(NameOf(served.entry.kind));
  model.set_architecture(served.info.architecture);
  const size_t slash = served.entry.path.find_last_of('/');
  model.set_file(served.entry.path.substr(slash == std::string::npos ? 0 : slash + 1));
  model.set_sha256(served.sha256);
  model.set_size_bytes(served.info.size_bytes);
  model.set_parameters(served.info.parameters);
  model.set_context_length(served.info.context_length);
  model.set_vocabulary(served.info.vocabulary);
  if (served.embedder != nullptr) {
    model.set_embedding_dim(served.embedder->dim());
    model.set_context_length(served.embedder->max_tokens());
  }
  model.mutable_details()->insert(served.info.details.begin(), served.info.details.end());
  model.set_state("serving");
  return model;
}

void AddActivity(const ServedModel& served, v1::Model& model) {
  if (served.chat == nullptr) return;
  const inference::EngineStats stats = served.chat->engine->Stats();
  v1::ModelActivity& activity = *model.mutable_activity();
  activity.set_running(stats.running);
  activity.set_waiting(stats.waiting);
  activity.set_free_blocks(stats.free_blocks);
  activity.set_total_blocks(stats.total_blocks);
  activity.set_prompt_tokens(stats.prompt_tokens);
  activity.set_cached_tokens(stats.cached_tokens);
  activity.set_generated_tokens(stats.generated_tokens);
  activity.set_preemptions(stats.preemptions);
  activity.set_drafted_tokens(stats.drafted_tokens);
  activity.set_accepted_tokens(stats.accepted_tokens);
}

void AddManifest(const model_store::Manifest& manifest, v1::Model& model) {
  model.set_id(manifest.id);
  model.set_kind(manifest.embedding ? "embedding" : "chat");
  model.set_architecture(manifest.architecture);
  model.set_sha256(manifest.Sha256());
  model.set_size_bytes(manifest.total_bytes());
  if (model.file().empty()) {
    model.set_file(manifest.files.size() == 1 ? manifest.files.front().name : manifest.id);
  }
  for (const model_store::ManifestFile& from : manifest.files) {
    v1::ModelFile& file = *model.add_files();
    file.set_name(from.name);
    file.set_size_bytes(from.size_bytes);
    file.set_sha256(from.sha256);
  }
  model.set_tokenizer_sha256(manifest.tokenizer_sha256);
  model.set_chat_template_sha256(manifest.chat_template_sha256);
  model.set_imported_unix_ms(manifest.imported_unix_ms);
  model.set_imported_by(manifest.imported_by);
}

}  // namespace hadal::inference_service
