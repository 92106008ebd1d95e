#include "auth/crypto/key_ring.h"

#include "auth/crypto/digest.h"
#include "base/hex.h"

namespace hadal::auth {
namespace {

constexpr char kLayout = 1;
constexpr size_t kMasterIdBytes = 8;
constexpr size_t kHeaderBytes = 2 + kMasterIdBytes;

std::string Header(const DataKey& key, const MasterKey& master) {
  std::string header;
  header.push_back(kLayout);
  header.push_back(static_cast<char>(key.algorithm));
  return header.append(*HexDecode(master.id()));
}

std::string Associated(std::string_view header, std::string_view context) {
  return std::string(header).append(context);
}

// As MasterKey::id() has it; empty when there is none.
std::string MasterIdOf(std::string_view wrapped) {
  return wrapped.size() < kHeaderBytes ? "" : HexEncode(wrapped.substr(2, kMasterIdBytes));
}

}  // namespace

StatusOr<DataKey> NewDataKey(AeadAlgorithm algorithm) {
  ASSIGN_OR_RETURN(Secret key, RandomSecret(AeadKeyBytes(algorithm)));
  return DataKey{algorithm, std::move(key)};
}

StatusOr<std::string> KeyRing::Wrap(const DataKey& key, std::string_view context) const {
  if (master_keys_.empty()) return FailedPrecondition("there is no master key to wrap a key with");
  const MasterKey& master = *master_keys_.front();
  std::string wrapped = Header(key, master);
  ASSIGN_OR_RETURN(const std::string body,
                   master.Wrap(key.algorithm, Associated(wrapped, context), key.key));
  return wrapped.append(body);
}

StatusOr<DataKey> KeyRing::Unwrap(std::string_view wrapped, std::string_view context) const {
  if (wrapped.size() < kHeaderBytes || wrapped[0] != kLayout) {
    return DataLoss("a wrapped key of {} bytes and layout {}: expected at least {} and layout {}",
                    wrapped.size(), wrapped.empty() ? -1 : static_cast<int>(wrapped[0]),
                    kHeaderBytes, static_cast<int>(kLayout));
  }
  const StatusOr<AeadAlgorithm> algorithm = AeadFromNumber(static_cast<uint8_t>(wrapped[1]));
  if (!algorithm.ok()) return DataLoss("a wrapped key: {}", StatusMessage(algorithm.status()));
  const std::string associated = Associated(wrapped.substr(0, kHeaderBytes), context);
  for (const std::shared_ptr<const MasterKey>& master : master_keys_) {
    if (master->id() != MasterIdOf(wrapped)) continue;
    StatusOr<Secret> key = master->Unwrap(*algorithm, associated, wrapped.substr(kHeaderBytes));
    if (!key.ok()) {
      return Annotate(key.status(), fmt::format("a key wrapped by master key {} ({}) does not open",
                                                master->id(), master->source()));
    }
    if (key->size() != AeadKeyBytes(*algorithm)) {
      return DataLoss("a wrapped key of {} has {} bytes, expected {}", AeadName(*algorithm),
                      key->size(), AeadKeyBytes(*algorithm));
    }
    return DataKey{*algorithm, *std::move(key)};
  }
  return FailedPrecondition(
      "a key was wrapped by master key {}, and that one is not there ({}): bring it back from its "
      "safe copy, or name it among the former master keys",
      MasterIdOf(wrapped), Describe());
}

bool KeyRing::WrappedByFirst(std::string_view wrapped) const {
  return !master_keys_.empty() && MasterIdOf(wrapped) == master_keys_.front()->id();
}

std::string KeyRing::Describe() const {
  std::string text;
  for (const std::shared_ptr<const MasterKey>& master : master_keys_) {
    text += fmt::format("{}{} from {}", text.empty() ? "found: " : ", ", master->id(),
                        master->source());
  }
  return text.empty() ? "none was found" : text;
}

}  // namespace hadal::auth
