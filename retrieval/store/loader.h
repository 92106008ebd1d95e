#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "hadal/store/v1/document.pb.h"
#include "retrieval/index/base_index.h"
#include "retrieval/rank/tokens.h"
#include "retrieval/store/database.h"
#include "retrieval/store/pending_vectors.h"

namespace hadal::retrieval {

/// The derived state of one knowledge base, rebuilt from the database.
struct LoadedBase {
  std::unique_ptr<BaseIndex> index;
  int64_t documents = 0;
  int64_t chunks = 0;
  std::vector<PendingDocument> pending;
};

/// Reads every document, chunk and vector of `base`, checking all of them. DATA_LOSS naming what is
/// damaged or missing: an index with holes would answer "not in the documents" about what is there.
StatusOr<LoadedBase> LoadBase(const Database& database, const Tokenizer& tokenizer,
                              const store::v1::KnowledgeBaseRecord& base);

}  // namespace hadal::retrieval
