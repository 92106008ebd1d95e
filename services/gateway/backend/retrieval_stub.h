#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <utility>

#include "auth/principal.h"
#include "hadal/internal/v1/retrieval.grpc.pb.h"
#include "services/gateway/backend/retrieval_client.h"

/// What the files of RetrievalClient share. Included by backend/*.cc only.
namespace hadal::gateway {

struct RetrievalClient::Stub {
  explicit Stub(std::shared_ptr<grpc::Channel> channel)
      : retrieval(internal::v1::Retrieval::NewStub(std::move(channel))) {}
  const std::unique_ptr<internal::v1::Retrieval::Stub> retrieval;
};

/// Keeps what `principal` may read; `label_of` names an item's label.
template <typename Item, typename LabelOf>
int KeepReadable(const auth::Principal& principal, const LabelOf& label_of,
                 google::protobuf::RepeatedPtrField<Item>& items) {
  int kept = 0;
  for (int i = 0; i < items.size(); ++i) {
    if (!auth::MayRead(principal, label_of(items[i]))) continue;
    if (kept != i) items.SwapElements(kept, i);
    ++kept;
  }
  const int dropped = items.size() - kept;
  items.DeleteSubrange(kept, dropped);
  return dropped;
}

/// The same for documents; an upload whose own label is above the reader's rights goes too, and
/// counts.
inline int KeepReadableDocuments(const auth::Principal& principal,
                                 google::protobuf::RepeatedPtrField<v1::Document>& documents) {
  int dropped = KeepReadable(
      principal, [](const v1::Document& document) { return document.label(); }, documents);
  for (v1::Document& document : documents) {
    if (!document.has_upload() || auth::MayRead(principal, document.upload().label())) continue;
    document.clear_upload();
    ++dropped;
  }
  return dropped;
}

}  // namespace hadal::gateway
