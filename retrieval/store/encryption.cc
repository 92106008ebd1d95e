// The data keys of knowledge bases: taken over at opening, wrapped again after a change of the
// master key, and destroyed before anything else of a base that is deleted.

#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {

using store::v1::KnowledgeBaseRecord;

Status KnowledgeStoreImpl::CreateDataKey(KnowledgeBaseRecord& base) {
  if (options_.cipher == nullptr) return OkStatus();
  ASSIGN_OR_RETURN(*base.mutable_data_key(), options_.cipher->CreateKey(base.number()));
  return OkStatus();
}

StatusOr<bool> KnowledgeStoreImpl::LoadDataKey(KnowledgeBaseRecord& base) {
  if (options_.cipher == nullptr) {
    if (base.data_key().empty()) return false;
    return FailedPrecondition(
        "knowledge base '{}' is encrypted, and this program was given no keys", base.id());
  }
  ASSIGN_OR_RETURN(const uint64_t sealed, ReadCounter(SealedValuesKey(base.number())));
  StatusOr<std::string> wrapped = options_.cipher->LoadKey(base.number(), base.data_key(), sealed);
  if (!wrapped.ok()) {
    return Annotate(wrapped.status(), fmt::format("knowledge base '{}'", base.id()));
  }
  if (*wrapped == base.data_key()) return false;
  base.set_data_key(*std::move(wrapped));
  Database::Batch batch;
  batch.Put(Table::kMeta, BaseKey(base.id()), base.SerializeAsString());
  RETURN_IF_ERROR(database_->Commit(batch));
  return true;
}

// What is left of the base cannot be read by anybody after this, whatever happens to the rest.
Status KnowledgeStoreImpl::DestroyDataKey(KnowledgeBaseRecord& base) {
  KnowledgeBaseRecord erasing = base;
  erasing.clear_data_key();
  erasing.set_erasing(true);
  Database::Batch batch;
  batch.UseReserve();
  batch.Put(Table::kMeta, BaseKey(base.id()), erasing.SerializeAsString());
  RETURN_IF_ERROR(database_->Commit(batch));
  base = std::move(erasing);
  options_.cipher->DropKey(base.number());
  return OkStatus();
}

}  // namespace hadal::retrieval
