#include "services/model_store/checkpoint_facts.h"

#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "inference/chat_model.h"
#include "inference/embedder.h"
#include "inference/model_info.h"
#include "inference/model_plan.h"

namespace hadal::model_store {

std::string TokenizerDigest(const inference::Tokenizer& tokenizer) {
  auth::Sha256Hasher hasher;
  for (int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const bool special = tokenizer.IsSpecial(id);
    const std::string text =
        special ? tokenizer.Decode({id}, /*skip_special=*/false) : tokenizer.TokenBytes(id);
    hasher.Update(fmt::format("{}{}:", special ? 'S' : 'T', text.size()));
    hasher.Update(text);
  }
  for (const int32_t id : tokenizer.end_tokens()) hasher.Update(fmt::format("E{}", id));
  return HexEncode(hasher.Finish());
}

StatusOr<CheckpointFacts> ReadCheckpointFacts(const std::string& path) {
  ASSIGN_OR_RETURN(const inference::ModelInfo info, inference::DescribeModel(path));
  CheckpointFacts facts{.embedding = info.embedding, .architecture = info.architecture};
  if (info.embedding) {
    // Small enough to be loaded for good.
    RETURN_IF_ERROR(inference::Embedder::Load(path, inference::MakeThreadPool(1)).status());
  } else {
    RETURN_IF_ERROR(inference::CheckChatModel(path));
  }
  ASSIGN_OR_RETURN(const auto tokenizer, inference::LoadTokenizer(path));
  facts.tokenizer_sha256 = TokenizerDigest(*tokenizer);
  if (!info.chat_template.empty()) {
    facts.chat_template_sha256 = HexEncode(auth::Sha256(info.chat_template));
  }
  return facts;
}

}  // namespace hadal::model_store
