#include <utility>

#include "retrieval/store/export_stream.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {

// The base's record first; then what belongs to it, key by key, under no number.
Status KnowledgeStoreImpl::Export(const std::string& base_id, const WritePart& write) const {
  ASSIGN_OR_RETURN(const uint32_t number, NumberOfBase(base_id));
  const std::unique_ptr<const DatabaseReader> snapshot = database_->Snapshot();
  ExportWriter writer(write);
  ASSIGN_OR_RETURN(const std::string stored, snapshot->Get(Table::kMeta, BaseKey(base_id)));
  ASSIGN_OR_RETURN(auto record,
                   DecodeRecord<store::v1::KnowledgeBaseRecord>(stored, "a knowledge base record"));
  // What follows is plain, and the key of this store's files is nobody else's.
  record.clear_data_key();
  RETURN_IF_ERROR(writer.Add(BasePrefix()[0], "", record.SerializeAsString()));
  for (const ExportedKind& kind : kExportedKinds) {
    const std::string prefix = kind.prefix(number);
    RETURN_IF_ERROR(
        snapshot->Scan(kind.table, prefix, prefix,
                       [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
                         RETURN_IF_ERROR(writer.Add(key[0], key.substr(prefix.size()), value));
                         return true;
                       }));
  }
  return writer.Finish();
}

}  // namespace hadal::retrieval
