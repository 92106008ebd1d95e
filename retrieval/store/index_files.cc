// The files of the bases' indexes: where they are, when they are written anew, and that they go
// with what they were made from.

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/time/time.h"
#include "base/file.h"
#include "base/log.h"
#include "retrieval/store/base_key_cipher.h"
#include "retrieval/store/checksum.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

namespace fs = std::filesystem;

using store::v1::KnowledgeBaseRecord;
using store::v1::ReceiptRecord;

constexpr size_t kMaxModelBytes = 255;

}  // namespace

std::string KnowledgeStoreImpl::IndexFolder(uint32_t base) const {
  if (options_.index_folder.empty()) return "";
  return fmt::format("{}/{}", options_.index_folder, base);
}

StatusOr<BaseIndexOptions> KnowledgeStoreImpl::IndexOptions(const KnowledgeBaseRecord& base) const {
  BaseIndexOptions options;
  options.dim = base.embedding_dim();
  options.folder = IndexFolder(base.number());
  if (options.folder.empty()) return options;
  RETURN_IF_ERROR(MakeDirectories(options_.index_folder, 0700));
  const std::string model = fmt::format("{} {}", base.embedding_model(), options_.chunker);
  // A name that is too long for the files is told from others by its checksum.
  options.embedding_model =
      model.size() <= kMaxModelBytes
          ? model
          : fmt::format("{:08x} {}", Crc32c(model), model.substr(0, kMaxModelBytes - 9));
  options.seal_chunks = options_.index_seal_chunks;
  ASSIGN_OR_RETURN(options.end_chunk, ReadCounter(NextChunkKey(base.number())));
  if (!base.data_key().empty()) {
    options.cipher = std::make_shared<BaseKeyCipher>(options_.cipher, base.number());
  }
  return options;
}

std::vector<Base> KnowledgeStoreImpl::Bases() const {
  absl::ReaderMutexLock lock(&mu_);
  std::vector<Base> bases;
  for (const auto& [id, base] : bases_) {
    if (!base.record.erasing()) bases.push_back(base);
  }
  return bases;
}

void KnowledgeStoreImpl::RemoveIndexFolder(uint32_t base) const {
  const std::string folder = IndexFolder(base);
  if (folder.empty()) return;
  std::error_code error;
  fs::remove_all(folder, error);
  // A file may be under way into it: whoever writes it removes it, see RemoveIndexIfGone().
  if (error) LogWarning("{} is left for now: {}", folder, error.message());
}

Status KnowledgeStoreImpl::RemoveStrayIndexes() const {
  if (options_.index_folder.empty()) return OkStatus();
  RETURN_IF_ERROR(MakeDirectories(options_.index_folder, 0700));
  std::set<std::string> used;
  for (const Base& base : Bases()) used.insert(std::to_string(base.record.number()));
  std::error_code error;
  std::vector<fs::path> stray;
  for (fs::directory_iterator it(options_.index_folder, error), end; !error && it != end;
       it.increment(error)) {
    if (!used.contains(it->path().filename().string())) stray.push_back(it->path());
  }
  for (size_t i = 0; !error && i < stray.size(); ++i) fs::remove_all(stray[i], error);
  if (!error) return OkStatus();
  return Unavailable("removing old indexes in {}: {}", options_.index_folder, error.message());
}

// A file that was under way when its base was deleted came into its folder again.
bool KnowledgeStoreImpl::RemoveIndexIfGone(const Base& base) const {
  const StatusOr<uint32_t> number = NumberOfBase(base.record.id());
  if (number.ok() && *number == base.record.number()) return false;
  RemoveIndexFolder(base.record.number());
  return true;
}

void KnowledgeStoreImpl::MaintainIndexes() {
  while (pending_.Pause(options_.index_pause)) {
    for (const Base& base : Bases()) {
      const Status status = base.index->Maintain();
      if (RemoveIndexIfGone(base) || status.ok()) continue;
      LogWarning("the index files of '{}' wait to be written: {}", base.record.id(),
                 StatusMessage(status));
    }
  }
}

Status KnowledgeStoreImpl::PurgeIndexes() {
  for (const Base& base : Bases()) {
    const Status purged = base.index->Purge();
    if (!RemoveIndexIfGone(base)) RETURN_IF_ERROR(purged);
  }
  return OkStatus();
}

std::vector<std::string> KnowledgeStoreImpl::FindIndexRemains(const ReceiptRecord& receipt) const {
  std::vector<std::string> remains;
  const std::string folder = IndexFolder(receipt.base_number());
  if (folder.empty()) return remains;
  std::error_code error;
  if (receipt.document_id().empty()) {
    if (fs::exists(folder, error) || error) remains.push_back(folder + ": an index");
    return remains;
  }
  for (const Base& base : Bases()) {
    if (base.record.number() != receipt.base_number()) continue;
    for (const ReceiptRecord::Range& range : receipt.chunks()) {
      if (!base.index->InFiles({range.first(), range.count()})) continue;
      remains.push_back(fmt::format("{}: vectors and terms of chunks {} to {}", folder,
                                    range.first(), range.first() + range.count() - 1));
    }
  }
  return remains;
}

}  // namespace hadal::retrieval
