// The reference vectors of both embedding models, from text and from ids, in both precisions.
#include <cmath>
#include <cstring>

#include "inference/embedder.h"
#include "inference/kernels/thread_pool.h"
#include "inference/weights/safetensors.h"
#include "tests/inference/tokenizer/golden_files.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;
using testing::Exists;
using testing::SharedGolden;

struct Golden {
  std::vector<json> rows;
  std::vector<float> values;
  size_t dim = 0;
  const float* row(size_t i) const { return values.data() + i * dim; }
};

StatusOr<Golden> ReadGolden(const std::string& name) {
  Golden golden;
  golden.rows = testing::ReadRows(SharedGolden("embeddings/" + name + ".jsonl"));
  ASSIGN_OR_RETURN(const auto file,
                   SafetensorsFile::Open(SharedGolden("embeddings/" + name + ".safetensors")));
  const SafetensorsEntry* tensor = file->Find("embeddings");
  if (tensor == nullptr || tensor->shape.size() != 2) return InvalidArgument("no embeddings");
  golden.dim = static_cast<size_t>(tensor->shape[1]);
  golden.values.resize(tensor->data.size() / 4);
  std::memcpy(golden.values.data(), tensor->data.data(), tensor->data.size());
  return golden;
}

double Cosine(const float* a, const float* b, size_t dim) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < dim; ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

EmbedKind KindOf(const json& row) {
  const std::string kind = row.value("kind", "");
  if (kind.starts_with("query")) return EmbedKind::kQuery;
  return kind.starts_with("passage") ? EmbedKind::kPassage : EmbedKind::kRaw;
}

// Every row alone from its text, all rows together from their ids.
void Check(const std::string& model, const std::string& golden_name, bool float32,
           double min_cosine, double max_difference) {
  if (!Exists(ModelPath(model))) GTEST_SKIP() << ModelPath(model) << " is absent";
  if (!Exists(SharedGolden("embeddings"))) GTEST_SKIP() << "no reference vectors";
  ASSERT_OK_AND_ASSIGN(const Golden golden, ReadGolden(golden_name));
  EmbedderOptions options;
  options.float32 = float32;
  ASSERT_OK_AND_ASSIGN(const auto embedder,
                       Embedder::Load(ModelPath(model), std::make_shared<ThreadPool>(2), options));
  ASSERT_EQ(static_cast<size_t>(embedder->dim()), golden.dim);
  std::vector<std::vector<int32_t>> ids;
  for (const json& row : golden.rows) ids.push_back(row.at("ids").get<std::vector<int32_t>>());
  ASSERT_OK_AND_ASSIGN(const Embeddings all, embedder->EmbedTokens(ids));
  double worst = 1;
  double largest = 0;
  for (size_t i = 0; i < golden.rows.size(); ++i) {
    const float* found = all.values.data() + i * golden.dim;
    worst = std::min(worst, Cosine(found, golden.row(i), golden.dim));
    for (size_t d = 0; d < golden.dim; ++d) {
      largest = std::max(largest, static_cast<double>(std::fabs(found[d] - golden.row(i)[d])));
    }
    const std::string text = golden.rows[i].at("text");
    ASSERT_OK_AND_ASSIGN(const Embeddings one, embedder->Embed({text}, KindOf(golden.rows[i])));
    EXPECT_EQ(one.tokens, static_cast<int32_t>(ids[i].size())) << text;
    EXPECT_EQ(0, std::memcmp(one.values.data(), found, golden.dim * 4))
        << "row " << i << " depends on its batch";
  }
  std::printf("%s %s: worst cosine %.7f, largest difference %.2e\n", model.c_str(),
              float32 ? "float32" : "default", worst, largest);
  EXPECT_GE(worst, min_cosine);
  EXPECT_LE(largest, max_difference);
}

TEST(EmbedderGolden, E5Float32) {
  Check("multilingual-e5-small-q4_0.gguf", "e5_small", true, 0.99999, 1e-4);
}
TEST(EmbedderGolden, E5Default) {
  Check("multilingual-e5-small-q4_0.gguf", "e5_small", false, 0.9995, 0.02);
}
TEST(EmbedderGolden, MiniLmFloat32) { Check("all-minilm-l6-v2", "minilm", true, 0.99999, 1e-4); }
TEST(EmbedderGolden, MiniLmDefault) { Check("all-minilm-l6-v2", "minilm", false, 0.99999, 1e-4); }

TEST(EmbedderGolden, PairsRankTheirPassageFirst) {
  const std::string model = "multilingual-e5-small-q4_0.gguf";
  if (!Exists(ModelPath(model))) GTEST_SKIP() << ModelPath(model) << " is absent";
  if (!Exists(SharedGolden("embeddings"))) GTEST_SKIP() << "no reference vectors";
  ASSERT_OK_AND_ASSIGN(const Golden golden, ReadGolden("e5_small"));
  ASSERT_OK_AND_ASSIGN(const auto embedder,
                       Embedder::Load(ModelPath(model), std::make_shared<ThreadPool>(2)));
  std::vector<std::string> queries, passages;
  std::vector<int> query_pair, passage_pair;
  for (const json& row : golden.rows) {
    if (!row.contains("pair") || row.at("pair").is_null()) continue;
    const bool query = KindOf(row) == EmbedKind::kQuery;
    (query ? queries : passages).push_back(row.at("text"));
    (query ? query_pair : passage_pair).push_back(row.at("pair").get<int>());
  }
  ASSERT_FALSE(queries.empty());
  ASSERT_OK_AND_ASSIGN(const Embeddings q, embedder->Embed(queries, EmbedKind::kQuery));
  ASSERT_OK_AND_ASSIGN(const Embeddings p, embedder->Embed(passages, EmbedKind::kPassage));
  for (size_t i = 0; i < queries.size(); ++i) {
    size_t best = 0;
    double best_score = -2;
    for (size_t j = 0; j < passages.size(); ++j) {
      const double score =
          Cosine(q.values.data() + i * golden.dim, p.values.data() + j * golden.dim, golden.dim);
      if (score > best_score) {
        best_score = score;
        best = j;
      }
    }
    EXPECT_EQ(passage_pair[best], query_pair[i]) << queries[i];
  }
}

}  // namespace
}  // namespace hadal::inference
