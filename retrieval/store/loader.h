#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/store/v1/document.pb.h"
#include "retrieval/index/base_index.h"
#include "retrieval/rank/tokens.h"
#include "retrieval/store/database.h"
#include "retrieval/store/pending_vectors.h"
#include "retrieval/store/version_rules.h"

namespace hadal::retrieval {

/// The derived state of one knowledge base, rebuilt from the database.
struct LoadedBase {
  std::unique_ptr<BaseIndex> index;
  int64_t documents = 0;
  int64_t chunks = 0;  ///< of all versions
  std::vector<PendingDocument> pending;

  /// A document with dates to come, or one whose newest version is not what stands in the index.
  struct Dated {
    std::string document_id;
    std::optional<ChunkRange> indexed;  ///< as in Timetable::Set
    std::vector<store::v1::DocumentRecord> versions;
  };
  std::vector<Dated> dated;
};

/// Which of a document's versions, newest first, stands in the index.
using PickVersion = std::function<std::optional<size_t>(Versions versions)>;

/// Reads every document, chunk and vector of `base`, checking all of them, and gives the index that
/// `index` opens what its files lack. DATA_LOSS naming what is
/// damaged or missing: an index with holes would answer "not in the documents" about what is there.
StatusOr<LoadedBase> LoadBase(const DatabaseReader& database, const Tokenizer& tokenizer,
                              const store::v1::KnowledgeBaseRecord& base,
                              const BaseIndexOptions& index, const PickVersion& pick);

}  // namespace hadal::retrieval
