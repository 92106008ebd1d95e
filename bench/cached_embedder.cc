#include "bench/cached_embedder.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "auth/crypto/digest.h"
#include "base/file.h"
#include "inference/kernels/thread_pool.h"

namespace hadal {
namespace {

constexpr size_t kBatch = 16;
constexpr size_t kDigestBytes = auth::kSha256Bytes;

}  // namespace

StatusOr<std::shared_ptr<CachedEmbedder>> CachedEmbedder::Create(const std::string& model_path,
                                                                 const std::string& cache_path,
                                                                 int32_t threads) {
  ASSIGN_OR_RETURN(
      std::unique_ptr<inference::Embedder> model,
      inference::Embedder::Load(model_path, std::make_shared<inference::ThreadPool>(threads)));
  std::shared_ptr<CachedEmbedder> embedder(new CachedEmbedder(std::move(model), cache_path));
  if (!cache_path.empty()) {
    ASSIGN_OR_RETURN(const std::string weights, ReadFile(model_path));
    RETURN_IF_ERROR(embedder->OpenCache(auth::Sha256(weights)));
  }
  return embedder;
}

// The file: the model's digest, then records of a text's digest and its vector (float32, this
// machine's byte order). An unfinished record at the end is cut off.
Status CachedEmbedder::OpenCache(const std::string& model_digest) {
  if (!std::filesystem::exists(cache_path_)) {
    return WriteFileAtomic(cache_path_, model_digest);
  }
  ASSIGN_OR_RETURN(const std::string content, ReadFile(cache_path_, size_t{4} << 30));
  if (!content.starts_with(model_digest)) {
    return InvalidArgument("{} holds the vectors of another model: give another file", cache_path_);
  }
  const size_t vector_bytes = static_cast<size_t>(dim()) * sizeof(float);
  size_t at = kDigestBytes;
  for (; at + kDigestBytes + vector_bytes <= content.size(); at += kDigestBytes + vector_bytes) {
    std::vector<float>& vector = vectors_[content.substr(at, kDigestBytes)];
    vector.resize(static_cast<size_t>(dim()));
    std::memcpy(vector.data(), content.data() + at + kDigestBytes, vector_bytes);
  }
  std::error_code error;
  std::filesystem::resize_file(cache_path_, at, error);
  return error ? Internal("{}: {}", cache_path_, error.message()) : OkStatus();
}

StatusOr<std::vector<float>> CachedEmbedder::EmbedPassages(const std::vector<std::string>& texts,
                                                           retrieval::EmbedPriority) {
  return Embed(texts, inference::EmbedKind::kPassage);
}

StatusOr<std::vector<float>> CachedEmbedder::EmbedQuery(const std::string& query) {
  return Embed({query}, inference::EmbedKind::kQuery);
}

StatusOr<std::vector<float>> CachedEmbedder::Embed(const std::vector<std::string>& texts,
                                                   inference::EmbedKind kind) {
  const std::string prefix = kind == inference::EmbedKind::kQuery ? "query\n" : "passage\n";
  std::vector<std::string> keys;
  std::vector<std::string> wanted;
  std::vector<std::string> wanted_keys;
  for (const std::string& text : texts) {
    keys.push_back(auth::Sha256(prefix + text));
    if (vectors_.contains(keys.back())) continue;
    wanted.push_back(text);
    wanted_keys.push_back(keys.back());
  }
  std::ofstream cache;
  if (!cache_path_.empty() && !wanted.empty()) cache.open(cache_path_, std::ios::app);
  const size_t dimension = static_cast<size_t>(dim());
  for (size_t begin = 0; begin < wanted.size(); begin += kBatch) {
    const auto at = [&](size_t i) {
      return wanted.begin() + static_cast<std::ptrdiff_t>(std::min(i, wanted.size()));
    };
    ASSIGN_OR_RETURN(const inference::Embeddings part,
                     model_->Embed({at(begin), at(begin + kBatch)}, kind));
    for (size_t i = 0; i * dimension < part.values.size(); ++i) {
      const float* row = part.values.data() + i * dimension;
      vectors_[wanted_keys[begin + i]].assign(row, row + dimension);
      cache.write(wanted_keys[begin + i].data(), kDigestBytes);
      cache.write(reinterpret_cast<const char*>(row),
                  static_cast<std::streamsize>(dimension * sizeof(float)));
    }
  }
  std::vector<float> vectors;
  for (const std::string& key : keys) {
    const std::vector<float>& vector = vectors_.at(key);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  return vectors;
}

StatusOr<std::vector<int32_t>> CachedEmbedder::CountTokens(const std::vector<std::string>& texts) {
  std::vector<int32_t> counts;
  for (const std::string& text : texts) counts.push_back(model_->CountTokens(text));
  return counts;
}

}  // namespace hadal
